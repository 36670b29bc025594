//! What the quickstart tells people, and where: the standard output, or standard error where that is kept for the JSON line.

use std::io::{self, Write};

use crate::options::Report;

/// Says lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice(Report);

impl Voice {
    pub(crate) fn new(report: Report) -> Self {
        Self(report)
    }

    /// One line, or several.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        let text = visible(text.as_ref());
        // Nobody listens any more, as with `| head`: that is no reason to leave a decision half done.
        let _ = match self.0 {
            Report::People => writeln!(io::stdout().lock(), "{text}"),
            Report::Json => writeln!(io::stderr().lock(), "{text}"),
        };
    }
}

/// What people typed may hold control characters, which a terminal would obey.
fn visible(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{FFFD}'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}
