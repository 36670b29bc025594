//! Streams that leave, and what stays of them.

use super::tables::Tables;
use crate::{
    archive::ArchiveFile,
    id::TenantId,
    store::{ArchivedStream, Leaving, StreamId},
};

impl Tables {
    pub(super) fn archive(
        &mut self,
        tenant: &TenantId,
        file: &ArchiveFile,
        leaving: Vec<Leaving>,
    ) -> u64 {
        let tables = self.tenants.entry(tenant.clone()).or_default();
        let mut left = 0;
        for Leaving {
            stream,
            version,
            terms,
        } in leaving
        {
            let stays = tables
                .streams
                .get(&stream)
                .filter(|row| row.version() == version && stream != StreamId::Admin)
                .map(|row| ArchivedStream {
                    file: file.clone(),
                    leaves: row.entries.iter().map(|entry| entry.leaf).collect(),
                });
            let Some(stays) = stays else {
                continue;
            };
            tables.streams.remove(&stream);
            for term in terms {
                tables.terms.remove(&(stream.clone(), term));
            }
            tables.archived.insert(stream, stays);
            left += 1;
        }
        left
    }

    pub(super) fn archived(&self, tenant: &TenantId, stream: &StreamId) -> Option<ArchivedStream> {
        self.tenants.get(tenant)?.archived.get(stream).cloned()
    }
}
