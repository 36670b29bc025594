//! Rules of the index where several things are asked for at once: every one alone, every two together, and all, against a model that
//! looks at each decision.

use std::{collections::BTreeSet, num::NonZeroU32};

use super::{
    KitError, KitResult, Stage,
    check::{equal, written},
    material::{ALL, decision, step, stream},
};
use crate::{
    evidence::digest::Digest,
    id::{DecisionId, TenantId},
    store::{AnyOf, Commit, Cursor, Index, Listing, Order, Projection, Term},
};

/// How many decisions there are; their ids are spread over every second number.
const DECISIONS: u64 = 60;

/// Whatever is asked for, alone, by twos and all together, the list holds exactly what fits, from both ends, and pages of any size give
/// it without gap or repetition.
pub async fn a_search_finds_exactly_what_fits<S: Index>(stage: &Stage<S>) -> KitResult {
    let made = plant(stage).await?;
    let asked = questions()?;
    for (place, one) in asked.iter().enumerate() {
        check(stage, &made, &ask(&[one])).await?;
        for other in asked.iter().skip(place + 1) {
            check(stage, &made, &ask(&[one, other])).await?;
        }
    }
    let all: Vec<&Question> = asked.iter().collect();
    check(stage, &made, &ask(&all)).await
}

/// Something that offers nothing fits no decision, and what is asked for twice is asked for once.
pub async fn what_offers_nothing_fits_nothing<S: Index>(stage: &Stage<S>) -> KitResult {
    let made = plant(stage).await?;
    let nothing = Listing {
        has: vec![AnyOf::default()],
        ..Listing::default()
    };
    equal(
        "what offers nothing fits nothing",
        &found(stage, &nothing, ALL).await?,
        &vec![],
    )?;
    let twice = Listing {
        has: vec![of_term("tag", "vip"), of_term("tag", "vip")],
        ..Listing::default()
    };
    check(stage, &made, &twice).await
}

/// Terms are compared exactly, kind and value, and belong to the decision that was opened with them.
pub async fn terms_are_compared_exactly<S: Index>(stage: &Stage<S>) -> KitResult {
    for (number, kind, value) in [
        (1, "tag", "vip"),
        (2, "tag", "Vip"),
        (3, "word", "vip"),
        (4, "tag", "vip "),
    ] {
        let mut commit = stage.step(&stream(number)?, 0, 1, "opens")?;
        commit.terms = vec![term(kind, value)];
        stage.wrote(commit).await?;
    }
    for (kind, value, numbers) in [
        ("tag", "vip", vec![1]),
        ("word", "vip", vec![3]),
        ("tag", "vi", vec![]),
        ("tag", "%", vec![]),
        ("tag", "", vec![]),
        ("Tag", "vip", vec![]),
        ("tag", "\"],[\"", vec![]),
        ("tag", "ü, {}", vec![]),
    ] {
        let listing = Listing {
            has: vec![of_term(kind, value)],
            ..Listing::default()
        };
        let expected = numbers
            .into_iter()
            .map(decision)
            .collect::<Result<Vec<_>, _>>()?;
        equal(
            "terms are compared exactly",
            &found(stage, &listing, ALL).await?,
            &expected,
        )?;
    }
    Ok(())
}

/// Terms that a later commit adds are found as those of the first are.
pub async fn terms_of_later_commits_are_found<S: Index>(stage: &Stage<S>) -> KitResult {
    stage.write(&stream(1)?, 0).await?;
    let listing = Listing {
        has: vec![of_term("tag", "late")],
        ..Listing::default()
    };
    let promise = "terms are those of all commits of a stream";
    equal(promise, &found(stage, &listing, ALL).await?, &vec![])?;
    let mut commit = stage.step(&stream(1)?, 1, 1, "adds")?;
    commit.terms = vec![term("tag", "late")];
    stage.wrote(commit).await?;
    equal(
        promise,
        &found(stage, &listing, ALL).await?,
        &vec![decision(1)?],
    )?;
    Ok(())
}

/// A cursor cuts a list at the same place however it is used, and what is written before it does not move it.
pub async fn a_cursor_stays_where_it_is<S: Index>(stage: &Stage<S>) -> KitResult {
    for number in [10, 20, 30, 40] {
        stage.write(&stream(number)?, 0).await?;
    }
    for (order, rest) in [
        (Order::OldestFirst, [30, 40]),
        (Order::NewestFirst, [20, 10]),
    ] {
        let two = NonZeroU32::MIN.saturating_add(1);
        let mut listing = Listing {
            order,
            ..Listing::default()
        };
        let first = stage.store().list(stage.tenant(), &listing, two).await?;
        listing.after = first.next;
        // On the side of the list that the cursor has passed.
        let passed = if order == Order::OldestFirst { 15 } else { 35 };
        stage.write(&stream(passed)?, 0).await?;
        let mut expected = rest
            .map(decision)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        if order == Order::NewestFirst {
            // It was written in the first round, behind this round's cursor.
            expected.insert(1, decision(15)?);
        }
        equal(
            "a cursor stays where it is",
            &found(stage, &listing, ALL).await?,
            &expected,
        )?;
    }
    Ok(())
}

/// Intents are given once, in byte order, cut by `after` and `limit`; the administrative stream has none, and another tenant's are not
/// there.
pub async fn intents_are_given_once_in_order<S: Index>(stage: &Stage<S>) -> KitResult {
    let promise = "intents are given once, in byte order";
    let store = stage.store();
    equal(
        promise,
        &store.intents(stage.tenant(), None, ALL).await?,
        &vec![],
    )?;
    stage.write(&stream(9)?, 0).await?;
    let intents = store.intents(stage.tenant(), None, ALL).await?;
    equal("an empty intent is none", &intents, &vec![])?;
    let empty = Listing {
        has: vec![AnyOf {
            intents: BTreeSet::from([String::new()]),
            ..AnyOf::default()
        }],
        ..Listing::default()
    };
    let found = found(stage, &empty, ALL).await?;
    equal("an empty intent is none", &found, &vec![])?;
    for (number, intent) in (1..).zip([
        "refund",
        "access.grant",
        "refund",
        "Refund",
        "refund.full",
        "access.grant",
    ]) {
        let mut commit = stage.step(&stream(number)?, 0, 1, "opens")?;
        commit.projection.intent = intent.to_owned();
        stage.wrote(commit).await?;
    }
    let foreign: TenantId = "Tenant-a".parse()?;
    let mut theirs = step(&foreign, &stream(1)?, 0, 1, "theirs")?;
    theirs.projection.intent = "payout".to_owned();
    written(&store.commit(theirs).await?, 1)?;
    stage.write(&crate::store::StreamId::Admin, 0).await?;

    for (after, limit, expected) in [
        (
            None,
            u32::MAX,
            vec!["Refund", "access.grant", "refund", "refund.full"],
        ),
        (None, 2, vec!["Refund", "access.grant"]),
        (Some("access.grant"), 1, vec!["refund"]),
        (Some("b"), 9, vec!["refund", "refund.full"]),
        (Some("refund.full"), 9, vec![]),
    ] {
        let limit = NonZeroU32::new(limit).unwrap_or(ALL);
        let intents = store.intents(stage.tenant(), after, limit).await?;
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        equal(promise, &intents, &expected)?;
    }
    Ok(())
}

/// One thing that can be asked for.
type Question = Box<dyn Fn(&mut Listing) + Send + Sync>;

fn questions() -> Result<Vec<Question>, KitError> {
    let [low, high, odd] = [decision(2 * 11)?, decision(2 * 47)?, decision(2 * 30 + 1)?];
    let after = [low.clone(), odd.clone()].map(Cursor);
    let [after_low, after_odd] = after;
    let any = |terms: &[(&str, &str)], intents: &[&str]| AnyOf {
        terms: terms
            .iter()
            .map(|(kind, value)| term(kind, value))
            .collect(),
        intents: intents.iter().map(|intent| (*intent).to_owned()).collect(),
    };
    let has = [
        any(&[], &["refund"]),
        any(&[], &["refund", "grant"]),
        any(&[("tag", "vip")], &[]),
        any(&[("tag", "rare")], &[]),
        any(&[("tag", "new"), ("word", "late")], &[]),
        any(&[("word", "late")], &["grant", "nothing"]),
        any(&[("tag", "nobody")], &[]),
    ];
    let has = has
        .into_iter()
        .map(|any| -> Question { Box::new(move |listing| listing.has.push(any.clone())) });
    let plain: Vec<Question> = vec![
        Box::new(|listing| listing.status = Some("open".to_owned())),
        Box::new(|listing| listing.status = Some("nothing".to_owned())),
        Box::new(|listing| listing.execution = Some("executed".to_owned())),
        Box::new(|listing| listing.agent = Some("agent-1".to_owned())),
        Box::new(move |listing| listing.above = Some(low.clone())),
        Box::new(move |listing| listing.below = Some(high.clone())),
        Box::new(move |listing| listing.above = Some(odd.clone())),
        Box::new(move |listing| listing.after = Some(after_low.clone())),
        Box::new(move |listing| listing.after = Some(after_odd.clone())),
    ];
    Ok(plain.into_iter().chain(has).collect())
}

fn ask(questions: &[&Question]) -> Listing {
    let mut listing = Listing::default();
    for question in questions {
        question(&mut listing);
    }
    listing
}

/// Writes decisions of which a hash says what they look like, out of order, and tells what was written.
async fn plant<S: Index>(stage: &Stage<S>) -> Result<Vec<(DecisionId, Commit)>, KitError> {
    let mut made = Vec::new();
    for number in 0..DECISIONS {
        // 37 is prime to their number, so that each is written once.
        let number = number * 37 % DECISIONS;
        let commit = looks(stage, number)?;
        stage.wrote(commit.clone()).await?;
        // What another tenant has under the same id is in nobody's way, and stands under the other number's looks.
        let foreign: TenantId = "Tenant-a".parse()?;
        let mut theirs = looks(stage, DECISIONS - 1 - number)?;
        theirs.tenant = foreign;
        written(&stage.store().commit(theirs).await?, 1)?;
        made.push((decision(2 * number)?, commit));
    }
    made.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(made)
}

fn looks<S: Index>(stage: &Stage<S>, number: u64) -> Result<Commit, KitError> {
    let digest = Digest::of(format!("decision {number}").as_bytes());
    let [a, b, c, d, e, f, ..] = *digest.as_bytes();
    let pick = |byte: u8, of: &[&str]| {
        let place = usize::from(byte) % of.len();
        of.get(place).copied().unwrap_or_default().to_owned()
    };
    let mut commit = stage.step(&stream(2 * number)?, 0, 1, "opens")?;
    commit.projection = Projection {
        status: pick(a, &["open", "approved", "committed"]),
        execution: pick(b, &["not_started", "executed"]),
        agent: pick(c, &["agent-1", "agent-2", "agent-3"]),
        intent: pick(d, &["refund", "grant", "payout.create"]),
        wake_at: None,
        body: vec![a],
    };
    let terms = [
        (e % 2 == 0, term("tag", "vip")),
        (e % 3 == 0, term("tag", "new")),
        (number % 29 == 7, term("tag", "rare")),
        (f % 2 == 0, term("word", "late")),
        (f % 3 == 0, term("word", "vip")),
    ];
    commit.terms = terms
        .into_iter()
        .filter_map(|(there, term)| there.then_some(term))
        .collect();
    Ok(commit)
}

/// The list is the model's, from both ends, in pages of every size.
async fn check<S: Index>(
    stage: &Stage<S>,
    made: &[(DecisionId, Commit)],
    listing: &Listing,
) -> KitResult {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let listing = Listing {
            order,
            ..listing.clone()
        };
        let mut expected: Vec<DecisionId> = made
            .iter()
            .filter(|(decision, commit)| fits(&listing, decision, commit))
            .map(|(decision, _)| decision.clone())
            .collect();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        for limit in [1, 7, u32::MAX] {
            let limit = NonZeroU32::new(limit).unwrap_or(ALL);
            let promise = format!("`{listing:?}` in pages of {limit} holds what fits");
            equal(&promise, &found(stage, &listing, limit).await?, &expected)?;
        }
    }
    Ok(())
}

fn fits(listing: &Listing, decision: &DecisionId, commit: &Commit) -> bool {
    let is = |asked: &Option<String>, is: &String| asked.as_ref().is_none_or(|asked| asked == is);
    let projection = &commit.projection;
    let terms: BTreeSet<&Term> = commit.terms.iter().collect();
    is(&listing.status, &projection.status)
        && is(&listing.execution, &projection.execution)
        && is(&listing.agent, &projection.agent)
        && listing.above.as_ref().is_none_or(|above| above < decision)
        && listing.below.as_ref().is_none_or(|below| decision < below)
        && listing
            .after
            .as_ref()
            .is_none_or(|Cursor(after)| match listing.order {
                Order::OldestFirst => after < decision,
                Order::NewestFirst => decision < after,
            })
        && listing.has.iter().all(|any| {
            let has_term = any.terms.iter().any(|term| terms.contains(term));
            has_term || any.intents.contains(&projection.intent)
        })
}

/// All that a listing finds, page by page; a page holds no more than it may, and where one thing at most is asked for no less.
async fn found<S: Index>(
    stage: &Stage<S>,
    listing: &Listing,
    limit: NonZeroU32,
) -> Result<Vec<DecisionId>, KitError> {
    let Listing {
        status,
        execution,
        agent,
        has,
        ..
    } = listing;
    let said = [status, execution, agent].into_iter().flatten().count() + has.len();
    let (mut listing, mut found) = (listing.clone(), Vec::new());
    // Each page goes on, so that it is no more than one for each decision, one for each fit and a last one.
    for _ in 0..=2 * DECISIONS {
        let page = stage.store().list(stage.tenant(), &listing, limit).await?;
        let full = page.listed.len() == limit.get() as usize;
        if page.listed.len() > limit.get() as usize || (said <= 1 && page.next.is_some() && !full) {
            return Err(format!("a page of `{listing:?}` held {}", page.listed.len()).into());
        }
        found.extend(page.listed.into_iter().map(|listed| listed.decision));
        let Some(next) = page.next else {
            return Ok(found);
        };
        listing.after = Some(next);
    }
    Err(format!("the pages of `{listing:?}` have no end").into())
}

fn of_term(kind: &str, value: &str) -> AnyOf {
    AnyOf {
        terms: BTreeSet::from([term(kind, value)]),
        ..AnyOf::default()
    }
}

fn term(kind: &str, value: &str) -> Term {
    Term {
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}
