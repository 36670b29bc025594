//! Block Kit, as much of it as messages need: every text in them is `plain_text`, so that nothing a caller writes is ever markup.
//!
//! The limits are those of Slack's reference of blocks. Slack does not say in which unit; here they count UTF-16 code units, of which a text never
//! has fewer than characters.

use serde_json::{Value, json};

/// The most of a header.
pub(super) const HEADER: usize = 150;

/// The most of a section's text, of a context's element, and of what is written into a field.
pub(super) const SECTION: usize = 3_000;

/// The most fields of a section.
pub(super) const FIELDS: usize = 10;

/// The most of a text that stands where `text` does, once it is escaped. `chat.update` takes 4,000.
const FALLBACK: usize = 500;

/// Plain text that is cut to `limit`. What has nothing to show is shown as a dash, because Slack refuses an empty text.
pub(super) fn plain(text: &str, limit: usize) -> Value {
    let text = if text.trim().is_empty() { "–" } else { text };
    json!({"type": "plain_text", "text": cut(text, limit), "emoji": false})
}

/// The text, and if it is longer than `limit` UTF-16 units as much of it as fits with the sign that it was cut.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let mut room = limit.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(room);
        left.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

/// How many UTF-16 units a text has.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// What `text` says where blocks are not shown, as in a notification. It is markup there: Slack's three control characters are escaped,
/// and what is posted with it says that nothing is to be made a link.
pub(super) fn fallback(text: &str) -> String {
    let text = cut(text, FALLBACK);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

pub(super) fn header(text: &str) -> Value {
    json!({"type": "header", "text": plain(text, HEADER)})
}

pub(super) fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text, SECTION)})
}

/// At most [`FIELDS`] texts, side by side.
pub(super) fn fields(texts: &[String], limit: usize) -> Value {
    let fields: Vec<Value> = texts
        .iter()
        .take(FIELDS)
        .map(|text| plain(text, limit))
        .collect();
    json!({"type": "section", "fields": fields})
}

pub(super) fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [plain(text, SECTION)]})
}

/// How a button looks. Exhaustive on purpose.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Primary,
    Danger,
}

/// A button; its value is at most 2,000 characters.
pub(super) fn button(label: &str, action: &str, value: &str, style: Style) -> Value {
    let style = match style {
        Style::Primary => "primary",
        Style::Danger => "danger",
    };
    json!({"type": "button", "text": plain(label, 75), "action_id": action, "value": value, "style": style})
}

pub(super) fn actions(block: &str, buttons: &[Value]) -> Value {
    json!({"type": "actions", "block_id": block, "elements": buttons})
}

/// A field of several lines to write into.
pub(super) fn input(id: &str, label: &str, optional: Optional) -> Value {
    json!({
        "type": "input",
        "block_id": id,
        "label": plain(label, 150),
        "optional": matches!(optional, Optional::Yes),
        "element": {"type": "plain_text_input", "action_id": id, "multiline": true, "max_length": SECTION},
    })
}

/// Whether a field may be left empty. Exhaustive on purpose.
#[derive(Debug, Clone, Copy)]
pub(super) enum Optional {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_the_units_that_take_most() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("👩👩", 4), "👩👩");
        assert_eq!(cut("👩👩👩", 4), "👩…");
        assert_eq!(cut("a👩👩", 4), "a👩…");
        assert_eq!(units(&cut(&"👩".repeat(4_000), SECTION)), SECTION - 1);
    }

    #[test]
    fn what_is_cut_first_and_escaped_then_ends_in_no_half_of_an_escape() {
        let text = fallback(&"<".repeat(4_000));
        assert_eq!(text, format!("{}…", "&lt;".repeat(FALLBACK - 1)));
        assert!(units(&text) <= 4_000);
        assert_eq!(
            fallback("<!channel> & &lt;"),
            "&lt;!channel&gt; &amp; &amp;lt;"
        );
    }

    #[test]
    fn a_text_with_nothing_to_show_is_a_dash() {
        for text in ["", " ", "\n\t"] {
            assert_eq!(
                plain(text, 10),
                json!({"type": "plain_text", "text": "–", "emoji": false})
            );
        }
    }
}
