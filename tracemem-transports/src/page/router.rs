//! The confirm page as an axum 0.8 router.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;

use super::{ConfirmPage, form::FORM_LIMIT, notice::Notice};

/// How long a body may take to arrive. How long the head may take is left to the host's server.
const READ_LIMIT: Duration = Duration::from_secs(5);

impl ConfirmPage {
    /// The page at its [path](crate::link::BaseUrl::approve_path), to be merged into the host's router, or served as it is.
    ///
    /// Bodies are cut off at 16 KiB while they are read, whatever their `Content-Length` says, and after five seconds.
    pub fn into_router(self) -> Router {
        let path = self.action.clone();
        Router::new()
            .route(&path, any(serve))
            .with_state(Arc::new(self))
    }
}

async fn serve(State(page): State<Arc<ConfirmPage>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let reply = match read(body).await {
        Ok(body) => page.handle(Request::from_parts(parts, body)).await,
        Err(notice) => notice.reply(StatusCode::GONE),
    };
    reply.map(Body::from)
}

async fn read(body: Body) -> Result<Bytes, Notice> {
    tokio::time::timeout(READ_LIMIT, read_all(body))
        .await
        .unwrap_or(Err(Notice::TooSlow))
}

async fn read_all(body: Body) -> Result<Bytes, Notice> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(expected.min(FORM_LIMIT));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        // The connection broke off: nobody reads what is said.
        let chunk = chunk.map_err(|_| Notice::NotTheForm)?;
        if bytes.len() + chunk.len() > FORM_LIMIT {
            return Err(Notice::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn arriving(chunks: usize) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
        stream::iter((0..chunks).map(|_| Ok(Bytes::from_static(&[b'x'; 1024]))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
        let stuck = Body::from_stream(arriving(1).chain(stream::pending()));
        assert!(matches!(read(stuck).await, Err(Notice::TooSlow)));
    }

    #[tokio::test]
    async fn a_body_is_cut_off_at_the_first_byte_too_many() {
        let whole = read(Body::from_stream(arriving(16))).await;
        assert!(matches!(whole, Ok(body) if body.len() == FORM_LIMIT));
        // What comes after the limit is never asked for.
        let endless = Body::from_stream(arriving(17).chain(stream::pending()));
        assert!(matches!(read(endless).await, Err(Notice::TooLarge)));
    }
}
