//! What is refused before the first write.

use super::{Job, Ready};
use crate::error::Error;
use crate::file_index::{CountKey, FileIndex, FileIndexPlan, Holdings};
use crate::folder::MigrationFolder;
use crate::plan::{KvState, load_file_index};
use crate::report::Report;
use crate::stages::check;
use crate::stages::index::StaleEntries;
use crate::stages::inventory::inventory_entries;
use crate::stages::prepare::{FileIndexWish, planned_namespace};
use crate::stages::{gate, stale_entries, vanished};

impl Job {
    /// Whether there is a file index that this verb does not write.
    pub(super) fn has_other_entries(&self) -> Result<bool, Error> {
        let begun = load_file_index(&self.migration.ledger)?.is_some();
        Ok(begun && self.request.file_index.is_none())
    }

    /// Says what vanished from the source, and refuses what looks like a mistake.
    pub(super) fn vanished_gate(&self, ready: &Ready) -> Result<(), Error> {
        let (generation, transform) = (&ready.generation, &ready.prepared.transform);
        let wanted = self.permissions.stale;
        if wanted != StaleEntries::Report && self.has_other_entries()? {
            return Err(Error::refused(
                "this migration has a file index, whose entries name what --prune would delete",
            )
            .advise("give --prune to cf-migrate run, which rewrites the entries first"));
        }
        vanished::gate(&self.migration, generation, transform, wanted)
    }

    pub(super) fn doom(&self, ready: &Ready) -> Result<(), Error> {
        let (generation, transform) = (&ready.generation, &ready.prepared.transform);
        vanished::doom(
            &self.migration,
            generation,
            transform,
            self.permissions.stale,
        )
    }

    pub(super) async fn gate(&self, ready: &Ready, report: &Report) -> Result<(), Error> {
        let rejected = report.points.as_ref().map_or(0, |points| points.rejected);
        let folder = self.folder.as_ref().map(MigrationFolder::path);
        // What Vectorize refused was not to be known before the first write.
        let refused = self.migration.ledger.rejected_at("vectorize")?;
        let rejected = rejected.saturating_sub(refused);
        gate::rejections(
            &self.migration,
            rejected,
            self.permissions.allowed_rejects,
            folder,
            &ready.prepared.plan.mapping.id,
        )?;
        gate::records(&self.migration, ready.generation.count(), rejected)?;
        match &self.request.file_index {
            Some(wish) => {
                let file_key = &ready.prepared.plan.mapping.file_key;
                stale_entries::check_prune(self.permissions.stale, file_key)?;
                gate::entries(&self.migration.ledger)?;
                self.entries_gate(ready, wish).await
            }
            None => Ok(()),
        }
    }

    /// Records may be written already that were not checked for a file index.
    pub(super) fn file_keys_gate(&self, ready: &Ready, allowed: u64) -> Result<(), Error> {
        if self.request.file_index.is_none() {
            return Ok(());
        }
        let transform = &ready.prepared.transform;
        let found = check::unfileable(&self.migration, &ready.generation, transform)?;
        gate::file_keys(&self.migration, &found, allowed)
    }

    /// Entries that are there already are read before the first write only: later
    /// ones are ours.
    pub(super) async fn entries_gate(
        &self,
        ready: &Ready,
        wish: &FileIndexWish,
    ) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let Some((KvState::Present(namespace), _)) = &ready.prepared.kv else {
            return Ok(());
        };
        if ledger.has_sent()? {
            return Ok(());
        }
        let file_key = ready.prepared.plan.mapping.file_key.clone();
        let count = CountKey {
            namespace: namespace.clone(),
            key: wish.count_key().to_owned(),
        };
        let plan = FileIndexPlan::new(namespace.clone(), file_key, count, wish.ttl);
        let kv = self.accounts.kv.kv(&planned_namespace(namespace)?);
        let file_index = FileIndex {
            ledger,
            kv: &kv,
            holdings: Holdings::Unknown,
            plan: &plan,
        };
        inventory_entries(&self.migration, &file_index).await
    }
}
