//! Opens a generation for writing: begins one, or finds the place where a
//! stopped export goes on, with leftovers and damaged parts out of the way.

use std::path::{Path, PathBuf};

use crate::archive::error::ArchiveError;
use crate::archive::files;
use crate::archive::generation::{PartDamage, examine};
use crate::archive::manifest::{GenerationNumber, Manifest, folder_of, is_leftover_name};
use crate::archive::schema::arrow_schema;
use crate::archive::superseded::Superseded;
use crate::clock::Clock;
use crate::source::SourceFacts;

use super::{Condition, GenerationWriter};

impl GenerationWriter {
    pub(in crate::archive) fn begin(
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

    pub(in crate::archive) fn go_on(
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

    pub(super) fn keep_parts(&mut self, count: usize) -> Result<(), ArchiveError> {
        // The manifest first: a part that it does not know is removed at the next start.
        self.manifest.parts.truncate(count);
        self.manifest.superseded = Superseded::default();
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
