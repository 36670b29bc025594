//! Texts for headers: what untrusted words become, and which configured ones are refused.

use crate::plain;

/// The most characters of a subject.
const SUBJECT_LIMIT: usize = 200;
/// The most characters of a display name.
const NAME_LIMIT: usize = 100;

/// The subject of the request with this title: the same for every attempt, so that what follows stands in one thread with it.
pub(super) fn subject(title: &str) -> String {
    // Mail programs decode what looks like an encoded word (RFC 2047), to line ends if that is what it says.
    let title = plain::line(title).replace("=?", "= ?");
    let shown: Vec<&str> = title.split_whitespace().collect();
    if shown.is_empty() {
        return "Approval needed".to_owned();
    }
    cut(
        &["Approval needed: ", &shown.join(" ")].concat(),
        SUBJECT_LIMIT,
    )
}

/// The text, or its beginning and a mark that something is left out.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    [kept.trim_end(), "\u{2026}"].concat()
}

/// Whether a configured text may stand in a header as a name; otherwise the rule.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    // Whatever would be made visible in a line is no part of a name: line ends and NUL forge headers, the rest forges what is read.
    let is_visible = plain::line(name) == name;
    let count = name.chars().count();
    let is_blank = name.trim().is_empty();
    if is_blank || count > NAME_LIMIT || !is_visible || name.contains("=?") {
        return Err(
            "it has 1 to 100 characters, and neither `=?` nor line ends, control characters and such as are invisible or reorder text",
        );
    }
    Ok(())
}

/// Whether a text is the `<id>` of a message as it stands in `Message-ID`, `In-Reply-To` and `References`.
pub(super) fn is_message_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+=-".contains(&byte);
    inner.is_some_and(|id| {
        id.len() <= 400 && id.bytes().all(legal) && id.bytes().filter(|b| *b == b'@').count() == 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_visible_line_of_at_most_200_characters() {
        assert_eq!(
            subject("Discount  of\t25"),
            "Approval needed: Discount of\u{27e8}U+0009\u{27e9}25"
        );
        assert_eq!(subject(" "), "Approval needed");
        for title in [
            "a\r\nBcc: eve@example.com",
            "\u{202e}lla",
            "\0",
            &"x".repeat(300),
        ] {
            let subject = subject(title);
            assert!(subject.chars().count() <= 200);
            assert!(
                !subject.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{subject}"
            );
        }
    }

    #[test]
    fn a_title_that_looks_encoded_is_not_decoded() {
        let subject = subject("=?utf-8?q?a=0D=0ABcc:_eve@example.com?=");
        assert!(!subject.contains("=?"), "{subject}");
    }

    #[test]
    fn a_name_that_would_forge_a_header_is_refused() {
        assert!(check_name("Z\u{fc}rich \"Approvals\" <5>").is_ok());
        for name in [
            "",
            " ",
            "a\r\nBcc: x",
            "a\nb",
            "a\0",
            "a\u{7f}",
            "a\u{85}",
            "a\u{202e}b",
            "=?utf-8?q?a=0D=0Ab?=",
            &"x".repeat(101),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_message_id_is_one_token_in_brackets() {
        assert!(is_message_id("<dlv_01.ab@example.com>"));
        for id in [
            "",
            "x@y",
            "<x>",
            "<x@y@z>",
            "<x@y>\r\nBcc: e",
            "<x@y z>",
            "<x\0@y>",
        ] {
            assert!(!is_message_id(id), "{id:?}");
        }
    }
}
