use super::*;

const PAGE: &str = include_str!("../../../docs/mapping.md");

/// One for each name but those of notes.
fn reasons() -> Vec<Reason> {
    vec![
        Reason::MissingVector {
            name: String::new(),
        },
        Reason::WrongDimensions {
            found: 8,
            wanted: 32,
        },
        Reason::NotFinite { position: 0 },
        Reason::MissingField {
            template: "{k}".into(),
            field: "k".into(),
            found: Found::Nothing,
        },
        Reason::Id(LimitError::EmptyId),
        Reason::Id(LimitError::LongId { bytes: 65 }),
        Reason::Namespace(LimitError::EmptyNamespace),
        Reason::Namespace(LimitError::LongNamespace { bytes: 65 }),
        Reason::Metadata(LimitError::LargeMetadata { bytes: 10_241 }),
        Reason::Metadata(LimitError::DeepMetadata { levels: 101 }),
        Reason::Metadata(LimitError::Key {
            key: String::new(),
            rule: "is empty",
        }),
        Reason::Untruncated {
            large: LimitError::LargeMetadata { bytes: 10_241 },
            field: "text".into(),
            uncut: Uncut::Absent,
        },
        Reason::DataFieldTaken {
            field: "data".into(),
        },
        Reason::MapFailed {
            message: String::new(),
        },
        Reason::RenameTaken("a=b".parse().unwrap()),
        Reason::KeysCollide {
            first: "a".into(),
            second: "b".into(),
            to: "c".into(),
        },
        Reason::BigInteger {
            path: "a".into(),
            digits: "9".into(),
        },
        Reason::NumberOutOfRange { path: "a".into() },
        Reason::FileKey(FileKeyProblem::Empty),
        Reason::Collision {
            other: PointId::Integer(1),
            other_namespace: None,
            id: VectorId::new("a").unwrap(),
        },
        Reason::RefusedByVectorize {
            code: 1,
            message: String::new(),
        },
        Reason::RefusedClass {
            class: Notes::default(),
            code: 1,
            message: String::new(),
        },
    ]
}

#[test]
fn every_reason_has_its_row() {
    for name in reasons().iter().map(Reason::name) {
        assert!(PAGE.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn every_note_has_its_row_with_its_explanation() {
    for note in Note::ALL {
        let row = format!("\n| `{note}` | {} |", note.explanation());
        assert!(PAGE.contains(&row), "{row}");
    }
}

#[test]
fn the_documented_numbers_are_the_ones_checked() {
    use crate::record::{
        MAX_DIMENSIONS, MAX_ID_BYTES, MAX_METADATA_BYTES, MAX_NAMESPACE_BYTES, MIN_DIMENSIONS,
    };
    let limits = [
        MAX_ID_BYTES,
        MAX_NAMESPACE_BYTES,
        MIN_DIMENSIONS,
        MAX_DIMENSIONS,
        MAX_METADATA_BYTES,
        MAX_KEY_BYTES,
        MAX_VALUE_CHARS,
    ];
    for limit in limits {
        let digits = limit.to_string();
        let grouped = match digits.len() {
            0..=3 => digits,
            length => format!("{},{}", &digits[..length - 3], &digits[length - 3..]),
        };
        assert!(PAGE.contains(&grouped), "{grouped}");
    }
}
