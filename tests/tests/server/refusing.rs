//! Refusing: who is not known, what is somebody else's, what is too much, and what is no request. None of it reads as a yes.

use serde_json::json;

use crate::{
    http::Request,
    program::{Tested, Workplace},
    samples::{at, request, sample, with},
};

#[tokio::test]
async fn without_a_key_of_ours_nobody_is_answered() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let key = server.keys.first().ok_or("there is no key")?;
    let half = key.split_at(key.len() / 2).0;
    for (name, value) in [
        ("x-api-key", "wrong"),
        ("x-api-key", half),
        ("x-other", "x"),
        ("Authorization", "Basic eA=="),
    ] {
        let asked = Request::new(&server.host, "POST", "/api/decide").header(name, value);
        let refused = asked
            .header("x-idempotency-key", "k1")
            .json(&request(10)?)
            .send()
            .await?;
        assert_eq!(refused.code(401)?, "DECIDE_API_UNAUTHORIZED");
        assert!(refused.header("www-authenticate").is_some());
    }
    for (path, code) in [
        ("execution", "DECIDE_EXECUTION_UNAUTHORIZED"),
        ("outcome", "DECIDE_OUTCOME_UNAUTHORIZED"),
    ] {
        let asked = Request::new(&server.host, "POST", &format!("/api/decision/dec_1/{path}"));
        assert_eq!(asked.json(&json!({})).send().await?.code(401)?, code);
    }
    let asked = Request::new(&server.host, "POST", "/api/decide")
        .header("Authorization", &format!("bearer {key}"));
    let answered = asked
        .header("x-idempotency-key", "k1")
        .json(&request(10)?)
        .send()
        .await?;
    assert_eq!(answered.status, 200);
    server.stop().await
}

#[tokio::test]
async fn what_is_somebody_elses_is_answered_as_what_is_not_there() -> Tested {
    let keys = json!([
        {"agent_id": "billing-worker", "tenant": "acme", "generate": true},
        {"agent_id": "other-worker", "tenant": "acme", "generate": true},
        {"agent_id": "billing-worker", "tenant": "globex", "generate": true},
    ]);
    let config = with(sample()?, "", "api_keys", keys)?;
    let place = Workplace::with(&config)?;
    let server = place.start().await?;
    let record = server.decide("k1", &request(10)?).await?.json(200)?;
    let id = at(&record, "/decision_id").as_str().unwrap_or_default();
    let nobodys = format!("{}0000", &id.split_at(id.len() - 4).0);
    for path in ["", "/trace"] {
        for key in server.keys.iter().skip(1) {
            let mut seen = Vec::new();
            for id in [id, nobodys.as_str(), "dec_", "%FF"] {
                let asked = Request::new(&server.host, "GET", &format!("/api/decision/{id}{path}"));
                let answer = asked.header("x-api-key", key).send().await?;
                assert_eq!(answer.status, 404);
                seen.push(answer.body);
            }
            seen.dedup();
            assert_eq!(seen.len(), 1, "{seen:?}");
        }
    }
    for key in server.keys.iter().skip(1) {
        let asked = Request::new(
            &server.host,
            "POST",
            &format!("/api/decision/{id}/execution"),
        )
        .header("x-api-key", key);
        let asked = asked
            .header("x-idempotency-key", "e1")
            .json(&json!({"execution_status": "executed"}));
        assert_eq!(asked.send().await?.code(404)?, "DECIDE_EXECUTION_NOT_FOUND");
    }
    server.stop().await
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_whatever_it_says_of_itself() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let body = with(request(10)?, "/context", "note", json!("x".repeat(300_000)))?;
    let refused = server.decide("k1", &body).await?;
    assert_eq!(refused.code(413)?, "DECIDE_API_PAYLOAD_TOO_LARGE");
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 300_000, "x".repeat(300_000));
    let asked = server
        .asks("POST", "/api/decide")
        .header("x-idempotency-key", "k1");
    let asked = asked
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    assert_eq!(
        asked.chunked(chunk).send().await?.code(413)?,
        "DECIDE_API_PAYLOAD_TOO_LARGE"
    );
    server.stop().await
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_field_and_rule() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let asks = || {
        server
            .asks("POST", "/api/decide")
            .header("Content-Type", "application/json")
    };
    let wrong = [
        (
            json!({"context": {"workflow": "w"}, "surprise": 1}).to_string(),
            "surprise",
        ),
        (json!({"context": {}}).to_string(), "intent"),
        (
            json!({"question": "q?", "context": {"workflow": 7}}).to_string(),
            "context.workflow",
        ),
        (json!({"intent": "w", "mode": "multi"}).to_string(), "mode"),
        (
            json!({"intent": "w", "policy_id": "nobody"}).to_string(),
            "policy_id",
        ),
        (
            json!({"intent": "w", "attempts": 0}).to_string(),
            "attempts",
        ),
    ];
    for (place, (body, field)) in wrong.into_iter().enumerate() {
        let refused = asks()
            .header("x-idempotency-key", &format!("w{place}"))
            .body(body)
            .send()
            .await?;
        assert_eq!(refused.code(422)?, "DECIDE_API_INVALID_REQUEST");
        assert_eq!(at(&refused.json(422)?, "/error/field"), field);
    }
    let no_json = asks()
        .header("x-idempotency-key", "n1")
        .body("{\"a\":1,\"a\":2}")
        .send()
        .await?;
    assert_eq!(no_json.code(422)?, "DECIDE_API_INVALID_REQUEST");
    let forbidden = with(request(10)?, "", "verdict", json!("yes"))?;
    let refused = server.decide("f1", &forbidden).await?;
    assert_eq!(refused.code(422)?, "RULEBOOK_OUTPUT_MATERIAL_FORBIDDEN");
    assert_eq!(
        at(&refused.json(422)?, "/error/forbidden_fields"),
        &json!(["verdict"])
    );
    server.stop().await
}

#[tokio::test]
async fn a_request_without_one_usable_key_is_refused() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let asks = || server.asks("POST", "/api/decide");
    let long = "k".repeat(301);
    for asked in [
        asks(),
        asks().header("x-idempotency-key", &long),
        asks().header("x-idempotency-key", ""),
        asks()
            .header("x-idempotency-key", "a")
            .header("x-idempotency-key", "b"),
    ] {
        let refused = asked.json(&request(10)?).send().await?.json(422)?;
        assert_eq!(at(&refused, "/error/field"), "x-idempotency-key");
    }
    let longest = "k".repeat(300);
    let answered = asks()
        .header("x-idempotency-key", &longest)
        .json(&request(10)?)
        .send()
        .await?;
    assert_eq!(answered.status, 200);
    server.stop().await
}

#[tokio::test]
async fn another_type_method_or_path_is_refused_in_the_same_form() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let asked = server
        .asks("POST", "/api/decide")
        .header("x-idempotency-key", "k1");
    let asked = asked.header("Content-Type", "text/plain").body("{}");
    assert_eq!(
        asked.send().await?.code(415)?,
        "DECIDE_API_UNSUPPORTED_MEDIA_TYPE"
    );
    assert_eq!(
        server.asks("GET", "/api/nothing").send().await?.code(404)?,
        "DECIDE_API_NOT_FOUND"
    );
    assert_eq!(
        server.asks("DELETE", "/healthz").send().await?.code(405)?,
        "DECIDE_API_METHOD_NOT_ALLOWED"
    );
    server.stop().await
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() -> Tested {
    let limit = json!({"requests_per_minute": 1, "burst": 2});
    let config = with(sample()?, "", "rate_limit", limit)?;
    let place = Workplace::with(&config)?;
    let server = place.start().await?;
    for left in ["1", "0"] {
        let answer = server.decide("k1", &request(10)?).await?;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
    }
    let refused = server.decide("k2", &request(10)?).await?;
    assert_eq!(refused.code(429)?, "DECIDE_API_RATE_LIMITED");
    let wait: u64 = refused
        .header("retry-after")
        .ok_or("it says no time")?
        .parse()?;
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("x-ratelimit-reset"),
        refused.header("retry-after")
    );
    server.stop().await
}
