//! The value of a button: which approval a click on it answers, in the clear, and the proof that we put it there.
//!
//! [Signed](crate::link::signed) claims in the domain `tm/slack-click/v1`, at most 2,000 characters, which is what Slack lets the value
//! of a button have. Who clicked is not in it: that is what Slack signs.

use serde::{Deserialize, Serialize};
use tracemem_sdk::{
    id::{ApprovalId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};

use crate::link::{LinkKeys, keys::KeyUse, signed};

/// The most characters of a button's value.
const LENGTH_LIMIT: usize = 2_000;

/// What a click on the button answers, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClickClaims {
    /// Whose decision.
    pub(super) tenant: TenantId,
    /// The integration that sent the message.
    pub(super) integration: IntegrationId,
    /// Which approval.
    pub(super) approval: ApprovalId,
    /// The delivery that the message belongs to.
    pub(super) delivery: DeliveryId,
    /// From when on the button does nothing any more.
    pub(super) expires_at: Timestamp,
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
    /// Microseconds since 1970.
    #[serde(rename = "exp")]
    expires_at: u64,
}

/// What a value of a button turned out to be. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Click {
    /// One of ours, and still valid.
    Valid(ClickClaims),
    /// One of ours, whose time is over.
    Expired(ClickClaims),
}

/// The value of a button; the same for the same claims and keys, so that an attempt that is made again sends the same bytes. `None`
/// where the ids are too long for a button.
pub(super) fn mint(keys: &LinkKeys, claims: &ClickClaims) -> Option<String> {
    let ClickClaims {
        tenant,
        integration,
        approval,
        delivery,
        expires_at,
    } = claims.clone();
    let claims = Claims {
        tenant,
        integration,
        approval,
        delivery,
        expires_at: expires_at.as_micros(),
    };
    let token = signed::sign(keys, KeyUse::Click, &claims)?;
    (token.len() <= LENGTH_LIMIT).then(|| token.as_str().to_owned())
}

/// What a value says, if it is one of ours; it is valid before its expiry only.
pub(super) fn verify(keys: &LinkKeys, text: &str, now: Timestamp) -> Option<Click> {
    let Claims {
        tenant,
        integration,
        approval,
        delivery,
        expires_at,
    } = signed::open(keys, KeyUse::Click, LENGTH_LIMIT + 1, text)?;
    let claims = ClickClaims {
        tenant,
        integration,
        approval,
        delivery,
        expires_at: Timestamp::from_micros(expires_at),
    };
    Some(if now < claims.expires_at {
        Click::Valid(claims)
    } else {
        Click::Expired(claims)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested<T = ()> = Result<T, Box<dyn std::error::Error>>;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000)
    }

    fn keys() -> Tested<LinkKeys> {
        let secret: Vec<u8> = (0..32).collect();
        Ok(LinkKeys::new("k1", &secret)?)
    }

    fn claims() -> Tested<ClickClaims> {
        Ok(ClickClaims {
            tenant: "acme".parse()?,
            integration: "slack".parse()?,
            approval: "appr_0198f000000070008000000000000001".parse()?,
            delivery: "dlv_0198f000000070008000000000000002".parse()?,
            expires_at: Timestamp::from_micros(1_795_000_600_000_000),
        })
    }

    #[test]
    fn a_button_says_what_it_answers_until_it_expires() -> Tested {
        let (keys, claims) = (keys()?, claims()?);
        let token = mint(&keys, &claims).ok_or("not minted")?;
        let end = claims.expires_at.as_micros();
        assert_eq!(
            verify(&keys, &token, now()),
            Some(Click::Valid(claims.clone()))
        );
        let before = verify(&keys, &token, Timestamp::from_micros(end - 1));
        assert_eq!(before, Some(Click::Valid(claims.clone())));
        let after = verify(&keys, &token, Timestamp::from_micros(end));
        assert_eq!(after, Some(Click::Expired(claims)));
        Ok(())
    }

    #[test]
    fn a_button_with_any_bit_flipped_says_nothing() -> Tested {
        let keys = keys()?;
        let token = mint(&keys, &claims()?).ok_or("not minted")?;
        for at in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
            let Ok(forged) = String::from_utf8(bytes) else {
                continue;
            };
            assert_eq!(verify(&keys, &forged, now()), None, "{at}");
        }
        Ok(())
    }

    #[test]
    fn what_was_signed_for_another_use_is_no_button() -> Tested {
        let keys = keys()?;
        let ClickClaims {
            tenant,
            integration,
            approval,
            delivery,
            expires_at,
        } = claims()?;
        let claims = Claims {
            tenant,
            integration,
            approval,
            delivery,
            expires_at: expires_at.as_micros(),
        };
        for purpose in [KeyUse::Link, KeyUse::Modal] {
            let token = signed::sign(&keys, purpose, &claims).ok_or("not signed")?;
            assert_eq!(verify(&keys, &token, now()), None, "{purpose:?}");
        }
        Ok(())
    }

    #[test]
    fn the_longest_ids_still_fit_a_button() -> Tested {
        let mut claims = claims()?;
        claims.tenant = "t".repeat(128).parse()?;
        claims.integration = "i".repeat(128).parse()?;
        let token = mint(&keys()?, &claims).ok_or("not minted")?;
        assert!(token.len() <= LENGTH_LIMIT);
        Ok(())
    }

    /// Made by another implementation (Python's `hmac` and `hashlib`) with the secret 00, 01, … 1f.
    #[test]
    fn the_format_of_a_button_stays_what_it_is() -> Tested {
        const FROZEN: &str = "v1.k1.eyJ0IjoiYWNtZSIsImkiOiJzbGFjayIsImEiOiJhcHByXzAxOThmMDAwMDAwMDcwMDA4MDAwMDAwMDAwMDAwMDAxIiwiZCI6ImRsdl8wMTk4ZjAwMDAwMDA3MDAwODAwMDAwMDAwMDAwMDAwMiIsImV4cCI6MTc5NTAwMDYwMDAwMDAwMH0.d1wCg4VN0OE2SwGgOCBL1WPmqUH4ndxlqK0xSjqB_QM";
        let token = mint(&keys()?, &claims()?).ok_or("not minted")?;
        assert_eq!(token, FROZEN);
        Ok(())
    }
}
