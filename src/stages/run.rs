//! The whole story of a migration, and of the verbs that are parts of it. Each
//! function reads as its own summary; how a step works is in the step's file.

mod gates;
mod ready;
mod target;

use crate::archive::Generation;
use crate::error::{Error, Kind};
use crate::folder::MigrationFolder;
use crate::ledger::Milestone;
use crate::report::{PointFacts, Report, RequestFacts};
use crate::stages::context::Migration;
use crate::stages::generation::Purpose;
use crate::stages::index::StaleEntries;
use crate::stages::inventory::Existing;
pub use crate::stages::origin::Origin;
use crate::stages::prepare::{Accounts, Prepared, Request, prepare};
use crate::stages::{catch_up, dimensions, gate, generation, left_behind, remarks, tenants};
use crate::transform::Transform;
use crate::verify::{Depth, SourceIs};
use std::num::NonZeroU32;

/// What may be done without asking again.
#[derive(Debug, Clone, Copy)]
pub struct Permissions {
    /// What to do about ids that are there already.
    pub existing: Existing,
    /// Rejections that do not keep the rest from going.
    pub allowed_rejects: u64,
    /// What to do about stale entries.
    pub stale: StaleEntries,
}

/// One verb on one migration.
pub struct Job {
    /// The migration.
    pub migration: Migration,
    /// The folder that results are written to; none in a rehearsal.
    pub folder: Option<MigrationFolder>,
    /// Where the points come from.
    pub origin: Origin,
    /// Where they go.
    pub accounts: Accounts,
    /// What was asked for.
    pub request: Request,
    /// What may be done.
    pub permissions: Permissions,
    /// How deep to verify.
    pub depth: Depth,
}

/// What is known once both ends were looked at and the archive is complete.
pub(super) struct Ready {
    prepared: Prepared,
    generation: Generation,
}

/// Whether a pass of its own went before the one that was asked for.
enum Finished {
    Nothing,
    Something,
}

impl Ready {
    /// What makes records of the generation's points.
    pub(super) fn transform(&self) -> &Transform {
        &self.prepared.transform
    }
}

impl Job {
    /// Plan, export, upsert, settle, index, verify; from the second time on, of what is
    /// new or changed since.
    pub async fn run(&mut self, report: &mut Report) -> Result<(), Error> {
        self.passes(report).await.map(drop)
    }

    /// What was begun of a file as it was before somebody changed it, then the pass that
    /// was asked for; the report is of both.
    async fn passes(&mut self, report: &mut Report) -> Result<Ready, Error> {
        // What was taken back is not finished.
        gate::rollback(&self.migration)?;
        let passed = match self.finish_first(report).await? {
            Finished::Something if !self.migration.is_dry_run() => Some(report.begin_next_pass()),
            // A rehearsal leaves all to be done: its next pass begins where this one did.
            Finished::Something | Finished::Nothing => None,
        };
        let ready = self.pass(SourceIs::Still, report).await;
        if let Some(passed) = passed {
            report.add_passed(passed);
        }
        ready
    }

    async fn finish_first(&mut self, report: &mut Report) -> Result<Finished, Error> {
        let Origin::Source(source) = &self.origin else {
            return Ok(Finished::Nothing);
        };
        if !generation::finishes_first(&self.migration, source.facts(), &self.origin)? {
            return Ok(Finished::Nothing);
        }
        self.migration.tell(format!(
            "{} was changed since its last migration was begun: that is finished from the archive first",
            source.facts().name
        ));
        self.pass(SourceIs::Moving, report).await?;
        Ok(Finished::Something)
    }

    /// [`Job::run`] on a source that is written to all the while: that it is ahead of the
    /// target is no difference.
    pub async fn run_behind(&mut self, report: &mut Report) -> Result<(), Error> {
        self.pass(SourceIs::Moving, report).await?;
        catch_up::tell_age(&self.migration, report);
        Ok(())
    }

    /// [`Job::run`], and the folder sealed where the source, read once more, is what was
    /// migrated.
    pub async fn run_finally(&mut self, report: &mut Report) -> Result<(), Error> {
        catch_up::refuse_without_source(self)?;
        let ready = self.passes(report).await?;
        match self.migration.is_dry_run() {
            true => Ok(()),
            false => catch_up::seal(self, &ready, report).await,
        }
    }

    /// Lets a sealed folder be written to again.
    pub fn reopen(&self) -> Result<(), Error> {
        self.migration.ledger.retract(Milestone::Sealed)
    }

    /// Removes what is older than the newest `keep` generations, where the newest is
    /// proven.
    pub fn remove_old(&self, keep: NonZeroU32, report: &mut Report) -> Result<(), Error> {
        if self.migration.is_dry_run() || !self.migration.ledger.reached(Milestone::Proven)? {
            return Ok(());
        }
        let removed = catch_up::remove_old(&self.migration, keep)?;
        if let Some(facts) = &mut report.catch_up {
            facts.removed_generations = removed;
        }
        Ok(())
    }

    async fn pass(&mut self, source_is: SourceIs, report: &mut Report) -> Result<Ready, Error> {
        gate::rollback(&self.migration)?;
        catch_up::refuse_sealed(&self.migration)?;
        self.inherit_file_index()?;
        let ready = self.archive_and_check(Purpose::CatchUp, report).await?;
        self.gate(&ready, report).await?;
        self.vanished_gate(&ready)?;
        self.file_keys_gate(&ready, self.permissions.allowed_rejects)?;
        let index = self.write_records(&ready, report).await?;
        self.doom(&ready)?;
        let file_index = self.write_file_index(&ready, &index, report).await?;
        if file_index.is_none() {
            self.delete_vanished(&index, report).await?;
        }
        if self.migration.is_dry_run() {
            return Ok(ready);
        }
        let ends = (&index, file_index.as_ref());
        self.verify_all(&ready, ends, source_is, report).await?;
        report.catch_up = Some(catch_up::facts(&self.migration, &ready.generation));
        Ok(ready)
    }

    /// Plan, export (of a file), upsert, settle.
    pub async fn upsert(&mut self, report: &mut Report) -> Result<(), Error> {
        gate::rollback(&self.migration)?;
        catch_up::refuse_sealed(&self.migration)?;
        let ready = self.archive_and_check(Purpose::CatchUp, report).await?;
        self.gate(&ready, report).await?;
        self.vanished_gate(&ready)?;
        let index = self.write_records(&ready, report).await?;
        self.doom(&ready)?;
        match self.has_other_entries()? {
            true => Ok(()),
            false => self.delete_vanished(&index, report).await,
        }
    }

    /// The file index alone, of a migration whose records are written.
    pub async fn index(&mut self, report: &mut Report) -> Result<(), Error> {
        gate::rollback(&self.migration)?;
        catch_up::refuse_sealed(&self.migration)?;
        self.inherit_file_index()?;
        let ready = self.archive_and_check(Purpose::AsItIs, report).await?;
        self.gate(&ready, report).await?;
        gate::written(&self.migration, ready.generation.points())?;
        self.file_keys_gate(&ready, 0)?;
        let index = self.accounts.vectorize.vectorize(&self.request.index);
        self.write_file_index(&ready, &index, report)
            .await
            .map(drop)
    }

    /// Compares, and writes nothing to the account.
    pub async fn verify(&mut self, report: &mut Report) -> Result<(), Error> {
        let index = self.accounts.vectorize.vectorize(&self.request.index);
        if index.describe().await?.is_none() {
            return Err(
                Error::refused(format!("the index {} does not exist", self.request.index))
                    .advise("there is nothing to compare with: name an existing index"),
            );
        }
        self.request.create = false;
        self.inherit_file_index()?;
        let ready = self.archive_and_check(Purpose::AsItIs, report).await?;
        let file_index = self.file_index_plan(&ready).await?;
        let ends = (&index, file_index.as_ref());
        self.verify_all(&ready, ends, SourceIs::Still, report)
            .await?;
        self.count_verified(report)
    }

    /// Whoever wrote them: records that were found as they should be.
    fn count_verified(&self, report: &mut Report) -> Result<(), Error> {
        let records = self.migration.ledger.totals()?.records;
        if let (Some(points), Some(found)) = (&mut report.points, &report.verification) {
            points.unchanged = records.saturating_sub(found.missing + found.values_different);
        }
        tenants::found_unchanged(report.namespaces.as_mut());
        Ok(())
    }

    /// Both ends, and with `--full` every point: what stands in the way, and
    /// what would happen.
    pub async fn plan(&mut self, full: bool, report: &mut Report) -> Result<(), Error> {
        let looked = match full {
            true => self.run(report).await,
            false => self.look(report).await,
        };
        if let Err(error) = &looked
            && error.kind() == Kind::Refused
        {
            self.propose_dims(report).await;
        }
        looked
    }

    /// Vectors that are too long for the index: what shortening them would cost.
    async fn propose_dims(&mut self, report: &mut Report) {
        match dimensions::of_proposal(self).await {
            Ok(facts) => report.dimensions = report.dimensions.take().or(facts),
            Err(error) => self.migration.warn(format!(
                "what shortening the vectors would cost could not be measured: {error}"
            )),
        }
    }

    async fn look(&mut self, report: &mut Report) -> Result<(), Error> {
        self.inherit_file_index()?;
        let facts = self.origin.facts(&self.migration, None).await?;
        let known = generation::planned_as(&self.migration, facts.0, &self.origin)?;
        let source = (&known, facts.1);
        let prepared = prepare(&self.migration, &self.accounts, &self.request, source).await?;
        report.points = Some(PointFacts {
            source: facts.1,
            ..PointFacts::default()
        });
        remarks::of_plan(&self.migration, &prepared, source);
        if let Some(points) = facts.1 {
            remarks::of_sending(&self.migration, &prepared, points);
        }
        report.dimensions = dimensions::of_plan(
            &self.migration,
            &mut self.origin,
            source.0,
            &prepared.transform,
        )
        .await?;
        left_behind::tell_names(&self.migration, &source.0.shape, &prepared.transform);
        Ok(())
    }

    /// What was sent to the account so far.
    pub fn requests(&self) -> RequestFacts {
        self.accounts.requests()
    }
}
