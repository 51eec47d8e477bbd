//! Reading page after page in the order of ids. A page is trusted only in part:
//! its order is checked, and the end of a lane or of the collection is believed
//! after a probe past the last id found nothing that belongs to it.

use qdrant_client::qdrant::with_vectors_selector::SelectorOptions;
use qdrant_client::qdrant::{PointId as WireId, ScrollPoints, ScrollResponse, VectorsSelector};
use uuid::Uuid;

use super::page::weight;
use super::retry::{Again, CallError, classify};
use super::{QdrantReader, convert};
use crate::error::Error;
use crate::point::{Point, PointId};
use crate::source::{Cursor, Page, ReadPoint};

/// How often an empty page is taken although points follow it.
const MOST_EMPTY: usize = 8;

/// The most ids of a page of ids: some 100 kB.
const IDS: u32 = 4_096;

/// How much of each point is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// As many whole points as make a page.
    Page,
    /// Ids, without what the points hold.
    Ids,
    /// One id.
    Probe,
}

impl QdrantReader {
    /// The page that begins at `from`, of ids below `until` (none: of all). Only
    /// where no ids follow, it is empty.
    pub(super) async fn read_page(
        &self,
        scope: Scope,
        from: Option<PointId>,
        until: Option<&PointId>,
    ) -> Result<Page, Error> {
        let mut from = from;
        for _ in 0..MOST_EMPTY {
            let (asked, answer) = self.scroll(from.as_ref(), scope).await?;
            let announced = answer.next_page_offset.clone();
            let announced = announced.filter(|id| !is_beyond(id, until));
            let mut points = self.take(scope, from.as_ref(), asked, answer)?;
            if cut(&mut points, until) {
                return Ok(page(points, None));
            }
            let next = self.place_after(from.as_ref(), &points, announced).await?;
            let next = next.filter(|next| until.is_none_or(|until| next < until));
            match next {
                Some(_) if points.is_empty() => from = next,
                _ => return Ok(page(points, next)),
            }
        }
        Err(Error::stopped(format!(
            "Qdrant gives empty pages of collection {:?} although points follow",
            self.collection
        ))
        .advise("See whether its replicas agree and the server is well, then run again"))
    }

    fn take(
        &self,
        scope: Scope,
        from: Option<&PointId>,
        asked: u32,
        answer: ScrollResponse,
    ) -> Result<Vec<Point>, Error> {
        let wire = answer.result.into_iter();
        let points = wire
            .map(|point| convert::point(&self.fields, point))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                let message = "Qdrant answered with a point that cannot be read";
                Error::failed(format!("{message}, in collection {:?}", self.collection))
                    .because(error)
            })?;
        check_order(from, &points)?;
        if scope == Scope::Page {
            let bytes = points.iter().map(weight).sum();
            self.size().came(asked, points.len(), bytes);
        }
        Ok(points)
    }

    /// From where reading goes on; none when everything was read. A server may
    /// end a pass early when records vanish between listing and reading
    /// (qdrant #6289), so its silence is probed.
    async fn place_after(
        &self,
        from: Option<&PointId>,
        points: &[Point],
        announced: Option<WireId>,
    ) -> Result<Option<PointId>, Error> {
        let place = match points.last() {
            Some(last) => match successor(&last.id) {
                None => return Ok(None),
                next => next,
            },
            None => from.cloned(),
        };
        match announced {
            Some(_) if !points.is_empty() => Ok(place),
            Some(id) => self.beyond(from, id).map(Some),
            None => self.probe(place.as_ref()).await,
        }
    }

    /// The place that an empty page announces, which must lie ahead.
    fn beyond(&self, from: Option<&PointId>, announced: WireId) -> Result<PointId, Error> {
        match convert::id(Some(announced)) {
            Ok(id) if from.is_none_or(|from| id > *from) => Ok(id),
            _ => Err(Error::failed(format!(
                "Qdrant gives an empty page of collection {:?} that leads nowhere",
                self.collection
            ))),
        }
    }

    /// The first id at `place` or after it, if there is any.
    pub(super) async fn probe(&self, place: Option<&PointId>) -> Result<Option<PointId>, Error> {
        let (_, answer) = self.scroll(place, Scope::Probe).await?;
        let found = answer.result.into_iter().next();
        let found = found.map(|point| convert::id(point.id)).transpose();
        let found = found.map_err(|error| {
            Error::failed("Qdrant answered with a point that cannot be read").because(error)
        })?;
        match (found, place) {
            (Some(id), Some(place)) if id < *place => Err(below(&id, place)),
            (found, _) => Ok(found),
        }
    }

    /// What the server answers, and how many points were asked for.
    async fn scroll(
        &self,
        from: Option<&PointId>,
        scope: Scope,
    ) -> Result<(u32, ScrollResponse), Error> {
        let doing = match from {
            None => format!(
                "reading collection {:?} from its beginning",
                self.collection
            ),
            Some(id) => format!("reading collection {:?} from id {id} on", self.collection),
        };
        let mut patience = self.pace.patience();
        loop {
            let limit = match scope {
                Scope::Page => self.size().limit(),
                Scope::Ids => self
                    .limits
                    .page_points
                    .map_or(IDS, |most| IDS.min(most.max(1))),
                Scope::Probe => 1,
            };
            let request = self.request(from, scope, limit);
            match self.server.scroll(request).await {
                Ok(answer) => return Ok((limit, answer)),
                Err(error) => {
                    let decision = classify(&error);
                    let error = CallError::of(&error);
                    let again = patience.after(&doing, decision, error).await?;
                    if again == Again::Smaller && scope == Scope::Page {
                        self.size().shrink(limit);
                    }
                }
            }
        }
    }

    fn request(&self, from: Option<&PointId>, scope: Scope, limit: u32) -> ScrollPoints {
        let whole = scope == Scope::Page;
        let vectors = match self.fields.names() {
            Some(names) if whole => SelectorOptions::Include(VectorsSelector { names }).into(),
            _ => whole.into(),
        };
        ScrollPoints {
            collection_name: self.collection.clone(),
            offset: from.and_then(convert::wire_id),
            limit: Some(limit),
            with_payload: Some(whole.into()),
            with_vectors: Some(vectors),
            timeout: Some(self.server_timeout_s()),
            ..ScrollPoints::default()
        }
    }
}

fn page(points: Vec<Point>, next: Option<PointId>) -> Page {
    let points = points.into_iter().map(|point| ReadPoint {
        resume: successor(&point.id).map(Cursor::FromId),
        point,
    });
    Page {
        points: points.collect(),
        next: next.map(Cursor::FromId),
        lane: None,
    }
}

/// Leaves out points that belong to the next lane, and says whether there were any.
fn cut(points: &mut Vec<Point>, until: Option<&PointId>) -> bool {
    let Some(until) = until else { return false };
    let ours = points.partition_point(|point| point.id < *until);
    let beyond = ours < points.len();
    points.truncate(ours);
    beyond
}

/// Whether an announced id belongs to the next lane.
fn is_beyond(announced: &WireId, until: Option<&PointId>) -> bool {
    let id = convert::id(Some(announced.clone()));
    until.is_some_and(|until| id.is_ok_and(|id| id >= *until))
}

/// The next possible id in Qdrant's order; none after the last UUID.
fn successor(id: &PointId) -> Option<PointId> {
    match id {
        PointId::Integer(u64::MAX) => Some(PointId::Uuid(Uuid::nil())),
        PointId::Integer(number) => Some(PointId::Integer(number + 1)),
        PointId::Uuid(uuid) => {
            let next = uuid.as_u128().checked_add(1)?;
            Some(PointId::Uuid(Uuid::from_u128(next)))
        }
        PointId::Text(_) => None,
    }
}

fn check_order(from: Option<&PointId>, points: &[Point]) -> Result<(), Error> {
    if let (Some(from), Some(first)) = (from, points.first())
        && first.id < *from
    {
        return Err(below(&first.id, from));
    }
    for pair in points.windows(2) {
        let (before, after) = (&pair[0].id, &pair[1].id);
        if before == after {
            return Err(Error::failed(format!(
                "Qdrant answered point {after} twice in one page"
            )));
        }
        if before > after {
            return Err(Error::failed(format!(
                "Qdrant answered out of order: point {after} after point {before}"
            )));
        }
    }
    Ok(())
}

fn below(id: &PointId, from: &PointId) -> Error {
    Error::failed(format!(
        "Qdrant answered with point {id} when asked for ids from {from} on"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_next_id_in_qdrants_order() {
        let uuid = |number| PointId::Uuid(Uuid::from_u128(number));
        let rows = [
            (PointId::Integer(0), Some(PointId::Integer(1))),
            (
                PointId::Integer(u64::MAX - 1),
                Some(PointId::Integer(u64::MAX)),
            ),
            (PointId::Integer(u64::MAX), Some(uuid(0))),
            (uuid(0), Some(uuid(1))),
            (uuid(u128::MAX), None),
            (PointId::Text("a".to_owned()), None),
        ];
        for (id, next) in rows {
            assert_eq!(successor(&id), next);
            assert!(next.is_none_or(|next| next > id));
        }
    }
}
