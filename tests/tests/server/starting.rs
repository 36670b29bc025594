//! Starting: what is wrong is said before anything begins, and what is right may be started again.

use serde_json::{Value, json};

use crate::program::{Tested, Workplace};
use crate::samples::{data, sample, with};

#[tokio::test]
async fn every_sample_configuration_is_well_formed() -> Tested {
    let place = Workplace::new()?;
    for name in ["server.json", "slack.json", "email.json", "webhook.json"] {
        let path = data().join(name);
        let path = path.to_str().ok_or("the path is no text")?;
        let ran = place.run(&["--config", path, "--check"]).await?;
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
    }
    assert!(!place.path().join("tracemem-server").exists());
    Ok(())
}

#[tokio::test]
async fn a_wrong_configuration_names_the_field_and_starts_nothing() -> Tested {
    let wrong: [(&str, Value, &str); 14] = [
        ("/surprise", json!(1), "`surprise`"),
        ("/store", json!("mysql:x"), "`store`"),
        ("/base_url", json!("http://example.com"), "`base_url`"),
        ("/api_keys", json!([]), "`api_keys`"),
        (
            "/api_keys/0",
            json!({"agent_id": "a", "tenant": "t"}),
            "`api_keys[0]`",
        ),
        (
            "/api_keys/0",
            json!({"agent_id": "a", "tenant": "t", "env": "X", "key": "s"}),
            "`key`",
        ),
        (
            "/link_keys",
            json!({"env": "X", "generate": true}),
            "`link_keys`",
        ),
        (
            "/rate_limit",
            json!({"requests_per_minute": 0, "burst": 1}),
            "`rate_limit`",
        ),
        (
            "/integrations/0",
            json!({"integration_id": "int_log_01", "type": "pigeon"}),
            "`integrations[0].type`",
        ),
        (
            "/integrations/0",
            json!({"integration_id": "int_log_01", "type": "log", "configuration": {"x": 1}}),
            "`integrations[0].configuration.x`",
        ),
        (
            "/integrations/0",
            json!({"integration_id": "int_log_01", "type": "log", "credentials": {"t": {"env": "T"}}}),
            "`integrations[0].credentials.t`",
        ),
        (
            "/routes/0/integration_id",
            json!("int_other"),
            "`routes[0].integration_id`",
        ),
        ("/rulebooks/0", json!("nothing.json"), "`rulebooks[0]`"),
        (
            "/attachments/0/policy_id",
            json!("other"),
            "`attachments[0].policy_id`",
        ),
    ];
    for (pointer, value, named) in wrong {
        let mut config = sample()?;
        match config.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => config = with(config, "", pointer.trim_start_matches('/'), value)?,
        }
        let place = Workplace::with(&config)?;
        for arguments in [
            &["--config", "server.json", "--check"][..],
            &["--config", "server.json", "--listen", "127.0.0.1:0"],
        ] {
            let ran = place.run(arguments).await?;
            assert_eq!(ran.code, Some(2), "{pointer}: {ran:?}");
            assert!(ran.stderr.contains(named), "{pointer}: {}", ran.stderr);
            assert_eq!(ran.stdout, "");
        }
        assert!(!place.path().join("tracemem-server").exists(), "{pointer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_variable_that_is_not_there_is_named() -> Tested {
    let keys = json!([{"agent_id": "a", "tenant": "t", "env": "TRACEMEM_TEST_NO_SUCH_VARIABLE"}]);
    let config = with(sample()?, "", "api_keys", keys)?;
    let place = Workplace::with(&config)?;
    let ran = place
        .run(&["--config", "server.json", "--listen", "127.0.0.1:0"])
        .await?;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("`api_keys[0].env`")
            && ran.stderr.contains("TRACEMEM_TEST_NO_SUCH_VARIABLE")
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_command_line_is_refused_and_help_names_every_option() -> Tested {
    let place = Workplace::new()?;
    let wrong: [&[&str]; 5] = [
        &[],
        &["--config"],
        &["--config", "a", "--config", "b"],
        &["--frobnicate"],
        &["--config", "nothing.json"],
    ];
    for arguments in wrong {
        let ran = place.run(arguments).await?;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    let help = place.run(&["--help"]).await?;
    assert_eq!(help.code, Some(0));
    for option in ["--config", "--listen", "--check", "--help"] {
        assert!(help.stdout.contains(option), "{option}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_start_says_why() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let taken = place
        .run(&["--config", "server.json", "--listen", &server.host])
        .await?;
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("--listen"), "{}", taken.stderr);
    server.stop().await
}

#[tokio::test]
async fn a_rulebook_that_was_published_does_not_change_under_its_version() -> Tested {
    let place = Workplace::new()?;
    place.start().await?.stop().await?;
    let path = place.path().join("discount_rulebook.json");
    let rulebook = std::fs::read_to_string(&path)?.replace("\"value\": 40", "\"value\": 90");
    std::fs::write(&path, rulebook)?;
    let ran = place
        .run(&["--config", "server.json", "--listen", "127.0.0.1:0"])
        .await?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("publish it as another version"),
        "{}",
        ran.stderr
    );
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn generated_keys_are_their_owners_alone_and_are_kept() -> Tested {
    use std::os::unix::fs::PermissionsExt;

    let place = Workplace::new()?;
    place.start().await?.stop().await?;
    let keys = ["link-keys", "credential-keys", "index-key"];
    let path = |name: &str| {
        place
            .path()
            .join("tracemem-server")
            .join(format!("decisions.db.{name}"))
    };
    let mut made = Vec::new();
    for name in keys {
        assert_eq!(
            std::fs::metadata(path(name))?.permissions().mode() & 0o777,
            0o600
        );
        made.push(std::fs::read(path(name))?);
    }
    place.start().await?.stop().await?;
    for (name, made) in keys.into_iter().zip(made) {
        assert_eq!(std::fs::read(path(name))?, made, "{name}");
    }
    Ok(())
}
