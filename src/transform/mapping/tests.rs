use super::*;
use crate::point::PointId;

fn mapping(id: &str, file_key: &str) -> Mapping {
    Mapping {
        id: id.parse().unwrap(),
        file_key: file_key.parse().unwrap(),
        ..Mapping::default()
    }
}

fn slot(key: &str, order: Order) -> FileSlot {
    FileSlot {
        key: FileKey::new(key).unwrap(),
        order,
    }
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let mapping = serde_json::to_string(&Mapping::default()).unwrap();
    assert_eq!(
        mapping,
        r#"{"id":"{id}","namespace":null,"vector":null,"dims":null,"file_key":"file:{file_id}","order_by":"chunk_index","big_ints":"reject","unsettled":"send","data_field":"data","map":null,"rename":[],"keep":[],"drop":[],"nulls":"keep","fix_keys":null,"truncate":null,"long_ids":"reject"}"#
    );
}

#[test]
fn an_older_plan_gets_the_defaults_of_newer_options() {
    let old: Mapping = serde_json::from_str(r#"{"id":"{file_id}_{chunk_index}"}"#).unwrap();
    assert_eq!(old, mapping("{file_id}_{chunk_index}", "file:{file_id}"));
}

#[test]
fn an_option_of_a_newer_version_is_refused_and_not_ignored() {
    assert!(serde_json::from_str::<Mapping>(r#"{"colour":"blue"}"#).is_err());
}

#[test]
fn a_mapping_is_read_back_as_it_was_frozen() {
    let frozen = Mapping {
        namespace: Some("{tenant}".parse().unwrap()),
        vector: Some("text".into()),
        big_ints: BigInts::String,
        unsettled: UnsettledPolicy::Reject,
        data_field: "text".into(),
        map: Some(".a |= 1".parse().unwrap()),
        rename: vec!["a=b".parse().unwrap()],
        keep: vec!["b".into()],
        drop: vec!["c".into(), "".into()],
        nulls: Nulls::Drop,
        fix_keys: Some("_".parse().unwrap()),
        truncate: Some("text".into()),
        long_ids: LongIds::Hash,
        ..mapping("{{{id}}}", "{a.b}")
    };
    let text = serde_json::to_string(&frozen).unwrap();
    assert_eq!(serde_json::from_str::<Mapping>(&text).unwrap(), frozen);
}

#[test]
fn option_words_are_read_and_written_alike() {
    for word in ["reject", "string", "number"] {
        assert_eq!(word.parse::<BigInts>().unwrap().to_string(), word);
    }
    for word in ["send", "reject"] {
        assert_eq!(word.parse::<UnsettledPolicy>().unwrap().to_string(), word);
    }
    assert_eq!(
        "text".parse::<BigInts>().unwrap_err().to_string(),
        "'text' is not known here; use one of: reject, string, number"
    );
    assert!("number".parse::<UnsettledPolicy>().is_err());
}

#[test]
fn an_id_and_a_payload_tell_the_same_file_and_order() {
    let mapping = mapping("{file_id}_{chunk_index}", "file:{file_id}");
    for payload in [
        r#"{"file_id":"a_b","chunk_index":12}"#,
        r#"{"file_id":12345,"chunk_index":"2"}"#,
        r#"{"file_id":"f","chunk_index":3.0}"#,
    ] {
        let point = Point {
            id: PointId::Integer(1),
            namespace: None,
            dense: vec![],
            sparse: vec![],
            payload: serde_json::from_str(payload).unwrap(),
            data: None,
        };
        let id = mapping.id.render(&point).unwrap();
        let told = mapping.slot_of_id(&id).unwrap();
        assert!(told.is_some(), "{payload}");
        assert_eq!(told, mapping.file_slot(&point).unwrap(), "{payload}");
    }
}

#[test]
fn an_id_of_another_form_tells_no_file() {
    let mapping = mapping("{file_id}_{chunk_index}", "file:{file_id}");
    assert_eq!(
        mapping.slot_of_id("a_1"),
        Ok(Some(slot("file:a", Order::Number(1.0))))
    );
    for id in ["a", "a_", "a_b", "a_-1", "a_1.5", "c6577abe-8c0f-5a02"] {
        assert_eq!(mapping.slot_of_id(id), Ok(None), "{id}");
    }
}

#[test]
fn an_id_tells_no_file_where_a_separator_within_it_could_move_the_cut() {
    let mapping = mapping("{namespace}:{file_id}_{chunk_index}", "file:{file_id}");
    assert_eq!(mapping.slot_of_id("eu:drive:f_1"), Ok(None));
}

#[test]
fn ids_tell_files_only_when_they_hold_file_and_order() {
    for (id, file_key, tell) in [
        ("{file_id}_{chunk_index}", "file:{file_id}", true),
        (
            "{namespace}:{file_id}_{chunk_index}",
            "file:{file_id}",
            false,
        ),
        ("{file_id}{chunk_index}", "file:{file_id}", false),
        ("{file_id}", "file:{file_id}", false),
        ("{id}", "file:{file_id}", false),
        ("{chunk_index}_{file_id}", "file:{file_id}", false),
        ("{file_id}_{chunk_index}", "{namespace}/{file_id}", false),
    ] {
        let mapping = mapping(id, file_key);
        assert_eq!(mapping.ids_tell_files(), tell, "{id}");
    }
}

#[test]
fn the_sources_id_in_an_id_template_is_not_the_payloads_order() {
    let by_id = |id: &str| Mapping {
        order_by: "id".into(),
        ..mapping(id, "file:{file_id}")
    };
    assert!(!by_id("{file_id}_{id}").ids_tell_files());
    assert!(by_id("{file_id}_{.id}").ids_tell_files());
    assert_eq!(
        by_id("{file_id}_{.id}").slot_of_id("f_3"),
        Ok(Some(slot("file:f", Order::Number(3.0))))
    );
}

#[test]
fn nothing_is_read_from_an_id_that_may_be_a_hash() {
    let hashing = Mapping {
        long_ids: LongIds::Hash,
        ..mapping("{file_id}_{chunk_index}", "file:{file_id}")
    };
    let long = format!("{}_7", "x".repeat(70));
    let written = super::super::short_id(&long);
    assert!(hashing.ids_tell_files());
    assert_eq!(hashing.slot_of_id(&written), Ok(None));
    assert_eq!(
        hashing.slot_of_id("f_7"),
        Ok(Some(slot("file:f", Order::Number(7.0))))
    );
    // Digits alone after the last separator: an id that would be inverted wrongly.
    let tilde = mapping("{file_id}~{chunk_index}", "file:{file_id}");
    let unlucky = format!("{}~{}", "x".repeat(31), "1".repeat(32));
    assert!(tilde.slot_of_id(&unlucky).unwrap().is_some());
    let hashing = Mapping {
        long_ids: LongIds::Hash,
        ..tilde
    };
    assert_eq!(hashing.slot_of_id(&unlucky), Ok(None));
}

#[test]
fn the_namespace_goes_into_the_file_key_behind_its_prefix() {
    let mut mapping = Mapping::default();
    assert_eq!(
        mapping.file_key_by_namespace(),
        "file:{namespace}:{file_id}"
    );
    mapping.namespace = Some("{tenant}".parse().unwrap());
    mapping.file_key = "{doc}".parse().unwrap();
    assert_eq!(mapping.file_key_by_namespace(), "{tenant}:{doc}");
}
