//! Where points come from. A source is read page by page, in an order that does
//! not change, and each page says from where reading can go on; it writes
//! nothing and keeps no state of ours.

pub mod file;
mod json;
pub(crate) mod lanes;
mod page_size;
pub mod qdrant;
mod tries;
pub mod upstash;
pub mod vectorize;

pub use lanes::{DEFAULT_READERS, Lane, LaneReader, Laned, Place, Places};

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::archive::Generation;
use crate::error::Error;
use crate::point::{Point, PointId, PointName, Shape};

/// Where reading goes on, in the source's own terms. It is kept in the archive's
/// manifest, so it must mean the same after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// The lowest id not read yet, in Qdrant's order.
    FromId(PointId),
    /// Lines of the file that have been read, empty ones included.
    AfterLine(u64),
    /// Points of the archive that have been read.
    AfterPoint(u64),
    /// The id that was read last, where ids are read in their order.
    AfterId(PointId),
    /// A cursor that only the service understands.
    Opaque(String),
    /// A place in every lane.
    Lanes(Places),
}

/// A point, and the place after it.
#[derive(Debug, Clone)]
pub struct ReadPoint {
    /// The point.
    pub point: Point,
    /// From here reading goes on with the next point; none where the source
    /// can only go on after the whole page.
    pub resume: Option<Cursor>,
}

/// Some consecutive points.
#[derive(Debug, Default)]
pub struct Page {
    /// The points, in the source's order. A page may be empty.
    pub points: Vec<ReadPoint>,
    /// Where the next page begins; none when the source is exhausted.
    pub next: Option<Cursor>,
    /// The lane that the points are of, by its position; none where the source is
    /// read in one go.
    pub lane: Option<usize>,
}

/// Names of some consecutive points, without what the points hold.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names {
    /// The names, in the source's order; a page may be empty.
    pub names: Vec<PointName>,
    /// Where the next page of names begins; none at the end.
    pub next: Option<Cursor>,
}

/// What is known of a source before its first page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// The source as messages and the frozen plan name it, aliases resolved,
    /// without secrets: `qdrant:docs`, a file's name, or `archive of` either;
    /// the same whatever the path that leads there.
    pub name: String,
    /// What tells this source from another of the same name (server address,
    /// a file's size and hash): a resumed export refuses another one.
    pub identity: String,
    /// What its points are made of.
    pub shape: Shape,
    /// Things the operator should know before starting, a sentence each.
    pub warnings: Vec<String>,
}

/// What the name of a source begins with that is an archive.
const ARCHIVE_OF: &str = "archive of ";

impl SourceFacts {
    /// The name of an archive of that source.
    fn name_of_archive(&self) -> String {
        format!("{ARCHIVE_OF}{}", self.name)
    }
}

/// How the source's service was told to hold and find the points, as far as that is
/// not their shape: kept in the archive so that a collection can be made again as it
/// was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The service: `qdrant`.
    pub service: String,
    /// Its version when it was asked.
    pub version: String,
    /// What it said, in its own terms.
    pub collection: serde_json::Value,
}

/// A collection that can be read from any sealed place on.
///
/// Order: the same at every pass, as far as the source is not written to.
/// Repeats: a page may be asked for again; nothing changes by reading.
#[async_trait]
pub trait Source: Send {
    /// What was learned when the source was opened.
    fn facts(&self) -> &SourceFacts;

    /// How the points' service was told to hold them; none where there is nothing
    /// that could be told again.
    fn configuration(&self) -> Option<&Configuration> {
        None
    }

    /// Whether the same identity means the same points, as it does of a file and
    /// does not of a server.
    fn is_pinned(&self) -> bool {
        false
    }

    /// The generation of an archive whose points these are, one for one and in its
    /// order; none of every other source. The place behind a point is
    /// [`Cursor::AfterPoint`] there.
    fn generation(&self) -> Option<&Generation> {
        None
    }

    /// Whether that identity is this source's as it was before somebody changed it: the
    /// same file, read in the same way, with other content. Another server is another
    /// source.
    fn was_changed_since(&self, _identity: &str) -> bool {
        false
    }

    /// Cuts the source into the lanes that [`Source::read_along`] is given back,
    /// at this start and every later one; none where it is read in one go.
    async fn draw_lanes(&mut self) -> Result<Vec<Lane>, Error> {
        Ok(Vec::new())
    }

    /// Reads along these lanes from now on: said before the first page of a source
    /// that has drawn some.
    fn read_along(&mut self, _lanes: &[Lane]) {}

    /// The exact number of points, asked anew; none where it cannot be known
    /// without reading everything.
    async fn count(&mut self) -> Result<Option<u64>, Error>;

    /// The number of points in each namespace that is read (none: the default one),
    /// asked anew; none where the source does not count by namespace.
    async fn count_by_namespace(&mut self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        Ok(None)
    }

    /// Whether a point may come again on a later page of the same pass. The last one
    /// is then the one that counts.
    fn may_repeat(&self) -> bool {
        false
    }

    /// The page that begins at `from` (none: the first page).
    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error>;

    /// The names of a page of that lane, without what the points hold, from `from` on
    /// (none: the lane's first): a cheap second pass. None where the source has no
    /// cheaper way than [`Source::page`].
    async fn names_page(
        &mut self,
        _lane: &Lane,
        _from: Option<&Cursor>,
    ) -> Result<Option<Names>, Error> {
        Ok(None)
    }

    /// How many points an export may hold that are not sealed yet; none where it is
    /// bounded by their bytes alone, because reading them again is cheap.
    fn sealed_points(&self) -> Option<u64> {
        None
    }

    /// What it holds back from reading as it is now, a sentence each; asked when
    /// reading has come to the end.
    async fn held_back(&mut self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// Closes connections, which keep some of what they have received: hours may pass
    /// until the source is asked again, over new ones.
    fn hang_up(&mut self) {}

    /// The points of these names, asked again by another way than
    /// [`Source::page`] where there is one; absent ones are left out. None where
    /// the source cannot be asked by name.
    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error>;
}

/// The numbers of an array's text, as every source of JSON reads them.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn floats(text: &str) -> Result<Vec<f32>, String> {
    json::floats(text, "the vector")
}
