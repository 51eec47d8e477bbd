//! The messages that describe a collection, member by member, as the public API of
//! the client crate has them. A member that is added there fails to compile here,
//! so that none is left out in silence.
#![allow(
    deprecated,
    reason = "servers still send the older names of some settings"
)]

use qdrant_client::qdrant as api;
use serde_json::{Map, Value};

use super::super::convert;
use super::recorded::{Choice, Chosen, Members, Recorded, Unreadable, put};

macro_rules! choices {
    ($($choice:path),* $(,)?) => {$(
        impl Choice for $choice {
            fn name(&self) -> &'static str {
                self.as_str_name()
            }
            fn of_name(name: &str) -> Option<Self> {
                Self::from_str_name(name)
            }
        }
    )*};
}

choices!(
    api::Distance,
    api::Datatype,
    api::Memory,
    api::Modifier,
    api::ShardingMethod,
    api::MultiVectorComparator,
    api::QuantizationType,
    api::CompressionRatio,
    api::BinaryQuantizationEncoding,
    api::TurboQuantBitSize,
    api::binary_quantization_query_encoding::Setting,
    api::max_optimization_threads::Setting,
    api::PayloadSchemaType,
    api::TokenizerType,
    api::TextScoringType,
);

/// A message of members; `as` names the values of a choice.
macro_rules! message {
    ($message:ident { $($name:ident $(as $choice:path)?),* $(,)? }) => {
        impl Recorded for api::$message {
            #[allow(unused_mut, reason = "some messages have no members")]
            fn to_json(&self) -> Value {
                let mut object = Map::new();
                let Self { $($name),* } = self;
                $(put(&mut object, stringify!($name), message!(@to $name $(as $choice)?));)*
                Value::Object(object)
            }
            #[allow(unused_mut, reason = "some messages have no members")]
            fn from_json(json: &Value) -> Result<Self, Unreadable> {
                let mut members = Members::of(json)?;
                let message = Self {
                    $($name: message!(@from members $name $(as $choice)?),)*
                };
                members.finish()?;
                Ok(message)
            }
        }
    };
    (@to $name:ident) => { Recorded::to_json($name) };
    (@to $name:ident as $choice:path) => { Chosen::to_json::<$choice>($name) };
    (@from $members:ident $name:ident) => {
        $members.take(stringify!($name).trim_start_matches("r#"))?
    };
    (@from $members:ident $name:ident as $choice:path) => {
        $members.take_as(
            stringify!($name).trim_start_matches("r#"),
            |json| Chosen::from_json::<$choice>(json),
        )?
    };
}

/// A message that is one of several others.
macro_rules! one_of {
    ($message:ident { $member:ident: $kind:path { $($name:literal = $variant:ident),* $(,)? } }) => {
        impl Recorded for api::$message {
            fn to_json(&self) -> Value {
                use $kind as Kind;
                let mut object = Map::new();
                match &self.$member {
                    None => {}
                    $(Some(Kind::$variant(inner)) => put(&mut object, $name, inner.to_json()),)*
                }
                Value::Object(object)
            }
            fn from_json(json: &Value) -> Result<Self, Unreadable> {
                use $kind as Kind;
                let mut members = Members::of(json)?;
                let mut chosen = None;
                $(if let Some(inner) = members.take::<Option<_>>($name)? {
                    chosen = Some(Kind::$variant(inner));
                })*
                members.finish()?;
                Ok(Self { $member: chosen })
            }
        }
    };
}

message!(CollectionConfig {
    params,
    hnsw_config,
    optimizer_config,
    wal_config,
    quantization_config,
    strict_mode_config,
    metadata,
});
message!(CollectionParams {
    shard_number,
    on_disk_payload,
    vectors_config,
    replication_factor,
    write_consistency_factor,
    read_fan_out_factor,
    sharding_method as api::ShardingMethod,
    sparse_vectors_config,
    read_fan_out_delay_ms,
    payload,
    id_tracker,
});
message!(PayloadStorageParams {
    memory as api::Memory
});
message!(IdTrackerParams {
    memory as api::Memory
});
one_of!(VectorsConfig {
    config: api::vectors_config::Config {
        "unnamed" = Params,
        "named" = ParamsMap,
    }
});
message!(VectorParamsMap { map });
message!(VectorParams {
    size,
    distance as api::Distance,
    hnsw_config,
    quantization_config,
    on_disk,
    datatype as api::Datatype,
    multivector_config,
    memory as api::Memory,
});
message!(MultiVectorConfig {
    comparator as api::MultiVectorComparator
});
message!(SparseVectorConfig { map });
message!(SparseVectorParams {
    index,
    modifier as api::Modifier,
});
message!(SparseIndexConfig {
    full_scan_threshold,
    on_disk,
    datatype as api::Datatype,
    memory as api::Memory,
});
message!(HnswConfigDiff {
    m,
    ef_construct,
    full_scan_threshold,
    max_indexing_threads,
    on_disk,
    payload_m,
    inline_storage,
    memory as api::Memory,
});
message!(OptimizersConfigDiff {
    deleted_threshold,
    vacuum_min_vector_number,
    default_segment_number,
    max_segment_size,
    memmap_threshold,
    indexing_threshold,
    flush_interval_sec,
    deprecated_max_optimization_threads,
    max_optimization_threads,
    prevent_unoptimized,
});
message!(WalConfigDiff {
    wal_capacity_mb,
    wal_segments_ahead,
    wal_retain_closed,
});
one_of!(QuantizationConfig {
    quantization: api::quantization_config::Quantization {
        "scalar" = Scalar,
        "product" = Product,
        "binary" = Binary,
        "turbo" = Turboquant,
    }
});
message!(ScalarQuantization {
    r#type as api::QuantizationType,
    quantile,
    always_ram,
    memory as api::Memory,
});
message!(ProductQuantization {
    compression as api::CompressionRatio,
    always_ram,
    memory as api::Memory,
});
message!(BinaryQuantization {
    always_ram,
    encoding as api::BinaryQuantizationEncoding,
    query_encoding,
    memory as api::Memory,
});
message!(TurboQuantization {
    always_ram,
    bits as api::TurboQuantBitSize,
    memory as api::Memory,
});
message!(StrictModeConfig {
    enabled,
    max_query_limit,
    max_timeout,
    unindexed_filtering_retrieve,
    unindexed_filtering_update,
    search_max_hnsw_ef,
    search_allow_exact,
    search_max_oversampling,
    upsert_max_batchsize,
    search_max_batchsize,
    max_collection_vector_size_bytes,
    read_rate_limit,
    write_rate_limit,
    max_collection_payload_size_bytes,
    filter_max_conditions,
    condition_max_size,
    multivector_config,
    sparse_config,
    max_points_count,
    max_payload_index_count,
    max_resident_memory_percent,
});
message!(StrictModeMultivectorConfig { multivector_config });
message!(StrictModeMultivector { max_vectors });
message!(StrictModeSparseConfig { sparse_config });
message!(StrictModeSparse { max_length });
message!(PayloadSchemaInfo {
    data_type as api::PayloadSchemaType,
    params,
    points,
});
one_of!(PayloadIndexParams {
    index_params: api::payload_index_params::IndexParams {
        "keyword" = KeywordIndexParams,
        "integer" = IntegerIndexParams,
        "float" = FloatIndexParams,
        "geo" = GeoIndexParams,
        "text" = TextIndexParams,
        "bool" = BoolIndexParams,
        "datetime" = DatetimeIndexParams,
        "uuid" = UuidIndexParams,
    }
});
message!(KeywordIndexParams {
    is_tenant,
    on_disk,
    enable_hnsw,
    prefix,
    memory as api::Memory,
    nested,
});
message!(KeywordPrefixParams {});
message!(IntegerIndexParams {
    lookup,
    range,
    is_principal,
    on_disk,
    enable_hnsw,
    memory as api::Memory,
    nested,
});
message!(FloatIndexParams {
    on_disk,
    is_principal,
    enable_hnsw,
    memory as api::Memory,
    nested,
});
message!(GeoIndexParams {
    on_disk,
    enable_hnsw,
    memory as api::Memory,
    nested,
});
message!(TextIndexParams {
    tokenizer as api::TokenizerType,
    lowercase,
    min_token_len,
    max_token_len,
    on_disk,
    stopwords,
    phrase_matching,
    stemmer,
    ascii_folding,
    enable_hnsw,
    memory as api::Memory,
    scoring,
    nested,
});
message!(TextScoringParams {
    r#type as api::TextScoringType
});
message!(StopwordsSet { languages, custom });
one_of!(StemmingAlgorithm {
    stemming_params: api::stemming_algorithm::StemmingParams {
        "snowball" = Snowball,
        "disabled" = Disabled,
    }
});
message!(SnowballParams { language });
message!(DisabledStemmer {});
message!(BoolIndexParams {
    on_disk,
    enable_hnsw,
    memory as api::Memory,
    nested,
});
message!(DatetimeIndexParams {
    on_disk,
    is_principal,
    enable_hnsw,
    memory as api::Memory,
    nested,
});
message!(UuidIndexParams {
    is_tenant,
    on_disk,
    enable_hnsw,
    memory as api::Memory,
    nested,
});

/// A number, or the name of a setting.
impl Recorded for api::MaxOptimizationThreads {
    fn to_json(&self) -> Value {
        use api::max_optimization_threads::{Setting, Variant};
        match &self.variant {
            None => Value::Null,
            Some(Variant::Value(threads)) => Value::from(*threads),
            Some(Variant::Setting(setting)) => Chosen::to_json::<Setting>(setting),
        }
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        use api::max_optimization_threads::{Setting, Variant};
        let variant = match json.as_u64() {
            Some(threads) => Variant::Value(threads),
            None => Variant::Setting(Chosen::from_json::<Setting>(json)?),
        };
        Ok(Self {
            variant: Some(variant),
        })
    }
}

impl Recorded for api::BinaryQuantizationQueryEncoding {
    fn to_json(&self) -> Value {
        use api::binary_quantization_query_encoding::{Setting, Variant};
        match &self.variant {
            None => Value::Null,
            Some(Variant::Setting(setting)) => Chosen::to_json::<Setting>(setting),
        }
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        use api::binary_quantization_query_encoding::{Setting, Variant};
        let setting = Chosen::from_json::<Setting>(json)?;
        Ok(Self {
            variant: Some(Variant::Setting(setting)),
        })
    }
}

/// The operator's own notes on a collection (`metadata`), which are JSON already.
impl Recorded for api::Value {
    fn to_json(&self) -> Value {
        convert::json(self.clone())
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        convert::wire_value(json)
            .ok_or_else(|| Unreadable::Kind(json.clone(), "a number that Qdrant can hold"))
    }
}
