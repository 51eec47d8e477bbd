use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::point::canonical_json;
use crate::record::MAX_METADATA_BYTES;

fn object(value: &Value) -> Payload {
    value.as_object().unwrap().clone()
}

fn bytes(object: &Payload) -> usize {
    canonical_json(object).len()
}

/// Cuts to `limit`; gives what is left, and how much was cut.
fn cut(value: &Value, path: &str, limit: usize) -> Result<(Value, usize), Uncut> {
    let mut object = object(value);
    let now = bytes(&object);
    let cut = truncate(&mut object, path, now, limit)?;
    Ok((Value::Object(object), cut))
}

#[test]
fn a_text_is_cut_until_the_whole_fits_exactly() {
    let (left, cut) = cut(&json!({"a": 1, "text": "x".repeat(50)}), "text", 40).unwrap();
    assert_eq!(canonical_json(&object(&left)).len(), 40);
    assert_eq!(cut, 50 - left["text"].as_str().unwrap().len());
}

#[test]
fn escapes_count_as_what_they_are_sent_as() {
    // Each takes 6 bytes: one must go although a single byte is too many.
    let value = json!({"t": "\u{1}\u{1}\u{1}"});
    let size = bytes(&object(&value));
    let (left, cut) = cut(&value, "t", size - 1).unwrap();
    assert_eq!((left, cut), (json!({"t": "\u{1}\u{1}"}), 1));
}

#[test]
fn a_character_is_never_cut_in_two() {
    let value = json!({"t": "日本語"});
    let size = bytes(&object(&value));
    for excess in 1..=3 {
        let (left, cut) = cut(&value, "t", size - excess).unwrap();
        assert_eq!((left, cut), (json!({"t": "日本"}), 3), "{excess}");
    }
}

#[test]
fn a_text_within_an_object_is_found_by_its_path() {
    let value = json!({"m": {"text": "xxxxxxxxxx"}});
    let size = bytes(&object(&value));
    let (left, _) = cut(&value, "m.text", size - 4).unwrap();
    assert_eq!(left, json!({"m": {"text": "xxxxxx"}}));
}

#[test]
fn what_cannot_be_cut_says_why() {
    let value = json!({"a": "x".repeat(100), "n": 7, "o": {}});
    assert_eq!(cut(&value, "text", 10), Err(Uncut::Absent));
    assert_eq!(cut(&value, "o.text", 10), Err(Uncut::Absent));
    assert_eq!(cut(&value, "n", 10), Err(Uncut::NotText));
    let without = bytes(&object(&json!({"a": "", "n": 7, "o": {}})));
    assert_eq!(
        cut(&value, "a", 10),
        Err(Uncut::NotEnough { bytes: without })
    );
    assert_eq!(
        cut(&value, "a", without).unwrap(),
        (json!({"a": "", "n": 7, "o": {}}), 100)
    );
}

#[test]
fn every_character_takes_the_bytes_that_json_gives_it() {
    for character in (0..=0x10_ffff)
        .step_by(7)
        .chain(0..0x300)
        .filter_map(char::from_u32)
    {
        let text = Value::from(character.to_string()).to_string();
        assert_eq!(json_bytes(character), text.len() - 2, "{character:?}");
    }
}

proptest! {
    #[test]
    fn it_fits_and_one_character_more_would_not(
        text in proptest::collection::vec(any::<char>(), 3_000..12_000),
        other in "[a-z]{0,50}",
    ) {
        let text: String = text.into_iter().collect();
        let mut object = object(&json!({"other": other, "text": text}));
        let before = bytes(&object);
        prop_assume!(before > MAX_METADATA_BYTES);
        let cut = truncate(&mut object, "text", before, MAX_METADATA_BYTES).unwrap();
        prop_assert!(bytes(&object) <= MAX_METADATA_BYTES);
        let left = object["text"].as_str().unwrap().to_owned();
        prop_assert!(text.starts_with(&left));
        prop_assert_eq!(cut, text.len() - left.len());
        let one_more: String = text.chars().take(left.chars().count() + 1).collect();
        object.insert("text".to_owned(), Value::from(one_more));
        prop_assert!(bytes(&object) > MAX_METADATA_BYTES);
    }
}
