//! From what people search for to what a store compares.

use std::collections::BTreeSet;

use super::{
    Search,
    index_key::IndexKey,
    terms::{self, ACTOR, SOURCE_RECORD, TAG, WORD},
    words::words,
};
use crate::{
    engine::Engine,
    id::{AgentId, DecisionId, TenantId},
    store::{AnyOf, Index, Listing, Page, StoreError},
};

/// How many intents one word may stand in.
const MOST_INTENTS: usize = 32;

/// How many different intents of a tenant are looked through for words.
const MOST_LABELS: usize = 10_000;

/// A search came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The store cannot list; give the builder one that is an `Index`.
    #[error("the store has no index; give the builder one that has")]
    NoIndex,
    /// It says something personal, and nothing personal is indexed.
    #[error(
        "`{0}` may be personal and is only indexed under a key; give one with `Builder::index_key`"
    )]
    NoIndexKey(&'static str),
    /// A word of the text stands in more than 32 intents, or the tenant has more than 10,000.
    #[error("the text stands in too many intents; name the intent instead")]
    TooManyIntents,
    /// The decision is one that this handle does not know.
    #[error("there is no such decision")]
    NotFound,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// One page of what fits, of all agents or of one.
pub(crate) async fn search(
    engine: &Engine,
    tenant: &TenantId,
    only: Option<&AgentId>,
    search: &Search,
) -> Result<Page, SearchError> {
    let index = engine.backend.index.as_ref().ok_or(SearchError::NoIndex)?;
    let mut listing = plain(search);
    listing
        .has
        .extend(personal(engine.index_key.as_ref(), tenant, search)?);
    if !search.words.is_empty() {
        let key = engine
            .index_key
            .as_ref()
            .ok_or(SearchError::NoIndexKey("text"))?;
        listing
            .has
            .extend(text(key, index.as_ref(), tenant, &search.words).await?);
    }
    if let Some(only) = only {
        if search.agent.as_ref().is_some_and(|asked| asked != only) {
            return Ok(Page {
                listed: Vec::new(),
                next: None,
            });
        }
        listing.agent = Some(only.to_string());
    }
    let page = index.list(tenant, &listing, search.size.limit()).await;
    page.map_err(SearchError::Store)
}

/// What is compared as it is.
fn plain(search: &Search) -> Listing {
    let Search {
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
        size: _,
    } = search;
    let intent = intent.iter().map(|intent| AnyOf {
        intents: BTreeSet::from([intent.to_string()]),
        ..AnyOf::default()
    });
    let supersedes = supersedes
        .iter()
        .map(|decision| any_of_term(terms::supersedes(decision)));
    Listing {
        status: status.map(|status| status.as_str().to_owned()),
        execution: execution.map(|execution| execution.as_str().to_owned()),
        agent: agent.as_ref().map(AgentId::to_string),
        has: intent.chain(supersedes).collect(),
        above: from.map(DecisionId::first_of),
        below: before.map(DecisionId::first_of),
        order: *order,
        after: after.clone(),
    }
}

/// What is compared hashed, but for the text.
fn personal(
    key: Option<&IndexKey>,
    tenant: &TenantId,
    search: &Search,
) -> Result<Vec<AnyOf>, SearchError> {
    let values: Vec<(&'static str, &str)> = [
        (ACTOR, search.actor.as_deref()),
        (SOURCE_RECORD, search.source_record.as_deref()),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Some((kind, value?)))
    .chain(search.tags.iter().map(|tag| (TAG, tag.as_str())))
    .collect();
    match (values.first(), key) {
        (None, _) => Ok(Vec::new()),
        (Some((kind, _)), None) => Err(SearchError::NoIndexKey(kind)),
        (Some(_), Some(key)) => Ok(key
            .terms(tenant, values)
            .into_iter()
            .map(any_of_term)
            .collect()),
    }
}

/// Each word is in the title or in the intent. Intents take no rows of their own: they are few, so the words are looked for in each.
async fn text(
    key: &IndexKey,
    index: &dyn Index,
    tenant: &TenantId,
    wanted: &[String],
) -> Result<Vec<AnyOf>, SearchError> {
    let words_of_titles = key.terms(tenant, wanted.iter().map(|word| (WORD, word.as_str())));
    let mut has: Vec<AnyOf> = words_of_titles.into_iter().map(any_of_term).collect();
    for intent in intents(index, tenant).await? {
        let words = words(&intent);
        for (any, word) in has.iter_mut().zip(wanted) {
            if words.contains(word) {
                any.intents.insert(intent.clone());
            }
        }
    }
    if has.iter().any(|any| any.intents.len() > MOST_INTENTS) {
        return Err(SearchError::TooManyIntents);
    }
    Ok(has)
}

async fn intents(index: &dyn Index, tenant: &TenantId) -> Result<Vec<String>, SearchError> {
    const PAGE: std::num::NonZeroU32 = std::num::NonZeroU32::MIN.saturating_add(499);
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map(String::as_str);
        let page = index
            .intents(tenant, after, PAGE)
            .await
            .map_err(SearchError::Store)?;
        let full = page.len() == PAGE.get() as usize;
        all.extend(page);
        if all.len() > MOST_LABELS {
            return Err(SearchError::TooManyIntents);
        }
        if !full {
            return Ok(all);
        }
    }
}

pub(super) fn any_of_term(term: crate::store::Term) -> AnyOf {
    AnyOf {
        terms: BTreeSet::from([term]),
        ..AnyOf::default()
    }
}
