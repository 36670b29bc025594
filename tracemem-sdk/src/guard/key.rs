//! The idempotency key that a target is given.

use data_encoding::BASE32_NOPAD;

use crate::{
    evidence::digest::Digest,
    id::{DecisionId, TenantId},
};

/// The first 26 characters of base32 (RFC 4648, without padding) of SHA-256 over `exec/v1`, tenant, decision and action hash, a line each.
///
/// It names the logical effect, not the attempt, the worker or the time: every start of one decision has the same.
pub(super) fn idempotency_key(tenant: &TenantId, decision: &DecisionId, action: &Digest) -> String {
    let named = format!("exec/v1\n{tenant}\n{decision}\n{action}");
    let mut key = BASE32_NOPAD.encode(Digest::of(named.as_bytes()).as_bytes());
    key.truncate(26);
    key
}
