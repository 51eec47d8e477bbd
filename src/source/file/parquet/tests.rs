//! Tests of Parquet as a source, on files that pyarrow, pandas and DuckDB wrote
//! (`fixtures/parquet/README.md`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uuid::Uuid;

use super::ColumnChoice;
use crate::error::{Error, Kind};
use crate::point::{Point, PointId, canonical_json};
use crate::source::file::open;
use crate::source::file::tests::support::{read as read_file, rest, wait};
use crate::source::{Cursor, Source};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/parquet")
        .join(name)
}

fn opened(name: &str) -> Box<dyn Source> {
    open(&fixture(name), &ColumnChoice::default()).unwrap()
}

fn read(name: &str) -> Vec<Point> {
    read_file(&fixture(name)).unwrap()
}

fn expected() -> Vec<Point> {
    read("expected.ndjson")
}

/// The error of reading a file, and its text without the folder.
fn refused(path: &Path, columns: &ColumnChoice) -> (Kind, String) {
    let read = || -> Result<(), Error> {
        let mut source = open(path, columns)?;
        rest(&mut *source, None).map(drop)
    };
    let error = read().expect_err("the file should be refused");
    assert!(error.advice().is_some());
    let folder = format!("{}/", path.parent().unwrap().display());
    (error.kind(), error.to_string().replace(&folder, ""))
}

fn reason(name: &str) -> (Kind, String) {
    refused(&fixture(name), &ColumnChoice::default())
}

#[test]
fn every_list_width_and_compression_gives_the_same_points() {
    for name in [
        "f32_list_snappy",
        "f32_large_list_zstd",
        "f32_fixed_size_list_gzip",
        "f32_list_lz4",
        "f32_list_none",
        "f64_list_zstd",
    ] {
        let mut source = opened(&format!("{name}.parquet"));
        assert_eq!(source.facts().warnings, [""; 0], "{name}");
        assert_eq!(wait(source.count()).unwrap(), Some(40));
        assert!(source.is_pinned());
        let points: Vec<Point> = rest(&mut *source, None)
            .unwrap()
            .into_iter()
            .map(|read| read.point)
            .collect();
        assert_eq!(points, expected(), "{name}");
        assert_eq!(wait(source.held_back()).unwrap(), [""; 0], "{name}");
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_its_names_and_resumed_anywhere() {
    let mut source = opened("folder");
    assert_eq!(source.facts().name, "folder");
    assert!(
        source.facts().identity.starts_with("3 files, "),
        "{}",
        source.facts().identity
    );
    let all = rest(&mut *source, None).unwrap();
    let points: Vec<Point> = all.iter().map(|read| read.point.clone()).collect();
    assert_eq!(points, expected());
    for (position, read) in all.iter().enumerate() {
        assert_eq!(read.resume, Some(Cursor::AfterPoint(position as u64 + 1)));
        let again = rest(&mut *source, read.resume.clone()).unwrap();
        let again: Vec<Point> = again.into_iter().map(|read| read.point).collect();
        assert_eq!(again, points[position + 1..]);
    }
}

#[test]
fn names_of_folders_are_payload() {
    let points = read("hive");
    assert_eq!(points.len(), 40);
    for point in points {
        let number: u64 = point.payload["n"].to_string().parse().unwrap();
        let lang = [json!("a b"), json!("de"), Value::Null];
        assert_eq!(point.payload["lang"], lang[number as usize % 3]);
        assert_eq!(point.id, PointId::Text(format!("p{number}")));
    }
}

#[test]
fn every_type_becomes_the_json_that_the_document_says() {
    let points = read("types.parquet");
    assert_eq!(points[0].id, PointId::Integer(1));
    assert_eq!(points[0].dense, expected()[0].dense);
    let text = r#"{"big_decimal":12345678901234567890123456789.125,"bool":true,"bytes":"AP8=","date":"2024-02-29","decimal":1234567.50,"dictionary":"word","f16":0.099975586,"f32":0.1,"f64":0.1,"fixed":"YWJj","i64":-9223372036854775808,"i8":-128,"instant":"2024-02-29T12:30:15.250Z","instant_ns":"2024-02-29T12:30:15.250Z","int_map":{"7":true},"json":{"a":[1,2.50]},"local":"2024-02-29T12:30:15","map":{"a":1,"b":2},"nested":{"page":3,"tags":[{"k":"v"}]},"nothing":null,"tags":["a",null],"text":"ä\n","time":"01:02:03.000004","u64":18446744073709551615,"uuid":"01e4841c-4c78-5b28-9a24-c185b9f9f215","view":"view","whole":1.0}"#;
    assert_eq!(canonical_json(&points[0].payload), text);
    assert_eq!(points[1].dense, [None]);
    assert_eq!(points[1].payload.len(), points[0].payload.len());
    assert!(points[1].payload.values().all(Value::is_null));
}

#[test]
fn halves_are_exact_and_the_loss_of_doubles_is_told_from_a_sample_and_in_all() {
    let halves = read("f16_list.parquet");
    let exact = expected();
    for (half, single) in halves.iter().zip(&exact) {
        let (half, single) = (
            half.dense[0].as_ref().unwrap(),
            single.dense[0].as_ref().unwrap(),
        );
        for (half, single) in half.iter().zip(single) {
            assert!((half - single).abs() <= single.abs() / 1024.0 + 1e-7);
        }
    }
    let mut source = opened("dataset_f64.parquet");
    let points = rest(&mut *source, None).unwrap();
    let third = |number: f32| (f64::from(number) / 3.0) as f32;
    let mut inexact = 0;
    for (read, single) in points.iter().zip(&exact) {
        let single = single.dense[0].as_ref().unwrap();
        let thirds: Vec<f32> = single.iter().map(|number| third(*number)).collect();
        assert_eq!(read.point.dense[0].as_ref().unwrap(), &thirds);
        assert_eq!(
            read.point.payload,
            exact[0]
                .payload
                .iter()
                .map(|(key, _)| (key.clone(), read.point.payload["text"].clone()))
                .collect()
        );
        let lost = single
            .iter()
            .filter(|number| f64::from(third(**number)) != f64::from(**number) / 3.0);
        inexact += lost.count();
    }
    let told = format!("{inexact} of the 1280 numbers");
    assert!(
        source.facts().warnings[0].contains(&told),
        "{:?}",
        source.facts().warnings
    );
    assert!(source.facts().warnings[0].contains("in the first 40 rows"));
    let held_back = wait(source.held_back()).unwrap();
    assert!(
        held_back[0].contains(&told) && held_back[0].contains("that were read"),
        "{held_back:?}"
    );
    assert!(
        held_back[0].contains("the largest relative error is "),
        "{held_back:?}"
    );
}

#[test]
fn pandas_and_duckdb_are_read_without_the_index_that_nobody_asked_for() {
    let points = read("pandas.parquet");
    assert_eq!(points.len(), 26);
    assert_eq!(points[1].dense, expected()[2].dense);
    let text = r#"{"kind":"a","n":2,"text":"text 2 – ä","when":"2024-02-29T12:30:15Z"}"#;
    assert_eq!(canonical_json(&points[1].payload), text);

    let points = read("duckdb.parquet");
    assert_eq!(points[39].dense, expected()[39].dense);
    let text = r#"{"doc":{"a":1},"n":39,"none":false,"place":{"page":39},"price":1.50}"#;
    assert_eq!(canonical_json(&points[39].payload), text);
}

#[test]
fn columns_can_be_named_and_are_part_of_the_identity() {
    let choose = |id: Option<&str>, vector: Option<&str>| ColumnChoice {
        id: id.map(str::to_owned),
        vector: vector.map(str::to_owned),
    };
    let columns = choose(Some("key"), None);
    let other_id = open(&fixture("other_id.parquet"), &columns).unwrap();
    assert!(
        other_id
            .facts()
            .identity
            .ends_with(r#", id column "key", vector column "vector""#)
    );
    let several = |vector| {
        let columns = choose(None, Some(vector));
        let mut source = open(&fixture("several.parquet"), &columns).unwrap();
        let points = rest(&mut *source, None).unwrap();
        (source.facts().identity.clone(), points[0].point.clone())
    };
    let (title, body) = (several("title"), several("body"));
    assert_ne!(title.0, body.0);
    // The one that is not chosen is payload.
    assert_eq!(title.1.payload["body"].as_array().unwrap().len(), 32);
    let by_index = choose(Some("__index_level_0__"), None);
    let mut pandas = open(&fixture("pandas.parquet"), &by_index).unwrap();
    let points = rest(&mut *pandas, None).unwrap();
    assert_eq!(points[3].point.id, PointId::Integer(5));
    assert_eq!(points[3].point.payload["id"], "p5");
    let text = refused(&fixture("several.parquet"), &choose(None, Some("missing"))).1;
    assert_eq!(
        text,
        r#"several.parquet: there is no column "missing" among "id", "title", "body""#
    );
    let text = refused(
        &fixture("several.parquet"),
        &choose(Some("title"), Some("title")),
    )
    .1;
    assert_eq!(
        text,
        r#"several.parquet: the column "title" cannot be both id and vector"#
    );
    let (kind, text) = refused(&fixture("expected.ndjson"), &choose(None, Some("vector")));
    assert_eq!(kind, Kind::Usage);
    assert_eq!(
        text,
        "--id-column and --vector-column are for Parquet, which expected.ndjson is not"
    );
}

#[test]
fn what_is_wrong_is_named_with_its_file_row_and_column() {
    let (usage, failed) = (Kind::Usage, Kind::Failed);
    for (name, kind, text) in [
        ("no_rows", failed, "no_rows.parquet has no points"),
        (
            "no_vectors",
            failed,
            r#"the column "vector" of no_vectors.parquet is null in every row"#,
        ),
        (
            "unequal",
            failed,
            r#"unequal.parquet, row 3: "vector" has 3 numbers, the rows before have 32"#,
        ),
        ("null_id", failed, "null_id.parquet, row 2: the id is null"),
        (
            "negative_id",
            failed,
            "negative_id.parquet, row 2: the id is -1; an id is text or a whole number from 0 to 18446744073709551615",
        ),
        (
            "float_id",
            usage,
            r#"float_id.parquet: the column "id" is of Float64; ids are text, whole numbers or UUIDs"#,
        ),
        (
            "nan",
            failed,
            r#"nan.parquet, row 1: number 1 of "vector" is NaN, and no vector may hold it"#,
        ),
        (
            "null_number",
            failed,
            r#"null_number.parquet, row 1: number 2 of "vector" is null"#,
        ),
        (
            "beyond",
            failed,
            r#"beyond.parquet, row 1: number 32 of "vector" is 1e39: beyond the range of 32-bit floats"#,
        ),
        (
            "integers",
            usage,
            r#"integers.parquet: no column holds lists of floats; there are "id", "vector""#,
        ),
        (
            "several",
            usage,
            r#"several.parquet: several columns hold lists of floats: "title", "body""#,
        ),
        (
            "other_id",
            usage,
            r#"other_id.parquet: there is no column "id" among "key", "vector""#,
        ),
        (
            "interval",
            usage,
            r#"interval.parquet: the column "pause" is of Interval(DayTime), which has no form in JSON"#,
        ),
        (
            "f32_list_brotli",
            usage,
            "f32_list_brotli.parquet is compressed with Brotli, which is not supported",
        ),
    ] {
        assert_eq!(reason(&format!("{name}.parquet")), (kind, text.to_owned()));
    }
}

#[test]
fn payload_numbers_that_json_cannot_hold_become_null_and_are_counted() {
    let mut source = opened("nan_payload.parquet");
    let points = rest(&mut *source, None).unwrap();
    assert!(points.iter().all(|read| read.point.payload["n"].is_null()));
    let told = wait(source.held_back()).unwrap();
    assert_eq!(
        told,
        ["2 payload numbers are NaN or infinite, which JSON cannot hold: they became null"]
    );
}

#[test]
fn ids_of_sixteen_bytes_are_uuids() {
    let columns = ColumnChoice {
        id: Some("uuid".to_owned()),
        vector: None,
    };
    let mut source = open(&fixture("types.parquet"), &columns).unwrap();
    let page = wait(source.page(None));
    let text = page.unwrap_err().to_string();
    assert!(text.ends_with("row 2: the id is null"), "{text}");
    let id = Uuid::parse_str("01e4841c-4c78-5b28-9a24-c185b9f9f215").unwrap();
    let array = arrow_array::FixedSizeBinaryArray::try_from_iter([id.into_bytes()].into_iter());
    assert_eq!(super::id::of(&array.unwrap(), 0), Ok(PointId::Uuid(id)));
}

#[test]
fn a_file_cut_or_damaged_anywhere_is_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.parquet");
    let whole = fs::read(fixture("f32_list_snappy.parquet")).unwrap();
    for length in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        let (kind, text) = refused(&path, &ColumnChoice::default());
        assert_eq!(
            (kind, text.as_str()),
            (Kind::Failed, "p.parquet cannot be read as Parquet")
        );
    }
    for name in [
        "f32_list_snappy.parquet",
        "f32_large_list_zstd.parquet",
        "types.parquet",
        "f32_list_lz4.parquet",
    ] {
        let whole = fs::read(fixture(name)).unwrap();
        for at in (4..whole.len()).step_by(29) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            fs::write(&path, damaged).unwrap();
            // Flipped bits of a vector cannot be told from another vector.
            let _ = read_file(&path);
        }
    }
}

#[test]
fn a_file_that_is_changed_while_it_is_read_is_not_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.parquet", "b.parquet"];
    for name in names {
        fs::copy(fixture("f32_list_snappy.parquet"), folder.path().join(name)).unwrap();
    }
    let mut source = open(folder.path(), &ColumnChoice::default()).unwrap();
    let first = wait(source.page(None)).unwrap();
    fs::copy(fixture("pandas.parquet"), folder.path().join("b.parquet")).unwrap();
    let text = rest(&mut *source, first.next).unwrap_err().to_string();
    assert!(
        text.ends_with("b.parquet has changed while it was being read"),
        "{text}"
    );
}

#[test]
fn bookkeeping_of_others_is_passed_over_and_parts_of_archives_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["_metadata.parquet", ".hidden.parquet", "README.md"] {
        fs::write(folder.path().join(name), "no Parquet").unwrap();
    }
    let (kind, text) = refused(folder.path(), &ColumnChoice::default());
    assert_eq!(kind, Kind::Usage);
    assert!(
        text.ends_with("holds neither an archive nor .parquet files"),
        "{text}"
    );
    fs::copy(
        fixture("duplicates.parquet"),
        folder.path().join("a.parquet"),
    )
    .unwrap();
    assert_eq!(read_file(folder.path()).unwrap().len(), 3);
}
