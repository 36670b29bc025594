//! Standard Webhooks 1.0.0 in both directions: approvals are posted to an endpoint of the tenant's, and the endpoint posts answers back.
//!
//! [`Webhook`] is the integration, [`WebhookKind`] opens it from a stored configuration. Outbound messages are thin, signed with the newest
//! secret and the one before it, and the same bytes with every attempt. An inbound answer is signed with *another* secret, so that nobody can
//! hand our own messages back to us; it is verified over the raw bytes, strictly and in constant time, before anything is parsed.
//!
//! Which addresses may be called is [`egress`](crate::egress)'s, when a delivery is tried again the worker's, and which integration a request
//! is meant for that of whoever mounts [`Webhook::handle`]; where there is none, [`refuse_unknown`] answers.

mod decision;
mod inbound;
mod integration;
mod kind;
mod outcome;
mod payload;
mod rest;
mod secret;
mod settings;
mod signature;

pub use self::{
    inbound::{BODY_LIMIT, refuse_unknown, unauthorized},
    integration::Webhook,
    kind::WebhookKind,
    secret::{InvalidWebhookSecret, WebhookSecret},
};
