//! Who has how many jobs under way in this worker: of a tenant its share, of an integration a few.
//!
//! It decides the order and nothing else: what a restarted worker does not know costs nobody a delivery.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Settings,
    id::{IntegrationId, TenantId},
    store::JobLease,
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// Whose turn was last.
    after: Option<TenantId>,
    jobs: BTreeMap<TenantId, u32>,
    calls: BTreeMap<(TenantId, IntegrationId), u32>,
    /// Tenants of which a job found its integration's places taken, and until when no more of theirs are leased than such a place becomes
    /// free: otherwise all that wait for one slow target would be leased and put back, again and again.
    narrow: BTreeMap<TenantId, Timestamp>,
}

impl Places {
    /// Which jobs to lease next.
    pub(super) fn lease(
        &self,
        settings: &Settings,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> JobLease {
        let mut taken = self.taken();
        taken.narrow.retain(|_, until| now < *until);
        let mut lease = JobLease::new(now, until, limit);
        lease.share = settings.worker_share;
        lease.after = taken.after.clone();
        lease.taken = taken.jobs.clone();
        let few = settings.integration_limit.min(settings.worker_share).get();
        for tenant in taken.narrow.keys() {
            let jobs = lease.taken.entry(tenant.clone()).or_default();
            *jobs = jobs.saturating_add(settings.worker_share.get() - few);
        }
        lease
    }

    pub(super) fn had_its_turn(&self, tenant: &TenantId) {
        self.taken().after = Some(tenant.clone());
    }

    /// Takes one of a tenant's places, until what it gives is dropped.
    pub(super) fn sit(self: &Arc<Self>, tenant: &TenantId) -> Seat {
        *self.taken().jobs.entry(tenant.clone()).or_default() += 1;
        Seat {
            places: Arc::clone(self),
            tenant: tenant.clone(),
        }
    }

    /// Takes one of at most `limit` places at an integration of a tenant, until what it gives is dropped; `None` where all are taken.
    pub(super) fn call(
        self: &Arc<Self>,
        tenant: &TenantId,
        integration: &IntegrationId,
        limit: NonZeroU32,
    ) -> Option<Call> {
        let at = (tenant.clone(), integration.clone());
        let mut taken = self.taken();
        let calls = taken.calls.entry(at.clone()).or_default();
        if *calls >= limit.get() {
            return None;
        }
        *calls += 1;
        Some(Call {
            places: Arc::clone(self),
            at,
        })
    }

    /// Leases no more of a tenant's jobs for so long than such a place becomes free.
    pub(super) fn narrow(&self, tenant: &TenantId, now: Timestamp, wait: Duration) {
        let until = now.saturating_add(wait);
        self.taken().narrow.insert(tenant.clone(), until);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Each change is one number, so what a panicking holder left is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a tenant's places.
#[must_use = "the place is free again when this is dropped"]
pub(super) struct Seat {
    places: Arc<Places>,
    tenant: TenantId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        one_less(&mut self.places.taken().jobs, &self.tenant);
    }
}

/// One of an integration's places.
#[must_use = "the place is free again when this is dropped"]
pub(super) struct Call {
    places: Arc<Places>,
    at: (TenantId, IntegrationId),
}

impl Drop for Call {
    fn drop(&mut self) {
        one_less(&mut self.places.taken().calls, &self.at);
    }
}

fn one_less<K: Ord>(counts: &mut BTreeMap<K, u32>, of: &K) {
    if let Some(count) = counts.get_mut(of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(of);
        }
    }
}
