//! Mailboxes, as far as two ways of writing one must be seen to be the same.

use url::Host;

/// Whether both texts name one mailbox.
pub(crate) fn is_same_mailbox(one: &str, other: &str) -> bool {
    mailbox(one).is_some_and(|one| mailbox(other).is_some_and(|other| one == other))
}

/// The mailbox that a text names, in the one form that its other forms are compared in: the local part in lower case, the domain as A-labels.
///
/// `None` where it names none. Nothing is folded that only some providers fold, such as dots or `+tag`. What stands before a last colon is
/// the word by which a host says what kind of actor it is, as in `user:jane@example.com`, and no part of a mailbox.
fn mailbox(text: &str) -> Option<String> {
    let address = text.trim().rsplit(':').next()?;
    let (local, domain) = address.rsplit_once('@')?;
    let Ok(Host::Domain(domain)) = Host::parse(domain.trim_end_matches('.')) else {
        return None;
    };
    (!local.is_empty()).then(|| [&local.to_lowercase(), "@", &domain].concat())
}

#[cfg(test)]
mod tests {
    use super::mailbox;

    #[test]
    fn one_mailbox_has_one_form() {
        for text in [
            "jane@b\u{fc}cher.example",
            "JANE@B\u{dc}CHER.example",
            "jane@xn--bcher-kva.example.",
            "user:Jane@XN--BCHER-KVA.Example",
        ] {
            assert_eq!(
                mailbox(text).as_deref(),
                Some("jane@xn--bcher-kva.example"),
                "{text}"
            );
        }
        assert_ne!(mailbox("j.ane@example.com"), mailbox("jane@example.com"));
        assert_ne!(mailbox("jane+x@example.com"), mailbox("jane@example.com"));
    }

    #[test]
    fn what_names_no_mailbox_is_none() {
        for text in [
            "",
            "jane",
            "@example.com",
            "jane@",
            "U123",
            "jane@127.0.0.1",
        ] {
            assert_eq!(mailbox(text), None, "{text}");
        }
    }
}
