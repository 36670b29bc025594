//! Sending by SMTP: implicit TLS or required `STARTTLS`, on connections that are kept.
//!
//! Nothing is ever sent in clear, but to a relay on this machine where the host asks for it in so many words. A relay says `250` when it
//! takes a mail for relaying; whether it arrives is not known here.

mod connection;
mod failure;
mod gate;
mod line;

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{sync::Semaphore, time::timeout};
use tracemem_sdk::{async_trait, integration::DeliveryError, secrets::Secret};

pub(super) use self::gate::Gate;
use self::{
    connection::{Connection, Relay},
    failure::{Step, lost},
};
use super::{Accepted, EmailSender, Mail, compose::unwritable};

/// How many conversations there are at once.
const CONNECTIONS: usize = 4;
/// How long one mail may take where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a relay may take to say that it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// The most bytes of a line without its end (RFC 5322, 2.1.1).
const LINE_LIMIT: usize = 998;

/// How the connection is protected. Exhaustive on purpose: there is no way to do with less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmtpSecurity {
    /// TLS from the first byte on (RFC 8314), usually on port 465.
    ImplicitTls,
    /// `STARTTLS`, usually on port 587. A relay that does not offer it gets nothing.
    StartTls,
    /// No TLS, and no login either: for a relay on this machine, named by a loopback address or `localhost`.
    NoneOnLoopback,
}

/// An [`SmtpSender`] cannot be made so. The input is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtp {
    /// The host is none.
    #[error("`host`: it is a host name or an IP address")]
    Host,
    /// There is no TLS to a host elsewhere.
    #[error("`tls`: it is `none` only where the host is a loopback address or `localhost`")]
    ClearText,
    /// There is a login without TLS.
    #[error("`username`: there is no login without TLS")]
    ClearTextLogin,
    /// The user name is none.
    #[error("`username`: it has 1 to 200 characters without control characters")]
    Username,
    /// A root certificate is none.
    #[error("a root certificate cannot be read: it is PEM")]
    Root,
    /// The time limit is none.
    #[error("`timeout_seconds`: it is at least a second")]
    Timeout,
}

impl InvalidSmtp {
    /// The field of a configuration that is wrong, and the rule.
    pub(super) fn field_and_rule(self) -> (&'static str, String) {
        let said = self.to_string();
        let rule = said.split_once(": ").map(|(_, rule)| rule.to_owned());
        let field = match self {
            Self::Host => "host",
            Self::ClearText => "tls",
            Self::ClearTextLogin | Self::Username => "username",
            Self::Timeout => "timeout_seconds",
            Self::Root => "roots",
        };
        (field, rule.unwrap_or(said))
    }
}

/// Sends by SMTP. `Debug` prints neither the login nor the host.
pub struct SmtpSender {
    relay: Relay,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl SmtpSender {
    /// A relay at this host and port.
    ///
    /// # Errors
    /// [`InvalidSmtp`].
    pub fn new(host: &str, port: u16, security: SmtpSecurity) -> Result<Self, InvalidSmtp> {
        check_host(host)?;
        if security == SmtpSecurity::NoneOnLoopback && !is_loopback(host) {
            return Err(InvalidSmtp::ClearText);
        }
        Ok(Self {
            relay: Relay {
                host: host.to_owned(),
                port,
                security,
                roots: Vec::new(),
                // The name of this machine is nobody's business; a relay that we log in to does not look at it.
                hello: ClientId::Domain("localhost.localdomain".to_owned()),
                login: None,
                gate: None,
            },
            timeout: TIMEOUT,
            idle: Mutex::new(Vec::new()),
            turns: Semaphore::new(CONNECTIONS),
        })
    }

    /// Logs in, by `AUTH PLAIN` or `AUTH LOGIN`, and only once the connection is encrypted.
    ///
    /// # Errors
    /// [`InvalidSmtp`].
    pub fn login(mut self, username: &str, password: Secret) -> Result<Self, InvalidSmtp> {
        check_username(username)?;
        if self.relay.security == SmtpSecurity::NoneOnLoopback {
            return Err(InvalidSmtp::ClearTextLogin);
        }
        self.relay.login = Some((username.to_owned(), password));
        Ok(self)
    }

    /// Trusts the certificates that this one has signed too, beside the roots of Mozilla's programme. It is PEM.
    ///
    /// # Errors
    /// [`InvalidSmtp::Root`].
    pub fn trusting(mut self, root: &[u8]) -> Result<Self, InvalidSmtp> {
        self.relay.roots.extend(certificates(root)?);
        Ok(self)
    }

    /// Connects only where this lets it.
    pub(super) fn behind(mut self, gate: Gate) -> Self {
        self.relay.gate = Some(gate);
        self
    }

    /// The name that we greet the relay by; by default one that says nothing about this machine.
    ///
    /// # Errors
    /// [`InvalidSmtp::Host`].
    pub fn hello_name(mut self, name: &str) -> Result<Self, InvalidSmtp> {
        check_host(name)?;
        self.relay.hello = ClientId::Domain(name.to_owned());
        Ok(self)
    }

    /// How long one mail may take at most, ten seconds by default: half of it until the relay wants the content, and half for that.
    ///
    /// # Errors
    /// [`InvalidSmtp::Timeout`].
    pub fn timeout(self, timeout: Duration) -> Result<Self, InvalidSmtp> {
        if timeout < Duration::from_secs(1) {
            return Err(InvalidSmtp::Timeout);
        }
        Ok(Self { timeout, ..self })
    }

    /// A connection that was kept and is still good, or a new one.
    async fn connection(&self) -> Result<Connection, DeliveryError> {
        let within = SIGN_OF_LIFE.min(self.timeout / 4);
        if let Some(mut kept) = self.kept() {
            if kept.is_fresh(within).await {
                return Ok(kept);
            }
            // Those that were kept for longer are no better; to ask each would take the time for a new one.
            self.forget();
        }
        Connection::open(&self.relay).await
    }

    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    fn forget(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_in_step() && idle.len() < CONNECTIONS {
            idle.push(connection);
        }
    }

    /// A connection on which the relay waits for the content.
    async fn announced(&self, mail: &Mail) -> Result<Connection, DeliveryError> {
        let mut connection = self.connection().await?;
        match connection.announce(mail).await {
            Ok(()) => Ok(connection),
            Err(error) => {
                // A relay that refuses one mail may take the next.
                self.keep(connection);
                Err(error)
            }
        }
    }
}

#[async_trait]
impl EmailSender for SmtpSender {
    async fn send(&self, mail: &Mail) -> Result<Accepted, DeliveryError> {
        check_lines(&mail.raw)?;
        let half = self.timeout / 2;
        let announcing = async {
            let turn = self.turns.acquire().await;
            // Nobody closes it.
            let turn = turn.map_err(|_| lost(Step::Connecting))?;
            Ok((turn, self.announced(mail).await?))
        };
        let (_turn, mut connection) = timeout(half, announcing)
            .await
            .unwrap_or_else(|_| Err(lost(Step::Connecting)))?;
        let taken = timeout(half, connection.hand_over(mail))
            .await
            .unwrap_or_else(|_| Err(lost(Step::Content)))?;
        self.keep(connection);
        // `Ok 0102…` or `2.0.0 Ok: queued as 4BxYz`: the id stands last.
        let line = taken.first_line().unwrap_or_default();
        let id = line.split_whitespace().next_back().unwrap_or_default();
        Ok(if id.eq_ignore_ascii_case("ok") {
            Accepted::default()
        } else {
            Accepted::as_id(id)
        })
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        let checking = async {
            let reached = Connection::reach(&self.relay).await;
            let mut connection = match (reached, &self.relay.gate) {
                // Whoever named the relay must not tell from the kind whether somebody is there.
                (Err(_), Some(_)) => return Err(lost(Step::Connecting)),
                (reached, _) => reached?,
            };
            connection.log_in(&self.relay).await?;
            connection.check().await?;
            self.keep(connection);
            Ok(())
        };
        timeout(self.timeout, checking)
            .await
            .unwrap_or_else(|_| Err(lost(Step::Connecting)))
    }
}

/// What two programs could read as two different mails is handed to neither (CVE-2023-51764): each line ends in CR LF, and CR and LF stand
/// nowhere else.
fn check_lines(raw: &[u8]) -> Result<(), DeliveryError> {
    let Some(raw) = raw.strip_suffix(b"\r\n") else {
        return Err(unwritable("the mail does not end in CR LF"));
    };
    let mut length = 0;
    let mut bytes = raw.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' if bytes.peek() == Some(&&b'\n') => {
                bytes.next();
                length = 0;
            }
            b'\r' | b'\n' | 0 => {
                return Err(unwritable("the mail has a CR, an LF or a NUL by itself"));
            }
            _ => length += 1,
        }
        if length > LINE_LIMIT {
            return Err(unwritable("the mail has a line of more than 998 bytes"));
        }
    }
    Ok(())
}

pub(super) fn check_username(username: &str) -> Result<(), InvalidSmtp> {
    let count = username.chars().count();
    if !(1..=200).contains(&count) || username.chars().any(char::is_control) {
        return Err(InvalidSmtp::Username);
    }
    Ok(())
}

pub(super) fn check_host(host: &str) -> Result<(), InvalidSmtp> {
    let is_name =
        idna::domain_to_ascii_strict(host).is_ok_and(|name| name == host && !host.is_empty());
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(InvalidSmtp::Host)
}

/// The certificates of a PEM file, of which there is at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidSmtp> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(InvalidSmtp::Root),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for SmtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSender")
            .field("port", &self.relay.port)
            .field("security", &self.relay.security)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_that_could_be_read_as_two_is_not_sent() {
        assert!(check_lines(b"a: b\r\n\r\n.\r\n..\r\n").is_ok());
        let long = [&vec![b'x'; 999][..], b"\r\n"].concat();
        let longest = [&vec![b'x'; 998][..], b"\r\n"].concat();
        assert!(check_lines(&longest).is_ok());
        for raw in [
            &b""[..],
            b"a",
            b"a\n",
            b"a\r",
            b"a\n.\n\r\n",
            b"a\r.\r\r\n",
            b"a\r\r\n\r\n",
            b"a\0\r\n",
            &long,
        ] {
            assert!(check_lines(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn nothing_is_sent_in_clear_to_another_machine_and_no_password_in_clear_to_any()
    -> Result<(), Box<dyn std::error::Error>> {
        let clear = |host| SmtpSender::new(host, 25, SmtpSecurity::NoneOnLoopback);
        for host in [
            "mail.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "127.0.0.1.example.com",
        ] {
            assert_eq!(clear(host).err(), Some(InvalidSmtp::ClearText), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "::1"] {
            let login = clear(host)?.login("me", Secret::new("secret")?);
            assert_eq!(login.err(), Some(InvalidSmtp::ClearTextLogin), "{host}");
        }
        for host in ["", "a b", "mail.example.com\r\n", "[::1]", "mail/x"] {
            assert_eq!(
                SmtpSender::new(host, 465, SmtpSecurity::ImplicitTls).err(),
                Some(InvalidSmtp::Host)
            );
        }
        Ok(())
    }
}
