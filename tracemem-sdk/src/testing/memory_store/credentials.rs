//! Sealed credentials in memory. Changes are tried on a copy, so that a commit that does not fit has changed nothing.

use std::{collections::BTreeMap, num::NonZeroU32};

use super::tables::Tables;
use crate::{
    id::{CredentialKind, IntegrationId, TenantId},
    store::{CredentialChange, CredentialCursor, SealedCredential},
    time::Timestamp,
};

/// The credentials of one tenant, by integration, kind and version.
#[derive(Clone, Default)]
pub(super) struct Credentials(BTreeMap<(IntegrationId, CredentialKind, u64), Row>);

#[derive(Clone)]
struct Row {
    expires_at: Option<Timestamp>,
    envelope: Vec<u8>,
}

impl Credentials {
    /// The credentials after these changes; `None` where one does not fit.
    pub(super) fn after(&self, changes: &[CredentialChange]) -> Option<Self> {
        let mut after = self.clone();
        for change in changes {
            after.change(change)?;
        }
        Some(after)
    }

    fn change(&mut self, change: &CredentialChange) -> Option<()> {
        let (integration, kind, version) = change.place();
        let newest = self.newest(integration, kind);
        let place = (integration.clone(), kind.clone(), version);
        match change {
            CredentialChange::Put {
                envelope,
                previous_until,
                ..
            } => {
                (version == newest.unwrap_or(0) + 1).then_some(())?;
                for (_, row) in self.versions_mut(integration, kind) {
                    let until = row.expires_at.unwrap_or(*previous_until);
                    row.expires_at = Some(until.min(*previous_until));
                }
                let row = Row {
                    expires_at: None,
                    envelope: envelope.clone(),
                };
                self.0.insert(place, row);
            }
            CredentialChange::Rewrap { from, to, .. } => {
                let row = self.0.get_mut(&place)?;
                (row.envelope == *from).then(|| row.envelope = to.clone())?;
            }
            CredentialChange::Remove { .. } => {
                (Some(version) != newest).then_some(())?;
                self.0.remove(&place)?;
            }
        }
        Some(())
    }

    fn newest(&self, integration: &IntegrationId, kind: &CredentialKind) -> Option<u64> {
        let of = |version| (integration.clone(), kind.clone(), version);
        let (place, _) = self.0.range(of(0)..=of(u64::MAX)).next_back()?;
        Some(place.2)
    }

    fn versions_mut(
        &mut self,
        integration: &IntegrationId,
        kind: &CredentialKind,
    ) -> impl Iterator<Item = (&(IntegrationId, CredentialKind, u64), &mut Row)> {
        let of = |version| (integration.clone(), kind.clone(), version);
        self.0.range_mut(of(0)..=of(u64::MAX))
    }

    fn all(&self) -> impl Iterator<Item = SealedCredential> {
        let read = |((integration, kind, version), row): (&(_, _, u64), &Row)| SealedCredential {
            integration: IntegrationId::clone(integration),
            kind: CredentialKind::clone(kind),
            version: *version,
            expires_at: row.expires_at,
            envelope: row.envelope.clone(),
        };
        self.0.iter().map(read)
    }
}

impl Tables {
    pub(super) fn credential(
        &self,
        tenant: &TenantId,
        integration: &IntegrationId,
        kind: &CredentialKind,
        version: Option<u64>,
    ) -> Option<SealedCredential> {
        let credentials = &self.tenants.get(tenant)?.credentials;
        let version = version.or_else(|| credentials.newest(integration, kind))?;
        credentials.all().find(|one| {
            one.integration == *integration && one.kind == *kind && one.version == version
        })
    }

    pub(super) fn credentials(
        &self,
        after: Option<&CredentialCursor>,
        limit: NonZeroU32,
    ) -> Vec<(TenantId, SealedCredential)> {
        let all = self.tenants.iter().flat_map(|(tenant, tables)| {
            let own = tables.credentials.all();
            own.map(move |credential| (tenant.clone(), credential))
        });
        let is_after = |tenant: &TenantId, one: &SealedCredential| {
            after.is_none_or(|after| {
                let place = (tenant, &one.integration, &one.kind, one.version);
                let CredentialCursor {
                    tenant,
                    integration,
                    kind,
                    version,
                } = after;
                place > (tenant, integration, kind, *version)
            })
        };
        all.filter(|(tenant, one)| is_after(tenant, one))
            .take(limit.get() as usize)
            .collect()
    }
}
