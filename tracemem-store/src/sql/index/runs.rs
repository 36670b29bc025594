//! Runs: the ids of the decisions that fit one thing, in order, as its index gives them.

use tracemem_sdk::{
    id::{DecisionId, TenantId},
    store::{Order, Term},
};

use super::Span;
use crate::sql::{
    database::Database,
    fault::Fault,
    params::{Params, rows},
};

/// One run.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) enum Run<'a> {
    All,
    Status(&'a str),
    Execution(&'a str),
    Agent(&'a str),
    Intent(&'a str),
    Term(&'a Term),
}

/// One statement from both ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct FromBothEnds {
    pub(in crate::sql) oldest_first: &'static str,
    pub(in crate::sql) newest_first: &'static str,
}

macro_rules! ids {
    ($table:literal, $fits:literal) => {
        FromBothEnds {
            oldest_first: concat!(
                "\nSELECT stream\nFROM ",
                $table,
                "\nWHERE tenant = $1 AND stream > $2 AND stream < $3",
                $fits,
                "\nORDER BY stream\nLIMIT $4"
            ),
            newest_first: concat!(
                "\nSELECT stream\nFROM ",
                $table,
                "\nWHERE tenant = $1 AND stream > $2 AND stream < $3",
                $fits,
                "\nORDER BY stream DESC\nLIMIT $4"
            ),
        }
    };
}

pub(in crate::sql) const ALL: FromBothEnds = ids!("tracemem_streams", "");
pub(in crate::sql) const BY_STATUS: FromBothEnds = ids!("tracemem_streams", " AND status = $5");
pub(in crate::sql) const BY_EXECUTION: FromBothEnds =
    ids!("tracemem_streams", " AND execution = $5");
pub(in crate::sql) const BY_AGENT: FromBothEnds = ids!("tracemem_streams", " AND agent = $5");
pub(in crate::sql) const BY_INTENT: FromBothEnds =
    ids!("tracemem_streams", " AND intent = $5 AND intent <> ''");
pub(in crate::sql) const BY_TERM: FromBothEnds =
    ids!("tracemem_terms", " AND kind = $5 AND value = $6");

impl Run<'_> {
    fn text(self) -> FromBothEnds {
        match self {
            Self::All => ALL,
            Self::Status(_) => BY_STATUS,
            Self::Execution(_) => BY_EXECUTION,
            Self::Agent(_) => BY_AGENT,
            Self::Intent(_) => BY_INTENT,
            Self::Term(_) => BY_TERM,
        }
    }

    fn values(self, params: Params) -> Params {
        match self {
            Self::All => params,
            Self::Status(value)
            | Self::Execution(value)
            | Self::Agent(value)
            | Self::Intent(value) => params.text(value),
            Self::Term(Term { kind, value }) => params.text(kind).text(value),
        }
    }
}

/// The next ids of some runs together.
pub(super) struct Piece {
    /// In order, each once.
    pub(super) ids: Vec<DecisionId>,
    /// Up to where they are known, which is the last of them; `None` where there are no more.
    pub(super) end: Option<DecisionId>,
}

/// The next ids that one of the runs gives, no more than `length` of each.
pub(super) async fn next<D: Database>(
    db: &D,
    tenant: &TenantId,
    runs: &[Run<'_>],
    span: &Span,
    length: usize,
) -> Result<Piece, Fault> {
    let Span { low, high, order } = span;
    let (mut ids, mut ends) = (Vec::new(), Vec::new());
    for run in runs {
        let FromBothEnds {
            oldest_first,
            newest_first,
        } = run.text();
        let text = match order {
            Order::OldestFirst => oldest_first,
            Order::NewestFirst => newest_first,
        };
        let place = Params::new().text(tenant.as_str()).text(low).text(high);
        let params = run.values(place.number(length as u64));
        let found = rows(db, text, params).await?;
        let found: Vec<DecisionId> = found
            .into_iter()
            .map(|mut row| row.parsed())
            .collect::<Result<_, _>>()?;
        if found.len() >= length {
            ends.extend(found.last().cloned());
        }
        ids.extend(found);
    }
    ids.sort();
    ids.dedup();
    // What lies behind the first end may be missing from the run that ends there.
    let end = match order {
        Order::OldestFirst => ends.into_iter().min(),
        Order::NewestFirst => {
            ids.reverse();
            ends.into_iter().max()
        }
    };
    if let Some(end) = &end {
        ids.retain(|id| match order {
            Order::OldestFirst => id <= end,
            Order::NewestFirst => id >= end,
        });
    }
    Ok(Piece { ids, end })
}
