//! The static keyring: what it refuses, which key it uses, and how often.

use std::fs;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use serde::Deserialize;
use tracemem_sdk::secrets::{
    DataKey, InvalidKeyring, Kek, KekId, KeyError, KeyProvider, MAX_WRAPS, StaticKeyring,
};

use super::{
    Tested,
    rings::{first, kek, second},
};

/// Two keys, as text.
const HEX: &str = "e0c7f6d2a1b845930f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778";
const BASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopQ";

/// A case of NIST's CAVP: see `tests/vectors/aes_gcm/make.py`.
#[derive(Deserialize)]
struct Case {
    ptlen: u32,
    key: String,
    iv: String,
    aad: String,
    ct: String,
    tag: String,
    pt: Option<String>,
}

#[tokio::test]
async fn nists_vectors_of_256_bits_are_unwrapped_or_refused_as_nist_says() -> Tested {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors/aes_gcm/cases.json"))?;
    let mut tried = 0;
    for case in cases.into_iter().filter(|case| case.ptlen == 256) {
        let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes());
        let keys = StaticKeyring::new(Kek::from_text("nist", &case.key)?);
        let wrapped = bytes(&[case.iv, case.ct, case.tag].concat())?;
        let unwrapped = keys
            .unwrap(&keys.current(), &wrapped, &bytes(&case.aad)?)
            .await;
        match case.pt {
            Some(plain) => assert_eq!(unwrapped?.expose().as_slice(), bytes(&plain)?),
            None => assert!(matches!(unwrapped, Err(KeyError::Refused(_)))),
        }
        tried += 1;
    }
    assert_eq!(tried, 9);
    Ok(())
}

#[tokio::test]
async fn a_keyring_uses_the_key_it_is_told_and_no_other() -> Tested {
    let (first, second) = (first()?, second()?);
    let (k1, k2, k3): (KekId, KekId, KekId) = ("k1".parse()?, "k2".parse()?, "k3".parse()?);
    let key = data_key();
    let under_old = second.wrap(&k1, &key, b"aad").await?;
    assert_eq!(
        first.unwrap(&k1, &under_old, b"aad").await?.expose(),
        key.expose()
    );
    // Both keys are there, and the wrong one is not tried.
    assert!(matches!(
        second.unwrap(&k2, &under_old, b"aad").await,
        Err(KeyError::Refused(_))
    ));
    assert!(matches!(
        second.unwrap(&k1, &under_old, b"add").await,
        Err(KeyError::Refused(_))
    ));
    assert!(matches!(second.wrap(&k3, &key, b"").await, Err(KeyError::Unknown(id)) if id == k3));
    assert!(
        matches!(second.unwrap(&k3, &under_old, b"aad").await, Err(KeyError::Unknown(id)) if id == k3)
    );
    Ok(())
}

#[tokio::test]
async fn a_key_wraps_2_to_the_32_times_and_no_more() -> Tested {
    let keys = StaticKeyring::new(kek("k1", 1)?.already_wrapped(MAX_WRAPS - 2));
    let (k1, key) = ("k1".parse()?, data_key());
    let wrapped = keys.wrap(&k1, &key, b"").await?;
    assert_eq!(keys.wraps(&k1), Some(MAX_WRAPS - 1));
    keys.wrap(&k1, &key, b"").await?;
    for _ in 0..2 {
        assert!(
            matches!(keys.wrap(&k1, &key, b"").await, Err(KeyError::Exhausted(id)) if id == k1)
        );
        assert_eq!(keys.wraps(&k1), Some(MAX_WRAPS));
    }
    // What it wrapped is still read, however often, and reading is not counted.
    assert_eq!(
        keys.unwrap(&k1, &wrapped, b"").await?.expose(),
        key.expose()
    );
    assert_eq!(keys.wraps(&"k2".parse()?), None);
    Ok(())
}

#[tokio::test]
async fn a_key_reads_the_same_in_hex_and_in_base64() -> Tested {
    let bytes = HEXLOWER.decode(HEX.as_bytes())?;
    let base64 = BASE64.encode(&bytes);
    let texts = [
        HEX.to_owned(),
        HEXUPPER.encode(&bytes),
        base64.trim_end_matches('=').to_owned(),
        base64,
    ];
    let original = StaticKeyring::new(Kek::from_bytes("k1", &bytes)?);
    let (k1, key) = ("k1".parse()?, data_key());
    let wrapped = original.wrap(&k1, &key, b"").await?;
    for text in texts {
        let keys = StaticKeyring::new(Kek::from_text("k1", &text)?);
        assert_eq!(
            keys.unwrap(&k1, &wrapped, b"").await?.expose(),
            key.expose()
        );
    }
    Ok(())
}

#[test]
fn a_key_of_another_length_or_form_is_refused() {
    let bytes = |found: usize| (1..=found).map(|byte| byte as u8).collect::<Vec<_>>();
    for found in [0, 16, 24, 31, 33, 64] {
        let refused = Kek::from_bytes("k1", &bytes(found));
        assert!(
            matches!(refused, Err(InvalidKeyring::Length { found: told, .. }) if told == found)
        );
        let refused = Kek::from_text("k1", &BASE64.encode(&bytes(found)));
        let refused = refused.err();
        assert!(
            matches!(
                refused,
                Some(InvalidKeyring::Length { .. } | InvalidKeyring::Text(_))
            ),
            "{found} {refused:?}"
        );
    }
    for text in [
        "hunter2!",
        &"g".repeat(64),
        &"=".repeat(44),
        &format!("{BASE}?"),
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopR",
    ] {
        assert!(
            matches!(Kek::from_text("k1", text), Err(InvalidKeyring::Text(_))),
            "{text}"
        );
    }
    assert!(matches!(
        Kek::from_bytes("k1", &[7; 32]),
        Err(InvalidKeyring::NotRandom(_))
    ));
    for id in ["", "k 1", "k=1", "ü", &"k".repeat(256)] {
        assert!(
            matches!(Kek::from_bytes(id, &bytes(32)), Err(InvalidKeyring::Id)),
            "{id}"
        );
        assert!(
            matches!(Kek::from_text(id, "?"), Err(InvalidKeyring::Id)),
            "{id}"
        );
    }
    assert!(Kek::from_bytes(&"k".repeat(255), &bytes(32)).is_ok());
}

#[test]
fn two_keys_of_one_id_and_one_key_of_two_ids_are_refused() -> Tested {
    let same_id = second()?.and_old(kek("k1", 3)?);
    assert!(matches!(same_id, Err(InvalidKeyring::Duplicate(id)) if id.as_str() == "k1"));
    let same_id = first()?.and_old(kek("k1", 3)?);
    assert!(matches!(same_id, Err(InvalidKeyring::Duplicate(id)) if id.as_str() == "k1"));
    let same_key = second()?.and_old(kek("k3", 1)?);
    assert!(matches!(same_key, Err(InvalidKeyring::Same(..))));
    Ok(())
}

#[test]
fn a_text_is_entries_of_which_the_first_is_current() -> Tested {
    let text = format!("# keys of this host\n\n  2026-11 = {HEX} ,arn:kms:eu-1:1/2={BASE}=\n");
    let keys = StaticKeyring::from_text(&text)?;
    assert_eq!(keys.current().as_str(), "2026-11");
    assert_eq!(keys.wraps(&"arn:kms:eu-1:1/2".parse()?), Some(0));
    let refused = |text: &str| StaticKeyring::from_text(text).err();
    assert!(matches!(refused(""), Some(InvalidKeyring::Empty)));
    assert!(matches!(
        refused("# k1=x\n , \n"),
        Some(InvalidKeyring::Empty)
    ));
    assert!(matches!(
        refused(&format!("k1={HEX}\n{BASE}")),
        Some(InvalidKeyring::Entry(2))
    ));
    assert!(matches!(
        refused(&format!("k1={HEX},k1={BASE}")),
        Some(InvalidKeyring::Duplicate(_))
    ));
    assert!(matches!(
        refused(&format!("={HEX}")),
        Some(InvalidKeyring::Id)
    ));
    Ok(())
}

#[test]
fn a_keyring_comes_from_the_environment_or_a_file() -> Tested {
    // Cargo sets it: a variable with a text in it that is no keyring.
    let refused = StaticKeyring::from_env("CARGO_PKG_NAME");
    assert!(matches!(refused, Err(InvalidKeyring::Entry(1))));
    let refused = StaticKeyring::from_env("TRACEMEM_NO_SUCH_VARIABLE");
    assert!(
        matches!(refused, Err(InvalidKeyring::Environment(name)) if name == "TRACEMEM_NO_SUCH_VARIABLE")
    );

    let folder = std::env::temp_dir().join(format!("tracemem-keyring-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = folder.join("keys");
    assert!(matches!(
        StaticKeyring::from_file(&path),
        Err(InvalidKeyring::File(_))
    ));
    fs::write(&path, format!("k1={HEX}\n"))?;
    let keys = StaticKeyring::from_file(&path);
    fs::write(&path, b"k1=\xff")?;
    let not_text = StaticKeyring::from_file(&path);
    fs::remove_dir_all(&folder)?;
    assert_eq!(keys?.current().as_str(), "k1");
    assert!(matches!(not_text, Err(InvalidKeyring::NotText)));
    Ok(())
}

fn data_key() -> DataKey {
    DataKey::from_bytes([0x5a; 32].into())
}
