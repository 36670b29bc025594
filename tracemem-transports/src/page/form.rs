//! The form that the page sends back, read strictly: exactly its four fields, each at most once, in strict UTF-8.
//!
//! What the fields mean for the approval is left to the one who asked for them.

use tracemem_sdk::decision::event::Choice;

use crate::urlencoded::{NotEncoded, pairs};

/// The most bytes that a form may have.
pub(super) const FORM_LIMIT: usize = 16 * 1024;

/// What a person sent.
#[derive(Default)]
pub(super) struct Form {
    pub(super) token: String,
    pub(super) choice: Option<Choice>,
    pub(super) rationale: String,
    pub(super) guard: String,
}

/// A body is no form of this page. It is not said why: no browser that was given the page sends one.
pub(super) struct NotTheForm;

impl Form {
    /// Reads the body of a POST.
    pub(super) fn read(body: &[u8]) -> Result<Self, NotTheForm> {
        let (mut token, mut choice, mut rationale, mut guard) = (None, None, None, None);
        for (name, value) in pairs(body).map_err(|NotEncoded| NotTheForm)? {
            let field = match name.as_str() {
                "t" => &mut token,
                "decision" => &mut choice,
                "rationale" => &mut rationale,
                "guard" => &mut guard,
                _ => return Err(NotTheForm),
            };
            if field.replace(value).is_some() {
                return Err(NotTheForm);
            }
        }
        let choice = match choice.as_deref() {
            None => None,
            Some("approve") => Some(Choice::Approve),
            Some("reject") => Some(Choice::Reject),
            Some(_) => return Err(NotTheForm),
        };
        // Browsers send line breaks as CR LF, whatever was typed.
        let rationale = rationale.unwrap_or_default().replace("\r\n", "\n");
        Ok(Self {
            token: token.ok_or(NotTheForm)?,
            choice,
            rationale,
            guard: guard.unwrap_or_default(),
        })
    }
}

/// The token of a link's query, where there is exactly one. Other parameters are left alone: mail programs and proxies add some.
pub(crate) fn token_of(query: &str) -> Option<String> {
    let mut tokens = pairs(query.as_bytes())
        .ok()?
        .into_iter()
        .filter_map(|(name, value)| (name == "t").then_some(value));
    let token = tokens.next()?;
    tokens.next().is_none().then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(body: &str) -> bool {
        Form::read(body.as_bytes()).is_ok()
    }

    #[test]
    fn a_form_is_read_as_it_was_typed() -> Result<(), &'static str> {
        let body = b"t=v1.a.b.c&decision=reject&rationale=a+b%2B%C3%BC%0D%0Ac&guard=12ab";
        let form = Form::read(body).map_err(|NotTheForm| "refused")?;
        assert_eq!(form.token, "v1.a.b.c");
        assert_eq!(form.choice, Some(Choice::Reject));
        assert_eq!(form.rationale, "a b+ü\nc");
        assert_eq!(form.guard, "12ab");
        Ok(())
    }

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        assert!(is_read("t=x&decision=approve"));
        for body in [
            "t=x&t=x",
            "t=x&decision=approve&decision=reject",
            "t=x&rationale=&rationale=a",
            "t=x&guard=1&guard=1",
            "t=x&%74=y",
        ] {
            assert!(!is_read(body), "{body}");
        }
    }

    #[test]
    fn what_is_not_the_form_is_refused() {
        for body in [
            "",
            "decision=approve",
            "t=x&admin=1",
            "t=x&decision=yes",
            "t=x&decision=",
            "t=%",
            "t=%4",
            "t=%zz",
            "t=x&rationale=%FF",
            "{\"t\":\"x\"}",
        ] {
            assert!(!is_read(body), "{body}");
        }
        assert!(Form::read(b"t=x&rationale=\xff").is_err());
    }

    #[test]
    fn a_query_with_two_tokens_has_none() {
        assert_eq!(token_of("t=a&utm_source=mail").as_deref(), Some("a"));
        for query in ["", "x=a", "t=a&t=b", "t=a&%74=a", "t=%FF"] {
            assert_eq!(token_of(query), None, "{query}");
        }
    }
}
