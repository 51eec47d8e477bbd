//! Qdrant as a source: a collection read over gRPC in the order of ids, and asked
//! again by id over REST. What the server does was taken from its documentation,
//! its source at 1.19 and a live 1.18.
//!
//! Inside: `address` where it is, `connect` single calls, `place` the way there,
//! `shape` what it holds, `configuration` how, `warnings` what is to be said of it,
//! `version` what the server knows, `borders` the lanes, `scroll` pages, `ids` their
//! ids alone and `page` their size, `convert` and `rest` the two decoders, which meet
//! in `fields`, `retry` what a failure means. `target` is the way back: an archive's
//! points into a collection, with the calls of `write`.

mod address;
mod borders;
mod configuration;
mod connect;
mod convert;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod ids;
mod page;
mod place;
mod rest;
mod retry;
mod scroll;
mod shape;
mod target;
mod version;
mod warnings;
mod write;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use self::configuration::Settings;
use self::connect::{Pace, Server};
use self::fields::Fields;
use self::page::page_size;
use self::place::Place;
use self::rest::Rest;
use self::scroll::Scope;
use self::shape::{Description, ExactCount, Limits, describe};
pub use self::target::{Blueprint, Existing, FieldStorage, QdrantTarget, Side, Storage, bytes_of};
use self::version::is_since;
use self::warnings::multivector_note;
use super::page_size::PageSize;
use super::{Configuration, Cursor, DEFAULT_READERS, Lane, LaneReader, Laned, Page, SourceFacts};
use crate::clock::Clock;
use crate::error::Error;
use crate::point::{Point, PointId, PointName};

/// The first version that knows the condition that a point has a vector.
const HAVING: (u64, u64) = (1, 13);

/// How to reach a Qdrant server.
#[derive(Debug, Clone)]
pub struct QdrantSettings {
    /// `QDRANT_URL`: the REST or the gRPC address. The standard ports 6333 and
    /// 6334 (or none) stand for each other; any other port is the gRPC one.
    pub url: Option<String>,
    /// `QDRANT_API_KEY`; a read-only key is enough.
    pub api_key: Option<SecretString>,
    /// `QDRANT_GRPC_PORT`, where it does not follow from the URL.
    pub grpc_port: Option<u16>,
    /// `QDRANT_REST_PORT`, where it does not follow from the URL. Without one,
    /// points cannot be asked again by id.
    pub rest_port: Option<u16>,
    /// Allows `http://` to another machine: key and data travel readable.
    pub insecure_http: bool,
    /// The longest time for one request.
    pub timeout: Duration,
    /// The first pause before a retry; later ones double, up to 30 s, with jitter.
    pub first_pause: Duration,
    /// How many lanes are read at once, each over a connection of its own.
    pub readers: NonZeroUsize,
}

impl Default for QdrantSettings {
    fn default() -> Self {
        Self {
            url: None,
            api_key: None,
            grpc_port: None,
            rest_port: None,
            insecure_http: false,
            timeout: Duration::from_secs(60),
            first_pause: Duration::from_millis(250),
            readers: DEFAULT_READERS,
        }
    }
}

/// A collection of a Qdrant server, opened for reading.
pub type QdrantSource = Laned<QdrantReader>;

/// Reads a collection's points: pages of any stretch of ids, and points by id.
pub struct QdrantReader {
    server: Arc<Server>,
    rest: Option<Rest>,
    pace: Pace,
    collection: String,
    version: String,
    vector: String,
    fields: Fields,
    limits: Limits,
    /// About how many points there are.
    points: Option<u64>,
    size: Mutex<PageSize>,
    facts: SourceFacts,
    configuration: Option<Configuration>,
}

impl Laned<QdrantReader> {
    /// [`QdrantReader::open`], read along lanes.
    ///
    /// # Errors
    /// As there.
    pub async fn open(
        collection: &str,
        vector: Option<&str>,
        settings: QdrantSettings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let readers = settings.readers;
        let reader = QdrantReader::open(collection, vector, settings, clock).await?;
        Ok(Self::new(reader).with_readers(readers))
    }
}

impl QdrantReader {
    /// Connects, resolves an alias once, and learns what the collection is made
    /// of; `vector` is the named vector meant for Vectorize, where there is a choice.
    ///
    /// # Errors
    /// Usage for a wrong address or a vector that must be chosen; Forbidden for
    /// a wrong key; Refused for what Vectorize cannot hold (multivectors, only
    /// sparse vectors, none, Manhattan distance); Failed for a server that cannot be
    /// reached or a collection that does not exist.
    pub async fn open(
        collection: &str,
        vector: Option<&str>,
        settings: QdrantSettings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let place = Place::reach(collection, settings, clock).await?;
        let info = place.server.info(&place.collection).await?;
        let configuration = Settings::of(&info).to_configuration(&place.version);
        let mut description = describe(&place.collection, vector, info)?;
        let mut warnings: Vec<_> = place
            .alias
            .iter()
            .map(|alias| alias_note(alias, &place.collection))
            .collect();
        warnings.append(&mut description.warnings);
        let mut reader = Self::of(&place, description)?;
        warnings.extend(reader.rest.is_none().then(no_rest_note));
        reader.facts.warnings = warnings;
        reader.configuration = Some(configuration);
        reader.with_multivector_notes().await
    }

    /// A reader of what was described there.
    fn of(place: &Place, description: Description) -> Result<Self, Error> {
        let fields = description.fields;
        Ok(Self {
            facts: SourceFacts {
                name: format!("qdrant:{}", place.collection),
                identity: place.address.grpc.clone(),
                shape: fields.shape.clone(),
                warnings: description.warnings,
            },
            configuration: None,
            size: Mutex::new(page_size(fields.numbers(), description.limits.page_points)),
            points: description.points,
            limits: description.limits,
            vector: description.chosen,
            fields,
            server: Arc::clone(&place.server),
            rest: place.rest()?,
            pace: place.pace,
            collection: place.collection.clone(),
            version: place.version.clone(),
        })
    }

    /// Multivectors are not read: what can be said of them is said here.
    async fn with_multivector_notes(mut self) -> Result<Self, Error> {
        for name in self.fields.left_out.clone() {
            let having = self.count_having(&name).await;
            self.facts.warnings.push(multivector_note(&name, having));
        }
        Ok(self)
    }

    /// How many points have a vector; none where the server cannot say.
    async fn count_having(&self, vector: &str) -> Option<u64> {
        let allowed = self.limits.exact_count == ExactCount::Allowed;
        if !allowed || !is_since(&self.version, HAVING) {
            return None;
        }
        let timeout_s = self.server_timeout_s();
        let count = self.server.count(&self.collection, Some(vector), timeout_s);
        count.await.ok()
    }

    /// The server's version, as its health check said.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name of the dense vector meant for Vectorize: the one asked for, the
    /// unnamed one (empty), or the only one.
    pub fn vector(&self) -> &str {
        &self.vector
    }

    /// The page size, which all lanes share. A panic elsewhere leaves it sound.
    fn size(&self) -> MutexGuard<'_, PageSize> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server_timeout_s(&self) -> u64 {
        self.pace.server_timeout_s(self.limits.timeout_s)
    }
}

fn alias_note(alias: &str, real: &str) -> String {
    format!(
        "{alias:?} is an alias of collection {real:?}, which is what is read even if the alias is switched."
    )
}

fn no_rest_note() -> String {
    "The REST port is not known from QDRANT_URL, so points cannot be asked a second time by id; \
     set QDRANT_REST_PORT to have that check."
        .to_owned()
}

#[async_trait]
impl LaneReader for QdrantReader {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn configuration(&self) -> Option<&Configuration> {
        self.configuration.as_ref()
    }

    async fn draw_lanes(&self) -> Result<Vec<Lane>, Error> {
        self.cut_into_lanes().await
    }

    async fn count(&self) -> Result<Option<u64>, Error> {
        match self.limits.exact_count {
            ExactCount::Refused => Ok(None),
            ExactCount::Allowed => self
                .server
                .count(&self.collection, None, self.server_timeout_s())
                .await
                .map(Some),
        }
    }

    async fn held_back(&self) -> Result<Vec<String>, Error> {
        let info = self.server.info(&self.collection).await?;
        Ok(warnings::deferred(&info).into_iter().collect())
    }

    fn hang_up(&self) {
        self.server.hang_up();
    }

    async fn page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Page, Error> {
        let (from, until) = match (lane, from) {
            (Lane::Ids { from, until }, None) => (from.clone(), until),
            (
                Lane::Ids { until, .. },
                Some(Cursor::FromId(id @ (PointId::Integer(_) | PointId::Uuid(_)))),
            ) => (Some(id.clone()), until),
            other => {
                return Err(Error::failed(format!(
                    "a Qdrant collection cannot be read from {other:?} on"
                ))
                .advise(
                    "That place was kept by another kind of source; begin a new migration folder",
                ));
            }
        };
        self.read_page(Scope::Page, from, until.as_ref()).await
    }

    async fn fetch(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        let ids: Vec<PointId> = names.iter().map(|name| name.id.clone()).collect();
        match &self.rest {
            None => Ok(None),
            Some(rest) => rest.fetch(&self.fields, &ids).await,
        }
    }
}
