//! Serving the approval page while something else is done that waits for it.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::Failure;

/// How long a browser that was just answered may take to read it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A port of this machine that only this machine reaches.
pub(crate) async fn listen() -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Does `work`, and serves `router` until it is done. Answers that are being sent then are still sent.
pub(crate) async fn serve_while<T>(
    listener: TcpListener,
    router: Router,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let (done, is_done) = oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        // A sender that is gone means the same.
        let _ = is_done.await;
    });
    let mut server = std::pin::pin!(server.into_future());
    let worked = tokio::select! {
        worked = work => worked,
        served = &mut server => return Err(served.err().map_or_else(|| "the page stopped".into(), Into::into)),
    };
    drop(done);
    // A connection that says nothing must not keep us here.
    if let Ok(served) = timeout(LAST_WORDS, server).await {
        served?;
    }
    worked
}
