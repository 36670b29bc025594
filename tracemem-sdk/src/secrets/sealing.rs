//! Sealing, opening and re-wrapping one credential. Pure but for the key provider, which may be a service.

use super::{
    CredentialName, DataKey, Envelope, InvalidEnvelope, KekId, KeyError, KeyProvider, Secret,
    cipher, envelope::MAX_WRAPPED_BYTES,
};
use crate::id::{NoEntropy, random};

/// A credential could not be sealed, opened or re-wrapped. Neither a secret nor a key stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// The bytes are no envelope.
    #[error("the sealed credential is no envelope")]
    Envelope(#[source] InvalidEnvelope),
    /// The key provider refused, or could not be asked.
    #[error("the data key could not be wrapped or unwrapped")]
    Key(#[source] KeyError),
    /// The content was altered, or is another credential's.
    #[error("the sealed credential does not open: it was altered, or belongs elsewhere")]
    Altered,
    /// The key provider broke its contract.
    #[error("the key provider gave a wrapped key of {0} bytes, not of 1 to 6144")]
    WrappedKey(usize),
    /// The operating system gave no random bytes.
    #[error("there are no random bytes for a data key")]
    NoEntropy(#[source] NoEntropy),
}

/// Seals a secret as this credential, under a new data key and the provider's current key.
///
/// # Errors
/// [`SealingError`].
pub async fn seal(
    keys: &dyn KeyProvider,
    name: &CredentialName,
    secret: &Secret,
) -> Result<Vec<u8>, SealingError> {
    let key = DataKey::generate().map_err(SealingError::NoEntropy)?;
    let nonce = random().map_err(SealingError::NoEntropy)?;
    let content = cipher::encrypt(key.expose(), &nonce, secret.expose(), &name.content_aad());
    let content = content.map_err(|cipher::Refused| SealingError::Altered)?;
    let kek = keys.current();
    let wrapped = wrap(keys, name, &kek, &key).await?;
    Ok(Envelope {
        kek,
        wrapped,
        content,
    }
    .to_bytes())
}

/// Opens what was sealed as this credential.
///
/// # Errors
/// [`SealingError`]; what was sealed under a key that the provider does not have is [`KeyError::Unknown`].
pub async fn open(
    keys: &dyn KeyProvider,
    name: &CredentialName,
    envelope: &[u8],
) -> Result<Secret, SealingError> {
    let envelope = Envelope::parse(envelope).map_err(SealingError::Envelope)?;
    let key = unwrap(keys, name, &envelope).await?;
    let secret = cipher::decrypt(key.expose(), &envelope.content, &name.content_aad());
    let mut secret = secret.map_err(|cipher::Refused| SealingError::Altered)?;
    // It is as long as the content, which is neither empty nor too long.
    Secret::new(std::mem::take(&mut *secret)).map_err(|_| SealingError::Altered)
}

/// Wraps the data key of an envelope anew, under the provider's current key. The content is neither opened nor changed. `None` where the
/// envelope is under the current key already.
///
/// # Errors
/// [`SealingError`].
pub async fn rewrap(
    keys: &dyn KeyProvider,
    name: &CredentialName,
    envelope: &[u8],
) -> Result<Option<Vec<u8>>, SealingError> {
    let envelope = Envelope::parse(envelope).map_err(SealingError::Envelope)?;
    let kek = keys.current();
    if kek == envelope.kek {
        return Ok(None);
    }
    let key = unwrap(keys, name, &envelope).await?;
    let wrapped = wrap(keys, name, &kek, &key).await?;
    let content = envelope.content;
    Ok(Some(
        Envelope {
            kek,
            wrapped,
            content,
        }
        .to_bytes(),
    ))
}

async fn wrap(
    keys: &dyn KeyProvider,
    name: &CredentialName,
    kek: &KekId,
    key: &DataKey,
) -> Result<Vec<u8>, SealingError> {
    let wrapped = keys.wrap(kek, key, &name.wrap_aad(kek)).await;
    let wrapped = wrapped.map_err(SealingError::Key)?;
    if !(1..=MAX_WRAPPED_BYTES).contains(&wrapped.len()) {
        return Err(SealingError::WrappedKey(wrapped.len()));
    }
    Ok(wrapped)
}

async fn unwrap(
    keys: &dyn KeyProvider,
    name: &CredentialName,
    envelope: &Envelope,
) -> Result<DataKey, SealingError> {
    let Envelope {
        kek,
        wrapped,
        content: _,
    } = envelope;
    keys.unwrap(kek, wrapped, &name.wrap_aad(kek))
        .await
        .map_err(SealingError::Key)
}
