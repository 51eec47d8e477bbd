//! What a server said comes back from its JSON, and nothing is guessed. That every
//! setting comes back is seen in `tests/restore/configuration.rs`.

use qdrant_client::qdrant as api;
use qdrant_client::qdrant::vectors_config::Config;

use super::*;

fn settings() -> Settings {
    let params = api::VectorParams {
        size: 8,
        distance: api::Distance::Manhattan.into(),
        datatype: Some(api::Datatype::Turbo4.into()),
        ..api::VectorParams::default()
    };
    let note = api::Value {
        kind: Some(api::value::Kind::NullValue(0)),
    };
    Settings {
        config: CollectionConfig {
            params: Some(api::CollectionParams {
                shard_number: 2,
                vectors_config: Some(api::VectorsConfig {
                    config: Some(Config::Params(params)),
                }),
                ..api::CollectionParams::default()
            }),
            optimizer_config: Some(api::OptimizersConfigDiff {
                deleted_threshold: Some(0.1),
                ..api::OptimizersConfigDiff::default()
            }),
            strict_mode_config: Some(api::StrictModeConfig {
                search_max_oversampling: Some(0.1),
                ..api::StrictModeConfig::default()
            }),
            metadata: HashMap::from([("note".to_owned(), note)]),
            ..CollectionConfig::default()
        },
        payload_schema: HashMap::new(),
    }
}

fn read(collection: Value) -> Result<Option<Settings>, Unreadable> {
    Settings::from_configuration(&Configuration {
        service: "qdrant".to_owned(),
        version: "1.18.3".to_owned(),
        collection,
    })
}

#[test]
fn settings_come_back_through_the_text_of_a_manifest() {
    let configuration = settings().to_configuration("1.18.3");
    let text = serde_json::to_string_pretty(&configuration).unwrap();
    let read: Configuration = serde_json::from_str(&text).unwrap();
    assert_eq!(read, configuration);
    assert_eq!(
        Settings::from_configuration(&read),
        Ok(Some(settings())),
        "{text}"
    );
}

#[test]
fn numbers_are_written_as_they_are_held() {
    let json = settings().to_json();
    let config = &json["config"];
    assert_eq!(
        config["optimizer_config"]["deleted_threshold"].to_string(),
        "0.1"
    );
    let single = &config["strict_mode_config"]["search_max_oversampling"];
    assert_eq!(single.to_string(), "0.1", "an f32 is not written as an f64");
}

#[test]
fn how_many_points_an_index_holds_is_no_setting() {
    let index = PayloadSchemaInfo {
        points: Some(40),
        ..PayloadSchemaInfo::default()
    };
    let info = CollectionInfo {
        payload_schema: HashMap::from([("tenant".to_owned(), index)]),
        ..CollectionInfo::default()
    };
    assert_eq!(Settings::of(&info).payload_schema["tenant"].points, None);
}

#[test]
fn another_services_configuration_is_none_of_ours() {
    let other = Configuration {
        service: "elsewhere".to_owned(),
        version: String::new(),
        collection: json!(7),
    };
    assert_eq!(Settings::from_configuration(&other), Ok(None));
}

#[test]
fn what_is_not_known_is_an_error_that_says_where() {
    let told = |collection| {
        let mut error: &dyn std::error::Error = &read(collection).unwrap_err();
        let mut text = error.to_string();
        while let Some(below) = error.source() {
            text = format!("{text} < {below}");
            error = below;
        }
        text
    };
    let shards = told(json!({ "config": { "params": { "shard_number": "two" } } }));
    assert!(shards.starts_with("config: "), "{shards}");
    assert!(shards.ends_with("\"two\" is not u32"), "{shards}");
    for unknown in [
        json!({ "config": { "hnsw_config": { "warp": 1 } } }),
        json!({ "config": {}, "aliases": [] }),
        json!({ "config": { "params": { "sharding_method": "Psychic" } } }),
        json!({ "config": { "quantization_config": { "quantum": {} } } }),
    ] {
        let told = told(unknown);
        assert!(
            told.ends_with("is not a setting that this version knows"),
            "{told}"
        );
    }
    assert!(read(json!([])).is_err());
}

#[test]
fn a_choice_that_has_no_name_here_keeps_its_number() {
    let mut newer = settings();
    let optimizer = api::HnswConfigDiff {
        memory: Some(77),
        ..api::HnswConfigDiff::default()
    };
    newer.config.hnsw_config = Some(optimizer);
    let json = newer.to_json();
    assert_eq!(json["config"]["hnsw_config"]["memory"], json!(77));
    assert_eq!(read(json), Ok(Some(newer)));
}
