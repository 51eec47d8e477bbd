//! Fills a generation: points become sealed parts, and the manifest follows.
//! After a kill at any instant, opening it again goes on behind the last sealed
//! part, and the parts come out as if nothing had happened.

mod adoption;
mod opening;

use std::path::PathBuf;

use arrow_schema::SchemaRef;

use crate::clock::Clock;
use crate::source::{Configuration, Cursor, Lane, ReadPoint};

use super::encode::Row;
use super::error::ArchiveError;
use super::files;
use super::generation::{Generation, PartDamage};
use super::manifest::{GenerationNumber, Manifest, NamespaceCount, Part, State, part_name};
use super::part_writer::PartWriter;
use super::runs::Runs;
use super::superseded::Superseded;

/// Where the source is to be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// From its beginning.
    Start,
    /// From here.
    At(Cursor),
    /// Not at all: everything is sealed.
    End,
}

/// What was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedPart {
    /// The part's position in [`Manifest::parts`].
    pub index: usize,
    /// The ordinal of its first point.
    pub first_ordinal: u64,
    /// How many points it holds.
    pub points: u64,
    /// The size of its file.
    pub bytes: u64,
}

/// A generation that is being written. Dropping it loses only what is not
/// sealed. After an error of writing it refuses everything; open it again.
pub struct GenerationWriter {
    folder: PathBuf,
    manifest: Manifest,
    schema: SchemaRef,
    clock: Clock,
    given_up: Vec<PartDamage>,
    open: Option<OpenPart>,
    condition: Condition,
}

/// A part that is being filled.
struct OpenPart {
    writer: PartWriter,
    read_at: String,
    /// The place after its last point; none where it cannot end there.
    resume: Option<Cursor>,
    runs: Runs,
}

#[derive(PartialEq)]
enum Condition {
    Sound,
    /// Points were lost on the way to the disk: another one must not follow.
    Broken,
}

/// Where an open part ends.
enum PartEnd {
    /// Behind its last point, where the source can go on.
    Here,
    /// At the end of the source.
    SourceEnd,
}

impl std::fmt::Debug for GenerationWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GenerationWriter")
            .field("folder", &self.folder)
            .field("sealed_points", &self.sealed_points())
            .finish_non_exhaustive()
    }
}

impl GenerationWriter {
    /// Where the source is to be read from to go on behind what is sealed.
    pub fn resume_from(&self) -> Resume {
        match self.manifest.parts.last() {
            None => Resume::Start,
            Some(part) => part.cursor_after.clone().map_or(Resume::End, Resume::At),
        }
    }

    /// How many points are sealed.
    pub fn sealed_points(&self) -> u64 {
        self.manifest.points()
    }

    /// The generation's number.
    pub fn number(&self) -> GenerationNumber {
        self.manifest.generation
    }

    /// The manifest as it is on the disk, but for counts that were set since.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Parts that were found damaged or missing when the generation was opened.
    /// They and all behind the first of them were given up.
    pub fn given_up(&self) -> &[PartDamage] {
        &self.given_up
    }

    /// Notes how the source's service holds the points; reaches the disk with the
    /// next sealed part or the end.
    pub fn set_configuration(&mut self, configuration: Option<Configuration>) {
        self.manifest.configuration = configuration;
    }

    /// Notes how many points the source says it has; reaches the disk with the
    /// next sealed part.
    pub fn set_count_before(&mut self, count: Option<u64>) {
        self.manifest.count_before = count;
    }

    /// Notes how many points the source says it has in each namespace; reaches the
    /// disk with the next sealed part or the end.
    pub fn set_namespaces(&mut self, namespaces: Vec<NamespaceCount>) {
        self.manifest.namespaces = namespaces;
    }

    /// Notes which of the sealed points came again; reaches the disk with the
    /// generation's end.
    pub fn set_superseded(&mut self, superseded: Superseded) {
        self.manifest.superseded = superseded;
    }

    /// What is sealed so far, for reading.
    pub fn sealed(&self) -> Result<Generation, ArchiveError> {
        Generation::of(self.folder.clone(), self.manifest.clone())
    }

    /// Writes down the lanes that the source is read along, durably: before the
    /// first page, and never again in this generation.
    pub fn set_lanes(&mut self, lanes: Vec<Lane>) -> Result<(), ArchiveError> {
        self.attempt(|writer| {
            writer.manifest.lanes = lanes;
            writer.manifest.store(&writer.folder)
        })
    }

    /// Adds a point. When it would make the part too large and the part can end
    /// before it, that part is sealed first, and returned.
    pub fn push(&mut self, read: &ReadPoint) -> Result<Option<SealedPart>, ArchiveError> {
        self.push_along(None, read)
    }

    /// [`GenerationWriter::push`] with a point of that lane.
    pub fn push_along(
        &mut self,
        lane: Option<usize>,
        read: &ReadPoint,
    ) -> Result<Option<SealedPart>, ArchiveError> {
        let row = Row::new(&self.manifest.source.shape, &read.point)?;
        self.attempt(|writer| {
            let full = writer
                .open
                .as_ref()
                .is_some_and(|open| open.must_end_before(&row));
            let sealed = if full {
                writer.end_part(PartEnd::Here)?
            } else {
                None
            };
            writer.add(&row, read.resume.clone(), lane)?;
            Ok(sealed)
        })
    }

    /// Seals what there is now, if anything.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::NotResumable`] when the source cannot go on behind the
    /// last point; nothing has changed then.
    pub fn seal(&mut self) -> Result<Option<SealedPart>, ArchiveError> {
        if self.open.as_ref().is_some_and(|open| open.resume.is_none()) {
            return Err(ArchiveError::NotResumable);
        }
        self.attempt(|writer| writer.end_part(PartEnd::Here))
    }

    /// Seals the rest, which ends where the source ends, and makes the
    /// generation complete. `count_after`: what the source says it has now.
    pub fn finish(mut self, count_after: Option<u64>) -> Result<Generation, ArchiveError> {
        self.attempt(|writer| writer.end_part(PartEnd::SourceEnd))?;
        self.manifest.count_after = count_after;
        self.manifest.state = State::Complete;
        self.manifest.store(&self.folder)?;
        Generation::of(self.folder, self.manifest)
    }

    /// Gives up what is not sealed, and sealed parts from the end until at most
    /// `points` points are left; returns how many that are. For a caller whose
    /// own books reach less far than the archive.
    pub fn truncate(&mut self, points: u64) -> Result<u64, ArchiveError> {
        self.attempt(|writer| {
            writer.open = None;
            let mut left = 0;
            let fitting = writer.manifest.parts.iter().take_while(|part| {
                left += part.points;
                left <= points
            });
            let count = fitting.count();
            writer.keep_parts(count)
        })?;
        Ok(self.sealed_points())
    }

    fn attempt<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        if self.condition == Condition::Broken {
            return Err(ArchiveError::Broken);
        }
        let outcome = change(self);
        if outcome.is_err() {
            self.condition = Condition::Broken;
        }
        outcome
    }

    fn add(
        &mut self,
        row: &Row<'_>,
        resume: Option<Cursor>,
        lane: Option<usize>,
    ) -> Result<(), ArchiveError> {
        if let Some(open) = &mut self.open {
            open.resume = resume;
            lane.into_iter().for_each(|lane| open.runs.add(lane));
            return open.writer.push(row);
        }
        let shape = &self.manifest.source.shape;
        let index = self.manifest.parts.len();
        let mut runs = Runs::default();
        lane.into_iter().for_each(|lane| runs.add(lane));
        self.open = Some(OpenPart {
            writer: PartWriter::begin(&self.folder, index, &self.schema, shape, row)?,
            read_at: humantime::format_rfc3339_millis(self.clock.wall()).to_string(),
            resume,
            runs,
        });
        Ok(())
    }

    fn end_part(&mut self, end: PartEnd) -> Result<Option<SealedPart>, ArchiveError> {
        let Some(open) = self.open.take() else {
            return Ok(None);
        };
        let written = open.writer.finish()?;
        files::put_in_place(&written.tmp, &written.path)?;
        let sealed = SealedPart {
            index: self.manifest.parts.len(),
            first_ordinal: self.sealed_points(),
            points: written.points,
            bytes: written.bytes,
        };
        let before = self.manifest.parts.last();
        let part = Part {
            file: part_name(sealed.index),
            points: written.points,
            first_id: written.first_id,
            last_id: written.last_id,
            cursor_before: before.and_then(|part| part.cursor_after.clone()),
            cursor_after: match end {
                PartEnd::Here => open.resume,
                PartEnd::SourceEnd => None,
            },
            runs: open.runs,
            read_at: open.read_at,
            bytes: written.bytes,
            sha256: written.sha256,
        };
        self.manifest.parts.push(part);
        self.manifest.store(&self.folder)?;
        Ok(Some(sealed))
    }
}

impl OpenPart {
    fn must_end_before(&self, row: &Row<'_>) -> bool {
        self.resume.is_some() && self.writer.is_full_for(row)
    }
}
