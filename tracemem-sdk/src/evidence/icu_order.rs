//! The order of JavaScript's `String.prototype.localeCompare` for printable ASCII, without ICU.
//!
//! The published `json.sort_deep.v1` canonical form and the published rulebook language both sort with
//! `localeCompare`, so a hash or a rule order that ought to agree with theirs needs ICU's order and not the
//! order of bytes: `_` comes before `-`, punctuation before digits, `a` before `A` before `b`.
//!
//! **Source.** The CLDR root collation, which ICU and therefore Node use for English and every other locale
//! that tailors nothing: [UTS #35 part 5, root collation](https://www.unicode.org/reports/tr35/tr35-collation.html#Root_Collation),
//! compared as [UTS #10](https://www.unicode.org/reports/tr10/) says at strength tertiary with
//! `alternate=non-ignorable` (the CLDR default, so spaces and punctuation count). In the printable ASCII range
//! every character has one primary weight of its own, except that the two cases of a letter share one and
//! differ on the tertiary level; no ASCII sequence contracts, and no two differ on the secondary level.
//! `tests/vectors/icu_order` holds what Node 20 (ICU 78) answers, and the script that asked it.
//!
//! **Left to others.** Everything outside `0x20..=0x7e`. Control characters are partly ignorable in ICU (two
//! different strings can compare equal) and other scripts need ICU's tables. Whoever needs agreement with
//! `localeCompare` asks [`is_supported`] first and refuses what it rejects.

use std::cmp::Ordering;

/// Space, punctuation and symbols in the order of the CLDR root collation. Digits and then letters follow them.
const BEFORE_DIGITS: &[u8] = b" _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

const FIRST_DIGIT: u32 = BEFORE_DIGITS.len() as u32;
const FIRST_LETTER: u32 = FIRST_DIGIT + 10;
const FIRST_UNSUPPORTED: u32 = FIRST_LETTER + 26;

/// Whether [`compare`] is proved to agree with `localeCompare` on `key`: it has printable ASCII only
/// (`0x20..=0x7e`). The empty string is supported.
#[must_use]
pub fn is_supported(key: &str) -> bool {
    key.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// Compares as `a.localeCompare(b)` does in JavaScript with ICU's root collation.
///
/// First the primary weights of the whole strings (letters without case; a prefix comes first), and only if
/// these are all the same the case, at the first place where it differs: lower before upper. So `aB` < `Ab` < `ac`.
///
/// # Precondition
/// Both strings are [supported](is_supported). For other strings the result is still a total order, in which
/// equal means identical and an unsupported character comes after every supported one by its code point, but it is **not**
/// the order of ICU.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars(), b.chars());
    let mut by_case = Ordering::Equal;
    loop {
        match (left.next(), right.next()) {
            (None, None) => return by_case,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => match primary(x).cmp(&primary(y)) {
                // Different characters of the same primary weight are the two cases of one letter.
                Ordering::Equal => by_case = by_case.then(lower_first(x)),
                decided => return decided,
            },
        }
    }
}

/// The order of `x` and the same letter in the other case.
fn lower_first(x: char) -> Ordering {
    if x.is_ascii_lowercase() {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// A number in the order of the primary weights.
fn primary(c: char) -> u32 {
    match c {
        'a'..='z' => FIRST_LETTER + (u32::from(c) - u32::from('a')),
        'A'..='Z' => FIRST_LETTER + (u32::from(c) - u32::from('A')),
        '0'..='9' => FIRST_DIGIT + (u32::from(c) - u32::from('0')),
        _ => BEFORE_DIGITS
            .iter()
            .zip(0..)
            .find_map(|(symbol, weight)| (char::from(*symbol) == c).then_some(weight))
            .unwrap_or(FIRST_UNSUPPORTED + u32::from(c)),
    }
}
