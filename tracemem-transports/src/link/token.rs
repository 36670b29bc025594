//! The token in a link: who may answer what until when, in the clear, and the proof that we said so.
//!
//! [Signed](super::signed) claims in the domain `tm/approval-link/v1`, fewer than 600 characters, so that no mail program wraps it.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use tracemem_sdk::{
    approval::ApprovalMessage,
    id::{ApprovalId, ApproverId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    VerifiedLink,
    keys::{KeyUse, LinkKeys},
    signed,
};

/// A token has fewer characters than this.
const LENGTH_LIMIT: usize = 600;

/// What a link is for. Exhaustive on purpose: a token of another purpose is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Answer,
}

/// What stands in a token. The tenant comes first, as [`signed`] asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    #[serde(rename = "t")]
    tenant: TenantId,
    #[serde(rename = "i")]
    integration: IntegrationId,
    #[serde(rename = "a")]
    approval: ApprovalId,
    #[serde(rename = "d")]
    delivery: DeliveryId,
    #[serde(rename = "u")]
    approver: ApproverId,
    #[serde(rename = "p")]
    purpose: Purpose,
    /// Microseconds since 1970, as is `expires_at`.
    #[serde(rename = "iat")]
    issued_at: u64,
    #[serde(rename = "exp")]
    expires_at: u64,
    /// 128 random bits: no two links are the same.
    #[serde(rename = "n")]
    nonce: String,
}

/// A link could not be minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The ids that stand in the link are too long for it.
    #[error(
        "the link would be too long for mail programs; the ids of tenant, integration and approver may have 200 bytes together"
    )]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for a nonce")]
    NoEntropy(#[source] getrandom::Error),
    /// The claims could not be written or signed. It does not happen.
    #[error("the link could not be signed")]
    Unsignable,
}

/// A new token for this approver.
pub(super) fn mint(
    keys: &LinkKeys,
    integration: &IntegrationId,
    message: &ApprovalMessage,
    approver: &ApproverId,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<Zeroizing<String>, MintError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(MintError::NoEntropy)?;
    let claims = Claims {
        tenant: message.tenant.clone(),
        integration: integration.clone(),
        approval: message.approval.clone(),
        delivery: message.delivery.clone(),
        approver: approver.clone(),
        purpose: Purpose::Answer,
        issued_at: issued_at.as_micros(),
        expires_at: expires_at.as_micros(),
        nonce: BASE64URL_NOPAD.encode(&nonce),
    };
    let token = signed::sign(keys, KeyUse::Link, &claims).ok_or(MintError::Unsignable)?;
    if token.len() >= LENGTH_LIMIT {
        return Err(MintError::TooLong);
    }
    Ok(token)
}

/// What the token says, if it is one of ours; whether it has expired is left to the caller.
pub(super) fn verify(keys: &LinkKeys, token: &str) -> Option<VerifiedLink> {
    let Claims {
        tenant,
        integration,
        approval,
        delivery,
        approver,
        purpose: Purpose::Answer,
        issued_at,
        expires_at,
        nonce,
    } = signed::open(keys, KeyUse::Link, LENGTH_LIMIT, token)?;
    Some(VerifiedLink {
        tenant,
        integration,
        approval,
        delivery,
        approver,
        issued_at: Timestamp::from_micros(issued_at),
        expires_at: Timestamp::from_micros(expires_at),
        nonce,
    })
}
