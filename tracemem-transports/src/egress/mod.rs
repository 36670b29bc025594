//! Calls to addresses that others chose: tenants name URLs, and none of them may lead into the host's own network.
//!
//! The [`Judge`] says which URLs and which addresses may be called; `Egress` (feature `webhook`) makes a call: it resolves the name once, refuses it if any of
//! its addresses is forbidden, connects to what was judged and to nothing else, follows no redirect, takes no proxy from the environment,
//! decompresses nothing, keeps no cookie, and is done within one limit of time. It is public for transports of a host's own.
//!
//! What is said of a failure is a class and no more: whoever chose the URL must not read an inner host's answer from our errors, nor tell an
//! open port from a closed one. What the call is for, and whether it is made again, is left to the caller.

mod address;
#[cfg(feature = "webhook")]
mod client;
mod judge;
#[cfg(feature = "webhook")]
mod reply;
mod resolver;

#[cfg(feature = "email")]
pub(crate) use self::judge::TargetHost;
#[cfg(feature = "webhook")]
pub use self::{
    client::{Egress, EgressError, EgressErrorKind, InvalidRoot},
    reply::{BODY_LIMIT, BodyEnd, Reply},
};
pub use self::{
    judge::{Judge, RefusedUrl, Target},
    resolver::{Resolver, SystemResolver},
};
