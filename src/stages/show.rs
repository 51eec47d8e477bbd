//! A few points before and after the transform, for the operator to look at.
//! Points that the mapping rejects or changes come first; nothing is written,
//! and what concerns several points (collisions) is not seen here.

use std::ops::Range;

use crate::archive::Generation;
use crate::error::Error;
use crate::point::Point;
use crate::report::{ShownPoint, ShownRecord, ShownVector};
use crate::stages::context::Migration;
use crate::transform::{FileSlot, Order, Transform, Transformed};

/// Consecutive points that are looked at together.
const STRETCH: u64 = 128;
/// How many such stretches are looked at, spread over the archive.
const STRETCHES: u64 = 32;
/// The numbers of a vector that are shown.
const NUMBERS: usize = 3;

/// How interesting a point is, the most interesting first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interest {
    Rejected,
    Noted,
    Changed,
    Plain,
}

/// Up to `wanted` points of the archive and what becomes of them, in the
/// archive's order.
///
/// Errors: the archive's, interruption.
pub fn show(
    migration: &Migration,
    generation: &Generation,
    transform: &Transform,
    wanted: usize,
) -> Result<Vec<ShownPoint>, Error> {
    let mut candidates: [Vec<u64>; 4] = Default::default();
    for stretch in stretches(generation.points()) {
        migration.stop.check()?;
        for read in generation.read(stretch)? {
            let (ordinal, point) = read?;
            if generation.is_superseded(ordinal) {
                continue;
            }
            candidates[interest(transform, &point) as usize].push(ordinal);
        }
    }
    let points = generation.points_at(&choose(&candidates, wanted))?;
    let shown = points.into_iter();
    Ok(shown
        .map(|(ordinal, point)| shown_point(transform, ordinal, &point))
        .collect())
}

/// What is looked at: everything, or stretches as far apart from each other as
/// from the archive's ends.
fn stretches(points: u64) -> Vec<Range<u64>> {
    if points <= STRETCH * STRETCHES {
        return std::iter::once(0..points)
            .filter(|all| !all.is_empty())
            .collect();
    }
    let gap = points - STRETCH;
    (0..STRETCHES)
        .map(|number| number * (gap / (STRETCHES - 1)))
        .map(|begin| begin..begin + STRETCH)
        .collect()
}

fn interest(transform: &Transform, point: &Point) -> Interest {
    match transform.apply(point) {
        Err(_) => Interest::Rejected,
        Ok(made) if !made.notes.is_empty() => Interest::Noted,
        Ok(made) if *made.record.metadata.object() != point.payload => Interest::Changed,
        Ok(_) => Interest::Plain,
    }
}

/// Takes from every class in turn, and from each class as far apart as it has
/// them.
fn choose(candidates: &[Vec<u64>; 4], wanted: usize) -> Vec<u64> {
    let mut quotas = [0; 4];
    let mut left = wanted;
    while left > 0 {
        let before = left;
        for (quota, class) in quotas.iter_mut().zip(candidates) {
            if *quota < class.len() && left > 0 {
                *quota += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    let chosen = quotas.iter().zip(candidates);
    chosen
        .flat_map(|(&quota, class)| {
            (0..quota).map(move |number| class[number * class.len() / quota])
        })
        .collect()
}

fn shown_point(transform: &Transform, ordinal: u64, point: &Point) -> ShownPoint {
    let vector = point.dense.get(transform.vector_position());
    let shown = ShownPoint {
        ordinal,
        id: point.id.to_string(),
        id_kind: point.id.kind(),
        namespace: point.namespace.clone(),
        vector: vector.and_then(Option::as_deref).map(shown_vector),
        data: point.data.clone(),
        payload: point.payload.clone(),
        record: None,
        notes: Vec::new(),
        rejection: None,
    };
    match transform.apply(point) {
        Ok(made) => ShownPoint {
            notes: made.notes.iter().map(|note| note.name()).collect(),
            record: Some(shown_record(made)),
            ..shown
        },
        Err(rejection) => ShownPoint {
            rejection: Some(rejection),
            ..shown
        },
    }
}

fn shown_record(made: Transformed) -> ShownRecord {
    let slot: Option<FileSlot> = made.file.ok().flatten();
    let order = slot.as_ref().and_then(|slot| match &slot.order {
        Order::Number(number) => Some(number.to_string()),
        Order::Text(text) => Some(text.clone()),
        Order::Missing => None,
    });
    ShownRecord {
        id: made.record.id.into(),
        namespace: made.record.namespace.map(String::from),
        vector: shown_vector(&made.record.values),
        file_key: slot.map(|slot| slot.key.into()),
        order,
        metadata: made.record.metadata.object().clone(),
    }
}

fn shown_vector(values: &[f32]) -> ShownVector {
    ShownVector {
        dimensions: values.len(),
        first: values.iter().copied().take(NUMBERS).collect(),
    }
}

#[cfg(test)]
mod tests;
