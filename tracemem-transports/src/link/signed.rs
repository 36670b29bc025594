//! Signed claims: what we said ourselves, and let travel through other people's hands.
//!
//! `v1.{kid}.{base64url(claims)}.{base64url(HMAC-SHA256(k, domain || kid || claims))}`, of characters `A-Z a-z 0-9 _ . -`. `k` is the
//! tenant's key of [`LinkKeys`] for this use, and every use has a domain of its own; the claims are compact JSON that begins with the
//! tenant. A key id has no brace and the claims begin with one, so that no two pairs have the same bytes.
//!
//! Nothing is parsed before the MAC is proved, but for the tenant that the key is derived from, and that is cut out of fixed bytes. Every
//! failure is the same `None`: whoever tries tokens learns nothing. What the claims mean is left to whoever signs them.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use tracemem_sdk::id::TenantId;
use zeroize::Zeroizing;

use super::keys::{KeyUse, Known, LinkKeys, TenantKey, is_key_id};

const CLAIMS_BEGIN: &[u8] = br#"{"t":""#;

/// The token of these claims, whose first field is the tenant under the name `t`; `None` where they are not of that form.
pub(crate) fn sign(
    keys: &LinkKeys,
    purpose: KeyUse,
    claims: &impl Serialize,
) -> Option<Zeroizing<String>> {
    let kid = keys.current_id();
    let claims = serde_json::to_vec(claims).ok()?;
    let key = keys.signing(purpose, &tenant_of(&claims)?)?;
    let proof = mac(&key, purpose, kid, &claims)?.finalize().into_bytes();
    let proof = BASE64URL_NOPAD.encode(&proof);
    let token = ["v1", kid, &BASE64URL_NOPAD.encode(&claims), &proof].join(".");
    Some(Zeroizing::new(token))
}

/// The claims of a token that has fewer bytes than `limit`, if we signed them for this use.
pub(crate) fn open<T: DeserializeOwned>(
    keys: &LinkKeys,
    purpose: KeyUse,
    limit: usize,
    token: &str,
) -> Option<T> {
    let (kid, claims, proof) = split(token, limit)?;
    let tenant = tenant_of(&claims)?;
    let (key, known) = keys.verifying(kid, purpose, &tenant);
    // `verify_slice` takes the same time wherever the first wrong byte is.
    let proved = mac(&key?, purpose, kid, &claims)?
        .verify_slice(&proof)
        .is_ok();
    if !proved || known == Known::No {
        return None;
    }
    serde_json::from_slice(&claims).ok()
}

/// Key id, claims and proof of what has the form of a token.
fn split(token: &str, limit: usize) -> Option<(&str, Vec<u8>, Vec<u8>)> {
    if token.len() >= limit {
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

fn mac(key: &TenantKey, purpose: KeyUse, kid: &str, claims: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).ok()?;
    mac.update(purpose.domain());
    mac.update(kid.as_bytes());
    mac.update(claims);
    Some(mac)
}
