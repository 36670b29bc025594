//! Search: finding decisions by what people know of them, and following what superseded what.
//!
//! A [`Search`] says what a decision must fit, and cannot hold a value that no decision has. An [`Auditor`](crate::tenant::Auditor) searches
//! all decisions of a tenant, an [`Agent`](crate::tenant::Agent) its own. What a page costs does not depend on how many there are.
//!
//! Status, execution, agent, intent and time are found as they are. Tags, actors, source records and the words of titles may be personal:
//! they are hashed with the host's [`IndexKey`] before a store sees them, and found only where [`Builder::index_key`] was given one when
//! the decision was opened. Without one nothing personal is indexed, and a search for it fails with [`SearchError::NoIndexKey`].
//!
//! What a store compares is left to [`Index`](crate::store::Index).
//!
//! [`Builder::index_key`]: crate::Builder::index_key

mod index_key;
mod line;
mod query;
mod searching;
mod terms;
mod words;

pub use self::{
    index_key::{IndexKey, InvalidIndexKey},
    query::{InvalidSearch, PageSize, Search},
    searching::SearchError,
};
pub(crate) use self::{
    line::{Direction, line},
    searching::search,
    terms::terms_of,
};
