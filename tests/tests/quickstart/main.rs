//! The quickstart does what the README says, as a program: its options, its files, its page, and every point it can be killed at.
//!
//! Nothing of the example is linked here. It is run as anybody runs it, and judged by its exit code, its output, the ledger and
//! what a browser sees.

mod browser;
mod killed;
mod person;
mod program;
mod written;

use serde_json::json;

use self::program::{Tested, Workplace, at};

#[tokio::test]
async fn a_decision_is_carried_from_proposal_to_closed_record() -> Tested {
    let place = Workplace::new()?;
    let ran = place.run(&["--auto", "--json"]).await?.finished()?;
    let summary = ran.summary()?;
    assert_eq!(at(&summary, "/verdict"), "review");
    assert_eq!(at(&summary, "/status"), "committed");
    assert_eq!(at(&summary, "/execution_status"), "executed");
    assert_eq!(at(&summary, "/approval/outcome"), "approved");
    assert_eq!(at(&summary, "/approval/approver"), "maya@example.com");
    let rationale = at(&summary, "/approval/rationale")
        .as_str()
        .unwrap_or_default();
    assert!(!rationale.is_empty());
    let keys: Vec<&String> = summary
        .as_object()
        .into_iter()
        .flat_map(|o| o.keys())
        .collect();
    let mut expected = [
        "decision_id",
        "request_id",
        "verdict",
        "status",
        "approval",
        "execution_status",
        "record_hash",
        "events",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let [entry] = place
        .ledger()?
        .try_into()
        .map_err(|all| format!("{all:?}"))?;
    assert_eq!(at(&entry, "/subscription"), "sub_1042");
    assert_eq!(*at(&entry, "/discount_percent"), json!(25));
    Ok(())
}

#[tokio::test]
async fn a_finished_decision_is_found_and_nothing_is_run_again() -> Tested {
    let place = Workplace::new()?;
    let first = place.run(&["--auto", "--json"]).await?.finished()?;
    let again = place.run(&["--auto", "--json"]).await?.finished()?;
    assert_eq!(again.summary()?, first.summary()?);
    assert!(again.stderr.contains("nothing is run"), "{}", again.stderr);
    assert_eq!(place.ledger()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn two_processes_at_once_book_once() -> Tested {
    let place = Workplace::new()?;
    let (one, other) = tokio::join!(
        place.run(&["--auto", "--json"]),
        place.run(&["--auto", "--json"])
    );
    let (one, other) = (one?.finished()?, other?.finished()?);
    assert_eq!(
        at(&one.summary()?, "/decision_id"),
        at(&other.summary()?, "/decision_id")
    );
    assert_eq!(at(&one.summary()?, "/status"), "committed");
    assert_eq!(at(&other.summary()?, "/status"), "committed");
    assert_eq!(place.ledger()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_approver_is_who_was_named() -> Tested {
    let place = Workplace::new()?;
    let ran = place
        .run(&["--auto", "--json", "--approver", "ines@example.org"])
        .await?
        .finished()?;
    assert_eq!(
        at(&ran.summary()?, "/approval/approver"),
        "ines@example.org"
    );
    Ok(())
}

#[tokio::test]
async fn people_get_a_table_and_the_handles() -> Tested {
    let place = Workplace::new()?;
    let ran = place.run(&["--auto"]).await?.finished()?;
    for column in ["seq", "time", "event", "actor", "what"] {
        assert!(ran.stdout.contains(column), "{column}: {}", ran.stdout);
    }
    let names = [
        "decision_opened",
        "approval_answered",
        "execution_started",
        "execution_recorded",
        "trace_closed",
    ];
    let lines: Vec<usize> = names
        .iter()
        .filter_map(|name| ran.stdout.lines().position(|line| line.contains(name)))
        .collect();
    assert_eq!(lines.len(), names.len(), "{}", ran.stdout);
    assert!(lines.is_sorted());
    for handle in [
        "decide_decision_id",
        "decide_record_hash",
        "decide_verify_url",
        "action_status",
    ] {
        assert!(ran.stdout.contains(handle), "{handle}");
    }
    Ok(())
}

#[tokio::test]
async fn help_names_every_option() -> Tested {
    let place = Workplace::new()?;
    let ran = place.run(&["--help"]).await?.finished()?;
    for option in [
        "--dir",
        "--approver",
        "--auto",
        "--out",
        "--json",
        "--kill-at",
        "--help",
    ] {
        assert!(ran.stdout.contains(option), "{option}");
    }
    assert!(!place.dir().exists());
    Ok(())
}

#[tokio::test]
async fn a_wrong_command_line_says_what_is_wrong_and_starts_nothing() -> Tested {
    let wrong: [(&[&str], &str); 9] = [
        (&["--frobnicate"], "--frobnicate"),
        (&["--auto", "stray"], "stray"),
        (&["--out"], "--out"),
        (&["--out="], "--out"),
        (&["--auto", "--auto"], "--auto"),
        (&["--json=yes"], "--json"),
        (&["--kill-at", "lunch"], "lunch"),
        (&["--approver", "two words"], "two words"),
        (&["--approver", "billing-worker"], "billing-worker"),
    ];
    for (arguments, named) in wrong {
        let place = Workplace::new()?;
        let ran = place.run(arguments).await?;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(!place.dir().exists(), "{arguments:?}");
    }
    Ok(())
}
