//! Qdrant as a target: an archive's points back into a collection. What a collection
//! is to be made of is in `blueprint`, what stands against one that is there in
//! `likeness`, the points' wire form in `points`. What may be written is decided by
//! who calls.

mod blueprint;
mod likeness;
mod points;

pub use self::blueprint::{Blueprint, FieldStorage, Storage};
use super::configuration::Settings;
pub use super::ids::Side;
use super::page::weight;
use super::place::Place;
use super::shape::described;
use super::{QdrantReader, QdrantSettings};
use crate::clock::Clock;
use crate::error::Error;
use crate::point::{Point, Shape};
use qdrant_client::qdrant::StrictModeConfig;

/// The most bytes of one call, but for a single larger point: gRPC's usual limit of
/// a message is 4 MiB, which something on the way may keep although Qdrant does not.
const BATCH_BYTES: usize = 3 << 20;
/// The most points of one call.
const BATCH_POINTS: usize = 1_000;

/// A server, and the name of a collection there.
pub struct QdrantTarget {
    place: Place,
}

/// A collection that is there.
pub struct Existing {
    /// Reads it.
    pub reader: QdrantReader,
    settings: Settings,
    batch_points: usize,
    timeout_s: u64,
}

impl QdrantTarget {
    /// Connects to the server, and resolves an alias once; the collection need not
    /// exist.
    ///
    /// # Errors
    /// As for reading: a wrong address, a wrong key, a server that cannot be reached.
    pub async fn reach(
        collection: &str,
        settings: QdrantSettings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let place = Place::reach(collection, settings, clock).await?;
        Ok(Self { place })
    }

    /// The collection's own name.
    pub fn collection(&self) -> &str {
        &self.place.collection
    }

    /// What the operator called it, where that is an alias.
    pub fn alias(&self) -> Option<&str> {
        self.place.alias.as_deref()
    }

    /// The server's version.
    pub fn version(&self) -> &str {
        &self.place.version
    }

    /// The collection as it is now; none where there is none.
    ///
    /// # Errors
    /// The server's.
    pub async fn look(&self) -> Result<Option<Existing>, Error> {
        let Some(info) = self.place.server.find(&self.place.collection).await? else {
            return Ok(None);
        };
        let settings = Settings::of(&info);
        let description = described(info);
        Ok(Some(Existing {
            batch_points: most_points(settings.config.strict_mode_config.as_ref()),
            timeout_s: self
                .place
                .pace
                .server_timeout_s(description.limits.timeout_s),
            settings,
            reader: QdrantReader::of(&self.place, description)?,
        }))
    }

    /// Makes the collection.
    ///
    /// # Errors
    /// The server's; Forbidden where the key may only read.
    pub async fn create(&self, blueprint: &Blueprint) -> Result<(), Error> {
        let timeout_s = self.place.pace.server_timeout_s(None);
        let request = blueprint.creation(&self.place.collection, timeout_s);
        self.place.server.create(request).await
    }

    /// Makes the payload index on a field, and waits for it.
    ///
    /// # Errors
    /// As [`QdrantTarget::create`].
    pub async fn create_index(
        &self,
        existing: &Existing,
        blueprint: &Blueprint,
        field: &str,
    ) -> Result<(), Error> {
        let request = blueprint.index(&self.place.collection, field, existing.timeout_s);
        match request {
            Some(request) => self.place.server.create_index(request).await,
            None => Ok(()),
        }
    }

    /// Writes points of `shape`, in place of those of their ids, and waits until
    /// they are applied.
    ///
    /// # Errors
    /// The server's; Failed for a point that Qdrant cannot hold.
    pub async fn upsert(
        &self,
        existing: &Existing,
        shape: &Shape,
        points: &[Point],
    ) -> Result<(), Error> {
        let wire = points.iter().map(|point| points::wire(shape, point));
        let wire = wire
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::failed("a point was to be written that Qdrant cannot hold"))?;
        let (server, collection) = (&self.place.server, &self.place.collection);
        server.upsert(collection, wire, existing.timeout_s).await
    }
}

impl Existing {
    /// Why the collection cannot hold what the blueprint is of, a sentence each;
    /// nothing where both have the same vectors.
    pub fn conflicts(&self, blueprint: &Blueprint) -> Vec<String> {
        likeness::conflicts(&blueprint.settings, &self.settings)
    }

    /// Settings that the collection has otherwise than the archive tells, as
    /// `config.hnsw_config.m is 16, not 32` each.
    pub fn differences(&self, blueprint: &Blueprint) -> Vec<String> {
        likeness::differences(&blueprint.settings, &self.settings)
    }

    /// Payload indexes of the blueprint that the collection lacks, by field.
    pub fn missing_indexes(&self, blueprint: &Blueprint) -> Vec<String> {
        let fields = blueprint.index_fields().into_iter();
        fields
            .filter(|field| !self.settings.payload_schema.contains_key(field))
            .collect()
    }

    /// How the collection stores each of its dense vectors.
    pub fn storage(&self) -> Vec<FieldStorage> {
        blueprint::storage(&self.settings)
    }

    /// Whether another point still fits into a call with `points` points of `bytes`
    /// bytes together.
    pub fn takes_more(&self, points: usize, bytes: usize) -> bool {
        points < self.batch_points && bytes < BATCH_BYTES
    }
}

/// The most points of a call that strict mode takes: of one call, and of a minute.
fn most_points(strict: Option<&StrictModeConfig>) -> usize {
    let strict = strict.filter(|strict| strict.enabled != Some(false));
    let of_call = strict.and_then(|strict| strict.upsert_max_batchsize);
    let of_minute = strict.and_then(|strict| strict.write_rate_limit);
    let most = of_call.into_iter().chain(of_minute.map(u64::from)).min();
    most.and_then(|most| usize::try_from(most).ok())
        .map_or(BATCH_POINTS, |most| most.clamp(1, BATCH_POINTS))
}

/// About how many bytes a point takes in a call.
pub fn bytes_of(point: &Point) -> usize {
    weight(point)
}
