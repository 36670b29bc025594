//! JSON from callers is read strictly: every rule, its place, and no panic on anything.

use proptest::prelude::*;
use serde_json::{Value, json};
use tracemem_sdk::json::{InvalidJsonKind, Limits, check_value, parse};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    use InvalidJsonKind::*;
    check(r#"{"a":1,"a":1}"#, DuplicateKey, "a");
    check(r#"{"a":1,"\u0061":2}"#, DuplicateKey, "a");
    check(
        r#"{"context":{"items":[{},{"x":{},"x":{}}]}}"#,
        DuplicateKey,
        "context.items[1].x",
    );
    check(
        r#"{"amount":9007199254740992}"#,
        IntegerOutOfRange,
        "amount",
    );
    check(
        r#"{"amount":-9007199254740992}"#,
        IntegerOutOfRange,
        "amount",
    );
    check(r#"[[9007199254740993]]"#, IntegerOutOfRange, "[0][0]");
    check("9007199254740993.0", IntegerOutOfRange, "");
    check("90071992547409920e-1", IntegerOutOfRange, "");
    check("-1e16", IntegerOutOfRange, "");
    check("1e300", IntegerOutOfRange, "");
    check("18446744073709551616", IntegerOutOfRange, "");
    check(r#"{"a":[0,1e400]}"#, NumberOutOfRange, "a[1]");
    check(r#"{"a":-1e400,"b":1}"#, NumberOutOfRange, "a");
    check("\u{feff}{}", ByteOrderMark, "");
    check("{} {}", TrailingData, "");
    check("1 2", TrailingData, "");
    check("{}\0", TrailingData, "");
    check(
        r#"{"$serde_json::private::RawValue":"{\"verdict\":\"yes\"}"}"#,
        ReservedKey,
        "[\"$serde_json::private::RawValue\"]",
    );
    check(
        r#"{"$serde_json::private::Number":"1"}"#,
        ReservedKey,
        "[\"$serde_json::private::Number\"]",
    );
}

#[test]
fn what_is_no_json_is_a_syntax_error_at_its_place() {
    let cases: [(&str, &str); 22] = [
        ("", ""),
        (" ", ""),
        ("{", ""),
        ("[1,]", "[1]"),
        ("{\"a\":1,}", ""),
        ("{'a':1}", ""),
        ("{\"a\" 1}", "a"),
        ("{\"a\":tru}", "a"),
        ("{\"a\":[1,{\"b\":nul}]}", "a[1].b"),
        ("NaN", ""),
        ("Infinity", ""),
        ("-", ""),
        ("01", ""),
        ("+1", ""),
        ("1.", ""),
        (".5", ""),
        ("1e", ""),
        ("// comment\n1", ""),
        ("\"\\ud800\"", ""),
        ("\"\\udc00\\ud800\"", ""),
        ("\"tab\there\"", ""),
        ("\"\\x41\"", ""),
    ];
    for (text, path) in cases {
        check(text, InvalidJsonKind::Syntax, path);
    }
}

#[test]
fn bytes_that_are_no_utf8_are_refused() {
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc3\"",
        b"\"\xed\xa0\x80\"",
        b"\xff\xfe{\0}\0",
        b"\"\xc0\xaf\"",
    ] {
        let error = parse(bytes, &Limits::default()).err();
        assert_eq!(
            error.map(|e| e.kind()),
            Some(InvalidJsonKind::NotUtf8),
            "{bytes:?}"
        );
    }
}

#[test]
fn what_everybody_reads_alike_is_accepted() -> Outcome {
    for text in [
        "null",
        "1.5",
        "-0",
        "0.1",
        "9007199254740991",
        "-9007199254740991",
        "9007199254740991.0",
        "4503599627370495.5",
        "5e-324",
        "1e15",
        " [ ] ",
        r#"{"":0," ":1,"\u0000":2}"#,
        r#"{"a":{"a":{"a":1}}}"#,
        r#""\ud83d\ude00\u2028""#,
    ] {
        let value = parse(text.as_bytes(), &Limits::default())
            .map_err(|error| format!("{text}: {error}"))?;
        assert_eq!(value, serde_json::from_str::<Value>(text)?);
        check_value(&value, &Limits::default())?;
    }
    Ok(())
}

#[test]
fn each_limit_holds_to_the_byte() {
    let limits = Limits::default().bytes(20).depth(3).string(4);
    let parses = |text: &str| {
        parse(text.as_bytes(), &limits).map_err(|error| (error.kind(), error.path().to_owned()))
    };

    assert!(parses("[[[1]]]").is_ok());
    assert_eq!(
        parses("[[[[]]]]"),
        Err((InvalidJsonKind::TooDeep, "[0][0][0]".to_owned()))
    );
    assert_eq!(
        parses(r#"[{"a":[{}]}]"#),
        Err((InvalidJsonKind::TooDeep, "[0].a[0]".to_owned()))
    );
    assert!(parses(r#""éé""#).is_ok());
    assert_eq!(
        parses(r#"["ééa"]"#),
        Err((InvalidJsonKind::StringTooLong, "[0]".to_owned()))
    );
    assert!(parses(r#"{"abcd":1}"#).is_ok());
    assert_eq!(
        parses(r#"{"abcde":1}"#),
        Err((InvalidJsonKind::StringTooLong, "abcde".to_owned()))
    );
    assert!(parses(r#""\u0061\u0061""#).is_ok());
    assert!(parses(&format!("1{}", " ".repeat(19))).is_ok());
    assert_eq!(
        parses(&format!("1{}", " ".repeat(20))),
        Err((InvalidJsonKind::TooLarge, String::new()))
    );
}

#[test]
fn the_default_limits_are_those_of_requests() {
    let kind = |text: &str| {
        parse(text.as_bytes(), &Limits::default())
            .map(drop)
            .map_err(|error| error.kind())
    };
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let strings = |count: usize| format!("[\"{}\"]", vec!["x".repeat(65_000); count].join("\",\""));

    assert_eq!(kind(&nested(32)), Ok(()));
    assert_eq!(kind(&nested(33)), Err(InvalidJsonKind::TooDeep));
    assert_eq!(kind(&format!("\"{}\"", "x".repeat(65_536))), Ok(()));
    assert_eq!(
        kind(&format!("\"{}\"", "x".repeat(65_537))),
        Err(InvalidJsonKind::StringTooLong)
    );
    assert_eq!(kind(&strings(4)), Ok(()));
    assert_eq!(kind(&strings(5)), Err(InvalidJsonKind::TooLarge));
}

#[test]
fn a_depth_bomb_is_refused_whatever_depth_was_asked_for() {
    let limits = Limits::default().depth(usize::MAX).bytes(usize::MAX);
    for bomb in [
        "[".repeat(1_000_000),
        r#"{"a":"#.repeat(1_000_000),
        r#"[{"a":"#.repeat(500_000),
    ] {
        let error = parse(bomb.as_bytes(), &limits).err();
        assert_eq!(error.map(|e| e.kind()), Some(InvalidJsonKind::TooDeep));
    }
    let deepest = format!(
        "{}{}",
        "[".repeat(Limits::MAX_DEPTH),
        "]".repeat(Limits::MAX_DEPTH)
    );
    assert!(parse(deepest.as_bytes(), &limits).is_ok());
}

#[test]
fn values_built_in_code_obey_the_same_rules() {
    let limits = Limits::default().bytes(100).depth(3).string(8);
    let refuses = |value: Value, kind: InvalidJsonKind, path: &str| {
        let error = check_value(&value, &limits).err();
        assert_eq!(
            error.as_ref().map(|e| (e.kind(), e.path())),
            Some((kind, path)),
            "{value}"
        );
    };
    refuses(
        json!({"a": [1, 9_007_199_254_740_992_u64]}),
        InvalidJsonKind::IntegerOutOfRange,
        "a[1]",
    );
    refuses(json!(i64::MIN), InvalidJsonKind::IntegerOutOfRange, "");
    refuses(json!({"a": 1e300}), InvalidJsonKind::IntegerOutOfRange, "a");
    refuses(
        json!({"a": {"b": [[]]}}),
        InvalidJsonKind::TooDeep,
        "a.b[0]",
    );
    refuses(
        json!({"a": ["123456789"]}),
        InvalidJsonKind::StringTooLong,
        "a[0]",
    );
    refuses(
        json!({"123456789": 1}),
        InvalidJsonKind::StringTooLong,
        "123456789",
    );
    refuses(
        json!({"$serde_json::private::RawValue": 1}),
        InvalidJsonKind::ReservedKey,
        "[\"$serde_json::private::RawValue\"]",
    );
    refuses(json!(vec!["\n\n\n\n"; 10]), InvalidJsonKind::TooLarge, "");
    assert!(check_value(&json!(vec!["\n\n\n\n"; 9]), &limits).is_ok());
}

#[test]
fn an_error_names_the_place_and_the_rule_and_no_value() {
    let text = |json: &str| {
        parse(json.as_bytes(), &Limits::default())
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(
        text("{\"context\":{\n\"items\":[0,0,0,{\"price\":1e300}]}}").as_deref(),
        Some(
            "`context.items[3].price` is an integer beyond ±(2^53 - 1); send it as a string (line 2, column 29)"
        )
    );
    assert_eq!(
        text("").as_deref(),
        Some("the document is not well-formed JSON (line 1, column 0)")
    );
    let secret = text(r#"{"note":"s3cret","note":"s3cret"}"#).unwrap_or_default();
    assert!(secret.starts_with("`note` stands twice in one object"));
    assert!(!secret.contains("s3cret"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn json_like_text_is_accepted_only_where_serde_json_accepts_it(text in "[\\[\\]{}\",:0-9.eE+\\-a \\\\ntrulfs]{0,40}") {
        let strict = parse(text.as_bytes(), &Limits::default());
        let lax = serde_json::from_str::<Value>(&text);
        if let Ok(value) = strict {
            prop_assert_eq!(value, lax?);
        }
    }

    #[test]
    fn text_and_value_are_judged_alike(value in documents()) {
        let limits = Limits::default().depth(3).string(3).bytes(60);
        let from_text = parse(value.to_string().as_bytes(), &limits).map(drop).map_err(|error| error.kind());
        let from_value = check_value(&value, &limits).map_err(|error| error.kind());
        // The size is looked at first in text and last in values; otherwise they agree.
        if from_text != Err(InvalidJsonKind::TooLarge) {
            prop_assert_eq!(from_text, from_value);
        } else {
            prop_assert!(from_value.is_err());
        }
    }
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c$é]{0,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn check(text: &str, kind: InvalidJsonKind, path: &str) {
    let error = parse(text.as_bytes(), &Limits::default()).err();
    assert_eq!(
        error.as_ref().map(|e| (e.kind(), e.path())),
        Some((kind, path)),
        "{text}"
    );
}
