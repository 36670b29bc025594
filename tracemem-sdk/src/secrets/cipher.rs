//! AES-256-GCM (NIST SP 800-38D) in the one layout that envelopes know: nonce, ciphertext, tag.
//!
//! The nonce has 96 bits and is random: section 8.2.2 of SP 800-38D. How often a key may be used is left to whoever holds the key.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

/// The bytes of a nonce.
pub(super) const NONCE: usize = 12;

/// The bytes of a tag.
pub(super) const TAG: usize = 16;

/// Something does not open under this key with these associated data, or is too long or too short for the cipher. It does not say which:
/// whoever altered it must not learn more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// `nonce ‖ ciphertext ‖ tag`. Nothing is ever encrypted twice under one key and nonce: the caller's nonce is random and new.
pub(super) fn encrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    plain: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, Refused> {
    // The plain bytes are copied in and encrypted where they stand; were that to fail, they are wiped.
    let mut sealed = Zeroizing::new(Vec::with_capacity(NONCE + plain.len() + TAG));
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(plain);
    let body = sealed.get_mut(NONCE..).ok_or(Refused)?;
    let cipher = Aes256Gcm::new(key.into());
    let tag = cipher
        .encrypt_inout_detached(&Nonce::from(*nonce), aad, body.into())
        .map_err(|_| Refused)?;
    sealed.extend_from_slice(&tag);
    Ok(std::mem::take(&mut *sealed))
}

/// What was encrypted. Nothing of it is given, or left in memory, where the tag does not fit; the comparison takes the same time wherever
/// they differ.
pub(super) fn decrypt(
    key: &[u8; 32],
    sealed: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(Refused)?;
    let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(Refused)?;
    let mut plain = Zeroizing::new(body.to_vec());
    let cipher = Aes256Gcm::new(key.into());
    cipher
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            aad,
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| Refused)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use serde::Deserialize;

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    /// A case of NIST's CAVP (`tests/vectors/aes_gcm/make.py` says where from); `pt` is `None` where it must not open.
    #[derive(Deserialize)]
    struct Case {
        file: String,
        count: u32,
        key: String,
        iv: String,
        aad: String,
        ct: String,
        tag: String,
        pt: Option<String>,
    }

    #[test]
    fn nists_vectors_are_encrypted_decrypted_and_refused_as_nist_says() -> Tested {
        let cases = include_bytes!("../../tests/vectors/aes_gcm/cases.json");
        let cases: Vec<Case> = serde_json::from_slice(cases)?;
        let (mut opened, mut refused) = (0, 0);
        for case in cases {
            let which = format!("{} {} {}", case.file, case.key, case.count);
            let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes());
            let key: [u8; 32] = bytes(&case.key)?.try_into().map_err(|_| "a key")?;
            let nonce: [u8; NONCE] = bytes(&case.iv)?.try_into().map_err(|_| "a nonce")?;
            let sealed = bytes(&[case.iv, case.ct, case.tag].concat())?;
            let aad = bytes(&case.aad)?;
            let found = decrypt(&key, &sealed, &aad);
            let Some(plain) = case.pt else {
                assert_eq!(found.err(), Some(Refused), "{which}");
                refused += 1;
                continue;
            };
            let plain = bytes(&plain)?;
            assert_eq!(
                found.map(|found| found.to_vec()),
                Ok(plain.clone()),
                "{which}"
            );
            assert_eq!(encrypt(&key, &nonce, &plain, &aad), Ok(sealed), "{which}");
            opened += 1;
        }
        assert_eq!((opened, refused), (18, 9));
        Ok(())
    }
}
