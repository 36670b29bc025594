//! `json.sort_deep.v1` is what JavaScript makes of a value; `vectors/sort_deep/cases.json` holds what it made.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracemem_sdk::evidence::digest::Digest;
use tracemem_sdk::evidence::icu_order;
use tracemem_sdk::evidence::sort_deep::{
    NotSortDeepKind, canonical, clean_text, compact_object, hash,
};
use tracemem_sdk::json::{Limits, parse};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Cases {
    canonical: Vec<Canonical>,
    compacted: Vec<Compacted>,
    cleaned: Vec<Cleaned>,
}

#[derive(Deserialize)]
struct Canonical {
    json: String,
    canonical: String,
    sha256: String,
}

#[derive(Deserialize)]
struct Compacted {
    value: Map<String, Value>,
    compact: Map<String, Value>,
}

#[derive(Deserialize)]
struct Cleaned {
    input: String,
    max: usize,
    clean: Option<String>,
}

fn cases() -> Result<Cases, serde_json::Error> {
    serde_json::from_str(include_str!("vectors/sort_deep/cases.json"))
}

#[test]
fn a_value_has_the_text_and_the_hash_that_javascript_gives_it() -> Outcome {
    let cases = cases()?.canonical;
    assert!(cases.len() > 200);
    for case in cases {
        let value: Value = serde_json::from_str(&case.json)?;
        assert_eq!(canonical(&value)?, case.canonical, "{}", case.json);
        assert_eq!(hash(&value)?.to_hex(), case.sha256, "{}", case.json);
    }
    Ok(())
}

#[test]
fn what_says_nothing_is_dropped_as_in_javascript() -> Outcome {
    let cases = cases()?.compacted;
    assert!(cases.len() > 50);
    for case in cases {
        assert_eq!(
            compact_object(&case.value),
            case.compact,
            "{:?}",
            case.value
        );
    }
    Ok(())
}

#[test]
fn texts_are_trimmed_and_cut_as_in_javascript() -> Outcome {
    let cases = cases()?.cleaned;
    assert!(cases.iter().any(|case| case.clean.is_none()));
    for case in cases {
        assert_eq!(
            clean_text(&case.input, case.max),
            case.clean.as_deref(),
            "{:?} {}",
            case.input,
            case.max
        );
    }
    Ok(())
}

#[test]
fn what_two_implementations_would_write_differently_is_refused() {
    use NotSortDeepKind::*;
    refuses(&json!({"a": {"é": 1}}), Key, "a[\"é\"]");
    refuses(&json!({"a\n": 1}), Key, "[\"a\\n\"]");
    refuses(&json!({"a\u{7f}": 1}), Key, "[\"a\\u{7f}\"]");
    refuses(&json!([{}, {"a": {"0": 1}}]), IndexKey, "[1].a.0");
    refuses(&json!({"10": 1}), IndexKey, "10");
    refuses(&json!({"4294967294": 1}), IndexKey, "4294967294");
    refuses(
        &json!({"a": [{"__proto__": {}}]}),
        PrototypeKey,
        "a[0].__proto__",
    );
    refuses(&json!({"a": 9_007_199_254_740_993_u64}), Number, "a");
    refuses(
        &json!({"a": [12_345_678_901_234_567_890_u64]}),
        Number,
        "a[0]",
    );
    refuses(&json!(1_u64 << 60), Number, "");
    refuses(&json!(i64::MIN), Number, "");
    refuses(&json!(u64::MAX), Number, "");
    refuses(
        &nested(Limits::MAX_DEPTH + 1),
        TooDeep,
        &"[0]".repeat(Limits::MAX_DEPTH),
    );
}

#[test]
fn what_they_write_alike_is_accepted() -> Outcome {
    // An array index is canonical and below 2^32 - 1; everything else is an ordinary key.
    let keys = json!({"4294967295": 1, "00": 1, "+1": 1, "-0": 1, "1.0": 1, "1e1": 1, " 1": 1, "": 1, "proto": 1});
    assert!(canonical(&keys).is_ok());
    assert_eq!(
        canonical(&json!([
            9_007_199_254_740_992_u64,
            12_345_678_901_234_567_000_u64
        ]))?,
        "[9007199254740992,12345678901234567000]"
    );
    assert_eq!(
        canonical(&json!([1e21, -0.0, 1.0, 1e300]))?,
        "[1e+21,0,1,1e+300]"
    );
    assert_eq!(
        canonical(&nested(Limits::MAX_DEPTH))?.len(),
        2 * Limits::MAX_DEPTH
    );
    assert_eq!(
        hash(&json!({}))?.to_hex(),
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    Ok(())
}

#[test]
fn an_error_names_the_place_and_the_rule() {
    let error = canonical(&json!({"inputs": {"0": "s3cret"}}))
        .err()
        .map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some("`inputs.0` is a key that reads as an array index")
    );
}

proptest! {
    #[test]
    fn the_text_reads_back_as_the_value_with_its_keys_in_order(value in documents()) {
        let text = canonical(&value)?;
        let keys = top_level_keys(&text)?;
        prop_assert!(keys.is_sorted_by(|one, other| icu_order::compare(one, other).is_lt()));
        let back = parse(text.as_bytes(), &Limits::default().bytes(usize::MAX))?;
        prop_assert_eq!(canonical(&back)?, text.clone());
        prop_assert_eq!(hash(&back)?, Digest::of(text.as_bytes()));
    }

    #[test]
    fn arbitrary_values_never_panic(text in any::<String>(), max in 0..10_usize) {
        let _ = clean_text(&text, max);
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = hash(&value);
        }
        let _ = canonical(&json!({ text.as_str(): [text.as_str()] }));
    }
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991..=9_007_199_254_740_991_i64).prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 30, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_][ -~]{0,4}", inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The keys of an object in the order they stand in the text.
fn top_level_keys(text: &str) -> Result<Vec<String>, serde_json::Error> {
    struct Keys(Vec<String>);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;

            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Keys;

                fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    formatter.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }

            deserializer.deserialize_map(Visitor)
        }
    }

    if text.starts_with('{') {
        serde_json::from_str::<Keys>(text).map(|keys| keys.0)
    } else {
        Ok(Vec::new())
    }
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

fn refuses(value: &Value, kind: NotSortDeepKind, path: &str) {
    let error = canonical(value).err();
    assert_eq!(
        error.as_ref().map(|error| (error.kind(), error.path())),
        Some((kind, path))
    );
    assert!(hash(value).is_err());
}
