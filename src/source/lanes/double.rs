//! A source of numbered points for tests, whose lanes answer as slowly and as
//! raggedly as a seed says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{Lane, LaneReader};
use crate::clock::Clock;
use crate::error::Error;
use crate::point::{DenseField, Payload, Point, PointId, PointName, Shape};
use crate::source::{Cursor, Page, ReadPoint, SourceFacts};

/// Where a lane's page can be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resuming {
    /// Behind every point.
    Anywhere,
    /// Only behind a whole page.
    BehindPages,
}

/// The lanes' points: lane 2's fifth is point 5 of namespace "2".
pub(crate) struct Double {
    facts: SourceFacts,
    clock: Clock,
    sizes: Vec<u64>,
    seed: u64,
    resuming: Resuming,
    calls: AtomicUsize,
    /// Calls that are answered before every further one fails.
    patience: usize,
    reading: AtomicUsize,
    /// The most pages that were being read at once.
    pub(crate) most_reading: AtomicUsize,
    /// How often lanes were drawn.
    pub(crate) drawn: AtomicUsize,
}

impl Double {
    pub(crate) fn new(sizes: &[u64], seed: u64, resuming: Resuming, clock: Clock) -> Self {
        let field = DenseField {
            name: String::new(),
            dimensions: 3,
            distance: None,
        };
        Self {
            facts: SourceFacts {
                name: "double".to_owned(),
                identity: "double".to_owned(),
                shape: Shape {
                    dense: vec![field],
                    ..Shape::default()
                },
                warnings: Vec::new(),
            },
            clock,
            sizes: sizes.to_vec(),
            seed,
            resuming,
            calls: AtomicUsize::new(0),
            patience: usize::MAX,
            reading: AtomicUsize::new(0),
            most_reading: AtomicUsize::new(0),
            drawn: AtomicUsize::new(0),
        }
    }

    /// The same, failing after so many pages.
    pub(crate) fn failing_after(self, patience: usize) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn lanes(&self) -> Vec<Lane> {
        let numbers = 0..self.sizes.len();
        numbers
            .map(|number| Lane::Namespace(Some(number.to_string())))
            .collect()
    }

    /// The names of all points.
    pub(crate) fn names(sizes: &[u64]) -> Vec<PointName> {
        let lanes = sizes.iter().enumerate();
        lanes
            .flat_map(|(lane, size)| (0..*size).map(move |number| name(lane, number)))
            .collect()
    }

    /// Something between 0 and `most` that differs from call to call.
    fn random(&self, salt: u64, most: u64) -> u64 {
        let mixed = (self.seed ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 32) % (most + 1)
    }

    fn read(&self, lane: usize, from: Option<&Cursor>, call: u64) -> Page {
        let first = match from {
            None => 0,
            Some(Cursor::AfterPoint(read)) => *read,
            Some(other) => panic!("{other:?} is no cursor of the double"),
        };
        let size = self.sizes[lane];
        let behind = (first + self.random(call, 4)).min(size);
        let points = (first..behind).map(|number| ReadPoint {
            point: point(lane, number),
            resume: (self.resuming == Resuming::Anywhere).then_some(Cursor::AfterPoint(number + 1)),
        });
        Page {
            points: points.collect(),
            next: (behind < size).then_some(Cursor::AfterPoint(behind)),
            lane: None,
        }
    }
}

fn name(lane: usize, number: u64) -> PointName {
    PointName {
        namespace: Some(lane.to_string()),
        id: PointId::Integer(number),
    }
}

fn point(lane: usize, number: u64) -> Point {
    let name = name(lane, number);
    Point {
        id: name.id,
        namespace: name.namespace,
        dense: vec![Some(vec![number as f32; 3])],
        sparse: Vec::new(),
        payload: Payload::from_iter([("n".to_owned(), Value::from(number))]),
        data: None,
    }
}

#[async_trait]
impl LaneReader for Double {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    async fn draw_lanes(&self) -> Result<Vec<Lane>, Error> {
        self.drawn.fetch_add(1, Ordering::Relaxed);
        Ok(self.lanes())
    }

    async fn page(&self, lane: &Lane, from: Option<&Cursor>) -> Result<Page, Error> {
        let Lane::Namespace(Some(name)) = lane else {
            panic!("the double draws no such lane: {lane:?}");
        };
        let lane: usize = name.parse().unwrap();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let reading = self.reading.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_reading.fetch_max(reading, Ordering::Relaxed);
        // A slow lane is slower than the others by far.
        let pause = 1 + self.random(lane as u64, 40) + self.random(call as u64 + 7, 10);
        self.clock.sleep(Duration::from_millis(pause)).await;
        self.reading.fetch_sub(1, Ordering::Relaxed);
        if call >= self.patience {
            return Err(Error::stopped(format!("lane {lane} does not answer")));
        }
        Ok(self.read(lane, from, call as u64))
    }

    async fn count(&self) -> Result<Option<u64>, Error> {
        Ok(Some(self.sizes.iter().sum()))
    }

    async fn fetch(&self, _names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        Ok(None)
    }
}
