//! What every reply carries, and what a request must not.

use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, Method, Request, StatusCode, header};
use sha2::{Digest, Sha256};
use tracemem_sdk::decision::status::Status;

use super::{
    Tested,
    stage::{ALICE, Reply, Stage, post},
};

/// The headers of a reply, sorted, one a line.
fn listed(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

/// The hash of the one style in a page, as a policy names it.
fn style_hash(body: &str) -> Option<String> {
    let (_, style) = body.split_once("<style>")?;
    let (style, rest) = style.split_once("</style>")?;
    (!rest.contains("<style")).then(|| BASE64.encode(&Sha256::digest(style)))
}

#[track_caller]
fn assert_headers(reply: &Reply, hash: &str, more: &[&str]) {
    let policy = format!(
        "content-security-policy: default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut expected = vec![
        "cache-control: no-store",
        &policy,
        "referrer-policy: same-origin",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "x-robots-tag: noindex",
    ];
    expected.extend(more);
    expected.sort_unstable();
    assert_eq!(listed(&reply.headers), expected);
}

#[tokio::test]
async fn every_reply_has_exactly_the_headers_of_the_confirm_page() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let token = asked.token(ALICE)?;
    let html = "content-type: text/html; charset=utf-8";
    let page = stage.get(&token).await?;
    let hash = style_hash(&page.body).ok_or("no style")?;
    for reply in [
        page,
        stage.request(Method::HEAD, &token).await?,
        stage.get("nothing").await?,
        stage.post("t=x&x=y").await?,
        stage.post("x".repeat(20_000)).await?,
        stage.post(format!("t={token}")).await?,
        stage.post(asked.form(ALICE, "approve")?).await?,
        stage.post(asked.form(ALICE, "approve")?).await?,
    ] {
        assert_headers(&reply, &hash, &[html]);
        if let Some(own) = style_hash(&reply.body) {
            assert_eq!(own, hash);
        }
    }
    let refused = stage.request(Method::PUT, &token).await?;
    let allow = "allow: GET, HEAD, POST, OPTIONS";
    assert_headers(&refused, &hash, &[html, allow]);
    let options = stage.request(Method::OPTIONS, &token).await?;
    assert_headers(&options, &hash, &[allow]);
    Ok(())
}

#[tokio::test]
async fn other_methods_are_refused_and_decide_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    for method in ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "get", "POSTS"] {
        let request = Request::builder()
            .method(method)
            .uri("/tm/approve")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(asked.form(ALICE, "approve")?))?;
        let reply = stage.send(request).await?;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let options = stage.request(Method::OPTIONS, &asked.token(ALICE)?).await?;
    assert_eq!(
        (options.status, options.body.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::NeedsApproval
    );
    Ok(())
}

#[tokio::test]
async fn a_form_from_another_site_decides_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let foreign: [&[(&str, &str)]; 14] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        // Two are one too many, whatever they say.
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "same-origin"),
        ],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://approvals.example.com")],
        &[("origin", "https://approvals.example.com:444")],
        &[("origin", "https://approvals.example.com.evil.example")],
        &[("origin", "https://approvals.example.com/tm")],
        &[
            ("origin", "https://approvals.example.com"),
            ("origin", "https://evil.example"),
        ],
        &[
            ("origin", "https://approvals.example.com"),
            ("sec-fetch-site", "cross-site"),
        ],
        // What the request says of its own host counts for nothing.
        &[("origin", "https://evil.example"), ("host", "evil.example")],
    ];
    for headers in foreign {
        let mut request = post(asked.form(ALICE, "approve")?)?;
        for (name, value) in headers {
            let name: header::HeaderName = name.parse()?;
            request.headers_mut().append(name, value.parse()?);
        }
        let reply = stage.send(request).await?;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{headers:?}");
        reply.says("It was not sent from this page.");
    }
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::NeedsApproval
    );
    Ok(())
}

#[tokio::test]
async fn a_form_from_our_own_page_decides() -> Tested {
    let ours: [&[(&str, &str)]; 3] = [
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://approvals.example.com"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://approvals.example.com")],
    ];
    for headers in ours {
        let stage = Stage::new()?;
        let asked = stage.ask().await?;
        let mut request = post(asked.form(ALICE, "approve")?)?;
        for (name, value) in headers {
            let name: header::HeaderName = name.parse()?;
            request.headers_mut().append(name, value.parse()?);
        }
        stage.send(request).await?.says("You approved this request");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_the_form_of_the_page_decides_nothing() -> Tested {
    let stage = Stage::new()?;
    let asked = stage.ask().await?;
    let form = asked.form(ALICE, "approve")?;
    for more in [
        "&decision=reject",
        "&decision=approve",
        "&t=x",
        "&guard=0000",
        "&rationale=b",
        "&approver=bob",
        "&%74=x",
        "&x=%",
        "&rationale=%FF",
    ] {
        let reply = stage.post(format!("{form}{more}")).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{more}");
    }
    for (kind, body) in [
        ("application/json", r#"{"decision":"approve"}"#),
        ("multipart/form-data; boundary=x", &form),
        ("text/plain", &form),
        ("", &form),
    ] {
        let mut request = post(body.to_owned())?;
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, kind.parse()?);
        let reply = stage.send(request).await?;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let mut request = post(form.clone())?;
    request.headers_mut().remove(header::CONTENT_TYPE);
    assert_eq!(
        stage.send(request).await?.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let reply = stage
        .post(format!("{form}&{}", "x".repeat(16 * 1024)))
        .await?;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        stage.trace(&asked).await?.state().status(),
        Status::NeedsApproval
    );
    Ok(())
}
