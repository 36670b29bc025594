//! Leases of jobs and timers. Time is only ever the caller's.

use std::num::NonZeroU32;

use super::tables::{JobRow, JobState, StreamRow, Tables};
use crate::{
    id::TenantId,
    store::{JobLease, LeaseToken, LeasedJob, StreamId},
    time::Timestamp,
};

impl Tables {
    pub(super) fn lease_jobs(&mut self, lease: &JobLease) -> Vec<LeasedJob> {
        let has_had_its_turn = |tenant: &TenantId| Some(tenant) <= lease.after.as_ref();
        let (later, first): (Vec<_>, Vec<_>) = self
            .tenants
            .iter_mut()
            .partition(|(tenant, _)| has_had_its_turn(tenant));
        let mut leased = Vec::new();
        for (tenant, tables) in first.into_iter().chain(later) {
            let left = lease.left_for(tenant, leased.len());
            let rows = tables.jobs.values_mut();
            let mut due: Vec<&mut JobRow> = rows.filter(|row| row.is_due(lease.now)).collect();
            due.sort_by_key(|row| row.job.due_at);
            let due = due.into_iter().take(left as usize);
            leased.extend(due.map(|row| row.lease(tenant, lease.until)));
        }
        leased
    }

    pub(super) fn lease_timers(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: NonZeroU32,
    ) -> Vec<(TenantId, StreamId)> {
        let all = self.tenants.iter_mut().flat_map(|(tenant, tables)| {
            tables
                .streams
                .iter_mut()
                .map(move |(stream, row)| (tenant, stream, row))
        });
        let mut due: Vec<_> = all.filter(|(_, _, row)| row.is_due(now)).collect();
        due.sort_by_key(|(_, _, row)| row.projection.wake_at);
        due.truncate(limit.get() as usize);
        let lease = |(tenant, stream, row): (&TenantId, &StreamId, &mut StreamRow)| {
            row.timer_lease = Some(until);
            (tenant.clone(), stream.clone())
        };
        due.into_iter().map(lease).collect()
    }

    pub(super) fn dead_jobs(&self) -> u64 {
        let jobs = self
            .tenants
            .values()
            .flat_map(|tables| tables.jobs.values());
        jobs.filter(|row| matches!(row.state, JobState::Dead))
            .count() as u64
    }
}

impl JobRow {
    fn is_due(&self, now: Timestamp) -> bool {
        let free = match self.state {
            JobState::Waiting => true,
            JobState::Leased { until } => until <= now,
            JobState::Dead => false,
        };
        free && self.job.due_at <= now
    }

    fn lease(&mut self, tenant: &TenantId, until: Timestamp) -> LeasedJob {
        self.token = LeaseToken(self.token.0.saturating_add(1));
        self.attempts = self.attempts.saturating_add(1);
        self.state = JobState::Leased { until };
        LeasedJob {
            tenant: tenant.clone(),
            stream: self.stream.clone(),
            job: self.job.clone(),
            token: self.token,
            attempt: self.attempts,
        }
    }
}

impl StreamRow {
    fn is_due(&self, now: Timestamp) -> bool {
        let free = self.timer_lease.is_none_or(|until| until <= now);
        free && self.projection.wake_at.is_some_and(|at| at <= now)
    }
}
