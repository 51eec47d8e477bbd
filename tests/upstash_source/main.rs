//! The Upstash source against a double of the service: what it reads, how it goes on
//! after faults and restarts, and what it says about what cannot be read.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod open;
mod places;
mod read;
mod sdk;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::error::Error;
use cf_migrate::locator::Namespaces;
use cf_migrate::point::Point;
use cf_migrate::progress::{Level, Progress, Step};
use cf_migrate::source::upstash::{Surroundings, UpstashReader, UpstashSettings};
use cf_migrate::source::{Cursor, Lane, LaneReader as _, Laned, Source as _};
use cf_migrate::stop::Stop;

use crate::support::upstash::{Server, TOKEN};

fn settings(server: &Server) -> UpstashSettings {
    UpstashSettings {
        url: Some(server.url()),
        token: Some(TOKEN.into()),
        first_pause: Duration::from_millis(1),
        pending_patience: Duration::from_millis(50),
        ..UpstashSettings::default()
    }
}

/// Remembers what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<(Level, String)>>);

impl Progress for Told {
    fn begin(&self, _: Step, _: Option<u64>) {}
    fn advance(&self, _: Step, _: u64) {}
    fn end(&self, _: Step, _: &str) {}
    fn remark(&self, level: Level, text: &str) {
        self.0.lock().unwrap().push((level, text.to_owned()));
    }
}

impl Told {
    fn warnings(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let warnings = told.iter().filter(|(level, _)| *level == Level::Warning);
        warnings.map(|(_, text)| text.clone()).collect()
    }
}

fn surroundings() -> (Surroundings, Arc<Told>) {
    let told = Arc::new(Told::default());
    let surroundings = Surroundings {
        clock: Clock::real(),
        stop: Stop::new().1,
        progress: Arc::clone(&told) as Arc<dyn Progress>,
    };
    (surroundings, told)
}

async fn open(server: &Server, chosen: Namespaces) -> Result<UpstashReader, Error> {
    UpstashReader::open(chosen, settings(server), surroundings().0).await
}

async fn reader(server: &Server) -> UpstashReader {
    open(server, Namespaces::All).await.unwrap()
}

/// One lane, from a place on.
async fn read_lane(
    reader: &UpstashReader,
    lane: &Lane,
    mut from: Option<Cursor>,
) -> Result<Vec<Point>, Error> {
    let mut points = Vec::new();
    loop {
        let page = reader.page(lane, from.as_ref()).await?;
        points.extend(page.points.into_iter().map(|read| read.point));
        from = page.next;
        if from.is_none() {
            return Ok(points);
        }
    }
}

/// Everything, lane by lane as the export does it.
async fn read_all(server: &Server) -> Result<Vec<Point>, Error> {
    let mut source = Laned::new(open(server, Namespaces::All).await?);
    let lanes = source.draw_lanes().await?;
    source.read_along(&lanes);
    let (mut points, mut from) = (Vec::new(), None);
    loop {
        let page = source.page(from.as_ref()).await?;
        points.extend(page.points.into_iter().map(|read| read.point));
        from = page.next;
        if from.is_none() {
            return Ok(points);
        }
    }
}

fn lane(namespace: &str) -> Lane {
    Lane::Namespace((!namespace.is_empty()).then(|| namespace.to_owned()))
}

fn ids(points: &[Point]) -> Vec<String> {
    points.iter().map(|point| point.id.to_string()).collect()
}

fn expected_ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

/// What the operator reads: message, advice, and the chain below.
fn told(error: &Error) -> String {
    let mut text = format!("{error}\n{}", error.advice().unwrap_or_default());
    let mut below = std::error::Error::source(error);
    while let Some(cause) = below {
        text.push_str(&format!("\n{cause}"));
        below = cause.source();
    }
    text
}
