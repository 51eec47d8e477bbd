//! Shortened vectors, told before anything is written: what is done to them, and
//! what that costs a search, measured on a sample of the points.

mod plan;
mod sample;
mod words;

use serde::{Deserialize, Serialize};

use crate::archive::Generation;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::progress::Step;
use crate::recall::{self, Recall};
use crate::report::{DimensionFacts, RecallFacts};
use crate::stages::context::Migration;
use crate::transform::{Length, Transform};

pub(super) use plan::{of_plan, of_proposal};
use sample::Sample;
pub use words::tell_shortening;

/// The ledger's section for what was measured.
const SECTION: &str = "recall";

/// What was measured, and on what: it holds as long as both are the same.
#[derive(Serialize, Deserialize)]
struct Kept {
    last_part: String,
    points: u64,
    facts: RecallFacts,
}

/// What shortening costs, measured on the archive and told; none where `--dims`
/// was not given. What an earlier start measured on the same archive still holds.
///
/// Errors: the archive's, the ledger's, interruption.
pub fn of_archive(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
) -> Result<Option<DimensionFacts>, Error> {
    let Some(mut facts) = asked_for(transform) else {
        return Ok(None);
    };
    if transform.shortening().is_some() {
        facts.recall = match kept(&migration.ledger, generation)? {
            Some(recall) => Some(recall),
            None => measure_and_keep(migration, generation, transform)?,
        };
        words::tell_recall(migration, &facts);
    }
    Ok(Some(facts))
}

/// What `--dims` asks for; none where it was not given.
fn asked_for(transform: &Transform) -> Option<DimensionFacts> {
    let asked = transform.mapping().dims?;
    let shortening = transform.shortening();
    Some(DimensionFacts {
        from: shortening.map_or(asked.get(), |shortening| shortening.from()),
        to: Some(asked.get()),
        renormalised: shortening.is_some_and(|it| it.length() == Length::Renormalised),
        recall: None,
    })
}

fn kept(ledger: &Ledger, generation: &Generation) -> Result<Option<RecallFacts>, Error> {
    let json = ledger.plan_section(SECTION)?;
    let kept: Option<Kept> = json.and_then(|json| serde_json::from_str(&json).ok());
    Ok(kept
        .filter(|kept| {
            (&kept.last_part, kept.points) == (&last_part(generation), generation.points())
        })
        .map(|kept| kept.facts))
}

fn measure_and_keep(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
) -> Result<Option<RecallFacts>, Error> {
    let sample = Sample::of_archive(migration, generation, transform)?;
    let facts = measure(migration, &sample, transform);
    if let Some(facts) = &facts {
        let kept = Kept {
            last_part: last_part(generation),
            points: generation.points(),
            facts: facts.clone(),
        };
        let json = serde_json::to_string(&kept).expect("figures are plain JSON");
        migration.ledger.keep_section(SECTION, &json)?;
    }
    Ok(facts)
}

/// The checksum of its last part.
fn last_part(generation: &Generation) -> String {
    let last = generation.manifest().parts.last();
    last.map(|part| part.sha256.to_string()).unwrap_or_default()
}

fn measure(migration: &Migration, sample: &Sample, transform: &Transform) -> Option<RecallFacts> {
    let target = transform.target();
    let base = &sample.base;
    let dimensions = recall::dimensions_beside(base.dimensions(), target.dimensions.get());
    let found = recall::measure(base, target.metric, &dimensions);
    let summary = match &found {
        Some(found) => format!("{} queries among {} points", found.queries, base.len()),
        None => "too few points to say what shortening costs".to_owned(),
    };
    migration.progress.end(Step::Recall, &summary);
    let Recall { k, queries, rows } = found?;
    Some(RecallFacts {
        k,
        base: base.len(),
        queries,
        left_out: sample.left_out,
        rule: sample.rule(queries),
        rows,
    })
}
