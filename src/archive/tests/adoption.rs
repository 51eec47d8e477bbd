//! Another archive's parts, taken as they are.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::support::{clock, export, facts, files, numbered, read_all, unnamed};
use crate::archive::{Archive, ArchiveError, Generation, GenerationNumber, Superseded};
use crate::disk::{self, Failure, Trouble, Weather};
use crate::source::{Cursor, SourceFacts};

const POINTS: u64 = 11;
const PART_POINTS: usize = 3;

fn original(root: &Path) -> Generation {
    export(root, &unnamed(4), &numbered(POINTS, 4), PART_POINTS).unwrap()
}

fn adopting() -> SourceFacts {
    SourceFacts {
        name: "archive of qdrant:docs".to_owned(),
        identity: "generation 0001".to_owned(),
        ..facts(&unnamed(4))
    }
}

/// Adopts all of it into `root`, going on with what is there.
fn adopt(root: &Path, other: &Generation) -> Result<Generation, ArchiveError> {
    let mut writer = Archive::at(root).write(&adopting(), clock())?;
    assert!(writer.can_adopt(other));
    while let Some(sealed) = writer.adopt_next(other)? {
        let part = &other.manifest().parts[sealed.index];
        let first = other.ordinals(sealed.index).unwrap().start;
        assert_eq!((sealed.points, sealed.first_ordinal), (part.points, first));
    }
    writer.finish(Some(other.count()))
}

fn inode(generation: &Generation, index: usize) -> u64 {
    let file = &generation.manifest().parts[index].file;
    std::fs::metadata(generation.folder().join(file))
        .unwrap()
        .ino()
}

#[test]
fn an_adopted_archive_is_the_same_files_and_outlives_the_one_that_they_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let before = files(&theirs);
    let adopted = adopt(&ours, &other).unwrap();
    for index in 0..other.manifest().parts.len() {
        assert_eq!(inode(&adopted, index), inode(&other, index));
    }
    assert!(files(&theirs) == before, "the original was changed");
    std::fs::remove_dir_all(&theirs).unwrap();
    let found = Archive::at(&ours).current().unwrap().unwrap();
    assert!(found.check().unwrap().is_empty());
    assert_eq!(found.manifest().source, adopting());
    assert_eq!(read_all(&found), numbered(POINTS, 4));
}

#[test]
fn its_manifest_tells_where_the_archive_is_read_from_for_each_part() {
    let folder = tempfile::tempdir().unwrap();
    let other = original(&folder.path().join("theirs"));
    let adopted = adopt(&folder.path().join("ours"), &other).unwrap();
    let places: Vec<_> = adopted
        .manifest()
        .parts
        .iter()
        .map(|part| (part.cursor_before.clone(), part.cursor_after.clone()))
        .collect();
    let at = |points| Some(Cursor::AfterPoint(points));
    let expected = [(None, at(3)), (at(3), at(6)), (at(6), at(9)), (at(9), None)];
    assert_eq!(places, expected);
}

#[test]
fn without_links_the_files_are_copied_and_held_against_their_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let weather = Weather::new(0);
    weather.forbid_links();
    let _under = disk::under(weather);
    let adopted = adopt(&ours, &other).unwrap();
    assert_ne!(inode(&adopted, 0), inode(&other, 0));
    assert_eq!(read_all(&adopted), numbered(POINTS, 4));

    let part = other.folder().join("part-000002.parquet");
    let mut content = std::fs::read(&part).unwrap();
    content[100] ^= 1;
    std::fs::write(&part, content).unwrap();
    let refused = adopt(&folder.path().join("third"), &other).unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { part: named, .. } if named == part));
}

#[test]
fn a_link_in_the_place_of_a_part_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let (part, elsewhere) = (
        other.folder().join("part-000001.parquet"),
        folder.path().join("elsewhere"),
    );
    std::fs::rename(&part, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
    adopt(&ours, &other).unwrap();
    std::fs::remove_dir_all(&theirs).unwrap();
    std::fs::remove_file(&elsewhere).unwrap();
    let found = Archive::at(&ours).current().unwrap().unwrap();
    assert_eq!(read_all(&found), numbered(POINTS, 4));
}

#[test]
fn a_power_cut_at_any_change_harms_neither_archive() {
    for links in [true, false] {
        for changes in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
            let other = original(&theirs);
            let before = files(&theirs);
            let weather = Weather::new(changes);
            let under = disk::under(weather.clone());
            if !links {
                weather.forbid_links();
            }
            weather.crash_at(changes + 1);
            let outcome = adopt(&ours, &other);
            assert_eq!(outcome.is_err(), weather.has_crashed());
            weather.crash();
            drop(under);
            let archive = Archive::at(&ours);
            if archive.current().unwrap().is_none() {
                adopt(&ours, &other).unwrap();
            }
            let found = archive.current().unwrap().unwrap();
            assert!(found.check().unwrap().is_empty(), "cut at change {changes}");
            assert_eq!(read_all(&found), numbered(POINTS, 4));
            assert_eq!(archive.generations().unwrap(), [GenerationNumber::FIRST]);
            assert_eq!(files(&ours).len(), files(&theirs).len());
            assert!(files(&theirs) == before, "the original at change {changes}");
            if outcome.is_ok() {
                assert!(changes > 30, "only {changes} changes");
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_taken_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let changes = {
        let (weather, elsewhere) = (Weather::new(0), folder.path().join("elsewhere"));
        let _under = disk::under(weather.clone());
        adopt(&elsewhere, &other).unwrap();
        weather.changes()
    };
    let weather = Weather::new(0);
    weather.fail_from(changes - 6, Failure::Full);
    let refused = {
        let _under = disk::under(weather);
        adopt(&ours, &other).unwrap_err()
    };
    let ArchiveError::Io { source, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(Trouble::of(&source), Trouble::Full);
    let writer = Archive::at(&ours).write(&adopting(), clock()).unwrap();
    assert_eq!(writer.sealed_points(), 9);
    drop(writer);
    adopt(&ours, &other).unwrap();
}

#[test]
fn what_is_not_point_for_point_the_same_cannot_be_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let writer = Archive::at(&ours).begin(&adopting(), clock()).unwrap();
    assert!(writer.can_adopt(&other));

    let archive = Archive::at(folder.path().join("repeated"));
    let mut repeated = archive.begin(&facts(&unnamed(4)), clock()).unwrap();
    for (ordinal, point) in numbered(3, 4).iter().enumerate() {
        repeated
            .push(&super::support::read_point(point, ordinal))
            .unwrap();
    }
    repeated.set_superseded(Superseded::from_iter([1]));
    assert!(!writer.can_adopt(&repeated.finish(None).unwrap()));

    let shorter = export(
        &folder.path().join("three"),
        &unnamed(3),
        &numbered(2, 3),
        1,
    )
    .unwrap();
    assert!(!writer.can_adopt(&shorter));

    let begun = folder.path().join("begun");
    let mut writer = Archive::at(&begun).begin(&adopting(), clock()).unwrap();
    let point = &numbered(2, 4)[1];
    writer.push(&super::support::read_point(point, 0)).unwrap();
    writer.seal().unwrap();
    assert!(!writer.can_adopt(&other), "it has another first part");
}
