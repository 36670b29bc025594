//! Sealed credentials: what an integration needs to reach outside is encrypted here before any store sees it.
//!
//! A credential is sealed under a data key of its own; the data key is wrapped under a key of the host's [`KeyProvider`]. So a database,
//! a dump or a backup of it shows no credential, a row that was moved to another place does not open there, and replacing the host's key
//! rewrites a few dozen bytes of each row and no credential is decrypted for it. Where the keys come from is left to the host; when a credential is read and
//! what with, to the integration.
//!
//! # Format
//!
//! ```text
//! envelope   = "TMC1" alg kek_id wrapped_dek nonce ct tag
//! alg        = 1 byte: 1, or 2 where the provider's wrapping does not have the 60 bytes of AES-256-GCM (a key management service)
//! kek_id     = 1 byte of length, then 1 to 255 bytes
//! wrapped_dek= alg 1: nonce (12) ciphertext (32) tag (16), AES-256-GCM under the key encryption key
//!              alg 2: 2 bytes of length, big endian, then 1 to 6,144 bytes but never 60, opaque to this library
//! nonce      = 12 bytes, random
//! ct, tag    = 1 to 65,536 bytes and 16: AES-256-GCM of the secret under the data key
//! ```
//!
//! AES-256-GCM is that of NIST SP 800-38D, with random 96-bit nonces (section 8.2.2) and full tags. One value has one spelling; what is
//! shorter, longer or otherwise spelt is [`InvalidEnvelope`], or does not open.
//!
//! # What is bound, and to what
//!
//! Associated data are lists of fields, each after its length in four bytes, big endian, so that no two lists have the same bytes;
//! a version is eight bytes, big endian.
//!
//! | | associated data | key |
//! |---|---|---|
//! | content (`nonce ct tag`) | `"tm.cred.v1"`, tenant, integration, kind, version | the data key, used once |
//! | wrapped data key | `"tm.cred.v1"`, tenant, integration, kind, version, `kek_id` | the key encryption key |
//!
//! * *tenant, integration, kind, version* stand in both, so that a row that is copied to another tenant, integration, kind or version opens
//!   in neither part, and parts of two rows do not fit together.
//! * *`kek_id`* stands in the wrapping only. Re-wrapping replaces `kek_id` and `wrapped_dek` and must leave the content as it is; were the
//!   id bound into the content too, every change of the host's key would have to decrypt every credential. Nothing is lost: the content
//!   opens only under its data key, and that only under the key that `kek_id` names. The id is what chooses the key, and its being bound
//!   keeps a wrapping from being passed off as another key's (GCM does not commit to a key: Grubbs, Lu and Ristenpart, CRYPTO 2017).
//! * *`alg`* is bound by nothing, because both values name the same cipher and differ in how the wrapping is delimited. Another cipher
//!   would take another first field.
//!
//! What is not bound is which version is the newest and until when an earlier one can be read. Whoever can write the database can bring
//! back an old row of the same credential, as they can delete it; they can read and make none.
//!
//! # Rotation
//!
//! Storing a credential again writes its next version; the one before stays readable for as long as the caller says, for jobs under way and
//! for signatures made with it, and [`TraceMem::maintain_credentials`](crate::TraceMem::maintain_credentials) removes it after that.
//! How the host's key is replaced is told at [`StaticKeyring`].

mod cipher;
mod envelope;
mod keyring;
mod keyring_text;
mod maintenance;
mod name;
mod provider;
mod sealing;
mod secret;
mod stored;

#[cfg(feature = "unstable-mocks")]
pub use self::provider::MockKeyProvider;
pub use self::{
    envelope::{Envelope, InvalidEnvelope},
    keyring::{InvalidKeyring, Kek, MAX_WRAPS, StaticKeyring},
    maintenance::CredentialsMaintained,
    name::CredentialName,
    provider::{InvalidKekId, KekId, KeyError, KeyProvider},
    sealing::{SealingError, open, rewrap, seal},
    secret::{DataKey, InvalidSecret, MAX_SECRET_BYTES, Secret},
    stored::{Credential, CredentialError, CredentialRemoved, CredentialStored},
};
pub(crate) use self::{
    maintenance::maintain,
    stored::{read, read_valid, remove, store},
};
