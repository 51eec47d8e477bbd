//! Every archived point through the transform, before anything is written: what
//! it becomes goes to the ledger, what cannot become a record to
//! `rejected.ndjson`. Points that give one record id are rejected together.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::archive::Generation;
use crate::error::Error;
use crate::folder::{remove, write_whole};
use crate::ledger::{Checked, CheckedPoint, Collision, Ledger, Milestone, RecordRow, RejectedAt};
use crate::point::Point;
use crate::progress::Step;
use crate::record::{Record, VectorId};
use crate::stages::context::Migration;
use crate::transform::{Note, Notes, Order, Reason, Rejection, Transform};

/// Points that are checked between two writes to the ledger.
const CHUNK: usize = 4_096;

/// Points of collisions that are looked up in the archive at a time.
const COLLISIONS_AT_ONCE: usize = 20_000;

/// Whether the records' files matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// A file index is wanted: a point whose key KV cannot hold is rejected.
    Indexed,
    /// It is not.
    NotIndexed,
}

/// What a point became, and what was noticed about it.
pub(super) struct Outcome {
    point: CheckedPoint,
    notes: Notes,
}

/// Runs points through the transform and keeps what they became until the
/// ledger takes it.
pub(super) struct Checker<'a> {
    transform: &'a Transform,
    files: Files,
    pending: Vec<Outcome>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(transform: &'a Transform, files: Files) -> Self {
        Self {
            transform,
            files,
            pending: Vec::new(),
        }
    }

    pub(super) fn check(&self, point: &Point) -> Outcome {
        match self.record(point) {
            Ok((record, notes)) => Outcome {
                point: CheckedPoint::Record(record),
                notes,
            },
            Err(rejection) => Outcome {
                point: CheckedPoint::Rejection(line(&rejection)),
                notes: Notes::default(),
            },
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "a rejection stands in the record's place"
    )]
    fn record(&self, point: &Point) -> Result<(RecordRow, Notes), Rejection> {
        let made = self.transform.apply(point)?;
        let (digest, mut notes) = (made.record.digest(), made.notes);
        let slot = match made.file {
            Ok(slot) => slot,
            Err(problem) if self.files == Files::Indexed => {
                let value = problem.key().to_owned();
                let (id, namespace) = (point.id.clone(), point.namespace.clone());
                return Err(Rejection::new(
                    id,
                    namespace,
                    Reason::FileKey(problem),
                    &value,
                ));
            }
            Err(_) => {
                notes.insert(Note::NoFile);
                None
            }
        };
        let (file, order) = match slot {
            Some(slot) => (Some(slot.key.as_str().to_owned()), slot.order),
            None => (None, Order::Missing),
        };
        let Record { id, namespace, .. } = made.record;
        let namespace = namespace.map(|namespace| namespace.to_string());
        Ok((
            RecordRow {
                ordinal: 0,
                id: id.into(),
                namespace,
                file,
                order,
                digest,
            },
            notes,
        ))
    }

    pub(super) fn keep(&mut self, outcome: Outcome) {
        self.pending.push(outcome);
    }

    /// Everything kept, numbered from `first` on.
    pub(super) fn take(&mut self, first: u64) -> Checked {
        let mut notes: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut points = Vec::with_capacity(self.pending.len());
        for (ordinal, mut outcome) in (first..).zip(self.pending.drain(..)) {
            match &mut outcome.point {
                CheckedPoint::Record(row) => row.ordinal = ordinal,
                CheckedPoint::Rejection(rejection) => rejection.ordinal = ordinal,
            }
            points.push(outcome.point);
            outcome
                .notes
                .iter()
                .for_each(|note| *notes.entry(note.name()).or_default() += 1);
        }
        let notes = notes
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        Checked { points, notes }
    }
}

fn line(rejection: &Rejection) -> RejectedAt {
    let json = serde_json::to_string(rejection).expect("a rejection is plain JSON");
    RejectedAt { ordinal: 0, json }
}

/// Makes the ledger know what became of every point of the generation.
///
/// Errors: the archive's, the ledger's, interruption; running again goes on.
pub(super) fn check(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    files: Files,
) -> Result<(), Error> {
    if migration.ledger.reached(Milestone::Checked)? {
        return Ok(());
    }
    check_points(migration, generation, Checker::new(transform, files))?;
    reject_collisions(&migration.ledger, generation)?;
    migration.reach(Milestone::Checked)
}

fn check_points(
    migration: &Migration,
    generation: &Generation,
    mut checker: Checker<'_>,
) -> Result<(), Error> {
    let mut first = migration.ledger.checked_points()?;
    if first >= generation.points() {
        return Ok(());
    }
    migration.begin(Step::Check, Some(generation.points() - first));
    for read in generation.read(first..generation.points())? {
        let (ordinal, point) = read?;
        let outcome = checker.check(&point);
        checker.keep(outcome);
        if (ordinal + 1 - first) as usize == CHUNK {
            migration.stop.check()?;
            migration.ledger.add_checked(first, &checker.take(first))?;
            migration.progress.advance(Step::Check, ordinal + 1 - first);
            first = ordinal + 1;
        }
    }
    migration.ledger.add_checked(first, &checker.take(first))?;
    let totals = migration.ledger.totals()?;
    migration.progress.end(
        Step::Check,
        &format!("{} records, {} rejections", totals.records, totals.rejected),
    );
    Ok(())
}

/// Rejects every point that shares its record id with another, because either
/// of them would silently replace the other.
fn reject_collisions(ledger: &Ledger, generation: &Generation) -> Result<(), Error> {
    loop {
        let collisions = ledger.collisions(COLLISIONS_AT_ONCE)?;
        if collisions.is_empty() {
            return Ok(());
        }
        let rejections = collision_lines(generation, &collisions)?;
        ledger.reject("collision", &rejections)?;
    }
}

fn collision_lines(
    generation: &Generation,
    collisions: &[Collision],
) -> Result<Vec<RejectedAt>, Error> {
    let mut ordinals: Vec<u64> = collisions
        .iter()
        .flat_map(|collision| collision.ordinals.iter().copied())
        .collect();
    ordinals.sort_unstable();
    let points: HashMap<u64, Point> = generation.points_at(&ordinals)?.into_iter().collect();
    let mut lines = Vec::with_capacity(ordinals.len());
    for collision in collisions {
        for (position, ordinal) in collision.ordinals.iter().enumerate() {
            // The first is told of the second, every other one of the first.
            let other = collision.ordinals[usize::from(position == 0)];
            if let (Some(point), Some(other)) = (points.get(ordinal), points.get(&other)) {
                let rejection = collided(point, other, &collision.id)?;
                lines.push(RejectedAt {
                    ordinal: *ordinal,
                    ..line(&rejection)
                });
            }
        }
    }
    Ok(lines)
}

fn collided(point: &Point, other: &Point, id: &str) -> Result<Rejection, Error> {
    let id = VectorId::new(id).map_err(|error| {
        Error::failed("the ledger holds a vector id that Vectorize refuses").because(error)
    })?;
    let value = id.to_string();
    let (other, other_namespace) = (other.id.clone(), other.namespace.clone());
    let reason = Reason::Collision {
        other,
        other_namespace,
        id,
    };
    Ok(Rejection::new(
        point.id.clone(),
        point.namespace.clone(),
        reason,
        &value,
    ))
}

/// Writes `rejected.ndjson` from the ledger, or removes it when there is nothing
/// to tell.
pub fn write_rejections(ledger: &Ledger, folder: &Path) -> Result<(), Error> {
    const NAME: &str = "rejected.ndjson";
    if ledger.totals()?.rejected == 0 {
        return remove(folder, NAME);
    }
    let mut failed = Ok(());
    write_whole(folder, NAME, |file| {
        let mut out = BufWriter::new(file);
        let mut written = Ok(());
        failed = ledger.for_each_rejection(|json| {
            if written.is_ok() {
                written = writeln!(out, "{json}");
            }
        });
        written?;
        out.flush()
    })?;
    failed
}
