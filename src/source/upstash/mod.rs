//! Upstash Vector as a source: all namespaces of an index, or one, each a lane
//! that is read page by page with `range` and asked again by id with `fetch`. What
//! the service does was taken from its documentation and the vendor's own clients.
//!
//! Inside: `address` where it is, `server` single calls, `reply` what an answer
//! holds, `retry` what a failure means, `info` what the index is, `namespaces` which
//! of them are read, `range` pages, `laps` cursors that come again, `decode` vectors.

mod address;
mod decode;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod info;
mod laps;
mod namespaces;
mod range;
mod reply;
mod retry;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use self::decode::Fields;
use self::info::Info;
use self::namespaces::Known;
use self::range::Reading;
use self::server::Server;
use super::lanes::{Lane, LaneReader};
use super::{Cursor, Names, Page, SourceFacts};
use crate::clock::Clock;
use crate::error::Error;
use crate::locator::{Locator, Namespaces};
use crate::point::{Point, PointName};
use crate::progress::{Level, Progress};
use crate::stop::Stop;

/// A namespace's name; none for the default one.
type Namespace = Option<String>;

/// How to reach an index.
#[derive(Debug, Clone)]
pub struct UpstashSettings {
    /// `UPSTASH_VECTOR_REST_URL`.
    pub url: Option<String>,
    /// `UPSTASH_VECTOR_REST_TOKEN`; a read-only one is enough where the service lets
    /// it read.
    pub token: Option<SecretString>,
    /// Allows plain `http://` to another machine: token and data travel readable.
    pub insecure_http: bool,
    /// The longest time for one request.
    pub timeout: Duration,
    /// The first pause before a retry; later ones double, up to 30 s, with jitter.
    pub first_pause: Duration,
    /// How long the index may be at indexing pending vectors without getting on.
    pub pending_patience: Duration,
}

impl Default for UpstashSettings {
    fn default() -> Self {
        Self {
            url: None,
            token: None,
            insecure_http: false,
            timeout: Duration::from_secs(90),
            first_pause: Duration::from_millis(250),
            pending_patience: Duration::from_secs(60),
        }
    }
}

/// What waiting needs: time, somebody who may end it, and somebody to tell.
#[derive(Clone)]
pub struct Surroundings {
    /// Where time is asked.
    pub clock: Clock,
    /// Ends waits and pauses.
    pub stop: Stop,
    /// Is told what is waited for.
    pub progress: Arc<dyn Progress>,
}

/// An index, opened for reading along its namespaces.
pub struct UpstashReader {
    server: Server,
    chosen: Namespaces,
    known: Known,
    fields: Fields,
    reading: Reading,
    facts: SourceFacts,
    pending_patience: Duration,
}

impl UpstashReader {
    /// Asks what the index is and which namespaces it has.
    ///
    /// # Errors
    /// Usage for a wrong address; Forbidden for a wrong token; Refused for a sparse
    /// index; Failed for an address where nothing answers or a namespace that
    /// does not exist; Stopped for what may pass.
    pub async fn open(
        chosen: Namespaces,
        settings: UpstashSettings,
        surroundings: Surroundings,
    ) -> Result<Self, Error> {
        let pending_patience = settings.pending_patience;
        let server = Server::new(settings, surroundings)?;
        let info = Info::ask(&server).await?;
        let listed = namespaces::ask(&server, &info).await?;
        namespaces::check(&chosen, &listed)?;
        let fields = info.fields()?;
        let mut warnings = info.warnings();
        warnings.extend(namespaces::empty_note(&chosen, &info));
        Ok(Self {
            facts: SourceFacts {
                name: Locator::Upstash(chosen.clone()).to_string(),
                identity: identity(&server, &chosen),
                shape: fields.shape(),
                warnings,
            },
            known: Known::new(listed),
            reading: Reading::new(&fields),
            fields,
            server,
            chosen,
            pending_patience,
        })
    }

    /// Waits until everything written to the index is indexed: until then its counts
    /// may count a vector twice. Not forever, because pages hold pending ones too.
    async fn settle(&self) -> Result<(), Error> {
        let Surroundings {
            clock,
            stop,
            progress,
        } = &self.server.surroundings;
        let mut least = u64::MAX;
        let mut pause = self.server.first_pause;
        let mut progressed = clock.now();
        loop {
            let Some(pending) = Info::ask(&self.server).await?.pending(&self.chosen) else {
                return Ok(());
            };
            if pending == 0 {
                return Ok(());
            }
            if least == u64::MAX {
                progress.remark(Level::Info, &format!("Upstash is still indexing {pending} vectors that were written shortly before: waiting until it is done"));
            }
            if pending < least {
                (least, progressed) = (pending, clock.now());
            }
            if clock.now() - progressed >= self.pending_patience {
                progress.remark(Level::Warning, &format!("Upstash does not get on with indexing {pending} vectors. They are read all the same, but its counts may be wrong until it has"));
                return Ok(());
            }
            stop.pause(clock, pause).await?;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }
}

/// How long to wait at most before looking at pending vectors again.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

fn identity(server: &Server, chosen: &Namespaces) -> String {
    match chosen.only() {
        None => server.url.clone(),
        Some(namespace) => format!("{}, {}", server.url, namespaces::shown(&namespace)),
    }
}

/// The namespace that a lane of ours is.
fn namespace_of<'a>(name: &str, lane: &'a Lane) -> Result<&'a Namespace, Error> {
    match lane {
        Lane::Namespace(namespace) => Ok(namespace),
        other => Err(foreign_place(name, &format!("{other:?}"))),
    }
}

/// The cursor that a place of ours is; the beginning where there is none.
fn cursor_of<'a>(name: &str, from: Option<&'a Cursor>) -> Result<Option<&'a str>, Error> {
    match from {
        None => Ok(None),
        Some(Cursor::Opaque(cursor)) => Ok(Some(cursor)),
        Some(other) => Err(foreign_place(name, &format!("{other:?}"))),
    }
}

fn foreign_place(name: &str, place: &str) -> Error {
    Error::failed(format!("{name} cannot be read from {place} on"))
        .advise("That place was kept by another kind of source; begin a new migration folder")
}

#[async_trait]
impl LaneReader for UpstashReader {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    async fn draw_lanes(&self) -> Result<Vec<Lane>, Error> {
        self.settle().await?;
        let namespaces = match self.chosen.only() {
            Some(namespace) => vec![namespace],
            None => self.known.again(&self.server).await?,
        };
        Ok(namespaces.into_iter().map(Lane::Namespace).collect())
    }

    async fn page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Page, Error> {
        let namespace = namespace_of(&self.facts.name, lane)?;
        let cursor = cursor_of(&self.facts.name, from)?;
        if !self.known.holds(&self.server, namespace).await? {
            return namespaces::vanished(&self.server, namespace, cursor);
        }
        self.reading
            .page(&self.server, &self.fields, namespace, cursor)
            .await
    }

    async fn count(&self) -> Result<Option<u64>, Error> {
        Ok(Info::ask(&self.server).await?.count(&self.chosen))
    }

    async fn count_by_namespace(&self) -> Result<Option<BTreeMap<Namespace, u64>>, Error> {
        Ok(Info::ask(&self.server).await?.counts(&self.chosen))
    }

    fn may_repeat(&self) -> bool {
        true
    }

    async fn names_page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Option<Names>, Error> {
        let namespace = namespace_of(&self.facts.name, lane)?;
        let cursor = cursor_of(&self.facts.name, from)?;
        let names = self.reading.names(&self.server, namespace, cursor).await?;
        Ok(Some(names))
    }

    async fn fetch(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        let mut found = Vec::with_capacity(names.len());
        for (namespace, ids) in by_namespace(names) {
            for ids in ids.chunks(FETCHED) {
                found.extend(range::fetch(&self.server, &self.fields, &namespace, ids).await?);
            }
        }
        Ok(Some(found))
    }
}

/// Ids that are asked for in one call (an index takes 1,000 by default).
const FETCHED: usize = 100;

fn by_namespace(names: &[PointName]) -> BTreeMap<Namespace, Vec<String>> {
    let mut ids: BTreeMap<Namespace, Vec<String>> = BTreeMap::new();
    for name in names {
        let of_namespace = ids.entry(name.namespace.clone()).or_default();
        of_namespace.push(name.id.to_string());
    }
    ids
}
