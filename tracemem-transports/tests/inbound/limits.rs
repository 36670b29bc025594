//! How much, and how fast.

use std::{net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use tracemem_transports::inbound::Source;

use crate::{Tested, stage::Stage};

/// Threat 34: a body beyond the limit of its place is refused.
#[tokio::test]
async fn a_body_beyond_the_limit_of_its_place_is_refused() -> Tested {
    let stage = Stage::new().await?;
    for (path, limit) in [
        ("/tm/approve", 16 * 1024),
        ("/tm/slack/acme/slack", 1024 * 1024),
        ("/tm/slack/app", 1024 * 1024),
        ("/tm/hooks/acme/hook", 64 * 1024),
    ] {
        assert_eq!(stage.inbound.body_limit(path), limit);
        let large = Request::post(path).body(Bytes::from(vec![b'x'; limit + 1]))?;
        let refused = stage.send(large).await;
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let largest = Request::post(path).body(Bytes::from(vec![b'x'; limit]))?;
        let answered = stage.send(largest).await;
        assert_ne!(answered.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    assert_eq!(stage.inbound.body_limit("/elsewhere"), 0);
    Ok(())
}

#[tokio::test]
async fn a_flood_is_told_to_wait_before_anything_is_verified_and_others_are_not_kept_out() -> Tested
{
    let stage = Stage::new().await?.paced(5)?;
    let send = async |path: &str| {
        let request = Request::post(path).body(Bytes::new())?;
        Ok::<_, http::Error>(stage.send(request).await)
    };
    for _ in 0..5 {
        assert_ne!(
            send("/tm/hooks/acme/hook").await?.status(),
            StatusCode::TOO_MANY_REQUESTS
        );
    }
    let refused = send("/tm/hooks/acme/hook").await?;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    // Of another tenant's only a bucket in thousands is the same.
    let others = ["a", "b", "c"].map(|name| format!("/tm/hooks/rival/{name}"));
    let mut through = 0;
    for path in &others {
        through += usize::from(send(path).await?.status() != StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(through >= 2, "others are kept out");
    stage.clock.advance(Duration::from_secs(1));
    assert_ne!(
        send("/tm/hooks/acme/hook").await?.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    Ok(())
}

#[tokio::test]
async fn one_source_is_limited_wherever_it_sends_to() -> Tested {
    let stage = Stage::new().await?.paced(5)?;
    let source = Source(Ipv4Addr::new(203, 0, 113, 7).into());
    let mut told = 0;
    for number in 0..10 {
        let path = format!("/tm/hooks/acme/hook{number}");
        let request = Request::post(path).extension(source).body(Bytes::new())?;
        told += usize::from(stage.send(request).await.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(told >= 5, "only {told} of ten were told to wait");
    Ok(())
}
