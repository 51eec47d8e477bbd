//! The Qdrant source against a server double that serves a real server's recorded
//! answers, generated collections, and faults.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod lanes;
mod open;
mod read;

use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::error::Error;
use cf_migrate::point::{Point, PointId};
use cf_migrate::source::qdrant::{QdrantSettings, QdrantSource};
use cf_migrate::source::{Cursor, Source};

use crate::support::qdrant::{Id, Server};

fn settings(server: &Server) -> QdrantSettings {
    QdrantSettings {
        url: Some(server.grpc_url()),
        rest_port: Some(server.rest_port()),
        first_pause: Duration::from_millis(1),
        ..QdrantSettings::default()
    }
}

async fn open(server: &Server, collection: &str) -> Result<QdrantSource, Error> {
    open_vector(server, collection, None).await
}

async fn open_vector(
    server: &Server,
    collection: &str,
    vector: Option<&str>,
) -> Result<QdrantSource, Error> {
    QdrantSource::open(collection, vector, settings(server), Clock::real()).await
}

async fn read_from(source: &mut QdrantSource, from: Option<Cursor>) -> Result<Vec<Point>, Error> {
    let mut points = Vec::new();
    let mut from = from;
    loop {
        let page = source.page(from.as_ref()).await?;
        points.extend(page.points.into_iter().map(|read| read.point));
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(points),
        }
    }
}

async fn read_all(server: &Server, collection: &str) -> Result<Vec<Point>, Error> {
    let mut source = open(server, collection).await?;
    read_from(&mut source, None).await
}

fn ids(points: &[Point]) -> Vec<Id> {
    points.iter().map(|point| double_id(&point.id)).collect()
}

fn double_id(id: &PointId) -> Id {
    match id {
        PointId::Integer(number) => Id::Number(*number),
        PointId::Uuid(uuid) => Id::Uuid(uuid.as_u128()),
        PointId::Text(text) => panic!("{text:?} is no Qdrant id"),
    }
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
