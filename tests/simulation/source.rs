//! A source of generated points, read in one go or along lanes, whose pages are
//! ragged, slow and fail as chance says.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cf_migrate::clock::Clock;
use cf_migrate::error::Error;
use cf_migrate::point::{Point, PointName};
use cf_migrate::source::{
    Cursor, Lane, LaneReader, Laned, Names, Page, ReadPoint, Source, SourceFacts,
};

use crate::dice::Dice;

/// What a collection holds, and how it can be read.
#[derive(Debug)]
pub struct Collection {
    pub facts: SourceFacts,
    /// Points by lane; one lane where it is read in one go.
    pub lanes: Vec<(Option<String>, Vec<Point>)>,
    pub laned: bool,
    pub counts_by_namespace: bool,
    pub may_repeat: bool,
    /// Whether points can be asked for by name.
    pub fetches: bool,
    pub pinned: bool,
    pub sealed_points: Option<u64>,
}

impl Collection {
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.lanes.iter().flat_map(|(_, points)| points)
    }

    /// The points that count: of those that may come again the last.
    pub fn current(&self) -> Vec<&Point> {
        if !self.may_repeat {
            return self.points().collect();
        }
        let mut last: BTreeMap<PointName, &Point> = BTreeMap::new();
        for point in self.points() {
            last.insert(point.name(), point);
        }
        last.into_values().collect()
    }
}

/// How a process reads it.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub seed: u64,
    /// The share of calls that fail.
    pub failing: f64,
    pub readers: NonZeroUsize,
    /// The most points of a page.
    pub page: u64,
}

pub fn open(collection: &Arc<Collection>, reading: Reading, clock: Clock) -> Box<dyn Source> {
    let double = Double {
        collection: Arc::clone(collection),
        reading,
        clock,
        dice: Mutex::new(Dice::new(reading.seed)),
    };
    match collection.laned {
        true => Box::new(Laned::new(double).with_readers(reading.readers)),
        false => Box::new(Flat(double)),
    }
}

struct Double {
    collection: Arc<Collection>,
    reading: Reading,
    clock: Clock,
    dice: Mutex<Dice>,
}

impl Double {
    async fn asked(&self) -> Result<(), Error> {
        let (pause, fails) = {
            let mut dice = self.dice.lock().unwrap();
            let fails = dice.chance(self.reading.failing);
            (dice.scale(2_000), fails)
        };
        self.clock.sleep(Duration::from_millis(pause)).await;
        match fails {
            true => Err(Error::stopped("the source does not answer")),
            false => Ok(()),
        }
    }

    async fn read(&self, lane: usize, from: Option<&Cursor>) -> Result<Page, Error> {
        self.asked().await?;
        let points = &self.collection.lanes[lane].1;
        let first = match from {
            None => 0,
            Some(Cursor::AfterPoint(read)) => usize::try_from(*read).unwrap(),
            Some(other) => panic!("{other:?} is no cursor of this source"),
        };
        let (length, resumes) = {
            let mut dice = self.dice.lock().unwrap();
            (dice.between(0, self.reading.page), dice.chance(0.5))
        };
        let behind = (first + usize::try_from(length).unwrap()).min(points.len());
        let read = points[first..behind].iter().zip(first + 1..);
        Ok(Page {
            points: read
                .map(|(point, at)| ReadPoint {
                    point: point.clone(),
                    // Behind a whole page reading can always go on.
                    resume: (resumes || at == behind).then_some(Cursor::AfterPoint(at as u64)),
                })
                .collect(),
            next: (behind < points.len()).then_some(Cursor::AfterPoint(behind as u64)),
            lane: None,
        })
    }

    fn lane(&self, lane: &Lane) -> usize {
        let Lane::Namespace(name) = lane else {
            panic!("this source draws no such lane: {lane:?}");
        };
        let mut lanes = self.collection.lanes.iter();
        lanes.position(|(of, _)| of == name).unwrap()
    }

    async fn all(&self) -> Result<Option<u64>, Error> {
        self.asked().await?;
        Ok(Some(self.collection.current().len() as u64))
    }

    async fn by_namespace(&self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        if !self.collection.counts_by_namespace {
            return Ok(None);
        }
        self.asked().await?;
        let mut counts = BTreeMap::new();
        for point in self.collection.current() {
            *counts.entry(point.namespace.clone()).or_default() += 1;
        }
        Ok(Some(counts))
    }

    async fn named(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        if !self.collection.fetches {
            return Ok(None);
        }
        self.asked().await?;
        let points = self.collection.current().into_iter();
        Ok(Some(
            points
                .filter(|point| names.contains(&point.name()))
                .cloned()
                .collect(),
        ))
    }
}

#[async_trait]
impl LaneReader for Double {
    fn facts(&self) -> &SourceFacts {
        &self.collection.facts
    }

    async fn draw_lanes(&self) -> Result<Vec<Lane>, Error> {
        self.asked().await?;
        let lanes = self.collection.lanes.iter();
        Ok(lanes
            .map(|(name, _)| Lane::Namespace(name.clone()))
            .collect())
    }

    async fn page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Page, Error> {
        self.read(self.lane(lane), from).await
    }

    async fn count(&self) -> Result<Option<u64>, Error> {
        self.all().await
    }

    async fn count_by_namespace(&self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        self.by_namespace().await
    }

    fn may_repeat(&self) -> bool {
        self.collection.may_repeat
    }

    async fn names_page(
        &self,
        lane: &Lane,
        _from: Option<&Cursor>,
    ) -> Result<Option<Names>, Error> {
        self.asked().await?;
        let points = &self.collection.lanes[self.lane(lane)].1;
        Ok(Some(Names {
            names: points.iter().map(Point::name).collect(),
            next: None,
        }))
    }

    async fn fetch(&self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        self.named(names).await
    }
}

/// A source that is read in one go.
struct Flat(Double);

#[async_trait]
impl Source for Flat {
    fn facts(&self) -> &SourceFacts {
        &self.0.collection.facts
    }

    fn is_pinned(&self) -> bool {
        self.0.collection.pinned
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        self.0.all().await
    }

    fn may_repeat(&self) -> bool {
        self.0.collection.may_repeat
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        self.0.read(0, from).await
    }

    fn sealed_points(&self) -> Option<u64> {
        self.0.collection.sealed_points
    }

    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        self.0.named(names).await
    }
}

/// Names points that are not of this collection's first pass again.
pub fn repeat(point: &Point, dice: &mut Dice) -> Point {
    let mut again = point.clone();
    if dice.chance(0.5) {
        again
            .payload
            .insert("title".to_owned(), crate::points::words(dice).into());
    }
    again
}
