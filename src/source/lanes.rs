//! Sources whose points stand in lanes that can be read apart: a stretch of ids
//! of a Qdrant collection, a namespace of an Upstash index. Lanes are drawn once,
//! written down in the manifest before the first page, and never drawn again.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Cursor, Names, Page, ReadPoint, Source, SourceFacts};
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

/// How far every lane was read. Lanes are begun in their order, so that those
/// that are done need not be named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Places {
    /// Lanes that were begun and are not done, by their position, each with the
    /// place where reading goes on.
    pub open: Vec<(usize, Cursor)>,
    /// The first lane that was not begun; those before it that are not open are
    /// done.
    pub unbegun: usize,
}

/// A source that is read along lanes.
///
/// Every method may be called by several readers at once.
#[async_trait]
pub trait LaneReader: Send + Sync + 'static {
    /// What was learned when the source was opened.
    fn facts(&self) -> &SourceFacts;

    /// Cuts the source into lanes; together they hold every point, whatever is
    /// written meanwhile.
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

    /// As [`Source::fetch`].
    async fn fetch(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error>;
}

/// A [`LaneReader`] as one source.
pub struct Laned<R> {
    reader: Arc<R>,
    lanes: Vec<Lane>,
}

impl<R: LaneReader> Laned<R> {
    /// The source that `reader` reads.
    pub fn new(reader: R) -> Self {
        Self {
            reader: Arc::new(reader),
            lanes: Vec::new(),
        }
    }

    /// The next lane to read, and from where.
    fn next_place(&self, places: &Places) -> Option<(usize, Option<Cursor>)> {
        match places.open.first() {
            Some((lane, cursor)) => Some((*lane, Some(cursor.clone()))),
            None => (places.unbegun < self.lanes.len()).then_some((places.unbegun, None)),
        }
    }
}

#[async_trait]
impl<R: LaneReader> Source for Laned<R> {
    fn facts(&self) -> &SourceFacts {
        self.reader.facts()
    }

    async fn draw_lanes(&mut self) -> Result<Vec<Lane>, Error> {
        self.reader.draw_lanes().await
    }

    fn read_along(&mut self, lanes: &[Lane]) {
        self.lanes = lanes.to_vec();
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        self.reader.count().await
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

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        let mut places = match from {
            None => Places::default(),
            Some(Cursor::Lanes(places)) => places.clone(),
            Some(other) => {
                return Err(Error::failed(format!(
                    "{} cannot be read from {other:?} on",
                    self.facts().name
                ))
                .advise(
                    "that place was kept by another kind of source; begin a new migration folder",
                ));
            }
        };
        let Some((lane, cursor)) = self.next_place(&places) else {
            return Ok(Page::default());
        };
        let page = self.reader.page(&self.lanes[lane], cursor.as_ref()).await?;
        places.open.retain(|(open, _)| *open != lane);
        places.unbegun = places.unbegun.max(lane + 1);
        places.open.extend(page.next.map(|next| (lane, next)));
        let done = places.open.is_empty() && places.unbegun >= self.lanes.len();
        let next = Cursor::Lanes(places);
        let points = page.points.into_iter().map(|read| ReadPoint {
            point: read.point,
            resume: None,
        });
        let mut points: Vec<ReadPoint> = points.collect();
        if let Some(last) = points.last_mut() {
            last.resume = Some(next.clone());
        }
        Ok(Page {
            points,
            next: (!done).then_some(next),
        })
    }

    async fn held_back(&mut self) -> Result<Vec<String>, Error> {
        self.reader.held_back().await
    }

    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        self.reader.fetch(names).await
    }
}
