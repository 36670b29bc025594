//! The secret that personal values are hashed with before a store sees them.
//!
//! A store then finds equal values and cannot tell what they are: not by reading, and, without the secret, not by trying. A term is
//! 16 bytes of HKDF-SHA256 (RFC 5869) with `info = "tm/index/" + tenant + "\n" + kind + "\n" + value`, so that the same value is another
//! term for another tenant and another kind. Where the secret comes from is left to the host.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{id::TenantId, store::Term};

/// The fewest bytes that the secret may have: as many as the hash gives.
const LEAST_BYTES: usize = 32;

/// A secret is no index key. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of an index key has at least 32 bytes, and they are not all the same")]
pub struct InvalidIndexKey(());

/// The secret that personal values are hashed with for the index, wiped from memory when the last clone is dropped.
///
/// Every process that works on one store needs the same. It cannot be replaced: what was opened under another key, or without one, is
/// not found by personal values any more, though by everything else.
#[derive(Clone)]
pub struct IndexKey {
    secret: Zeroizing<Vec<u8>>,
}

impl IndexKey {
    /// A secret of at least 32 random bytes.
    ///
    /// # Errors
    /// [`InvalidIndexKey`].
    pub fn new(secret: &[u8]) -> Result<Self, InvalidIndexKey> {
        let all_the_same = secret.windows(2).all(|pair| pair.first() == pair.last());
        if secret.len() < LEAST_BYTES || all_the_same {
            return Err(InvalidIndexKey(()));
        }
        Ok(Self {
            secret: Zeroizing::new(secret.to_vec()),
        })
    }

    /// The terms of these values, as pairs of a kind and a value, for one tenant.
    pub(super) fn terms<'a>(
        &self,
        tenant: &TenantId,
        values: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Vec<Term> {
        let key = Hkdf::<Sha256>::new(None, &self.secret);
        let term = |(kind, value): (&'static str, &str)| {
            let mut hash = [0; 16];
            // Neither a tenant nor a kind has a line feed, so that no two triples have the same text.
            let info = ["tm/index/", tenant.as_str(), "\n", kind, "\n", value].map(str::as_bytes);
            // It never fails: HKDF-SHA256 gives up to 8,160 bytes.
            key.expand_multi_info(&info, &mut hash).ok()?;
            Some(Term {
                kind: kind.to_owned(),
                value: BASE64URL_NOPAD.encode(&hash),
            })
        };
        values.into_iter().filter_map(term).collect()
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() -> Tested {
        let secret: Vec<u8> = (0..32).collect();
        assert!(IndexKey::new(&secret).is_ok());
        let short = secret.iter().copied().take(31).collect();
        for weak in [Vec::new(), short, vec![7; 32]] {
            let refused = IndexKey::new(&weak).err().ok_or("it is taken")?;
            assert!(!refused.to_string().contains('7'));
        }
        assert_eq!(format!("{:?}", IndexKey::new(&secret)?), "IndexKey(..)");
        Ok(())
    }

    #[test]
    fn a_term_depends_on_secret_tenant_kind_and_value() -> Tested {
        let (one, other) = (
            IndexKey::new(&(0..32).collect::<Vec<_>>())?,
            IndexKey::new(&(1..33).collect::<Vec<_>>())?,
        );
        let (a, b): (TenantId, TenantId) = ("a".parse()?, "b".parse()?);
        let terms = [
            one.terms(&a, [("tag", "vip"), ("actor", "vip"), ("tag", "Vip")]),
            one.terms(&b, [("tag", "vip")]),
            other.terms(&a, [("tag", "vip")]),
        ]
        .concat();
        let different: std::collections::BTreeSet<_> =
            terms.iter().map(|term| &term.value).collect();
        assert_eq!((terms.len(), different.len()), (5, 5));
        assert!(terms.iter().all(|term| term.value.len() == 22));
        assert_eq!(one.terms(&a, [("tag", "vip")]).first(), terms.first());
        Ok(())
    }
}
