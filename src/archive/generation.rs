//! A complete generation, for reading: its manifest, a check of every part, and
//! its points by their position in the whole.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::SchemaRef;

use crate::point::{Point, Shape};

use super::chosen::Chosen;
use super::error::ArchiveError;
use super::files;
use super::manifest::{GenerationNumber, Manifest, Part, State, folder_of};
use super::part_reader::{Columns, PartReader, damaged, wrong_size};
use super::schema::arrow_schema;
use crate::point::PointName;

/// A complete generation. Cloning it is cheap.
///
/// Points have ordinals: their positions, from 0, in the whole generation.
#[derive(Debug, Clone)]
pub struct Generation {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    manifest: Manifest,
    schema: SchemaRef,
    /// The ordinal of each part's first point, and the number of all points.
    starts: Vec<u64>,
}

/// A part that is not as it was sealed.
#[derive(Debug)]
pub struct PartDamage {
    /// Its position in [`Manifest::parts`].
    pub index: usize,
    /// The ordinals of its points.
    pub ordinals: Range<u64>,
    /// What is wrong: [`ArchiveError::Missing`] or [`ArchiveError::Damaged`].
    pub error: ArchiveError,
}

impl Generation {
    /// Opens the generation `number` of the archive at `root`. Its parts are
    /// not looked at: see [`Generation::check`].
    pub fn open(root: &Path, number: GenerationNumber) -> Result<Self, ArchiveError> {
        let folder = folder_of(root, number);
        match Manifest::load(&folder, number)? {
            None => Err(ArchiveError::NotAnArchive { path: folder }),
            Some(manifest) if manifest.state != State::Complete => {
                Err(ArchiveError::Unfinished { path: folder })
            }
            Some(manifest) => Self::of(folder, manifest),
        }
    }

    pub(super) fn of(folder: PathBuf, manifest: Manifest) -> Result<Self, ArchiveError> {
        let schema = arrow_schema(&manifest.source.shape)?;
        let mut starts = vec![0];
        for part in &manifest.parts {
            starts.push(starts[starts.len() - 1] + part.points);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                manifest,
                schema,
                starts,
            }),
        })
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// How many points of the source it holds, each once: superseded ones are not
    /// counted.
    pub fn count(&self) -> u64 {
        self.points()
            .saturating_sub(self.inner.manifest.superseded.count())
    }

    /// Whether the point at `ordinal` came again later: readers leave it out.
    pub fn is_superseded(&self, ordinal: u64) -> bool {
        self.inner.manifest.superseded.contains(ordinal)
    }

    /// How many points its parts hold, and so the ordinal behind the last.
    pub fn points(&self) -> u64 {
        self.inner.starts[self.inner.starts.len() - 1]
    }

    /// What its points are made of.
    pub fn shape(&self) -> &Shape {
        &self.inner.manifest.source.shape
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.inner.schema
    }

    /// The ordinals of the part at `index`.
    pub fn ordinals(&self, index: usize) -> Option<Range<u64>> {
        let (start, end) = (
            self.inner.starts.get(index)?,
            self.inner.starts.get(index + 1)?,
        );
        Some(*start..*end)
    }

    /// Reads every part's file once and compares size and checksum with the
    /// manifest; returns what differs, or an error when a file cannot be read.
    pub fn check(&self) -> Result<Vec<PartDamage>, ArchiveError> {
        let mut damages = Vec::new();
        for (index, part) in self.inner.manifest.parts.iter().enumerate() {
            if let Some(error) = examine(&self.inner.folder, part)? {
                damages.push(PartDamage {
                    index,
                    ordinals: self.inner.starts[index]..self.inner.starts[index + 1],
                    error,
                });
            }
        }
        Ok(damages)
    }

    /// The points with these ordinals, in order, each with its ordinal; a range
    /// that goes beyond the end stops there. Needs the memory of one batch of
    /// about a megabyte and Parquet's pages. Parts are taken to be sound.
    pub fn read(&self, ordinals: Range<u64>) -> Result<PointReader, ArchiveError> {
        let end = ordinals.end.min(self.points());
        Ok(PointReader {
            generation: self.clone(),
            next: ordinals.start.min(end),
            end,
            part: None,
            batch: Vec::new().into_iter(),
        })
    }

    /// The points with these ordinals, each with its ordinal, ascending and
    /// once each; reads only the row groups that hold them.
    pub fn points_at(&self, ordinals: &[u64]) -> Result<Vec<(u64, Point)>, ArchiveError> {
        self.chosen_points(ordinals)?.collect()
    }

    /// [`Generation::points_at`], read while they are taken: in the memory of
    /// [`Generation::read`].
    pub fn chosen_points(&self, ordinals: &[u64]) -> Result<Chosen<Point>, ArchiveError> {
        Chosen::new(self, ordinals, Columns::All, |part, generation| {
            part.next_batch(generation.shape())
        })
    }

    /// What the points with these ordinals are called, each with its ordinal,
    /// ascending and once each; vectors and payloads are not read.
    pub fn names_at(&self, ordinals: &[u64]) -> Result<Vec<(u64, PointName)>, ArchiveError> {
        let chosen = Chosen::new(self, ordinals, Columns::Names, |part, _| part.next_names());
        chosen?.collect()
    }

    /// The part of the first of these ordinals, which ascend and which there are: opened
    /// for those of them that it holds, and the ordinal behind it.
    pub(super) fn open_for(
        &self,
        ordinals: &[u64],
        columns: Columns,
    ) -> Result<Option<(PartReader, u64)>, ArchiveError> {
        let Some(&first) = ordinals.first() else {
            return Ok(None);
        };
        let index = self.part_of(first);
        let (start, end) = (self.inner.starts[index], self.inner.starts[index + 1]);
        let here = &ordinals[..ordinals.partition_point(|ordinal| *ordinal < end)];
        let part = self.open_part(index, &runs(here, start), columns)?;
        Ok(Some((part, end)))
    }

    /// The part that holds the point at `ordinal`, which there is.
    fn part_of(&self, ordinal: u64) -> usize {
        self.inner.starts.partition_point(|start| *start <= ordinal) - 1
    }

    fn open_part(
        &self,
        index: usize,
        rows: &[Range<usize>],
        columns: Columns,
    ) -> Result<PartReader, ArchiveError> {
        let inner = &self.inner;
        let part = &inner.manifest.parts[index];
        let (schema, shape) = (&inner.schema, self.shape());
        PartReader::open(&inner.folder, part, schema, shape, rows, columns)
    }
}

/// Ascending ordinals as runs of rows of the part that begins at `start`.
fn runs(ordinals: &[u64], start: u64) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for ordinal in ordinals {
        let row = local(ordinal - start);
        match runs.last_mut() {
            Some(run) if run.end == row => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// A row's number within its part. A part has fewer rows than bytes, so it fits
/// wherever the part itself could be written.
fn local(row: u64) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// What is wrong with a sealed part; none when it is as it was sealed.
pub(super) fn examine(folder: &Path, part: &Part) -> Result<Option<ArchiveError>, ArchiveError> {
    let path = folder.join(&part.file);
    let length = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(ArchiveError::Missing { part: path }));
        }
        other => other.map_err(ArchiveError::io("read", &path))?.len(),
    };
    if length != part.bytes {
        return Ok(Some(damaged(&path, wrong_size(length, part))));
    }
    let checksum = files::checksum(&path).map_err(ArchiveError::io("read", &path))?;
    let differs = checksum != part.sha256;
    Ok(differs.then(|| damaged(&path, "its checksum is not that of the manifest")))
}

/// Points of a generation, one after the other, each with its ordinal. Ends
/// after the first error.
pub struct PointReader {
    generation: Generation,
    next: u64,
    end: u64,
    part: Option<PartReader>,
    batch: std::vec::IntoIter<Point>,
}

impl std::fmt::Debug for PointReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.next..self.end;
        f.debug_struct("PointReader")
            .field("left", &left)
            .finish_non_exhaustive()
    }
}

impl PointReader {
    fn refill(&mut self) -> Result<(), ArchiveError> {
        if let Some(part) = &mut self.part
            && let Some(batch) = part.next_batch(self.generation.shape())?
        {
            self.batch = batch.into_iter();
            return Ok(());
        }
        let index = self.generation.part_of(self.next);
        let starts = &self.generation.inner.starts;
        let first = local(self.next - starts[index]);
        let behind = local(self.end.min(starts[index + 1]) - starts[index]);
        let rows = first..behind;
        let rows = std::slice::from_ref(&rows);
        self.part = Some(self.generation.open_part(index, rows, Columns::All)?);
        Ok(())
    }
}

impl Iterator for PointReader {
    type Item = Result<(u64, Point), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            if let Some(point) = self.batch.next() {
                let ordinal = self.next;
                self.next += 1;
                return Some(Ok((ordinal, point)));
            }
            if let Err(error) = self.refill() {
                self.end = self.next;
                return Some(Err(error));
            }
        }
        None
    }
}
