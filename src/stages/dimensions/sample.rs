//! The points on which recall is measured: evenly spaced ones of an archive, or
//! the first ones of a source that is not archived yet.

use crate::archive::Generation;
use crate::error::Error;
use crate::point::Point;
use crate::progress::Step;
use crate::recall::{Base, MOST_BASE, evenly};
use crate::source::{Lane, Source};
use crate::stages::context::Migration;
use crate::transform::Transform;

/// Points that are read from the archive at a time, with their payloads.
const AT_ONCE: usize = 512;
/// Points that are read from a source.
const FIRST: usize = 2_000;

/// A sample's vectors, and which points' they are.
pub(super) struct Sample {
    pub(super) base: Base,
    /// Points that came again later, or without a vector to search with.
    pub(super) left_out: usize,
    from: From,
}

enum From {
    /// Evenly spaced ones among all points of an archive.
    Archive { points: u64, most: usize },
    /// The first that a source gives.
    Source { name: String },
}

impl Sample {
    fn new(transform: &Transform, from: From) -> Self {
        Self {
            base: Base::new(transform.untouched_dimensions()),
            left_out: 0,
            from,
        }
    }

    pub(super) fn of_archive(
        migration: &Migration,
        generation: &Generation,
        transform: &Transform,
    ) -> Result<Self, Error> {
        let points = generation.points();
        let most = most(migration, transform, MOST_BASE);
        let (ordinals, again) = chosen(generation, most);
        migration.begin(Step::Recall, Some(ordinals.len() as u64));
        let mut sample = Self::new(transform, From::Archive { points, most });
        sample.left_out = again;
        for ordinals in ordinals.chunks(AT_ONCE) {
            migration.stop.check()?;
            for (_, point) in generation.points_at(ordinals)? {
                sample.add(transform, &point);
            }
            let read = ordinals.len() as u64;
            migration.progress.advance(Step::Recall, read);
        }
        Ok(sample)
    }

    /// Reads the source from its beginning: not for one that is read already.
    pub(super) async fn of_source(
        migration: &Migration,
        source: &mut dyn Source,
        transform: &Transform,
    ) -> Result<Self, Error> {
        let most = most(migration, transform, FIRST);
        migration.begin(Step::Recall, Some(most as u64));
        let name = source.facts().name.clone();
        let mut sample = Self::new(transform, From::Source { name });
        let lanes = source.draw_lanes().await?;
        // One lane after the other: side by side their pages come in the order of
        // arrival, and nobody could find the same points again.
        let mut alone: Vec<&[Lane]> = lanes.chunks(1).collect();
        if alone.is_empty() {
            alone.push(&[]);
        }
        for lanes in alone {
            source.read_along(lanes);
            sample.first_of(migration, source, transform, most).await?;
        }
        Ok(sample)
    }

    /// Reads the source's lanes until the sample has `most` points.
    async fn first_of(
        &mut self,
        migration: &Migration,
        source: &mut dyn Source,
        transform: &Transform,
        most: usize,
    ) -> Result<(), Error> {
        let mut next = None;
        while self.points() < most {
            migration.stop.check()?;
            let page = source.page(next.as_ref()).await?;
            let left = most - self.points();
            for read in page.points.iter().take(left) {
                self.add(transform, &read.point);
            }
            let read = page.points.len().min(left) as u64;
            migration.progress.advance(Step::Recall, read);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, transform: &Transform, point: &Point) {
        let vector = transform.untouched_vector(point);
        if !vector.is_some_and(|vector| self.base.add(vector)) {
            self.left_out += 1;
        }
    }

    /// All points that were looked at.
    fn points(&self) -> usize {
        self.base.len() + self.left_out
    }

    /// Which points the base and the queries are, for whoever counts again.
    pub(super) fn rule(&self, queries: usize) -> String {
        let (taken, base) = (self.points(), self.base.len());
        let taken = match &self.from {
            From::Archive { points, most } if *points > *most as u64 => format!(
                "the points at floor(i*{points}/{most}), i from 0 to {}, of the archive's {points}",
                most - 1
            ),
            From::Archive { points, .. } => format!("all {points} points of the archive"),
            From::Source { name } => format!("the first {taken} points that {name} gives"),
        };
        let left_out = match self.left_out {
            0 => String::new(),
            count => {
                format!(", without {count} that came again later, have no vector, or one of zeros")
            }
        };
        let searched = match queries == base {
            true => "all of them".to_owned(),
            false => format!(
                "those at floor(j*{base}/{queries}), j from 0 to {}, of the {base}",
                queries - 1
            ),
        };
        format!("searched among {taken}{left_out}; searched for {searched}")
    }
}

/// The sample's ordinals, and how many more there would be if they had not come
/// again: twice the same vector would be its own nearest neighbour.
fn chosen(generation: &Generation, most: usize) -> (Vec<u64>, usize) {
    let (again, ordinals): (Vec<u64>, Vec<u64>) =
        evenly(generation.points(), most).partition(|ordinal| generation.is_superseded(*ordinal));
    (ordinals, again.len())
}

/// As many as wanted, while their vectors take at most half of the memory.
fn most(migration: &Migration, transform: &Transform, wanted: usize) -> usize {
    let bytes = transform.untouched_dimensions() * size_of::<f32>();
    fitting(migration.pace.memory / 2, bytes, wanted)
}

/// As many vectors of `bytes` as fit, at least the two of a comparison.
fn fitting(memory: usize, bytes: usize, wanted: usize) -> usize {
    wanted.min((memory / bytes).max(2))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::archive::{Archive, Superseded};
    use crate::clock::Clock;
    use crate::point::{Payload, PointId, Shape};
    use crate::source::{Cursor, ReadPoint, SourceFacts};

    fn archived(points: u64, superseded: &[u64]) -> (tempfile::TempDir, Generation) {
        let folder = tempfile::tempdir().unwrap();
        let facts = SourceFacts {
            name: "double".to_owned(),
            identity: "double".to_owned(),
            shape: Shape::default(),
            warnings: Vec::new(),
        };
        let clock = Clock::simulated(UNIX_EPOCH);
        let mut writer = Archive::at(folder.path()).write(&facts, clock).unwrap();
        for number in 0..points {
            let point = Point {
                id: PointId::Integer(number),
                namespace: None,
                dense: Vec::new(),
                sparse: Vec::new(),
                payload: Payload::new(),
                data: None,
            };
            let resume = Some(Cursor::AfterPoint(number + 1));
            writer.push(&ReadPoint { point, resume }).unwrap();
        }
        writer.seal().unwrap();
        writer.set_superseded(Superseded::from_iter(superseded.iter().copied()));
        (folder, writer.finish(None).unwrap())
    }

    #[test]
    fn points_that_came_again_are_not_searched_among() {
        let (_folder, generation) = archived(10, &[1, 4, 6]);
        assert_eq!(chosen(&generation, 100), (vec![0, 2, 3, 5, 7, 8, 9], 3));
        assert_eq!(chosen(&generation, 5), (vec![0, 2, 8], 2));
    }

    #[test]
    fn the_sample_shrinks_with_the_memory_and_never_below_a_comparison() {
        assert_eq!(fitting(128 << 20, 3_072 * 4, MOST_BASE), 4_000);
        assert_eq!(fitting(32 << 20, 3_072 * 4, MOST_BASE), 2_730);
        assert_eq!(fitting(32 << 20, 65_536 * 4, FIRST), 128);
        assert_eq!(fitting(1 << 20, 8 << 20, FIRST), 2);
    }
}
