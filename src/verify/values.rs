//! Values: a sample of the records, read back and compared bit for bit.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Depth, Finding, Notebook, Subject, tenants};
use crate::archive::Chosen;
use crate::cloudflare::StoredVector;
use crate::error::Error;
use crate::ledger::{Ledger, RecordRow};
use crate::point::Point;
use crate::progress::Step;
use crate::record::{Namespace, Record, VectorId};
use crate::stages::context::Migration;
use crate::stages::records::{remake, stored_digest};

/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;
/// Calls on the wire at once.
const CALLS_AT_ONCE: usize = 4;
/// Records compared at a time: bounds memory.
const CHUNK: usize = 400;

/// The ordinals that were compared, ascending.
pub(super) type Sample = Vec<u64>;

pub(super) async fn compare(
    migration: &Migration,
    subject: &Subject<'_>,
    depth: Depth,
    notebook: &mut Notebook,
) -> Result<Sample, Error> {
    let points = subject.generation.points();
    let just_sent = just_sent(&migration.ledger, points, depth)?;
    let all = migration.ledger.totals()?.records <= depth.sample as u64;
    let left = match all {
        true => depth.sample,
        false => depth.sample.saturating_sub(just_sent.len()).max(1),
    };
    let left = Depth {
        sample: left,
        ..depth
    };
    let mut rows = choose(&migration.ledger, points, left)?;
    notebook.values_drawn = rows.len() as u64;
    rows.extend(just_sent);
    rows.sort_unstable_by_key(|row| row.ordinal);
    rows.dedup_by_key(|row| row.ordinal);
    let rows = tenants::cover(migration, rows, depth)?;
    let sample: Sample = rows.iter().map(|row| row.ordinal).collect();
    let mut points = subject.generation.chosen_points(&sample)?;
    for rows in rows.chunks(CHUNK) {
        migration.stop.check()?;
        let records = records(subject, rows, &mut points)?;
        let stored = read(subject, rows).await?;
        for (row, record) in rows.iter().zip(&records) {
            notebook.values_sampled += 1;
            let namespace = row.namespace.as_deref();
            notebook.of_namespace(namespace).values_sampled += 1;
            let found = stored.get(&row.id);
            if found.is_some_and(|vector| stored_digest(vector) == row.digest) {
                continue;
            }
            notebook.values_different += 1;
            notebook.of_namespace(namespace).values_different += 1;
            tell(notebook, record, found);
        }
        migration.progress.advance(Step::Verify, rows.len() as u64);
    }
    Ok(sample)
}

/// What a later generation sent: few records among many that were compared before.
/// They have up to half of the sample, the first of each of equal stretches.
fn just_sent(ledger: &Ledger, points: u64, depth: Depth) -> Result<Vec<RecordRow>, Error> {
    if ledger.unchanged()? == 0 {
        return Ok(Vec::new());
    }
    let share = depth.sample as u64 / 2;
    let last = points.saturating_sub(1);
    let rows = ledger.sent_between(0, last, depth.sample / 2 + 1)?;
    if rows.len() as u64 <= share {
        return Ok(rows);
    }
    let mut rows = Vec::new();
    for stretch in 0..share {
        let (begin, end) = (points * stretch / share, points * (stretch + 1) / share);
        rows.extend(ledger.sent_between(begin, end.saturating_sub(1), 1)?);
    }
    Ok(rows)
}

/// One record from each of `sample` equal stretches of the archive, so that
/// every part is looked at; all records when there are no more than that.
fn choose(ledger: &Ledger, points: u64, depth: Depth) -> Result<Vec<RecordRow>, Error> {
    let sample = depth.sample as u64;
    if ledger.totals()?.records <= sample {
        return ledger.records_between(0, points.saturating_sub(1));
    }
    let mut random = StdRng::seed_from_u64(depth.seed);
    let mut rows = Vec::with_capacity(depth.sample);
    for stretch in 0..sample {
        let (begin, end) = (points * stretch / sample, points * (stretch + 1) / sample);
        let aim = random.random_range(begin..end.max(begin + 1));
        // Where the chosen point was rejected, the next record of the stretch
        // stands in for it.
        rows.extend(ledger.first_record_between(aim, end.saturating_sub(1))?);
    }
    Ok(rows)
}

/// The records of these rows, whose points come next.
fn records(
    subject: &Subject<'_>,
    rows: &[RecordRow],
    points: &mut Chosen<Point>,
) -> Result<Vec<Record>, Error> {
    rows.iter()
        .map(|row| {
            let next = points.next();
            let (_, point) = next.expect("every chosen point comes, or an error in its place")?;
            remake(subject.transform, &point, row)
        })
        .collect()
}

async fn read(
    subject: &Subject<'_>,
    rows: &[RecordRow],
) -> Result<HashMap<String, StoredVector>, Error> {
    let groups: Vec<Vec<VectorId>> = rows
        .chunks(READ_AT_ONCE)
        .map(|rows| {
            rows.iter()
                .filter_map(|row| VectorId::new(row.id.as_str()).ok())
                .collect()
        })
        .collect();
    let answers: Vec<Vec<StoredVector>> = stream::iter(groups)
        .map(|ids| async move { subject.index.get_by_ids(&ids).await })
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(answers
        .into_iter()
        .flatten()
        .map(|vector| (vector.id.clone(), vector))
        .collect())
}

fn tell(notebook: &mut Notebook, record: &Record, found: Option<&StoredVector>) {
    let id = &record.id;
    let Some(found) = found else {
        // The list may have named it: what cannot be read back is missing.
        if notebook.count(Finding::Missing) == 0 {
            notebook.add(Finding::Missing, id.to_string());
        }
        return;
    };
    let namespace = record.namespace.as_ref().map(Namespace::as_str);
    if namespace != found.namespace.as_deref() {
        notebook.add(
            Finding::Namespace,
            format!(
                "{id}: namespace {} instead of {}",
                shown(found.namespace.as_deref()),
                shown(namespace)
            ),
        );
    }
    if let Some(difference) = vector_difference(&record.values, &found.values) {
        notebook.add(Finding::Values, format!("{id}: {difference}"));
    }
    let empty = crate::point::Payload::new();
    let metadata = found.metadata.as_ref().unwrap_or(&empty);
    if let Some(key) = metadata_difference(record.metadata.object(), metadata) {
        notebook.add(Finding::Metadata, format!("{id}: `{key}` differs"));
    }
}

fn shown(namespace: Option<&str>) -> String {
    namespace.map_or("none".to_owned(), |name| format!("{name:?}"))
}

/// Where two vectors differ; bit for bit, −0 as 0.
pub(super) fn vector_difference(expected: &[f32], found: &[f32]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!(
            "{} numbers instead of {}",
            found.len(),
            expected.len()
        ));
    }
    let bits = |value: f32| (value + 0.0).to_bits();
    let position = expected
        .iter()
        .zip(found)
        .position(|(left, right)| bits(*left) != bits(*right))?;
    Some(format!(
        "number {position} is {} instead of {}",
        found[position], expected[position]
    ))
}

/// A key under which two objects differ, as JSON values with numbers as f64.
pub(super) fn metadata_difference(
    expected: &crate::point::Payload,
    found: &crate::point::Payload,
) -> Option<String> {
    let mut keys = expected.keys().chain(found.keys());
    keys.find(|key| match (expected.get(*key), found.get(*key)) {
        (Some(left), Some(right)) => !crate::record::same_json(left, right),
        _ => true,
    })
    .cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_bit_is_a_difference_and_the_sign_of_zero_is_none() {
        assert_eq!(vector_difference(&[0.0, 1.5], &[-0.0, 1.5]), None);
        let next = f32::from_bits(1.5_f32.to_bits() + 1);
        assert_eq!(
            vector_difference(&[0.0, 1.5], &[0.0, next]).unwrap(),
            "number 1 is 1.5000001 instead of 1.5"
        );
        assert!(
            vector_difference(&[1.0], &[])
                .unwrap()
                .contains("0 numbers instead of 1")
        );
    }

    #[test]
    fn metadata_is_compared_as_values() {
        let object = |value: serde_json::Value| value.as_object().unwrap().clone();
        let left = object(json!({"a": 1, "b": {"c": [1, "x"]}}));
        let same: crate::point::Payload =
            serde_json::from_str(r#"{"b":{"c":[1.0,"x"]},"a":1.0}"#).unwrap();
        assert_eq!(metadata_difference(&left, &same), None);
        for (other, key) in [
            (json!({"a": 1}), "b"),
            (json!({"a": 1, "b": {"c": [1, "x"]}, "d": null}), "d"),
            (json!({"a": 1, "b": {"c": ["x", 1]}}), "b"),
        ] {
            assert_eq!(
                metadata_difference(&left, &object(other)).as_deref(),
                Some(key)
            );
        }
    }
}
