use super::*;
use serde_json::Value;

/// The points of the recorded `kinds` collection, in the file's order.
fn kinds() -> Vec<Point> {
    let text = include_str!("../../../fixtures/qdrant-1.18.3/kinds/scroll.rest.json");
    let answer: Value = serde_json::from_str(text).unwrap();
    let points = answer["result"]["points"].as_array().unwrap();
    points.iter().map(point_of).collect()
}

fn point_of(value: &Value) -> Point {
    let id = match &value["id"] {
        Value::Number(number) => PointId::Integer(number.as_u64().unwrap()),
        other => PointId::from_parts("uuid", other.as_str().unwrap()).unwrap(),
    };
    let numbers = value["vector"].as_array().unwrap();
    let vector = numbers
        .iter()
        .map(|number| number.to_string().parse().unwrap())
        .collect();
    Point {
        id,
        namespace: None,
        dense: vec![Some(vector)],
        sparse: vec![],
        payload: value["payload"].as_object().unwrap().clone(),
        data: None,
    }
}

/// What became of each point: a reason's name, or its notes.
fn outcomes(mapping: &Mapping) -> Vec<String> {
    let transform = by(mapping.clone());
    let outcome = |point| match both(&transform, point) {
        Ok(transformed) => {
            let names: Vec<_> = transformed.notes.iter().map(Note::name).collect();
            format!("{} {}", transformed.record.id, names.join(" "))
        }
        Err(rejection) => rejection.reason.name().to_owned(),
    };
    kinds().into_iter().map(outcome).collect()
}

#[test]
fn points_of_all_kinds_under_their_own_ids() {
    assert_eq!(
        outcomes(&Mapping::default()),
        [
            "0 no_file",
            "1 null_metadata no_file",
            "big_integer",
            "9007199254740993 no_file",
            "18446744073709551615 deep_metadata mixed_array no_file",
            "035c4ea0-d73b-5bde-bd6f-c806b04f2ec3 zero_vector null_metadata mixed_array no_file",
            "334b6b31-12a2-5bfc-bf4f-870c0954b343 no_file",
            "5bd20866-3478-53f7-bc79-d2aae304b443 source_id",
            "afca48e9-59ea-5a28-b8a4-88e0cc6eda1c source_id",
            "b756dcb0-3600-525d-bacb-285c0f1a07e2 source_id",
            "metadata_key",
            "c06243dc-eaed-5ddf-bc34-c28ae6c89ede null_metadata no_file source_id",
            "metadata_too_large",
            "c6577abe-8c0f-5a02-ac84-aa94c2247b1e source_id",
            "e1e5b788-f429-5a32-9f7e-63865921a5e5 no_file",
            "ff6c5a08-b2fa-56b6-ac00-6830f4074b6a source_id",
        ]
    );
}

#[test]
fn points_of_all_kinds_under_the_sync_systems_ids() {
    let missing = "missing_field";
    assert_eq!(
        outcomes(&with_id("{file_id}_{chunk_index}")),
        [
            missing,
            missing,
            missing,
            missing,
            missing,
            missing,
            missing,
            "12345_2 ",
            "f1_1 ",
            "id_too_long",
            missing,
            missing,
            missing,
            "f1_1 ",
            missing,
            "f1_0 ",
        ]
    );
}

#[test]
fn subnormal_numbers_and_control_characters_arrive_unchanged() {
    let transform = by(Mapping {
        big_ints: BigInts::String,
        ..Mapping::default()
    });
    for point in kinds() {
        let (id, payload) = (point.id.to_string(), point.payload.clone());
        let vector = point.dense[0].clone().unwrap();
        let Ok(transformed) = both(&transform, point) else {
            continue;
        };
        assert_eq!(transformed.record.values, vector, "{id}");
        let sent: crate::point::Payload =
            serde_json::from_str(transformed.record.metadata.json()).unwrap();
        assert!(sent == payload || id == "2", "{id}");
    }
}
