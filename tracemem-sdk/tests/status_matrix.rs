//! Every step from every position: what the table of states allows and nothing else, written out here a second time by hand.

use std::{collections::BTreeMap, error::Error, time::Duration};

use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::json;
use tracemem_sdk::{
    decision::{
        DecisionRequest, Outcome,
        status::{
            ApprovalOutcome, AutomationMode, CloseAction, ExecutionState, Position, Status, Step,
            TraceEnd, Verdict,
        },
    },
    guard::{EffectError, ResultExt, Safety},
    id::DecisionId,
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    store::{Store, StreamId},
    testing::Harness,
};

type Tested = Result<(), Box<dyn Error>>;

/// step | from statuses | from executions | needs | to. `*` is any; `authorised` is `open` with verdict yes in mode autonomous, or
/// `approved`; `askable` is a verdict of yes or review, or of no in mode override; `=` changes nothing.
const TABLE: &str = "
    evaluate           | open                                       | not_started                              | -          | =
    add_context        | open                                       | not_started                              | -          | =
    decide yes         | open                                       | not_started                              | -          | verdict yes
    decide no          | open                                       | not_started                              | -          | verdict no
    decide review      | open                                       | not_started                              | -          | verdict review
    request_approval   | open                                       | not_started                              | askable    | status needs_approval
    deliver            | needs_approval approved rejected committed aborted | *                                | -          | =
    answer             | needs_approval                             | not_started                              | -          | =
    resolve approved   | needs_approval                             | not_started                              | -          | status approved
    resolve rejected   | needs_approval                             | not_started                              | -          | status rejected
    resolve expired    | needs_approval                             | not_started                              | -          | status aborted
    start              | *                                          | not_started failed unknown               | authorised | execution started
    record executed    | open needs_approval approved               | started                                  | -          | execution executed
    record failed      | open needs_approval approved               | started                                  | -          | execution failed
    record skipped     | open needs_approval approved               | started                                  | -          | execution skipped
    record blocked     | open needs_approval approved               | started                                  | -          | execution blocked
    record reverted    | open needs_approval approved               | started                                  | -          | execution reverted
    record unknown     | open needs_approval approved               | started                                  | -          | execution unknown
    report executed    | *                                          | not_started                              | authorised | execution executed
    report failed      | *                                          | not_started                              | authorised | execution failed
    report skipped     | *                                          | not_started                              | authorised | execution skipped
    report blocked     | *                                          | not_started                              | authorised | execution blocked
    report reverted    | *                                          | not_started                              | authorised | execution reverted
    report unknown     | *                                          | not_started                              | authorised | execution unknown
    reconcile executed | *                                          | unknown                                  | -          | execution executed
    reconcile failed   | *                                          | unknown                                  | -          | execution failed
    reconcile reverted | *                                          | unknown                                  | -          | execution reverted
    settle executed    | *                                          | unknown                                  | -          | execution executed
    settle failed      | *                                          | unknown                                  | -          | execution failed
    settle skipped     | *                                          | unknown                                  | -          | execution skipped
    settle blocked     | *                                          | unknown                                  | -          | execution blocked
    settle reverted    | *                                          | unknown                                  | -          | execution reverted
    keep               | *                                          | started executed failed skipped blocked reverted unknown | - | =
    close commit       | *                                          | executed                                 | authorised | status committed
    close abort        | open needs_approval approved               | not_started failed skipped blocked reverted | -       | status aborted
    record_outcome     | rejected committed aborted                 | *                                        | -          | =
    close_trace        | rejected committed aborted                 | not_started executed failed skipped blocked reverted | - | trace closed
";

struct Row {
    statuses: Vec<&'static str>,
    executions: Vec<&'static str>,
    needs: &'static str,
    to: &'static str,
}

fn table() -> Result<BTreeMap<&'static str, Row>, Box<dyn Error>> {
    let mut rows = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [step, statuses, executions, needs, to] = cells.as_slice() else {
            return Err(format!("`{line}` has no five cells").into());
        };
        let row = Row {
            statuses: statuses.split_whitespace().collect(),
            executions: executions.split_whitespace().collect(),
            needs,
            to,
        };
        rows.insert(*step, row);
    }
    Ok(rows)
}

impl Row {
    fn allows(&self, from: Position) -> bool {
        let any = |cell: &[&str], one: &str| cell == ["*"] || cell.contains(&one);
        let verdict = from.verdict.map_or("none", Verdict::as_str);
        let needed = match (self.needs, from.status.as_str()) {
            ("-", _) | ("authorised", "approved") => true,
            ("authorised", "open") => (verdict, from.mode.as_str()) == ("yes", "autonomous"),
            ("askable", _) => matches!(
                (verdict, from.mode.as_str()),
                ("yes" | "review", _) | ("no", "override")
            ),
            _ => false,
        };
        any(&self.statuses, from.status.as_str())
            && any(&self.executions, from.execution.as_str())
            && needed
            && from.trace == TraceEnd::Open
    }

    fn leads_to(&self, from: Position) -> Option<Position> {
        Some(match self.to.split_once(' ') {
            None => from,
            Some(("status", to)) => Position {
                status: Status::parse(to)?,
                ..from
            },
            Some(("execution", to)) => Position {
                execution: ExecutionState::parse(to)?,
                ..from
            },
            Some(("verdict", to)) => Position {
                verdict: Some(Verdict::parse(to)?),
                ..from
            },
            Some(_) => Position {
                trace: TraceEnd::Closed,
                ..from
            },
        })
    }
}

fn name(step: Step) -> String {
    match step {
        Step::Evaluate => "evaluate".to_owned(),
        Step::Decide(verdict) => format!("decide {verdict}"),
        Step::AddContext => "add_context".to_owned(),
        Step::RequestApproval => "request_approval".to_owned(),
        Step::Deliver => "deliver".to_owned(),
        Step::Answer => "answer".to_owned(),
        Step::Resolve(outcome) => format!("resolve {outcome}"),
        Step::Start => "start".to_owned(),
        Step::Record(to) => format!("record {to}"),
        Step::Report(to) => format!("report {to}"),
        Step::Reconcile(to) => format!("reconcile {to}"),
        Step::Settle(to) => format!("settle {to}"),
        Step::Keep => "keep".to_owned(),
        Step::Close(action) => format!("close {action}"),
        Step::RecordOutcome => "record_outcome".to_owned(),
        Step::CloseTrace => "close_trace".to_owned(),
    }
}

fn steps() -> Vec<Step> {
    let mut steps = vec![
        Step::Evaluate,
        Step::AddContext,
        Step::RequestApproval,
        Step::Deliver,
        Step::Answer,
        Step::Start,
        Step::Keep,
        Step::RecordOutcome,
        Step::CloseTrace,
    ];
    steps.extend(Verdict::ALL.iter().copied().map(Step::Decide));
    steps.extend(ApprovalOutcome::ALL.iter().copied().map(Step::Resolve));
    steps.extend(CloseAction::ALL.iter().copied().map(Step::Close));
    for with in [Step::Record, Step::Report, Step::Reconcile, Step::Settle] {
        steps.extend(ExecutionState::ALL.iter().copied().map(with));
    }
    steps
}

fn positions() -> Vec<Position> {
    let mut positions = Vec::new();
    let verdicts = Verdict::ALL.iter().copied().map(Some).chain([None]);
    for verdict in verdicts {
        for (status, execution) in Status::ALL.iter().flat_map(|status| {
            ExecutionState::ALL
                .iter()
                .map(move |execution| (*status, *execution))
        }) {
            for mode in AutomationMode::ALL.iter().copied() {
                for trace in [TraceEnd::Open, TraceEnd::Closed] {
                    positions.push(Position {
                        status,
                        execution,
                        verdict,
                        mode,
                        trace,
                    });
                }
            }
        }
    }
    positions
}

#[test]
fn a_step_is_taken_exactly_where_the_table_says_so() -> Tested {
    let table = table()?;
    let (mut legal, mut illegal) = (0, 0);
    for from in positions() {
        for step in steps() {
            let row = table
                .get(name(step).as_str())
                .filter(|row| row.allows(from));
            let expected = row.and_then(|row| row.leads_to(from));
            assert_eq!(row.is_some(), expected.is_some(), "{step:?}");
            assert_eq!(from.after(step).ok(), expected, "{from:?}, {step:?}");
            if expected.is_some() {
                legal += 1
            } else {
                illegal += 1
            }
        }
    }
    assert_eq!(
        (legal + illegal, positions().len() * steps().len()),
        (1_536 * 49, 1_536 * 49)
    );
    assert!(
        legal > 1_000 && illegal > legal,
        "{legal} legal, {illegal} illegal"
    );
    Ok(())
}

#[test]
fn an_illegal_step_names_where_it_was_tried_and_where_it_would_have_led() -> Tested {
    let table = table()?;
    for from in positions() {
        for step in steps() {
            let Err(refused) = from.after(step) else {
                continue;
            };
            let text = refused.to_string();
            assert_eq!((refused.from, refused.step), (from, step));
            assert!(text.contains(&format!("`{}`", from.status)), "{text}");
            assert!(
                text.contains(&format!("execution `{}`", from.execution)),
                "{text}"
            );
            let to = table
                .get(name(step).as_str())
                .and_then(|row| row.to.split_once(' '));
            if let Some(("status" | "execution" | "verdict", to)) = to {
                assert!(
                    text.contains(&format!("`{to}`")),
                    "{text} does not name `{to}`"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_closed_trace_takes_no_step() {
    let closed = positions()
        .into_iter()
        .filter(|from| from.trace == TraceEnd::Closed);
    for from in closed {
        assert!(
            steps().into_iter().all(|step| from.after(step).is_err()),
            "{from:?}"
        );
    }
}

#[test]
fn nothing_leads_out_of_a_terminal_status() {
    for from in positions()
        .into_iter()
        .filter(|from| from.status.is_terminal())
    {
        for step in steps() {
            let status = from.after(step).map_or(from.status, |to| to.status);
            assert_eq!(status, from.status, "{from:?}, {step:?}");
        }
    }
}

/// What is done to one decision of a walk.
#[derive(Debug, Clone, Copy)]
enum Deed {
    AddContext(u8),
    Reevaluate,
    Ask,
    Approve,
    Reject,
    Execute(u8),
    Close(bool),
    Outcome(bool),
    Advance(u32),
    Work,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..3_u8).prop_map(Deed::AddContext),
        Just(Deed::Reevaluate),
        Just(Deed::Ask),
        Just(Deed::Approve),
        Just(Deed::Reject),
        (0..5_u8).prop_map(Deed::Execute),
        any::<bool>().prop_map(Deed::Close),
        any::<bool>().prop_map(Deed::Outcome),
        (1..200_000_u32).prop_map(Deed::Advance),
        Just(Deed::Work),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    /// Whatever is done to a decision, what stands beside its stream is what the fold of its events says.
    #[test]
    fn i5_the_projection_is_the_fold_after_every_step(
        percent in 0..30_u8,
        mode in prop::sample::select(AutomationMode::ALL),
        deeds in prop::collection::vec(deed(), 1..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let walked = runtime.block_on(walk(percent, mode, &deeds));
        walked.map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}

/// A tenth of the walks where the full count is not asked for.
fn cases() -> u32 {
    let full = std::env::var("TRACEMEM_TESTS").is_ok_and(|tests| tests == "full");
    if full { 1_000 } else { 100 }
}

async fn walk(percent: u8, mode: AutomationMode, deeds: &[Deed]) -> Tested {
    let harness = harness()?;
    let body = json!({"intent": "discount.apply", "automation_mode": mode.as_str(), "attempts": 2, "context": {
        "discount_percent": percent, "target_system": "billing", "target_object_id": "sub_1", "mutation": "apply"}});
    let request = DecisionRequest::from_json("walk".parse()?, body.to_string().as_bytes())?;
    let decision = harness.agent().decide(&request).await?.id().clone();
    check(&harness, &decision).await?;
    for deed in deeds {
        // Most deeds are refused where the walk stands; what counts is what they leave.
        take(&harness, &decision, *deed).await?;
        check(&harness, &decision).await?;
    }
    Ok(())
}

async fn take(harness: &Harness, decision: &DecisionId, deed: Deed) -> Tested {
    let agent = harness.agent();
    match deed {
        Deed::AddContext(place) => {
            let context = json!({format!("added_{place}"): place});
            let _ = agent.add_context(decision, &context, Some("more")).await;
        }
        Deed::Reevaluate => drop(agent.reevaluate(decision).await),
        Deed::Ask => drop(agent.request_approval(decision).await),
        Deed::Approve => drop(harness.approve(decision).await),
        Deed::Reject => drop(harness.reject(decision).await),
        Deed::Execute(how) => {
            let io = || std::io::Error::other("the target");
            let run = agent
                .resume(decision.clone(), Safety::Conditional)
                .run(async |permit| match how {
                    0 => Ok(permit.executed("ref")),
                    1 => Err(io()).did_not_happen(),
                    2 => Err(io()).may_have_happened(),
                    3 => Ok(permit.skipped("no need")),
                    _ => Ok::<_, EffectError<std::io::Error>>(
                        permit
                            .executed("ref")
                            .on_target("billing", "sub_2", "apply"),
                    ),
                });
            let _ = run.await;
        }
        Deed::Close(true) => drop(agent.close(decision, CloseAction::Commit, None).await),
        Deed::Close(false) => drop(agent.close(decision, CloseAction::Abort, Some("no")).await),
        Deed::Outcome(last) => {
            let outcome = if last {
                Outcome::succeeded()
            } else {
                Outcome::pending()
            };
            let _ = agent.report_outcome(decision, &outcome).await;
        }
        Deed::Advance(seconds) => harness.advance(Duration::from_secs(seconds.into())).await?,
        Deed::Work => harness.work().await?,
    }
    Ok(())
}

async fn check(harness: &Harness, decision: &DecisionId) -> Tested {
    let stream = StreamId::Decision(decision.clone());
    let tenant = harness.tenant().id().clone();
    let stored = harness
        .store()
        .load(&tenant, &stream)
        .await?
        .ok_or("there is no stream")?;
    // Reading folds the events anew, and fails where the projection is not theirs.
    let trace = harness.auditor().trace(decision).await?;
    let (state, projection) = (trace.state(), &stored.projection);
    assert_eq!(projection.status, state.status().as_str());
    assert_eq!(projection.execution, state.execution().as_str());
    assert_eq!(projection.wake_at, state.wake_at());
    let body: serde_json::Value = serde_json::from_slice(&projection.body)?;
    assert_eq!(body.get("verdict"), Some(&json!(state.position.verdict)));
    assert_eq!(
        body.get("trace_closed"),
        Some(&json!(state.position.trace == TraceEnd::Closed))
    );
    assert_eq!(trace.events().len() as u64, stored.version.0);
    Ok(())
}

fn harness() -> Result<Harness, Box<dyn Error>> {
    let cap = "cap".parse::<tracemem_sdk::id::PolicyId>()?;
    Ok(Harness::with(move |builder| {
        let judge = PolicyFn::new(cap.clone(), "1", |input| {
            let percent = input
                .context
                .get("discount_percent")
                .and_then(serde_json::Value::as_u64);
            let added = input.context.contains_key("added_0");
            Ok(match percent {
                Some(0..=4) if !added => {
                    PolicyOutcome::needs_input("MORE", vec!["added_0".into()], vec![])
                }
                Some(0..=15) => PolicyOutcome::allow("WITHIN_CAP"),
                Some(16..=25) => {
                    PolicyOutcome::requires_exception("ABOVE_CAP", ExceptionTerms::default())
                }
                _ => PolicyOutcome::deny("FAR_ABOVE_CAP"),
            })
        });
        builder
            .policy(judge)
            .attach(Attachment::everywhere(cap.clone()))
    })?)
}
