//! An archive's current generation as a source: what was exported once can be
//! upserted, indexed and verified without the source it came from.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::archive::{Archive, ArchiveError, Generation, PointReader};
use crate::error::Error;
use crate::point::{Point, PointName};
use crate::source::{Configuration, Cursor, Page, ReadPoint, Source, SourceFacts};

use super::error::FileError;
use super::{PAGE_BYTES, PAGE_POINTS};

/// What a point is taken to need besides its vectors.
const POINT_BYTES: usize = 1 << 10;

/// The points of a complete generation.
pub(super) struct ArchiveSource {
    root: PathBuf,
    facts: SourceFacts,
    generation: Generation,
    place: Option<Place>,
}

/// Where reading stands.
struct Place {
    reader: PointReader,
    read: u64,
}

impl ArchiveSource {
    /// Opens the current generation and checks every part of it.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let archive = Archive::at(root);
        let generation = archive
            .current()?
            .ok_or_else(|| FileError::NoCompleteGeneration {
                path: root.to_owned(),
            })?;
        if let Some(damage) = generation.check()?.into_iter().next() {
            return Err(damage.error.into());
        }
        let facts = facts(&archive, &generation)?;
        Ok(Self {
            root: root.to_owned(),
            facts,
            generation,
            place: None,
        })
    }

    fn read_page(&mut self, after: u64) -> Result<Page, ArchiveError> {
        let mut place = match self.place.take() {
            Some(place) if place.read == after => place,
            _ => Place {
                reader: self.generation.read(after..u64::MAX)?,
                read: after,
            },
        };
        let mut page = Page::default();
        for read in place.reader.by_ref().take(self.page_points()) {
            let (ordinal, point) = read?;
            place.read = ordinal + 1;
            if self.generation.is_superseded(ordinal) {
                continue;
            }
            page.points.push(ReadPoint {
                point,
                resume: Some(Cursor::AfterPoint(ordinal + 1)),
            });
        }
        if place.read < self.generation.points() {
            page.next = Some(Cursor::AfterPoint(place.read));
            self.place = Some(place);
        }
        Ok(page)
    }

    fn page_points(&self) -> usize {
        let dense = self.facts.shape.dense.iter();
        let numbers: usize = dense.map(|field| field.dimensions).sum();
        (PAGE_BYTES / (4 * numbers + POINT_BYTES)).clamp(1, PAGE_POINTS)
    }
}

fn facts(archive: &Archive, generation: &Generation) -> Result<SourceFacts, Error> {
    let manifest = generation.manifest();
    let mut warnings = Vec::new();
    if let Some(newer) = archive.unfinished()? {
        warnings.push(format!(
            "generation {newer} of the archive is not complete; generation {} is read",
            manifest.generation
        ));
    }
    let mut parts = Sha256::new();
    for part in &manifest.parts {
        parts.update(part.sha256.as_str());
    }
    let digits: String = parts.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(SourceFacts {
        name: manifest.source.name_of_archive(),
        identity: format!(
            "generation {} of {} ({}), {} points, parts {digits}",
            manifest.generation,
            manifest.source.name,
            manifest.source.identity,
            generation.count(),
        ),
        shape: manifest.source.shape.clone(),
        warnings,
    })
}

#[async_trait]
impl Source for ArchiveSource {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn configuration(&self) -> Option<&Configuration> {
        self.generation.manifest().configuration.as_ref()
    }

    fn generation(&self) -> Option<&Generation> {
        Some(&self.generation)
    }

    fn is_pinned(&self) -> bool {
        true
    }

    fn was_changed_since(&self, identity: &str) -> bool {
        self.facts.identity != identity
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.generation.count()))
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        match from {
            None => Ok(self.read_page(0)?),
            Some(Cursor::AfterPoint(read)) => Ok(self.read_page(*read)?),
            Some(_) => {
                let path = self.root.clone();
                Err(FileError::ForeignCursor { path }.into())
            }
        }
    }

    async fn fetch(&mut self, _names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        Ok(None)
    }
}
