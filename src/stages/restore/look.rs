//! What a collection that is there already holds, before anything is written: points
//! that are as the archive has them (an earlier start wrote them, or it is the
//! collection that was exported), others of our ids, and foreign ones.

use std::collections::HashMap;

use super::compare::{Comparison, Outcome};
use super::fit::{Fitting, fit};
use super::roster::{Mark, Roster};
use super::survey::examples;
use crate::archive::Generation;
use crate::error::Error;
use crate::point::{Point, PointId};
use crate::progress::Step;
use crate::report::Findings;
use crate::source::qdrant::QdrantReader;
use crate::stages::context::Migration;

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Points that need not be written.
    pub(super) equal: u64,
    /// Points of our ids that are not as the archive has them.
    pub(super) different: Findings,
    /// Points of other ids.
    pub(super) foreign: Findings,
}

/// The archive's points, and how they are compared.
pub(super) struct Subject<'a> {
    pub(super) generation: &'a Generation,
    pub(super) fitting: &'a Fitting,
    pub(super) roster: &'a Roster,
    pub(super) comparison: Comparison,
}

/// Reads the whole collection, and marks what need not be written.
///
/// # Errors
/// The server's, the archive's, interruption.
pub(super) async fn look(
    migration: &Migration,
    subject: &Subject<'_>,
    reader: &QdrantReader,
) -> Result<Found, Error> {
    migration.begin(Step::Inventory, None);
    let mut found = Found::default();
    let mut from = None;
    loop {
        let page = reader.points_from(from);
        let (points, next) = migration.stop.interrupting(page).await?;
        migration
            .progress
            .advance(Step::Inventory, points.len() as u64);
        subject.sort(points, &mut found)?;
        match next {
            None => break,
            next => from = next,
        }
    }
    migration
        .progress
        .end(Step::Inventory, "the collection was looked at");
    Ok(found)
}

impl Subject<'_> {
    fn sort(&self, held: Vec<Point>, found: &mut Found) -> Result<(), Error> {
        let mut ours = Vec::new();
        for point in held {
            match self.roster.find(&point.id)? {
                None => found.foreign.add(point.id.to_string()),
                Some(entry) => ours.push((entry.ordinal, point)),
            }
        }
        let ordinals: Vec<u64> = ours.iter().map(|(ordinal, _)| *ordinal).collect();
        let mut archived = self.archived(&ordinals)?;
        for (_, point) in ours {
            let Some(archived) = archived.remove(&point.id) else {
                continue;
            };
            match self.comparison.of(&archived, &point) {
                Outcome::Same | Outcome::Adjusted(_) => {
                    self.roster.mark(&point.id, Mark::Equal)?;
                    found.equal += 1;
                }
                Outcome::Different(what) => found.different.add(format!("{} ({what})", point.id)),
            }
        }
        Ok(())
    }

    /// The archive's points at these places as they are to be in Qdrant, by their
    /// ids there.
    pub(super) fn archived(&self, ordinals: &[u64]) -> Result<HashMap<PointId, Point>, Error> {
        let points = self.generation.points_at(ordinals)?;
        let fitted = points.into_iter().map(|(_, point)| {
            // Every point of the roster was fitted once.
            fit(self.fitting, point).map_err(|reason| {
                Error::failed(format!("points of the archive that were sound {reason}"))
            })
        });
        fitted
            .map(|point| point.map(|point| (point.id.clone(), point)))
            .collect()
    }
}

impl Found {
    /// Why nothing may be written without being asked; nothing where it may.
    pub(super) fn objection(&self, collection: &str) -> Option<Error> {
        let mut what = Vec::new();
        if self.different.count > 0 {
            what.push(format!(
                "{} points that the archive has otherwise: {}",
                self.different.count,
                examples(&self.different)
            ));
        }
        if self.foreign.count > 0 {
            what.push(format!(
                "{} points that the archive does not have: {}",
                self.foreign.count,
                examples(&self.foreign)
            ));
        }
        (!what.is_empty()).then(|| {
            Error::refused(format!(
                "collection {collection:?} exists and holds {}",
                what.join(", and ")
            ))
            .advise(
                "restore into a collection of another name, or give --overwrite: points of the archive's ids are then replaced, all others stay",
            )
        })
    }
}
