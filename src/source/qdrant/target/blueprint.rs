//! What a collection is to be made of: as it was, where the archive holds its
//! configuration, else as far as the points' shape tells.

use std::collections::HashMap;

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionParams, CreateCollection, CreateFieldIndexCollection, Datatype,
    Distance as WireDistance, FieldType, PayloadSchemaType, ShardingMethod, SparseVectorConfig,
    SparseVectorParams, VectorParams, VectorParamsMap, VectorsConfig,
};

use super::super::configuration::Settings;
use super::super::shape::{dense_params, distance, fields};
use crate::error::Error;
use crate::point::{DenseField, Distance, Shape};
use crate::source::Configuration;

/// A collection that is to be.
#[derive(Debug)]
pub struct Blueprint {
    pub(super) settings: Settings,
    origin: Origin,
}

/// Where a blueprint is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The archive holds the collection's configuration.
    Recorded,
    /// The points' shape is all that is known.
    Shape,
}

/// How a collection stores one of its dense vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldStorage {
    /// The vector's name; empty for the unnamed one.
    pub name: String,
    /// Whether it is normalised when it is written.
    pub normalised: bool,
    /// In what numbers.
    pub storage: Storage,
}

/// Numbers that a vector is stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// `float32`: as written.
    Single,
    /// `float16`.
    Half,
    /// `uint8`.
    Byte,
    /// A form that what was written cannot be had back from (`turbo4` and so on).
    Lossy,
}

impl Blueprint {
    /// The collection as it was when it was exported; none where the archive does not
    /// say, or is of another service.
    ///
    /// # Errors
    /// A configuration that this version cannot read, or that is not of these points.
    pub fn recorded(
        configuration: Option<&Configuration>,
        shape: &Shape,
    ) -> Result<Option<Self>, Error> {
        let Some(configuration) = configuration else {
            return Ok(None);
        };
        let settings = Settings::from_configuration(configuration).map_err(|error| {
            Error::failed("the collection's configuration in the archive's manifest cannot be read")
                .advise("use the version of cf-migrate that exported it, or a newer one")
                .because(error)
        })?;
        let Some(settings) = settings else {
            return Ok(None);
        };
        let blueprint = Self {
            settings,
            origin: Origin::Recorded,
        };
        let held = |shape: &Shape| (shape.dense.clone(), shape.sparse.clone());
        if held(&blueprint.shape()) != held(shape) {
            return Err(Error::failed(
                "the collection's configuration in the archive's manifest is not that of its points",
            )
            .advise("the manifest was changed by hand: restore it, or export again"));
        }
        Ok(Some(blueprint))
    }

    /// A collection for points of that shape, with the server's own settings for all
    /// that is not known. Vectors whose distance the archive does not know get that
    /// one, where it is given.
    pub fn of_shape(shape: &Shape, distance: Option<Distance>) -> Self {
        let params = |field: &DenseField| VectorParams {
            size: field.dimensions as u64,
            distance: wire_distance(field.distance.or(distance)).into(),
            ..VectorParams::default()
        };
        let config = match shape.dense.as_slice() {
            [unnamed] if unnamed.name.is_empty() => Config::Params(params(unnamed)),
            named => {
                let map = named
                    .iter()
                    .map(|field| (field.name.clone(), params(field)));
                Config::ParamsMap(VectorParamsMap { map: map.collect() })
            }
        };
        let sparse: HashMap<_, _> = shape
            .sparse
            .iter()
            .map(|name| (name.clone(), SparseVectorParams::default()))
            .collect();
        let params = CollectionParams {
            vectors_config: Some(VectorsConfig {
                config: Some(config),
            }),
            sparse_vectors_config: (!sparse.is_empty())
                .then_some(SparseVectorConfig { map: sparse }),
            ..CollectionParams::default()
        };
        Self {
            settings: Settings {
                config: CollectionConfig {
                    params: Some(params),
                    ..CollectionConfig::default()
                },
                payload_schema: HashMap::new(),
            },
            origin: Origin::Shape,
        }
    }

    /// Whether the collection will be as it was, and not only for the same points.
    pub fn is_recorded(&self) -> bool {
        self.origin == Origin::Recorded
    }

    /// Vectors whose distance is not known, so that a collection cannot be made.
    pub fn unknown_distances(&self) -> Vec<String> {
        let fields = self.shape().dense.into_iter();
        fields
            .filter(|field| field.distance.is_none())
            .map(|field| field.name)
            .collect()
    }

    /// Multivectors, which an archive does not hold, by name: the collection will
    /// have them, its points will not.
    pub fn left_out(&self) -> Vec<String> {
        fields(&dense_params(self.params()), self.params()).left_out
    }

    /// Whether the collection had shards of its operator's choice, which an archive
    /// does not tell apart.
    pub fn had_shard_keys(&self) -> bool {
        self.params().sharding_method() == ShardingMethod::Custom
    }

    /// Fields with a payload index, sorted.
    pub fn index_fields(&self) -> Vec<String> {
        let mut fields: Vec<_> = self.settings.payload_schema.keys().cloned().collect();
        fields.sort();
        fields
    }

    /// What its points are made of.
    pub fn shape(&self) -> Shape {
        fields(&dense_params(self.params()), self.params()).shape
    }

    fn params(&self) -> &CollectionParams {
        static NONE: std::sync::LazyLock<CollectionParams> =
            std::sync::LazyLock::new(CollectionParams::default);
        self.settings.config.params.as_ref().unwrap_or(&NONE)
    }

    #[allow(deprecated, reason = "servers still send the older name of a setting")]
    pub(super) fn creation(&self, collection: &str, timeout_s: u64) -> CreateCollection {
        let config = self.settings.config.clone();
        let params = config.params.unwrap_or_default();
        // Shard keys are not in an archive, and without them nothing could be written.
        let sharding = params.sharding_method;
        let sharding = sharding.filter(|method| *method != i32::from(ShardingMethod::Custom));
        CreateCollection {
            collection_name: collection.to_owned(),
            hnsw_config: config.hnsw_config,
            wal_config: config.wal_config,
            optimizers_config: config.optimizer_config,
            shard_number: Some(params.shard_number).filter(|shards| *shards > 0),
            on_disk_payload: self.is_recorded().then_some(params.on_disk_payload),
            timeout: Some(timeout_s),
            vectors_config: params.vectors_config,
            replication_factor: params.replication_factor,
            write_consistency_factor: params.write_consistency_factor,
            quantization_config: config.quantization_config,
            sharding_method: sharding,
            sparse_vectors_config: params.sparse_vectors_config,
            strict_mode_config: config.strict_mode_config,
            metadata: config.metadata,
            payload: params.payload,
            id_tracker: params.id_tracker,
        }
    }

    pub(super) fn index(
        &self,
        collection: &str,
        field: &str,
        timeout_s: u64,
    ) -> Option<CreateFieldIndexCollection> {
        let index = self.settings.payload_schema.get(field)?;
        let field_type = field_type(index.data_type());
        Some(CreateFieldIndexCollection {
            collection_name: collection.to_owned(),
            wait: Some(true),
            field_name: field.to_owned(),
            field_type: field_type.map(Into::into),
            field_index_params: index.params.clone(),
            timeout: Some(timeout_s),
            ..CreateFieldIndexCollection::default()
        })
    }
}

/// How a collection of these settings stores its dense vectors, multivectors left
/// out, sorted by name.
pub(super) fn storage(settings: &Settings) -> Vec<FieldStorage> {
    let params = settings.config.params.clone().unwrap_or_default();
    let dense = dense_params(&params).into_iter();
    let mut storage: Vec<_> = dense
        .filter(|(_, params)| params.multivector_config.is_none())
        .map(|(name, params)| FieldStorage {
            name,
            // Vectors of bytes are not normalised (Qdrant, `lib/segment/src/spaces/simple.rs`).
            normalised: params.distance() == WireDistance::Cosine
                && params.datatype() != Datatype::Uint8,
            storage: match params.datatype() {
                Datatype::Default | Datatype::Float32 => Storage::Single,
                Datatype::Float16 => Storage::Half,
                Datatype::Uint8 => Storage::Byte,
                Datatype::Turbo4 | Datatype::Turbo8 | Datatype::Turbo16 => Storage::Lossy,
            },
        })
        .collect();
    storage.sort_by(|a, b| a.name.cmp(&b.name));
    storage
}

fn wire_distance(distance: Option<Distance>) -> WireDistance {
    match distance {
        None => WireDistance::UnknownDistance,
        Some(Distance::Cosine) => WireDistance::Cosine,
        Some(Distance::Euclid) => WireDistance::Euclid,
        Some(Distance::Dot) => WireDistance::Dot,
        Some(Distance::Manhattan) => WireDistance::Manhattan,
    }
}

fn field_type(schema: PayloadSchemaType) -> Option<FieldType> {
    Some(match schema {
        PayloadSchemaType::UnknownType => return None,
        PayloadSchemaType::Keyword => FieldType::Keyword,
        PayloadSchemaType::Integer => FieldType::Integer,
        PayloadSchemaType::Float => FieldType::Float,
        PayloadSchemaType::Geo => FieldType::Geo,
        PayloadSchemaType::Text => FieldType::Text,
        PayloadSchemaType::Bool => FieldType::Bool,
        PayloadSchemaType::Datetime => FieldType::Datetime,
        PayloadSchemaType::Uuid => FieldType::Uuid,
    })
}

/// What a message calls a distance; the same words that `--distance` takes.
pub(super) fn distance_name(wire: WireDistance) -> &'static str {
    distance(wire).map_or("an unknown distance", Distance::name)
}
