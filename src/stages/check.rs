//! Every archived point through the transform, before anything is written: what
//! it becomes goes to the ledger, what cannot become a record to
//! `rejected.ndjson`. Points that give one record id are rejected together.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::archive::Generation;
use crate::error::Error;
use crate::folder::{remove, write_whole};
use crate::ledger::{Checked, CheckedPoint, Collision, Ledger, Milestone, RecordRow, RejectedAt};
use crate::point::{Point, PointName, Shape};
use crate::progress::Step;
use crate::record::{Record, VectorId};
use crate::stages::changes::Tally;
use crate::stages::context::Migration;
use crate::stages::left_behind::Others;
use crate::stages::records::Records;
use crate::transform::{Change, Note, Notes, Order, Reason, Rejection, Transform};

/// Points that are checked between two writes to the ledger.
const CHUNK: usize = 4_096;

/// Colliding points that are looked up in the archive at a time.
const COLLISIONS_AT_ONCE: usize = 4_096;

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
    changes: Vec<Change>,
    /// The vectors that stay behind, as [`Others`] counts them.
    others: Vec<usize>,
}

impl Outcome {
    /// That of a point that came again later.
    fn superseded() -> Self {
        Self {
            point: CheckedPoint::Superseded,
            notes: Notes::default(),
            others: Vec::new(),
            changes: Vec::new(),
        }
    }
}

/// Runs points through the transform and keeps what they became until the
/// ledger takes it.
pub(super) struct Checker<'a> {
    transform: &'a Transform,
    files: Files,
    others: Others,
    pending: Pending,
}

/// What the ledger has not taken yet. What was noticed is counted as it comes, so
/// that a point takes no more memory the more the mapping does to it.
#[derive(Default)]
struct Pending {
    points: Vec<CheckedPoint>,
    notes: BTreeMap<String, u64>,
    changes: Tally,
}

impl Pending {
    fn note(&mut self, name: &str) {
        match self.notes.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.notes.insert(name.to_owned(), 1);
            }
        }
    }
}

impl<'a> Checker<'a> {
    /// For points of that shape.
    pub(super) fn new(transform: &'a Transform, files: Files, shape: &Shape) -> Self {
        Self {
            transform,
            files,
            others: Others::of(shape, transform),
            pending: Pending::default(),
        }
    }

    pub(super) fn check(&self, point: Point) -> Outcome {
        let others = self.others.had_by(&point);
        match self.record(point) {
            Ok((record, notes, changes)) => Outcome {
                point: CheckedPoint::Record(record),
                notes,
                changes,
                others,
            },
            Err(rejection) => Outcome {
                point: CheckedPoint::Rejection(line(&rejection)),
                notes: Notes::default(),
                changes: Vec::new(),
                others,
            },
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "a rejection stands in the record's place"
    )]
    fn record(&self, point: Point) -> Result<(RecordRow, Notes, Vec<Change>), Rejection> {
        let name = point.name();
        let made = self.transform.apply_owned(point)?;
        let (digest, mut notes) = (made.record.digest(), made.notes);
        let slot = match made.file {
            Ok(slot) => slot,
            Err(problem) if self.files == Files::Indexed => {
                let value = problem.key().to_owned();
                return Err(Rejection::new(
                    name.id,
                    name.namespace,
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
            made.changes,
        ))
    }

    pub(super) fn keep(&mut self, outcome: Outcome) {
        let pending = &mut self.pending;
        for note in outcome.notes.iter() {
            pending.note(note.name());
        }
        for other in outcome.others {
            pending.note(self.others.note(other));
        }
        pending.changes.add(outcome.changes);
        pending.points.push(outcome.point);
    }

    /// Everything kept, numbered from `first` on.
    pub(super) fn take(&mut self, first: u64) -> Checked {
        let mut pending = std::mem::take(&mut self.pending);
        for (ordinal, point) in (first..).zip(&mut pending.points) {
            match point {
                CheckedPoint::Record(row) => row.ordinal = ordinal,
                CheckedPoint::Rejection(rejection) => rejection.ordinal = ordinal,
                CheckedPoint::Superseded => {}
            }
        }
        Checked {
            points: pending.points,
            notes: pending.notes.into_iter().collect(),
            changes: pending.changes.into_counts(),
        }
    }
}

fn line(rejection: &Rejection) -> RejectedAt {
    let json = serde_json::to_string(rejection).expect("a rejection is plain JSON");
    RejectedAt { ordinal: 0, json }
}

/// Sees to it that points are checked for what is wanted now: while nothing was
/// sent, what was checked for something else is forgotten.
pub(super) fn begin(migration: &Migration, files: Files) -> Result<(), Error> {
    let ledger = &migration.ledger;
    let was = match ledger.reached(Milestone::ForFiles)? {
        true => Files::Indexed,
        false => Files::NotIndexed,
    };
    if ledger.checked_points()? > 0 {
        if was == files || ledger.has_sent()? {
            return Ok(());
        }
        ledger.forget_checked_from(0)?;
    }
    match files {
        Files::Indexed => migration.reach(Milestone::ForFiles),
        Files::NotIndexed => ledger.retract(Milestone::ForFiles),
    }
}

/// Records that are written and whose file key KV cannot hold.
pub(super) struct Unfileable {
    /// How many.
    pub(super) records: u64,
    /// What is wrong with the first of them.
    pub(super) examples: Vec<String>,
}

/// Looks for such records where points were checked without a file index in mind.
pub(super) fn unfileable(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
) -> Result<Unfileable, Error> {
    const EXAMPLES: usize = 5;
    let mut found = Unfileable {
        records: 0,
        examples: Vec::new(),
    };
    let Some(last) = generation.points().checked_sub(1) else {
        return Ok(found);
    };
    if migration.ledger.reached(Milestone::ForFiles)? {
        return Ok(found);
    }
    let mut records = Records::new(&migration.ledger, generation, transform, 0..=last);
    while let Some(made) = records.next_made()? {
        if made.ordinal.is_multiple_of(CHUNK as u64) {
            migration.stop.check()?;
        }
        let Err(problem) = made.file else { continue };
        found.records += 1;
        if found.examples.len() < EXAMPLES {
            found
                .examples
                .push(format!("{}: {problem}", made.record.id));
        }
    }
    if found.records == 0 {
        migration.reach(Milestone::ForFiles)?;
    }
    Ok(found)
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
    let checker = Checker::new(transform, files, generation.shape());
    check_points(migration, generation, checker)?;
    reject_collisions(migration, generation)?;
    migration.ledger.mark_unchanged()?;
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
        let outcome = match generation.is_superseded(ordinal) {
            true => Outcome::superseded(),
            false => checker.check(point),
        };
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
/// of them would silently replace the other. All stay records until the last is
/// known: stopped halfway, it finds the same ones again.
fn reject_collisions(migration: &Migration, generation: &Generation) -> Result<(), Error> {
    let ledger = &migration.ledger;
    if !ledger.has_collisions()? {
        return Ok(());
    }
    let mut first = 0;
    loop {
        migration.stop.check()?;
        let collisions = ledger.collisions_from(first, COLLISIONS_AT_ONCE)?;
        let Some(last) = collisions.last() else {
            return ledger.drop_rejected();
        };
        first = last.ordinal + 1;
        ledger.add_rejections("collision", &collision_lines(generation, &collisions)?)?;
    }
}

fn collision_lines(
    generation: &Generation,
    collisions: &[Collision],
) -> Result<Vec<RejectedAt>, Error> {
    let both = |collision: &Collision| [collision.ordinal, collision.other];
    let ordinals: Vec<u64> = collisions.iter().flat_map(both).collect();
    let names: HashMap<u64, PointName> = generation.names_at(&ordinals)?.into_iter().collect();
    collisions
        .iter()
        .map(|collision| {
            let rejection = collided(
                &names[&collision.ordinal],
                &names[&collision.other],
                &collision.id,
            )?;
            Ok(RejectedAt {
                ordinal: collision.ordinal,
                ..line(&rejection)
            })
        })
        .collect()
}

fn collided(point: &PointName, other: &PointName, id: &str) -> Result<Rejection, Error> {
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
    let written = write_whole(folder, NAME, |file| {
        let mut out = BufWriter::new(file);
        let mut written = Ok(());
        failed = ledger.for_each_rejection(|json| {
            if written.is_ok() {
                written = writeln!(out, "{json}");
            }
        });
        written?;
        out.flush()?;
        // A list that could not be read whole does not take an earlier one's place.
        match &failed {
            Ok(()) => Ok(()),
            Err(_) => Err(io::Error::other("the rejections could not be read")),
        }
    });
    failed.and(written)
}
