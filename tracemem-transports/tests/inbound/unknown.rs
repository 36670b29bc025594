//! What there is not and what is not signed well: one answer.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};

use crate::{Tested, stage::Stage};

fn seen(response: &http::Response<Bytes>) -> (StatusCode, &HeaderMap, &Bytes) {
    (response.status(), response.headers(), response.body())
}

#[tokio::test]
async fn an_unknown_integration_is_answered_like_a_wrong_signature() -> Tested {
    let stage = Stage::new().await?;
    for sort in ["slack", "hooks"] {
        let content = match sort {
            "slack" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let send = async |path: &str| {
            let request = Request::post(path)
                .header("content-type", content)
                .header("x-slack-request-timestamp", "1795000000")
                .header("x-slack-signature", format!("v0={}", "0".repeat(64)))
                .header("webhook-id", "msg_1")
                .header("webhook-timestamp", "1795000000")
                .header("webhook-signature", format!("v1,{}=", "A".repeat(43)))
                .body(Bytes::from_static(b"{}"))?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(stage.send(request).await)
        };
        let own = if sort == "slack" { "slack" } else { "hook" };
        let wrong = send(&format!("/tm/{sort}/acme/{own}")).await?;
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
        // Nor is an integration of another kind told from one that there is not.
        let other = if sort == "slack" { "hook" } else { "slack" };
        for path in [
            format!("/tm/{sort}/acme/ghost"),
            format!("/tm/{sort}/ghost/{own}"),
            format!("/tm/{sort}/acme/{other}"),
        ] {
            assert_eq!(seen(&send(&path).await?), seen(&wrong), "{path}");
        }
    }
    let wrong = stage
        .send(stage.click("/tm/slack/no-such-app", "T0ACME", "x")?)
        .await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn nothing_is_at_any_other_path_and_other_methods_do_nothing() -> Tested {
    let stage = Stage::new().await?;
    for path in [
        "/",
        "/tm",
        "/tm/",
        "/tm/slack",
        "/tm/hooks/acme",
        "/slack/acme/slack",
        "/tm/slack/a/b/c",
    ] {
        let request = Request::post(path).body(Bytes::new())?;
        assert_eq!(
            stage.send(request).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        for path in ["/tm/slack/acme/slack", "/tm/hooks/acme/hook"] {
            let request = Request::builder().method(&method).uri(path);
            let answered = stage.send(request.body(Bytes::new())?).await;
            assert_eq!(
                answered.status(),
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
        }
    }
    Ok(())
}
