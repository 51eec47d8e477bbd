//! Reading back what was written: a collection's ids without what the points hold,
//! and points by id over whichever side answers.

use super::scroll::Scope;
use super::{QdrantReader, convert};
use crate::error::Error;
use crate::point::{Point, PointId};
use crate::source::{Cursor, LaneReader as _};

/// Which side of the server gave points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// REST, whose decoder shares nothing with what wrote the points.
    Rest,
    /// gRPC, where the REST port is not known or does not answer.
    Grpc,
}

impl QdrantReader {
    /// A page of ids at `from` and after it (none: from the first on), in Qdrant's
    /// order, and from where the next one begins (none: there is none).
    ///
    /// # Errors
    /// The server's.
    pub async fn ids_from(
        &self,
        from: Option<PointId>,
    ) -> Result<(Vec<PointId>, Option<PointId>), Error> {
        let page = self.read_page(Scope::Ids, from, None).await?;
        let ids = page.points.into_iter().map(|read| read.point.id).collect();
        Ok((ids, next_id(page.next)))
    }

    /// A page of whole points, as [`QdrantReader::ids_from`].
    ///
    /// # Errors
    /// The server's, and points that are not what the collection is said to hold.
    pub async fn points_from(
        &self,
        from: Option<PointId>,
    ) -> Result<(Vec<Point>, Option<PointId>), Error> {
        let page = self.read_page(Scope::Page, from, None).await?;
        let points = page.points.into_iter().map(|read| read.point).collect();
        Ok((points, next_id(page.next)))
    }

    /// The points with these ids, absent ones left out.
    ///
    /// # Errors
    /// The server's.
    pub async fn points_by_id(&self, ids: &[PointId]) -> Result<(Vec<Point>, Side), Error> {
        let names: Vec<_> = ids.iter().cloned().map(Into::into).collect();
        if let Some(points) = self.fetch(&names).await? {
            return Ok((points, Side::Rest));
        }
        let wire = ids.iter().filter_map(convert::wire_id).collect();
        let timeout_s = self.server_timeout_s();
        let found = self.server.get(&self.collection, wire, timeout_s).await?;
        let points = found
            .into_iter()
            .map(|point| convert::point(&self.fields, point))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Error::failed("Qdrant answered with a point that cannot be read").because(error)
            })?;
        Ok((points, Side::Grpc))
    }
}

fn next_id(next: Option<Cursor>) -> Option<PointId> {
    match next {
        Some(Cursor::FromId(id)) => Some(id),
        _ => None,
    }
}
