//! The inbound side as an axum 0.8 router.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::Response,
    routing::any,
};

use super::{Inbound, Source, limits::TooFast, place::Place, reply};
use crate::body::{Unread, read};

impl Inbound {
    /// Everything that comes in below the path of the base URL, to be merged into the host's router, or served as it is.
    ///
    /// Bodies are cut off while they are read, at what their place takes, whatever their `Content-Length` says, and after five seconds.
    /// Where the host serves with connect information, or inserts a [`Source`] of its own, requests are limited by where they come
    /// from too.
    pub fn into_router(self) -> Router {
        let base = self.base.path().to_owned();
        let paths = ["/approve", "/slack/{*rest}", "/hooks/{*rest}"];
        let router = paths.iter().fold(Router::new(), |router, path| {
            router.route(&[base.as_str(), path].concat(), any(serve))
        });
        router.with_state(Arc::new(self))
    }
}

async fn serve(State(inbound): State<Arc<Inbound>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let limit = inbound
        .place(parts.uri.path())
        .map_or(0, |place: Place| place.body_limit());
    if parts.extensions.get::<Source>().is_none()
        && let Some(ConnectInfo(from)) = parts.extensions.get::<ConnectInfo<SocketAddr>>()
    {
        let source = Source(from.ip());
        parts.extensions.insert(source);
    }
    if let Err(TooFast(wait)) = inbound.admit(&parts) {
        return reply::too_fast(wait).map(Body::from);
    }
    let answer = match read(body, limit).await {
        Ok(body) => inbound.answer(Request::from_parts(parts, body)).await,
        Err(Unread::TooLarge) => reply::too_large(),
        Err(Unread::TooSlow | Unread::Broken) => reply::too_slow(),
    };
    answer.map(Body::from)
}
