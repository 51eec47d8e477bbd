use serde_json::json;

use super::*;
use crate::point::canonical_json;

/// A mapping with all options of the payload's steps.
fn all() -> Mapping {
    Mapping {
        id: "{doc}".parse().unwrap(),
        map: Some(".title |= ascii_upcase | .x = null".parse().unwrap()),
        rename: vec!["d=doc".parse().unwrap(), "raw=data".parse().unwrap()],
        keep: vec![
            "title".into(),
            "text".into(),
            "x".into(),
            "a.b".into(),
            "big".into(),
        ],
        drop: vec!["big".into()],
        nulls: Nulls::Drop,
        fix_keys: Some("_".parse().unwrap()),
        truncate: Some("text".into()),
        data_field: "text".into(),
        ..Mapping::default()
    }
}

fn metadata(mapping: Mapping, point: Point) -> String {
    let made = both(&by(mapping), point).unwrap();
    canonical_json(made.record.metadata.object())
}

fn with_data(payload: &str, data: &str) -> Point {
    Point {
        data: Some(data.to_owned()),
        ..point(payload)
    }
}

#[test]
fn the_steps_come_in_their_documented_order() {
    // The data is there for --map; the id is made after --rename and before
    // --keep; the integer is dropped before it could be too big; the text is cut
    // last, when all else is as it will be sent.
    let point = with_data(
        r#"{"d":"f","title":"a","a.b":1,"big":9007199254740993,"other":2}"#,
        &"y".repeat(20_000),
    );
    let made = both(&by(all()), point).unwrap();
    assert_eq!(made.record.id.as_str(), "f");
    let metadata = made.record.metadata;
    assert_eq!(metadata.json().len(), 10_240);
    assert!(metadata.json().starts_with(r#"{"a_b":1,"text":"yyy"#));
    assert!(metadata.json().ends_with(r#"y","title":"A"}"#));
    let notes: Vec<_> = made.notes.iter().map(Note::name).collect();
    assert_eq!(
        notes,
        ["no_file", "nulls_dropped", "keys_fixed", "truncated"]
    );
    let cut = 20_000 - metadata.object()["text"].as_str().unwrap().len();
    let found = |key: &str| Change::KeyFound(key.to_owned());
    let wanted = [
        found("--rename d"),
        found("--keep a.b"),
        found("--keep big"),
        found("--keep text"),
        found("--keep title"),
        found("--keep x"),
        found("--drop big"),
        Change::KeyFixed("a.b".to_owned()),
        Change::Cut(cut),
    ];
    assert_eq!(made.changes, wanted);
}

#[test]
fn data_goes_into_the_payload_where_a_point_has_it() {
    assert_eq!(
        metadata(Mapping::default(), with_data(r#"{"a":1}"#, "t")),
        r#"{"a":1,"data":"t"}"#
    );
    assert_eq!(
        metadata(Mapping::default(), with_data("{}", "")),
        r#"{"data":""}"#
    );
    assert_eq!(
        metadata(Mapping::default(), point(r#"{"a":1}"#)),
        r#"{"a":1}"#
    );
    let mapping = Mapping {
        data_field: "text".into(),
        ..with_id("{text}")
    };
    let made = both(&by(mapping), with_data("{}", "t")).unwrap();
    assert_eq!(made.record.id.as_str(), "t");
}

#[test]
fn a_data_field_that_the_payload_has_is_a_rejection_that_names_the_way_out() {
    let rejection = rejected(Mapping::default(), with_data(r#"{"data":[1]}"#, "t"));
    assert_eq!(rejection.reason.name(), "data_field_taken");
    assert_eq!(rejection.value, "[1]");
    assert!(rejection.reason.to_string().contains("--data-field"));
}

#[test]
fn a_program_that_fails_is_a_rejection_with_the_points_id() {
    let mapping = Mapping {
        map: Some(".a.b".parse().unwrap()),
        ..Mapping::default()
    };
    let rejection = rejected(mapping, point(r#"{"a":1}"#));
    assert_eq!(
        rejection.to_string(),
        r#"the point '7' is rejected: --map failed: cannot index 1 with "b""#
    );
    assert_eq!(rejection.value, r#"{"a":1}"#);
}

#[test]
fn templates_see_what_is_dropped() {
    let mapping = Mapping {
        drop: vec!["file_id".into(), "chunk_index".into()],
        ..with_id("{file_id}_{chunk_index}")
    };
    let made = both(
        &by(mapping),
        point(r#"{"file_id":"f","chunk_index":3,"a":1}"#),
    )
    .unwrap();
    assert_eq!(made.record.id.as_str(), "f_3");
    let slot = made.file.unwrap().unwrap();
    assert_eq!(
        (slot.key.as_str(), slot.order),
        ("file:f", Order::Number(3.0))
    );
    assert_eq!(made.record.metadata.json(), r#"{"a":1}"#);
}

#[test]
fn templates_see_the_new_names_of_renamed_keys() {
    let mapping = Mapping {
        rename: vec!["doc=file_id".parse().unwrap()],
        ..Mapping::default()
    };
    let made = both(&by(mapping), point(r#"{"doc":"f"}"#)).unwrap();
    assert_eq!(made.file.unwrap().unwrap().key.as_str(), "file:f");
    assert_eq!(made.record.metadata.json(), r#"{"file_id":"f"}"#);
}

#[test]
fn a_taken_name_and_colliding_keys_are_rejections() {
    let renaming = Mapping {
        rename: vec!["a=b".parse().unwrap()],
        ..Mapping::default()
    };
    let rejection = rejected(renaming, point(r#"{"a":1,"b":"there"}"#));
    assert_eq!(
        (rejection.reason.name(), rejection.value.as_str()),
        ("rename_taken", "\"there\"")
    );
    let fixing = Mapping {
        fix_keys: Some("_".parse().unwrap()),
        ..Mapping::default()
    };
    let rejection = rejected(fixing, point(r#"{"a.b":1,"a_b":2}"#));
    assert_eq!(rejection.reason.name(), "keys_collide");
}

#[test]
fn what_truncation_cannot_help_stays_too_large_and_says_why() {
    let mapping = Mapping {
        truncate: Some("text".into()),
        ..Mapping::default()
    };
    let large = json!({"other": "x".repeat(11_000)}).to_string();
    let rejection = rejected(mapping, point(&large));
    assert_eq!(rejection.reason.name(), "metadata_too_large");
    assert_eq!(
        rejection.reason.to_string(),
        "the metadata has 11012 bytes as compact JSON; Vectorize takes at most 10240; --truncate names 'text', which this point does not have"
    );
    assert!(rejection.value.starts_with(r#""other":"xxx"#));
}

#[test]
fn text_that_fits_is_not_cut() {
    let mapping = Mapping {
        truncate: Some("text".into()),
        ..Mapping::default()
    };
    let made = both(
        &by(mapping),
        point(&json!({"text": "x".repeat(10_229)}).to_string()),
    )
    .unwrap();
    assert_eq!(made.record.metadata.json().len(), 10_240);
    assert_eq!(made.changes, []);
}

#[test]
fn long_ids_are_hashed_where_that_is_asked_for() {
    let long = "x".repeat(65);
    let payload = json!({ "doc": long }).to_string();
    assert_eq!(
        rejected(with_id("{doc}"), point(&payload)).reason.name(),
        "id_too_long"
    );
    let mapping = Mapping {
        long_ids: LongIds::Hash,
        ..with_id("{doc}")
    };
    let made = both(&by(mapping.clone()), point(&payload)).unwrap();
    assert_eq!(made.record.id.as_str(), short_id(&long));
    assert!(made.notes.contains(Note::IdHashed));
    assert_eq!(notes(mapping, point(r#"{"doc":"short"}"#)), [Note::NoFile]);
}

proptest! {
    #[test]
    fn the_borrowed_and_the_owned_way_agree_under_any_options(
        entries in proptest::collection::btree_map("[a-d.]{1,2}", any::<Option<i64>>(), 0..6),
        data in proptest::option::of("[a-z]{0,5}"),
        renames in proptest::collection::vec(("[a-d]", "[a-e]"), 0..3),
        kept in proptest::collection::vec("[a-d.]{1,2}", 0..3),
        dropped in proptest::collection::vec("[a-d.]{1,2}", 0..3),
        fix in any::<bool>(),
        nulls in any::<bool>(),
    ) {
        let mapping = Mapping {
            data_field: "a".into(),
            rename: renames.into_iter().map(|(from, to)| Rename { from, to }).collect(),
            keep: kept,
            drop: dropped.clone(),
            fix_keys: fix.then(|| "_".parse().unwrap()),
            nulls: if nulls { Nulls::Drop } else { Nulls::Keep },
            big_ints: BigInts::String,
            ..Mapping::default()
        };
        let transform = by(mapping);
        let mut given = point("{}");
        given.payload = entries.into_iter().map(|(key, value)| (key, json!(value))).collect();
        given.data = data;
        let Ok(made) = both(&transform, given) else { return Ok(()) };
        let object = made.record.metadata.object();
        prop_assert!(dropped.iter().all(|key| !object.contains_key(key) || key.contains('_')));
        prop_assert!(!nulls || object.values().all(|value| !value.is_null()));
    }
}
