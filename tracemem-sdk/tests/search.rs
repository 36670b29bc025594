//! Decisions are found by what people know of them, by those who may, and nothing personal reaches a store as it is.

use std::{error::Error, num::NonZeroU32, time::Duration};

use serde_json::{Map, Value, json};
use tracemem_sdk::{
    decision::{
        DecisionRequest,
        status::{ExecutionState, Status},
    },
    id::{AgentId, DecisionId},
    policy::{Attachment, PolicyFn, PolicyOutcome},
    search::{IndexKey, PageSize, Search, SearchError},
    store::{Backend, Order, StreamId},
    tenant::Agent,
    testing::{Harness, MemoryStore},
    time::Timestamp,
};

type Tested = Result<(), Box<dyn Error>>;
type Failure = Box<dyn Error>;

const LIMIT: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

#[tokio::test]
async fn decisions_are_found_by_each_thing_that_is_known_of_them() -> Tested {
    let harness = indexed()?;
    let first = open(&harness, "1", json!({
        "intent": "renewal.discount.apply", "title": "Rabatt für die Straße", "actor": "jane@example.org",
        "tags": ["vip", "emea"], "context": {"source_record_id": "opp_1"},
    }))
    .await?;
    harness.clock().advance(Duration::from_secs(60));
    let minute = harness.tracemem().now();
    let second = open(&harness, "2", json!({
        "intent": "refund.issue", "title": "Late discount", "tags": ["vip"], "supersedes": first,
        "context": {"actor": "joe@example.org", "source_record_id": "opp_2"},
    }))
    .await?;
    let (one, other, both) = (vec![&first], vec![&second], vec![&second, &first]);
    let nobody: DecisionId = DecisionId::generate(minute)?;
    for (search, expected) in [
        (Search::new(), both.clone()),
        (
            Search::new().order(Order::OldestFirst),
            vec![&first, &second],
        ),
        (Search::new().status(Status::Open), both.clone()),
        (Search::new().status(Status::Aborted), vec![]),
        (
            Search::new().execution(ExecutionState::NotStarted),
            both.clone(),
        ),
        (Search::new().execution(ExecutionState::Unknown), vec![]),
        (
            Search::new().agent(harness.agent().id().clone()),
            both.clone(),
        ),
        (Search::new().agent("nobody".parse()?), vec![]),
        (Search::new().intent("refund.issue".parse()?), other.clone()),
        (Search::new().intent("refund".parse()?), vec![]),
        (Search::new().actor("jane@example.org")?, one.clone()),
        (Search::new().actor("joe@example.org")?, other.clone()),
        (Search::new().actor("Jane@example.org")?, vec![]),
        (Search::new().source_record("opp_2")?, other.clone()),
        (Search::new().tag("vip")?, both.clone()),
        (Search::new().tag("vip")?.tag("emea")?, one.clone()),
        (Search::new().tag("VIP")?, vec![]),
        (Search::new().text("STRASSE")?, one.clone()),
        (Search::new().text("discount")?, both.clone()),
        (Search::new().text("Discount, apply!")?, one.clone()),
        (Search::new().text("late issue")?, other.clone()),
        (Search::new().text("disco")?, vec![]),
        (Search::new().text("rabatt late")?, vec![]),
        (Search::new().supersedes(first.clone()), other.clone()),
        (Search::new().supersedes(nobody), vec![]),
        (Search::new().opened_from(minute), other.clone()),
        (Search::new().opened_before(minute), one.clone()),
        (
            Search::new()
                .opened_from(Timestamp::EPOCH)
                .opened_before(minute),
            one.clone(),
        ),
        (
            Search::new()
                .tag("vip")?
                .text("discount")?
                .opened_from(minute)
                .status(Status::Open),
            other.clone(),
        ),
    ] {
        let found = harness.auditor().search(&search).await?;
        let found: Vec<&DecisionId> = found.listed.iter().map(|listed| &listed.decision).collect();
        assert_eq!(found, expected, "{search:?}");
    }
    Ok(())
}

#[tokio::test]
async fn pages_follow_each_other_and_end_where_there_is_no_next() -> Tested {
    let harness = indexed()?;
    let mut made = Vec::new();
    for number in 0..7 {
        made.insert(
            0,
            open(
                &harness,
                &number.to_string(),
                json!({"intent": "refund.issue", "tags": ["vip"]}),
            )
            .await?,
        );
        harness.clock().advance(Duration::from_millis(1));
    }
    let mut search = Search::new().tag("vip")?.page_size(PageSize::new(3)?);
    let mut found = Vec::new();
    for length in [3, 3, 1] {
        let page = harness.auditor().search(&search).await?;
        assert_eq!(page.listed.len(), length);
        found.extend(page.listed.into_iter().map(|listed| listed.decision));
        match page.next {
            Some(next) => search = search.after(next),
            None => assert_eq!(found.len(), 7),
        }
    }
    assert_eq!(found, made);
    Ok(())
}

#[tokio::test]
async fn an_agent_finds_only_its_own() -> Tested {
    let harness = indexed()?;
    let other = harness.tenant().agent("other".parse()?);
    let theirs = open_as(
        &other,
        "1",
        json!({"intent": "refund.issue", "tags": ["vip"]}),
    )
    .await?;
    let own = open(
        &harness,
        "2",
        json!({"intent": "refund.issue", "tags": ["vip"], "supersedes": theirs}),
    )
    .await?;
    let last = open_as(
        &other,
        "3",
        json!({"intent": "refund.issue", "supersedes": own}),
    )
    .await?;
    let found = async |search: Search| -> Result<Vec<DecisionId>, Failure> {
        let page = harness.agent().search(&search).await?;
        Ok(page
            .listed
            .into_iter()
            .map(|listed| listed.decision)
            .collect())
    };
    assert_eq!(found(Search::new()).await?, std::slice::from_ref(&own));
    assert_eq!(
        found(Search::new().tag("vip")?.text("refund")?).await?,
        std::slice::from_ref(&own)
    );
    assert_eq!(
        found(Search::new().agent("other".parse::<AgentId>()?)).await?,
        []
    );
    assert_eq!(found(Search::new().supersedes(own.clone())).await?, []);

    assert_eq!(harness.agent().superseded(&own, LIMIT).await?, []);
    assert_eq!(harness.agent().successors(&own, LIMIT).await?, []);
    for decision in [&theirs, &last] {
        let refused = harness.agent().successors(decision, LIMIT).await;
        assert!(matches!(refused, Err(SearchError::NotFound)));
        let refused = harness.agent().superseded(decision, LIMIT).await;
        assert!(matches!(refused, Err(SearchError::NotFound)));
    }
    Ok(())
}

#[tokio::test]
async fn another_tenant_finds_nothing() -> Tested {
    let harness = indexed()?;
    let decision = open(
        &harness,
        "1",
        json!({"intent": "refund.issue", "tags": ["vip"]}),
    )
    .await?;
    let foreign = harness.tracemem().tenant("foreign".parse()?);
    for search in [
        Search::new(),
        Search::new().tag("vip")?,
        Search::new().text("refund")?,
    ] {
        assert_eq!(foreign.auditor().search(&search).await?.listed, []);
    }
    let refused = foreign.auditor().successors(&decision, LIMIT).await;
    assert!(matches!(refused, Err(SearchError::NotFound)));
    Ok(())
}

#[tokio::test]
async fn the_line_of_a_decision_is_followed_both_ways() -> Tested {
    let harness = indexed()?;
    let mut line: Vec<DecisionId> = Vec::new();
    for number in 0..5 {
        let mut body = json!({"intent": "refund.issue"});
        if let (Some(before), Some(body)) = (line.last(), body.as_object_mut()) {
            body.insert("supersedes".to_owned(), json!(before));
        }
        line.push(open(&harness, &number.to_string(), body).await?);
        harness.clock().advance(Duration::from_millis(1));
    }
    let [first, second, third, fourth, fifth] = line.as_slice() else {
        return Err("there are five".into());
    };
    let auditor = harness.auditor();
    let two = NonZeroU32::MIN.saturating_add(1);
    assert_eq!(
        auditor.superseded(fifth, LIMIT).await?,
        [fourth, third, second, first].map(Clone::clone)
    );
    assert_eq!(
        auditor.superseded(third, two).await?,
        [second, first].map(Clone::clone)
    );
    assert_eq!(auditor.superseded(first, LIMIT).await?, []);
    assert_eq!(
        auditor.successors(first, LIMIT).await?,
        [second, third, fourth, fifth].map(Clone::clone)
    );
    assert_eq!(
        auditor.successors(first, two).await?,
        [second, third].map(Clone::clone)
    );
    assert_eq!(auditor.successors(fifth, LIMIT).await?, []);

    // Where there are several it is the newest that counts.
    let sixth = open(
        &harness,
        "6",
        json!({"intent": "refund.issue", "supersedes": fourth}),
    )
    .await?;
    assert_eq!(
        auditor.successors(third, LIMIT).await?,
        [fourth, &sixth].map(Clone::clone)
    );
    // What a request names need not be there.
    let nobody = DecisionId::generate(harness.tracemem().now())?;
    let orphan = open(
        &harness,
        "7",
        json!({"intent": "refund.issue", "supersedes": nobody}),
    )
    .await?;
    assert_eq!(auditor.superseded(&orphan, LIMIT).await?, []);
    assert!(matches!(
        auditor.superseded(&nobody, LIMIT).await,
        Err(SearchError::NotFound)
    ));
    Ok(())
}

#[tokio::test]
async fn without_a_key_nothing_personal_is_indexed_and_a_search_for_it_names_the_remedy() -> Tested
{
    let harness = allowing(None)?;
    let decision = open(
        &harness,
        "1",
        json!({
            "intent": "refund.issue", "title": "Refund for Jane", "actor": "jane", "tags": ["vip"],
            "context": {"source_record_id": "opp_1"},
        }),
    )
    .await?;
    assert_eq!(terms(&harness, &decision), Vec::<String>::new());
    for (search, field) in [
        (Search::new().tag("vip")?, "tag"),
        (Search::new().actor("jane")?, "actor"),
        (Search::new().source_record("opp_1")?, "source_record"),
        (Search::new().text("refund")?, "text"),
    ] {
        let refused = harness
            .auditor()
            .search(&search)
            .await
            .err()
            .ok_or("it is found")?;
        assert!(
            matches!(refused, SearchError::NoIndexKey(named) if named == field),
            "{refused}"
        );
        assert!(refused.to_string().contains("Builder::index_key"));
    }
    let intent = Search::new().intent("refund.issue".parse()?);
    assert_eq!(harness.auditor().search(&intent).await?.listed.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_store_sees_no_personal_value_as_it_is() -> Tested {
    let harness = indexed()?;
    let decision = open(&harness, "1", json!({
        "intent": "refund.issue", "title": "Refund for Jane", "actor": "jane", "tags": ["vip", "vip"],
        "context": {"source_record_id": "opp_1"},
    }))
    .await?;
    let terms = terms(&harness, &decision);
    let kinds: Vec<&str> = terms
        .iter()
        .filter_map(|term| Some(term.split_once('=')?.0))
        .collect();
    assert_eq!(
        kinds,
        ["actor", "source_record", "tag", "word", "word", "word"]
    );
    for personal in ["jane", "opp_1", "vip", "refund"] {
        assert!(
            !terms.iter().any(|term| term.contains(personal)),
            "{terms:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_says_nothing_to_be_found_by_writes_no_term() -> Tested {
    let harness = indexed()?;
    let decision = open(&harness, "1", json!({
        "intent": "refund.issue",
        "context": {"target_system": "billing", "target_object_id": "ch_1", "mutation": "refund.create"},
    }))
    .await?;
    assert_eq!(terms(&harness, &decision), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_text_that_stands_in_too_many_intents_is_refused() -> Tested {
    let harness = indexed()?;
    for number in 0..33 {
        open(
            &harness,
            &number.to_string(),
            json!({"intent": format!("refund.kind-{number}")}),
        )
        .await?;
    }
    let refused = harness
        .auditor()
        .search(&Search::new().text("refund")?)
        .await;
    assert!(matches!(refused, Err(SearchError::TooManyIntents)));
    let narrow = harness
        .auditor()
        .search(&Search::new().text("kind 7")?)
        .await;
    assert!(matches!(narrow, Err(SearchError::TooManyIntents)));
    assert_eq!(
        harness
            .auditor()
            .search(&Search::new().text("7")?)
            .await?
            .listed
            .len(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_store_without_an_index_says_so() -> Tested {
    let store = Backend::store_only(std::sync::Arc::new(MemoryStore::new()));
    let tracemem = tracemem_sdk::TraceMem::builder(store).build()?;
    let auditor = tracemem.tenant("tenant".parse()?).auditor();
    assert!(matches!(
        auditor.search(&Search::new()).await,
        Err(SearchError::NoIndex)
    ));
    Ok(())
}

#[test]
fn a_value_that_no_decision_has_is_refused_by_field_and_rule() -> Tested {
    let long = "x".repeat(301);
    let refused = [
        (Search::new().tag("").err(), "tag"),
        (
            Search::new().tag(long.get(..65).unwrap_or_default()).err(),
            "tag",
        ),
        (Search::new().actor("").err(), "actor"),
        (Search::new().actor(&long).err(), "actor"),
        (Search::new().source_record(&long).err(), "source_record"),
        (Search::new().text(" … ").err(), "text"),
        (
            Search::new()
                .text("one two three four five six seven eight nine")
                .err(),
            "text",
        ),
        (PageSize::new(0).err(), "page_size"),
        (PageSize::new(101).err(), "page_size"),
    ];
    for (refused, field) in refused {
        let refused = refused.ok_or(field)?;
        assert_eq!(refused.field(), field);
        assert!(!refused.to_string().contains("xxx"), "{refused}");
    }
    let sixteen = (0..16).try_fold(Search::new(), |search, tag| search.tag(&tag.to_string()))?;
    assert!(sixteen.clone().tag("0").is_ok());
    assert!(sixteen.tag("16").is_err());
    assert!(Search::new().tag(&"ü".repeat(64)).is_ok());
    let said = format!(
        "{:?}",
        Search::new().tag("vip")?.actor("jane")?.text("late")?
    );
    assert!(
        !["vip", "jane", "late"]
            .iter()
            .any(|personal| said.contains(personal)),
        "{said}"
    );
    Ok(())
}

fn indexed() -> Result<Harness, Failure> {
    allowing(Some(IndexKey::new(&(0..32).collect::<Vec<u8>>())?))
}

fn allowing(key: Option<IndexKey>) -> Result<Harness, Failure> {
    let policy: tracemem_sdk::id::PolicyId = "allows".parse()?;
    Ok(Harness::with(move |builder| {
        let builder = match &key {
            Some(key) => builder.index_key(key.clone()),
            None => builder,
        };
        builder
            .policy(PolicyFn::new(policy.clone(), "1", |_| {
                Ok(PolicyOutcome::allow("FINE"))
            }))
            .attach(Attachment::everywhere(policy.clone()))
    })?)
}

async fn open(harness: &Harness, key: &str, body: Value) -> Result<DecisionId, Failure> {
    open_as(&harness.agent(), key, body).await
}

async fn open_as(agent: &Agent, key: &str, mut body: Value) -> Result<DecisionId, Failure> {
    if let Some(body) = body.as_object_mut() {
        body.entry("context").or_insert(Value::Object(Map::new()));
    }
    let request = DecisionRequest::from_json(key.parse()?, body.to_string().as_bytes())?;
    Ok(agent.decide(&request).await?.id().clone())
}

/// The terms of a decision as a store has them, as `kind=value`.
fn terms(harness: &Harness, decision: &DecisionId) -> Vec<String> {
    let stream = StreamId::Decision(decision.clone());
    let terms = harness.store().terms(harness.tenant().id(), &stream);
    terms
        .into_iter()
        .map(|term| format!("{}={}", term.kind, term.value))
        .collect()
}
