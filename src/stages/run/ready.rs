//! Both ends looked at, the archive complete and every point of it checked: what has
//! to be known before the first write.

use super::{Job, Ready};
use crate::archive::Generation;
use crate::error::Error;
use crate::ledger::BatchState;
use crate::plan::load_file_index;
use crate::report::{PointFacts, Report};
use crate::stages::check::{self, Files, write_rejections};
use crate::stages::export::export;
use crate::stages::generation::{Choice, Purpose};
use crate::stages::mend::mend;
use crate::stages::origin::{Origin, own_archive};
use crate::stages::prepare::{FileIndexWish, Prepared, prepare, refuse_other_file_index, resolve};
use crate::stages::timing::Timing;
use crate::stages::{changes, dimensions, generation, left_behind, remarks, tenants};

impl Job {
    /// The file index that was begun is that of every later start.
    pub(super) fn inherit_file_index(&mut self) -> Result<(), Error> {
        let frozen = load_file_index(&self.migration.ledger)?;
        let asked = self.request.file_index.take();
        self.request.file_index = FileIndexWish::or_frozen(asked, frozen);
        Ok(())
    }

    pub(super) async fn archive_and_check(
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
        if let Some(source) = self.origin.source() {
            source.hang_up();
        }
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
    pub(super) async fn generation(
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

    pub(super) fn files(&self) -> Files {
        match self.request.file_index {
            Some(_) => Files::Indexed,
            None => Files::NotIndexed,
        }
    }

    pub(super) fn points(
        &self,
        generation: &Generation,
        source: Option<u64>,
    ) -> Result<PointFacts, Error> {
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
}
