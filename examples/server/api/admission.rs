//! Who asks, and how often: looked at before anything of a request is read.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    DefaultDirectRateLimiter, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::{InMemoryState, NotKeyed},
};
use http::{HeaderMap, StatusCode, header};
use tracemem_sdk::{evidence::digest::Digest, tenant::Agent};

use super::{
    Api,
    refusal::{Family, Refusal},
};
use crate::config::RateLimit;

/// An agent, and how much it may ask.
#[derive(Debug)]
pub(super) struct Caller {
    agent: Agent,
    quota: Quota,
}

impl Caller {
    pub(super) fn new(agent: Agent, quota: Quota) -> Self {
        Self { agent, quota }
    }
}

/// How much may be asked under one key, by this process.
#[derive(Debug)]
pub(super) struct Quota {
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
    limit: RateLimit,
}

/// What is left of a quota, for headers.
#[derive(Debug, Clone, Copy)]
struct Left {
    limit: u32,
    remaining: u32,
    /// In how many seconds there is more, or all of it again.
    reset: u64,
}

/// Lets a request through to its handler, with the [`Agent`] it comes from, and says on every answer what is left.
pub(super) async fn admit(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Response {
    let family = Family::of(request.uri().path());
    let Some(caller) = caller(&api, request.headers()) else {
        return family.unauthorized().into_response();
    };
    let (left, refused) = match caller.quota.count(family) {
        Ok(left) => (left, None),
        Err((left, refusal)) => (left, Some(refusal)),
    };
    let mut response = match refused {
        Some(refusal) => refusal.into_response(),
        None => {
            request.extensions_mut().insert(caller.agent.clone());
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", left.limit.into());
    headers.insert("x-ratelimit-remaining", left.remaining.into());
    headers.insert("x-ratelimit-reset", left.reset.into());
    response
}

/// By the digest of the key: how long finding it takes says nothing about how much of a key was right.
fn caller<'a>(api: &'a Api, headers: &HeaderMap) -> Option<&'a Caller> {
    let given = match headers.get("x-api-key") {
        Some(key) => key.as_bytes(),
        None => {
            let (scheme, key) = headers
                .get(header::AUTHORIZATION)?
                .to_str()
                .ok()?
                .split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(key)?
                .as_bytes()
        }
    };
    api.callers.get(&Digest::of(given))
}

impl Quota {
    pub(super) fn of(limit: RateLimit) -> Self {
        let quota = governor::Quota::per_minute(limit.requests_per_minute).allow_burst(limit.burst);
        let limiter: DefaultDirectRateLimiter = RateLimiter::direct(quota);
        Self {
            limiter: limiter.with_middleware::<StateInformationMiddleware>(),
            limit,
        }
    }

    /// Counts one request.
    fn count(&self, family: Family) -> Result<Left, (Left, Refusal)> {
        let limit = self.limit.burst.get();
        match self.limiter.check() {
            Ok(snapshot) => Ok(self.left(&snapshot)),
            Err(until) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                let reset = seconds(wait);
                let message = "this API key has asked too often";
                let refusal = family
                    .refuse(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
                    .after(reset);
                Err((
                    Left {
                        limit,
                        remaining: 0,
                        reset,
                    },
                    refusal,
                ))
            }
        }
    }

    fn left(&self, snapshot: &StateSnapshot) -> Left {
        let limit = self.limit.burst.get();
        let remaining = snapshot.remaining_burst_capacity();
        let used = limit.saturating_sub(remaining);
        let reset = seconds(snapshot.quota().replenish_interval().saturating_mul(used));
        Left {
            limit,
            remaining,
            reset,
        }
    }
}

/// Whole seconds, none too few.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis()
        .div_ceil(1_000)
        .try_into()
        .unwrap_or(u64::MAX)
}
