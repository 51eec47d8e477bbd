//! A migration as the stages want it: its parts in one folder, time that waits for
//! nobody, and a source whose points are made as they are read.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use cf_migrate::archive::Archive;
use cf_migrate::clock::Clock;
use cf_migrate::error::Error;
use cf_migrate::ledger::Ledger;
use cf_migrate::point::{DenseField, Distance, Payload, Point, PointId, PointName, Shape};
use cf_migrate::progress::Recording;
use cf_migrate::record::{Dimensions, Metric};
use cf_migrate::settings::{Pace, PaceOptions};
use cf_migrate::source::{Cursor, Page, ReadPoint, Source, SourceFacts};
use cf_migrate::stages::context::{Migration, Mode, Stop};
use cf_migrate::transform::{Mapping, Target, Transform};

use crate::rows::{self, Collection};

/// The migration in `dir`, with the ledger of that name.
pub(crate) fn open(dir: &Path, ledger: &str) -> Migration {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Migration {
        ledger: Ledger::open(&dir.join(ledger)).expect("the ledger opens"),
        archive: Archive::at(dir.join("archive")),
        clock: Clock::simulated(wall),
        progress: Arc::new(Recording::default()),
        stop: Stop::new().1,
        pace: Pace::resolve(&PaceOptions::default()).expect("the defaults are possible"),
        mode: Mode::Write,
    }
}

/// Runs a stage where pauses are over at once.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime of one thread").block_on(work)
}

/// The points of a collection, whose ids are those of its records.
pub(crate) struct Points {
    collection: Collection,
    facts: SourceFacts,
}

/// Points of a page.
const PAGE: u64 = 1_000;

impl Points {
    pub(crate) fn of(collection: Collection) -> Self {
        let field = DenseField {
            name: String::new(),
            dimensions: rows::DIMENSIONS,
            distance: Some(Distance::Cosine),
        };
        let facts = SourceFacts {
            name: "a formula".to_owned(),
            identity: collection.points.to_string(),
            shape: Shape {
                dense: vec![field],
                ..Shape::default()
            },
            warnings: Vec::new(),
        };
        Self { collection, facts }
    }

    /// What makes records of them: nothing is changed.
    pub(crate) fn transform(&self) -> Transform {
        let target = Target {
            dimensions: Dimensions::new(rows::DIMENSIONS).expect("the fewest that are taken"),
            metric: Metric::Cosine,
        };
        Transform::resolve(Mapping::default(), &self.facts.shape, target)
            .expect("there is one vector, of the index's length")
    }

    fn point(&self, ordinal: u64) -> ReadPoint {
        ReadPoint {
            point: Point {
                id: PointId::Text(rows::id(self.collection.at(ordinal))),
                namespace: None,
                dense: vec![Some(rows::vector())],
                sparse: Vec::new(),
                payload: Payload::new(),
                data: None,
            },
            resume: Some(Cursor::AfterPoint(ordinal + 1)),
        }
    }
}

#[async_trait]
impl Source for Points {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.collection.points))
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        let first = match from {
            Some(Cursor::AfterPoint(read)) => *read,
            _ => 0,
        };
        let last = self.collection.points.min(first + PAGE);
        Ok(Page {
            points: (first..last).map(|ordinal| self.point(ordinal)).collect(),
            next: (last < self.collection.points).then_some(Cursor::AfterPoint(last)),
            lane: None,
        })
    }

    async fn fetch(&mut self, _names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        Ok(None)
    }
}
