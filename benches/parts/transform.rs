//! Point → record, and the record's digest.

use cf_migrate::point::{Payload, Point, canonical_json};
use cf_migrate::record::{Dimensions, Metric, Record};
use cf_migrate::transform::{Mapping, Target, Transform};
use twox_hash::XxHash3_128;

use crate::DIMENSIONS;
use crate::data;
use crate::measure::{Part, cpu_of, memory_copy};

const POINTS: usize = 4_000;

/// As the check and the upsert call it: the point is used up.
pub(crate) fn owned(name: &'static str) -> Part {
    let (transform, points) = (transform(), data::points(POINTS, DIMENSIONS));
    let compared = points.clone();
    let part = Part::new(name, (POINTS, "vector"), move || {
        let points = points.clone();
        cpu_of(|| {
            for point in points {
                let made = transform.apply_owned(point).expect("the point fits");
                drop(std::hint::black_box(made));
            }
        })
    });
    bounded(part, &compared)
}

/// The point stays with the caller.
pub(crate) fn borrowed(name: &'static str) -> Part {
    let (transform, points) = (transform(), data::points(POINTS, DIMENSIONS));
    let compared = points.clone();
    let part = Part::new(name, (POINTS, "vector"), move || {
        cpu_of(|| {
            for point in &points {
                let made = transform.apply(point).expect("the point fits");
                drop(std::hint::black_box(made));
            }
        })
    });
    bounded(part, &compared)
}

/// Parsing the payload once, and copying the point.
fn bounded(part: Part, points: &[Point]) -> Part {
    let texts: Vec<String> = points.iter().map(|p| canonical_json(&p.payload)).collect();
    let copied = points.iter().zip(&texts).flat_map(|(point, text)| {
        let vector = point.dense[0].as_deref().unwrap_or_default();
        data::bytes(vector).chain(text.bytes())
    });
    let copied = copied.collect();
    part.beside("parsing its payload once", move || {
        cpu_of(|| {
            for text in &texts {
                let payload: Payload = serde_json::from_str(text).expect("a payload is JSON");
                drop(std::hint::black_box(payload));
            }
        })
    })
    .beside("memory copy", memory_copy(copied))
}

/// What the ledger remembers of a record.
pub(crate) fn digest(name: &'static str) -> Part {
    let records = records(POINTS);
    let each: Vec<Vec<u8>> = records
        .iter()
        .map(|record| {
            data::bytes(&record.values)
                .chain(record.metadata.json().bytes())
                .collect()
        })
        .collect();
    let copied = memory_copy(each.concat());
    Part::new(name, (POINTS, "vector"), move || {
        cpu_of(|| {
            for record in &records {
                std::hint::black_box(record.digest());
            }
        })
    })
    .beside("bare XXH3", move || {
        cpu_of(|| {
            for bytes in &each {
                std::hint::black_box(XxHash3_128::oneshot(bytes));
            }
        })
    })
    .beside("memory copy", copied)
}

/// So many records.
pub(crate) fn records(count: usize) -> Vec<Record> {
    let transform = transform();
    let points = data::points(count, DIMENSIONS).into_iter();
    points
        .map(|point| transform.apply_owned(point).expect("the point fits").record)
        .collect()
}

fn transform() -> Transform {
    let mapping = Mapping {
        id: "{file_id}_{chunk_index}".parse().expect("it is a template"),
        ..Mapping::default()
    };
    let target = Target {
        dimensions: Dimensions::new(DIMENSIONS).expect("an index can have so many"),
        metric: Metric::Cosine,
    };
    Transform::resolve(mapping, &data::shape(DIMENSIONS), target).expect("the vectors fit")
}
