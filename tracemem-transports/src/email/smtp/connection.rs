//! One conversation with the relay: TLS first, then who we are, then one mail after the other.

use std::fmt::Display;

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsVersion},
        commands::{Data, Mail as MailFrom, Noop, Rcpt, Rset},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use tokio::net::TcpStream;
use tracemem_sdk::{integration::DeliveryError, secrets::Secret};

use super::{
    SmtpSecurity,
    failure::{Step, failed, lacking, lost},
    line::LineByLine,
};
use crate::email::{Mail, MailAddress, compose::unwritable};

/// Where the relay is and how we get in.
pub(super) struct Relay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: SmtpSecurity,
    pub(super) roots: Vec<Certificate>,
    pub(super) hello: ClientId,
    pub(super) login: Option<(String, Secret)>,
}

/// A relay that has let us in.
pub(super) struct Connection {
    inner: AsyncSmtpConnection,
    /// Whether every command was answered. Whoever lost an answer would take it for that of the next command.
    is_in_step: bool,
}

impl Connection {
    /// Connects, and logs in where the relay is to know us.
    pub(super) async fn open(relay: &Relay) -> Result<Self, DeliveryError> {
        let mut connection = match relay.security {
            SmtpSecurity::ImplicitTls => direct(relay, Some(tls(relay)?)).await?,
            SmtpSecurity::StartTls => upgraded(relay).await?,
            SmtpSecurity::NoneOnLoopback => direct(relay, None).await?,
        };
        if let Some((name, secret)) = &relay.login {
            log_in(&mut connection, name, secret).await?;
        }
        Ok(Self {
            inner: connection,
            is_in_step: true,
        })
    }

    /// Whether another mail may be sent on it, as far as can be told without asking.
    pub(super) fn is_in_step(&self) -> bool {
        self.is_in_step
    }

    /// Whether the relay is still there and what was said before is forgotten.
    pub(super) async fn is_fresh(&mut self) -> bool {
        self.inner.command(Rset).await.is_ok()
    }

    /// Asks for a sign of life.
    pub(super) async fn check(&mut self) -> Result<(), DeliveryError> {
        self.say(Step::Connecting, Noop).await.map(drop)
    }

    /// Names sender and recipient, and asks to send the content.
    pub(super) async fn announce(&mut self, mail: &Mail) -> Result<(), DeliveryError> {
        let mut parameters = Vec::new();
        if !mail.raw.is_ascii() {
            let relay = self.inner.server_info();
            if !relay.supports_feature(Extension::EightBitMime) {
                return Err(unwritable("the relay takes no mail outside ASCII"));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let from = MailFrom::new(Some(address(&mail.from)?), parameters);
        self.say(Step::Sender, from).await?;
        let to = Rcpt::new(address(&mail.to)?, Vec::new());
        self.say(Step::Recipient, to).await?;
        self.say(Step::Data, Data).await?;
        Ok(())
    }

    /// Sends the content, after which the relay has the mail or not.
    pub(super) async fn hand_over(&mut self, mail: &Mail) -> Result<Response, DeliveryError> {
        // lettre ends the last line by itself.
        let content = mail.raw.strip_suffix(b"\r\n").unwrap_or(&mail.raw);
        let answer = self.inner.message(content).await;
        self.heard(Step::Content, answer)
    }

    async fn say(&mut self, step: Step, command: impl Display) -> Result<Response, DeliveryError> {
        let answer = self.inner.command(command).await;
        self.heard(step, answer)
    }

    fn heard(
        &mut self,
        step: Step,
        answer: Result<Response, Error>,
    ) -> Result<Response, DeliveryError> {
        answer.map_err(|error| {
            self.is_in_step &= error.status().is_some();
            failed(step, &error)
        })
    }
}

/// A connection that is encrypted from its first byte on, or not at all.
async fn direct(
    relay: &Relay,
    tls: Option<TlsParameters>,
) -> Result<AsyncSmtpConnection, DeliveryError> {
    let place = (relay.host.as_str(), relay.port);
    AsyncSmtpConnection::connect_tokio1(place, None, &relay.hello, tls, None)
        .await
        .map_err(|error| failed(Step::Connecting, &error))
}

/// A connection that is encrypted before anything but the wish for it is said.
async fn upgraded(relay: &Relay) -> Result<AsyncSmtpConnection, DeliveryError> {
    let tls = tls(relay)?;
    let stream = TcpStream::connect((relay.host.as_str(), relay.port))
        .await
        .map_err(|error| lost(Step::Connecting).with_source(error))?;
    let connecting = |error| failed(Step::Connecting, &error);
    let stream = Box::new(LineByLine::new(stream));
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &relay.hello)
        .await
        .map_err(connecting)?;
    if !connection.can_starttls() {
        let what =
            "the relay does not offer STARTTLS, or somebody on the way hides it; nothing was sent";
        return Err(lacking(what));
    }
    connection
        .starttls(tls, &relay.hello)
        .await
        .map_err(connecting)?;
    Ok(connection)
}

async fn log_in(
    connection: &mut AsyncSmtpConnection,
    name: &str,
    secret: &Secret,
) -> Result<(), DeliveryError> {
    if !connection.is_encrypted() {
        return Err(lacking("the relay is not told a password in clear"));
    }
    const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
    let offered = connection.server_info().get_auth_mechanism(&MECHANISMS);
    if offered.is_none() {
        return Err(lacking(
            "the relay offers neither AUTH PLAIN nor AUTH LOGIN",
        ));
    }
    let Some(password) = secret.expose_text() else {
        return Err(lacking("the password is no text"));
    };
    let credentials = Credentials::new(name.to_owned(), password.to_owned());
    let answer = connection.auth(&MECHANISMS, &credentials).await;
    answer
        .map(drop)
        .map_err(|error| failed(Step::Authenticating, &error))
}

fn tls(relay: &Relay) -> Result<TlsParameters, DeliveryError> {
    let mut tls = TlsParameters::builder(relay.host.clone())
        .certificate_store(CertificateStore::WebpkiRoots)
        .set_min_tls_version(TlsVersion::Tlsv12);
    for root in &relay.roots {
        tls = tls.add_root_certificate(root.clone());
    }
    tls.build_rustls()
        .map_err(|error| lacking("TLS cannot be set up").with_source(error))
}

fn address(address: &MailAddress) -> Result<Address, DeliveryError> {
    Address::new(address.local(), address.domain())
        .map_err(|_| unwritable("an address cannot stand in a command"))
}
