use proptest::prelude::*;

use super::*;
use crate::point::canonical_json;

fn object(text: &str) -> Payload {
    serde_json::from_str(text).unwrap()
}

fn keys(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_the_kept_keys_stay() {
    let (mut payload, mut changes) = (object(r#"{"a":1,"b":{"a":2},"c":3}"#), Vec::new());
    keep(&mut payload, &keys(&["b", "z", "a"]), &mut changes);
    assert_eq!(canonical_json(&payload), r#"{"a":1,"b":{"a":2}}"#);
    assert_eq!(
        changes,
        ["--keep a", "--keep b"].map(|key| Change::KeyFound(key.to_owned()))
    );
}

#[test]
fn keeping_nothing_by_name_keeps_all() {
    let mut payload = object(r#"{"a":1}"#);
    keep(&mut payload, &[], &mut Vec::new());
    assert_eq!(canonical_json(&payload), r#"{"a":1}"#);
}

#[test]
fn dropped_keys_go_and_a_name_with_a_dot_is_one_key() {
    let (mut payload, mut changes) = (object(r#"{"a":{"b":1},"a.b":2,"":3,"c":4}"#), Vec::new());
    drop_keys(&mut payload, &keys(&["a.b", "", "z"]), &mut changes);
    assert_eq!(canonical_json(&payload), r#"{"a":{"b":1},"c":4}"#);
    assert_eq!(
        changes,
        ["--drop a.b", "--drop "].map(|key| Change::KeyFound(key.to_owned()))
    );
}

#[test]
fn nulls_go_at_every_level_but_not_from_lists() {
    let mut payload =
        object(r#"{"a":null,"b":{"c":null,"d":{"e":null}},"f":[null,{"g":null,"h":1}],"i":0}"#);
    assert_eq!(drop_nulls(&mut payload), 4);
    assert_eq!(
        canonical_json(&payload),
        r#"{"b":{"d":{}},"f":[null,{"h":1}],"i":0}"#
    );
    assert_eq!(drop_nulls(&mut payload), 0);
}

#[test]
fn words_are_read_and_written_alike() {
    for word in ["keep", "drop"] {
        assert_eq!(word.parse::<Nulls>().unwrap().to_string(), word);
        assert_eq!(
            serde_json::to_value(word.parse::<Nulls>().unwrap()).unwrap(),
            word
        );
    }
    assert!("null".parse::<Nulls>().is_err());
}

proptest! {
    #[test]
    fn keeping_then_dropping_leaves_what_is_kept_and_not_dropped(
        there in proptest::collection::btree_set("[a-e]", 0..5),
        kept in proptest::collection::vec("[a-e]", 1..4),
        dropped in proptest::collection::vec("[a-e]", 0..4),
    ) {
        let mut payload: Payload = there.iter().map(|key| (key.clone(), Value::from(1))).collect();
        keep(&mut payload, &kept, &mut Vec::new());
        drop_keys(&mut payload, &dropped, &mut Vec::new());
        let wanted = there.iter().filter(|key| kept.contains(key) && !dropped.contains(key));
        prop_assert!(payload.keys().eq(wanted));
    }
}
