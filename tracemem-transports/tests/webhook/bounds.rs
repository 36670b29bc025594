//! Endpoints that talk for ever, slowly, or not at all.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use tracemem_transports::egress::{BODY_LIMIT, BodyEnd, Egress, EgressErrorKind};

use super::{
    Tested,
    calling::{LIMIT, get},
    receiver::Receiver,
    stage::local,
};

/// Threat 28.
#[tokio::test]
async fn a_body_is_read_to_its_limit_whatever_its_length() -> Tested {
    let (ended, blocks) = std::sync::mpsc::channel();
    let endless = Receiver::scripted(move |_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1073741824\r\n\r\n")?;
        let block = [b'x'; 65_536];
        // It ends with an error, when the other side has heard enough.
        let written = (0..16_384).take_while(|_| out.write_all(&block).is_ok());
        ended.send(written.count()).map_err(std::io::Error::other)
    })?;
    let begun = Instant::now();
    let egress = Egress::new(local(&endless)?);
    let reply = get(&egress, &endless.url("/"), LIMIT).await??;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, BODY_LIMIT));
    assert_eq!(reply.end, BodyEnd::Cut);
    assert!(begun.elapsed() < LIMIT / 2);
    // What was written beyond that stands in the buffers of the two sockets: far less than the gibibyte.
    let written = tokio::task::spawn_blocking(move || blocks.recv_timeout(LIMIT)).await??;
    assert!(written < 512, "{written}");
    Ok(())
}

/// Threat 28.
#[tokio::test]
async fn a_slow_body_ends_with_the_limit_of_time() -> Tested {
    let slow = Receiver::scripted(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n")?;
        loop {
            out.write_all(b"x")?;
            out.flush()?;
            std::thread::sleep(Duration::from_millis(100));
        }
    })?;
    let begun = Instant::now();
    let egress = Egress::new(local(&slow)?);
    let reply = get(&egress, &slow.url("/"), Duration::from_secs(1)).await??;
    assert_eq!(reply.end, BodyEnd::Cut);
    assert!(reply.body.len() < 100);
    assert!(begun.elapsed() < Duration::from_secs(5));
    Ok(())
}

/// Threat 28: headers that never end, an answer that never begins.
#[tokio::test]
async fn an_answer_that_does_not_come_ends_with_the_limit_of_time() -> Tested {
    let silent = Receiver::scripted(|_, _| {
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    })?;
    let dripping = Receiver::scripted(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\n")?;
        loop {
            out.write_all(b"x-more: x\r\n")?;
            out.flush()?;
            std::thread::sleep(Duration::from_millis(50));
        }
    })?;
    let flooding = Receiver::scripted(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\n")?;
        (0..1_000_000)
            .try_for_each(|_| out.write_all(b"x-more: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"))
    })?;
    for receiver in [silent, dripping, flooding] {
        let begun = Instant::now();
        let egress = Egress::new(local(&receiver)?);
        let called = get(&egress, &receiver.url("/"), Duration::from_secs(1)).await?;
        assert_eq!(
            called.map_err(|error| error.kind()).map(drop),
            Err(EgressErrorKind::Interrupted)
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    Ok(())
}

/// Threat 28.
#[tokio::test]
async fn a_compressed_body_stays_as_it_is() -> Tested {
    let bomb = Receiver::scripted(|_, out| {
        out.write_all(b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00")
    })?;
    let egress = Egress::new(local(&bomb)?);
    let reply = get(&egress, &bomb.url("/"), LIMIT).await??;
    assert_eq!(reply.body.as_ref(), b"\x1f\x8b\x08\x00");
    assert_eq!(
        reply.headers.get("content-encoding"),
        Some(&HeaderValue::from_static("gzip"))
    );
    Ok(())
}
