//! With a person in the middle: the server prints a link, and what the person answers stands in the decision.

use crate::{
    http::{Answer, Request},
    program::{Fault, Tested, Workplace},
    running::Server,
    samples::{at, request},
};

#[tokio::test]
async fn a_person_approves_by_the_printed_link() -> Tested {
    let place = Workplace::new()?;
    let mut server = place.start().await?;
    let id = asked(&server).await?;
    let link = server.link().await?;
    let answer = answer(&server, &link, "approve", "worth it").await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let entry = server.entry(&id).await?.json(200)?;
    assert_eq!(at(&entry, "/status"), "approved");
    assert_eq!(at(&entry, "/approval/status"), "approved");
    assert_eq!(at(&entry, "/approval/approver"), "maya@example.com");
    assert_eq!(at(&entry, "/approval/rationale"), "worth it");
    assert_eq!(at(&entry, "/approval/delivery/status"), "delivered");
    assert!(at(&entry, "/execute_by").is_string());
    // Asking again under the same key tells how it ended, and the verdict of the record stays what policy said.
    let again = server.decide("k1", &request(25)?).await?.json(200)?;
    assert_eq!(at(&again, "/verdict"), "review");
    assert_eq!(at(&again, "/approval/status"), "approved");
    server.says(": approved").await?;
    server.stop().await
}

#[tokio::test]
async fn what_a_person_rejects_is_rejected_and_cannot_be_executed() -> Tested {
    let place = Workplace::new()?;
    let mut server = place.start().await?;
    let id = asked(&server).await?;
    let link = server.link().await?;
    assert_eq!(
        answer(&server, &link, "reject", "too much").await?.status,
        200
    );
    let entry = server.entry(&id).await?.json(200)?;
    assert_eq!(at(&entry, "/status"), "rejected");
    let report = serde_json::json!({"execution_status": "executed", "external_ref": "di_1"});
    let reported = server.asks("POST", &format!("/api/decision/{id}/execution"));
    let reported = reported
        .header("x-idempotency-key", "e1")
        .json(&report)
        .send()
        .await?;
    assert_eq!(reported.code(409)?, "DECIDE_EXECUTION_NOT_AUTHORISED");
    server.stop().await
}

#[tokio::test]
async fn a_link_of_before_a_restart_still_leads_to_its_request() -> Tested {
    let place = Workplace::new()?;
    let mut server = place.start().await?;
    asked(&server).await?;
    let link = server.link().await?;
    server.stop().await?;
    let server = place.start().await?;
    let (_, target) = link.split_once("/approve").ok_or("the link has no path")?;
    let page = Request::new(&server.host, "GET", &format!("/approve{target}"))
        .send()
        .await?;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("sub_1042"));
    server.stop().await
}

async fn asked(server: &Server) -> Result<String, Fault> {
    let record = server.decide("k1", &request(25)?).await?.json(200)?;
    Ok(at(&record, "/decision_id")
        .as_str()
        .ok_or("there is no id")?
        .to_owned())
}

/// Opens the link, fills in the form as a person does, and sends it.
async fn answer(
    server: &Server,
    link: &str,
    decision: &str,
    rationale: &str,
) -> Result<Answer, Fault> {
    let rest = link.strip_prefix("http://").ok_or("the link is not http")?;
    let (_, target) = rest.split_once('/').ok_or("the link has no path")?;
    let page = Request::new(&server.host, "GET", &format!("/{target}"))
        .send()
        .await?;
    let (_, marked) = page
        .body
        .split_once("<b>")
        .ok_or("the page sets nothing off")?;
    let (guard, _) = marked.split_once("</b>").ok_or("the page is cut off")?;
    let (path, token) = target.split_once("?t=").ok_or("the link has no token")?;
    let rationale = rationale.replace(' ', "+");
    let form = format!("t={token}&decision={decision}&rationale={rationale}&guard={guard}");
    let request = Request::new(&server.host, "POST", &format!("/{path}"));
    request
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
}
