//! A Vectorize index as a source, for a backup: its vectors by their ids, which
//! were listed before, in the order of the ids. Vectorize gives 20 vectors a call,
//! so this takes hours where other sources take minutes.

mod ids;

use std::collections::HashMap;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::cloudflare::{IndexDescription, MAX_GET_IDS, StoredVector, Vectorize};
use crate::error::Error;
use crate::point::{DenseField, Distance, Point, PointId, PointName, Shape};
use crate::record::{Metric, VectorId};
use crate::source::{Cursor, Page, ReadPoint, Source, SourceFacts};

pub use ids::IdList;

/// Vectors on a page.
const PAGE_IDS: usize = 1_000;
/// Calls on the wire at once.
const IN_FLIGHT: usize = 4;
/// A part is sealed after so many points: a thousand calls, which nobody wants to
/// make again after a kill.
const SEALED_POINTS: u64 = 20_000;

/// What is known of an index as a source; `service` names the account.
pub fn facts(description: &IndexDescription, service: &str) -> SourceFacts {
    let IndexDescription {
        name,
        dimensions,
        metric,
        created_on,
    } = description;
    let created = created_on.as_deref().unwrap_or("at an unknown time");
    SourceFacts {
        name: format!("vectorize:{name}"),
        identity: format!("{service}, created {created}, {dimensions} dimensions, {metric}"),
        shape: Shape {
            dense: vec![DenseField {
                name: String::new(),
                dimensions: *dimensions,
                distance: Some(distance(*metric)),
            }],
            ..Shape::default()
        },
        warnings: Vec::new(),
    }
}

fn distance(metric: Metric) -> Distance {
    match metric {
        Metric::Cosine => Distance::Cosine,
        Metric::Euclidean => Distance::Euclid,
        Metric::DotProduct => Distance::Dot,
    }
}

/// The vectors of an index.
pub struct VectorizeSource {
    index: Vectorize,
    facts: SourceFacts,
    ids: IdList,
    listed: u64,
}

impl VectorizeSource {
    /// The vectors of the ids in the list, which is complete.
    ///
    /// # Errors
    ///
    /// Where the list cannot be read.
    pub fn new(index: Vectorize, facts: SourceFacts, ids: IdList) -> Result<Self, Error> {
        Ok(Self {
            index,
            facts,
            listed: ids.count()?,
            ids,
        })
    }

    /// How many ids were listed.
    pub fn listed(&self) -> u64 {
        self.listed
    }
}

/// The points of these ids, in their order; those that have vanished are left out.
async fn points(index: &Vectorize, ids: &[String]) -> Result<Vec<Point>, Error> {
    let mut points = Vec::with_capacity(ids.len());
    let calls: Vec<_> = ids
        .chunks(MAX_GET_IDS)
        .map(|ids| read(index, ids))
        .collect();
    let mut answers = stream::iter(calls).buffered(IN_FLIGHT);
    while let Some(answered) = answers.try_next().await? {
        points.extend(answered);
    }
    Ok(points)
}

/// The points of at most [`MAX_GET_IDS`] ids. What does not come is asked for once
/// more before it counts as vanished.
async fn read(index: &Vectorize, ids: &[String]) -> Result<Vec<Point>, Error> {
    let asked: Vec<VectorId> = ids
        .iter()
        .filter_map(|id| VectorId::new(id.as_str()).ok())
        .collect();
    let mut found = by_id(index, &asked).await?;
    let missing: Vec<VectorId> = asked
        .into_iter()
        .filter(|id| !found.contains_key(id.as_str()))
        .collect();
    if !missing.is_empty() {
        found.extend(by_id(index, &missing).await?);
    }
    Ok(ids
        .iter()
        .filter_map(|id| found.remove(id))
        .map(point)
        .collect())
}

async fn by_id(
    index: &Vectorize,
    ids: &[VectorId],
) -> Result<HashMap<String, StoredVector>, Error> {
    let stored = index.get_by_ids(ids).await?;
    let named = stored.into_iter().map(|vector| (vector.id.clone(), vector));
    Ok(named.collect())
}

fn point(vector: StoredVector) -> Point {
    Point {
        id: PointId::Text(vector.id),
        namespace: vector.namespace,
        dense: vec![Some(vector.values)],
        sparse: Vec::new(),
        payload: vector.metadata.unwrap_or_default(),
        data: None,
    }
}

/// The id that was read last.
pub fn last_id(cursor: Option<&Cursor>) -> Result<Option<&str>, Error> {
    match cursor {
        None => Ok(None),
        Some(Cursor::AfterId(PointId::Text(id))) => Ok(Some(id)),
        Some(other) => Err(Error::failed(format!(
            "a Vectorize index cannot be read from {other:?} on"
        ))
        .advise(
            "that place was kept by another kind of source; begin with an empty archive folder",
        )),
    }
}

#[async_trait]
impl Source for VectorizeSource {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.listed))
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        let ids = self.ids.after(last_id(from)?, PAGE_IDS)?;
        let after = |id: &str| Cursor::AfterId(PointId::Text(id.to_owned()));
        let next = match ids.last() {
            Some(last) if ids.len() == PAGE_IDS => Some(after(last)),
            _ => None,
        };
        let read = points(&self.index, &ids).await?;
        let points = read.into_iter().map(|point| ReadPoint {
            resume: Some(Cursor::AfterId(point.id.clone())),
            point,
        });
        Ok(Page {
            lane: None,
            points: points.collect(),
            next,
        })
    }

    fn sealed_points(&self) -> Option<u64> {
        Some(SEALED_POINTS)
    }

    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        let ids: Vec<String> = names.iter().map(|name| name.id.to_string()).collect();
        let points = points(&self.index, &ids).await?;
        Ok(Some(
            points
                .into_iter()
                .filter(|point| names.contains(&point.name()))
                .collect(),
        ))
    }
}
