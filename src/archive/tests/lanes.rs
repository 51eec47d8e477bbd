//! What a manifest says of lanes: which there are, and whose points follow whose.

use crate::archive::{Archive, ArchiveError, Generation, Manifest};
use crate::source::{Cursor, Lane, Place, Places};

use super::support::{clock, facts, numbered, read_point, unnamed};

fn lanes() -> Vec<Lane> {
    ["a", "b"]
        .map(|name| Lane::Namespace(Some(name.to_owned())))
        .into()
}

/// Two parts, the points of which come from these lanes.
fn export(root: &std::path::Path, parts: [&[usize]; 2]) -> Result<Generation, ArchiveError> {
    let mut writer = Archive::at(root).write(&facts(&unnamed(3)), clock())?;
    writer.set_lanes(lanes())?;
    let mut points = numbered(64, 3).into_iter().enumerate();
    for part in parts {
        for lane in part {
            let (ordinal, point) = points.next().unwrap();
            writer.push_along(Some(*lane), &read_point(&point, ordinal))?;
        }
        writer.seal()?;
    }
    writer.finish(None)
}

fn runs(manifest: &Manifest) -> Vec<String> {
    let parts = manifest.parts.iter();
    parts.map(|part| part.runs.clone().into()).collect()
}

#[test]
fn each_part_has_the_runs_of_its_own_points() {
    let folder = tempfile::tempdir().unwrap();
    let written = export(folder.path(), [&[0, 0, 1], &[1, 0, 0, 0, 1]]).unwrap();
    let read = Archive::at(folder.path()).current().unwrap().unwrap();
    for generation in [written, read] {
        assert_eq!(generation.manifest().lanes, lanes());
        assert_eq!(runs(generation.manifest()), ["0*2 1*1", "1*1 0*3 1*1"]);
    }
}

#[test]
fn runs_that_are_not_the_parts_points_or_of_no_lane_are_damage() {
    for (found, instead) in [
        ("0*2 1*1", "0*2 1*2"),
        ("0*2 1*1", "0*2 2*1"),
        ("0*2 1*1", "many"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        export(folder.path(), [&[0, 0, 1], &[1]]).unwrap();
        let path = folder.path().join("0001/manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(found, instead)).unwrap();
        let error = Archive::at(folder.path()).current().unwrap_err();
        let told = error.to_string();
        assert!(
            matches!(error, ArchiveError::DamagedManifest { .. }),
            "{told}"
        );
    }
}

#[test]
fn places_are_written_as_the_format_says() {
    let places = Places {
        open: vec![
            Place {
                lane: 1,
                from: Some(Cursor::Opaque("abc".to_owned())),
            },
            Place {
                lane: 4,
                from: None,
            },
        ],
        unbegun: 5,
    };
    let text = serde_json::to_string(&Cursor::Lanes(places.clone())).unwrap();
    assert_eq!(
        text,
        r#"{"lanes":{"open":[{"lane":1,"from":{"opaque":"abc"}},{"lane":4}],"unbegun":5}}"#
    );
    let read: Cursor = serde_json::from_str(&text).unwrap();
    assert_eq!(read, Cursor::Lanes(places));
    let lane = serde_json::to_string(&Lane::WHOLE).unwrap();
    assert_eq!(lane, r#"{"ids":{"from":null,"until":null}}"#);
}
