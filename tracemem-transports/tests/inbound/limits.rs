//! How much, and how fast.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

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

/// How often one is told to wait who sends so many requests at once, from there if it is known from where.
async fn told_to_wait(
    stage: &Stage,
    path: &str,
    from: Option<&str>,
    times: usize,
) -> Tested<usize> {
    let mut told = 0;
    for _ in 0..times {
        let mut request = Request::get(path).body(Bytes::new())?;
        if let Some(from) = from {
            let source = Source(from.parse::<IpAddr>()?);
            request.extensions_mut().insert(source);
        }
        told += usize::from(stage.send(request).await.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    Ok(told)
}

#[tokio::test]
async fn what_all_tenants_share_is_shut_to_the_source_of_a_flood_and_to_nobody_else() -> Tested {
    for path in ["/tm/approve?t=v1.a.b.c", "/tm/slack/app"] {
        let stage = Stage::new().await?.paced(5)?;
        let flood = told_to_wait(&stage, path, Some("203.0.113.7"), 10).await?;
        assert_eq!(flood, 5, "{path}");
        let mut kept_out = 0;
        for other in 8..11 {
            let other = format!("203.0.113.{other}");
            kept_out += told_to_wait(&stage, path, Some(&other), 5).await?;
        }
        assert!(kept_out <= 5, "{path} is shut to others");
    }
    Ok(())
}

#[tokio::test]
async fn where_no_source_is_known_a_flood_of_one_link_shuts_no_other_and_no_form() -> Tested {
    let stage = Stage::new().await?.paced(5)?;
    let flood = told_to_wait(&stage, "/tm/approve?t=v1.a.b.c", None, 10).await?;
    assert_eq!(flood, 5);
    let disguised = "/tm/approve?utm_source=x&t=v1%2Ea.b.c";
    assert_eq!(told_to_wait(&stage, disguised, None, 1).await?, 1);
    let mut kept_out = 0;
    for other in ["d", "e", "f"] {
        let path = format!("/tm/approve?t=v1.a.b.{other}");
        kept_out += told_to_wait(&stage, &path, None, 5).await?;
    }
    assert!(kept_out <= 5, "other links are shut");
    for path in ["/tm/approve", "/tm/slack/app"] {
        assert_eq!(told_to_wait(&stage, path, None, 10).await?, 0, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn all_addresses_that_one_subscriber_has_are_one_source() -> Tested {
    for (one, same, others) in [
        (
            "2001:db8:1:1::1",
            "2001:db8:1:1:ffff:ffff:ffff:ffff",
            ["2001:db8:1:2::1", "2001:db8:1::1", "2001:db8:2:1::1"],
        ),
        (
            "::ffff:203.0.113.7",
            "203.0.113.7",
            ["::ffff:203.0.113.8", "::1", "203.0.113.9"],
        ),
    ] {
        let stage = Stage::new().await?.paced(5)?;
        let path = "/tm/approve?t=v1.a.b.c";
        assert_eq!(told_to_wait(&stage, path, Some(one), 5).await?, 0);
        assert_eq!(told_to_wait(&stage, path, Some(same), 1).await?, 1);
        let mut kept_out = 0;
        for other in others {
            kept_out += told_to_wait(&stage, path, Some(other), 1).await?;
        }
        assert!(kept_out <= 1, "{one} shuts others out");
    }
    Ok(())
}
