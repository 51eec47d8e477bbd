//! An archive's root folder: which generations there are, which is current,
//! and which one an export writes to.

use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::source::{Cursor, SourceFacts};

use super::error::ArchiveError;
use super::files;
use super::generation::Generation;
use super::manifest::{GenerationNumber, Manifest, State, folder_of, is_leftover_name};
use super::writer::GenerationWriter;

/// A folder of generations.
#[derive(Debug, Clone)]
pub struct Archive {
    root: PathBuf,
    /// Generations that are read as if they were in `root`.
    behind: Option<PathBuf>,
}

impl Archive {
    /// The archive at `root`, there or not; touches nothing.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            behind: None,
        }
    }

    /// The archive at `root`, with the complete generations at `behind` besides its
    /// own: they are read, never written to.
    pub fn over(root: impl Into<PathBuf>, behind: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            behind: Some(behind.into()),
        }
    }

    /// Its root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether `path` holds at least one generation with a manifest. What
    /// cannot be read is none.
    pub fn is_archive(path: &Path) -> bool {
        Self::at(path)
            .generations()
            .is_ok_and(|generations| !generations.is_empty())
    }

    /// The generations that have a manifest, ascending; none where nothing is.
    pub fn generations(&self) -> Result<Vec<GenerationNumber>, ArchiveError> {
        let mut generations = Vec::new();
        for number in self.folders()? {
            if has_manifest(&self.folder(number)) && self.is_seen(number)? {
                generations.push(number);
            }
        }
        Ok(generations)
    }

    /// Whether the generation is one of ours: an unfinished one behind is not.
    fn is_seen(&self, number: GenerationNumber) -> Result<bool, ArchiveError> {
        if self.behind.is_none() || folder_of(&self.root, number).is_dir() {
            return Ok(true);
        }
        let manifest = self.manifest(number)?;
        Ok(manifest.is_some_and(|manifest| manifest.state == State::Complete))
    }

    /// The complete generation of that number, where there is one.
    pub fn generation(&self, number: GenerationNumber) -> Result<Option<Generation>, ArchiveError> {
        match self.manifest(number)? {
            Some(manifest) if manifest.state == State::Complete => {
                Generation::of(self.folder(number), manifest).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The newest complete generation.
    pub fn current(&self) -> Result<Option<Generation>, ArchiveError> {
        for number in self.generations()?.into_iter().rev() {
            if let Some(manifest) = self.manifest(number)?
                && manifest.state == State::Complete
            {
                return Generation::of(self.folder(number), manifest).map(Some);
            }
        }
        Ok(None)
    }

    /// The generation that an export was stopped in: the newest one, when it
    /// is not complete.
    pub fn unfinished(&self) -> Result<Option<GenerationNumber>, ArchiveError> {
        let Some(newest) = self.generations()?.pop() else {
            return Ok(None);
        };
        let manifest = self.manifest(newest)?;
        let unfinished = manifest.is_some_and(|manifest| manifest.state == State::Exporting);
        Ok(unfinished.then_some(newest))
    }

    /// What the unfinished generation is exported from.
    pub fn unfinished_source(&self) -> Result<Option<SourceFacts>, ArchiveError> {
        match self.unfinished()? {
            Some(number) => Ok(self.manifest(number)?.map(|manifest| manifest.source)),
            None => Ok(None),
        }
    }

    /// Where reading goes on behind what is sealed of the unfinished generation;
    /// none at its beginning.
    pub fn unfinished_cursor(&self) -> Result<Option<Cursor>, ArchiveError> {
        let Some(number) = self.unfinished()? else {
            return Ok(None);
        };
        let manifest = self.manifest(number)?;
        let last = manifest.and_then(|mut manifest| manifest.parts.pop());
        Ok(last.and_then(|part| part.cursor_after))
    }

    /// Begins the next generation, whatever there is: an unfinished one is given
    /// up and stays as it is.
    pub fn begin(
        &self,
        facts: &SourceFacts,
        clock: Clock,
    ) -> Result<GenerationWriter, ArchiveError> {
        GenerationWriter::begin(&self.root, self.next_number()?, facts, clock)
    }

    /// Goes on with the unfinished generation, or begins the next one.
    ///
    /// Of an unfinished generation, leftovers are removed and every sealed part
    /// is checked; from the first damaged one on, parts are given up, to be
    /// exported again (see [`GenerationWriter::given_up`]).
    ///
    /// # Errors
    ///
    /// [`ArchiveError::OtherSource`] when the unfinished generation was begun
    /// from a source of another identity or shape.
    pub fn write(
        &self,
        facts: &SourceFacts,
        clock: Clock,
    ) -> Result<GenerationWriter, ArchiveError> {
        match self.unfinished()? {
            Some(number) => GenerationWriter::go_on(&self.root, number, facts, clock),
            None => self.begin(facts, clock),
        }
    }

    /// Removes a generation: its parts, then its manifest, so that what a kill leaves is
    /// removed the next time. Files of others in its folder stay, and the folder then.
    pub fn remove(&self, number: GenerationNumber) -> Result<(), ArchiveError> {
        let folder = folder_of(&self.root, number);
        let ours = |name: &String| name.starts_with("part-");
        for name in files::names(&folder)?.iter().filter(|name| ours(name)) {
            files::remove(&folder.join(name))?;
        }
        files::remove(&folder.join(super::manifest::FILE_NAME))?;
        files::remove_folder(&folder)
    }

    /// The number behind every folder that may hold something of value: a
    /// folder whose manifest was lost is never written to.
    fn next_number(&self) -> Result<GenerationNumber, ArchiveError> {
        for number in self.folders()?.into_iter().rev() {
            let names = files::names(&self.folder(number))?;
            if names.iter().any(|name| !is_manifest_leftover(name)) {
                return Ok(number.next());
            }
        }
        Ok(GenerationNumber::FIRST)
    }

    fn folders(&self) -> Result<Vec<GenerationNumber>, ArchiveError> {
        let mut names = files::names(&self.root)?;
        if let Some(behind) = &self.behind {
            names.extend(files::names(behind)?);
        }
        let mut numbers: Vec<_> = names
            .iter()
            .filter_map(|name| GenerationNumber::from_folder_name(name))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The folder of a generation: in `root`, unless it is only behind it.
    fn folder(&self, number: GenerationNumber) -> PathBuf {
        let own = folder_of(&self.root, number);
        match &self.behind {
            Some(behind) if !own.is_dir() => folder_of(behind, number),
            _ => own,
        }
    }

    fn manifest(&self, number: GenerationNumber) -> Result<Option<Manifest>, ArchiveError> {
        Manifest::load(&self.folder(number), number)
    }
}

fn has_manifest(folder: &Path) -> bool {
    folder.join(super::manifest::FILE_NAME).is_file()
}

fn is_manifest_leftover(name: &str) -> bool {
    is_leftover_name(name) && !name.starts_with("part-")
}
