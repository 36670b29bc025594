//! Lists of decisions, at a cost that what is stored never raises.
//!
//! Each thing that a listing says has an index that gives the ids of the decisions that fit it in order, as a [run](runs). Where one thing
//! is said its run is the list. Where several are, each round reads the next piece of every run, follows the one that reaches furthest and
//! [sieves](sieve) what it gives by everything else: so a rare tag is found at once among any number of open decisions, and runs that lie
//! apart are not walked through. A page looks at [`LOOKED_AT`] decisions, or as many as it may
//! hold, and one piece more; then it comes back short and says where to go on.

use std::{cmp::Reverse, num::NonZeroU32};

use tracemem_sdk::{
    id::{DecisionId, TenantId},
    store::{AnyOf, Cursor, Listed, Listing, Order, Page},
};

use self::runs::{Piece, Run};
use super::{database::Database, fault::Fault};

pub(super) mod intents;
pub(super) mod runs;
pub(super) mod sieve;

pub(crate) use self::intents::intents;

/// How many decisions a sieved page looks at, where it may not hold more.
const LOOKED_AT: usize = 1_000;

/// How many ids a piece of a run has at most.
const PIECE: usize = 128;

/// How many runs are read in a round; the rest only sieves. One thing that is said may need more by itself.
const RUNS: usize = 16;

/// Where a list goes on: between two ids that are not part of it.
struct Span {
    low: String,
    high: String,
    order: Order,
}

impl Span {
    fn of(listing: &Listing) -> Self {
        let after = listing.after.as_ref().map(|Cursor(after)| after);
        let (after_low, after_high) = match listing.order {
            Order::OldestFirst => (after, None),
            Order::NewestFirst => (None, after),
        };
        let low = listing.above.as_ref().max(after_low);
        let high = [listing.below.as_ref(), after_high]
            .into_iter()
            .flatten()
            .min();
        // All ids stand between the prefix alone and the prefix with what is no hex digit.
        Self {
            low: low.map_or(DecisionId::PREFIX.to_owned(), ToString::to_string),
            high: high.map_or([DecisionId::PREFIX, "g"].concat(), ToString::to_string),
            order: listing.order,
        }
    }

    /// The span that is left after this id.
    fn after(self, id: &DecisionId) -> Self {
        match self.order {
            Order::OldestFirst => Self {
                low: id.to_string(),
                ..self
            },
            Order::NewestFirst => Self {
                high: id.to_string(),
                ..self
            },
        }
    }
}

/// One page of a list.
pub(crate) async fn list<D: Database>(
    db: &D,
    tenant: &TenantId,
    listing: &Listing,
    limit: NonZeroU32,
) -> Result<Page, Fault> {
    let limit = limit.get() as usize;
    let said = said(listing);
    let look_at = if said.len() > 1 {
        LOOKED_AT.max(limit)
    } else {
        usize::MAX
    };
    let followed = followed(&said);
    let (mut span, mut listed, mut looked_at) = (Span::of(listing), Vec::new(), 0);
    loop {
        // One more than fits, to see whether there is more.
        let room = (limit - listed.len()).saturating_add(1);
        let piece = if said.len() > 1 {
            PIECE
        } else {
            PIECE.min(room)
        };
        let Some(piece) = furthest(db, tenant, &followed, &span, piece).await? else {
            return Ok(Page { listed, next: None });
        };
        looked_at += piece.ids.len();
        listed.extend(sieve::sieve(db, tenant, listing, &piece.ids).await?);
        if listed.len() > limit {
            listed.truncate(limit);
            let next = listed
                .last()
                .map(|last: &Listed| Cursor(last.decision.clone()));
            return Ok(Page { listed, next });
        }
        let Some(end) = piece.end else {
            return Ok(Page { listed, next: None });
        };
        if looked_at >= look_at {
            let next = Some(Cursor(end));
            return Ok(Page { listed, next });
        }
        span = span.after(&end);
    }
}

/// What a listing says, each as the runs that one of must give a decision.
fn said(listing: &Listing) -> Vec<Vec<Run<'_>>> {
    let plain = [
        listing.status.as_deref().map(Run::Status),
        listing.execution.as_deref().map(Run::Execution),
        listing.agent.as_deref().map(Run::Agent),
    ];
    let plain = plain.into_iter().flatten().map(|run| vec![run]);
    let has = listing.has.iter().map(|AnyOf { terms, intents }| {
        let intents = intents.iter().map(|intent| Run::Intent(intent));
        terms.iter().map(Run::Term).chain(intents).collect()
    });
    let mut said: Vec<Vec<Run<'_>>> = plain.chain(has).collect();
    if said.is_empty() {
        said.push(vec![Run::All]);
    }
    // What has the fewest runs is the cheapest to follow.
    said.sort_by_key(Vec::len);
    said
}

/// What is worth following: as much as has no more than [`RUNS`] runs together, and the first in any case.
fn followed<'a>(said: &'a [Vec<Run<'a>>]) -> Vec<&'a [Run<'a>]> {
    let mut runs = 0;
    let worth = said.iter().enumerate().take_while(|(place, one)| {
        runs += one.len();
        *place == 0 || runs <= RUNS
    });
    worth.map(|(_, one)| one.as_slice()).collect()
}

/// The next piece of what reaches furthest; `None` where one of them has ended.
async fn furthest<D: Database>(
    db: &D,
    tenant: &TenantId,
    followed: &[&[Run<'_>]],
    span: &Span,
    length: usize,
) -> Result<Option<Piece>, Fault> {
    let mut pieces = Vec::new();
    for runs in followed {
        let piece = runs::next(db, tenant, runs, span, length).await?;
        if piece.ids.is_empty() {
            return Ok(None);
        }
        pieces.push(piece);
    }
    let reaches = |one: &Piece, other: &Piece| match (&one.end, &other.end) {
        // Of two that are known to their ends the shorter is the cheaper.
        (None, None) => Reverse(one.ids.len()).cmp(&Reverse(other.ids.len())),
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
        (Some(one), Some(other)) => match span.order {
            Order::OldestFirst => one.cmp(other),
            Order::NewestFirst => other.cmp(one),
        },
    };
    Ok(pieces.into_iter().max_by(reaches))
}
