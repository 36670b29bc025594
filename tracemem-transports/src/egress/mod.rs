//! Calls to addresses that others chose: tenants name URLs, and none of them may lead into the host's own network.
//!
//! The [`Judge`] says which URLs and which addresses may be called; [`Egress`] makes a call: it resolves the name once, refuses it if any of
//! its addresses is forbidden, connects to what was judged and to nothing else, follows no redirect, takes no proxy from the environment,
//! decompresses nothing, keeps no cookie, and is done within one limit of time. It is public for transports of a host's own.
//!
//! What is said of a failure is a class and no more: whoever chose the URL must not read an inner host's answer from our errors, nor tell an
//! open port from a closed one. What the call is for, and whether it is made again, is left to the caller.

mod address;
mod client;
mod judge;
mod reply;
mod resolver;

pub use self::{
    client::{Egress, EgressError, EgressErrorKind, InvalidRoot},
    judge::{Judge, RefusedUrl, Target},
    reply::{BODY_LIMIT, BodyEnd, Reply},
    resolver::{Resolver, SystemResolver},
};
