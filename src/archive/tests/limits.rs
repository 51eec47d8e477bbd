//! Parts and row groups stay within their sizes, and are worth their name.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use super::support::{clock, facts, unnamed};
use crate::archive::{
    Archive, ArchiveError, Generation, MAX_PART_BYTES, MAX_ROW_GROUP_BYTES, SealedPart,
};
use crate::point::{Payload, Point, PointId, Shape, SparseVector};
use crate::source::{Cursor, ReadPoint};

/// Writes points until two parts are sealed by size.
fn fill(
    root: &Path,
    shape: &Shape,
    point: impl Fn(u64) -> ReadPoint,
) -> (Vec<SealedPart>, Generation) {
    let mut writer = Archive::at(root).write(&facts(shape), clock()).unwrap();
    let mut sealed = Vec::new();
    for number in 0.. {
        sealed.extend(writer.push(&point(number)).unwrap());
        if sealed.len() == 2 {
            break;
        }
    }
    (sealed, writer.finish(None).unwrap())
}

fn assert_within_limits(generation: &Generation) {
    for part in &generation.manifest().parts {
        let path = generation.folder().join(&part.file);
        let file = File::open(&path).unwrap();
        assert!(file.metadata().unwrap().len() <= MAX_PART_BYTES as u64);
        let reader = SerializedFileReader::new(file).unwrap();
        for row_group in reader.metadata().row_groups() {
            assert!(row_group.total_byte_size() <= MAX_ROW_GROUP_BYTES as i64);
            assert!(row_group.compressed_size() <= MAX_ROW_GROUP_BYTES as i64);
        }
    }
}

/// The generation's ids are its ordinals, and its first part ends before `end`.
fn assert_read_across_row_groups(generation: &Generation, end: u64) {
    let first = File::open(generation.folder().join("part-000001.parquet")).unwrap();
    let reader = SerializedFileReader::new(first).unwrap();
    let second_group = reader.metadata().row_group(0).num_rows() as u64;
    assert!(reader.metadata().num_row_groups() > 3);

    for range in [
        second_group - 2..second_group + 2,
        second_group..second_group + 1,
        1..end - 1,
        second_group + 5..end + second_group + 5,
    ] {
        let read = generation.read(range.clone()).unwrap();
        let read: Vec<_> = read.map(Result::unwrap).collect();
        let same = |(ordinal, point): &(u64, Point)| point.id == PointId::Integer(*ordinal);
        assert!(read.iter().all(same));
        assert!(read.iter().map(|(ordinal, _)| *ordinal).eq(range));
    }

    let wanted = [
        0,
        1,
        second_group - 1,
        second_group,
        end - 1,
        end,
        end + second_group,
    ];
    let found = generation.points_at(&wanted).unwrap();
    let ids: Vec<_> = found.iter().map(|(_, point)| point.id.clone()).collect();
    assert_eq!(ids, wanted.map(PointId::Integer));
    let names = generation.names_at(&wanted).unwrap();
    let ids: Vec<_> = names.into_iter().map(|(_, name)| name.id).collect();
    assert_eq!(ids, wanted.map(PointId::Integer));
}

#[test]
fn parts_of_vectors_are_nearly_full_and_never_over_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let values = vec![0.5; 32_768];
    let (sealed, generation) = fill(folder.path(), &unnamed(32_768), |number| ReadPoint {
        point: Point {
            id: PointId::Integer(number),
            namespace: None,
            dense: vec![Some(values.clone())],
            sparse: Vec::new(),
            payload: Payload::new(),
            data: None,
        },
        resume: Some(Cursor::AfterPoint(number + 1)),
    });
    assert_within_limits(&generation);
    assert!(
        sealed
            .iter()
            .all(|part| part.bytes > MAX_PART_BYTES as u64 / 10 * 8)
    );
    assert_eq!(sealed[1].first_ordinal, sealed[0].points);
    assert_read_across_row_groups(&generation, sealed[0].points);
}

#[test]
fn parts_of_noise_in_texts_and_sparse_vectors_are_within_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        dense: Vec::new(),
        sparse: vec!["words".to_owned()],
        data: true,
    };
    let mut random = StdRng::seed_from_u64(1);
    let noise: String = (0..100_000)
        .map(|_| random.random_range(' '..='\u{7e}'))
        .collect();
    let pairs = (0..20_000).map(|_| (random.random::<i64>(), random.random::<f32>()));
    let (indices, values) = pairs.unzip();
    let words = SparseVector { indices, values };
    let (_, generation) = fill(folder.path(), &shape, |number| {
        let text = format!("{number}{}", &noise[(number % 9_999) as usize..]);
        ReadPoint {
            point: Point {
                id: PointId::Text(text.clone()),
                namespace: Some(text.clone()),
                dense: Vec::new(),
                sparse: vec![Some(words.clone())],
                payload: Payload::from_iter([("text".to_owned(), Value::from(text.clone()))]),
                data: Some(text),
            },
            resume: Some(Cursor::AfterPoint(number + 1)),
        }
    });
    assert_within_limits(&generation);
}

#[test]
fn a_page_that_can_only_be_resumed_as_a_whole_is_never_split() {
    const DIMENSIONS: usize = 5 << 20;
    let folder = tempfile::tempdir().unwrap();
    let shape = unnamed(DIMENSIONS);
    let mut writer = Archive::at(folder.path())
        .write(&facts(&shape), clock())
        .unwrap();
    let read = |number: u64, resume| ReadPoint {
        point: Point {
            id: PointId::Integer(number),
            namespace: None,
            dense: vec![Some(vec![0.5; DIMENSIONS])],
            sparse: Vec::new(),
            payload: Payload::new(),
            data: None,
        },
        resume,
    };
    // 20 MiB each: the fourth is one too many, but the part cannot end before it.
    for number in 0..4 {
        assert_eq!(writer.push(&read(number, None)).unwrap(), None);
    }
    assert!(matches!(
        writer.seal().unwrap_err(),
        ArchiveError::NotResumable
    ));
    assert_eq!(
        writer.push(&read(4, Some(Cursor::AfterPoint(5)))).unwrap(),
        None
    );
    let sealed = writer.push(&read(5, None)).unwrap().unwrap();
    assert_eq!(
        (sealed.index, sealed.first_ordinal, sealed.points),
        (0, 0, 5)
    );
}
