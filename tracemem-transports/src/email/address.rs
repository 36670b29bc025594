//! Addresses of people that mail can be sent to.

use std::{fmt, str::FromStr};

/// The most bytes of an address (RFC 5321, 4.5.3.1.3, without the brackets) and of what stands before its `@`.
const LENGTH_LIMIT: usize = 254;
const LOCAL_LIMIT: usize = 64;

/// Names of roles: those of RFC 2142, and others that are common.
const ROLES: [&str; 34] = [
    "abuse",
    "admin",
    "all",
    "approvals",
    "approvers",
    "billing",
    "contact",
    "everyone",
    "finance",
    "ftp",
    "group",
    "help",
    "helpdesk",
    "hostmaster",
    "info",
    "legal",
    "list",
    "mail",
    "marketing",
    "news",
    "noc",
    "noreply",
    "office",
    "postmaster",
    "reply",
    "root",
    "sales",
    "security",
    "staff",
    "support",
    "team",
    "usenet",
    "webmaster",
    "www",
];

/// A text is no address that mail is sent to. The input is not repeated: it may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no mail address: {0}")]
pub struct InvalidMailAddress(&'static str);

impl InvalidMailAddress {
    /// The rule that was broken, as a sentence fragment.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.0
    }
}

/// A mailbox at a public domain: a dot-atom of RFC 5322 before the `@`, and a domain of at least two labels behind it, kept as A-labels
/// (RFC 5890). At most 254 bytes.
///
/// Quoted local parts, local parts outside ASCII, `localhost` and addresses at IP addresses are refused: no approver has one, and what
/// reads them differently from the next program is an attack. `Debug` prints none of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailAddress {
    local: Box<str>,
    domain: Box<str>,
}

impl MailAddress {
    /// What stands before the `@`, as it was given.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain in lower-case A-labels.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The form that addresses are compared in: lower case, A-labels. Neither dots nor `+tag` are folded: only some providers do.
    #[must_use]
    pub fn folded(&self) -> String {
        [&self.local.to_ascii_lowercase(), "@", &self.domain].concat()
    }

    /// Whether its name is that of a role or a list, as far as names tell: behind it stand several people, or nobody knows who.
    pub(super) fn is_of_a_role(&self) -> bool {
        let name = self.local.to_ascii_lowercase();
        let mut words = name.split(['.', '-', '_', '+']);
        words.any(|word| ROLES.contains(&word))
    }

    /// The address with `+tag` before its `@`; `None` where that is too long.
    pub(super) fn tagged(&self, tag: &str) -> Option<Self> {
        [&self.local, "+", tag, "@", &self.domain]
            .concat()
            .parse()
            .ok()
    }
}

impl FromStr for MailAddress {
    type Err = InvalidMailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMailAddress> {
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or(InvalidMailAddress("it has an `@`"))?;
        if !is_dot_atom(local) || local.len() > LOCAL_LIMIT {
            return Err(InvalidMailAddress(
                "before its `@` stand 1 to 64 characters of ``A-Z a-z 0-9 ! # $ % & ' * + - / = ? ^ _ ` { | } ~`` and single dots between them",
            ));
        }
        let domain = idna::domain_to_ascii_strict(domain)
            .map_err(|_| InvalidMailAddress("behind its `@` stands a domain"))?;
        let top = domain.rsplit('.').next().unwrap_or_default();
        let is_number = top.bytes().all(|byte| byte.is_ascii_digit());
        if !domain.contains('.') || is_number || top == "localhost" {
            return Err(InvalidMailAddress(
                "its domain has two labels or more, and is neither `localhost` nor an IP address",
            ));
        }
        if local.len() + 1 + domain.len() > LENGTH_LIMIT {
            return Err(InvalidMailAddress("it has at most 254 bytes"));
        }
        Ok(Self {
            local: local.into(),
            domain: domain.into(),
        })
    }
}

fn is_dot_atom(text: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let mut atoms = text.split('.');
    atoms.all(|part| !part.is_empty() && part.bytes().all(atom))
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_local_part_and_has_its_domain_as_a_labels()
    -> Result<(), InvalidMailAddress> {
        let address: MailAddress = "Jane.O'Neil+tm@B\u{dc}CHER.example".parse()?;
        assert_eq!(address.to_string(), "Jane.O'Neil+tm@xn--bcher-kva.example");
        assert_eq!(address.folded(), "jane.o'neil+tm@xn--bcher-kva.example");
        Ok(())
    }

    #[test]
    fn what_is_no_mailbox_at_a_public_domain_is_refused() {
        let long = ["x".repeat(65).as_str(), "@example.com"].concat();
        let longer = format!("x@{}example.com", "long.".repeat(60));
        for text in [
            "",
            "jane",
            "@example.com",
            "jane@",
            "jane@localhost",
            "jane@printer.localhost",
            "jane@127.0.0.1",
            "jane@[127.0.0.1]",
            "jane@[IPv6:::1]",
            "\"jane doe\"@example.com",
            "j\u{e4}ne@example.com",
            ".jane@example.com",
            "jane.@example.com",
            "ja..ne@example.com",
            "jane@@example.com",
            "jane@exa mple.com",
            "jane@example..com",
            "jane@example.com\r\nBcc: eve@example.com",
            "jane\r\n@example.com",
            "jane@example.com\0",
            "jane@-example.com",
            "<jane@example.com>",
            "jane@example.com,eve@example.com",
            long.as_str(),
            longer.as_str(),
        ] {
            assert!(text.parse::<MailAddress>().is_err(), "{text:?}");
        }
    }
}
