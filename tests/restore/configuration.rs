//! A collection is made as it was: every setting that its description had, and what
//! is said where something cannot be as it was.
#![allow(
    deprecated,
    reason = "servers still send the older names of some settings"
)]

use std::collections::HashMap;

use qdrant_client::qdrant as api;
use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_client::qdrant::quantization_config::Quantization;
use qdrant_client::qdrant::vectors_config::Config;
use serde_json::{Value, json};

use crate::Bench;
use crate::support::qdrant::{Collection, QdrantDouble, unnamed};

fn dense(size: u64, distance: api::Distance) -> api::VectorParams {
    api::VectorParams {
        size,
        distance: distance.into(),
        ..api::VectorParams::default()
    }
}

/// Each setting another than a server's own.
fn special() -> api::CollectionInfo {
    let title = api::VectorParams {
        hnsw_config: Some(api::HnswConfigDiff {
            m: Some(48),
            inline_storage: Some(true),
            ..api::HnswConfigDiff::default()
        }),
        quantization_config: Some(quantization(Quantization::Scalar(
            api::ScalarQuantization {
                r#type: api::QuantizationType::Int8.into(),
                quantile: Some(0.99),
                always_ram: Some(true),
                memory: None,
            },
        ))),
        on_disk: Some(true),
        datatype: Some(api::Datatype::Float16.into()),
        ..dense(4, api::Distance::Cosine)
    };
    let bytes = api::VectorParams {
        datatype: Some(api::Datatype::Uint8.into()),
        memory: Some(api::Memory::Cold.into()),
        ..dense(3, api::Distance::Euclid)
    };
    let words = api::SparseVectorParams {
        index: Some(api::SparseIndexConfig {
            full_scan_threshold: Some(77),
            on_disk: Some(true),
            datatype: Some(api::Datatype::Float32.into()),
            memory: None,
        }),
        modifier: Some(api::Modifier::Idf.into()),
    };
    let params = api::CollectionParams {
        shard_number: 3,
        on_disk_payload: false,
        vectors_config: Some(api::VectorsConfig {
            config: Some(Config::ParamsMap(api::VectorParamsMap {
                map: HashMap::from([("title".to_owned(), title), ("bytes".to_owned(), bytes)]),
            })),
        }),
        replication_factor: Some(2),
        write_consistency_factor: Some(2),
        sharding_method: Some(api::ShardingMethod::Auto.into()),
        sparse_vectors_config: Some(api::SparseVectorConfig {
            map: HashMap::from([("words".to_owned(), words)]),
        }),
        ..api::CollectionParams::default()
    };
    api::CollectionInfo {
        status: api::CollectionStatus::Green.into(),
        config: Some(config(params)),
        payload_schema: indexes(),
        ..api::CollectionInfo::default()
    }
}

fn quantization(quantization: Quantization) -> api::QuantizationConfig {
    api::QuantizationConfig {
        quantization: Some(quantization),
    }
}

fn config(params: api::CollectionParams) -> api::CollectionConfig {
    let notes = api::Value {
        kind: Some(api::value::Kind::StringValue("nightly".to_owned())),
    };
    api::CollectionConfig {
        params: Some(params),
        hnsw_config: Some(api::HnswConfigDiff {
            m: Some(32),
            ef_construct: Some(256),
            full_scan_threshold: Some(5_000),
            max_indexing_threads: Some(2),
            on_disk: Some(true),
            payload_m: Some(16),
            ..api::HnswConfigDiff::default()
        }),
        optimizer_config: Some(api::OptimizersConfigDiff {
            deleted_threshold: Some(0.35),
            vacuum_min_vector_number: Some(2_000),
            default_segment_number: Some(5),
            max_segment_size: Some(123_456),
            memmap_threshold: Some(50_000),
            indexing_threshold: Some(0),
            flush_interval_sec: Some(17),
            max_optimization_threads: Some(api::MaxOptimizationThreads {
                variant: Some(api::max_optimization_threads::Variant::Value(3)),
            }),
            ..api::OptimizersConfigDiff::default()
        }),
        wal_config: Some(api::WalConfigDiff {
            wal_capacity_mb: Some(64),
            wal_segments_ahead: Some(1),
            wal_retain_closed: Some(2),
        }),
        quantization_config: Some(quantization(Quantization::Product(
            api::ProductQuantization {
                compression: api::CompressionRatio::X16.into(),
                always_ram: Some(false),
                memory: None,
            },
        ))),
        strict_mode_config: Some(api::StrictModeConfig {
            enabled: Some(true),
            upsert_max_batchsize: Some(7),
            max_query_limit: Some(50),
            max_timeout: Some(10),
            write_rate_limit: Some(600),
            search_max_oversampling: Some(1.5),
            ..api::StrictModeConfig::default()
        }),
        metadata: HashMap::from([("owner".to_owned(), notes)]),
    }
}

fn indexes() -> HashMap<String, api::PayloadSchemaInfo> {
    let index =
        |data_type: api::PayloadSchemaType, params: Option<IndexParams>| api::PayloadSchemaInfo {
            data_type: data_type.into(),
            params: params.map(|params| api::PayloadIndexParams {
                index_params: Some(params),
            }),
            points: Some(0),
        };
    let tenant = IndexParams::KeywordIndexParams(api::KeywordIndexParams {
        is_tenant: Some(true),
        on_disk: Some(true),
        ..api::KeywordIndexParams::default()
    });
    let text = IndexParams::TextIndexParams(api::TextIndexParams {
        tokenizer: api::TokenizerType::Multilingual.into(),
        lowercase: Some(false),
        min_token_len: Some(2),
        max_token_len: Some(30),
        stopwords: Some(api::StopwordsSet {
            languages: vec!["german".to_owned()],
            custom: vec!["bzw".to_owned()],
        }),
        phrase_matching: Some(true),
        stemmer: Some(api::StemmingAlgorithm {
            stemming_params: Some(api::stemming_algorithm::StemmingParams::Snowball(
                api::SnowballParams {
                    language: "german".to_owned(),
                },
            )),
        }),
        ..api::TextIndexParams::default()
    });
    let page = IndexParams::IntegerIndexParams(api::IntegerIndexParams {
        lookup: Some(false),
        range: Some(true),
        is_principal: Some(true),
        ..api::IntegerIndexParams::default()
    });
    HashMap::from([
        (
            "tenant".to_owned(),
            index(api::PayloadSchemaType::Keyword, Some(tenant)),
        ),
        (
            "text".to_owned(),
            index(api::PayloadSchemaType::Text, Some(text)),
        ),
        (
            "page".to_owned(),
            index(api::PayloadSchemaType::Integer, Some(page)),
        ),
        (
            "at.when".to_owned(),
            index(api::PayloadSchemaType::Datetime, None),
        ),
        ("where".to_owned(), index(api::PayloadSchemaType::Geo, None)),
        (
            "score".to_owned(),
            index(api::PayloadSchemaType::Float, None),
        ),
        ("open".to_owned(), index(api::PayloadSchemaType::Bool, None)),
        ("key".to_owned(), index(api::PayloadSchemaType::Uuid, None)),
    ])
}

/// Points with vectors as those storages hold them.
fn point(id: u64) -> api::RetrievedPoint {
    let output = |data: Vec<f32>| api::VectorOutput {
        vector: Some(api::vector_output::Vector::Dense(api::DenseVector { data })),
        ..api::VectorOutput::default()
    };
    let words = api::VectorOutput {
        vector: Some(api::vector_output::Vector::Sparse(api::SparseVector {
            indices: vec![3, u32::MAX],
            values: vec![0.25, -1.5],
        })),
        ..api::VectorOutput::default()
    };
    let vectors = HashMap::from([
        ("title".to_owned(), output(vec![0.5, -0.5, 0.5, 0.5])),
        (
            "bytes".to_owned(),
            output(vec![0.0, 255.0, id as f32 % 256.0]),
        ),
        ("words".to_owned(), words),
    ]);
    api::RetrievedPoint {
        id: Some(id.into()),
        payload: HashMap::from([("tenant".to_owned(), "eu".into())]),
        vectors: Some(api::VectorsOutput {
            vectors_options: Some(api::vectors_output::VectorsOptions::Vectors(
                api::NamedVectorsOutput { vectors },
            )),
        }),
        ..api::RetrievedPoint::default()
    }
}

#[test]
fn every_setting_and_payload_index_comes_back() {
    let collection = Collection::new("special", special(), (0..20).map(point).collect());
    let bench = Bench::of(QdrantDouble::default().and(collection));
    bench.export("special", "first", "--vector title");
    let report = bench.restore("first", "copy", "--sample all");
    let (old, new) = (
        bench.server.info("special").unwrap(),
        bench.server.info("copy").unwrap(),
    );
    assert_eq!(old.config, new.config);
    assert_eq!(old.payload_schema, new.payload_schema);
    assert_eq!(report["restore"]["settings_different"], json!([]));
    assert_eq!(report["restore"]["adjusted"], 0);
    bench.export("copy", "second", "--vector title");
    assert!(bench.points("first") == bench.points("second"));
    let of = |archive: &str| bench.generation(archive).manifest().configuration.clone();
    assert_eq!(of("first"), of("second"));
    let upserts = bench.server.upserts();
    assert!(
        upserts.iter().all(|points| *points <= 7),
        "strict mode: {upserts:?}"
    );
}

#[test]
fn the_manifest_tells_the_configuration_in_words() {
    let collection = Collection::new("special", special(), vec![point(1)]);
    let bench = Bench::of(QdrantDouble::default().and(collection));
    bench.export("special", "first", "--vector title");
    let manifest: Value =
        serde_json::from_str(&bench.shell.read("first/0001/manifest.json")).unwrap();
    let told = &manifest["configuration"];
    assert_eq!(told["service"], "qdrant");
    assert_eq!(told["version"], "1.18.3");
    let params = &told["collection"]["config"]["params"];
    let title = &params["vectors_config"]["named"]["map"]["title"];
    assert_eq!(title["distance"], "Cosine");
    assert_eq!(title["datatype"], "Float16");
    assert_eq!(
        title["quantization_config"]["scalar"]["quantile"],
        json!(0.99)
    );
    assert_eq!(
        params["sparse_vectors_config"]["map"]["words"]["modifier"],
        "Idf"
    );
    let tenant = &told["collection"]["payload_schema"]["tenant"];
    assert_eq!(tenant["params"]["keyword"]["is_tenant"], true);
}

#[test]
fn a_multivector_is_made_again_and_said_to_be_empty() {
    let mut info = Collection::described(
        "pages",
        Some(Config::ParamsMap(api::VectorParamsMap {
            map: HashMap::from([
                ("title".to_owned(), dense(2, api::Distance::Dot)),
                (
                    "tokens".to_owned(),
                    api::VectorParams {
                        multivector_config: Some(api::MultiVectorConfig {
                            comparator: api::MultiVectorComparator::MaxSim.into(),
                        }),
                        ..dense(2, api::Distance::Cosine)
                    },
                ),
            ]),
        })),
        &[],
    );
    let output = |vector| api::VectorOutput {
        vector: Some(vector),
        ..api::VectorOutput::default()
    };
    let data = vec![1.0, 2.0];
    let row = api::DenseVector { data: data.clone() };
    let multi = api::MultiDenseVector {
        vectors: vec![row.clone(), row.clone()],
    };
    let vectors = HashMap::from([
        (
            "title".to_owned(),
            output(api::vector_output::Vector::Dense(row)),
        ),
        (
            "tokens".to_owned(),
            output(api::vector_output::Vector::MultiDense(multi)),
        ),
    ]);
    info.put(api::RetrievedPoint {
        id: Some(1.into()),
        vectors: Some(api::VectorsOutput {
            vectors_options: Some(api::vectors_output::VectorsOptions::Vectors(
                api::NamedVectorsOutput { vectors },
            )),
        }),
        ..api::RetrievedPoint::default()
    });
    let bench = Bench::of(QdrantDouble::default().and(info));
    bench.export("pages", "first", "");
    let told = bench.run("restore first qdrant:copy --json").ends(0);
    let told = told.says("vector \"tokens\" is a multivector, which an archive does not hold");
    assert_eq!(told.json()["restore"]["left_out"], json!(["tokens"]));
    let params = bench
        .server
        .info("copy")
        .unwrap()
        .config
        .unwrap()
        .params
        .unwrap();
    let Some(Config::ParamsMap(made)) = params.vectors_config.unwrap().config else {
        panic!("its vectors have names");
    };
    assert!(made.map["tokens"].multivector_config.is_some());
}

#[test]
fn shard_keys_are_said_to_be_lost() {
    let mut info = special();
    let params = info.config.as_mut().unwrap().params.as_mut().unwrap();
    params.sharding_method = Some(api::ShardingMethod::Custom.into());
    let collection = Collection::new("special", info, vec![point(1)]);
    let bench = Bench::of(QdrantDouble::default().and(collection));
    bench.export("special", "first", "--vector title");
    let told = bench.run("restore first qdrant:copy --json").ends(0);
    let told = told.says("the collection had shard keys");
    let different = &told.json()["restore"]["settings_different"];
    assert_eq!(
        different,
        &json!(["config.params.sharding_method is null, not \"Custom\""])
    );
}

#[test]
fn a_configuration_of_a_newer_version_is_not_guessed() {
    let bench = Bench::recorded("tiny8");
    bench.export("tiny8", "first", "");
    let path = bench.shell.path("first/0001/manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let newer = text.replacen("\"hnsw_config\": {", "\"hnsw_config\": { \"warp\": 9,", 1);
    assert_ne!(text, newer);
    std::fs::write(&path, newer).unwrap();
    bench
        .run("restore first qdrant:copy")
        .ends(1)
        .says("the collection's configuration in the archive's manifest cannot be read")
        .says("\"warp\" is not a setting that this version knows");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn an_older_archive_is_restored_as_far_as_its_shape_tells() {
    let bench = Bench::recorded("named");
    bench.export("named", "first", "--vector title");
    let path = bench.shell.path("first/0001/manifest.json");
    let mut manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("configuration");
    std::fs::write(&path, manifest.to_string()).unwrap();
    let report = bench.restore("first", "copy", "--sample all");
    assert_eq!(report["restore"]["as_recorded"], false);
    assert_eq!(report["restore"]["payload_indexes"], json!([]));
    bench.export("copy", "second", "--vector title");
    assert!(bench.points("first") == bench.points("second"));
    assert_eq!(
        bench.generation("first").shape(),
        bench.generation("second").shape()
    );
}

#[test]
fn an_unnamed_vector_beside_a_sparse_one_comes_back() {
    let config = Config::Params(dense(2, api::Distance::Dot));
    let mut mixed = Collection::described("mixed", Some(config), &["words"]);
    mixed.put(api::RetrievedPoint {
        id: Some(5.into()),
        vectors: Some(unnamed(vec![1.0, -2.0])),
        ..api::RetrievedPoint::default()
    });
    mixed.put(api::RetrievedPoint {
        id: Some(6.into()),
        ..api::RetrievedPoint::default()
    });
    let bench = Bench::of(QdrantDouble::default().and(mixed));
    bench.export("mixed", "first", "");
    bench.restore("first", "copy", "");
    bench.export("copy", "second", "");
    assert!(bench.points("first") == bench.points("second"));
}
