//! Damage is found before use, named, and mended where the source gives the
//! same points again.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::support::{clock, export, facts, files, numbered, read_all, read_point, unnamed};
use crate::archive::{Archive, ArchiveError, Generation, Rewritten};
use crate::source::ReadPoint;

fn archive(root: &Path) -> Generation {
    export(root, &unnamed(4), &numbered(20, 4), 8).unwrap()
}

fn second_part(root: &Path) -> PathBuf {
    root.join("0001/part-000002.parquet")
}

fn points_of_second_part(count: usize) -> Vec<ReadPoint> {
    let points = numbered(20, 4);
    (8..8 + count)
        .map(|ordinal| read_point(&points[ordinal], ordinal))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_flipped_bit_is_found(position in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let folder = tempfile::tempdir().unwrap();
        let generation = archive(folder.path());
        let path = second_part(folder.path());
        let mut content = std::fs::read(&path).unwrap();
        let at = position.index(content.len());
        content[at] ^= 1 << bit;
        std::fs::write(&path, content).unwrap();
        let damages = generation.check().unwrap();
        prop_assert_eq!(damages.len(), 1);
        prop_assert_eq!(damages[0].index, 1);
        prop_assert_eq!(&damages[0].ordinals, &(8..16));
        let found = matches!(&damages[0].error, ArchiveError::Damaged { part, .. } if *part == path);
        prop_assert!(found, "{:?}", damages[0].error);
    }

    #[test]
    fn a_part_cut_off_anywhere_is_found_and_cannot_be_read(length in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let generation = archive(folder.path());
        let path = second_part(folder.path());
        let content = std::fs::read(&path).unwrap();
        std::fs::write(&path, &content[..length.index(content.len())]).unwrap();
        prop_assert_eq!(generation.check().unwrap().len(), 1);
        let mut reader = generation.read(6..20).unwrap();
        prop_assert!(reader.next().unwrap().is_ok());
        prop_assert!(reader.next().unwrap().is_ok());
        let damaged = matches!(reader.next().unwrap(), Err(ArchiveError::Damaged { .. }));
        prop_assert!(damaged);
        prop_assert!(reader.next().is_none());
    }
}

#[test]
fn a_missing_part_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let generation = archive(folder.path());
    std::fs::remove_file(second_part(folder.path())).unwrap();
    let damages = generation.check().unwrap();
    assert!(
        matches!(&damages[0].error, ArchiveError::Missing { part } if *part == second_part(folder.path()))
    );
    assert!(matches!(
        generation.points_at(&[9]),
        Err(ArchiveError::Missing { .. })
    ));
    assert_eq!(generation.points_at(&[7, 16]).unwrap().len(), 2);
}

#[test]
fn a_part_of_another_shape_is_damaged_even_with_the_right_size() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    let manifest = folder.path().join("0001/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace("\"dimensions\": 4", "\"dimensions\": 2"),
    )
    .unwrap();
    let generation = Archive::at(folder.path()).current().unwrap().unwrap();
    let first = generation.read(0..1).unwrap().next().unwrap();
    assert!(
        matches!(first, Err(ArchiveError::Damaged { .. })),
        "{first:?}"
    );
}

#[test]
fn the_same_points_mend_a_part_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let generation = archive(folder.path());
    let sound = files(folder.path());
    std::fs::remove_file(second_part(folder.path())).unwrap();

    let mut others = points_of_second_part(8);
    others[3].point.dense[0].as_mut().unwrap()[2] = 0.5;
    assert_eq!(
        generation.rewrite_part(1, others).unwrap(),
        Rewritten::Different
    );
    let too_few = points_of_second_part(7);
    assert_eq!(
        generation.rewrite_part(1, too_few).unwrap(),
        Rewritten::Different
    );
    assert_eq!(
        generation.rewrite_part(1, Vec::new()).unwrap(),
        Rewritten::Different
    );
    assert_eq!(generation.check().unwrap().len(), 1);
    assert_eq!(files(folder.path()).len(), sound.len() - 1);

    let more_than_enough = points_of_second_part(12);
    assert_eq!(
        generation.rewrite_part(1, more_than_enough).unwrap(),
        Rewritten::Same
    );
    assert_eq!(files(folder.path()), sound);
    assert!(generation.repair(3).is_err());
}

#[test]
fn an_export_gives_up_the_first_damaged_part_and_those_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Archive::at(folder.path())
        .write(&facts(&unnamed(4)), clock())
        .unwrap();
    for (ordinal, point) in numbered(20, 4).iter().enumerate() {
        writer.push(&read_point(point, ordinal)).unwrap();
        if ordinal % 5 == 4 {
            writer.seal().unwrap();
        }
    }
    drop(writer);
    let mut content = std::fs::read(second_part(folder.path())).unwrap();
    content[100] ^= 1;
    std::fs::write(second_part(folder.path()), content).unwrap();

    let writer = Archive::at(folder.path())
        .write(&facts(&unnamed(4)), clock())
        .unwrap();
    assert_eq!(writer.sealed_points(), 5);
    let given_up: Vec<_> = writer
        .given_up()
        .iter()
        .map(|part| (part.ordinals.start, part.ordinals.end))
        .collect();
    assert_eq!(given_up, [(5, 10)]);
    drop(writer);
    let generation = export(folder.path(), &unnamed(4), &numbered(20, 4), 5).unwrap();
    assert!(generation.check().unwrap().is_empty());
    assert_eq!(read_all(&generation), numbered(20, 4));
}
