//! The walk over all credentials: data keys are wrapped anew under the current key, and versions that have expired are removed.
//!
//! Changes are committed for each tenant alone, some at a time, with an event for each change, so that the walk may be killed anywhere and begun anew
//! anywhere: what is done is done wholly and found done. Walks may overlap: whoever is outrun reads again what is there.

use std::{collections::BTreeMap, num::NonZeroU32};

use super::{
    CredentialError, CredentialName, KekId, KeyError, SealingError,
    envelope::Envelope,
    rewrap,
    stored::{has_expired, name_of, removal, sealing},
};
use crate::{
    decision::{
        envelope::Actor,
        event::{CredentialAct, CredentialChanged},
    },
    engine::Engine,
    id::TenantId,
    store::{CredentialChange, CredentialCursor, SealedCredential},
    tenant::administration::{self, AdminWritten},
    time::Timestamp,
};

/// What one page of the walk came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct CredentialsMaintained {
    /// How many credentials were looked at.
    pub seen: u32,
    /// How many data keys were wrapped anew.
    pub rewrapped: u32,
    /// How many versions had expired and were removed.
    pub removed: u32,
    /// Those that could not be wrapped anew, and why; they are as they were. As long as there is one, its key must be kept.
    pub refused: Vec<(CredentialName, SealingError)>,
    /// Where to go on; `None` at the end.
    pub next: Option<CredentialCursor>,
}

/// How many changes one commit holds at most, so that it does not keep others waiting.
const AT_ONCE: usize = 100;

/// What there is to do about one credential.
enum Due {
    Nothing,
    Rewrap,
    Remove,
}

/// Walks one page.
pub(crate) async fn maintain(
    engine: &Engine,
    after: Option<&CredentialCursor>,
    limit: NonZeroU32,
) -> Result<CredentialsMaintained, CredentialError> {
    let page = engine.credentials()?.credentials(after, limit).await;
    let page = page.map_err(CredentialError::Store)?;
    let mut maintained = CredentialsMaintained {
        seen: u32::try_from(page.len()).unwrap_or(u32::MAX),
        rewrapped: 0,
        removed: 0,
        refused: Vec::new(),
        next: None,
    };
    if maintained.seen == limit.get() {
        maintained.next = page.last().map(cursor);
    }
    let (now, current) = (engine.now(), engine.keys()?.current());
    let mut work: BTreeMap<TenantId, Vec<CredentialName>> = BTreeMap::new();
    for (tenant, stored) in page {
        match due(&stored, now, &current) {
            Due::Nothing => {}
            Due::Rewrap | Due::Remove => {
                let name = name_of(&tenant, &stored.integration, &stored.kind, stored.version);
                work.entry(tenant).or_default().push(name);
            }
        }
    }
    for (tenant, names) in work {
        for names in names.chunks(AT_ONCE) {
            maintain_tenant(engine, &tenant, names, &mut maintained).await?;
        }
    }
    Ok(maintained)
}

async fn maintain_tenant(
    engine: &Engine,
    tenant: &TenantId,
    names: &[CredentialName],
    maintained: &mut CredentialsMaintained,
) -> Result<(), CredentialError> {
    let actor = Actor::host();
    loop {
        // The head is read first: what is read after it is what stands when the write below is not outrun.
        let head = administration::head(engine, tenant).await;
        let head = head.map_err(CredentialError::Store)?;
        let mut step = Step::default();
        for name in names {
            step.take(engine, name).await?;
        }
        let Step {
            changes,
            rewrapped,
            removed,
            refused,
        } = step;
        let written = if changes.is_empty() {
            AdminWritten::Written
        } else {
            administration::write_credentials(engine, tenant, &actor, head.as_ref(), changes)
                .await
                .map_err(CredentialError::Write)?
        };
        match written {
            AdminWritten::Written => {
                maintained.rewrapped += rewrapped;
                maintained.removed += removed;
                maintained.refused.extend(refused);
                return Ok(());
            }
            AdminWritten::Outrun => {}
        }
    }
}

/// What one commit is going to change.
#[derive(Default)]
struct Step {
    changes: Vec<(CredentialChanged, CredentialChange)>,
    rewrapped: u32,
    removed: u32,
    refused: Vec<(CredentialName, SealingError)>,
}

impl Step {
    /// Looks at a credential as it is now, and takes up what is due.
    async fn take(
        &mut self,
        engine: &Engine,
        name: &CredentialName,
    ) -> Result<(), CredentialError> {
        let CredentialName {
            tenant,
            integration,
            kind,
            version,
        } = name;
        let catalog = engine.credentials()?;
        let stored = catalog
            .credential(tenant, integration, kind, Some(*version))
            .await;
        // Somebody else removed it.
        let Some(stored) = stored.map_err(CredentialError::Store)? else {
            return Ok(());
        };
        let keys = engine.keys()?;
        match due(&stored, engine.now(), &keys.current()) {
            Due::Nothing => {}
            Due::Remove => {
                self.changes.push(removal(name));
                self.removed += 1;
            }
            Due::Rewrap => match rewrap(keys, name, &stored.envelope).await {
                Ok(None) => {}
                Ok(Some(to)) => {
                    let change = CredentialChange::Rewrap {
                        integration: integration.clone(),
                        kind: kind.clone(),
                        version: *version,
                        from: stored.envelope,
                        to,
                    };
                    let event = CredentialChanged::new(name, CredentialAct::Rewrapped);
                    self.changes.push((event, change));
                    self.rewrapped += 1;
                }
                Err(source) if is_of_this_one_alone(&source) => {
                    self.refused.push((name.clone(), source));
                }
                Err(source) => return Err(sealing(name, source)),
            },
        }
        Ok(())
    }
}

fn due(stored: &SealedCredential, now: Timestamp, current: &KekId) -> Due {
    if has_expired(stored, now) {
        return Due::Remove;
    }
    // What is no envelope is due too, so that it is told.
    match Envelope::parse(&stored.envelope) {
        Ok(envelope) if envelope.kek() == current => Due::Nothing,
        Ok(_) | Err(_) => Due::Rewrap,
    }
}

/// Whether the next credential may fare better, so that the walk goes on.
fn is_of_this_one_alone(error: &SealingError) -> bool {
    match error {
        SealingError::Envelope(_) | SealingError::Altered => true,
        SealingError::Key(KeyError::Unknown(_) | KeyError::Refused(_)) => true,
        SealingError::Key(
            KeyError::Exhausted(_) | KeyError::Unavailable(_) | KeyError::NoEntropy(_),
        ) => false,
        SealingError::WrappedKey(_) | SealingError::NoEntropy(_) => false,
    }
}

fn cursor((tenant, stored): &(TenantId, SealedCredential)) -> CredentialCursor {
    CredentialCursor {
        tenant: tenant.clone(),
        integration: stored.integration.clone(),
        kind: stored.kind.clone(),
        version: stored.version,
    }
}
