//! Good files: every point, bit for bit, from any place on.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{file, fixture, gzip, open, read, rest, wait, zstd};
use crate::point::{Payload, Point, PointId, SparseVector, canonical_json};
use crate::source::Cursor;

#[test]
fn the_fixture_is_read_whole_in_its_own_words() {
    let points = read(&fixture()).unwrap();
    assert_eq!(points.len(), 269);
    let text = std::fs::read_to_string(fixture()).unwrap();
    for (line, point) in text.lines().zip(&points) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], point.id.to_string());
        assert!(matches!(point.id, PointId::Uuid(_)));
        assert_eq!(line["payload"], Value::Object(point.payload.clone()));
        let values: Vec<f32> = line["vector"]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.to_string().parse().unwrap())
            .collect();
        assert_eq!(point.dense, [Some(values)]);
    }
}

#[test]
fn facts_tell_the_shape_and_the_count_is_known_at_the_end() {
    let mut source = open(&fixture()).unwrap();
    let shape = &source.facts().shape;
    assert_eq!(shape.dense.len(), 1);
    assert_eq!(
        (shape.dense[0].name.as_str(), shape.dense[0].dimensions),
        ("", 384)
    );
    assert_eq!(shape.dense[0].distance, None);
    assert_eq!(source.facts().name, "project_docs.ndjson");
    assert_eq!(wait(source.count()).unwrap(), None);
    rest(&mut *source, None).unwrap();
    assert_eq!(wait(source.count()).unwrap(), Some(269));
    assert!(
        wait(source.fetch(&[PointId::Integer(1).into()]))
            .unwrap()
            .is_none()
    );
}

#[test]
fn compressed_files_give_the_same_points_whatever_their_names() {
    let plain = std::fs::read(fixture()).unwrap();
    let expected = read(&fixture()).unwrap();
    let (front, back) = plain.split_at(700_001);
    let two_members = [gzip(front), gzip(back)].concat();
    let two_frames = [zstd(front), zstd(back)].concat();
    for (name, content) in [
        ("points.ndjson.gz", gzip(&plain)),
        ("points.ndjson.zst", zstd(&plain)),
        ("points", gzip(&plain)),
        ("points.gz", zstd(&plain)),
        ("points.gz", plain.clone()),
        ("members.gz", two_members),
        ("frames.zst", two_frames),
    ] {
        let (_folder, path) = file(name, content);
        assert_eq!(read(&path).unwrap(), expected, "{name}");
    }
}

#[test]
fn reading_on_from_any_cursor_gives_the_same_rest() {
    let (_folder, path) = file("p.ndjson.gz", gzip(b"\n{\"id\":1,\"vector\":[1]}\n \r\n{\"id\":2,\"vector\":[2]}\r\n\n{\"id\":3,\"vector\":[3]}"));
    for path in [path, fixture()] {
        let mut source = open(&path).unwrap();
        let all = rest(&mut *source, None).unwrap();
        for (position, read) in all.iter().enumerate() {
            let again = rest(&mut *source, read.resume.clone()).unwrap();
            let ids = |points: &[crate::source::ReadPoint]| {
                points
                    .iter()
                    .map(|read| (read.point.clone(), read.resume.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(ids(&again), ids(&all[position + 1..]));
            assert_eq!(wait(source.count()).unwrap(), Some(all.len() as u64));
        }
    }
}

#[test]
fn a_page_may_be_asked_for_again_and_pages_are_bounded() {
    let line = |number: usize| format!("{{\"id\":{number},\"vector\":[0.5]}}\n");
    let (_folder, path) = file("p.ndjson", (0..2_500).map(line).collect::<String>());
    let mut source = open(&path).unwrap();
    let first = wait(source.page(None)).unwrap();
    assert_eq!(first.points.len(), 1_000);
    assert_eq!(first.next, Some(Cursor::AfterLine(1_000)));
    let again = wait(source.page(None)).unwrap();
    assert_eq!(again.next, first.next);
    assert_eq!(rest(&mut *source, None).unwrap().len(), 2_500);

    let heavy = |number: usize| {
        let text = "x".repeat(1 << 20);
        format!("{{\"id\":{number},\"vector\":[0.5],\"payload\":{{\"t\":\"{text}\"}}}}\n")
    };
    let (_folder, path) = file("p.ndjson", (0..10).map(heavy).collect::<String>());
    let mut source = open(&path).unwrap();
    assert_eq!(wait(source.page(None)).unwrap().points.len(), 4);
    assert_eq!(rest(&mut *source, None).unwrap().len(), 10);
}

#[test]
fn byte_order_mark_blank_lines_and_carriage_returns_are_passed_over() {
    let text = "\u{feff}{\"id\":1,\"vector\":[1]}\r\n\r\n  \n{\"id\":2,\"vector\":[2]}";
    for content in [
        text.as_bytes().to_vec(),
        gzip(text.as_bytes()),
        zstd(text.as_bytes()),
    ] {
        let (_folder, path) = file("p.ndjson", content);
        let ids: Vec<_> = read(&path)
            .unwrap()
            .into_iter()
            .map(|point| point.id)
            .collect();
        assert_eq!(ids, [PointId::Integer(1), PointId::Integer(2)]);
    }
}

#[test]
fn strings_that_are_uuids_are_uuids_in_qdrant_s_form_only() {
    let id = "550E8400-e29b-41d4-a716-446655440000";
    let (_folder, path) = file("q", format!("{{\"id\":\"{id}\",\"vector\":[1]}}"));
    let uuid = PointId::Uuid(Uuid::try_parse(id).unwrap());
    assert_eq!(read(&path).unwrap()[0].id, uuid);
    let (_folder, path) = file("v", format!("{{\"id\":\"{id}\",\"values\":[1]}}"));
    assert_eq!(read(&path).unwrap()[0].id, PointId::Text(id.to_owned()));
}

#[test]
fn named_and_sparse_vectors_are_united_over_the_lines() {
    let text = concat!(
        r#"{"id":1,"vector":{"title":[1,2],"words":{"indices":[7,3],"values":[0.5,-1]}}}"#,
        "\n",
        r#"{"id":2,"vector":{"body":[1,2,3],"title":null},"score":0.5,"version":7}"#,
        "\n",
        r#"{"id":3,"payload":null,"vector":null,"shard_key":"a","order_value":3}"#,
        "\n",
        r#"{"id":4}"#,
        "\n",
    );
    let (_folder, path) = file("p.ndjson", text);
    let source = open(&path).unwrap();
    let shape = &source.facts().shape;
    let dense: Vec<_> = shape
        .dense
        .iter()
        .map(|f| (f.name.as_str(), f.dimensions))
        .collect();
    assert_eq!(dense, [("body", 3), ("title", 2)]);
    assert_eq!(shape.sparse, ["words"]);
    let points = read(&path).unwrap();
    assert_eq!(points[0].dense, [None, Some(vec![1.0, 2.0])]);
    let words = SparseVector {
        indices: vec![7, 3],
        values: vec![0.5, -1.0],
    };
    assert_eq!(points[0].sparse, [Some(words)]);
    assert_eq!(points[1].dense, [Some(vec![1.0, 2.0, 3.0]), None]);
    assert_eq!(points[2].dense, [None, None]);
    assert_eq!(points[3].sparse, [None]);
}

#[test]
fn numbers_are_rounded_once() {
    // As f64 first, the first would be rounded to a tie and then to 1.0.
    let digits = "1.00000005960464477539062500000000000000000000000001";
    let (_folder, path) = file(
        "p",
        format!("{{\"id\":1,\"vector\":[{digits}, -0.0 ,16777217, 1E-3]}}"),
    );
    let vector = read(&path).unwrap().remove(0).dense.remove(0).unwrap();
    let bits: Vec<_> = vector.iter().map(|v| v.to_bits()).collect();
    let expected = [1.000_000_1_f32, -0.0, 16_777_216.0, 0.001].map(f32::to_bits);
    assert_eq!(bits, expected);
}

#[test]
fn a_payload_keeps_all_digits() {
    let text = r#"{"big":123456789012345678901234567890,"small":1.10}"#;
    let (_folder, path) = file(
        "p",
        format!("{{\"id\":1,\"vector\":[1],\"payload\":{text}}}"),
    );
    assert_eq!(canonical_json(&read(&path).unwrap()[0].payload), text);
}

fn any_vector() -> impl Strategy<Value = Vec<f32>> {
    let finite = any::<u32>()
        .prop_map(f32::from_bits)
        .prop_filter("finite", |v| v.is_finite());
    prop::collection::vec(finite, 3)
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(serde_json::from_str("123456789012345678901234567890.10").unwrap()),
        Just(Value::Null),
    ];
    prop::collection::btree_map(any::<String>(), leaf, 0..4)
        .prop_map(|entries| entries.into_iter().collect())
}

/// A number array as text, in the shortest form that reads back as f32.
fn array(values: &[f32]) -> String {
    let numbers: Vec<_> = values.iter().map(|v| format!("{v:e}")).collect();
    format!("[ {} ]", numbers.join(" , "))
}

fn point(id: PointId, namespace: Option<String>, vector: Vec<f32>, payload: Payload) -> Point {
    Point {
        id,
        namespace,
        dense: vec![Some(vector)],
        sparse: Vec::new(),
        payload,
        data: None,
    }
}

fn same(read: &[Point], expected: &[Point]) -> bool {
    let bits = |points: &[Point]| -> Vec<u32> {
        let values = points.iter().flat_map(|p| p.dense[0].iter().flatten());
        values.map(|v| v.to_bits()).collect()
    };
    read == expected && bits(read) == bits(expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_points_in_qdrant_s_form_come_back_bit_for_bit(
        parts in prop::collection::vec((any::<u64>(), any::<Option<u128>>(), any_vector(), any_payload()), 1..20),
    ) {
        let points: Vec<_> = parts.into_iter().map(|(number, uuid, vector, payload)| {
            let id = uuid.map_or(PointId::Integer(number), |bits| PointId::Uuid(Uuid::from_u128(bits)));
            point(id, None, vector, payload)
        }).collect();
        let text: String = points.iter().map(|point| {
            let id = match &point.id {
                PointId::Integer(number) => number.to_string(),
                other => json!(other.to_string()).to_string(),
            };
            let vector = array(point.dense[0].as_ref().unwrap());
            format!("{{\"id\":{id},\"vector\":{vector},\"payload\":{}}}\n", canonical_json(&point.payload))
        }).collect();
        let (_folder, path) = file("p.ndjson", text);
        prop_assert!(same(&read(&path).unwrap(), &points));
    }

    #[test]
    fn any_records_in_vectorize_s_form_come_back_bit_for_bit(
        parts in prop::collection::vec((any::<String>(), any::<Option<String>>(), any_vector(), any_payload()), 1..20),
    ) {
        let points: Vec<_> = parts.into_iter().map(|(id, namespace, vector, payload)| {
            let namespace = namespace.filter(|name| !name.is_empty());
            point(PointId::Text(id), namespace, vector, payload)
        }).collect();
        let text: String = points.iter().map(|point| {
            let (id, namespace) = (json!(point.id.to_string()), json!(point.namespace));
            let values = array(point.dense[0].as_ref().unwrap());
            let metadata = canonical_json(&point.payload);
            format!("{{\"metadata\":{metadata},\"namespace\":{namespace},\"values\":{values},\"id\":{id}}}\n")
        }).collect();
        let (_folder, path) = file("p.ndjson", text);
        prop_assert!(same(&read(&path).unwrap(), &points));
    }

    #[test]
    fn no_content_makes_it_panic(content in prop::collection::vec(any::<u8>(), 0..200), line in "\\PC{0,80}") {
        for content in [content, line.clone().into_bytes(), format!("{{\"id\":1,\"vector\":{line}}}").into_bytes()] {
            let (_folder, path) = file("p.ndjson", content);
            let _ = read(&path);
        }
    }
}
