//! Points to archive, and the export loop in its smallest form.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::archive::{Archive, ArchiveError, Generation, GenerationWriter, Resume};
use crate::clock::Clock;
use crate::point::{DenseField, Payload, Point, PointId, Shape, SparseVector};
use crate::source::{Cursor, ReadPoint, SourceFacts};

pub(super) fn clock() -> Clock {
    Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

pub(super) fn facts(shape: &Shape) -> SourceFacts {
    SourceFacts {
        name: "qdrant:docs".to_owned(),
        identity: "http://127.0.0.1:6334".to_owned(),
        shape: shape.clone(),
        warnings: vec!["a warning".to_owned()],
    }
}

pub(super) fn unnamed(dimensions: usize) -> Shape {
    Shape {
        dense: vec![DenseField {
            name: String::new(),
            dimensions,
            distance: None,
        }],
        sparse: Vec::new(),
        data: false,
    }
}

/// Points of [`unnamed`] that differ in everything.
pub(super) fn numbered(count: u64, dimensions: usize) -> Vec<Point> {
    let point = |number: u64| Point {
        id: PointId::Integer(number),
        namespace: None,
        dense: vec![Some(vec![number as f32; dimensions])],
        sparse: Vec::new(),
        payload: Payload::from_iter([("n".to_owned(), Value::from(number))]),
        data: None,
    };
    (0..count).map(point).collect()
}

pub(super) fn read_point(point: &Point, ordinal: usize) -> ReadPoint {
    ReadPoint {
        point: point.clone(),
        resume: Some(Cursor::AfterPoint(ordinal as u64 + 1)),
    }
}

/// Exports `points` into `root`, going on where the archive says, with a part
/// sealed after every `part_points` points.
pub(super) fn export(
    root: &Path,
    shape: &Shape,
    points: &[Point],
    part_points: usize,
) -> Result<Generation, ArchiveError> {
    let mut writer = Archive::at(root).write(&facts(shape), clock())?;
    writer.set_count_before(Some(points.len() as u64));
    let first = next_ordinal(&writer, points);
    for (ordinal, point) in points.iter().enumerate().skip(first) {
        writer.push(&read_point(point, ordinal))?;
        if (ordinal + 1) % part_points == 0 {
            writer.seal()?;
        }
    }
    writer.finish(Some(points.len() as u64))
}

fn next_ordinal(writer: &GenerationWriter, points: &[Point]) -> usize {
    let next = match writer.resume_from() {
        Resume::Start => 0,
        Resume::At(Cursor::AfterPoint(read)) => read as usize,
        Resume::At(other) => panic!("a cursor of no one: {other:?}"),
        Resume::End => points.len(),
    };
    assert_eq!(writer.sealed_points(), next as u64);
    next
}

/// Every file below `root` with its content.
pub(super) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

pub(super) fn read_all(generation: &Generation) -> Vec<Point> {
    let everything = generation.read(0..u64::MAX).unwrap();
    let numbered = everything.collect::<Result<Vec<_>, _>>().unwrap();
    let ordinals = numbered.iter().map(|(ordinal, _)| *ordinal);
    assert!(ordinals.eq(0..generation.points()));
    numbered.into_iter().map(|(_, point)| point).collect()
}

/// What a point is, with vectors as bits, so that NaN equals itself.
pub(super) fn bits(point: &Point) -> impl PartialEq + std::fmt::Debug + use<> {
    let of = |values: &Vec<f32>| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let dense: Vec<_> = point.dense.iter().map(|v| v.as_ref().map(of)).collect();
    let sparse: Vec<_> = point
        .sparse
        .iter()
        .map(|v| v.as_ref().map(|v| (v.indices.clone(), of(&v.values))))
        .collect();
    (
        point.id.clone(),
        point.namespace.clone(),
        dense,
        sparse,
        point.payload.clone(),
        point.data.clone(),
    )
}

pub(super) fn any_shape() -> impl Strategy<Value = Shape> {
    let name = "[a-z. ü]{0,4}";
    let dense = prop::collection::btree_map(name, 1_usize..6, 0..3);
    let sparse = prop::collection::btree_set(name, 0..3);
    (dense, sparse, any::<bool>()).prop_map(|(dense, sparse, data)| Shape {
        dense: dense
            .into_iter()
            .map(|(name, dimensions)| DenseField {
                name,
                dimensions,
                distance: None,
            })
            .collect(),
        sparse: sparse.into_iter().collect(),
        data,
    })
}

pub(super) fn any_points(shape: &Shape) -> impl Strategy<Value = Vec<Point>> + use<> {
    prop::collection::vec(any_point(shape), 0..12)
}

pub(super) fn any_shape_and_points() -> impl Strategy<Value = (Shape, Vec<Point>)> {
    any_shape().prop_flat_map(|shape| {
        let points = any_points(&shape);
        (Just(shape), points)
    })
}

fn any_point(shape: &Shape) -> impl Strategy<Value = Point> + use<> {
    let dense: Vec<_> = shape
        .dense
        .iter()
        .map(|field| {
            prop::option::weighted(0.8, prop::collection::vec(any_f32(), field.dimensions))
        })
        .collect();
    let sparse: Vec<_> = shape
        .sparse
        .iter()
        .map(|_| prop::option::weighted(0.8, any_sparse()))
        .collect();
    let namespace = prop::option::of(any::<String>());
    let has_data = shape.data;
    let data = prop::option::of(any::<String>()).prop_map(move |data| data.filter(|_| has_data));
    (any_id(), namespace, dense, sparse, any_payload(), data).prop_map(
        |(id, namespace, dense, sparse, payload, data)| Point {
            id,
            namespace,
            dense,
            sparse,
            payload,
            data,
        },
    )
}

fn any_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

fn any_sparse() -> impl Strategy<Value = SparseVector> {
    prop::collection::vec((any::<i64>(), any_f32()), 0..5).prop_map(|pairs| {
        let (indices, values) = pairs.into_iter().unzip();
        SparseVector { indices, values }
    })
}

fn any_id() -> impl Strategy<Value = PointId> {
    prop_oneof![
        any::<u64>().prop_map(PointId::Integer),
        any::<u128>().prop_map(|bits| PointId::Uuid(Uuid::from_u128(bits))),
        any::<String>().prop_map(PointId::Text),
        Just(PointId::Text("a\0b \u{1F980} é".to_owned())),
    ]
}

pub(super) fn any_payload() -> impl Strategy<Value = Payload> {
    prop::collection::btree_map(any::<String>(), any_json(), 0..5)
        .prop_map(|entries| entries.into_iter().collect())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_number_text().prop_map(|text| Value::Number(text.parse::<Number>().unwrap())),
        any::<String>().prop_map(Value::from),
        Just(Value::from("a\0b\u{2028}\"\\")),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn any_number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("123456789012345678901234567890".to_owned()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
    ]
}
