//! The words of a text, folded so that case and the way a letter is written make no difference.
//!
//! A text is brought to Unicode's normal form NFKC, each character to upper and then to lower case, so that `ß` is `ss` and both sigmas
//! are one, and to NFKC again. What is between two characters that are neither letters nor digits is a word: `renewal.discount` is two.
//! Nothing is stemmed, and scripts that put no space between words have them as long as their runs of letters.

use unicode_normalization::UnicodeNormalization;

/// How many characters of a word count: two that begin with as many are one.
const LONGEST: usize = 64;

/// How many different words of one text count, the first ones.
pub(crate) const MOST: usize = 32;

/// The different words of a text, in their order, [`MOST`] of them at most.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded: String = text
        .nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect();
    let mut words: Vec<String> = Vec::new();
    for word in folded.split(|c: char| !c.is_alphanumeric()) {
        if words.len() == MOST {
            break;
        }
        let word: String = word.chars().take(LONGEST).collect();
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_the_way_a_letter_is_written_make_no_difference() {
        for (one, other) in [
            ("Late REFUND", "late refund"),
            ("Straße", "STRASSE"),
            ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
            ("re\u{301}sume\u{301}", "R\u{c9}SUM\u{c9}"),
            ("ﬁne", "FINE"),
            ("Ｆｕｌｌ", "full"),
            ("\u{212a}elvin", "kelvin"),
        ] {
            assert_eq!(words(one), words(other), "{one} {other}");
            assert!(!words(one).is_empty());
        }
        assert_ne!(words("resume"), words("résumé"));
    }

    #[test]
    fn whatever_is_no_letter_and_no_digit_is_between_words() {
        for (text, expected) in [
            (
                "renewal.discount.apply-now",
                vec!["renewal", "discount", "apply", "now"],
            ),
            ("Refund #42 (of 120 €)", vec!["refund", "42", "of", "120"]),
            ("acct_42", vec!["acct", "42"]),
            ("again and AGAIN", vec!["again", "and"]),
            ("  … — !", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_cut_and_counted() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(words(&long), ["x".repeat(LONGEST)]);
        let many: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(
            words(&many.join(" ")),
            many.iter().take(MOST).cloned().collect::<Vec<_>>()
        );
    }
}
