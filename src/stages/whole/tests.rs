//! Repeats and gaps of archives that are written by hand; whole exports of sources
//! that repeat are tried in `tests/faults`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::archive::Archive;
use crate::clock::Clock;
use crate::point::{DenseField, Payload, PointId, Shape};
use crate::source::SourceFacts;

fn point(namespace: Option<&str>, id: &str, content: u8) -> Point {
    Point {
        id: PointId::Text(id.to_owned()),
        namespace: namespace.map(str::to_owned),
        dense: vec![Some(vec![1.0, 2.0])],
        sparse: Vec::new(),
        payload: Payload::from_iter([("content".to_owned(), Value::from(content))]),
        data: None,
    }
}

fn archived(folder: &Path, points: &[Point], part_points: usize) -> Generation {
    let facts = SourceFacts {
        name: "double".to_owned(),
        identity: "double".to_owned(),
        shape: Shape {
            dense: vec![DenseField {
                name: String::new(),
                dimensions: 2,
                distance: None,
            }],
            ..Shape::default()
        },
        warnings: Vec::new(),
    };
    let clock = Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let mut writer = Archive::at(folder).write(&facts, clock).unwrap();
    for (ordinal, point) in points.iter().enumerate() {
        let resume = Some(Cursor::AfterPoint(ordinal as u64 + 1));
        let point = point.clone();
        writer.push(&ReadPoint { point, resume }).unwrap();
        if (ordinal + 1) % part_points == 0 {
            writer.seal().unwrap();
        }
    }
    writer.finish(None).unwrap()
}

fn repeats(names: &mut Names) -> Vec<(u64, u64)> {
    let mut repeats = Vec::new();
    names
        .for_each_repeat(|repeat| {
            repeats.push((repeat.ordinal, repeat.later));
            Ok(())
        })
        .unwrap();
    repeats
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn of_every_name_all_points_but_the_last_are_repeats(
        points in prop::collection::vec((0usize..3, 0u8..6, 0u8..2), 0..30),
        part_points in 1_usize..8,
    ) {
        let namespaces = [None, Some(""), Some("eu")];
        let points: Vec<Point> = points
            .into_iter()
            .map(|(namespace, id, content)| point(namespaces[namespace], &id.to_string(), content))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let generation = archived(folder.path(), &points, part_points);
        let mut names = Names::of(&generation).unwrap();

        let mut last: BTreeMap<PointName, usize> = BTreeMap::new();
        let mut expected = Vec::new();
        for (ordinal, point) in points.iter().enumerate() {
            if let Some(earlier) = last.insert(point.name(), ordinal) {
                expected.push((earlier as u64, ordinal as u64));
            }
        }
        expected.sort_unstable();
        prop_assert_eq!(repeats(&mut names), expected.clone());

        let mut counts = Counts::new();
        last.keys().for_each(|name| *counts.entry(name.namespace.clone()).or_default() += 1);
        prop_assert_eq!(names.by_namespace().unwrap(), counts);

        let changed = expected
            .iter()
            .filter(|(one, other)| points[*one as usize] != points[*other as usize])
            .count() as u64;
        let found: Vec<Repeat> = expected
            .iter()
            .map(|(ordinal, later)| Repeat { ordinal: *ordinal, later: *later })
            .collect();
        prop_assert_eq!(changed_among(&generation, &found).unwrap(), changed);
    }
}

#[test]
fn an_integer_and_a_text_of_the_same_digits_are_two_names() {
    let folder = tempfile::tempdir().unwrap();
    let number = Point {
        id: PointId::Integer(7),
        ..point(None, "", 0)
    };
    let points = [point(None, "7", 0), number.clone()];
    let generation = archived(folder.path(), &points, 1);
    let mut names = Names::of(&generation).unwrap();
    assert!(repeats(&mut names).is_empty());
    let other = PointName {
        namespace: Some("eu".to_owned()),
        id: PointId::Integer(7),
    };
    let asked = vec![number.name(), other.clone(), points[0].name()];
    assert_eq!(names.missing(asked).unwrap(), [other]);
}

#[test]
fn the_table_is_gone_afterwards_and_one_that_was_left_behind_is_in_nobody_s_way() {
    let folder = tempfile::tempdir().unwrap();
    let generation = archived(folder.path(), &[point(None, "a", 0)], 1);
    let path = generation.folder().join("names.scratch");
    std::fs::write(&path, "left behind by a kill").unwrap();
    let mut names = Names::of(&generation).unwrap();
    assert_eq!(names.by_namespace().unwrap()[&None], 1);
    drop(names);
    assert!(!path.exists());
}

#[test]
fn a_namespace_is_looked_at_again_when_it_is_short_or_was_written_to() {
    let counts = |counts: &[(&str, u64)]| -> Counts {
        let named = counts.iter();
        named
            .map(|(name, count)| (Some((*name).to_owned()), *count))
            .collect()
    };
    let read = counts(&[("whole", 3), ("short", 2), ("changed", 4), ("deleted", 1)]);
    let before = counts(&[("whole", 3), ("short", 3), ("changed", 5), ("deleted", 1)]);
    let after = counts(&[("whole", 3), ("short", 3), ("changed", 4), ("new", 1)]);
    let doubtful = differing(&read, &before, &after);
    let named: Vec<&str> = doubtful.iter().flatten().map(String::as_str).collect();
    // A service may refuse to list the names of a namespace that it has no more.
    assert_eq!(named, ["changed", "new", "short"]);
}
