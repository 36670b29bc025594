//! The order of `localeCompare` against what Node answered (`vectors/icu_order`).

use std::{cmp::Ordering, error::Error};

use proptest::prelude::*;
use serde::Deserialize;
use tracemem_sdk::evidence::icu_order::{compare, is_supported};

#[derive(Deserialize)]
struct Cases {
    /// All printable ASCII characters, in Node's order.
    singles: String,
    /// All strings of two of them, in Node's order, one after the other.
    twos: String,
    /// Two strings and the sign of `a.localeCompare(b)`.
    pairs: Vec<(String, String, i8)>,
}

fn cases() -> Result<Cases, Box<dyn Error>> {
    Ok(serde_json::from_str(include_str!(
        "vectors/icu_order/cases.json"
    ))?)
}

fn sign(order: Ordering) -> i8 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

fn sorted<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.sort_by(|a, b| compare(a, b));
    all
}

#[test]
fn pairs_of_strings_compare_as_node_compares_them() -> Result<(), Box<dyn Error>> {
    let cases = cases()?;
    assert!(cases.pairs.len() >= 2000, "the fixture is complete");
    for (a, b, expected) in &cases.pairs {
        assert!(is_supported(a) && is_supported(b), "`{a}` `{b}`");
        assert_eq!(sign(compare(a, b)), *expected, "`{a}` with `{b}`");
        assert_eq!(sign(compare(b, a)), -*expected, "`{b}` with `{a}`");
    }
    Ok(())
}

#[test]
fn every_string_of_one_and_of_two_characters_sorts_as_in_node() -> Result<(), Box<dyn Error>> {
    let cases = cases()?;
    for (listed, width) in [(&cases.singles, 1), (&cases.twos, 2)] {
        let expected: Vec<&str> = listed
            .as_bytes()
            .chunks(width)
            .map(std::str::from_utf8)
            .collect::<Result<_, _>>()?;
        assert_eq!(expected.len(), 95_usize.pow(width.try_into()?));
        assert_eq!(sorted(expected.iter().copied()), expected);
    }
    Ok(())
}

#[test]
fn case_decides_only_after_the_whole_string_is_the_same_without_it() {
    // `ab10` and `ab2` are text, not numbers.
    let expected = [
        "", "_", "-", "10", "2", "a", "A", "a_1", "a-b", "a.b", "a1", "ab", "aB", "Ab", "AB",
        "ab10", "ab2", "B", "Z",
    ];
    assert_eq!(sorted(expected.into_iter()), expected);
}

#[test]
fn only_printable_ascii_is_promised() {
    for supported in ["", " ", "~", "discount_percent"] {
        assert!(is_supported(supported), "`{supported}`");
    }
    for other in [
        "\u{1f}",
        "\u{7f}",
        "a\tb",
        "\0",
        "\u{e9}",
        "a\u{301}",
        "\u{1f600}",
    ] {
        assert!(!is_supported(other), "`{}`", other.escape_debug());
    }
}

proptest! {
    #[test]
    fn any_three_strings_are_in_a_total_order(a in "\\PC{0,6}", b in "[aAbB\u{e9}_]{0,4}", c in any::<String>()) {
        let mut one = [a.as_str(), &b, &c];
        let mut other = [c.as_str(), &a, &b];
        one.sort_by(|x, y| compare(x, y));
        other.sort_by(|x, y| compare(x, y));
        prop_assert_eq!(one, other);
        prop_assert_eq!(compare(&a, &c), compare(&c, &a).reverse());
        prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
    }
}
