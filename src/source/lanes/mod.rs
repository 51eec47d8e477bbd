//! Sources whose points stand in lanes that can be read apart: a stretch of ids
//! of a Qdrant collection, a namespace of an Upstash index. Lanes are drawn once,
//! written down in the manifest before the first page, and never drawn again.
//! Several are read side by side; their pages come in the order of arrival.

mod ahead;
#[cfg(test)]
pub(crate) mod double;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::ahead::ReadAhead;
use super::{Configuration, Cursor, Names, Page, Source, SourceFacts};
use crate::error::Error;
use crate::point::{Point, PointId, PointName};

/// A part of a source that is read on its own, in an order of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The ids from `from` (none: the first) up to `until` (none: the last), which
    /// is the next lane's.
    Ids {
        /// The first id.
        from: Option<PointId>,
        /// The first id that is not in it any more.
        until: Option<PointId>,
    },
    /// A namespace; none for the default one.
    Namespace(Option<String>),
}

impl Lane {
    /// All of a source that is read in one go.
    pub const WHOLE: Self = Self::Ids {
        from: None,
        until: None,
    };
}

/// How far every lane was read. Lanes are begun in their order, so that those
/// that are done need not be named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Places {
    /// Lanes that were begun and are not done.
    pub open: Vec<Place>,
    /// The first lane that was not begun; those before it that are not open are
    /// done.
    pub unbegun: usize,
}

/// Where reading goes on in one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The lane, by its position.
    pub lane: usize,
    /// The place; none for the lane's first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cursor>,
}

impl Places {
    /// The places that `from` says.
    pub(crate) fn of(from: Option<&Cursor>) -> Option<Self> {
        match from {
            None => Some(Self::default()),
            Some(Cursor::Lanes(places)) => Some(places.clone()),
            Some(_) => None,
        }
    }

    /// The place from which that one lane alone is read on, among `lanes` of
    /// them; none where it was read to its end.
    pub(crate) fn alone(&self, lane: usize, lanes: usize) -> Option<Self> {
        let begun = self.open.iter().find(|place| place.lane == lane);
        let place = match begun {
            Some(place) => place.clone(),
            None if lane >= self.unbegun => Place { lane, from: None },
            None => return None,
        };
        Some(Self {
            open: vec![place],
            unbegun: lanes,
        })
    }

    fn set(&mut self, lane: usize, from: Cursor) {
        let mut open = self.open.iter_mut();
        if let Some(place) = open.find(|place| place.lane == lane) {
            place.from = Some(from);
        }
    }

    fn close(&mut self, lane: usize) {
        self.open.retain(|place| place.lane != lane);
    }
}

/// A source that is read along lanes.
///
/// Every method may be called by several readers at once.
#[async_trait]
pub trait LaneReader: Send + Sync + 'static {
    /// What was learned when the source was opened.
    fn facts(&self) -> &SourceFacts;

    /// As [`Source::configuration`].
    fn configuration(&self) -> Option<&Configuration> {
        None
    }

    /// Cuts the source into lanes; together they hold every point, whatever is
    /// written meanwhile. None where it is better read in one go: then the only
    /// lane is [`Lane::WHOLE`], and its cursors are the source's.
    async fn draw_lanes(&self) -> Result<Vec<Lane>, Error>;

    /// The page of that lane that begins at `from` (none: the lane's first).
    /// `next` is none at the lane's end.
    async fn page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Page, Error>;

    /// As [`Source::count`].
    async fn count(&self) -> Result<Option<u64>, Error>;

    /// As [`Source::count_by_namespace`].
    async fn count_by_namespace(&self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        Ok(None)
    }

    /// As [`Source::may_repeat`].
    fn may_repeat(&self) -> bool {
        false
    }

    /// As [`Source::names_page`].
    async fn names_page(
        &self,
        _lane: &Lane,
        _from: Option<&Cursor>,
    ) -> Result<Option<Names>, Error> {
        Ok(None)
    }

    /// As [`Source::held_back`].
    async fn held_back(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// As [`Source::hang_up`].
    fn hang_up(&self) {}

    /// As [`Source::fetch`].
    async fn fetch(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error>;
}

/// Lanes that are read at once unless it is said otherwise (Qdrant contract: four
/// to eight streams use a normal node fully).
pub const DEFAULT_READERS: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

/// A [`LaneReader`] as one source. Each page that it gives is of one lane; of every
/// lane that is open one page at most is being read or waits, so that memory does
/// not grow with the source.
pub struct Laned<R> {
    reader: Arc<R>,
    readers: NonZeroUsize,
    lanes: Arc<[Lane]>,
    ahead: Option<ReadAhead<R>>,
}

impl<R: LaneReader> Laned<R> {
    /// The source that `reader` reads.
    pub fn new(reader: R) -> Self {
        Self {
            reader: Arc::new(reader),
            readers: DEFAULT_READERS,
            lanes: Arc::new([]),
            ahead: None,
        }
    }

    /// As it is, with so many lanes read at once. May differ from start to start.
    #[must_use]
    pub fn with_readers(mut self, readers: NonZeroUsize) -> Self {
        self.readers = readers;
        self
    }

    /// What reads.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    fn places(&self, from: Option<&Cursor>) -> Result<Places, Error> {
        let known = |places: &Places| {
            let mut open = places.open.iter();
            open.all(|place| place.lane < self.lanes.len())
        };
        Places::of(from).filter(known).ok_or_else(|| {
            Error::failed(format!(
                "{} cannot be read from {from:?} on",
                self.facts().name
            ))
            .advise("that place was kept by another kind of source; begin a new migration folder")
        })
    }
}

#[async_trait]
impl<R: LaneReader> Source for Laned<R> {
    fn facts(&self) -> &SourceFacts {
        self.reader.facts()
    }

    fn configuration(&self) -> Option<&Configuration> {
        self.reader.configuration()
    }

    async fn draw_lanes(&mut self) -> Result<Vec<Lane>, Error> {
        self.reader.draw_lanes().await
    }

    fn read_along(&mut self, lanes: &[Lane]) {
        self.lanes = lanes.into();
        self.ahead = None;
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        self.reader.count().await
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        if self.lanes.is_empty() {
            return self.reader.page(&Lane::WHOLE, from).await;
        }
        let places = self.places(from)?;
        let mut ahead = match self.ahead.take() {
            Some(ahead) if ahead.is_at(&places) => ahead,
            _ => ReadAhead::begin(&self.reader, &self.lanes, self.readers, places),
        };
        let page = ahead.next().await?;
        self.ahead = Some(ahead);
        Ok(page)
    }

    async fn count_by_namespace(&mut self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        self.reader.count_by_namespace().await
    }

    fn may_repeat(&self) -> bool {
        self.reader.may_repeat()
    }

    async fn names_page(
        &mut self,
        lane: &Lane,
        from: Option<&Cursor>,
    ) -> Result<Option<Names>, Error> {
        self.reader.names_page(lane, from).await
    }

    async fn held_back(&mut self) -> Result<Vec<String>, Error> {
        self.reader.held_back().await
    }

    fn hang_up(&mut self) {
        self.ahead = None;
        self.reader.hang_up();
    }

    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        self.reader.fetch(names).await
    }
}
