//! Envelopes: their bytes, what they are bound to, and that nothing but the whole of one opens.

use std::error::Error;

use proptest::prelude::*;
use tracemem_sdk::secrets::{
    CredentialName, DataKey, Envelope, InvalidEnvelope, InvalidSecret, KekId, KeyError,
    KeyProvider, SealingError, Secret, StaticKeyring, open, rewrap, seal,
};

use super::{
    Tested,
    rings::{Service, first, kek, second},
};

#[tokio::test]
async fn a_credential_opens_as_what_was_sealed() -> Tested {
    let keys = first()?;
    let longest = vec![0xa5; 65_536];
    for secret in [b"x".as_slice(), b"xoxb-1234", b"\0\xff\n", &longest] {
        let envelope = seal(&keys, &name()?, &Secret::new(secret)?).await?;
        assert_eq!(open(&keys, &name()?, &envelope).await?.expose(), secret);
    }
    Ok(())
}

#[tokio::test]
async fn the_bytes_are_those_of_the_format() -> Tested {
    let envelope = seal(&first()?, &name()?, &Secret::new("hunter2")?).await?;
    assert!(envelope.starts_with(b"TMC1\x01\x02k1"));
    assert_eq!(envelope.len(), 4 + 1 + 1 + 2 + (12 + 32 + 16) + 12 + 7 + 16);
    let service = Service(184);
    let envelope = seal(&service, &name()?, &Secret::new("hunter2")?).await?;
    let head = b"TMC1\x02\x17arn:kms:eu-1:1234:key/9\0\xb8";
    assert!(envelope.starts_with(head));
    assert_eq!(envelope.len(), head.len() + 184 + 12 + 7 + 16);
    assert_eq!(
        open(&service, &name()?, &envelope).await?.expose(),
        b"hunter2"
    );
    Ok(())
}

#[tokio::test]
async fn no_two_envelopes_of_one_secret_share_a_nonce_or_a_key() -> Tested {
    let keys = first()?;
    let one = seal(&keys, &name()?, &Secret::new("hunter2")?).await?;
    let other = seal(&keys, &name()?, &Secret::new("hunter2")?).await?;
    let parts = |bytes: &[u8]| {
        Some((
            bytes.get(8..20)?.to_vec(),
            bytes.get(20..68)?.to_vec(),
            bytes.get(68..80)?.to_vec(),
            bytes.get(80..)?.to_vec(),
        ))
    };
    let (one, other) = (parts(&one).ok_or("short")?, parts(&other).ok_or("short")?);
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2 && one.3 != other.3);
    Ok(())
}

#[tokio::test]
async fn a_change_of_any_bit_a_cut_and_an_extension_are_typed_errors() -> Tested {
    for keys in [first()?, second()?] {
        let envelope = seal(&keys, &name()?, &Secret::new("hunter2")?).await?;
        for place in 0..envelope.len() {
            for bit in 0..8 {
                let mut altered = envelope.clone();
                if let Some(byte) = altered.get_mut(place) {
                    *byte ^= 1 << bit;
                }
                assert!(
                    open(&keys, &name()?, &altered).await.is_err(),
                    "bit {bit} of byte {place}"
                );
            }
            let cut = envelope.get(..place).unwrap_or_default();
            assert!(open(&keys, &name()?, cut).await.is_err(), "cut to {place}");
        }
        let longer = [envelope.as_slice(), b"\0"].concat();
        assert!(matches!(
            open(&keys, &name()?, &longer).await,
            Err(SealingError::Altered)
        ));
    }
    Ok(())
}

#[tokio::test]
async fn an_envelope_opens_under_no_other_name() -> Tested {
    let keys = first()?;
    let envelope = seal(&keys, &name()?, &Secret::new("hunter2")?).await?;
    let own = name()?;
    let others = [
        CredentialName {
            tenant: "Acme".parse()?,
            ..own.clone()
        },
        CredentialName {
            integration: "chat".parse()?,
            ..own.clone()
        },
        CredentialName {
            kind: "key".parse()?,
            ..own.clone()
        },
        CredentialName {
            version: 2,
            ..own.clone()
        },
        // The same letters, divided elsewhere.
        CredentialName {
            tenant: "acmem".parse()?,
            integration: "ail".parse()?,
            ..own.clone()
        },
        CredentialName {
            integration: "mailt".parse()?,
            kind: "oken".parse()?,
            ..own
        },
    ];
    for other in others {
        let opened = open(&keys, &other, &envelope).await;
        assert!(
            matches!(opened, Err(SealingError::Key(KeyError::Refused(_)))),
            "{other:?}"
        );
        assert!(
            rewrap(&second()?, &other, &envelope).await.is_err(),
            "{other:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn parts_of_two_envelopes_do_not_fit_together() -> Tested {
    let keys = first()?;
    let one = seal(&keys, &name()?, &Secret::new("hunter1")?).await?;
    let other = seal(&keys, &name()?, &Secret::new("hunter2")?).await?;
    let (wrapping, _) = one.split_at_checked(68).ok_or("short")?;
    let (_, content) = other.split_at_checked(68).ok_or("short")?;
    let opened = open(&keys, &name()?, &[wrapping, content].concat()).await;
    assert!(matches!(opened, Err(SealingError::Altered)));
    // A service that binds nothing itself is caught by what the content is bound to.
    let elsewhere = CredentialName {
        version: 2,
        ..name()?
    };
    let envelope = seal(&Careless, &name()?, &Secret::new("hunter2")?).await?;
    let opened = open(&Careless, &elsewhere, &envelope).await;
    assert!(matches!(opened, Err(SealingError::Altered)));
    Ok(())
}

#[tokio::test]
async fn a_rewrap_changes_the_key_id_and_the_wrapping_and_nothing_else() -> Tested {
    let before = seal(&first()?, &name()?, &Secret::new("hunter2")?).await?;
    let keys = second()?;
    let after = rewrap(&keys, &name()?, &before)
        .await?
        .ok_or("it was not wrapped anew")?;
    assert_eq!(Envelope::parse(&after)?.kek().as_str(), "k2");
    assert_eq!(after.get(68..), before.get(68..));
    assert_ne!(after.get(8..68), before.get(8..68));
    assert_eq!(open(&keys, &name()?, &after).await?.expose(), b"hunter2");
    assert_eq!(rewrap(&keys, &name()?, &after).await?, None);
    // The old key alone does not open it any more, and says so.
    let opened = open(&first()?, &name()?, &after).await;
    assert!(matches!(opened, Err(SealingError::Key(KeyError::Unknown(id))) if id.as_str() == "k2"));
    Ok(())
}

#[tokio::test]
async fn a_wrapping_is_not_passed_off_as_another_keys() -> Tested {
    let keys = second()?;
    let mut envelope = seal(&first()?, &name()?, &Secret::new("hunter2")?).await?;
    if let Some(digit) = envelope.get_mut(7) {
        *digit = b'2';
    }
    let opened = open(&keys, &name()?, &envelope).await;
    assert!(matches!(opened, Err(SealingError::Key(KeyError::Refused(id))) if id.as_str() == "k2"));
    // The same key under another id: the id is bound, not only the key.
    let renamed = StaticKeyring::new(kek("k2", 1)?);
    let opened = open(&renamed, &name()?, &envelope).await;
    assert!(matches!(
        opened,
        Err(SealingError::Key(KeyError::Refused(_)))
    ));
    Ok(())
}

#[test]
fn what_is_no_envelope_says_what_is_wrong() {
    let check =
        |bytes: &[u8], expected| assert_eq!(Envelope::parse(bytes), Err(expected), "{bytes:?}");
    check(b"", InvalidEnvelope::Magic);
    check(b"TMC", InvalidEnvelope::Magic);
    check(b"TMC2\x01\x01k", InvalidEnvelope::Magic);
    check(b"TMC1", InvalidEnvelope::Truncated("algorithm"));
    check(b"TMC1\0", InvalidEnvelope::Algorithm(0));
    check(b"TMC1\x03", InvalidEnvelope::Algorithm(3));
    check(b"TMC1\x01", InvalidEnvelope::Truncated("key id"));
    check(b"TMC1\x01\x02k", InvalidEnvelope::Truncated("key id"));
    check(b"TMC1\x01\0", InvalidEnvelope::KekId);
    check(b"TMC1\x01\x01 ", InvalidEnvelope::KekId);
    check(b"TMC1\x01\x01\xff", InvalidEnvelope::KekId);
    check(b"TMC1\x01\x01k", InvalidEnvelope::Truncated("wrapped key"));
    check(
        b"TMC1\x02\x01k\0",
        InvalidEnvelope::Truncated("wrapped key"),
    );
    check(b"TMC1\x02\x01k\0\0", InvalidEnvelope::WrappedKey(0));
    check(b"TMC1\x02\x01k\0\x3c", InvalidEnvelope::WrappedKey(60));
    check(b"TMC1\x02\x01k\x18\x01", InvalidEnvelope::WrappedKey(6_145));
    let with = |content: usize| [b"TMC1\x01\x01k".as_slice(), &vec![0; 60 + content]].concat();
    check(&with(28), InvalidEnvelope::Truncated("content"));
    assert!(Envelope::parse(&with(29)).is_ok());
    assert!(Envelope::parse(&with(28 + 65_536)).is_ok());
    check(&with(29 + 65_536), InvalidEnvelope::TooLong);
}

#[tokio::test]
async fn a_provider_whose_wrapping_has_a_length_that_no_envelope_holds_is_told() -> Tested {
    for length in [0, 6_145] {
        let sealed = seal(&Service(length), &name()?, &Secret::new("hunter2")?).await;
        assert!(matches!(sealed, Err(SealingError::WrappedKey(found)) if found == length));
    }
    assert!(
        seal(&Service(6_144), &name()?, &Secret::new("hunter2")?)
            .await
            .is_ok()
    );
    Ok(())
}

#[test]
fn a_secret_has_1_to_65536_bytes() {
    assert_eq!(Secret::new("").err(), Some(InvalidSecret::Empty));
    assert_eq!(
        Secret::new(vec![1; 65_537]).err(),
        Some(InvalidSecret::TooLong)
    );
    assert!(Secret::new(vec![1; 65_536]).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic_and_what_it_reads_has_one_spelling(bytes in near_envelopes()) {
        if let Ok(envelope) = Envelope::parse(&bytes) {
            prop_assert_eq!(envelope.to_bytes(), bytes);
        }
    }
}

/// Any bytes, and bytes that begin as envelopes do.
fn near_envelopes() -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..200);
    let (id, rest) = ("[a-z:/-]{0,9}", prop::collection::vec(any::<u8>(), 0..300));
    let near = (0..4_u8, 0..10_u8, id, rest).prop_map(|(algorithm, length, id, rest)| {
        let length = if length == 9 {
            7
        } else {
            u8::try_from(id.len()).unwrap_or_default()
        };
        [
            b"TMC1",
            [algorithm, length].as_slice(),
            id.as_bytes(),
            &rest,
        ]
        .concat()
    });
    let counted = (1..100_u8, prop::collection::vec(any::<u8>(), 200))
        .prop_map(|(length, rest)| [b"TMC1\x02\x01k\0".as_slice(), &[length], &rest].concat());
    prop_oneof![random, near, counted]
}

/// A provider that binds nothing: it breaks its contract.
#[derive(Debug)]
struct Careless;

#[tracemem_sdk::async_trait]
impl KeyProvider for Careless {
    fn current(&self) -> KekId {
        Service(1).current()
    }

    async fn wrap(&self, _: &KekId, key: &DataKey, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(key.expose().to_vec())
    }

    async fn unwrap(&self, kek: &KekId, wrapped: &[u8], _: &[u8]) -> Result<DataKey, KeyError> {
        let key: [u8; 32] = wrapped
            .try_into()
            .map_err(|_| KeyError::Refused(kek.clone()))?;
        Ok(DataKey::from_bytes(key.into()))
    }
}

fn name() -> Result<CredentialName, Box<dyn Error>> {
    Ok(CredentialName {
        tenant: "acme".parse()?,
        integration: "mail".parse()?,
        kind: "token".parse()?,
        version: 1,
    })
}
