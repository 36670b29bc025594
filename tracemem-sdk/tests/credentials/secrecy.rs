//! I9: no secret and no key in anything that is printed, stored or told.

use std::{error::Error, fmt::Debug, num::NonZeroU32};

use data_encoding::{BASE64, BASE64URL, HEXLOWER};
use tracemem_sdk::{
    secrets::{CredentialName, DataKey, Kek, KeyError, Secret, StaticKeyring, open, seal},
    store::{Catalog, CredentialChange, Store, StreamId},
};

use super::{
    Tested,
    rings::{first, kek, second},
    world::{HOUR, World},
};

const CANARY: &str = "canary-xoxb-5f2c91";

/// Prints a value, and all causes of an error, and fails where they hold a canary or a key.
#[track_caller]
fn check(value: &dyn Debug) {
    hidden(format!("{value:?} {value:#?}").as_bytes());
}

#[track_caller]
fn check_error(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        hidden(format!("{error} {error:?} {error:#?}").as_bytes());
        next = error.source();
    }
}

/// None of these bytes are the canary or the keys, in any of the ways that bytes are written.
#[track_caller]
fn hidden(bytes: &[u8]) {
    let key: Vec<u8> = (0..32).collect();
    for secret in [CANARY.as_bytes(), &key, &[0x5a; 32]] {
        // From the middle, so that neither alignment nor padding hides it.
        let middle = secret.get(3..15).unwrap_or_default();
        let forms = [
            middle.to_vec(),
            HEXLOWER.encode(middle).into_bytes(),
            BASE64.encode(middle).into_bytes(),
            BASE64URL.encode(middle).into_bytes(),
            format!("{middle:?}")
                .trim_matches(['[', ']'])
                .as_bytes()
                .to_vec(),
        ];
        for form in forms {
            let found = bytes
                .windows(form.len())
                .any(|window| window.eq_ignore_ascii_case(&form));
            assert!(!found, "{}", String::from_utf8_lossy(bytes));
        }
    }
}

#[test]
#[should_panic = "canary"]
fn the_check_finds_what_it_looks_for() {
    check(&format!("the token is {CANARY}"));
}

#[test]
#[should_panic = "3, 4, 5"]
fn the_check_finds_a_key_as_a_list_of_numbers() {
    check(&(0..32).collect::<Vec<u8>>());
}

#[tokio::test]
async fn i9_no_secret_is_printed_by_what_holds_it() -> Tested {
    let secret = Secret::new(CANARY)?;
    check(&secret);
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    check(&DataKey::from_bytes([0x5a; 32].into()));
    check(&kek("k1", 1)?);
    check(&first()?);
    let world = World::new();
    let process = world.process(first()?)?;
    check(&process.tracemem);
    process.stores(CANARY, HOUR).await?;
    check(&process.reads("acme", None).await?);
    check(&process.admin("acme")?);
    check(&world.rows().await?);
    check(&world.process(second()?)?.walks(None, 9).await?);
    Ok(())
}

#[tokio::test]
async fn i9_no_store_is_given_a_secret_or_a_key() -> Tested {
    let world = World::new();
    let process = world.process(first()?)?;
    process.stores(CANARY, HOUR).await?;
    process.stores(CANARY, HOUR).await?;
    world.process(second()?)?.walks(None, 9).await?;
    let rows = world.rows().await?;
    assert_eq!(rows.len(), 2);
    for (_, row) in rows {
        hidden(&row.envelope);
        let (integration, kind, envelope) = (row.integration, row.kind, row.envelope);
        let from = envelope.clone();
        check(&CredentialChange::Rewrap {
            integration,
            kind,
            version: 1,
            from,
            to: envelope,
        });
    }
    let stream = world
        .store
        .load(&"acme".parse()?, &StreamId::Admin)
        .await?
        .ok_or("no stream")?;
    assert_eq!(stream.entries.len(), 4);
    for entry in stream.entries {
        hidden(&entry.bytes);
        assert_eq!(entry.disclosures, None);
    }
    let documents = tracemem_sdk::store::DocumentKind::Route;
    let listed = world
        .store
        .documents(&"acme".parse()?, documents, None, NonZeroU32::MAX)
        .await?;
    assert!(listed.is_empty());
    Ok(())
}

#[tokio::test]
async fn i9_no_error_repeats_a_secret_or_a_key() -> Tested {
    let long = [CANARY.repeat(5_000).into_bytes(), vec![0]].concat();
    check_error(&Secret::new(long).err().ok_or("it is too long")?);
    let key: Vec<u8> = (0..31).collect();
    check_error(&Kek::from_bytes("k1", &key).err().ok_or("it is too short")?);
    let refused = [
        Kek::from_text("k1", CANARY).err(),
        Kek::from_text(CANARY, &[CANARY, " "].concat()).err(),
        StaticKeyring::from_text(CANARY).err(),
        StaticKeyring::from_text(&format!("k1={CANARY}")).err(),
        StaticKeyring::from_text(&format!("k 1={}", HEXLOWER.encode(&key))).err(),
        first()?.and_old(kek("k9", 1)?).err(),
        first()?.and_old(kek("k1", 2)?).err(),
    ];
    for (place, error) in refused.into_iter().enumerate() {
        let error = error.ok_or("it is accepted")?;
        // The id of the second is the canary: an id is no secret.
        if place != 1 {
            check_error(&error);
        }
    }
    let name = CredentialName {
        tenant: "acme".parse()?,
        integration: "mail".parse()?,
        kind: "token".parse()?,
        version: 1,
    };
    let sealed = seal(&first()?, &name, &Secret::new(CANARY)?).await?;
    for place in 0..sealed.len() {
        let mut altered = sealed.clone();
        if let Some(byte) = altered.get_mut(place) {
            *byte ^= 0x10;
        }
        check_error(
            &open(&first()?, &name, &altered)
                .await
                .err()
                .ok_or("it opens")?,
        );
    }
    check_error(
        &open(&first()?, &name, CANARY.as_bytes())
            .await
            .err()
            .ok_or("it opens")?,
    );
    check_error(&KeyError::Unknown("k1".parse()?));
    Ok(())
}
