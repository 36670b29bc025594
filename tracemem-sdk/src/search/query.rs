//! What is searched for.

use std::{fmt, num::NonZeroU32};

use super::words::words;
use crate::{
    decision::{
        Intent,
        status::{ExecutionState, Status},
    },
    id::{AgentId, DecisionId},
    store::{Cursor, Order},
    time::Timestamp,
};

/// A search is refused: the field, and the rule that it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {rule}")]
pub struct InvalidSearch {
    field: &'static str,
    rule: &'static str,
}

impl InvalidSearch {
    /// Which field of the search.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The rule, as a sentence fragment.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// How many decisions a page may hold: 1 to 100, and 20 where nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(NonZeroU32);

impl PageSize {
    /// A page of this size.
    ///
    /// # Errors
    /// [`InvalidSearch`] outside 1 to 100.
    pub fn new(size: u32) -> Result<Self, InvalidSearch> {
        let size = NonZeroU32::new(size).filter(|size| size.get() <= 100);
        size.map(Self).ok_or(InvalidSearch {
            field: "page_size",
            rule: "it is from 1 to 100",
        })
    }

    pub(super) fn limit(self) -> NonZeroU32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(19))
    }
}

/// What to search for: the decisions that fit everything that is said, the newest first. One that says nothing finds all.
///
/// ```
/// use tracemem_sdk::{
///     decision::status::Status,
///     search::Search,
///     store::Listed,
///     tenant::Auditor,
/// };
///
/// async fn all_late_refunds(auditor: &Auditor) -> Result<Vec<Listed>, Box<dyn std::error::Error>> {
///     let mut search = Search::new()
///         .status(Status::NeedsApproval)
///         .tag("vip")?
///         .text("late refund")?;
///     let mut all = Vec::new();
///     loop {
///         let page = auditor.search(&search).await?;
///         all.extend(page.listed);
///         match page.next {
///             Some(next) => search = search.after(next),
///             None => return Ok(all),
///         }
///     }
/// }
/// # drop(all_late_refunds);
/// ```
///
/// Where several things are said a page may hold fewer decisions than it could, or none: the search is at its end where a page has no
/// `next`. `Debug` prints nothing that may be personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Search {
    pub(super) status: Option<Status>,
    pub(super) execution: Option<ExecutionState>,
    pub(super) agent: Option<AgentId>,
    pub(super) intent: Option<Intent>,
    pub(super) actor: Option<String>,
    pub(super) source_record: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) words: Vec<String>,
    pub(super) supersedes: Option<DecisionId>,
    pub(super) from: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) size: PageSize,
}

impl Search {
    /// Everything, the newest first.
    #[must_use]
    pub fn new() -> Self {
        Self {
            status: None,
            execution: None,
            agent: None,
            intent: None,
            actor: None,
            source_record: None,
            tags: Vec::new(),
            words: Vec::new(),
            supersedes: None,
            from: None,
            before: None,
            order: Order::NewestFirst,
            after: None,
            size: PageSize::default(),
        }
    }

    /// Only decisions with this status.
    #[must_use]
    pub fn status(self, status: Status) -> Self {
        let status = Some(status);
        Self { status, ..self }
    }

    /// Only decisions whose effect stands like this.
    #[must_use]
    pub fn execution(self, execution: ExecutionState) -> Self {
        let execution = Some(execution);
        Self { execution, ..self }
    }

    /// Only decisions that this agent opened.
    #[must_use]
    pub fn agent(self, agent: AgentId) -> Self {
        let agent = Some(agent);
        Self { agent, ..self }
    }

    /// Only decisions with exactly this intent, or this workflow.
    #[must_use]
    pub fn intent(self, intent: Intent) -> Self {
        let intent = Some(intent);
        Self { intent, ..self }
    }

    /// Only decisions whose request names this actor; where a request names none the agent acts for itself, and is searched for as
    /// [`agent`](Self::agent). Compared exactly.
    ///
    /// # Errors
    /// [`InvalidSearch`] outside 1 to 300 characters.
    pub fn actor(self, actor: &str) -> Result<Self, InvalidSearch> {
        let actor = Some(text(
            "actor",
            actor,
            300,
            "it is a text of 1 to 300 characters",
        )?);
        Ok(Self { actor, ..self })
    }

    /// Only decisions whose context names this `source_record_id`. Compared exactly; one of more than 300 characters is not indexed.
    ///
    /// # Errors
    /// [`InvalidSearch`] outside 1 to 300 characters.
    pub fn source_record(self, record: &str) -> Result<Self, InvalidSearch> {
        let rule = "it is a text of 1 to 300 characters";
        let source_record = Some(text("source_record", record, 300, rule)?);
        Ok(Self {
            source_record,
            ..self
        })
    }

    /// Only decisions that have this tag, beside the tags named before: all must be there. Compared exactly.
    ///
    /// # Errors
    /// [`InvalidSearch`] outside 1 to 64 characters, and for a seventeenth tag: no request has more than sixteen.
    pub fn tag(mut self, tag: &str) -> Result<Self, InvalidSearch> {
        let tag = text("tag", tag, 64, "it is a text of 1 to 64 characters")?;
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
        if self.tags.len() > 16 {
            let rule = "there are at most 16 of them";
            return Err(InvalidSearch { field: "tag", rule });
        }
        Ok(self)
    }

    /// Only decisions that have every word of this text in their title or in their intent, in any order.
    ///
    /// Words are runs of letters and digits, compared whole and without regard to case (`Straße` is `STRASSE`) or to the way a letter is
    /// composed. The first 64 characters of a word count, and the first 32 words of a title.
    ///
    /// # Errors
    /// [`InvalidSearch`] where it has no word, or more than 8 different ones.
    pub fn text(self, text: &str) -> Result<Self, InvalidSearch> {
        let words = words(text);
        if !(1..=8).contains(&words.len()) {
            return Err(InvalidSearch {
                field: "text",
                rule: "it has 1 to 8 different words",
            });
        }
        Ok(Self { words, ..self })
    }

    /// Only decisions that supersede this one.
    #[must_use]
    pub fn supersedes(self, decision: DecisionId) -> Self {
        let supersedes = Some(decision);
        Self { supersedes, ..self }
    }

    /// Only decisions opened at this time or later, to the millisecond.
    #[must_use]
    pub fn opened_from(self, from: Timestamp) -> Self {
        let from = Some(from);
        Self { from, ..self }
    }

    /// Only decisions opened before this time, to the millisecond.
    #[must_use]
    pub fn opened_before(self, before: Timestamp) -> Self {
        let before = Some(before);
        Self { before, ..self }
    }

    /// Which end comes first; the newest where nobody says.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Goes on after a page, with the page's `next`.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        let after = Some(cursor);
        Self { after, ..self }
    }

    /// How many decisions a page may hold.
    #[must_use]
    pub fn page_size(self, size: PageSize) -> Self {
        Self { size, ..self }
    }
}

impl Default for Search {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            execution,
            agent,
            intent,
            actor: _,
            source_record: _,
            tags: _,
            words: _,
            supersedes,
            from,
            before,
            order,
            after,
            size,
        } = self;
        f.debug_struct("Search")
            .field("status", status)
            .field("execution", execution)
            .field("agent", agent)
            .field("intent", intent)
            .field("supersedes", supersedes)
            .field("from", from)
            .field("before", before)
            .field("order", order)
            .field("after", after)
            .field("size", size)
            .finish_non_exhaustive()
    }
}

fn text(
    field: &'static str,
    text: &str,
    longest: usize,
    rule: &'static str,
) -> Result<String, InvalidSearch> {
    // No character takes more than four bytes, so that a long text is refused before it is counted.
    let short = text.len() <= 4 * longest && (1..=longest).contains(&text.chars().count());
    short
        .then(|| text.to_owned())
        .ok_or(InvalidSearch { field, rule })
}
