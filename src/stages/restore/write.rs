//! Archive → collection, several calls at a time. Writing a point again changes
//! nothing, so what was under way at a stop is simply written once more.

use futures::stream::{self, StreamExt as _};

use super::fit::fit;
use super::look::Subject;
use crate::archive::PointReader;
use crate::error::Error;
use crate::point::Point;
use crate::progress::Step;
use crate::report::RestoreFacts;
use crate::source::qdrant::{Existing, QdrantTarget, bytes_of};
use crate::stages::context::Migration;

/// Writes the points that are not there yet, and counts them.
///
/// # Errors
/// The server's, the archive's, interruption.
pub(super) async fn write(
    migration: &Migration,
    subject: &Subject<'_>,
    (target, existing): (&QdrantTarget, &Existing),
    facts: &mut RestoreFacts,
) -> Result<(), Error> {
    migration.begin(Step::Upsert, Some(facts.points - facts.unchanged));
    let batches = Batches {
        subject,
        existing,
        points: subject.generation.read(0..u64::MAX)?,
    };
    let shape = subject.generation.shape();
    let mut writing = stream::iter(batches)
        .map(|batch| async {
            let batch = batch?;
            target.upsert(existing, shape, &batch).await?;
            Ok::<_, Error>(batch.len() as u64)
        })
        .buffer_unordered(migration.pace.readers.get());
    loop {
        let next = async { Ok(writing.next().await) };
        let Some(points) = migration.stop.interrupting(next).await? else {
            break;
        };
        let points = points?;
        facts.written += points;
        migration.progress.advance(Step::Upsert, points);
    }
    let summary = format!("{} points written", facts.written);
    migration.progress.end(Step::Upsert, &summary);
    Ok(())
}

/// Points that are to be written, as many as one call takes.
struct Batches<'a> {
    subject: &'a Subject<'a>,
    existing: &'a Existing,
    points: PointReader,
}

impl Batches<'_> {
    /// The next point that is not in the collection as it should be.
    fn next_point(&mut self) -> Option<Result<Point, Error>> {
        loop {
            let (ordinal, point) = match self.points.next()? {
                Ok(read) => read,
                Err(error) => return Some(Err(error.into())),
            };
            if self.subject.generation.is_superseded(ordinal) {
                continue;
            }
            let point = match fit(self.subject.fitting, point) {
                Ok(point) => point,
                Err(reason) => {
                    let message = format!("points of the archive that were sound {reason}");
                    return Some(Err(Error::failed(message)));
                }
            };
            match self.subject.roster.find(&point.id) {
                Ok(Some(entry)) if entry.equal => {}
                Ok(_) => return Some(Ok(point)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<Point>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while self.existing.takes_more(batch.len(), bytes) {
            match self.next_point() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(point)) => {
                    bytes += bytes_of(&point);
                    batch.push(point);
                }
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}
