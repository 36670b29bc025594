//! The terms of a decision: what it is found by beside what its projection says.
//!
//! Status, execution, agent and intent stand in the projection, and the time of opening in the id: they take no row. A tag, the actor,
//! the source record and the words of the title may be personal, so they are hashed with the host's [`IndexKey`], and left out where
//! there is none. A term is a pure function of request and key: whoever erases a request can name every term that was made of it, and
//! must, for a hash of a personal value is personal as long as the key is there.

use serde_json::Value;

use super::{IndexKey, words::words};
use crate::{
    decision::request::Checked,
    id::{DecisionId, TenantId},
    store::Term,
};

/// A tag of the request.
pub(super) const TAG: &str = "tag";
/// `actor` of the request, or of its context.
pub(super) const ACTOR: &str = "actor";
/// `source_record_id` of the context.
pub(super) const SOURCE_RECORD: &str = "source_record";
/// A word of the title.
pub(super) const WORD: &str = "word";

/// The term of a decision that supersedes this one. An id is not personal, so it stands as it is.
pub(super) fn supersedes(decision: &DecisionId) -> Term {
    Term {
        kind: "supersedes".to_owned(),
        value: decision.to_string(),
    }
}

/// All terms of a request.
pub(crate) fn terms_of(tenant: &TenantId, key: Option<&IndexKey>, request: &Checked) -> Vec<Term> {
    let mut terms: Vec<Term> = request.supersedes.iter().map(supersedes).collect();
    let Some(key) = key else {
        return terms;
    };
    let title = request.title.as_deref().map(words).unwrap_or_default();
    let source_record = request.context.get("source_record_id");
    let source_record = source_record.and_then(Value::as_str);
    let source_record = source_record.filter(|record| (1..=300).contains(&record.chars().count()));
    let values: Vec<(&'static str, &str)> = [
        (ACTOR, request.actor.as_deref()),
        (SOURCE_RECORD, source_record),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Some((kind, value?)))
    .chain(request.tags.iter().map(|tag| (TAG, tag.as_str())))
    .chain(title.iter().map(|word| (WORD, word.as_str())))
    .collect();
    if !values.is_empty() {
        terms.extend(key.terms(tenant, values));
    }
    terms
}
