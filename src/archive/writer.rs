//! Fills a generation: points become sealed parts, and the manifest follows.
//! After a kill at any instant, opening it again goes on behind the last sealed
//! part, and the parts come out as if nothing had happened.

use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;

use crate::clock::Clock;
use crate::source::{Cursor, ReadPoint, SourceFacts};

use super::encode::Row;
use super::error::ArchiveError;
use super::files;
use super::generation::{Generation, PartDamage, examine};
use super::manifest::{GenerationNumber, Manifest, Part, State, folder_of, is_leftover_name};
use super::part_writer::PartWriter;
use super::schema::arrow_schema;

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
    pub(super) fn begin(
        root: &Path,
        number: GenerationNumber,
        facts: &SourceFacts,
        clock: Clock,
    ) -> Result<Self, ArchiveError> {
        let folder = folder_of(root, number);
        let manifest = Manifest::begin(number, facts);
        let writer = Self::new(folder, manifest, clock)?;
        files::create_folder(root)?;
        files::create_folder(&writer.folder)?;
        writer.manifest.store(&writer.folder)?;
        Ok(writer)
    }

    pub(super) fn go_on(
        root: &Path,
        number: GenerationNumber,
        facts: &SourceFacts,
        clock: Clock,
    ) -> Result<Self, ArchiveError> {
        let folder = folder_of(root, number);
        let Some(manifest) = Manifest::load(&folder, number)? else {
            return Err(ArchiveError::NotAnArchive { path: folder });
        };
        refuse_other_source(&manifest, facts)?;
        let mut writer = Self::new(folder, manifest, clock)?;
        writer.give_up_damaged()?;
        writer.remove_leftovers()?;
        Ok(writer)
    }

    fn new(folder: PathBuf, manifest: Manifest, clock: Clock) -> Result<Self, ArchiveError> {
        let schema = arrow_schema(&manifest.source.shape)?;
        Ok(Self {
            folder,
            manifest,
            schema,
            clock,
            given_up: Vec::new(),
            open: None,
            condition: Condition::Sound,
        })
    }

    /// Gives up the first damaged part and those behind it.
    fn give_up_damaged(&mut self) -> Result<(), ArchiveError> {
        let mut start = 0;
        for (index, part) in self.manifest.parts.iter().enumerate() {
            let ordinals = start..start + part.points;
            start = ordinals.end;
            if let Some(error) = examine(&self.folder, part)? {
                let damage = PartDamage {
                    index,
                    ordinals,
                    error,
                };
                self.given_up.push(damage);
            }
        }
        match self.given_up.first() {
            None => Ok(()),
            Some(first) => self.keep_parts(first.index),
        }
    }

    fn keep_parts(&mut self, count: usize) -> Result<(), ArchiveError> {
        // The manifest first: a part that it does not know is removed at the next start.
        self.manifest.parts.truncate(count);
        self.manifest.store(&self.folder)?;
        self.remove_leftovers()
    }

    fn remove_leftovers(&self) -> Result<(), ArchiveError> {
        for name in files::names(&self.folder)? {
            let known = self.manifest.parts.iter().any(|part| part.file == name);
            if is_leftover_name(&name) && !known {
                files::remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

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

    /// Notes how many points the source says it has; reaches the disk with the
    /// next sealed part.
    pub fn set_count_before(&mut self, count: Option<u64>) {
        self.manifest.count_before = count;
    }

    /// Adds a point. When it would make the part too large and the part can end
    /// before it, that part is sealed first, and returned.
    pub fn push(&mut self, read: ReadPoint) -> Result<Option<SealedPart>, ArchiveError> {
        let row = Row::new(&self.manifest.source.shape, read.point)?;
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
            writer.add(&row, read.resume)?;
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

    fn add(&mut self, row: &Row, resume: Option<Cursor>) -> Result<(), ArchiveError> {
        if let Some(open) = &mut self.open {
            open.resume = resume;
            return open.writer.push(row);
        }
        let shape = &self.manifest.source.shape;
        let index = self.manifest.parts.len();
        self.open = Some(OpenPart {
            writer: PartWriter::begin(&self.folder, index, &self.schema, shape, row)?,
            read_at: humantime::format_rfc3339_millis(self.clock.wall()).to_string(),
            resume,
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
            file: super::manifest::part_name(sealed.index),
            points: written.points,
            first_id: written.first_id,
            last_id: written.last_id,
            cursor_before: before.and_then(|part| part.cursor_after.clone()),
            cursor_after: match end {
                PartEnd::Here => open.resume,
                PartEnd::SourceEnd => None,
            },
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
    fn must_end_before(&self, row: &Row) -> bool {
        self.resume.is_some() && self.writer.is_full_for(row)
    }
}

fn refuse_other_source(manifest: &Manifest, facts: &SourceFacts) -> Result<(), ArchiveError> {
    let archived = &manifest.source;
    let other = |archived: String, asked: String| {
        Err(ArchiveError::OtherSource {
            generation: manifest.generation,
            archived,
            asked,
        })
    };
    if archived.identity != facts.identity {
        let told = |facts: &SourceFacts| format!("{} ({})", facts.name, facts.identity);
        return other(told(archived), told(facts));
    }
    if archived.shape != facts.shape {
        let told = |facts: &SourceFacts| {
            let shape = serde_json::to_string(&facts.shape).expect("a shape has string keys");
            format!("{} with {shape}", facts.name)
        };
        return other(told(archived), told(facts));
    }
    Ok(())
}
