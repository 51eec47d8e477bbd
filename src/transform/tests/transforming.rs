use super::*;

#[test]
fn vector_and_payload_arrive_unchanged() {
    let mut point = point(r#"{"b":1.10,"a":"x"}"#);
    let values: Vec<f32> = (1..=32).map(f32::from_bits).collect();
    point.dense = vec![Some(values.clone())];
    point.sparse = vec![Some(SparseVector::default())];
    let record = both(&by(Mapping::default()), point).unwrap().record;
    assert_eq!(record.values, values);
    assert_eq!(record.metadata.json(), r#"{"a":"x","b":1.10}"#);
    assert_eq!((record.id.as_str(), record.namespace), ("7", None));
}

#[test]
fn the_namespace_is_the_sources_or_the_templates() {
    let mut point = point(r#"{"tenant":"t1"}"#);
    point.namespace = Some("eu".into());
    let of = |mapping| {
        let record = both(&by(mapping), point.clone()).unwrap().record;
        record.namespace.map(String::from)
    };
    assert_eq!(of(Mapping::default()).as_deref(), Some("eu"));
    let mapping = Mapping {
        namespace: Some("{namespace}-{tenant}".parse().unwrap()),
        ..with_id("{namespace}:{id}")
    };
    assert_eq!(of(mapping).as_deref(), Some("eu-t1"));
}

#[test]
fn an_all_zero_vector_is_noted_only_under_cosine() {
    for (metric, noted) in [
        (Metric::Cosine, true),
        (Metric::Euclidean, false),
        (Metric::DotProduct, false),
    ] {
        let transform = Transform::resolve(
            Mapping::default(),
            &shape(&[""], DIMENSIONS),
            target(metric),
        );
        let mut zero = point("{}");
        zero.dense = vec![Some([0.0, -0.0].repeat(16))];
        let notes = both(&transform.unwrap(), zero).unwrap().notes;
        assert_eq!(notes.contains(Note::ZeroVector), noted, "{metric}");
    }
}

#[test]
fn a_single_subnormal_number_is_not_zero() {
    let mut tiny = point("{}");
    tiny.dense = vec![Some(vec![0.0; DIMENSIONS])];
    tiny.dense[0].as_mut().unwrap()[31] = f32::from_bits(1);
    assert_eq!(notes(Mapping::default(), tiny), [Note::NoFile]);
}

#[test]
fn a_file_slot_has_key_and_order() {
    let transformed = both(
        &by(with_id("{file_id}_{chunk_index}")),
        point(r#"{"file_id":"f","chunk_index":3.0}"#),
    )
    .unwrap();
    let slot = transformed.file.unwrap().unwrap();
    assert_eq!(slot.key.as_str(), "file:f");
    assert_eq!(slot.order, Order::Number(3.0));
    assert!(transformed.notes.is_empty());
    assert_eq!(transformed.record.id.as_str(), "f_3");
}

#[test]
fn gaps_in_file_and_order_are_noted() {
    let mapping = || with_id("{id}.");
    assert_eq!(
        notes(mapping(), point(r#"{"chunk_index":1}"#)),
        [Note::NoFile]
    );
    assert_eq!(notes(mapping(), point(r#"{"file_id":{}}"#)), [Note::NoFile]);
    assert_eq!(
        notes(mapping(), point(r#"{"file_id":"f"}"#)),
        [Note::NoOrder]
    );
}

#[test]
fn a_file_id_beside_the_sources_own_id_is_noted() {
    let payload = r#"{"file_id":"f","chunk_index":0}"#;
    assert_eq!(notes(Mapping::default(), point(payload)), [Note::SourceId]);
    assert_eq!(
        notes(with_id("{file_id}_{chunk_index}"), point(payload)),
        []
    );
}

#[test]
fn a_file_key_that_kv_cannot_hold_is_left_to_the_caller() {
    let payload = format!(r#"{{"file_id":"{}","chunk_index":1}}"#, "x".repeat(508));
    let transformed = both(&by(Mapping::default()), point(&payload)).unwrap();
    let problem = transformed.file.unwrap_err();
    assert!(matches!(problem, FileKeyProblem::Long { bytes: 513, .. }));
    let value = problem.key().to_owned();
    let rejection = Rejection::new(PointId::Integer(7), None, Reason::FileKey(problem), &value);
    assert_eq!(rejection.reason.name(), "file_key");
    assert_eq!(
        rejection.reason.to_string(),
        "the file key has 513 bytes; KV takes at most 512"
    );
}

proptest! {
    #[test]
    fn no_payload_panics_and_what_passes_obeys_the_limits(
        text in "[a$.é\"]{0,3}",
        integer in any::<i128>(),
        big_ints in prop::sample::select(vec![BigInts::Reject, BigInts::String, BigInts::Number]),
        float in any::<f64>(),
        values in prop::collection::vec(any::<f32>(), DIMENSIONS),
    ) {
        let mut point = point("{}");
        let integer: serde_json::Number = integer.to_string().parse().unwrap();
        point.payload.insert(text.clone(), integer.into());
        point.payload.insert("f".into(), float.into());
        point.payload.insert("file_id".into(), text.into());
        point.dense = vec![Some(values)];
        let mapping = Mapping { big_ints, ..with_id("{file_id}{id}") };
        if let Ok(transformed) = both(&by(mapping), point) {
            let record = transformed.record;
            prop_assert!(record.values.iter().all(|value| value.is_finite()));
            prop_assert!(record.metadata.json().len() <= 10_240);
            let keys: String = record.metadata.object().keys().cloned().collect();
            prop_assert!(!keys.contains(['.', '"']));
        }
    }
}
