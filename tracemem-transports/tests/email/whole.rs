//! The whole way: a decision asks, mails go out, a person answers by the link in theirs, and everybody is told.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::{Map, Value};
use tracemem_sdk::{
    TraceMem,
    approval::{Requirements, ResolvedAs},
    decision::{
        DecisionRequest,
        event::{EventKind, disclosed},
    },
    policy::{Attachment, ExceptionTerms, PolicyFn, PolicyOutcome},
    route::StoredRoute,
    testing::MemoryStore,
};
use tracemem_transports::{
    link::{BaseUrl, LinkKeys},
    page::ConfirmPage,
};

use super::{
    Tested,
    post::{ALICE, BASE, BOB, SECRET, clock, mailing, nowhere},
    relay::{Relay, Taken},
};

fn build(relay: &Relay) -> Tested<TraceMem> {
    let terms = Requirements::default().approvers([ALICE.parse()?, BOB.parse()?]);
    let route = StoredRoute::new("people".parse()?, "mail".parse()?, nowhere());
    let policy = PolicyFn::new("asks".parse()?, "1", |_| {
        let terms = ExceptionTerms::default();
        Ok(PolicyOutcome::requires_exception("ASK", terms).because("above the limit"))
    });
    Ok(TraceMem::builder(MemoryStore::new())
        .clock(clock())
        .policy(policy)
        .attach(Attachment::everywhere("asks".parse()?))
        .route(route.requirements(terms))
        .default_route("people".parse()?)
        .integration(mailing(relay.usual_sender()?)?)
        .build()?)
}

fn token(mail: &Taken) -> Tested<String> {
    let (_, rest) = mail.text()?.split_once("?t=").ok_or("no link")?;
    Ok(rest.split_whitespace().next().ok_or("no token")?.to_owned())
}

#[tokio::test]
async fn a_request_is_mailed_answered_by_its_link_and_its_end_is_mailed() -> Tested {
    let relay = Relay::usual().await?;
    let tracemem = build(&relay)?;
    let keys = LinkKeys::new("k1", SECRET)?;
    let page = ConfirmPage::of_all(tracemem.clone(), BaseUrl::parse(BASE)?, keys);
    let tenant = tracemem.tenant("acme".parse()?);
    let facts = Map::from_iter([("percent".to_owned(), Value::from(25))]);
    let request = DecisionRequest::new("job-1".parse()?, &"discount.apply".parse()?, facts)
        .title("Discount of 25 percent")
        .actor("user:jane");
    let decided = tenant.agent("pricing".parse()?).decide(&request).await?;
    tracemem.worker().run_once().await?;

    let mails = relay.taken()?;
    assert_eq!(mails.len(), 2);
    let token = token(mails.first().ok_or("none")?)?;
    let approval = decided.id().approval();
    let guard = approval.as_str().get(approval.as_str().len() - 4..);
    let form = format!(
        "t={token}&decision=approve&rationale=agreed+by+phone&guard={}",
        guard.ok_or("short")?
    );
    let post = Request::post("/tm/approve")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form))?;
    assert_eq!(page.handle(post).await.status(), StatusCode::OK);
    while tracemem.worker().run_once().await? != Default::default() {}

    let mails = relay.taken()?;
    let told: Vec<_> = mails.iter().skip(2).collect();
    assert_eq!(told.len(), 2);
    for mail in told {
        assert!(mail.text()?.starts_with("Approved\n"));
        assert!(mail.text()?.contains(ALICE));
        assert!(mail.text()?.contains("> agreed by phone"));
    }
    let trace = tenant.auditor().trace(decided.id()).await?;
    let resolution = trace.resolution().ok_or("open")?;
    assert_eq!(resolution.outcome, ResolvedAs::Approved);
    let answered = trace.events().iter();
    let answered = answered.filter(|event| event.kind == EventKind::ApprovalAnswered);
    let evidence: Vec<Map<String, Value>> = answered
        .filter_map(|event| event.read(disclosed::EVIDENCE))
        .collect();
    let method = evidence
        .first()
        .and_then(|evidence| evidence.get("auth_method"));
    assert_eq!(method, Some(&Value::from("email_link")));
    Ok(())
}
