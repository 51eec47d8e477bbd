//! What the operator reads.

use std::io::{self, ErrorKind};

use super::support::{clock, export, facts, numbered, read_point, unnamed};
use crate::archive::{Archive, ArchiveError, Generation, GenerationNumber};
use crate::error::{Error, Kind};
use crate::point::{Point, SparseVector};

fn io_error(kind: ErrorKind) -> Error {
    ArchiveError::io("write", "a/0001/part-000001.parquet".as_ref())(io::Error::from(kind)).into()
}

#[test]
fn a_full_disk_stops_with_a_way_on() {
    let error = io_error(ErrorKind::StorageFull);
    assert_eq!(error.kind(), Kind::Stopped);
    assert_eq!(error.to_string(), "cannot write a/0001/part-000001.parquet");
    assert!(
        error
            .advice()
            .unwrap()
            .starts_with("free some space and run the same command again")
    );
}

#[test]
fn a_folder_that_may_not_be_written_is_said_to_be_so() {
    let denied = io_error(ErrorKind::PermissionDenied);
    assert_eq!(denied.kind(), Kind::Forbidden);
    assert!(denied.advice().unwrap().starts_with("permission denied"));
    let read_only = io_error(ErrorKind::ReadOnlyFilesystem);
    assert!(read_only.advice().unwrap().contains("read-only"));
}

#[test]
fn a_full_device_is_told_as_such_through_parquet() {
    use std::io::Write as _;
    let Ok(mut full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return; // only Linux has it
    };
    let error = full.write_all(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    let through = parquet::errors::ParquetError::from(error);
    let archive_error = crate::archive::part_writer::failed("p".as_ref(), through);
    assert_eq!(Error::from(archive_error).kind(), Kind::Stopped);
}

fn with_manifest(change: impl FnOnce(String) -> String) -> ArchiveError {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path(), &unnamed(3), &numbered(3, 3), 2).unwrap();
    let manifest = folder.path().join("0001/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, change(text)).unwrap();
    Archive::at(folder.path()).current().unwrap_err()
}

#[test]
fn counts_that_add_up_beyond_all_numbers_are_damage() {
    let all = format!("\"points\": {}", u64::MAX);
    let error = with_manifest(|text| text.replace("\"points\": 2", &all));
    assert!(
        matches!(error, ArchiveError::DamagedManifest { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("more points than there can be"),
        "{error}"
    );
}

#[test]
fn a_newer_format_is_refused() {
    let error = with_manifest(|text| text.replace("archive/1", "archive/2"));
    assert!(
        matches!(&error, ArchiveError::NewerFormat { format, .. } if format == "cf-migrate/archive/2")
    );
    let text = Error::from(error).to_string();
    assert!(
        text.ends_with("has the format \"cf-migrate/archive/2\", which this version cannot read"),
        "{text}"
    );
}

#[test]
fn a_damaged_manifest_is_named() {
    let changes: [fn(String) -> String; 6] = [
        |text| text[..text.len() / 2].to_owned(),
        |text| text.replace("\"generation\": 1", "\"generation\": 2"),
        |text| text.replace("part-000002", "../../part-000002"),
        |text| text.replace("\"points\": 2", "\"points\": 0"),
        // It has the points 0 to 2.
        |text| text.replacen('{', "{\"superseded\": \"1 3\",", 1),
        |_| String::new(),
    ];
    for change in changes {
        let error = with_manifest(change);
        assert!(
            matches!(error, ArchiveError::DamagedManifest { .. }),
            "{error:?}"
        );
        assert!(
            error
                .to_string()
                .contains("0001/manifest.json is damaged: "),
            "{error}"
        );
    }
}

#[test]
fn fields_that_a_later_minor_version_adds_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path(), &unnamed(3), &numbered(3, 3), 2).unwrap();
    let manifest = folder.path().join("0001/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen('{', "{\"later\": [1],", 1)).unwrap();
    assert_eq!(
        Archive::at(folder.path())
            .current()
            .unwrap()
            .unwrap()
            .points(),
        3
    );
}

#[test]
fn another_source_does_not_go_on_with_an_unfinished_generation() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::at(folder.path());
    drop(archive.write(&facts(&unnamed(3)), clock()).unwrap());
    let mut elsewhere = facts(&unnamed(3));
    elsewhere.identity = "http://other:6334".to_owned();
    let error = Error::from(archive.write(&elsewhere, clock()).unwrap_err());
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(
        error.to_string(),
        "generation 0001 of the archive was begun from another source: it holds qdrant:docs \
         (http://127.0.0.1:6334), this is qdrant:docs (http://other:6334)"
    );
    let reshaped = archive.write(&facts(&unnamed(4)), clock()).unwrap_err();
    assert!(matches!(reshaped, ArchiveError::OtherSource { .. }));
}

#[test]
fn an_unfinished_generation_cannot_be_opened_as_a_complete_one() {
    let folder = tempfile::tempdir().unwrap();
    drop(
        Archive::at(folder.path())
            .write(&facts(&unnamed(3)), clock())
            .unwrap(),
    );
    let unfinished = Generation::open(folder.path(), GenerationNumber::FIRST).unwrap_err();
    assert!(matches!(unfinished, ArchiveError::Unfinished { .. }));
    let absent = Generation::open(folder.path(), GenerationNumber::FIRST.next()).unwrap_err();
    assert!(matches!(absent, ArchiveError::NotAnArchive { .. }));
}

#[test]
fn points_that_do_not_fit_their_collection_are_refused_and_harm_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Archive::at(folder.path())
        .write(&facts(&unnamed(3)), clock())
        .unwrap();
    let good = numbered(1, 3).remove(0);
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let bad = [
        (
            Point {
                dense: vec![Some(vec![1.0; 2])],
                ..good.clone()
            },
            "its vector \"\" has 2 numbers, not 3",
        ),
        (
            Point {
                dense: vec![],
                ..good.clone()
            },
            "it has 0 dense and 0 sparse vectors, its collection 1 and 0",
        ),
        (
            Point {
                sparse: vec![None],
                ..good.clone()
            },
            "it has 1 dense and 1 sparse vectors, its collection 1 and 0",
        ),
        (
            Point {
                payload: [("k".to_owned(), serde_json::from_str(&deep).unwrap())]
                    .into_iter()
                    .collect(),
                ..good.clone()
            },
            "its payload is nested more than 127 levels deep",
        ),
        (
            Point {
                data: Some(String::new()),
                ..good.clone()
            },
            "it has a text beside its payload, its collection has none",
        ),
    ];
    for (point, reason) in bad {
        let error = writer.push(&read_point(&point, 0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the point 0 cannot be archived: {reason}")
        );
    }
    writer.push(&read_point(&good, 0)).unwrap();
    let deepest = format!("{}1{}", "[".repeat(126), "]".repeat(126));
    let deepest = Point {
        payload: [("k".to_owned(), serde_json::from_str(&deepest).unwrap())]
            .into_iter()
            .collect(),
        ..good.clone()
    };
    writer.push(&read_point(&deepest, 1)).unwrap();
    let generation = writer.finish(None).unwrap();
    assert_eq!(
        generation.points_at(&[0, 1]).unwrap(),
        [(0, good), (1, deepest)]
    );
    let behind = generation.points_at(&[2]).unwrap_err();
    assert_eq!(
        behind.to_string(),
        "the archive has 2 points, none at position 2"
    );
}

#[test]
fn uneven_sparse_vectors_and_impossible_shapes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut shape = unnamed(3);
    shape.sparse.push("words".to_owned());
    let mut writer = Archive::at(folder.path())
        .write(&facts(&shape), clock())
        .unwrap();
    let mut point = numbered(1, 3).remove(0);
    point.sparse.push(Some(SparseVector {
        indices: vec![1],
        values: vec![],
    }));
    let error = writer.push(&read_point(&point, 0)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("its sparse vector \"words\" has 1 indices and 0 values")
    );

    let elsewhere = tempfile::tempdir().unwrap();
    let no_numbers = Archive::at(elsewhere.path())
        .write(&facts(&unnamed(0)), clock())
        .unwrap_err();
    assert!(matches!(no_numbers, ArchiveError::UnfitShape { .. }));
    shape.sparse.push("words".to_owned());
    let twice = Archive::at(elsewhere.path())
        .write(&facts(&shape), clock())
        .unwrap_err();
    assert!(matches!(twice, ArchiveError::UnfitShape { .. }));
    assert!(super::support::files(elsewhere.path()).is_empty());
}
