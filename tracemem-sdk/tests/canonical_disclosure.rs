//! Digests have one text form; disclosures follow RFC 9901, give values back exactly and print none.

use proptest::prelude::*;
use tracemem_sdk::evidence::digest::Digest;
use tracemem_sdk::evidence::disclosure::{Disclosure, InvalidDisclosure, Salt};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// SHA-256 of `abc`, FIPS 180-4's first example.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_digest_has_one_text_form_and_every_other_is_refused() -> Outcome {
    let digest = Digest::of(b"abc");
    let text = format!("sha256:{ABC}");
    assert_eq!(digest.to_string(), text);
    assert_eq!(digest.to_hex(), ABC);
    assert_eq!(text.parse::<Digest>()?, digest);
    assert_eq!(Digest::from_hex(ABC)?, digest);
    assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
    assert_eq!(serde_json::to_string(&digest)?, format!("\"{text}\""));
    assert_eq!(
        serde_json::from_str::<Digest>(&format!("\"{text}\""))?,
        digest
    );

    let upper = format!("sha256:{}", ABC.to_uppercase());
    for wrong in [
        "",
        ABC,
        "sha256:",
        upper.as_str(),
        text.to_uppercase().as_str(),
        text.replace("sha256", "sha512").as_str(),
        text.replace(':', "-").as_str(),
        format!("{text}0").as_str(),
        format!(" {text}").as_str(),
        format!("{text}\n").as_str(),
        text.get(..70).unwrap_or_default(),
        text.replace('b', "g").as_str(),
        text.replace("ba", "é").as_str(),
    ] {
        assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        assert!(
            serde_json::from_value::<Digest>(wrong.into()).is_err(),
            "{wrong}"
        );
    }
    assert!(serde_json::from_str::<Digest>("[1]").is_err());
    Ok(())
}

#[test]
fn a_leaf_is_hashed_with_the_prefix_of_rfc_6962() -> Outcome {
    // The leaf hash of the empty entry, as RFC 6962 implementations publish it.
    assert_eq!(
        Digest::leaf(b"").to_hex(),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(Digest::leaf(b"abc"), Digest::of(b"\0abc"));
    Ok(())
}

#[test]
fn the_digest_is_the_one_of_rfc_9901() {
    // RFC 9901 sections 4.2.1 and 4.2.3: the example disclosure of `family_name`.
    let text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
    let digest = data_encoding::BASE64URL_NOPAD.encode(Disclosure::digest_of(text).as_bytes());
    assert_eq!(digest, "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
}

#[test]
fn a_disclosure_is_base64url_of_salt_name_and_the_exact_value() -> Outcome {
    let value = br#"{"b": 1.50, "a":"\u00e9 M"} "#;
    let disclosure = Disclosure::new("input", value, Salt::from_bytes(*b"0123456789abcdef"))?;
    let array = data_encoding::BASE64URL_NOPAD.decode(disclosure.text().as_bytes())?;
    assert_eq!(
        String::from_utf8(array)?,
        r#"["MDEyMzQ1Njc4OWFiY2RlZg","input",{"b": 1.50, "a":"\u00e9 M"} ]"#
    );
    assert_eq!(
        disclosure.digest(),
        Digest::of(disclosure.text().as_bytes())
    );

    let revealed = Disclosure::parse(disclosure.text())?;
    assert_eq!(revealed.disclosure, disclosure);
    assert_eq!(revealed.disclosure.name(), "input");
    assert_eq!(revealed.value, value);
    Ok(())
}

#[test]
fn a_fresh_salt_makes_equal_values_unlinkable() -> Outcome {
    let digest = || -> Result<Digest, Box<dyn std::error::Error>> {
        Ok(Disclosure::new("email", b"\"ada@example.com\"", Salt::random()?)?.digest())
    };
    assert_ne!(digest()?, digest()?);
    Ok(())
}

#[test]
fn names_and_values_that_are_none_are_refused() {
    let error =
        |name: &str, value: &[u8]| Disclosure::new(name, value, Salt::from_bytes([0; 16])).err();
    for name in ["", "_sd", "...", "a\nb", "a\u{85}b", &"n".repeat(129)] {
        assert_eq!(error(name, b"1"), Some(InvalidDisclosure::Name), "{name:?}");
    }
    for value in [
        &b""[..],
        b" ",
        b"1 2",
        b"1],[1",
        b"{",
        b"nul",
        b"\"\xff\"",
        b"1e",
        b"\"",
        b"[1",
    ] {
        assert_eq!(
            error("name", value),
            Some(InvalidDisclosure::Value),
            "{value:?}"
        );
    }
    assert_eq!(error(&"n".repeat(128), b"null"), None);
    assert_eq!(
        error(
            "a deep value is only skipped over",
            &[b"[".repeat(100_000), b"]".repeat(100_000)].concat()
        ),
        None
    );
}

#[test]
fn another_spelling_of_a_disclosure_is_refused() -> Outcome {
    let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
    let read = |array: String| {
        Disclosure::parse(&data_encoding::BASE64URL_NOPAD.encode(array.as_bytes())).map(drop)
    };
    assert_eq!(read(format!(r#"["{salt}","a",1]"#)), Ok(()));
    for other in [
        format!(r#"["{salt}", "a",1]"#),
        format!(r#"[ "{salt}","a",1]"#),
        format!(r#"["{salt}","\u0061",1]"#),
        format!(r#"["{salt}","a",1] "#),
        format!(r#"["{salt}","a" ,1]"#),
        format!(r#"["{salt}","a"]"#),
        format!(r#"["{salt}",1]"#),
        format!(r#"["{salt}AA","a",1]"#),
        format!(r#"["{}h","a",1]"#, salt.get(..21).unwrap_or_default()),
        String::new(),
    ] {
        assert!(
            matches!(read(other.clone()), Err(InvalidDisclosure::Text)),
            "{other}"
        );
    }
    assert_eq!(
        read(format!(r#"["{salt}","a",1,2]"#)),
        Err(InvalidDisclosure::Value)
    );
    assert_eq!(
        read(format!(r#"["{salt}","...",1]"#)),
        Err(InvalidDisclosure::Name)
    );
    assert!(Disclosure::parse("W10=").is_err());
    assert!(Disclosure::parse("é").is_err());
    Ok(())
}

#[test]
fn debug_prints_no_value_no_text_and_no_salt() -> Outcome {
    let disclosure = Disclosure::new(
        "email",
        b"\"ada@example.com\"",
        Salt::from_bytes(*b"0123456789abcdef"),
    )?;
    let revealed = Disclosure::parse(disclosure.text())?;
    let printed = format!(
        "{disclosure:?} {revealed:?} {:?}",
        Salt::from_bytes(*b"0123456789abcdef")
    );
    assert!(
        printed.contains("email") && printed.contains(&disclosure.digest().to_string()),
        "{printed}"
    );
    let middle = disclosure.text().get(8..24).unwrap_or_default();
    for secret in ["ada", "0123456789abcdef", "MDEyMzQ1", middle, "[48, 49"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_value_comes_back_byte_by_byte(name in "[^\\p{Cc}]{1,20}", value in any::<String>(), salt in any::<[u8; 16]>()) {
        let json = serde_json::to_vec(&value)?;
        match Disclosure::new(&name, &json, Salt::from_bytes(salt)) {
            Ok(disclosure) => {
                let revealed = Disclosure::parse(disclosure.text())?;
                prop_assert_eq!(revealed.value, json);
                prop_assert_eq!(revealed.disclosure, disclosure);
            }
            Err(error) => prop_assert!(error == InvalidDisclosure::Name && (name == "..." || name == "_sd")),
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), array in any::<Vec<u8>>()) {
        let _ = Disclosure::parse(&text);
        let _ = Disclosure::parse(&data_encoding::BASE64URL_NOPAD.encode(&array));
    }
}
