//! What a plan shows: the measured cost of `--dims`, or of what would be proposed
//! for vectors that do not fit.

use super::sample::Sample;
use super::{asked_for, measure, of_archive, words};
use crate::archive::Generation;
use crate::error::Error;
use crate::plan::{Plan, Wishes, choose_target, proposed_dimensions, survey_index};
use crate::report::{DimensionFacts, RecallFacts};
use crate::source::SourceFacts;
use crate::stages::context::Migration;
use crate::stages::origin::Origin;
use crate::stages::prepare::resolve;
use crate::stages::run::Job;
use crate::transform::{Length, Transform, choose_dense};

/// As [`of_archive`]; from the first points of the source where it is not
/// archived yet.
pub(in crate::stages) async fn of_plan(
    migration: &Migration,
    origin: &mut Origin,
    source: &SourceFacts,
    transform: &Transform,
) -> Result<Option<DimensionFacts>, Error> {
    let Some(mut facts) = asked_for(transform) else {
        return Ok(None);
    };
    if transform.shortening().is_none() {
        return Ok(Some(facts));
    }
    if let Some(generation) = archived(migration, source)? {
        return of_archive(migration, &generation, transform);
    }
    facts.recall = of_first_points(migration, origin, transform).await?;
    words::tell_recall(migration, &facts);
    Ok(Some(facts))
}

/// What `--dims` would cost where it was not given and the vectors are too long;
/// none where they are not, or something else stands in the way.
pub(in crate::stages) async fn of_proposal(job: &mut Job) -> Result<Option<DimensionFacts>, Error> {
    let source = job.origin.facts(&job.migration, None).await?.0;
    let Some(transform) = proposed(job, &source).await? else {
        return Ok(None);
    };
    let (migration, origin) = (&job.migration, &mut job.origin);
    let Some(shortening) = transform.shortening() else {
        return Ok(None);
    };
    let recall = match archived(migration, &source)? {
        Some(generation) => {
            let sample = Sample::of_archive(migration, &generation, &transform)?;
            measure(migration, &sample, &transform)
        }
        None => of_first_points(migration, origin, &transform).await?,
    };
    let facts = DimensionFacts {
        from: shortening.from(),
        to: None,
        renormalised: shortening.length() == Length::Renormalised,
        recall,
    };
    words::tell_recall(migration, &facts);
    Ok(Some(facts))
}

/// The transform with the `--dims` that would be proposed.
async fn proposed(job: &Job, source: &SourceFacts) -> Result<Option<Transform>, Error> {
    let frozen = Plan::load(&job.migration.ledger)?;
    let base = frozen.map(|plan| plan.mapping).unwrap_or_default();
    let mut mapping = job.request.mapping.over(&base);
    if mapping.dims.is_some() {
        return Ok(None);
    }
    let vector = mapping.vector.as_deref();
    let Ok(position) = choose_dense(&source.shape, vector) else {
        return Ok(None);
    };
    let name = &job.request.index;
    let index = survey_index(&job.accounts.vectorize.vectorize(name)).await?;
    let from = source.shape.dense[position].dimensions;
    let Some(dims) = proposed_dimensions(from, &index) else {
        return Ok(None);
    };
    let wishes = Wishes {
        create: true,
        metric: job.request.mapping.metric,
        dims: Some(dims),
    };
    let ends = (name, &index);
    let Ok(target) = choose_target(&source.shape, vector, ends, wishes, &mut Vec::new()) else {
        return Ok(None);
    };
    mapping.dims = Some(dims);
    resolve(mapping, source, target).map(Some)
}

/// The folder's archive, where it is complete and this source's.
fn archived(migration: &Migration, source: &SourceFacts) -> Result<Option<Generation>, Error> {
    if migration.archive.unfinished()?.is_some() {
        return Ok(None);
    }
    let current = migration.archive.current()?;
    Ok(current.filter(|generation| {
        let kept = &generation.manifest().source;
        (&kept.name, &kept.identity) == (&source.name, &source.identity)
    }))
}

async fn of_first_points(
    migration: &Migration,
    origin: &mut Origin,
    transform: &Transform,
) -> Result<Option<RecallFacts>, Error> {
    let Some(source) = origin.source() else {
        return Ok(None);
    };
    let sample = Sample::of_source(migration, source, transform).await?;
    Ok(measure(migration, &sample, transform))
}
