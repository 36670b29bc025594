//! The confirm page as an axum 0.8 router.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use http::StatusCode;

use super::{ConfirmPage, form::FORM_LIMIT, notice::Notice};
use crate::body::{Unread, read};

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
    let reply = match read(body, FORM_LIMIT).await {
        Ok(body) => page.handle(Request::from_parts(parts, body)).await,
        Err(unread) => notice(unread).reply(StatusCode::GONE),
    };
    reply.map(Body::from)
}

fn notice(unread: Unread) -> Notice {
    match unread {
        Unread::TooLarge => Notice::TooLarge,
        Unread::TooSlow => Notice::TooSlow,
        Unread::Broken => Notice::NotTheForm,
    }
}
