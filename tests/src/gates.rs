//! Gates: where a child says that it is there, and waits for the word to go on, or for its end.

use crate::{
    Outcome,
    arrow::Arrow,
    protocol::{Said, hear, say},
};

/// The gates that are closed.
#[derive(Debug, Clone)]
pub struct Gates {
    closed: Vec<Arrow>,
}

impl Gates {
    /// These gates are closed, all others open.
    #[must_use]
    pub fn closed_at(arrows: &[Arrow]) -> Self {
        Self {
            closed: arrows.to_vec(),
        }
    }

    /// Whether nobody is stopped.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.closed.is_empty()
    }

    /// Passes a point: says so where the gate is closed, and waits for the word, unless the point is one that is passed.
    ///
    /// It blocks the task that reaches it, so that no time limit inside the task fires while it waits.
    ///
    /// # Errors
    /// Where there is no parent any more.
    pub fn reach(&self, arrow: Arrow) -> Outcome {
        if !self.closed.contains(&arrow) {
            return Ok(());
        }
        say(&Said::At(arrow))?;
        if arrow.is_passed() {
            return Ok(());
        }
        await_word()
    }
}

/// Waits for the word to go on.
///
/// # Errors
/// Where there is no parent any more.
pub fn await_word() -> Outcome {
    hear()?
        .map(drop)
        .ok_or_else(|| "the parent has gone".into())
}
