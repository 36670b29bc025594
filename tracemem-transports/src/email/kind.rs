//! The kind `email`: stored integrations that mail.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};
use tracemem_sdk::{
    id::CredentialKind,
    integration::{
        CredentialNeed, Integration, IntegrationKind, InvalidConfiguration, KindName, Need,
        OpenError, Opening,
    },
    secrets::Secret,
    time::{Clock, SystemClock},
};

use super::{
    EmailIntegration, EmailSender, InvalidSmtp, MailTemplates, SmtpSender,
    configuration::{Cleartext, Configuration, Provider, Rules, SmtpConfiguration},
    smtp::{self, Gate},
    templates::PlainTemplates,
};
use crate::egress::{Judge, Resolver};
use crate::link::{BaseUrl, LinkKeys, Links};

const PASSWORD: &str = "smtp_password";

/// Opens stored configurations as [`EmailIntegration`]s.
///
/// A configuration is `{"provider", "host", "port", "tls", "username", "from_name", "from_email", "reply_to",
/// "bounces_email", "ses_region", "timeout_seconds", "identity", "link_lifetime_seconds"}`, of which `from_email` must be there. The field
/// `provider` is one of
/// * `smtp`, the default: with `host`, and `tls`: `implicit` (the default), `starttls`, or `none` on loopback addresses where the host says
///   [`allow_cleartext_on_loopback`](Self::allow_cleartext_on_loopback);
/// * `ses`: the SMTP endpoint of Amazon SES in `ses_region`, by STARTTLS on port 587, with `username`;
/// * `host`: what the host gave the kind by [`sender`](Self::sender).
///
/// Tenants name the relay, and none of them may name what is inside: it is on a public address, and on port 25, 465, 587, 2465, 2525 or 2587,
/// unless the [`judge`](Self::judge) allows more. Its name is resolved once for each connection, and every address is judged.
///
/// With a `username` the credential `smtp_password` must be stored. An attempt takes twice `timeout_seconds` at most (1 to 60, 10 by default),
/// which must be less than what the worker gives a delivery. Of the links see
/// [`ConfirmPage::of_all`](crate::page), which takes those of all integrations of this kind.
#[derive(Clone)]
pub struct EmailKind {
    base: BaseUrl,
    keys: LinkKeys,
    clock: Arc<dyn Clock>,
    templates: Arc<dyn MailTemplates>,
    sender: Option<Arc<dyn EmailSender>>,
    roots: Vec<Arc<[u8]>>,
    rules: Rules,
}

impl EmailKind {
    /// Mails with links under this base, signed with these keys.
    #[must_use]
    pub fn new(base: BaseUrl, keys: LinkKeys) -> Self {
        Self {
            base,
            keys,
            clock: Arc::new(SystemClock),
            templates: Arc::new(PlainTemplates),
            sender: None,
            roots: Vec::new(),
            rules: Rules {
                gate: Gate::new(),
                cleartext: Cleartext::Never,
            },
        }
    }

    /// Another clock than the operating system's. It should be the one that the `TraceMem` has.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Other words than ours.
    #[must_use]
    pub fn templates(self, templates: impl MailTemplates) -> Self {
        Self {
            templates: Arc::new(templates),
            ..self
        }
    }

    /// What integrations with the provider `host` send by.
    #[must_use]
    pub fn sender(self, sender: impl EmailSender) -> Self {
        Self {
            sender: Some(Arc::new(sender)),
            ..self
        }
    }

    /// Trusts relays whose certificates this one has signed too, beside the roots of Mozilla's programme. It is PEM.
    ///
    /// # Errors
    /// [`InvalidSmtp::Root`].
    pub fn trusting(mut self, root: &[u8]) -> Result<Self, InvalidSmtp> {
        smtp::certificates(root)?;
        self.roots.push(root.into());
        Ok(self)
    }

    /// Judges the addresses of relays by this, for hosts whose relays are inside: `Judge::new().open("10.0.0.0/8".parse()?)`. What it allows of
    /// ports by [`allow_port`](Judge::allow_port) is allowed beside the ports of mail; what it says of schemes has no meaning here.
    #[must_use]
    pub fn judge(mut self, judge: Judge) -> Self {
        self.rules.gate.judge = judge;
        self
    }

    /// Resolves the names of relays by this instead of the operating system.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.rules.gate.resolver = Arc::new(resolver);
        self
    }

    /// Lets configurations say `"tls": "none"` where `host` is a loopback address. The [`judge`](Self::judge) must open that address too.
    #[must_use]
    pub fn allow_cleartext_on_loopback(mut self) -> Self {
        self.rules.cleartext = Cleartext::OnLoopback;
        self
    }

    /// Opens an integration, with its links at hand; [`open`](IntegrationKind::open) gives it as an [`Integration`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_email(&self, opening: &Opening) -> Result<EmailIntegration, OpenError> {
        let configuration = self
            .read(&opening.configuration)
            .map_err(OpenError::Configuration)?;
        let Configuration {
            provider,
            letterhead,
            identity,
            timeout,
            link_lifetime,
        } = configuration;
        let sender: Arc<dyn EmailSender> = match provider {
            Provider::Smtp(relay) => {
                let sender = self
                    .smtp(&relay, opening)?
                    .timeout(timeout)
                    .map_err(misfit)?;
                Arc::new(sender)
            }
            Provider::Host => self.sender.clone().ok_or_else(no_sender)?,
        };
        let links = Links::new(opening.id.clone(), self.base.clone(), self.keys.clone())
            .lifetime(link_lifetime)
            .clock_of(Arc::clone(&self.clock));
        Ok(EmailIntegration::sending_by(links, letterhead, sender)
            .identity(identity)
            .templates_of(Arc::clone(&self.templates))
            .clock_of(Arc::clone(&self.clock))
            .begin_within(timeout))
    }

    fn read(&self, map: &Map<String, Value>) -> Result<Configuration, InvalidConfiguration> {
        let configuration = Configuration::read(map, &self.rules)?;
        match (&configuration.provider, &self.sender) {
            (Provider::Host, None) => {
                let rule = "this host brings no sender of its own";
                Err(InvalidConfiguration::new("provider", rule))
            }
            (Provider::Host | Provider::Smtp(_), _) => Ok(configuration),
        }
    }

    fn smtp(
        &self,
        configuration: &SmtpConfiguration,
        opening: &Opening,
    ) -> Result<SmtpSender, OpenError> {
        let SmtpConfiguration {
            host,
            port,
            security,
            username,
        } = configuration;
        let mut sender = SmtpSender::new(host, *port, *security).map_err(misfit)?;
        sender = sender.behind(self.rules.gate.clone());
        for root in &self.roots {
            sender = sender.trusting(root).map_err(misfit)?;
        }
        let Some(username) = username else {
            return Ok(sender);
        };
        sender.login(username, password(opening)?).map_err(misfit)
    }
}

fn password(opening: &Opening) -> Result<Secret, OpenError> {
    let Some(password) = opening.credentials.newest(PASSWORD) else {
        let kind = CredentialKind::try_from(PASSWORD.to_owned());
        let kind = kind.map_err(|error| OpenError::Other(error.into()))?;
        return Err(OpenError::MissingCredential(kind));
    };
    let refused = |rule| OpenError::Credential {
        kind: PASSWORD.to_owned(),
        rule,
    };
    let text = password
        .expose_text()
        .filter(|text| !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| refused("it is text without control characters"))?;
    Secret::new(text).map_err(|_| refused("it has 1 to 65536 bytes"))
}

fn misfit(error: InvalidSmtp) -> OpenError {
    OpenError::Other(error.into())
}

fn no_sender() -> OpenError {
    OpenError::Configuration(InvalidConfiguration::new(
        "provider",
        "this host brings no sender of its own",
    ))
}

impl IntegrationKind for EmailKind {
    fn name(&self) -> KindName {
        "email"
    }

    fn credentials(&self) -> Vec<CredentialNeed> {
        let kind = CredentialKind::try_from(PASSWORD.to_owned());
        // It is optional: only a configuration with a `username` needs it.
        kind.map(|kind| CredentialNeed::new(kind, Need::Optional))
            .into_iter()
            .collect()
    }

    fn check(&self, configuration: &Map<String, Value>) -> Result<(), InvalidConfiguration> {
        self.read(configuration).map(drop)
    }

    fn open(&self, opening: Opening) -> Result<Arc<dyn Integration>, OpenError> {
        Ok(Arc::new(self.open_email(&opening)?))
    }
}

impl fmt::Debug for EmailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailKind")
            .field("base", &self.base)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
