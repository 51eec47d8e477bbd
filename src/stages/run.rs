//! The whole story of a migration, and of the verbs that are parts of it. Each
//! function reads as its own summary; how a step works is in the step's file.

use std::num::NonZeroU32;

use crate::archive::Generation;
use crate::cloudflare::{Kv, Vectorize};
use crate::error::{Error, Kind};
use crate::file_index::{CountKey, FileIndex, FileIndexPlan, Holdings};
use crate::folder::MigrationFolder;
use crate::ledger::{BatchState, Milestone};
use crate::plan::{IndexState, KvState, load_file_index};
use crate::report::{FileIndexFacts, PointFacts, Report, RequestFacts};
use crate::stages::check::{self, Files, write_rejections};
use crate::stages::context::Migration;
use crate::stages::deletion::delete_doomed;
use crate::stages::export::export;
use crate::stages::generation::{Choice, Purpose};
use crate::stages::index::{self, StaleEntries};
use crate::stages::inventory::{Existing, inventory, inventory_entries};
use crate::stages::keep_overwritten::keep;
use crate::stages::mend::mend;
pub use crate::stages::origin::Origin;
use crate::stages::origin::own_archive;
use crate::stages::prepare::{
    Accounts, FileIndexWish, Prepared, Request, create_missing, file_index_plan, planned_namespace,
    prepare, refuse_other_file_index, resolve,
};
use crate::stages::send::Sending;
use crate::stages::timing::Timing;
use crate::stages::{
    catch_up, changes, dimensions, gate, generation, left_behind, remarks, stale_entries, tenants,
    vanished, vector_count,
};
use crate::transform::Transform;
use crate::verify::{Depth, SourceIs, Subject, verify};

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

impl Ready {
    /// The generation, and what makes records of its points.
    pub(super) fn parts(&self) -> (&Generation, &Transform) {
        (&self.generation, &self.prepared.transform)
    }
}

impl Job {
    /// Plan, export, upsert, settle, index, verify; from the second time on, of what is
    /// new or changed since.
    pub async fn run(&mut self, report: &mut Report) -> Result<(), Error> {
        self.finish_first(report).await?;
        self.pass(SourceIs::Still, report).await.map(drop)
    }

    /// What was begun of a file as it was before somebody changed it.
    async fn finish_first(&mut self, report: &mut Report) -> Result<(), Error> {
        let Origin::Source(source) = &self.origin else {
            return Ok(());
        };
        if generation::finishes_first(&self.migration, source.facts(), &self.origin)? {
            self.migration.tell(format!(
                "{} was changed since its last migration was begun: that is finished from the archive first",
                source.facts().name
            ));
            self.pass(SourceIs::Moving, report).await?;
        }
        Ok(())
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
        self.finish_first(report).await?;
        let ready = self.pass(SourceIs::Still, report).await?;
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

    /// Whether there is a file index that this verb does not write.
    fn has_other_entries(&self) -> Result<bool, Error> {
        let begun = load_file_index(&self.migration.ledger)?.is_some();
        Ok(begun && self.request.file_index.is_none())
    }

    /// Says what vanished from the source, and refuses what looks like a mistake.
    fn vanished_gate(&self, ready: &Ready) -> Result<(), Error> {
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

    fn doom(&self, ready: &Ready) -> Result<(), Error> {
        let (generation, transform) = (&ready.generation, &ready.prepared.transform);
        vanished::doom(
            &self.migration,
            generation,
            transform,
            self.permissions.stale,
        )
    }

    /// Deletes what was doomed, when no entry names it any more.
    async fn delete_vanished(&self, index: &Vectorize, report: &mut Report) -> Result<(), Error> {
        let deleted = delete_doomed(&self.migration, index).await?;
        if let Some(points) = &mut report.points {
            points.deleted += deleted;
        }
        Ok(())
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

    /// The file index that was begun is that of every later start.
    fn inherit_file_index(&mut self) -> Result<(), Error> {
        let frozen = load_file_index(&self.migration.ledger)?;
        let asked = self.request.file_index.take();
        self.request.file_index = FileIndexWish::or_frozen(asked, frozen);
        Ok(())
    }

    async fn archive_and_check(
        &mut self,
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<Ready, Error> {
        let archived = match self.origin {
            Origin::OwnArchive => generation::choose_archived(&self.migration, purpose)?,
            Origin::Source(_) => None,
        };
        let facts = self
            .origin
            .facts(&self.migration, archived.as_ref())
            .await?;
        let known = match purpose {
            Purpose::CatchUp => generation::planned_as(&self.migration, facts.0, &self.origin)?,
            Purpose::AsItIs => {
                generation::refuse_changed(&self.migration, &facts.0, &self.origin)?;
                facts.0
            }
        };
        let source = (&known, facts.1);
        let mut prepared = prepare(&self.migration, &self.accounts, &self.request, source).await?;
        refuse_other_file_index(&self.migration, &self.request, &prepared)?;
        remarks::of_plan(&self.migration, &prepared, source);
        let clock = self.migration.clock;
        let timing = Timing::begin(&clock);
        let generation = self.generation(purpose, archived, &prepared).await?;
        if *generation.shape() != known.shape {
            let (mapping, target) = (&prepared.plan.mapping, prepared.transform.target());
            prepared.transform = resolve(mapping.clone(), &generation.manifest().source, target)?;
        }
        let files = self.files();
        mend(&self.migration, &generation, self.origin.source()).await?;
        check::check(&self.migration, &generation, &prepared.transform, files)?;
        if let Some(folder) = &self.folder {
            write_rejections(&self.migration.ledger, folder.path())?;
        }
        timing.end(&mut report.seconds.export);
        report.points = Some(self.points(&generation, facts.1)?);
        let mapping = &prepared.plan.mapping;
        report.namespaces = tenants::checked(&self.migration, &generation, mapping)?;
        remarks::of_check(&self.migration, files)?;
        if files == Files::Indexed {
            remarks::of_shared_files(&self.migration, &prepared.plan.mapping)?;
        }
        report.dimensions =
            dimensions::of_archive(&self.migration, &generation, &prepared.transform)?;
        left_behind::warn(&self.migration)?;
        report.left_behind = Some(left_behind::left_behind(&self.migration.ledger)?);
        let changed = changes::facts(&self.migration.ledger, &prepared.plan.mapping)?;
        changes::tell(&self.migration, &changed);
        report.mapping = Some(changed);
        Ok(Ready {
            prepared,
            generation,
        })
    }

    /// The generation to work on, complete; the ledger is of it.
    async fn generation(
        &mut self,
        purpose: Purpose,
        archived: Option<Generation>,
        prepared: &Prepared,
    ) -> Result<Generation, Error> {
        let (migration, files) = (&self.migration, self.files());
        let generation = match self.origin.source() {
            None => match archived {
                Some(generation) => generation,
                None => own_archive(migration)?,
            },
            Some(source) => match generation::choose(migration, source, purpose)? {
                Choice::Own => {
                    check::begin(migration, files)?;
                    return export(migration, source, Some((&prepared.transform, files))).await;
                }
                Choice::Kept(generation) => generation,
                Choice::Next => generation::next(migration, source).await?,
            },
        };
        generation::take(migration, &generation)?;
        check::begin(migration, files)?;
        Ok(generation)
    }

    fn files(&self) -> Files {
        match self.request.file_index {
            Some(_) => Files::Indexed,
            None => Files::NotIndexed,
        }
    }

    fn points(&self, generation: &Generation, source: Option<u64>) -> Result<PointFacts, Error> {
        let totals = self.migration.ledger.totals()?;
        Ok(PointFacts {
            source: source.or(generation.manifest().count_after),
            archived: generation.count(),
            rejected: totals.rejected,
            // What no earlier start brought into the index is not there yet.
            unchanged: self.migration.ledger.records_in(BatchState::Settled)?
                + self.migration.ledger.unchanged()?,
            vanished: self.migration.ledger.vanished()?,
            ..PointFacts::default()
        })
    }

    async fn gate(&self, ready: &Ready, report: &Report) -> Result<(), Error> {
        let rejected = report.points.as_ref().map_or(0, |points| points.rejected);
        let folder = self.folder.as_ref().map(MigrationFolder::path);
        // What Vectorize refused was not to be known before the first write.
        let refused = self.migration.ledger.rejected_at("vectorize")?;
        gate::rejections(
            &self.migration,
            rejected.saturating_sub(refused),
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
    fn file_keys_gate(&self, ready: &Ready, allowed: u64) -> Result<(), Error> {
        if self.request.file_index.is_none() {
            return Ok(());
        }
        let transform = &ready.prepared.transform;
        let found = check::unfileable(&self.migration, &ready.generation, transform)?;
        gate::file_keys(&self.migration, &found, allowed)
    }

    /// Entries that are there already are read before the first write only: later
    /// ones are ours.
    async fn entries_gate(&self, ready: &Ready, wish: &FileIndexWish) -> Result<(), Error> {
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

    /// Everything that writes to Vectorize, until the index has applied it.
    async fn write_records(
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
    async fn keep_overwritten(&self, index: &Vectorize, service: &str) -> Result<(), Error> {
        match self.permissions.existing {
            Existing::KeepOverwritten => keep(&self.migration, index, service).await,
            Existing::Refuse | Existing::Overwrite => Ok(()),
        }
    }

    fn count_points(&self, settled: u64, report: &mut Report) -> Result<(), Error> {
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

    async fn file_index_plan(&self, ready: &Ready) -> Result<Option<FileIndexPlan>, Error> {
        let (wish, kv) = (self.request.file_index.as_ref(), ready.prepared.kv.as_ref());
        let file_key = &ready.prepared.plan.mapping.file_key;
        file_index_plan(&self.migration, &self.accounts, wish, kv, file_key).await
    }

    async fn write_file_index(
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
    async fn entries_then_vectors(
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

    async fn verify_all(
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

    /// What was sent to the account so far.
    pub fn requests(&self) -> RequestFacts {
        self.accounts.requests()
    }
}
