//! A power cut at any change to the disk, then the same export again, ends in the
//! same files as an undisturbed export.

use super::support::{clock, export, facts, files, numbered, unnamed};
use crate::archive::{Archive, ArchiveError, GenerationNumber};
use crate::disk::{self, Failure, Weather};

const POINTS: u64 = 11;
const PART_POINTS: usize = 3;

/// Exports with a power cut after `changes` changes; whether it came to that.
fn cut_after(changes: u64, root: &std::path::Path) -> bool {
    let weather = Weather::new(changes);
    let _under = disk::under(weather.clone());
    weather.crash_at(changes + 1);
    let outcome = export(root, &unnamed(4), &numbered(POINTS, 4), PART_POINTS);
    assert_eq!(outcome.is_err(), weather.has_crashed());
    weather.crash();
    outcome.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_at_any_change_to_the_disk_leaves_no_trace_after_the_next_export() {
    let undisturbed = tempfile::tempdir().unwrap();
    export(
        undisturbed.path(),
        &unnamed(4),
        &numbered(POINTS, 4),
        PART_POINTS,
    )
    .unwrap();
    let expected = files(undisturbed.path());
    assert_eq!(expected.len(), 5);

    for changes in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("archive");
        if !cut_after(changes, &root) {
            assert!(changes > 50, "only {changes} changes");
            break;
        }
        // A second one, early in the run that goes on.
        cut_after(changes % 13, &root);
        let archive = Archive::at(&root);
        if archive.current().unwrap().is_none() {
            export(&root, &unnamed(4), &numbered(POINTS, 4), PART_POINTS).unwrap();
        }
        assert_eq!(archive.generations().unwrap(), [GenerationNumber::FIRST]);
        assert!(
            files(&root) == expected,
            "other files after a power cut at change {changes}"
        );
    }
}

#[test]
fn an_older_manifest_and_its_later_parts_are_made_one_again() {
    let (folder, undisturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    export(
        undisturbed.path(),
        &unnamed(4),
        &numbered(POINTS, 4),
        PART_POINTS,
    )
    .unwrap();

    let archive = Archive::at(folder.path());
    let first = archive.write(&facts(&unnamed(4)), clock()).unwrap();
    let manifest = folder.path().join("0001/manifest.json");
    let before = std::fs::read(&manifest).unwrap();
    drop(first);
    export(
        folder.path(),
        &unnamed(4),
        &numbered(POINTS, 4),
        PART_POINTS,
    )
    .unwrap();
    std::fs::write(&manifest, before).unwrap();
    std::fs::write(folder.path().join("0001/part-000009.parquet.tmp"), "half").unwrap();
    std::fs::write(folder.path().join("0001/notes.txt"), "mine").unwrap();

    let writer = archive.write(&facts(&unnamed(4)), clock()).unwrap();
    assert_eq!(writer.sealed_points(), 0);
    let names: Vec<_> = files(folder.path()).into_keys().collect();
    assert_eq!(names, ["0001/manifest.json", "0001/notes.txt"]);
    drop(writer);
    export(
        folder.path(),
        &unnamed(4),
        &numbered(POINTS, 4),
        PART_POINTS,
    )
    .unwrap();
    let (again, expected) = (files(folder.path()), files(undisturbed.path()));
    for part in expected.keys().filter(|name| name.ends_with(".parquet")) {
        assert_eq!(again[part], expected[part]);
    }
}

#[test]
fn a_folder_that_lost_its_manifest_is_never_written_to() {
    let folder = tempfile::tempdir().unwrap();
    export(
        folder.path(),
        &unnamed(4),
        &numbered(POINTS, 4),
        PART_POINTS,
    )
    .unwrap();
    std::fs::remove_file(folder.path().join("0001/manifest.json")).unwrap();
    let left = files(folder.path());
    let second = export(folder.path(), &unnamed(4), &numbered(2, 4), PART_POINTS).unwrap();
    assert_eq!(second.manifest().generation, GenerationNumber::FIRST.next());
    let after = files(folder.path());
    assert!(
        left.iter()
            .all(|(name, content)| after.get(name) == Some(content))
    );
}

#[test]
fn after_a_failed_write_the_writer_takes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Archive::at(folder.path())
        .write(&facts(&unnamed(4)), clock())
        .unwrap();
    let point = super::support::read_point(&numbered(1, 4)[0], 0);
    let weather = Weather::new(0);
    weather.fail_at(1, Failure::Io);
    let failure = {
        let _under = disk::under(weather);
        writer.push(&point.clone()).unwrap_err()
    };
    assert!(matches!(failure, ArchiveError::Io { .. }), "{failure:?}");
    assert!(matches!(
        writer.push(&point).unwrap_err(),
        ArchiveError::Broken
    ));
    assert!(matches!(writer.seal().unwrap_err(), ArchiveError::Broken));
    assert!(matches!(
        writer.finish(None).unwrap_err(),
        ArchiveError::Broken
    ));
}
