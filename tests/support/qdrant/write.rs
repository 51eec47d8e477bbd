//! The writing side, as the contract and the public API tell it: what a server fills
//! in when a collection is made, what it refuses, and what it makes of the points.
#![allow(
    deprecated,
    reason = "servers still send the older names of some settings"
)]

use std::collections::{HashMap, HashSet};

use qdrant_client::qdrant as api;
use qdrant_client::qdrant::vector::Vector as Input;
use qdrant_client::qdrant::vector_output::Vector as Output;
use qdrant_client::qdrant::vectors::VectorsOptions as Inputs;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::vectors_output::VectorsOptions as Outputs;
use tonic::Status;

use super::State;
use super::collection::{Collection, Id};
use super::faults::Failure;
use super::grpc::check_timeout;
use super::wire;

impl State {
    pub(super) fn create(&mut self, request: api::CreateCollection) -> Result<(), Status> {
        let name = request.collection_name.clone();
        if self.collections.contains_key(&name) {
            return Err(Status::already_exists(format!(
                "Wrong input: Collection `{name}` already exists!"
            )));
        }
        let vectors = request
            .vectors_config
            .as_ref()
            .and_then(|c| c.config.clone());
        for (vector, params) in dense_params(vectors.as_ref()) {
            if params.size == 0 || params.size > 65_536 {
                return Err(invalid(format!("vector `{vector}` has no size")));
            }
            if params.distance() == api::Distance::UnknownDistance {
                return Err(invalid("Unknown distance".to_owned()));
            }
        }
        let collection = Collection::new(&name, info(request), Vec::new());
        self.collections.insert(name, collection);
        Ok(())
    }

    pub(super) fn create_index(
        &mut self,
        request: api::CreateFieldIndexCollection,
    ) -> Result<(), Status> {
        let schema = match request.field_type.map(|_| request.field_type()) {
            None => return Err(invalid("field_type is missing".to_owned())),
            Some(api::FieldType::Keyword) => api::PayloadSchemaType::Keyword,
            Some(api::FieldType::Integer) => api::PayloadSchemaType::Integer,
            Some(api::FieldType::Float) => api::PayloadSchemaType::Float,
            Some(api::FieldType::Geo) => api::PayloadSchemaType::Geo,
            Some(api::FieldType::Text) => api::PayloadSchemaType::Text,
            Some(api::FieldType::Bool) => api::PayloadSchemaType::Bool,
            Some(api::FieldType::Datetime) => api::PayloadSchemaType::Datetime,
            Some(api::FieldType::Uuid) => api::PayloadSchemaType::Uuid,
        };
        let collection = self.collection_mut(&request.collection_name)?;
        check_timeout(collection, request.timeout)?;
        let info = api::PayloadSchemaInfo {
            data_type: schema.into(),
            params: request.field_index_params,
            points: Some(0),
        };
        let indexes = &mut collection.info.payload_schema;
        indexes.insert(request.field_name, info);
        Ok(())
    }

    /// How this call is to fail, if it is.
    pub(super) fn upsert_failure(&self, request: &api::UpsertPoints) -> Option<Failure> {
        let held = self
            .collection(&request.collection_name)
            .map(Collection::len);
        let writes = &self.faults.spoil.writes;
        let by_size = writes.failure_by_size(request.points.len());
        by_size.or_else(|| writes.failure_at(held.unwrap_or(0)))
    }

    pub(super) fn upsert(&mut self, request: api::UpsertPoints) -> Result<(), Status> {
        let faults = self.faults.spoil.writes.clone();
        let collection = self.collection_mut(&request.collection_name)?;
        let most = collection
            .strict_mode()
            .and_then(|strict| strict.upsert_max_batchsize);
        let sent = request.points.len();
        if most.is_some_and(|most| sent as u64 > most) {
            return Err(invalid(format!(
                "Forbidden: Limit exceeded {sent} for upsert"
            )));
        }
        check_timeout(collection, request.timeout)?;
        let config = collection.info.config.clone().unwrap_or_default();
        let params = config.params.unwrap_or_default();
        // All or nothing: what is refused is refused before it is applied.
        let points = request.points.into_iter();
        let points: Vec<_> = points
            .map(|point| stored(&params, point))
            .collect::<Result<_, _>>()?;
        for mut point in points {
            let id = Id::of(point.id.as_ref()).expect("it was parsed");
            if faults.lost.contains(&id) {
                continue;
            }
            if faults.nudged.contains(&id) {
                wire::nudge(&mut point);
            }
            if faults.retold.contains(&id) {
                point.payload.insert("text".to_owned(), "another".into());
            }
            collection.put(point);
        }
        Ok(())
    }

    fn collection_mut(&mut self, name: &str) -> Result<&mut Collection, Status> {
        let real = self.faults.aliases.get(name).copied().unwrap_or(name);
        self.collections.get_mut(real).ok_or_else(|| {
            Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"))
        })
    }
}

fn invalid(text: String) -> Status {
    Status::invalid_argument(format!("Wrong input: {text}"))
}

fn dense_params(config: Option<&Config>) -> HashMap<String, api::VectorParams> {
    match config {
        None => HashMap::new(),
        Some(Config::Params(unnamed)) => HashMap::from([(String::new(), *unnamed)]),
        Some(Config::ParamsMap(named)) => named.map.clone(),
    }
}

/// What a server says of a collection made by that request, its own settings where
/// the request has none (those of the recorded ones).
fn info(request: api::CreateCollection) -> api::CollectionInfo {
    let params = api::CollectionParams {
        shard_number: request.shard_number.unwrap_or(1),
        on_disk_payload: request.on_disk_payload.unwrap_or(true),
        vectors_config: request.vectors_config,
        replication_factor: request.replication_factor.or(Some(1)),
        write_consistency_factor: request.write_consistency_factor.or(Some(1)),
        sharding_method: request.sharding_method,
        sparse_vectors_config: request.sparse_vectors_config,
        payload: request.payload,
        id_tracker: request.id_tracker,
        ..api::CollectionParams::default()
    };
    let config = api::CollectionConfig {
        params: Some(params),
        hnsw_config: Some(hnsw(request.hnsw_config.unwrap_or_default())),
        optimizer_config: Some(optimizer(request.optimizers_config.unwrap_or_default())),
        wal_config: Some(wal(request.wal_config.unwrap_or_default())),
        quantization_config: request.quantization_config,
        strict_mode_config: request.strict_mode_config,
        metadata: request.metadata,
    };
    api::CollectionInfo {
        status: api::CollectionStatus::Green.into(),
        config: Some(config),
        ..api::CollectionInfo::default()
    }
}

fn hnsw(asked: api::HnswConfigDiff) -> api::HnswConfigDiff {
    api::HnswConfigDiff {
        m: asked.m.or(Some(16)),
        ef_construct: asked.ef_construct.or(Some(100)),
        full_scan_threshold: asked.full_scan_threshold.or(Some(10_000)),
        max_indexing_threads: asked.max_indexing_threads.or(Some(0)),
        on_disk: asked.on_disk.or(Some(false)),
        ..asked
    }
}

fn optimizer(asked: api::OptimizersConfigDiff) -> api::OptimizersConfigDiff {
    api::OptimizersConfigDiff {
        deleted_threshold: asked.deleted_threshold.or(Some(0.2)),
        vacuum_min_vector_number: asked.vacuum_min_vector_number.or(Some(1_000)),
        default_segment_number: asked.default_segment_number.or(Some(0)),
        indexing_threshold: asked.indexing_threshold.or(Some(10_000)),
        flush_interval_sec: asked.flush_interval_sec.or(Some(5)),
        ..asked
    }
}

fn wal(asked: api::WalConfigDiff) -> api::WalConfigDiff {
    api::WalConfigDiff {
        wal_capacity_mb: asked.wal_capacity_mb.or(Some(32)),
        wal_segments_ahead: asked.wal_segments_ahead.or(Some(0)),
        wal_retain_closed: asked.wal_retain_closed.or(Some(1)),
    }
}

/// The point as it will be given back.
fn stored(
    params: &api::CollectionParams,
    point: api::PointStruct,
) -> Result<api::RetrievedPoint, Status> {
    let id = Id::of(point.id.as_ref())
        .ok_or_else(|| Status::invalid_argument("Unable to parse UUID"))?;
    let vectors = point
        .vectors
        .and_then(|vectors| vectors.vectors_options)
        .ok_or_else(|| Status::invalid_argument("Expected some vectors"))?;
    let vectors = match vectors {
        Inputs::Vector(vector) => vec![(String::new(), vector)],
        Inputs::Vectors(named) => named.vectors.into_iter().collect(),
    };
    let dense = dense_params(
        params
            .vectors_config
            .as_ref()
            .and_then(|c| c.config.as_ref()),
    );
    let sparse = params.sparse_vectors_config.clone().unwrap_or_default().map;
    let mut held = HashMap::new();
    for (name, vector) in vectors {
        let output = match (vector.vector, dense.get(&name), sparse.get(&name)) {
            (Some(Input::Dense(vector)), Some(params), _) => dense_output(params, vector.data)?,
            (Some(Input::Sparse(vector)), _, Some(_)) => sparse_output(vector)?,
            (None, ..) => return Err(invalid(format!("vector {name} is empty"))),
            _ => return Err(invalid(format!("Not existing vector name error: {name}"))),
        };
        let output = api::VectorOutput {
            vector: Some(output),
            ..api::VectorOutput::default()
        };
        held.insert(name, output);
    }
    Ok(api::RetrievedPoint {
        id: Some(id.wire()),
        payload: point.payload,
        vectors: Some(outputs(held)),
        ..api::RetrievedPoint::default()
    })
}

/// Only an unnamed vector: the single form; else by name.
fn outputs(mut held: HashMap<String, api::VectorOutput>) -> api::VectorsOutput {
    let options = match (held.len(), held.remove("")) {
        (1, Some(unnamed)) => Outputs::Vector(unnamed),
        (_, unnamed) => {
            held.extend(unnamed.map(|unnamed| (String::new(), unnamed)));
            Outputs::Vectors(api::NamedVectorsOutput { vectors: held })
        }
    };
    api::VectorsOutput {
        vectors_options: Some(options),
    }
}

fn dense_output(params: &api::VectorParams, data: Vec<f32>) -> Result<Output, Status> {
    if params.multivector_config.is_some() {
        return Err(invalid("a multivector is expected".to_owned()));
    }
    if data.len() as u64 != params.size {
        let (expected, got) = (params.size, data.len());
        return Err(invalid(format!(
            "Vector dimension error: expected dim: {expected}, got {got}"
        )));
    }
    let data = match (params.datatype(), params.distance()) {
        (api::Datatype::Uint8, _) => data.into_iter().map(|x| f32::from(x as u8)).collect(),
        (api::Datatype::Float16, api::Distance::Cosine) => halved(normalised(data)),
        (api::Datatype::Float16, _) => halved(data),
        (_, api::Distance::Cosine) => normalised(data),
        _ => data,
    };
    Ok(Output::Dense(api::DenseVector { data }))
}

/// Left as it is when it is zero or near enough to length 1 (contract, 9.1).
fn normalised(vector: Vec<f32>) -> Vec<f32> {
    // A server adds up in several lanes at once, which is nearer to this than one sum.
    let squared: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let squared = squared as f32;
    if squared < f32::EPSILON || (squared - 1.0).abs() <= 1e-6 {
        return vector;
    }
    let length = squared.sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

fn halved(vector: Vec<f32>) -> Vec<f32> {
    vector.into_iter().map(half).collect()
}

/// The nearest number of half precision, ties to even; enough for numbers below 65504.
fn half(x: f32) -> f32 {
    // The distance of neighbours: 2^-10 of the power of two below, at least 2^-24.
    let exponent = x.abs().log2().floor().max(-14.0);
    let step = (exponent - 10.0).exp2();
    if x == 0.0 {
        return x;
    }
    (x / step).round_ties_even() * step
}

fn sparse_output(vector: api::SparseVector) -> Result<Output, Status> {
    let distinct: HashSet<_> = vector.indices.iter().collect();
    if vector.indices.len() != vector.values.len() || distinct.len() != vector.indices.len() {
        return Err(invalid("sparse: indices must be unique".to_owned()));
    }
    let mut pairs: Vec<_> = vector.indices.into_iter().zip(vector.values).collect();
    pairs.sort_by_key(|(index, _)| *index);
    let (indices, values) = pairs.into_iter().unzip();
    Ok(Output::Sparse(api::SparseVector { indices, values }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_rounded_to_the_nearest() {
        for (x, expected) in [
            (1.0, 1.0),
            (0.1, 0.099_975_586),
            (-0.333_333_34, -0.333_251_95),
            (2049.0, 2048.0),
            (6.0e-8, 5.960_464_5e-8),
            (0.0, 0.0),
        ] {
            assert_eq!(half(x), expected, "{x}");
        }
    }
}
