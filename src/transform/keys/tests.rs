use proptest::prelude::*;

use super::*;
use crate::point::canonical_json;
use crate::record::Metadata;

fn fixed(payload: &str, filler: &str) -> Result<(String, Vec<Change>), Reason> {
    let mut payload = serde_json::from_str(payload).unwrap();
    let mut changes = Vec::new();
    let filler: KeyFiller = filler.parse().unwrap();
    match filler.fix(&mut payload, &mut changes) {
        Ok(keys) => {
            assert_eq!(keys, changes.len());
            Ok((canonical_json(&payload), changes))
        }
        Err(refused) => Err(refused.reason),
    }
}

#[test]
fn only_what_vectorize_forbids_is_replaced() {
    for (key, wanted) in [
        ("", "_"),
        ("$", "_"),
        ("$a", "_a"),
        ("$$a", "_$a"),
        ("a$", "a$"),
        ("a.b.c", "a_b_c"),
        ("\"a\"", "_a_"),
        ("ключ.x", "ключ_x"),
        ("plain", "plain"),
    ] {
        assert_eq!(
            "_".parse::<KeyFiller>().unwrap().fixed(key),
            wanted,
            "{key}"
        );
    }
}

#[test]
fn keys_are_fixed_at_every_level_and_told_once_each() {
    let text = r#"{"a.b":{"$c":[{"a.b":1},{"a.b":2}]},"ok":3}"#;
    let (json, changes) = fixed(text, "-").unwrap();
    assert_eq!(json, r#"{"a-b":{"-c":[{"a-b":1},{"a-b":2}]},"ok":3}"#);
    assert_eq!(
        changes,
        ["$c", "a.b"].map(|key| Change::KeyFixed(key.to_owned()))
    );
}

#[test]
fn two_keys_that_become_one_are_a_rejection_that_names_both() {
    for (text, first, second, to) in [
        (r#"{"a.b":1,"a_b":2}"#, "a_b", "a.b", "a_b"),
        (r#"{"a\"b":1,"a.b":2}"#, "a\"b", "a.b", "a_b"),
        (r#"{"x":{"":1,"$":2}}"#, "", "$", "_"),
    ] {
        let reason = Reason::KeysCollide {
            first: first.to_owned(),
            second: second.to_owned(),
            to: to.to_owned(),
        };
        assert_eq!(fixed(text, "_"), Err(reason), "{text}");
    }
}

#[test]
fn the_same_key_in_two_objects_is_no_collision() {
    let (json, _) = fixed(r#"{"a":{"x.y":1},"b":{"x_y":2}}"#, "_").unwrap();
    assert_eq!(json, r#"{"a":{"x_y":1},"b":{"x_y":2}}"#);
}

#[test]
fn the_character_must_itself_be_allowed() {
    for text in ["_", "-", " ", "é", "💣"] {
        assert_eq!(text.parse::<KeyFiller>().unwrap().to_string(), text);
    }
    for text in [".", "\"", "$", "\n", "\u{7f}"] {
        let character = text.chars().next().unwrap();
        assert_eq!(
            text.parse::<KeyFiller>(),
            Err(KeyFillerError::Forbidden(character))
        );
    }
    for text in ["", "__"] {
        assert_eq!(
            text.parse::<KeyFiller>(),
            Err(KeyFillerError::Length(text.to_owned()))
        );
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from)];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let key = "[a.$\"_]{0,3}";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_key_is_refused_afterwards_and_nothing_is_lost(
        entries in proptest::collection::btree_map("[a.$\"_]{0,3}", value(), 0..5),
        filler in "[a_é-]",
    ) {
        let mut payload: Payload = entries.into_iter().collect();
        let leaves = |payload: &Payload| canonical_json(payload).matches([':', ',']).count();
        let before = leaves(&payload);
        let filler: KeyFiller = filler.parse().unwrap();
        if filler.fix(&mut payload, &mut Vec::new()).is_ok() {
            prop_assert_eq!(leaves(&payload), before);
            prop_assert!(Metadata::new(payload).is_ok());
        }
    }
}
