//! Archive → Qdrant: a collection made again as it was, and verified. [`restore`]
//! tells the story. Nothing is remembered between starts: what is there already, as
//! the archive has it, is found by looking and not written again.

mod compare;
mod fit;
mod look;
mod numbers;
mod roster;
mod survey;
mod verify;
mod words;
mod write;

use std::path::Path;

use self::compare::Comparison;
pub use self::fit::Fitting;
use self::look::{Found, Subject, look};
use self::survey::{Survey, survey};
pub use self::verify::Sample;
use self::verify::verify;
use self::write::write;
use crate::archive::Generation;
use crate::error::Error;
use crate::point::Distance;
use crate::report::{PointFacts, Report, RestoreFacts};
use crate::source::qdrant::{Blueprint, Existing, QdrantTarget};
use crate::stages::context::Migration;
use crate::stages::inventory::Existing as Permission;

/// What the operator wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Where goes what Qdrant has no place for.
    pub fitting: Fitting,
    /// How vectors are compared, where the archive does not know.
    pub distance: Option<Distance>,
    /// Whether points that are there may be replaced.
    pub existing: Permission,
    /// How many points are read back, and which.
    pub depth: (Sample, u64),
}

/// Puts the archive's points into the collection, and proves it; `scratch` is a
/// folder for what is of no use afterwards.
///
/// # Errors
/// Refused where the archive has points that Qdrant cannot hold, where the collection
/// is another one or holds other points, or its distance is not known; the server's;
/// the archive's; interruption. The same again goes on.
pub async fn restore(
    migration: &Migration,
    generation: &Generation,
    target: &QdrantTarget,
    (wish, scratch): (&Wish, &Path),
    report: &mut Report,
) -> Result<(), Error> {
    let blueprint = plan(generation, wish)?;
    let survey = survey(migration, generation, &wish.fitting, scratch)?;
    let mut facts = RestoreFacts {
        collection: target.collection().to_owned(),
        as_recorded: blueprint.is_recorded(),
        points: survey.points,
        rounded_numbers: survey.rounded.count,
        left_out: blueprint.left_out(),
        ..RestoreFacts::default()
    };
    words::losses(migration, &blueprint, &survey);

    let there = migration.stop.interrupting(target.look()).await?;
    let restoring = Restoring {
        migration,
        generation,
        target,
        blueprint,
        wish,
        survey,
    };
    let outcome = restoring.carry_out(there, &mut facts, report).await;
    report.points = Some(PointFacts {
        archived: facts.points,
        settled: facts.written,
        unchanged: facts.unchanged,
        foreign: facts.foreign,
        ..PointFacts::default()
    });
    report.restore = Some(facts);
    outcome
}

/// What the collection is to be made of.
fn plan(generation: &Generation, wish: &Wish) -> Result<Blueprint, Error> {
    let (manifest, shape) = (generation.manifest(), generation.shape());
    let recorded = Blueprint::recorded(manifest.configuration.as_ref(), shape)?;
    let known = shape.dense.iter().all(|field| field.distance.is_some());
    if wish.distance.is_some() && known {
        return Err(Error::usage(
            "--distance is for archives that do not know it, and this one does",
        )
        .advise("leave --distance out: the collection gets the one that it had"));
    }
    Ok(recorded.unwrap_or_else(|| Blueprint::of_shape(shape, wish.distance)))
}

struct Restoring<'a> {
    migration: &'a Migration,
    generation: &'a Generation,
    target: &'a QdrantTarget,
    blueprint: Blueprint,
    wish: &'a Wish,
    survey: Survey,
}

impl Restoring<'_> {
    async fn carry_out(
        &self,
        there: Option<Existing>,
        facts: &mut RestoreFacts,
        report: &mut Report,
    ) -> Result<(), Error> {
        facts.created = there.is_none();
        let existing = match there {
            Some(existing) => existing,
            None => {
                self.check_distances()?;
                if self.migration.is_dry_run() {
                    facts.payload_indexes = self.blueprint.index_fields();
                    words::creation(self.migration, &self.blueprint, facts);
                    return Ok(());
                }
                self.create().await?
            }
        };
        self.check_likeness(&existing)?;
        let subject = self.subject(&existing);
        let found = look(self.migration, &subject, &existing.reader).await?;
        self.permit(&found)?;
        facts.unchanged = found.equal;
        facts.replaced = found.different.count;
        facts.foreign = found.foreign.count;
        facts.payload_indexes = existing.missing_indexes(&self.blueprint);
        if self.migration.is_dry_run() {
            words::writing(self.migration, &found, facts);
            return Ok(());
        }
        self.index(&existing, facts).await?;
        self.fill(&subject, &existing, facts, report).await?;
        self.compare(&subject, facts, report).await
    }

    fn subject(&self, existing: &Existing) -> Subject<'_> {
        Subject {
            generation: self.generation,
            fitting: &self.wish.fitting,
            roster: &self.survey.roster,
            comparison: Comparison {
                storage: existing.storage(),
            },
        }
    }

    fn check_distances(&self) -> Result<(), Error> {
        let unknown = self.blueprint.unknown_distances();
        if unknown.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = unknown.iter().map(|name| format!("{name:?}")).collect();
        let which = match unknown.as_slice() {
            [unnamed] if unnamed.is_empty() => "its vector is".to_owned(),
            _ => format!("its vectors {} are", names.join(", ")),
        };
        Err(Error::refused(format!(
            "the archive does not know how {which} compared, and a collection needs to"
        ))
        .advise("say it: --distance cosine, dot, euclid or manhattan"))
    }

    async fn create(&self) -> Result<Existing, Error> {
        let name = self.target.collection();
        let stop = &self.migration.stop;
        stop.interrupting(self.target.create(&self.blueprint))
            .await?;
        self.migration.tell(format!("created collection {name:?}"));
        let created = stop.interrupting(self.target.look()).await?;
        created.ok_or_else(|| {
            Error::stopped(format!(
                "Qdrant created collection {name:?} and does not know it"
            ))
            .advise("see whether the server is well, then run the same command again")
        })
    }

    fn check_likeness(&self, existing: &Existing) -> Result<(), Error> {
        let conflicts = existing.conflicts(&self.blueprint);
        if conflicts.is_empty() {
            return Ok(());
        }
        Err(Error::refused(format!(
            "collection {:?} exists and is not for these points: {}",
            self.target.collection(),
            conflicts.join("; ")
        ))
        .advise("restore into a collection of another name"))
    }

    fn permit(&self, found: &Found) -> Result<(), Error> {
        match found.objection(self.target.collection()) {
            Some(objection) if self.wish.existing == Permission::Refuse => Err(objection),
            _ => Ok(()),
        }
    }

    /// Payload indexes come before the points, so that the search graph is built
    /// with them (Qdrant, indexing page).
    async fn index(&self, existing: &Existing, facts: &RestoreFacts) -> Result<(), Error> {
        for field in &facts.payload_indexes {
            let made = self.target.create_index(existing, &self.blueprint, field);
            self.migration.stop.interrupting(made).await?;
        }
        Ok(())
    }

    async fn fill(
        &self,
        subject: &Subject<'_>,
        existing: &Existing,
        facts: &mut RestoreFacts,
        report: &mut Report,
    ) -> Result<(), Error> {
        let begun = self.migration.clock.now();
        let places = (self.target, existing);
        let outcome = write(self.migration, subject, places, facts).await;
        report.seconds.upsert = Some((self.migration.clock.now() - begun).as_secs_f64());
        outcome
    }

    async fn compare(
        &self,
        subject: &Subject<'_>,
        facts: &mut RestoreFacts,
        report: &mut Report,
    ) -> Result<(), Error> {
        let begun = self.migration.clock.now();
        let stop = &self.migration.stop;
        let now = stop
            .interrupting(self.target.look())
            .await?
            .ok_or_else(|| {
                let name = self.target.collection();
                Error::failed(format!("collection {name:?} was deleted meanwhile"))
            })?;
        if facts.as_recorded {
            facts.settings_different = now.differences(&self.blueprint);
        }
        for difference in &facts.settings_different {
            self.migration.warn(format!(
                "the server has another setting than the archive: {difference}"
            ));
        }
        let depth = self.wish.depth;
        let found = verify(self.migration, subject, &now.reader, depth, facts).await?;
        report.verification = Some(found);
        report.seconds.verify = Some((self.migration.clock.now() - begun).as_secs_f64());
        Ok(())
    }
}
