//! Stopping, and telling how well it is.

use tokio::io::AsyncWriteExt;

use crate::{
    http::{Answer, Request},
    program::{Tested, Workplace},
    samples::{at, request},
};

#[tokio::test]
async fn a_request_under_way_is_answered_when_somebody_says_stop() -> Tested {
    let place = Workplace::new()?;
    let mut server = place.start().await?;
    let begun = server
        .asks("POST", "/api/decide")
        .header("x-idempotency-key", "k1")
        .json(&request(10)?);
    let (mut stream, body) = begun.begin().await?;
    server.signal("-TERM").await?;
    server.says("stopping").await?;
    let (first, rest) = body.split_at(body.len() / 2);
    stream.write_all(first).await?;
    stream.write_all(rest).await?;
    let record = Answer::read(&mut stream).await?.json(200)?;
    assert_eq!(at(&record, "/verdict"), "yes");
    let host = server.host.clone();
    assert_eq!(server.ended().await?, Some(0));
    assert!(Request::new(&host, "GET", "/healthz").send().await.is_err());
    // What was answered is durable.
    let server = place.start().await?;
    assert_eq!(server.decide("k1", &request(10)?).await?.json(200)?, record);
    server.stop().await
}

#[tokio::test]
async fn an_interrupt_stops_it_too() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    server.signal("-INT").await?;
    assert_eq!(server.ended().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn health_tells_of_store_and_worker_without_a_key() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    let health = || Request::new(&server.host, "GET", "/healthz").send();
    let well = health().await?.json(200)?;
    assert_eq!(at(&well, "/store"), "ok");
    assert_eq!(at(&well, "/worker"), "running");
    server.stop().await
}

#[tokio::test]
async fn without_its_store_nothing_is_answered_with_a_success() -> Tested {
    let place = Workplace::new()?;
    let server = place.start().await?;
    std::fs::remove_dir_all(place.path().join("tracemem-server"))?;
    let refused = server.decide("k1", &request(10)?).await?;
    assert_eq!(refused.code(503)?, "DECIDE_API_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        Request::new(&server.host, "GET", "/healthz")
            .send()
            .await?
            .status,
        503
    );
    Ok(())
}
