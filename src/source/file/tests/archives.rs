//! Archives as sources.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::support::{fixture, open, read, rest, wait};
use crate::archive::{Archive, Superseded};
use crate::clock::Clock;
use crate::error::Kind;
use crate::source::Cursor;

fn export(root: &Path) {
    let mut source = open(&fixture()).unwrap();
    let mut writer = Archive::at(root)
        .write(source.facts(), Clock::simulated(UNIX_EPOCH))
        .unwrap();
    for (ordinal, point) in rest(&mut *source, None).unwrap().into_iter().enumerate() {
        writer.push(&point).unwrap();
        if ordinal % 100 == 99 {
            writer.seal().unwrap();
        }
    }
    writer.finish(Some(269)).unwrap();
}

#[test]
fn an_archive_or_a_migration_folder_gives_the_points_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    export(&folder.path().join("archive"));
    let expected = read(&fixture()).unwrap();
    assert_eq!(read(&folder.path().join("archive")).unwrap(), expected);
    assert_eq!(read(folder.path()).unwrap(), expected);

    let mut source = open(folder.path()).unwrap();
    assert_eq!(
        source.facts().shape,
        open(&fixture()).unwrap().facts().shape
    );
    assert_eq!(wait(source.count()).unwrap(), Some(269));
    assert!(wait(source.fetch(&[])).unwrap().is_none());
}

#[test]
fn points_that_came_again_are_neither_given_nor_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = open(&fixture()).unwrap();
    let mut writer = Archive::at(folder.path())
        .write(source.facts(), Clock::simulated(UNIX_EPOCH))
        .unwrap();
    let all = rest(&mut *source, None).unwrap();
    for read in &all {
        writer.push(&read.clone()).unwrap();
    }
    writer.seal().unwrap();
    let superseded: Vec<u64> = (0..20).chain([100, 268]).collect();
    writer.set_superseded(Superseded::from_iter(superseded.iter().copied()));
    writer.finish(None).unwrap();

    let mut source = open(folder.path()).unwrap();
    assert_eq!(wait(source.count()).unwrap(), Some(247));
    let given = rest(&mut *source, None).unwrap();
    let expected: Vec<_> = (0..)
        .zip(&all)
        .filter(|(ordinal, _)| !superseded.contains(ordinal))
        .map(|(_, read)| &read.point)
        .collect();
    assert_eq!(
        given.iter().map(|read| &read.point).collect::<Vec<_>>(),
        expected
    );
    let again = rest(&mut *source, given[50].resume.clone()).unwrap();
    assert_eq!(again.len(), given.len() - 51);
}

#[test]
fn reading_an_archive_on_from_any_cursor_gives_the_same_rest() {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path());
    let mut source = open(folder.path()).unwrap();
    let all = rest(&mut *source, None).unwrap();
    for position in (0..all.len()).step_by(17) {
        let again = rest(&mut *source, all[position].resume.clone()).unwrap();
        assert_eq!(again.len(), all.len() - position - 1);
        let next = again.first().map(|read| &read.point);
        assert_eq!(next, all.get(position + 1).map(|read| &read.point));
    }
    assert!(rest(&mut *source, Some(Cursor::AfterLine(3))).is_err());
    assert!(
        rest(&mut *source, Some(Cursor::AfterPoint(269)))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_damaged_part_is_found_before_the_first_point_and_named() {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path());
    let part = folder.path().join("0001/part-000002.parquet");
    let mut content = std::fs::read(&part).unwrap();
    content[1_000] ^= 1;
    std::fs::write(&part, content).unwrap();
    let error = read(folder.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
    let text = error.to_string();
    assert!(
        text.ends_with(
            "0001/part-000002.parquet is damaged: its checksum is not that of the manifest"
        ),
        "{text}"
    );
    std::fs::remove_file(&part).unwrap();
    let text = read(folder.path()).unwrap_err().to_string();
    assert!(
        text.ends_with("0001/part-000002.parquet is missing"),
        "{text}"
    );
}

#[test]
fn an_unfinished_export_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let facts = open(&fixture()).unwrap().facts().clone();
    let begin = || {
        drop(
            Archive::at(folder.path())
                .write(&facts, Clock::real())
                .unwrap(),
        )
    };
    begin();
    let error = read(folder.path()).unwrap_err();
    assert!(
        error.to_string().ends_with(" has no complete generation"),
        "{error}"
    );

    export(folder.path());
    assert!(open(folder.path()).unwrap().facts().warnings.is_empty());
    begin();
    let source = open(folder.path()).unwrap();
    assert_eq!(
        source.facts().warnings,
        ["generation 0002 of the archive is not complete; generation 0001 is read"]
    );
}
