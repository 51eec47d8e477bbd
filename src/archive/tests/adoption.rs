//! Another archive's parts, taken as they are.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

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

fn path(generation: &Generation, index: usize) -> PathBuf {
    let file = &generation.manifest().parts[index].file;
    generation.folder().join(file)
}

/// Flips a bit of a file without making it anew.
fn change_in_place(path: &Path) {
    let byte = fs::read(path).unwrap()[100] ^ 1;
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(100)).unwrap();
    file.write_all(&[byte]).unwrap();
}

#[test]
fn an_adopted_archive_has_the_same_parts_and_outlives_the_one_that_they_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let before = files(&theirs);
    let adopted = adopt(&ours, &other).unwrap();
    for index in 0..other.manifest().parts.len() {
        let [ours, theirs] = [&adopted, &other].map(|of| fs::read(path(of, index)).unwrap());
        assert!(ours == theirs, "part {index}");
    }
    assert!(files(&theirs) == before, "the original was changed");
    fs::remove_dir_all(&theirs).unwrap();
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
fn what_is_changed_in_place_at_the_origin_afterwards_changes_nothing_here() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let parts = 0..other.manifest().parts.len();
    for index in parts.clone() {
        let open_to_all = fs::Permissions::from_mode(0o666);
        fs::set_permissions(path(&other, index), open_to_all).unwrap();
    }
    let adopted = adopt(&ours, &other).unwrap();
    let before = files(&ours);
    for index in parts {
        change_in_place(&path(&other, index));
        let [ours, theirs] = [&adopted, &other].map(|of| fs::metadata(path(of, index)).unwrap());
        assert_ne!(ours.ino(), theirs.ino());
        assert_eq!((ours.mode() & 0o777, theirs.mode() & 0o777), (0o600, 0o666));
    }
    assert!(!other.check().unwrap().is_empty());
    assert!(files(&ours) == before, "ours was changed");
    assert!(adopted.check().unwrap().is_empty());
    assert_eq!(read_all(&adopted), numbered(POINTS, 4));
}

#[test]
fn a_part_that_is_not_what_its_manifest_says_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let part = path(&other, 1);
    let sound = fs::read(&part).unwrap();
    change_in_place(&part);
    let refused = adopt(&ours, &other).unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { part: named, .. } if named == part));
    fs::remove_file(&part).unwrap();
    let refused = adopt(&ours, &other).unwrap_err();
    assert!(matches!(refused, ArchiveError::Missing { part: named } if named == part));
    let left: Vec<_> = files(&ours).into_keys().collect();
    assert_eq!(left, ["0001/manifest.json", "0001/part-000001.parquet"]);
    fs::write(&part, sound).unwrap();
    assert_eq!(
        read_all(&adopt(&ours, &other).unwrap()),
        numbered(POINTS, 4)
    );
}

#[test]
fn a_part_is_put_back_from_a_file_with_its_bytes_and_from_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let other = original(&theirs);
    let adopted = adopt(&ours, &other).unwrap();
    let before = files(&ours);
    fs::remove_file(path(&adopted, 2)).unwrap();
    let [sealed, another] = [2, 1].map(|index: usize| &adopted.manifest().parts[index].sha256);
    let file = other.file_with(sealed).unwrap();
    let wrong = other.file_with(another).unwrap();
    let refused = adopted.put_back(2, &wrong).unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { part, .. } if part == wrong));
    assert!(!path(&adopted, 2).exists());
    adopted.put_back(2, &file).unwrap();
    assert!(files(&ours) == before);
    assert!(matches!(
        adopted.put_back(4, &file).unwrap_err(),
        ArchiveError::NoSuchPoint { .. }
    ));
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
    fs::rename(&part, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
    adopt(&ours, &other).unwrap();
    fs::remove_dir_all(&theirs).unwrap();
    fs::remove_file(&elsewhere).unwrap();
    let found = Archive::at(&ours).current().unwrap().unwrap();
    assert_eq!(read_all(&found), numbered(POINTS, 4));
}

#[test]
fn a_power_cut_at_any_change_harms_neither_archive() {
    for changes in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
        let other = original(&theirs);
        let before = files(&theirs);
        let weather = Weather::new(changes);
        let under = disk::under(weather.clone());
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
