//! One collection: its description and its points in Qdrant's order.

use std::collections::{BTreeMap, BTreeSet};

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionInfo, CollectionParams, CollectionStatus, PointId, RetrievedPoint,
    SparseVectorConfig, SparseVectorParams, StrictModeConfig, VectorParamsMap, VectorsConfig,
    vectors_config,
};
use serde_json::Value;
use uuid::Uuid;

use super::generated::Generator;

/// A point's id in Qdrant's order: integers by value, then UUIDs by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    Number(u64),
    Uuid(u128),
}

impl Id {
    /// The smallest id there can be.
    pub const FIRST: Self = Self::Number(0);

    /// None for what a real server would refuse.
    pub fn of(wire: Option<&PointId>) -> Option<Self> {
        match wire?.point_id_options.as_ref()? {
            PointIdOptions::Num(number) => Some(Self::Number(*number)),
            PointIdOptions::Uuid(text) => Some(Self::Uuid(Uuid::try_parse(text).ok()?.as_u128())),
        }
    }

    /// As messages carry it.
    pub fn wire(self) -> PointId {
        match self {
            Self::Number(number) => number.into(),
            Self::Uuid(bits) => Uuid::from_u128(bits).to_string().into(),
        }
    }
}

/// Points, held or made when asked for.
enum Points {
    Held(BTreeMap<Id, RetrievedPoint>),
    Generated(Generator),
}

/// A collection of the double.
pub struct Collection {
    pub(super) name: String,
    pub(super) info: CollectionInfo,
    /// What the real server answered over REST, where that was recorded.
    pub(super) recorded_rest: BTreeMap<Id, Value>,
    points: Points,
    deleted: BTreeSet<Id>,
}

impl Collection {
    /// From parts that a real server described.
    pub fn new(name: &str, info: CollectionInfo, points: Vec<RetrievedPoint>) -> Self {
        let points = points.into_iter().map(|point| {
            let id = Id::of(point.id.as_ref()).expect("points have ids");
            (id, point)
        });
        Self {
            name: name.to_owned(),
            info,
            recorded_rest: BTreeMap::new(),
            points: Points::Held(points.collect()),
            deleted: BTreeSet::new(),
        }
    }

    /// An empty one with these vectors.
    pub fn described(name: &str, vectors: Option<vectors_config::Config>, sparse: &[&str]) -> Self {
        let sparse = sparse.iter();
        let sparse = sparse.map(|name| ((*name).to_owned(), SparseVectorParams::default()));
        let params = CollectionParams {
            shard_number: 1,
            vectors_config: Some(VectorsConfig {
                config: Some(vectors.unwrap_or_else(|| {
                    vectors_config::Config::ParamsMap(VectorParamsMap::default())
                })),
            }),
            sparse_vectors_config: Some(SparseVectorConfig {
                map: sparse.collect(),
            }),
            ..CollectionParams::default()
        };
        let info = CollectionInfo {
            status: CollectionStatus::Green.into(),
            config: Some(CollectionConfig {
                params: Some(params),
                ..CollectionConfig::default()
            }),
            ..CollectionInfo::default()
        };
        Self::new(name, info, Vec::new())
    }

    /// With strict mode limits, which the double keeps.
    pub fn strict(mut self, strict: StrictModeConfig) -> Self {
        let config = self.info.config.get_or_insert_default();
        config.strict_mode_config = Some(strict);
        self
    }

    pub(super) fn generated(mut self, generator: Generator) -> Self {
        self.points = Points::Generated(generator);
        self
    }

    pub(super) fn strict_mode(&self) -> Option<&StrictModeConfig> {
        let strict = self.info.config.as_ref()?.strict_mode_config.as_ref();
        strict.filter(|strict| strict.enabled == Some(true))
    }

    pub(super) fn len(&self) -> u64 {
        let all = match &self.points {
            Points::Held(points) => points.len() as u64,
            Points::Generated(generator) => generator.count(),
        };
        all - self.deleted.len() as u64
    }

    pub(super) fn ids(&self) -> Vec<Id> {
        let all: Vec<Id> = match &self.points {
            Points::Held(points) => points.keys().copied().collect(),
            Points::Generated(generator) => generator.ids_from(Id::FIRST).collect(),
        };
        let kept = all.into_iter();
        kept.filter(|id| !self.deleted.contains(id)).collect()
    }

    pub(super) fn get(&self, id: Id) -> Option<RetrievedPoint> {
        if self.deleted.contains(&id) {
            return None;
        }
        match &self.points {
            Points::Held(points) => points.get(&id).cloned(),
            Points::Generated(generator) => generator.point(id),
        }
    }

    /// Up to `most` ids at `from` and after it, those in `hidden` left out.
    pub(super) fn ids_from(&self, from: Id, most: usize, hidden: &BTreeSet<Id>) -> Vec<Id> {
        let there = |id: &Id| !hidden.contains(id) && !self.deleted.contains(id);
        match &self.points {
            Points::Held(points) => {
                let ids = points.range(from..).map(|(id, _)| *id);
                ids.filter(there).take(most).collect()
            }
            Points::Generated(generator) => {
                generator.ids_from(from).filter(there).take(most).collect()
            }
        }
    }

    /// Some ids, spread evenly, in no order.
    pub(super) fn sample(&self, most: u64) -> Vec<Id> {
        let ids = self.ids();
        let step = ids.len().div_ceil(most.max(1) as usize).max(1);
        let mut sample: Vec<Id> = ids.into_iter().skip(step / 2).step_by(step).collect();
        sample.reverse();
        sample
    }

    /// Puts a point, in place of one of that id.
    pub fn put(&mut self, point: RetrievedPoint) {
        let id = Id::of(point.id.as_ref()).expect("a point has an id");
        let Points::Held(points) = &mut self.points else {
            panic!("a generated collection takes no points");
        };
        points.insert(id, point);
        self.recorded_rest.remove(&id);
    }

    pub(super) fn delete(&mut self, id: Id) {
        match &mut self.points {
            Points::Held(points) => drop(points.remove(&id)),
            Points::Generated(generator) if generator.point(id).is_some() => {
                self.deleted.insert(id);
            }
            Points::Generated(_) => {}
        }
    }
}
