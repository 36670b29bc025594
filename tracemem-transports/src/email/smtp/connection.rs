//! One conversation with the relay: TLS first, then who we are, then one mail after the other.

use std::{fmt::Display, io, net::SocketAddr, sync::Arc, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{
            AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
            TlsVersion,
        },
        commands::{Data, Mail as MailFrom, Noop, Rcpt, Rset},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;
use tracemem_sdk::{integration::DeliveryError, secrets::Secret};

use super::{
    SmtpSecurity,
    failure::{Step, failed, lacking, lost, no_handshake, without_tls},
    gate::Gate,
    line::LineByLine,
};
use crate::{
    email::{Mail, MailAddress, compose::unwritable},
    tls,
};

/// How long a connection is kept; relays close what is idle for longer than they like.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Where the relay is and how we get in.
pub(super) struct Relay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: SmtpSecurity,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) hello: ClientId,
    pub(super) login: Option<(String, Secret)>,
    /// What judges where it is, where a tenant has named it.
    pub(super) gate: Option<Gate>,
}

/// A relay that has let us in.
pub(super) struct Connection {
    inner: AsyncSmtpConnection,
    /// Whether every command was answered. Whoever lost an answer would take it for that of the next command.
    is_in_step: bool,
    /// When it was used last.
    used: Instant,
}

impl Connection {
    /// Connects, and logs in where the relay is to know us.
    pub(super) async fn open(relay: &Relay) -> Result<Self, DeliveryError> {
        let mut connection = Self::reach(relay).await?;
        connection.log_in(relay).await?;
        Ok(connection)
    }

    /// Connects, encrypted where it has to be.
    pub(super) async fn reach(relay: &Relay) -> Result<Self, DeliveryError> {
        let inner = match relay.security {
            SmtpSecurity::ImplicitTls => encrypted(relay).await?,
            SmtpSecurity::StartTls => upgraded(relay).await?,
            SmtpSecurity::NoneOnLoopback => {
                let (stream, peer) = connected(relay).await?;
                greeted(relay, LineByLine::new(stream, peer)).await?
            }
        };
        Ok(Self {
            inner,
            is_in_step: true,
            used: Instant::now(),
        })
    }

    /// Logs in where the relay is to know us.
    pub(super) async fn log_in(&mut self, relay: &Relay) -> Result<(), DeliveryError> {
        match (&relay.login, relay.security) {
            (None, _) => Ok(()),
            (Some(_), SmtpSecurity::NoneOnLoopback) => {
                Err(lacking("the relay is not told a password in clear"))
            }
            (Some((name, secret)), SmtpSecurity::ImplicitTls | SmtpSecurity::StartTls) => {
                log_in(&mut self.inner, name, secret).await
            }
        }
    }

    /// Whether another mail may be sent on it, as far as can be told without asking.
    pub(super) fn is_in_step(&self) -> bool {
        self.is_in_step
    }

    /// Whether the relay is still there, says so within this time, and has forgotten what was said before.
    pub(super) async fn is_fresh(&mut self, within: Duration) -> bool {
        self.used.elapsed() < KEPT_FOR
            && timeout(within, self.inner.command(Rset))
                .await
                .is_ok_and(|answer| answer.is_ok())
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
        self.used = Instant::now();
        answer.map_err(|error| {
            self.is_in_step &= error.status().is_some();
            failed(step, &error)
        })
    }
}

/// A connection to one of the addresses of the relay.
async fn connected(relay: &Relay) -> Result<(TcpStream, SocketAddr), DeliveryError> {
    let connecting = async {
        let places: Vec<SocketAddr> = match &relay.gate {
            Some(gate) => gate.places(&relay.host, relay.port).await?,
            None => lookup_host((relay.host.as_str(), relay.port))
                .await?
                .collect(),
        };
        let stream = TcpStream::connect(places.as_slice()).await?;
        let peer = stream.peer_addr()?;
        io::Result::Ok((stream, peer))
    };
    connecting
        .await
        .map_err(|error| lost(Step::Connecting).with_source(error))
}

/// What the relay says first.
async fn greeted(
    relay: &Relay,
    stream: impl AsyncTokioStream + 'static,
) -> Result<AsyncSmtpConnection, DeliveryError> {
    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &relay.hello)
        .await
        .map_err(|error| failed(Step::Connecting, &error))
}

/// A connection that is encrypted from its first byte on.
async fn encrypted(relay: &Relay) -> Result<AsyncSmtpConnection, DeliveryError> {
    let tls = tls::trusting(&relay.roots).map_err(|error| no_tls().with_source(error))?;
    let name =
        ServerName::try_from(relay.host.clone()).map_err(|error| no_tls().with_source(error))?;
    let (stream, peer) = connected(relay).await?;
    let stream = TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await
        .map_err(no_handshake)?;
    greeted(relay, LineByLine::new(stream, peer)).await
}

/// A connection that is encrypted before anything but the wish for it is said.
async fn upgraded(relay: &Relay) -> Result<AsyncSmtpConnection, DeliveryError> {
    let tls = upgrade(relay)?;
    let (stream, peer) = connected(relay).await?;
    let mut connection = greeted(relay, LineByLine::new(stream, peer)).await?;
    if !connection.can_starttls() {
        // Or somebody on the way hides it. Nothing was sent.
        return Err(without_tls());
    }
    connection
        .starttls(tls, &relay.hello)
        .await
        .map_err(|error| failed(Step::Connecting, &error))?;
    Ok(connection)
}

async fn log_in(
    connection: &mut AsyncSmtpConnection,
    name: &str,
    secret: &Secret,
) -> Result<(), DeliveryError> {
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

/// What lettre speaks TLS by once the relay has agreed to it.
fn upgrade(relay: &Relay) -> Result<TlsParameters, DeliveryError> {
    let failed = |error| no_tls().with_source(error);
    let mut tls = TlsParameters::builder(relay.host.clone())
        .certificate_store(CertificateStore::WebpkiRoots)
        .set_min_tls_version(TlsVersion::Tlsv12);
    for root in &relay.roots {
        tls = tls.add_root_certificate(Certificate::from_der(root.to_vec()).map_err(failed)?);
    }
    tls.build_rustls().map_err(failed)
}

fn no_tls() -> DeliveryError {
    lacking("TLS cannot be set up")
}

fn address(address: &MailAddress) -> Result<Address, DeliveryError> {
    Address::new(address.local(), address.domain())
        .map_err(|_| unwritable("an address cannot stand in a command"))
}
