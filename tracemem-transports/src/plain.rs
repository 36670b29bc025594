//! Untrusted text made fit to be looked at: what is invisible, or moves what stands beside it, becomes visible.
//!
//! A text that reorders, hides or breaks what an approver reads is an attack on their judgment (CVE-2021-42574 is the best known).
//! Escaping for HTML is left to the templates.

use tracemem_sdk::time::Timestamp;

/// The text for a place with one line.
pub(crate) fn line(text: &str) -> String {
    visible(text, |c| c == '\n' || hides(c))
}

/// The text for a place that keeps line breaks and tabs.
pub(crate) fn paragraph(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    visible(&text, |c| c != '\n' && c != '\t' && hides(c))
}

fn visible(text: &str, hides: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        // One joiner between letters is how some scripts and emoji are written; several in a row only hide something.
        let joins = matches!(c, '\u{200C}' | '\u{200D}');
        if hides(c) || (joins && before.is_none_or(is_joiner)) {
            shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            shown.push(c);
        }
        before = Some(c);
    }
    shown
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Control characters, bidirectional controls, and characters without width or ink.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E007F}')
}

/// A time for people and for programs.
pub(crate) struct Moment {
    /// `2026-11-18 11:06:40 UTC`.
    pub(crate) human: String,
    /// RFC 3339.
    #[cfg_attr(
        not(feature = "page"),
        expect(dead_code, reason = "only pages are read by programs too")
    )]
    pub(crate) machine: String,
}

impl Moment {
    pub(crate) fn of(at: Timestamp) -> Self {
        let machine = at.to_string();
        let part = |range| machine.get(range).unwrap_or_default();
        Self {
            human: format!("{} {} UTC", part(0..10), part(11..19)),
            machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reorders_or_hides_text_is_made_visible() {
        assert_eq!(line("pay\u{202E}001"), "pay⟨U+202E⟩001");
        assert_eq!(line("a\u{2066}b\u{2069}c"), "a⟨U+2066⟩b⟨U+2069⟩c");
        assert_eq!(
            line("a\u{200B}\u{FEFF}\0\u{1B}"),
            "a⟨U+200B⟩⟨U+FEFF⟩⟨U+0000⟩⟨U+001B⟩"
        );
        assert_eq!(line("a\nb"), "a⟨U+000A⟩b");
    }

    #[test]
    fn a_paragraph_keeps_its_lines_and_tabs() {
        assert_eq!(paragraph("a\r\nb\tc\u{202A}"), "a\nb\tc⟨U+202A⟩");
        assert_eq!(paragraph("a\rb"), "a⟨U+000D⟩b");
    }

    #[test]
    fn ordinary_writing_stays_as_it_is() {
        for text in [
            "Zürich 5 €",
            "می\u{200C}خواهم",
            "👩\u{200D}💻",
            "שלום",
            "<b>&\"'",
        ] {
            assert_eq!(line(text), text);
        }
        assert_eq!(line("a\u{200D}\u{200D}"), "a\u{200D}⟨U+200D⟩");
    }

    #[test]
    fn a_moment_is_told_in_utc() {
        let moment = Moment::of(Timestamp::from_micros(1_795_000_000_120_003));
        assert_eq!(moment.human, "2026-11-18 11:06:40 UTC");
        assert_eq!(moment.machine, "2026-11-18T11:06:40.120003Z");
    }
}
