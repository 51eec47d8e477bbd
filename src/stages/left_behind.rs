//! Vectors that points have besides the one that goes to Vectorize. They stay in
//! the archive: how many points have each is counted as points are checked, and
//! kept among the ledger's notes.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::ledger::Ledger;
use crate::point::{Point, Shape};
use crate::stages::context::Migration;
use crate::transform::Transform;

/// What the names of these notes begin with.
const PREFIX: &str = "left_behind:";

/// The vectors of a shape that are not the chosen one.
pub(super) struct Others(Vec<Other>);

struct Other {
    place: Place,
    note: String,
}

impl Other {
    fn name(&self) -> &str {
        &self.note[PREFIX.len()..]
    }
}

/// Where a point holds a vector.
#[derive(Clone, Copy)]
enum Place {
    Dense(usize),
    Sparse(usize),
}

impl Place {
    fn is_filled(self, point: &Point) -> bool {
        match self {
            Self::Dense(position) => point.dense.get(position).is_some_and(Option::is_some),
            Self::Sparse(position) => point.sparse.get(position).is_some_and(Option::is_some),
        }
    }
}

impl Others {
    /// Those that `transform` leaves behind.
    pub(super) fn of(shape: &Shape, transform: &Transform) -> Self {
        let chosen = transform.vector_position();
        let dense = shape.dense.iter().enumerate();
        let dense = dense
            .filter(|(position, _)| *position != chosen)
            .map(|(position, field)| (Place::Dense(position), &field.name));
        let sparse = shape.sparse.iter().enumerate();
        let sparse = sparse.map(|(position, name)| (Place::Sparse(position), name));
        let others = dense.chain(sparse).map(|(place, name)| Other {
            place,
            note: format!("{PREFIX}{name}"),
        });
        Self(others.collect())
    }

    /// Those that the point has, by their position here; most points have none.
    pub(super) fn had_by(&self, point: &Point) -> Vec<usize> {
        let others = self.0.iter().enumerate();
        others
            .filter(|(_, other)| other.place.is_filled(point))
            .map(|(position, _)| position)
            .collect()
    }

    /// The note of the one at `position`.
    pub(super) fn note(&self, position: usize) -> &str {
        &self.0[position].note
    }
}

/// Tells the operator which there are, where points are not looked at.
pub(super) fn tell_names(migration: &Migration, shape: &Shape, transform: &Transform) {
    let others = Others::of(shape, transform).0;
    let names: Vec<String> = others.iter().map(|other| called(other.name())).collect();
    if !names.is_empty() {
        migration.tell(format!(
            "points may also have {}: that stays in the archive and does not go to Vectorize",
            names.join(", ")
        ));
    }
}

fn called(name: &str) -> String {
    match name {
        "" => "the unnamed vector".to_owned(),
        name => format!("the vector '{name}'"),
    }
}

/// How many of the checked points have each vector that does not go to Vectorize.
pub fn left_behind(ledger: &Ledger) -> Result<BTreeMap<String, u64>, Error> {
    let notes = ledger.notes()?.into_iter();
    Ok(notes
        .filter_map(|(name, count)| Some((name.strip_prefix(PREFIX)?.to_owned(), count)))
        .collect())
}

/// Tells the operator.
pub(super) fn warn(migration: &Migration) -> Result<(), Error> {
    for (name, count) in left_behind(&migration.ledger)? {
        let points = match count {
            1 => "1 point also has".to_owned(),
            _ => format!("{count} points also have"),
        };
        migration.warn(format!(
            "{points} {}, which stays in the archive and does not go to Vectorize",
            called(&name)
        ));
    }
    Ok(())
}
