//! The administrative stream: changes of configuration and of credentials, and reports that came after their trace was closed.

use crate::{
    decision::{
        CloseError, UnwritableEvent,
        envelope::{Actor, Head, NewEvent, UnencodableEvent, encode},
        event::{CredentialChanged, DocumentChanged, Event, ReportReceivedLate, disclosed},
    },
    engine::Engine,
    evidence::{
        digest::Digest,
        disclosure::{Disclosure, InvalidDisclosure, NoEntropy as NoSalt, Salt},
    },
    id::{AgentId, DecisionId, EventId, NoEntropy, TenantId},
    store::{
        Commit, Committed, CredentialChange, DocumentKind, DocumentWrite, KeyClaim, KeyDigest,
        Projection, StoreError, StreamId, Version,
    },
};

/// The administrative stream could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminWriteError {
    /// The event has no canonical form.
    #[error("the event cannot be written")]
    Encoding(#[source] UnencodableEvent),
    /// A value beside it cannot be disclosed.
    #[error("a value beside the event cannot be written")]
    Disclosure(#[source] InvalidDisclosure),
    /// The operating system gave no random bytes for an id.
    #[error("there are no random bytes for an id")]
    NoEntropy(#[source] NoEntropy),
    /// The operating system gave no random bytes for a salt.
    #[error("there are no random bytes for a salt")]
    NoSalt(#[source] NoSalt),
    /// The store failed; it may have been written.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// A report that came after its trace was closed.
pub(crate) struct LateReport<'a> {
    pub(crate) decision: &'a DecisionId,
    /// The agent that opened the decision.
    pub(crate) agent: &'a AgentId,
    pub(crate) report: &'static str,
    /// What makes it the same report when it is made again.
    pub(crate) said: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl LateReport<'_> {
    /// A report that is made twice is kept once: it claims a key of its own, which no request can have.
    fn claim(&self, tenant: &TenantId) -> KeyClaim {
        let Self {
            decision,
            agent,
            report,
            said,
            body: _,
        } = self;
        let said = Digest::of(said);
        let named = format!("late/v1\n{tenant}\n{decision}\n{report}\n{said}");
        KeyClaim {
            key: KeyDigest(Digest::of(named.as_bytes())),
            fingerprint: said,
            agent: (*agent).clone(),
            stream: StreamId::Admin,
        }
    }
}

/// Keeps a late report, once.
pub(crate) async fn report_late(
    engine: &Engine,
    tenant: &TenantId,
    actor: &Actor,
    late: LateReport<'_>,
) -> Result<(), CloseError> {
    let event = ReportReceivedLate {
        decision_id: late.decision.clone(),
        report: late.report.to_owned(),
        report_hash: Digest::of(&late.body),
    };
    append(
        engine,
        tenant,
        actor,
        &event.into(),
        &[(disclosed::RECEIPT, &late.body)],
        Appending::Report(late.claim(tenant)),
    )
    .await
    .map_err(close_error)?;
    Ok(())
}

fn close_error(error: AdminWriteError) -> CloseError {
    match error {
        AdminWriteError::Encoding(source) => {
            CloseError::Unwritable(UnwritableEvent::Encoding(source))
        }
        AdminWriteError::Disclosure(source) => {
            CloseError::Unwritable(UnwritableEvent::Disclosure(source))
        }
        AdminWriteError::NoEntropy(source) => CloseError::NoEntropy(source),
        AdminWriteError::NoSalt(source) => CloseError::Unwritable(UnwritableEvent::NoSalt(source)),
        AdminWriteError::Store(source) => CloseError::Store(source),
    }
}

/// What came of writing on a head that was read before. Exhaustive on purpose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdminWritten {
    Written,
    /// Somebody else wrote to the administrative stream in between: read again what there is.
    Outrun,
}

/// Writes a document and the event that records it, if nobody wrote in between.
pub(crate) async fn write_document(
    engine: &Engine,
    tenant: &TenantId,
    actor: &Actor,
    expected: Option<&AdminHead>,
    document: DocumentWrite,
) -> Result<AdminWritten, AdminWriteError> {
    let event = DocumentChanged {
        document_kind: document.kind.as_str().to_owned(),
        document_id: document.id.clone(),
        version: document.version,
        document_hash: Digest::of(&document.bytes),
    };
    let body = document.bytes.clone();
    let once = Once {
        head: expected,
        document,
    };
    let written = append(
        engine,
        tenant,
        actor,
        &event.into(),
        &[(disclosed::DOCUMENT, &body)],
        Appending::Document(once),
    )
    .await?;
    engine.forget_configuration(tenant);
    Ok(written)
}

/// Changes sealed credentials and writes an event for each, if nobody wrote in between.
pub(crate) async fn write_credentials(
    engine: &Engine,
    tenant: &TenantId,
    actor: &Actor,
    expected: Option<&AdminHead>,
    changes: Vec<(CredentialChanged, CredentialChange)>,
) -> Result<AdminWritten, AdminWriteError> {
    let first = expected.map_or(Head::NEW, |expected| expected.head.clone());
    let mut at = first.clone();
    let (mut entries, mut credentials) = (Vec::new(), Vec::new());
    for (event, change) in changes {
        let new = new_event(engine, actor, &event.into(), &[])?;
        let entry =
            encode(tenant, &StreamId::Admin, &at, &new).map_err(AdminWriteError::Encoding)?;
        at = Head {
            seq: entry.seq,
            leaf: Some(entry.leaf),
        };
        entries.push(entry);
        credentials.push(change);
    }
    let mut commit = Commit::new(
        tenant.clone(),
        StreamId::Admin,
        Version(first.seq),
        entries,
        Projection::default(),
    );
    commit.credentials = credentials;
    match engine
        .commit(commit)
        .await
        .map_err(AdminWriteError::Store)?
    {
        Committed::Written(_) => Ok(AdminWritten::Written),
        // The commit claims no key and completes no job.
        Committed::HeadMoved | Committed::KeyTaken(_) | Committed::LeaseLost => {
            Ok(AdminWritten::Outrun)
        }
    }
}

/// Writes an event, wherever the stream stands.
pub(crate) async fn write_event(
    engine: &Engine,
    tenant: &TenantId,
    actor: &Actor,
    event: &Event,
) -> Result<(), AdminWriteError> {
    append(engine, tenant, actor, event, &[], Appending::Event)
        .await
        .map(|_| ())
}

/// Where the administrative stream stood when a document's version was read.
#[derive(Debug)]
pub(crate) struct AdminHead {
    head: Head,
}

/// Reads where the administrative stream stands.
pub(crate) async fn head(
    engine: &Engine,
    tenant: &TenantId,
) -> Result<Option<AdminHead>, StoreError> {
    let stream = engine.backend.store.head(tenant, &StreamId::Admin).await?;
    Ok(stream.map(|head| AdminHead {
        head: Head {
            seq: head.version.0,
            leaf: Some(head.leaf),
        },
    }))
}

/// What is appended beside the event.
enum Appending<'a> {
    Document(Once<'a>),
    Report(KeyClaim),
    Event,
}

struct Once<'a> {
    head: Option<&'a AdminHead>,
    document: DocumentWrite,
}

async fn append(
    engine: &Engine,
    tenant: &TenantId,
    actor: &Actor,
    event: &Event,
    disclosures: &[(&str, &[u8])],
    what: Appending<'_>,
) -> Result<AdminWritten, AdminWriteError> {
    loop {
        let at = match &what {
            Appending::Document(once) => once.head.map(|expected| expected.head.clone()),
            Appending::Report(_) | Appending::Event => head(engine, tenant)
                .await
                .map_err(AdminWriteError::Store)?
                .map(|admin| admin.head),
        };
        let at = at.unwrap_or(Head::NEW);
        let new = new_event(engine, actor, event, disclosures)?;
        let entry =
            encode(tenant, &StreamId::Admin, &at, &new).map_err(AdminWriteError::Encoding)?;
        let expected = Version(at.seq);
        let mut commit = Commit::new(
            tenant.clone(),
            StreamId::Admin,
            expected,
            vec![entry],
            Projection::default(),
        );
        match &what {
            Appending::Document(once) => commit.documents.push(once.document.clone()),
            Appending::Report(claim) => commit.claim = Some(claim.clone()),
            Appending::Event => {}
        }
        match engine
            .commit(commit)
            .await
            .map_err(AdminWriteError::Store)?
        {
            // Only a report claims a key, and one whose key is taken is kept already.
            Committed::Written(_) | Committed::KeyTaken(_) => return Ok(AdminWritten::Written),
            Committed::HeadMoved | Committed::LeaseLost => match &what {
                Appending::Document(_) => return Ok(AdminWritten::Outrun),
                Appending::Report(_) | Appending::Event => {}
            },
        }
    }
}

fn new_event(
    engine: &Engine,
    actor: &Actor,
    event: &Event,
    disclosures: &[(&str, &[u8])],
) -> Result<NewEvent, AdminWriteError> {
    let disclose = |(name, value): &(&str, &[u8])| {
        let salt = Salt::random().map_err(AdminWriteError::NoSalt)?;
        Disclosure::new(name, value, salt).map_err(AdminWriteError::Disclosure)
    };
    let at = engine.now();
    Ok(NewEvent {
        id: EventId::generate(at).map_err(AdminWriteError::NoEntropy)?,
        at,
        actor: actor.clone(),
        event: event.clone(),
        disclosures: disclosures.iter().map(disclose).collect::<Result<_, _>>()?,
    })
}

impl DocumentKind {
    /// The word for people.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Route => "approval route",
            Self::Rulebook => "rulebook",
            Self::Attachment => "attachment",
            Self::Integration => "integration",
            Self::IntegrationHealth => "health of an integration",
        }
    }
}
