use serde_json::json;

use super::*;
use crate::report::ShownRecord;

fn point() -> ShownPoint {
    let object = |value: Value| value.as_object().unwrap().clone();
    let vector = ShownVector {
        dimensions: 384,
        first: vec![0.25, -1.5, 0.125],
    };
    ShownPoint {
        ordinal: 7,
        id: "42".to_owned(),
        id_kind: "integer",
        namespace: None,
        vector: Some(vector.clone()),
        data: None,
        payload: object(json!({"a.b": 1, "same": "x", "text": "y".repeat(5_000)})),
        record: Some(ShownRecord {
            id: "f_3".to_owned(),
            namespace: Some("eu".to_owned()),
            vector,
            file_key: Some("file:f".to_owned()),
            order: Some("3".to_owned()),
            metadata: object(json!({"a_b": 1, "same": "x", "text": "y".repeat(4_000)})),
        }),
        notes: vec!["keys_fixed"],
        rejection: None,
    }
}

#[test]
fn no_line_is_wider_than_was_asked_for() {
    for width in [60, 80, 120, 160] {
        let text = render(&[point(), point()], width);
        for line in text.lines() {
            assert!(
                line.chars().count() <= usize::from(width),
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn both_sides_and_what_stays_the_same_are_told() {
    let text = render(&[point()], 120);
    for piece in [
        "point 42",
        "record f_3",
        "eu",
        "384 dimensions: 0.25, -1.5, 0.125",
        "file:f, order 3",
        "keys_fixed",
        "a.b",
        "a_b",
    ] {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
    let same = text.lines().find(|line| line.contains("same")).unwrap();
    assert!(same.contains("\"x\"") && same.contains("┆ = "), "{same}");
}

#[test]
fn a_long_text_is_shortened_in_its_middle() {
    assert_eq!(shortened(&"é".repeat(MAX_CHARS)), "é".repeat(MAX_CHARS));
    let text = shortened(&format!("a{}z", "é".repeat(1_000)));
    assert!(text.starts_with('a') && text.ends_with('z'));
    assert!(text.contains("… 762 characters …"), "{text}");
}

#[test]
fn a_payload_cannot_write_escape_codes_to_the_terminal() {
    let mut point = point();
    point
        .payload
        .insert("\u{1b}[31m".to_owned(), json!("\u{9b}2J"));
    let text = render(&[point], 80);
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
}
