//! Beginning and ending: listening, the worker beside it, and what is still done once somebody says stop.

use std::{
    future::{Future, pending},
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::{
    Failure,
    api::{self, Api},
    config::Config,
    host::Host,
};

/// How long requests under way may take once somebody said stop. A connection that says nothing must not keep us here.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Serves until a signal says stop. Requests that are under way then are answered, the worker finishes, the store is closed.
pub(crate) async fn run(config: &Config, listen: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("`--listen {listen}`: {error}"))?;
    let address = listener.local_addr()?;
    let mut stopped = std::pin::pin!(stop_signal()?);
    let host = Host::open(config, address).await?;
    let Host {
        tracemem,
        callers,
        reports,
        inbound,
    } = host;

    let (stop_worker, worker_stops) = oneshot::channel::<()>();
    let mut worker = tracemem.spawn_worker(ended(worker_stops));
    let api = Api::new(
        tracemem.clone(),
        callers,
        config.rate_limit,
        reports.clone(),
        worker.abort_handle(),
    );
    let router = api::router(Arc::new(api)).merge(inbound.into_router());
    let (stop_server, server_stops) = oneshot::channel::<()>();
    let server = axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(ended(server_stops));
    let mut server = std::pin::pin!(server.into_future());
    writeln!(
        io::stdout(),
        "{}",
        json!({"listening": format!("http://{address}")})
    )?;

    let served = tokio::select! {
        () = &mut stopped => Ok(()),
        served = &mut server => Err(served.err().map_or_else(|| "the server stopped by itself".into(), Failure::from)),
        worked = &mut worker => {
            // Without it nobody is asked any more, so that going on would promise what does not happen.
            Err(worked.map_err(Failure::from).and_then(|worked| worked.map_err(Failure::from))
                .err().unwrap_or_else(|| "the worker stopped by itself".into()))
        }
    };
    tracing::info!("stopping");
    drop(stop_server);
    if served.is_ok() && timeout(LAST_WORDS, server).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    drop(stop_worker);
    let worked = match worker.is_finished() {
        true => Ok(()),
        false => worker
            .await
            .map_err(Failure::from)
            .and_then(|worked| worked.map_err(Failure::from)),
    };
    let closed = tracemem.close().await;
    reports.close().await?;
    served?;
    worked?;
    Ok(closed?)
}

/// Ready once the sender is gone, or says so, which means the same.
async fn ended(stop: oneshot::Receiver<()>) {
    let _ = stop.await;
}

/// Ready at the first SIGINT or SIGTERM. Both are listened for from now on.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        let said = tokio::select! {
            said = interrupt.recv() => said,
            said = terminate.recv() => said,
        };
        if said.is_none() {
            pending::<()>().await;
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    })
}
