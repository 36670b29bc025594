//! What is recorded of how somebody answered by a link, beside who they are.

use http::{HeaderMap, header};
use tracemem_sdk::{approval::VerifiedAnswer, time::Timestamp};

use super::Person;
use crate::link::VerifiedLink;

/// The answer with `auth_method`, `mailbox` where the link was sent to one, how old the link was, and what kind of program sent the form.
pub(super) fn with_evidence(
    answer: VerifiedAnswer,
    link: &VerifiedLink,
    person: &Person,
    headers: &HeaderMap,
    now: Timestamp,
) -> VerifiedAnswer {
    let approver = link.approver.as_str();
    let (by_link, recipient) = if approver.contains('@') {
        ("email_link", "mailbox")
    } else {
        ("link", "recipient")
    };
    let method = match &person.method {
        Some(method) => [by_link, "+", method].concat(),
        None => by_link.to_owned(),
    };
    let age = now.saturating_since(link.issued_at).as_secs();
    answer
        .with_evidence("auth_method", method)
        .with_evidence(recipient, approver)
        .with_evidence("link_age_seconds", age.to_string())
        .with_evidence("user_agent", user_agent(headers))
}

/// The kind of program: a family of browsers, and never the whole text, which tells people apart and is whatever its sender likes.
fn user_agent(headers: &HeaderMap) -> &'static str {
    let Some(agent) = headers.get(header::USER_AGENT) else {
        return "none";
    };
    let agent = agent.to_str().unwrap_or_default();
    // In this order: each of these browsers also names those after it.
    let families = [
        ("HeadlessChrome", "headless"),
        ("bot", "bot"),
        ("Edg", "edge"),
        ("Firefox", "firefox"),
        ("Chrome", "chrome"),
        ("Safari", "safari"),
    ];
    let family = families.iter().find(|(mark, _)| agent.contains(mark));
    match family {
        Some((_, family)) if agent.starts_with("Mozilla/") => family,
        Some(_) | None => "other",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_program_is_told_by_its_family_only() {
        let family = |agent: &'static str| {
            let agent = HeaderValue::from_static(agent);
            user_agent(&HeaderMap::from_iter([(header::USER_AGENT, agent)]))
        };
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "firefox",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
                "chrome",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0",
                "edge",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/141.0 Safari/537.36",
                "headless",
            ),
            (
                "Mozilla/5.0 (iPhone) AppleWebKit/605.1 Version/26.0 Safari/604.1",
                "safari",
            ),
            ("Mozilla/5.0 (compatible; bingbot/2.0)", "bot"),
            ("curl/8.1", "other"),
            ("<script>", "other"),
        ] {
            assert_eq!(family(agent), expected, "{agent}");
        }
        assert_eq!(user_agent(&HeaderMap::new()), "none");
    }
}
