//! What is written to the account, and how that is verified.

use super::{Job, Ready};
use crate::cloudflare::{Kv, Vectorize};
use crate::error::Error;
use crate::file_index::{FileIndex, FileIndexPlan, Holdings};
use crate::ledger::Milestone;
use crate::plan::IndexState;
use crate::report::{FileIndexFacts, Report};
use crate::stages::deletion::delete_doomed;
use crate::stages::index;
use crate::stages::inventory::{Existing, inventory};
use crate::stages::keep_overwritten::keep;
use crate::stages::prepare::{create_missing, file_index_plan, planned_namespace};
use crate::stages::send::Sending;
use crate::stages::timing::Timing;
use crate::stages::{remarks, tenants, vector_count};
use crate::verify::{SourceIs, Subject, verify};

impl Job {
    /// Deletes what was doomed, when no entry names it any more.
    pub(super) async fn delete_vanished(
        &self,
        index: &Vectorize,
        report: &mut Report,
    ) -> Result<(), Error> {
        let deleted = delete_doomed(&self.migration, index).await?;
        if let Some(points) = &mut report.points {
            points.deleted += deleted;
        }
        Ok(())
    }

    /// Everything that writes to Vectorize, until the index has applied it.
    pub(super) async fn write_records(
        &mut self,
        ready: &Ready,
        report: &mut Report,
    ) -> Result<Vectorize, Error> {
        let Ready {
            prepared,
            generation,
        } = ready;
        let migration = &self.migration;
        let index = create_missing(migration, &self.accounts, prepared).await?;
        if prepared.index_state != IndexState::Missing || !migration.is_dry_run() {
            inventory(migration, &index, self.permissions.existing).await?;
            self.keep_overwritten(&index, &prepared.plan.target.service)
                .await?;
        }
        let sending = Sending {
            migration,
            generation,
            transform: &prepared.transform,
            index: &index,
            folder: self.folder.as_ref(),
        };
        let settled = sending.until_settled(report).await?;
        if !migration.is_dry_run() {
            self.count_points(settled, report)?;
        }
        Ok(index)
    }

    /// Old values of what will be replaced, where they are to be kept.
    pub(super) async fn keep_overwritten(
        &self,
        index: &Vectorize,
        service: &str,
    ) -> Result<(), Error> {
        match self.permissions.existing {
            Existing::KeepOverwritten => keep(&self.migration, index, service).await,
            Existing::Refuse | Existing::Overwrite => Ok(()),
        }
    }

    pub(super) fn count_points(&self, settled: u64, report: &mut Report) -> Result<(), Error> {
        let totals = self.migration.ledger.totals()?;
        let foreign = self.migration.ledger.foreign_vectors()?;
        if let Some(points) = &mut report.points {
            points.rejected = totals.rejected;
            points.settled = settled;
            points.unchanged = totals.records.saturating_sub(settled);
            points.foreign = foreign;
        }
        tenants::written(&self.migration, report.namespaces.as_mut())
    }

    pub(super) async fn file_index_plan(
        &self,
        ready: &Ready,
    ) -> Result<Option<FileIndexPlan>, Error> {
        let (wish, kv) = (self.request.file_index.as_ref(), ready.prepared.kv.as_ref());
        let file_key = &ready.prepared.plan.mapping.file_key;
        file_index_plan(&self.migration, &self.accounts, wish, kv, file_key).await
    }

    pub(super) async fn write_file_index(
        &mut self,
        ready: &Ready,
        vectorize: &Vectorize,
        report: &mut Report,
    ) -> Result<Option<FileIndexPlan>, Error> {
        let Some(plan) = self.file_index_plan(ready).await? else {
            if self.request.file_index.is_some() {
                remarks::of_missing_file_index(&self.migration)?;
            }
            return Ok(None);
        };
        let migration = &self.migration;
        let timing = Timing::begin(&migration.clock);
        let kv = self.accounts.kv.kv(&planned_namespace(&plan.namespace)?);
        let count_kv = self
            .accounts
            .kv
            .kv(&planned_namespace(&plan.count.namespace)?);
        let holdings = match ready.prepared.index_state {
            // A dry run: in the real one it would be created empty.
            IndexState::Missing if migration.is_dry_run() => Holdings::Nothing,
            _ => Holdings::Index {
                ledger: &migration.ledger,
                index: vectorize,
            },
        };
        let file_index = FileIndex {
            ledger: &migration.ledger,
            kv: &kv,
            holdings,
            plan: &plan,
        };
        let written = self.entries_then_vectors(&file_index, &count_kv, vectorize, report);
        let written = written.await;
        timing.end(&mut report.seconds.index);
        report.file_index = Some(written?);
        Ok(Some(plan))
    }

    /// An entry must not name what is gone, so vectors are deleted when no entry names
    /// them any more, and counted when that is done.
    pub(super) async fn entries_then_vectors(
        &self,
        file_index: &FileIndex<'_>,
        count_kv: &Kv,
        vectorize: &Vectorize,
        report: &mut Report,
    ) -> Result<FileIndexFacts, Error> {
        let (migration, stale) = (&self.migration, self.permissions.stale);
        let facts = index::write_entries(migration, file_index, stale).await?;
        self.delete_vanished(vectorize, report).await?;
        let vectors = vector_count::in_index(migration, vectorize).await?;
        index::conclude(migration, file_index, (count_kv, vectors), stale, facts).await
    }

    pub(super) async fn verify_all(
        &mut self,
        ready: &Ready,
        (vectorize, plan): (&Vectorize, Option<&FileIndexPlan>),
        source_is: SourceIs,
        report: &mut Report,
    ) -> Result<(), Error> {
        let migration = &self.migration;
        let timing = Timing::begin(&migration.clock);
        migration.ledger.retract(Milestone::Proven)?;
        let kv = match plan {
            Some(plan) => Some((
                self.accounts.kv.kv(&planned_namespace(&plan.namespace)?),
                self.accounts
                    .kv
                    .kv(&planned_namespace(&plan.count.namespace)?),
            )),
            None => None,
        };
        let file_index = plan.zip(kv.as_ref()).map(|(plan, (kv, count_kv))| {
            let holdings = Holdings::Index {
                ledger: &migration.ledger,
                index: vectorize,
            };
            (
                FileIndex {
                    ledger: &migration.ledger,
                    kv,
                    holdings,
                    plan,
                },
                count_kv,
            )
        });
        let subject = Subject {
            generation: &ready.generation,
            transform: &ready.prepared.transform,
            index: vectorize,
            source: self.origin.source(),
            source_is,
            file_index: file_index
                .as_ref()
                .map(|(index, count_kv)| (index, *count_kv)),
        };
        let found = verify(migration, subject, self.depth).await;
        timing.end(&mut report.seconds.verify);
        let found = found?;
        tenants::verified(report.namespaces.as_mut(), &found);
        report.verification = Some(found);
        if let Some(points) = &mut report.points {
            points.foreign = migration.ledger.foreign_vectors()?;
        }
        Ok(())
    }
}
