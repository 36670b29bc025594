//! Key providers that the tests use.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
};

use tracemem_sdk::{
    async_trait,
    secrets::{DataKey, Kek, KekId, KeyError, KeyProvider, StaticKeyring},
};

/// A key that is the same in every run for the same number.
pub(crate) fn kek(id: &str, number: u8) -> Result<Kek, Box<dyn Error>> {
    let bytes: Vec<u8> = (0..32)
        .map(|place: u8| place.wrapping_mul(number))
        .collect();
    Ok(Kek::from_bytes(id, &bytes)?)
}

/// A keyring of key `k1`.
pub(crate) fn first() -> Result<StaticKeyring, Box<dyn Error>> {
    Ok(StaticKeyring::new(kek("k1", 1)?))
}

/// A keyring of key `k2`, which also has `k1`.
pub(crate) fn second() -> Result<StaticKeyring, Box<dyn Error>> {
    Ok(StaticKeyring::new(kek("k2", 2)?).and_old(kek("k1", 1)?)?)
}

/// A service whose wrappings are as long as those of a key management service, and say what they are bound to.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) usize);

#[async_trait]
impl KeyProvider for Service {
    #[expect(clippy::unwrap_used, reason = "the literal is an id")]
    fn current(&self) -> KekId {
        "arn:kms:eu-1:1234:key/9".parse().unwrap()
    }

    async fn wrap(&self, _: &KekId, key: &DataKey, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut wrapped = [key.expose(), aad].concat();
        wrapped.resize(self.0, b'.');
        Ok(wrapped)
    }

    async fn unwrap(&self, kek: &KekId, wrapped: &[u8], aad: &[u8]) -> Result<DataKey, KeyError> {
        let refused = || KeyError::Refused(kek.clone());
        let (key, bound) = wrapped.split_first_chunk::<32>().ok_or_else(refused)?;
        if *kek != self.current() || !bound.starts_with(aad) {
            return Err(refused());
        }
        Ok(DataKey::from_bytes((*key).into()))
    }
}

/// What somebody else does meanwhile.
type Meanwhile = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A keyring during whose first unwrapping somebody else does something.
pub(crate) struct Interrupted {
    ring: StaticKeyring,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Interrupted {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        ring: StaticKeyring,
        meanwhile: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let meanwhile: Meanwhile = Box::new(move || Box::pin(meanwhile()));
        Self {
            ring,
            meanwhile: Mutex::new(Some(meanwhile)),
        }
    }
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupted").finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for Interrupted {
    fn current(&self) -> KekId {
        self.ring.current()
    }

    async fn wrap(&self, kek: &KekId, key: &DataKey, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.ring.wrap(kek, key, aad).await
    }

    async fn unwrap(&self, kek: &KekId, wrapped: &[u8], aad: &[u8]) -> Result<DataKey, KeyError> {
        let meanwhile = self
            .meanwhile
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(meanwhile) = meanwhile {
            meanwhile().await;
        }
        self.ring.unwrap(kek, wrapped, aad).await
    }
}
