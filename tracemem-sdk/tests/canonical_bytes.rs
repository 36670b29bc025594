//! A document of ours has exactly one spelling, or none.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use tracemem_sdk::evidence::canonical::{NotCanonicalKind, parse, to_bytes};
use tracemem_sdk::evidence::digest::Digest;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Serialize)]
struct Envelope {
    v: u8,
    tenant: &'static str,
    claims: Claims,
    prev: Option<Digest>,
    sd: Vec<Digest>,
}

#[derive(Serialize)]
struct Claims {
    z: (i8, u64),
    a_1: Kind,
    a1: Kind,
    a: Kind,
    kind: Kind,
    unit: (),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Refund { reason: char, amount: i64 },
    Pair(bool, bool),
    Wrapped(&'static str),
    Plain,
}

#[test]
fn a_struct_comes_out_sorted_and_without_white_space() -> Outcome {
    let envelope = Envelope {
        v: 1,
        tenant: "acme",
        claims: Claims {
            z: (-1, 9_007_199_254_740_991),
            a_1: Kind::Refund {
                reason: '"',
                amount: -9_007_199_254_740_991,
            },
            a1: Kind::Pair(true, false),
            a: Kind::Wrapped("x"),
            kind: Kind::Plain,
            unit: (),
        },
        prev: None,
        sd: vec![Digest::of(b"")],
    };
    let expected = concat!(
        r#"{"claims":{"a":{"wrapped":"x"},"a1":{"pair":[true,false]},"#,
        r#""a_1":{"refund":{"amount":-9007199254740991,"reason":"\""}},"kind":"plain","unit":null,"#,
        r#""z":[-1,9007199254740991]},"prev":null,"#,
        r#""sd":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],"tenant":"acme","v":1}"#
    );
    assert_eq!(String::from_utf8(to_bytes(&envelope)?)?, expected);
    assert_eq!(to_bytes(&parse(expected.as_bytes())?)?, expected.as_bytes());
    Ok(())
}

#[test]
fn strings_are_escaped_as_rfc_8785_says() -> Outcome {
    let text: String = (0..0x80_u8)
        .map(char::from)
        .chain("é\u{2028}\u{ffff}😀/".chars())
        .collect();
    let expected = concat!(
        r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
        r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"#,
        r##" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"##,
        "\u{7f}é\u{2028}\u{ffff}😀/\""
    );
    assert_eq!(String::from_utf8(to_bytes(&text)?)?, expected);
    assert_eq!(parse(expected.as_bytes())?, Value::from(text));
    Ok(())
}

#[test]
fn what_the_profile_has_no_spelling_for_is_refused_by_rule_and_place() {
    use NotCanonicalKind::*;
    refuses(&json!({"a": {"B": 1}}), Key, "a.B");
    refuses(&json!({"": 1}), Key, "[\"\"]");
    refuses(&json!({"a": [{"é": 1}]}), Key, "a[0][\"é\"]");
    refuses(&json!({"a b": 1}), Key, "[\"a b\"]");
    refuses(&json!({"a\"": 1}), Key, "[\"a\\\\\\\"\"]");
    refuses(&json!({"a-b": 1}), Key, "a-b");
    refuses(
        &json!({"a".repeat(65): 1}),
        Key,
        &format!("[\"{}…\"]", "a".repeat(64)),
    );
    refuses(&BTreeMap::from([(7, "number as key")]), Key, "[\"\"]");
    refuses(&BTreeMap::from([(vec!["a"], 1)]), Key, "[\"\\\"a\\\"\"]");
    refuses(&json!({"a": 1.5}), Float, "a");
    refuses(&json!([0, 1.0]), Float, "[1]");
    refuses(&1.0_f32, Float, "");
    refuses(
        &json!({"a": {"b": 9_007_199_254_740_992_i64}}),
        IntegerOutOfRange,
        "a.b",
    );
    refuses(&i64::MIN, IntegerOutOfRange, "");
    refuses(&u64::MAX, IntegerOutOfRange, "");
    refuses(&i128::MIN, IntegerOutOfRange, "");
    refuses(&u128::MAX, IntegerOutOfRange, "");
    refuses(&InThisOrder(&members(&["b", "a", "b"])), DuplicateKey, "b");
    refuses(
        &InThisOrder(&members(&["a", "b", "b", "c"])),
        DuplicateKey,
        "b",
    );
    refuses(&Raw, Bytes, "");
    refuses(&Broken, Serialize, "");
    refuses(&nested(17), TooDeep, &"[0]".repeat(16));
    refuses(
        &json!({"b": {"c": {"x": 1, "a": 2}, "a": {"d": 1, "b": {"c": 0.5}}}}),
        Float,
        "b.a.b.c",
    );
}

#[test]
fn the_limits_of_the_profile_are_inclusive() -> Outcome {
    assert_eq!(to_bytes(&nested(16))?.len(), 32);
    assert_eq!(
        to_bytes(&json!({"z".repeat(64): 9_007_199_254_740_991_i64}))?.len(),
        2 + 64 + 3 + 16
    );
    assert_eq!(to_bytes(&-9_007_199_254_740_991_i64)?, b"-9007199254740991");
    assert_eq!(to_bytes(&9_007_199_254_740_991_u128)?, b"9007199254740991");
    Ok(())
}

#[test]
fn only_the_canonical_spelling_is_read() {
    use NotCanonicalKind::*;
    let cases: [(&str, NotCanonicalKind); 16] = [
        (r#"{"b":1,"a":2}"#, Spelling),
        (r#"{ "a":1}"#, Spelling),
        ("{\"a\":1}\n", Spelling),
        (r#""\u0041""#, Spelling),
        (r#""\/""#, Spelling),
        (r#""\u001F""#, Spelling),
        (r#""\u007f""#, Spelling),
        (r#"{"\u0061":1}"#, Spelling),
        ("-0", Float),
        ("1.0", Float),
        ("1e2", Float),
        (r#"{"A":1}"#, Key),
        (r#"{"a":1,"a":1}"#, Json),
        ("9007199254740992", Json),
        ("{}{}", Json),
        ("", Json),
    ];
    for (text, kind) in cases {
        assert_eq!(
            parse(text.as_bytes()).err().map(|error| error.kind()),
            Some(kind),
            "{text}"
        );
    }
    let bomb = "[".repeat(1_000_000);
    assert_eq!(
        parse(bomb.as_bytes()).err().map(|error| error.kind()),
        Some(Json)
    );
}

#[test]
fn an_error_says_what_to_do_and_repeats_no_value() {
    let error = to_bytes(&json!({"claims": {"amount": 12.34}}))
        .err()
        .map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some(
            "`claims.amount` is a floating-point number; use an integer of minor units or a string"
        )
    );
}

proptest! {
    #[test]
    fn the_bytes_are_those_of_sorted_compact_json(document in documents()) {
        // Within the profile a sorted map and serde_json's compact form are an independent JCS.
        let expected = serde_json::to_string(&sorted(&document))?;
        let bytes = to_bytes(&document)?;
        prop_assert_eq!(std::str::from_utf8(&bytes)?, expected);
        prop_assert_eq!(parse(&bytes)?, document);
    }

    #[test]
    fn the_order_in_which_members_come_does_not_matter(members in shuffled_members()) {
        let expected: BTreeMap<_, _> = members.iter().cloned().collect();
        prop_assert_eq!(to_bytes(&InThisOrder(&members))?, serde_json::to_vec(&expected)?);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_the_digest(document in documents(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let bytes = to_bytes(&document)?;
        let mut changed = bytes.clone();
        if let Some(byte) = changed.get_mut(at.index(bytes.len())) {
            *byte ^= flip;
        }
        match parse(&changed) {
            Ok(value) => {
                prop_assert_ne!(&value, &document);
                prop_assert_eq!(&to_bytes(&value)?, &changed);
                prop_assert_ne!(Digest::leaf(&changed), Digest::leaf(&bytes));
            }
            Err(_) => prop_assert_ne!(changed, bytes),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse(&bytes) {
            prop_assert_eq!(to_bytes(&value)?, bytes);
        }
    }
}

/// A map that hands out its members in the order they stand in.
struct InThisOrder<'a>(&'a [(String, i32)]);

impl Serialize for InThisOrder<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

fn members(keys: &[&str]) -> Vec<(String, i32)> {
    keys.iter().map(|key| ((*key).to_owned(), 1)).collect()
}

struct Raw;

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(b"raw")
    }
}

struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("personal data"))
    }
}

fn shuffled_members() -> impl Strategy<Value = Vec<(String, i32)>> {
    prop::collection::btree_map("[a-z0-9_]{1,5}", any::<i32>(), 0..12)
        .prop_map(|members| members.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991..=9_007_199_254_740_991_i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f\u{2028}\u{2029}😀]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z0-9_]{1,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[derive(Serialize)]
#[serde(untagged)]
enum Sorted<'a> {
    Object(BTreeMap<&'a str, Sorted<'a>>),
    Array(Vec<Sorted<'a>>),
    Leaf(&'a Value),
}

fn sorted(value: &Value) -> Sorted<'_> {
    match value {
        Value::Object(members) => Sorted::Object(
            members
                .iter()
                .map(|(key, value)| (key.as_str(), sorted(value)))
                .collect(),
        ),
        Value::Array(elements) => Sorted::Array(elements.iter().map(sorted).collect()),
        leaf => Sorted::Leaf(leaf),
    }
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

fn refuses<T: Serialize + ?Sized>(value: &T, kind: NotCanonicalKind, path: &str) {
    let error = to_bytes(value).err();
    assert_eq!(
        error.as_ref().map(|error| (error.kind(), error.path())),
        Some((kind, path))
    );
}
