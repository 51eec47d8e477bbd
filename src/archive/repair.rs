//! Mends a damaged part of a complete generation: its points are written anew
//! beside it, and take its place only when they give the very same bytes.

use crate::source::ReadPoint;

use super::encode::Row;
use super::error::ArchiveError;
use super::files;
use super::generation::Generation;
use super::manifest::Part;
use super::part_writer::PartWriter;

/// How a repair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// The part is as it was sealed.
    Same,
    /// The source gave other points; the part was left as it was found.
    Different,
}

/// A part that is being written anew from the place in the source where it
/// began: [`Part::cursor_before`].
pub struct PartRepair {
    generation: Generation,
    index: usize,
    writer: Option<PartWriter>,
}

impl std::fmt::Debug for PartRepair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartRepair")
            .field("part", &self.part().file)
            .finish_non_exhaustive()
    }
}

impl Generation {
    /// Begins to write the part at `index` of the manifest anew.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::NoSuchPoint`] when there is no such part.
    pub fn repair(&self, index: usize) -> Result<PartRepair, ArchiveError> {
        self.part(index)?;
        Ok(PartRepair {
            generation: self.clone(),
            index,
            writer: None,
        })
    }

    /// The part at `index` of the manifest.
    pub(super) fn part(&self, index: usize) -> Result<&Part, ArchiveError> {
        let points = self.points();
        let part = self.manifest().parts.get(index);
        part.ok_or(ArchiveError::NoSuchPoint {
            ordinal: points,
            points,
        })
    }

    /// [`Generation::repair`] with points that are there already. Takes no more
    /// of them than the part has.
    pub fn rewrite_part(
        &self,
        index: usize,
        points: impl IntoIterator<Item = ReadPoint>,
    ) -> Result<Rewritten, ArchiveError> {
        let mut repair = self.repair(index)?;
        let mut points = points.into_iter();
        while repair.missing_points() > 0 {
            match points.next() {
                Some(point) => repair.push(&point)?,
                None => break,
            }
        }
        repair.finish()
    }
}

impl PartRepair {
    /// The part as it was sealed.
    pub fn part(&self) -> &Part {
        &self.generation.manifest().parts[self.index]
    }

    /// How many points are still to be pushed.
    pub fn missing_points(&self) -> u64 {
        let pushed = self.writer.as_ref().map_or(0, PartWriter::points);
        self.part().points - pushed
    }

    /// Adds the next point from the source; one too many is left out.
    pub fn push(&mut self, read: &ReadPoint) -> Result<(), ArchiveError> {
        if self.missing_points() == 0 {
            return Ok(());
        }
        let generation = &self.generation;
        let row = Row::new(generation.shape(), &read.point)?;
        if let Some(writer) = &mut self.writer {
            return writer.push(&row);
        }
        self.writer = Some(PartWriter::begin(
            generation.folder(),
            self.index,
            generation.schema(),
            generation.shape(),
            &row,
        )?);
        Ok(())
    }

    /// Puts the part into place if it has the bytes that it was sealed with.
    pub fn finish(mut self) -> Result<Rewritten, ArchiveError> {
        let Some(writer) = self.writer.take() else {
            return Ok(Rewritten::Different);
        };
        let written = writer.finish()?;
        if written.sha256 == self.part().sha256 {
            files::put_in_place(&written.tmp, &written.path)?;
            Ok(Rewritten::Same)
        } else {
            files::remove(&written.tmp)?;
            Ok(Rewritten::Different)
        }
    }
}
