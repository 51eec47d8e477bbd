//! Every archived point is looked at before anything is written: whether Qdrant can
//! hold it, who has its id already, and whose numbers will lose digits.

use std::collections::BTreeMap;
use std::path::Path;

use super::fit::{Fitting, Unfit, fit};
use super::numbers;
use super::roster::Roster;
use crate::archive::Generation;
use crate::error::Error;
use crate::point::PointName;
use crate::progress::Step;
use crate::report::Findings;
use crate::stages::context::Migration;

/// How many points a message names.
const SHOWN: usize = 5;

/// What the archive's points are.
pub(super) struct Survey {
    /// Their ids.
    pub(super) roster: Roster,
    /// How many there are.
    pub(super) points: u64,
    /// Those with a number that Qdrant will hold with fewer digits.
    pub(super) rounded: Findings,
}

/// Looks at every point.
///
/// # Errors
/// Refused where a point has no place in Qdrant; the archive's; interruption.
pub(super) fn survey(
    migration: &Migration,
    generation: &Generation,
    fitting: &Fitting,
    scratch: &Path,
) -> Result<Survey, Error> {
    migration.begin(Step::Check, Some(generation.count()));
    let mut survey = Survey {
        roster: Roster::begin(scratch)?,
        points: 0,
        rounded: Findings::default(),
    };
    let mut unfit: BTreeMap<Unfit, Findings> = BTreeMap::new();
    for read in generation.read(0..u64::MAX)? {
        migration.stop.check()?;
        let (ordinal, point) = read?;
        if generation.is_superseded(ordinal) {
            continue;
        }
        let name = point.name();
        if !numbers::all_kept(&point.payload) {
            survey.rounded.add(shown(&name));
        }
        let fitted = fit(fitting, point);
        match fitted {
            Err(reason) => unfit.entry(reason).or_default().add(shown(&name)),
            Ok(point) => {
                if survey.roster.add(&point.id, ordinal)?.is_some() {
                    let findings = unfit.entry(Unfit::Collision).or_default();
                    findings.add(shown(&name));
                }
            }
        }
        survey.points += 1;
        migration.progress.advance(Step::Check, 1);
    }
    migration
        .progress
        .end(Step::Check, "every point was looked at");
    match unfit.first_key_value() {
        None => Ok(survey),
        Some((first, _)) => Err(refusal(survey.points, &unfit).advise(first.advice())),
    }
}

fn refusal(points: u64, unfit: &BTreeMap<Unfit, Findings>) -> Error {
    let kinds = unfit.iter().map(|(reason, found)| {
        let examples = examples(found);
        format!("{} of {points} points {reason}: {examples}", found.count)
    });
    let kinds: Vec<_> = kinds.collect();
    Error::refused(format!(
        "the archive cannot be restored into Qdrant: {}",
        kinds.join("; ")
    ))
}

/// The first of them, and how many more there are.
pub(super) fn examples(found: &Findings) -> String {
    let shown: Vec<_> = found.examples.iter().take(SHOWN).cloned().collect();
    let more = found.count - shown.len() as u64;
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A point's name in quotes, with its namespace where it is in one.
fn shown(name: &PointName) -> String {
    match &name.namespace {
        None => format!("{:?}", name.id.to_string()),
        Some(namespace) => format!("{:?} in {namespace:?}", name.id.to_string()),
    }
}
