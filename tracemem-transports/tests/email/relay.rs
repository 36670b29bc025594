//! The relay: aiosmtpd, its certificate, and what it has taken.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tracemem_sdk::secrets::Secret;
use tracemem_test_peers::Peer;
use tracemem_transports::email::{SmtpSecurity, SmtpSender};

use super::Tested;

pub(crate) const USER: &str = "relay-user";
pub(crate) const PASSWORD: &str = "CANARY-of-the-relay-7f3a";

pub(crate) struct Relay {
    pub(crate) peer: Peer,
    pub(crate) port: u16,
    pub(crate) authority: String,
    folder: TempDir,
}

/// A mail that was taken, as Python's `email` reads it.
#[derive(Debug, Clone)]
pub(crate) struct Taken(Value);

impl Relay {
    /// A relay under a certificate for `localhost`; `more` is added to its settings.
    pub(crate) async fn start(tls: &str, more: Value) -> Tested<Self> {
        Self::named("localhost", tls, more).await
    }

    pub(crate) async fn named(name: &str, tls: &str, more: Value) -> Tested<Self> {
        let folder = tempfile::tempdir()?;
        let authority = authority()?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &authority)?;
        std::fs::write(folder.path().join("cert.pem"), leaf.pem())?;
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem())?;
        std::fs::create_dir(folder.path().join("spool"))?;
        let mut settings = json!({
            "tls": tls,
            "cert": folder.path().join("cert.pem"),
            "key": folder.path().join("key.pem"),
            "spool": folder.path().join("spool"),
        });
        if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
            settings.extend(more);
        }
        let (peer, ready) = Peer::start("smtp.py", &[&settings.to_string()]).await?;
        let port = ready.get("port").and_then(Value::as_u64).ok_or("no port")?;
        Ok(Self {
            peer,
            port: u16::try_from(port)?,
            authority: authority.pem(),
            folder,
        })
    }

    /// By implicit TLS, and everybody has to log in.
    pub(crate) async fn usual() -> Tested<Self> {
        Self::start("implicit", login()).await
    }

    /// A sender to it that trusts it.
    pub(crate) fn sender(&self, security: SmtpSecurity) -> Tested<SmtpSender> {
        let sender = SmtpSender::new("localhost", self.port, security)?;
        Ok(match security {
            SmtpSecurity::NoneOnLoopback => sender,
            SmtpSecurity::ImplicitTls | SmtpSecurity::StartTls => {
                sender.trusting(self.authority.as_bytes())?
            }
        })
    }

    pub(crate) fn usual_sender(&self) -> Tested<SmtpSender> {
        let sender = self.sender(SmtpSecurity::ImplicitTls)?;
        Ok(sender.login(USER, Secret::new(PASSWORD)?)?)
    }

    /// Lets it fail from now on.
    pub(crate) async fn fails(&mut self, fault: Value) -> Tested {
        self.peer.ask(&json!({ "fault": fault })).await?;
        Ok(())
    }

    /// What came in.
    pub(crate) async fn seen(&mut self) -> Tested<Value> {
        self.peer.ask(&json!({ "seen": true })).await
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Every mail that it took, the earliest first.
    pub(crate) fn taken(&self) -> Tested<Vec<Taken>> {
        taken(&self.spool())
    }

    /// The only mail that it took.
    pub(crate) fn only(&self) -> Tested<Taken> {
        let mut taken = self.taken()?;
        match (taken.pop(), taken.is_empty()) {
            (Some(mail), true) => Ok(mail),
            (last, _) => Err(format!("it took {} mails", taken.len() + last.iter().len()).into()),
        }
    }
}

pub(crate) fn login() -> Value {
    json!({ "login": { "user": USER, "password": PASSWORD } })
}

pub(crate) fn authority() -> Tested<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Every mail in a spool, the earliest first.
pub(crate) fn taken(spool: &Path) -> Tested<Vec<Taken>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(spool)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        Ok(Taken(serde_json::from_str(&std::fs::read_to_string(
            path,
        )?)?))
    };
    paths.into_iter().map(read).collect()
}

impl Taken {
    fn at(&self, pointer: &str) -> Tested<&str> {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.ok_or_else(|| format!("no `{pointer}` in {}", self.0).into())
    }

    /// The bytes as they came over the wire.
    pub(crate) fn raw(&self) -> Tested<Vec<u8>> {
        Ok(BASE64.decode(self.at("/raw")?.as_bytes())?)
    }

    /// To whom the envelope is addressed.
    pub(crate) fn to(&self) -> Tested<&str> {
        self.at("/envelope/to/0")
    }

    /// The name beside the only sender.
    pub(crate) fn sender_name(&self) -> Tested<&str> {
        match self.at("/understood/from/1/0") {
            Ok(_) => Err("several senders".into()),
            Err(_) => self.at("/understood/from/0/0"),
        }
    }

    pub(crate) fn envelope_from(&self) -> Tested<&str> {
        self.at("/envelope/from")
    }

    pub(crate) fn came_by_tls(&self) -> bool {
        self.0.pointer("/tls") == Some(&Value::Bool(true))
    }

    /// All headers, as they are read.
    pub(crate) fn headers(&self) -> Tested<Vec<(String, String)>> {
        let headers = self.0.pointer("/understood/headers").cloned();
        Ok(serde_json::from_value(headers.ok_or("no headers")?)?)
    }

    /// The only header of that name.
    pub(crate) fn header(&self, name: &str) -> Tested<String> {
        let headers = self.headers()?;
        let mut found = headers.into_iter().filter(|(found, _)| found == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (first, _) => Err(format!("{} headers `{name}`", first.iter().len()).into()),
        }
    }

    /// The part with this number.
    pub(crate) fn part(&self, number: usize) -> Tested<(&str, &str)> {
        let kind = self.at(&format!("/understood/parts/{number}/type"))?;
        let text = self.at(&format!("/understood/parts/{number}/text"))?;
        Ok((kind, text))
    }

    pub(crate) fn text(&self) -> Tested<&str> {
        Ok(self.part(0)?.1)
    }

    pub(crate) fn html(&self) -> Tested<&str> {
        Ok(self.part(1)?.1)
    }

    /// It is a whole, well-formed mail of exactly two parts with exactly these headers.
    #[track_caller]
    pub(crate) fn is_sound(&self, names: &[&str]) -> Tested {
        let headers = self.headers()?;
        let found: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = names.to_vec();
        let mut sorted = found.clone();
        expected.sort_unstable();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(self.at("/understood/type")?, "multipart/alternative");
        assert_eq!(self.part(0)?.0, "text/plain");
        assert_eq!(self.part(1)?.0, "text/html");
        assert!(self.part(2).is_err(), "a third part");
        assert_eq!(self.0.pointer("/understood/defects"), Some(&json!([])));
        let raw = self.raw()?;
        assert!(raw.is_ascii());
        assert!(raw.len() < 100_000, "{}", raw.len());
        let lines = raw.split(|byte| *byte == b'\n');
        assert!(lines.clone().all(|line| line.len() <= 999));
        let text = String::from_utf8(raw.clone())?.replace("\r\n", "");
        assert!(!text.contains(['\r', '\n', '\0']));
        Ok(())
    }
}
