//! What goes in comes out, bit for bit; what is the same gives the same bytes.

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::support::{
    any_shape_and_points, bits, clock, export, facts, files, numbered, read_all, read_point,
    unnamed,
};
use crate::archive::{Archive, Generation, GenerationNumber, Resume, State};
use crate::point::{Payload, Point, PointName, Shape};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_points_come_back_bit_for_bit(
        (shape, points) in any_shape_and_points(),
        part_points in 1_usize..6,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let written = export(folder.path(), &shape, &points, part_points).unwrap();
        prop_assert!(written.check().unwrap().is_empty());
        let read = read_all(&Generation::open(folder.path(), GenerationNumber::FIRST).unwrap());
        prop_assert_eq!(
            read.iter().map(bits).collect::<Vec<_>>(),
            points.iter().map(bits).collect::<Vec<_>>()
        );
    }

    #[test]
    fn any_range_and_any_positions_give_the_points_that_are_there(
        count in 1_u64..60,
        part_points in 1_usize..30,
        range in (0_u64..70, 0_u64..70),
        positions in prop::collection::vec(0_u64..60, 0..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let points = numbered(count, 3);
        let generation = export(folder.path(), &unnamed(3), &points, part_points).unwrap();
        let at = |ordinal: u64| (ordinal, points[ordinal as usize].clone());

        let read: Vec<_> = generation.read(range.0..range.1).unwrap().map(Result::unwrap).collect();
        let expected: Vec<_> = (range.0..range.1.min(count)).map(at).collect();
        prop_assert_eq!(read, expected);

        let mut wanted: Vec<_> = positions.into_iter().filter(|ordinal| *ordinal < count).collect();
        let found = generation.points_at(&wanted).unwrap();
        let names = generation.names_at(&wanted).unwrap();
        let named = |(ordinal, point): &(u64, Point)| {
            let (id, namespace) = (point.id.clone(), point.namespace.clone());
            (*ordinal, PointName { id, namespace })
        };
        prop_assert_eq!(names, found.iter().map(named).collect::<Vec<_>>());
        wanted.sort_unstable();
        wanted.dedup();
        prop_assert_eq!(found, wanted.into_iter().map(at).collect::<Vec<_>>());
    }
}

#[test]
fn keys_in_another_order_give_the_same_bytes() {
    let inner = |text: &str| serde_json::from_str::<Payload>(text).unwrap();
    let payloads = [
        inner(r#"{"b":{"y":1,"x":[{"q":1,"p":2}]},"a":1.50}"#),
        inner(r#"{"a":1.50,"b":{"x":[{"p":2,"q":1}],"y":1}}"#),
    ];
    let parts = payloads.map(|payload| {
        let folder = tempfile::tempdir().unwrap();
        let point = Point {
            payload,
            ..numbered(1, 2).remove(0)
        };
        export(folder.path(), &unnamed(2), &[point], 1).unwrap();
        files(folder.path())
            .remove("0001/part-000001.parquet")
            .unwrap()
    });
    assert_eq!(parts[0], parts[1]);
}

#[test]
fn a_text_beside_the_payload_comes_back_and_none_is_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape {
        data: true,
        ..unnamed(2)
    };
    let texts = [None, Some(""), Some("a\0b \u{1F980}\n"), None];
    let points = numbered(4, 2).into_iter().zip(texts);
    let points: Vec<Point> = points
        .map(|(point, text)| Point {
            data: text.map(str::to_owned),
            ..point
        })
        .collect();
    let generation = export(folder.path(), &shape, &points, 3).unwrap();
    assert_eq!(read_all(&generation), points);
    assert_eq!(
        generation.points_at(&[2]).unwrap(),
        [(2, points[2].clone())]
    );
}

#[test]
fn an_archive_of_a_source_without_texts_says_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path(), &unnamed(2), &numbered(1, 2), 1).unwrap();
    let files = files(folder.path());
    let manifest: serde_json::Value = serde_json::from_slice(&files["0001/manifest.json"]).unwrap();
    assert!(manifest["source"]["shape"].get("data").is_none());
    let part = bytes::Bytes::from(files["0001/part-000001.parquet"].clone());
    let reader = ParquetRecordBatchReaderBuilder::try_new(part).unwrap();
    let columns = reader.schema().fields().iter().map(|field| field.name());
    assert_eq!(
        columns.collect::<Vec<_>>(),
        ["id", "id_kind", "namespace", "vector", "payload"]
    );
}

#[test]
fn the_writer_does_not_depend_on_how_often_it_was_opened() {
    let points = numbered(10, 3);
    let (once, often) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    export(once.path(), &unnamed(3), &points, 2).unwrap();
    for sealed in [2, 4, 6, 8] {
        let mut writer = Archive::at(often.path())
            .write(&facts(&unnamed(3)), clock())
            .unwrap();
        let first = writer.sealed_points() as usize;
        for (ordinal, point) in points.iter().enumerate().take(sealed).skip(first) {
            writer.push(&read_point(point, ordinal)).unwrap();
        }
        writer.seal().unwrap().unwrap();
    }
    export(often.path(), &unnamed(3), &points, 2).unwrap();
    let part = "0001/part-000003.parquet";
    assert_eq!(files(once.path())[part], files(often.path())[part]);
}

#[test]
fn an_empty_source_gives_a_complete_generation_without_points() {
    let folder = tempfile::tempdir().unwrap();
    let generation = export(folder.path(), &unnamed(3), &[], 1).unwrap();
    assert_eq!(generation.points(), 0);
    assert!(read_all(&generation).is_empty());
    assert!(generation.points_at(&[]).unwrap().is_empty());
}

#[test]
fn a_new_export_begins_the_next_generation_and_leaves_the_one_before_current() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::at(folder.path().join("archive"));
    assert!(!Archive::is_archive(archive.root()));
    assert!(archive.current().unwrap().is_none());
    export(archive.root(), &unnamed(3), &numbered(4, 3), 2).unwrap();
    assert!(Archive::is_archive(archive.root()));

    let second = archive.write(&facts(&unnamed(3)), clock()).unwrap();
    assert_eq!(second.number().to_string(), "0002");
    assert_eq!(archive.unfinished().unwrap(), Some(second.number()));
    let current = archive.current().unwrap().unwrap();
    assert_eq!(current.manifest().generation, GenerationNumber::FIRST);

    second.finish(None).unwrap();
    assert_eq!(archive.unfinished().unwrap(), None);
    assert_eq!(archive.current().unwrap().unwrap().points(), 0);
    assert_eq!(archive.generations().unwrap().len(), 2);
}

#[test]
fn the_manifest_tells_where_each_part_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let generation = export(folder.path(), &unnamed(3), &numbered(5, 3), 2).unwrap();
    let manifest = generation.manifest();
    assert_eq!(manifest.state, State::Complete);
    assert_eq!(
        (manifest.count_before, manifest.count_after),
        (Some(5), Some(5))
    );
    assert_eq!(manifest.source, facts(&unnamed(3)));
    let points: Vec<_> = manifest.parts.iter().map(|part| part.points).collect();
    assert_eq!(points, [2, 2, 1]);
    let [first, second, third] = manifest.parts.as_slice() else {
        panic!("three parts")
    };
    assert_eq!(first.cursor_before, None);
    assert_eq!(second.cursor_before, first.cursor_after);
    assert_eq!(third.cursor_before, second.cursor_after);
    assert_eq!(third.cursor_after, None);
    assert_eq!(
        (second.first_id.to_string(), second.last_id.to_string()),
        ("2".into(), "3".into())
    );
    assert!(
        first.read_at.starts_with("2023-11-14T22:13:20."),
        "{}",
        first.read_at
    );
}

#[test]
fn once_the_source_is_exhausted_it_is_not_to_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path(), &unnamed(3), &numbered(5, 3), 2).unwrap();
    let manifest = folder.path().join("0001/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("complete", "exporting")).unwrap();
    let writer = Archive::at(folder.path())
        .write(&facts(&unnamed(3)), clock())
        .unwrap();
    assert_eq!(writer.resume_from(), Resume::End);
}

#[test]
fn truncating_keeps_only_whole_parts_within_the_caller_s_books() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Archive::at(folder.path())
        .write(&facts(&unnamed(3)), clock())
        .unwrap();
    for (ordinal, point) in numbered(7, 3).iter().enumerate() {
        writer.push(&read_point(point, ordinal)).unwrap();
        if ordinal % 2 == 1 {
            writer.seal().unwrap();
        }
    }
    assert_eq!(writer.truncate(5).unwrap(), 4);
    let generation = writer.finish(None).unwrap();
    assert_eq!(read_all(&generation), numbered(4, 3));
    assert!(!folder.path().join("0001/part-000003.parquet").exists());
}
