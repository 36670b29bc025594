//! What is looked at before anything is read.

use serde_json::{Value, json};
use tracemem_sdk::decision::status::Status;

use super::{
    Tested,
    stage::{ALICE, APP, NOWHERE, OWN, SIGNING, Stage, encoded, headers, signature},
};

type Headers = Vec<(&'static str, Vec<u8>)>;

/// The headers of a good request, and those with one of them changed.
fn spoilt(at: &str, signature: &str) -> Vec<(&'static str, Headers)> {
    let good: Headers = headers(at, signature);
    let with = |name: &'static str, value: Vec<u8>| {
        let change = |(own, old): &(&'static str, Vec<u8>)| {
            (
                *own,
                if *own == name {
                    value.clone()
                } else {
                    old.clone()
                },
            )
        };
        good.iter().map(change).collect::<Headers>()
    };
    let without = |name: &str| {
        good.iter()
            .filter(|(own, _)| *own != name)
            .cloned()
            .collect()
    };
    let and = |name: &'static str, value: Vec<u8>| {
        let mut more = good.clone();
        more.push((name, value));
        more
    };
    let (time, proof) = ("X-Slack-Request-Timestamp", "X-Slack-Signature");
    let (at, signature) = (at.as_bytes().to_vec(), signature.as_bytes().to_vec());
    let hex = signature.get(3..).unwrap_or_default().to_vec();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("no timestamp", without(time)),
        ("no signature", without(proof)),
        ("two timestamps", and(time, at.clone())),
        (
            "two signatures",
            and("x-slack-signature", signature.clone()),
        ),
        ("another signature first", {
            let mut more = vec![(proof, text("v0=00"))];
            more.extend(good.clone());
            more
        }),
        (
            "merged timestamps",
            with(time, [at.clone(), text(", "), at.clone()].concat()),
        ),
        (
            "merged signatures",
            with(
                proof,
                [signature.clone(), text(","), signature.clone()].concat(),
            ),
        ),
        ("an empty timestamp", with(time, text(""))),
        ("a sign", with(time, [text("+"), at.clone()].concat())),
        (
            "less than nothing",
            with(time, text("-9223372036854775808")),
        ),
        (
            "more than there is",
            with(time, text("18446744073709551616")),
        ),
        ("twelve digits", with(time, text("000000000000"))),
        (
            "leading zeros beyond eleven",
            with(time, [text("00"), at.clone()].concat()),
        ),
        ("a fraction", with(time, [at.clone(), text(".0")].concat())),
        (
            "digits of another script",
            with(time, text("１７９５０００００００")),
        ),
        ("no text", with(time, vec![0xff, 0xfe])),
        ("an empty signature", with(proof, text(""))),
        ("only a version", with(proof, text("v0="))),
        ("no version", with(proof, hex.clone())),
        (
            "another version",
            with(proof, [text("v1="), hex.clone()].concat()),
        ),
        ("upper case", with(proof, signature.to_ascii_uppercase())),
        (
            "a digit less",
            with(proof, signature.get(..66).unwrap_or_default().to_vec()),
        ),
        (
            "a digit more",
            with(proof, [signature.clone(), text("0")].concat()),
        ),
        (
            "no hex",
            with(proof, [text("v0="), vec![b'g'; 64]].concat()),
        ),
        ("zeros", with(proof, [text("v0="), vec![b'0'; 64]].concat())),
        ("bytes", with(proof, [text("v0="), vec![0xff; 64]].concat())),
    ]
}

/// Threat 5.
#[tokio::test]
async fn each_header_is_there_once_and_in_its_form_or_nobody_is_believed() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let at = sent.at.to_string();
    let signature = stage.signature(SIGNING, &at, &sent.body).await?;
    for (name, headers) in spoilt(&at, &signature) {
        for path in [OWN, APP] {
            let reply = stage.raw(path, &headers, sent.body.as_bytes()).await?;
            assert_eq!(reply.status, 401, "{name}");
            assert_eq!(reply.body, r#"{"error":"unauthorized"}"#, "{name}");
            let nobody = stage.raw(NOWHERE, &headers, sent.body.as_bytes()).await?;
            assert_eq!(reply.timeless(), nobody.timeless(), "{name}");
        }
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    assert_eq!(stage.post(&sent).await?.status, 200);
    assert_eq!(stage.answers(&asked).await?, 1);
    Ok(())
}

/// Threat 36.
#[tokio::test]
async fn an_integration_that_is_not_there_is_refused_like_a_wrong_signature() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let mut sent = stage.sent(&stage.click(&asked, ALICE, "tm.approve")?);
    let at = sent.at.to_string();
    let wrong = headers(&at, &stage.signature("another", &at, &sent.body).await?);
    let refused = stage.raw(OWN, &wrong, sent.body.as_bytes()).await?;
    sent.path = NOWHERE;
    let nobody = stage.post(&sent).await?;
    assert_eq!(nobody.status, 401);
    assert_eq!(refused.timeless(), nobody.timeless());
    Ok(())
}

#[tokio::test]
async fn only_a_post_of_a_form_or_of_json_is_looked_at() -> Tested {
    let stage = Stage::new().await?;
    let asked = stage.ask().await?;
    let body = encoded(&stage.click(&asked, ALICE, "tm.approve")?);
    let at = stage.sent(&Value::Null).at.to_string();
    let good = headers(&at, &signature(SIGNING, &at, body.as_bytes())?);
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let line = format!("{method} {OWN}");
        let reply = stage.request(&line, &good, body.as_bytes()).await?;
        assert_eq!(reply.status, 405, "{method}");
        assert!(reply.head.contains("allow: POST"));
    }
    for media in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-16",
        "",
    ] {
        let mut headers = good.clone();
        headers.retain(|(name, _)| *name != "Content-Type");
        headers.push(("Content-Type", media.as_bytes().to_vec()));
        let reply = stage.raw(OWN, &headers, body.as_bytes()).await?;
        assert_eq!(reply.status, 415, "{media}");
    }
    assert_eq!(stage.status(&asked).await?, Status::NeedsApproval);
    Ok(())
}

/// Threat 34.
#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_not_read() -> Tested {
    let stage = Stage::new().await?;
    for (length, status) in [(1024 * 1024, 400), (1024 * 1024 + 1, 413)] {
        let body = vec![b'x'; length];
        let at = stage.sent(&Value::Null).at.to_string();
        let headers = headers(&at, &signature(SIGNING, &at, &body)?);
        assert_eq!(stage.raw(OWN, &headers, &body).await?.status, status);
    }
    Ok(())
}

#[tokio::test]
async fn a_challenge_is_echoed_where_it_is_signed_and_means_nothing_to_a_browser() -> Tested {
    let stage = Stage::new().await?;
    let json = |challenge: &str| {
        json!({"token": "x", "challenge": challenge, "type": "url_verification"}).to_string()
    };
    let longest = "a".repeat(256);
    for (body, status, echoed) in [
        (
            json("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"),
            200,
            "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
        ),
        (json(&longest), 200, longest.as_str()),
        (json(""), 400, r#"{"error":"malformed"}"#),
        (json(&"a".repeat(257)), 400, r#"{"error":"malformed"}"#),
        (json("<script>"), 400, r#"{"error":"malformed"}"#),
        (json("ü"), 400, r#"{"error":"malformed"}"#),
        (
            r#"{"type":"event_callback","challenge":"abc"}"#.to_owned(),
            400,
            r#"{"error":"malformed"}"#,
        ),
        (
            r#"{"type":"url_verification","challenge":"abc","challenge":"abd"}"#.to_owned(),
            400,
            r#"{"error":"malformed"}"#,
        ),
        (
            r#"{"type":"url_verification","challenge":"abc"} "x""#.to_owned(),
            400,
            r#"{"error":"malformed"}"#,
        ),
    ] {
        let at = stage.sent(&Value::Null).at.to_string();
        let mut headers = headers(&at, &stage.signature(SIGNING, &at, &body).await?);
        headers.retain(|(name, _)| *name != "Content-Type");
        headers.push(("Content-Type", b"application/json".to_vec()));
        let reply = stage.raw(OWN, &headers, body.as_bytes()).await?;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (status, echoed),
            "{body}"
        );
        if status == 200 {
            assert!(reply.head.contains("content-type: text/plain"));
        }
        assert!(reply.head.contains("x-content-type-options: nosniff"));
        headers.retain(|(name, _)| *name != "X-Slack-Signature");
        let unsigned = stage.raw(OWN, &headers, body.as_bytes()).await?;
        assert_eq!(unsigned.status, 401);
    }
    Ok(())
}
