//! The archive against the source: a part of the sample is asked from the source
//! again by id, by another decoder where there is one, so that a mistake of the
//! export cannot hide in the archive.

use std::collections::HashMap;

use super::values::{Sample, metadata_difference, vector_difference};
use super::{Finding, Notebook, SourceIs, Subject};
use crate::error::Error;
use crate::point::{Point, PointName, Shape};
use crate::stages::context::Migration;

/// Points that are asked again, of the sample.
const ASKED: usize = 300;
/// Points that are asked at a time.
const AT_ONCE: usize = 50;

pub(super) async fn compare(
    migration: &Migration,
    subject: &mut Subject<'_>,
    sample: &Sample,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let Some(source) = subject.source.as_deref_mut() else {
        return Ok(());
    };
    let mut moved = 0;
    let step = sample.len().div_ceil(ASKED).max(1);
    let ordinals: Vec<u64> = sample.iter().copied().step_by(step).collect();
    let mut points = subject.generation.chosen_points(&ordinals)?;
    loop {
        migration.stop.check()?;
        let archived = points
            .by_ref()
            .take(AT_ONCE)
            .collect::<Result<Vec<_>, _>>()?;
        if archived.is_empty() {
            break;
        }
        let names: Vec<PointName> = archived.iter().map(|(_, point)| point.name()).collect();
        let found = match source.fetch(&names).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                migration.tell(
                    "the source cannot be asked by id: the archive was not compared with it again",
                );
                return Ok(());
            }
            Err(error) => {
                source_is_gone(migration, &error);
                return Ok(());
            }
        };
        let found: HashMap<PointName, &Point> =
            found.iter().map(|point| (point.name(), point)).collect();
        for (_, point) in &archived {
            notebook.source_sampled += 1;
            if let Some(what) = difference(
                subject.generation.shape(),
                point,
                found.get(&point.name()).copied(),
            ) {
                match subject.source_is {
                    SourceIs::Still => {
                        notebook.add(Finding::Source, format!("{}: {what}", point.id));
                    }
                    SourceIs::Moving => moved += 1,
                }
            }
        }
    }
    if moved > 0 {
        migration.tell(format!(
            "{moved} of {} points that were asked from the source again changed since it was exported: the next pass sends them",
            notebook.source_sampled
        ));
    }
    Ok(())
}

/// The source need not be there for the target to be proven equal to the archive.
pub(super) fn source_is_gone(migration: &Migration, error: &Error) {
    migration.warn(format!(
        "the source cannot be asked any more, the archive was not compared with it again: {}",
        crate::report::facts::chain(error)
    ));
}

fn difference(shape: &Shape, archived: &Point, found: Option<&Point>) -> Option<String> {
    let Some(found) = found else {
        return Some("the source no longer has it".to_owned());
    };
    for (field, (left, right)) in shape
        .dense
        .iter()
        .zip(archived.dense.iter().zip(&found.dense))
    {
        let what = match (left, right) {
            (None, None) => None,
            (Some(left), Some(right)) => vector_difference(left, right),
            (Some(_), None) => Some("the source lacks it".to_owned()),
            (None, Some(_)) => Some("the archive lacks it".to_owned()),
        };
        if let Some(what) = what {
            return Some(format!("vector {:?}: {what} in the archive", field.name));
        }
    }
    if archived.data != found.data {
        return Some("the text beside its payload differs between source and archive".to_owned());
    }
    let key = metadata_difference(&archived.payload, &found.payload)?;
    Some(format!(
        "payload `{key}` differs between source and archive"
    ))
}
