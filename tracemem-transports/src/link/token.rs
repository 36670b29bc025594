//! The token in a link: who may answer what until when, in the clear, and the proof that we said so.
//!
//! `v1.{kid}.{base64url(claims)}.{base64url(HMAC-SHA256(k, "tm/approval-link/v1" || kid || claims))}`, fewer than 600 characters of
//! `A-Z a-z 0-9 _ . -`, so that no mail program wraps it. `k` is the tenant's key of [`LinkKeys`]; the claims are compact JSON that begins
//! with the tenant. A key id has no brace and the claims begin with one, so that no two pairs have the same bytes.
//!
//! Nothing is parsed before the MAC is proved, but for the tenant that the key is derived from, and that is cut out of fixed bytes. Every
//! other failure than expiry is the same `None`: whoever tries tokens learns nothing.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tracemem_sdk::{
    approval::ApprovalMessage,
    id::{ApprovalId, ApproverId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    VerifiedLink,
    keys::{KeyUse, Known, LinkKeys, TenantKey, is_key_id},
};

/// A token has fewer characters than this.
const LENGTH_LIMIT: usize = 600;
const DOMAIN: &[u8] = b"tm/approval-link/v1";
const CLAIMS_BEGIN: &[u8] = br#"{"t":""#;

/// What a link is for. Exhaustive on purpose: a token of another purpose is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Answer,
}

/// What stands in a token. The tenant comes first, see the module's documentation.
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
    let kid = keys.current_id();
    let claims = serde_json::to_vec(&claims).map_err(|_| MintError::Unsignable)?;
    let key = keys
        .signing(KeyUse::Link, &message.tenant)
        .ok_or(MintError::Unsignable)?;
    let mac = mac(&key, kid, &claims).ok_or(MintError::Unsignable)?;
    let proof = BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
    let token = ["v1", kid, &BASE64URL_NOPAD.encode(&claims), &proof].join(".");
    if token.len() >= LENGTH_LIMIT {
        return Err(MintError::TooLong);
    }
    Ok(Zeroizing::new(token))
}

/// What the token says, if it is one of ours; whether it has expired is left to the caller.
pub(super) fn verify(keys: &LinkKeys, token: &str) -> Option<VerifiedLink> {
    let (kid, claims, proof) = split(token)?;
    let tenant = tenant_of(&claims)?;
    let (key, known) = keys.verifying(kid, KeyUse::Link, &tenant);
    // `verify_slice` takes the same time wherever the first wrong byte is.
    let proved = mac(&key?, kid, &claims)?.verify_slice(&proof).is_ok();
    if !proved || known == Known::No {
        return None;
    }
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
    } = serde_json::from_slice(&claims).ok()?;
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

/// Key id, claims and proof of what has the form of a token.
fn split(token: &str) -> Option<(&str, Vec<u8>, Vec<u8>)> {
    if token.len() >= LENGTH_LIMIT {
        return None;
    }
    let mut parts = token.split('.');
    let (version, kid, claims, proof) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "v1" || !is_key_id(kid) || parts.next().is_some() {
        return None;
    }
    // Strict: one byte string has one text, so that no character of a token can be changed without breaking it.
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
    let proof = BASE64URL_NOPAD.decode(proof.as_bytes()).ok()?;
    (proof.len() == 32).then_some((kid, claims, proof))
}

/// The tenant that claims begin with. Its alphabet has neither quotes nor escapes, so that no parser is needed.
fn tenant_of(claims: &[u8]) -> Option<TenantId> {
    let rest = claims.strip_prefix(CLAIMS_BEGIN)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

fn mac(key: &TenantKey, kid: &str, claims: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).ok()?;
    mac.update(DOMAIN);
    mac.update(kid.as_bytes());
    mac.update(claims);
    Some(mac)
}
