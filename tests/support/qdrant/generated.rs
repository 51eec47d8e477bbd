//! Points made when asked for, the same for the same seed.

use std::ops::Range;

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{Distance, RetrievedPoint, Value, VectorParams};

use super::collection::{Collection, Id};
use super::{json, wire};

const CHUNKS_PER_FILE: u64 = 5;

/// Makes the points of one collection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Generator {
    count: u64,
    dimensions: usize,
    seed: u64,
}

pub(super) fn collection(name: &str, count: u64, dimensions: usize, seed: u64) -> Collection {
    let params = VectorParams {
        size: dimensions as u64,
        distance: Distance::Cosine.into(),
        ..VectorParams::default()
    };
    let generator = Generator {
        count,
        dimensions,
        seed,
    };
    Collection::described(name, Some(Config::Params(params)), &[]).generated(generator)
}

/// What a generated collection holds, without a server.
#[derive(Debug, Clone, Copy)]
pub struct Formula(Generator);

impl Formula {
    /// That of [`super::QdrantDouble::generated`] with the same arguments.
    pub fn new(count: u64, dimensions: usize, seed: u64) -> Self {
        Self(Generator {
            count,
            dimensions,
            seed,
        })
    }

    /// How many points there are.
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// Numbers in each vector.
    pub fn dimensions(&self) -> usize {
        self.0.dimensions
    }

    /// The ids of the points with these numbers, as text.
    pub fn ids(&self, numbers: Range<u64>) -> impl Iterator<Item = String> {
        numbers.map(|number| match self.0.id(number) {
            Id::Uuid(bits) => uuid::Uuid::from_u128(bits).to_string(),
            Id::Number(number) => number.to_string(),
        })
    }

    /// The point with that id, as REST gives it: `id`, `vector`, `payload`.
    pub fn point(&self, id: &str) -> Option<serde_json::Value> {
        let id = uuid::Uuid::try_parse(id).ok()?;
        self.0.point(Id::Uuid(id.as_u128())).map(json::point)
    }

    /// The vector with that number.
    pub fn vector(&self, number: u64) -> Vec<f32> {
        self.0.vector(number)
    }
}

impl Generator {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number in the upper half keeps ids in order; the lower half is random.
    fn id(&self, number: u64) -> Id {
        let low = mix(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        Id::Uuid((u128::from(number) << 64) | u128::from(low))
    }

    pub(super) fn ids_from(&self, from: Id) -> impl Iterator<Item = Id> + use<> {
        let first = match from {
            Id::Number(_) => 0,
            Id::Uuid(bits) => u64::try_from(bits >> 64).expect("64 bits are left"),
        };
        let generator = *self;
        let ids = (first..self.count).map(move |number| generator.id(number));
        ids.skip_while(move |id| *id < from)
    }

    pub(super) fn point(&self, id: Id) -> Option<RetrievedPoint> {
        let Id::Uuid(bits) = id else { return None };
        let number = u64::try_from(bits >> 64).ok()?;
        let known = number < self.count && self.id(number) == id;
        known.then(|| RetrievedPoint {
            id: Some(id.wire()),
            payload: self.payload(number).into_iter().collect(),
            vectors: Some(wire::unnamed(self.vector(number))),
            ..RetrievedPoint::default()
        })
    }

    fn vector(&self, number: u64) -> Vec<f32> {
        let mut state = mix(self.seed.wrapping_add(number));
        let raw = std::iter::repeat_with(|| {
            state = mix(state);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        });
        let raw: Vec<f32> = raw.take(self.dimensions).collect();
        let length = raw
            .iter()
            .map(|v| v * v)
            .sum::<f32>()
            .sqrt()
            .max(f32::MIN_POSITIVE);
        raw.into_iter().map(|v| v / length).collect()
    }

    fn payload(&self, number: u64) -> [(String, Value); 7] {
        let (file, chunk) = (number / CHUNKS_PER_FILE, number % CHUNKS_PER_FILE);
        let hash = format!("{:016x}", mix(number ^ self.seed)).repeat(4);
        let text = format!("Chunk {chunk} of document {file}. ").repeat(8);
        let entry = |key: &str, value: Value| (key.to_owned(), value);
        let chunk = i64::try_from(chunk).expect("it is small");
        [
            entry(
                "file_id",
                format!("1{:031x}_", u128::from(mix(file)) << 32).into(),
            ),
            entry("file_name", format!("document-{file}.md").into()),
            entry(
                "file_path",
                format!("/docs/{}/document-{file}.md", file % 17).into(),
            ),
            entry(
                "chunk_index",
                Value {
                    kind: Some(Kind::IntegerValue(chunk)),
                },
            ),
            entry("chunk_hash", hash.into()),
            entry(
                "last_modified",
                format!("2026-10-{:02}T08:00:00Z", file % 28 + 1).into(),
            ),
            entry("text", text.into()),
        ]
    }
}

/// SplitMix64, which needs no state beyond its input.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
