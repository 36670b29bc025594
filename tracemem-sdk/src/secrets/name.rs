//! Which credential an envelope is, and how that is bound into it.

use super::KekId;
use crate::id::{CredentialKind, IntegrationId, TenantId};

/// One version of one credential: what its envelope is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialName {
    /// Whose it is.
    pub tenant: TenantId,
    /// The integration that uses it.
    pub integration: IntegrationId,
    /// What it is for.
    pub kind: CredentialKind,
    /// Its version, from 1.
    pub version: u64,
}

/// What every list of associated data begins with.
const DOMAIN: &[u8] = b"tm.cred.v1";

impl CredentialName {
    /// What the content is bound to: `"tm.cred.v1", tenant, integration, kind, version`.
    pub(super) fn content_aad(&self) -> Vec<u8> {
        let Self {
            tenant,
            integration,
            kind,
            version,
        } = self;
        let version = version.to_be_bytes();
        let fields = [
            DOMAIN,
            tenant.as_str().as_bytes(),
            integration.as_str().as_bytes(),
            kind.as_str().as_bytes(),
            &version,
        ];
        let mut aad = Vec::new();
        for field in fields {
            push(&mut aad, field);
        }
        aad
    }

    /// What the wrapped data key is bound to: the same, and the key that wraps it.
    pub(super) fn wrap_aad(&self, kek: &KekId) -> Vec<u8> {
        let mut aad = self.content_aad();
        push(&mut aad, kek.as_str().as_bytes());
        aad
    }
}

/// Appends a field after its length in four bytes, so that no two lists of fields have the same bytes.
fn push(aad: &mut Vec<u8>, field: &[u8]) {
    // Ids end at 255 bytes.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    aad.extend_from_slice(&length.to_be_bytes());
    aad.extend_from_slice(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn name(tenant: &str, integration: &str) -> Result<CredentialName, Box<dyn std::error::Error>> {
        let (tenant, integration) = (tenant.parse()?, integration.parse()?);
        Ok(CredentialName {
            tenant,
            integration,
            kind: "token".parse()?,
            version: 258,
        })
    }

    #[test]
    fn each_field_stands_after_its_length() -> Tested {
        let expected = b"\0\0\0\x0atm.cred.v1\0\0\0\x02ab\0\0\0\x01c\0\0\0\x05token\0\0\0\x08\0\0\0\0\0\0\x01\x02";
        assert_eq!(name("ab", "c")?.content_aad(), expected);
        let expected = [expected.as_slice(), b"\0\0\0\x03k-1"].concat();
        assert_eq!(name("ab", "c")?.wrap_aad(&"k-1".parse()?), expected);
        Ok(())
    }

    #[test]
    fn letters_that_move_from_one_field_to_the_next_change_the_bytes() -> Tested {
        assert_ne!(
            name("ab", "c")?.content_aad(),
            name("a", "bc")?.content_aad()
        );
        Ok(())
    }
}
