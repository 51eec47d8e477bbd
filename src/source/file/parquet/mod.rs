//! Parquet files as a source, as pandas, DuckDB or a dataset export write them:
//! one file, or a folder of them. A row is a point: one column is its id, one its
//! vector, the others are its payload. Memory is that of a batch of rows, however
//! large the row groups are.

mod columns;
mod dataset;
mod error;
mod id;
mod rows;
#[cfg(test)]
mod tests;
mod value;
mod vector;

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use async_trait::async_trait;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use sha2::{Digest as _, Sha256};

use super::error::FileError;
use super::{PAGE_POINTS, identity};
use crate::contained::{GaveUp, contained};
use crate::error::Error;
use crate::point::{DenseField, Point, PointName, Shape};
use crate::source::{Cursor, Page, ReadPoint, Source, SourceFacts};

pub use columns::ColumnChoice;
pub use error::ParquetFileError;

pub(super) use dataset::files;

use columns::Columns;
use dataset::{DataFile, Opened};
use rows::{Changes, Rows};

/// Rows that the sample of what is lost is taken from.
const SAMPLED_ROWS: u64 = 1_000;
/// A batch holds about so much, as far as the footers tell.
const BATCH_BYTES: u64 = 2 << 20;

/// The rows of one or several Parquet files.
pub(super) struct ParquetSource {
    path: PathBuf,
    facts: SourceFacts,
    files: Vec<DataFile>,
    columns: Columns,
    dimensions: usize,
    place: Option<Place>,
    changes: Changes,
}

/// Where reading stands: in which file, and how many of its rows were read.
struct Place {
    file: usize,
    row: u64,
    batches: ParquetRecordBatchReader,
}

impl ParquetSource {
    /// Opens the files at these paths, each with its name within `path`: reads every
    /// footer, the beginning of the vectors, and every byte once for the hash.
    pub(super) fn open(
        path: &Path,
        found: Vec<(PathBuf, String)>,
        choice: &ColumnChoice,
    ) -> Result<Self, Error> {
        let opened = contained(|| Self::open_files(path, found, choice));
        opened.unwrap_or_else(|gave_up| Err(beyond_sense(path, None, gave_up).into()))
    }

    fn open_files(
        path: &Path,
        found: Vec<(PathBuf, String)>,
        choice: &ColumnChoice,
    ) -> Result<Self, Error> {
        let (files, columns) = look(found, choice)?;
        if files.iter().all(|file| file.rows == 0) {
            let path = path.to_owned();
            return Err(FileError::Empty { path }.into());
        }
        let identity = identity_of(&files, &columns)?;
        let mut source = Self {
            path: path.to_owned(),
            facts: SourceFacts {
                name: identity::name(path),
                identity,
                shape: Shape::default(),
                warnings: Vec::new(),
            },
            files,
            columns,
            dimensions: 0,
            place: None,
            changes: Changes::default(),
        };
        source.learn()?;
        Ok(source)
    }

    /// Learns the vectors' length, and from a sample what 32 bits lose.
    fn learn(&mut self) -> Result<(), Error> {
        let column = self.columns.vector.clone();
        let (mut changes, mut seen) = (Changes::default(), 0);
        for file in &self.files {
            let vectors = batches(file, 0, |name| name == column)?;
            let mut row = 0;
            for batch in vectors {
                let batch = batch.map_err(|error| damaged(file, row, error.into()))?;
                let loss = &mut changes.loss;
                self.dimensions = learn_batch(&batch, &column, loss, self.dimensions)
                    .map_err(|(at, reason)| bad_row(file, row + at, reason))?;
                row += batch.num_rows() as u64;
                seen += batch.num_rows() as u64;
                if self.dimensions > 0 && seen >= SAMPLED_ROWS {
                    break;
                }
            }
            if self.dimensions > 0 && seen >= SAMPLED_ROWS {
                break;
            }
        }
        if self.dimensions == 0 {
            let path = self.path.clone();
            return Err(ParquetFileError::NoVectors { path, column }.into());
        }
        self.facts.shape.dense = vec![DenseField {
            name: String::new(),
            dimensions: self.dimensions,
            distance: None,
        }];
        let which = format!("in the first {seen} rows");
        self.facts
            .warnings
            .extend(changes.loss.told(&column, &which));
        Ok(())
    }

    /// The page after so many rows of all files.
    fn page_after(&mut self, after: u64) -> Result<Page, Error> {
        let read = contained(|| self.read_page(after));
        read.unwrap_or_else(|gave_up| Err(beyond_sense(&self.path, Some(after), gave_up).into()))
    }

    fn read_page(&mut self, after: u64) -> Result<Page, Error> {
        if after == 0 {
            self.changes = Changes::default();
        }
        let mut place = match self.place.take() {
            Some(place) if self.ordinal(&place) == after => place,
            _ => match self.go_to(after)? {
                Some(place) => place,
                None => return Ok(Page::default()),
            },
        };
        let batch = match place.batches.next() {
            Some(batch) => batch,
            None => Err(ParquetError::EOF("it ends early".to_owned()).into()),
        };
        let file = &self.files[place.file];
        let batch = batch.map_err(|error| damaged(file, place.row, error.into()))?;
        let mut page = Page {
            lane: None,
            points: self.points(&batch, &place)?,
            ..Page::default()
        };
        place.row += batch.num_rows() as u64;
        let (read, file) = (self.ordinal(&place), &self.files[place.file]);
        if place.row >= file.rows {
            file.check_unchanged()?;
        }
        if read < self.rows() {
            page.next = Some(Cursor::AfterPoint(read));
        }
        if place.row < file.rows {
            self.place = Some(place);
        }
        Ok(page)
    }

    fn points(&mut self, batch: &RecordBatch, place: &Place) -> Result<Vec<ReadPoint>, Error> {
        let before = self.ordinal(place);
        let rows = Rows {
            columns: &self.columns,
            dimensions: self.dimensions,
            file: &self.files[place.file],
        };
        let mut points = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let ordinal = row as u64;
            let point = rows
                .point(batch, row, &mut self.changes)
                .map_err(|reason| bad_row(rows.file, place.row + ordinal, reason))?;
            points.push(ReadPoint {
                point,
                resume: Some(Cursor::AfterPoint(before + ordinal + 1)),
            });
        }
        Ok(points)
    }

    /// The place after so many rows of all files; none at the end.
    fn go_to(&self, after: u64) -> Result<Option<Place>, Error> {
        let mut left = after;
        for (position, file) in self.files.iter().enumerate() {
            if left >= file.rows {
                left -= file.rows;
                continue;
            }
            file.check_unchanged()?;
            let wanted = |name: &str| self.columns.is_wanted(name);
            return Ok(Some(Place {
                file: position,
                row: left,
                batches: batches(file, left, wanted)?,
            }));
        }
        Ok(None)
    }

    /// How many rows of all files were read.
    fn ordinal(&self, place: &Place) -> u64 {
        let before = self.files[..place.file].iter().map(|file| file.rows);
        before.sum::<u64>() + place.row
    }

    fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// Looks at every file; the first says which columns are meant.
fn look(
    found: Vec<(PathBuf, String)>,
    choice: &ColumnChoice,
) -> Result<(Vec<DataFile>, Columns), Error> {
    let mut files = Vec::with_capacity(found.len());
    let mut columns: Option<Columns> = None;
    for (path, name) in found {
        let (file, opened) = DataFile::look(path, name)?;
        match &columns {
            Some(columns) => columns.check(&file.path, opened.schema())?,
            None => columns = Some(Columns::choose(&file.path, opened.schema(), choice)?),
        }
        files.push(file);
    }
    let columns = columns.expect("a source is opened with at least one file");
    Ok((files, columns))
}

/// Where an identity begins to tell the columns.
const COLUMNS: &str = ", id column";

/// Size and hash of what was found, and the columns: another choice of columns
/// makes other points.
fn identity_of(files: &[DataFile], columns: &Columns) -> Result<String, FileError> {
    let content = match files {
        [file] => identity::of(&file.path)?,
        files => {
            let (mut hash, mut bytes) = (Sha256::new(), 0);
            for file in files {
                let content = identity::of(&file.path)?;
                hash.update(format!("{}\0{content}\n", file.name));
                bytes += file.stamp.bytes();
            }
            let digits = identity::digits(&hash.finalize());
            format!("{} files, {bytes} bytes, sha256 {digits}", files.len())
        }
    };
    let Columns { id, vector } = columns;
    Ok(format!(
        "{content}{COLUMNS} {id:?}, vector column {vector:?}"
    ))
}

/// The batches of a file from a row on, of the columns that are wanted.
fn batches(
    file: &DataFile,
    after: u64,
    wanted: impl Fn(&str) -> bool,
) -> Result<ParquetRecordBatchReader, Error> {
    let opened = Opened::at(&file.path)?;
    let (mut skipped, mut row_groups) = (0, Vec::new());
    for (position, row_group) in opened.row_groups().iter().enumerate() {
        let rows = row_group.num_rows().unsigned_abs();
        if row_groups.is_empty() && skipped + rows <= after {
            skipped += rows;
        } else {
            row_groups.push(position);
        }
    }
    let fields = opened.schema().fields().iter().enumerate();
    let columns: Vec<usize> = fields
        .filter(|(_, field)| wanted(field.name()))
        .map(|(position, _)| position)
        .collect();
    let rows = batch_rows(file, &opened);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(opened.file, opened.metadata);
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let offset = usize::try_from(after - skipped).unwrap_or(usize::MAX);
    let built = builder
        .with_projection(mask)
        .with_row_groups(row_groups)
        .with_offset(offset)
        .with_batch_size(rows)
        .build();
    Ok(built.map_err(|error| damaged(file, after, error))?)
}

/// How many rows to read at a time, from the size of the largest rows.
fn batch_rows(file: &DataFile, opened: &Opened) -> usize {
    let sizes = opened.row_groups().iter().map(|row_group| {
        let rows = row_group.num_rows().unsigned_abs().max(1);
        row_group.total_byte_size().unsigned_abs() / rows
    });
    let largest = sizes.max().unwrap_or_default().max(file.row_bytes);
    let rows = BATCH_BYTES / largest.max(1);
    usize::try_from(rows)
        .unwrap_or(PAGE_POINTS)
        .clamp(1, PAGE_POINTS)
}

/// The length of the vectors, where one is known or found; the row's position and
/// the reason where one cannot be read.
fn learn_batch(
    batch: &RecordBatch,
    column: &str,
    loss: &mut vector::Loss,
    known: usize,
) -> Result<usize, (u64, String)> {
    use arrow_array::cast::AsArray as _;
    let mut dimensions = known;
    let lists = batch.column_by_name(column);
    let Some(lists) = lists.and_then(|lists| lists.as_list_opt::<i32>()) else {
        return Err((0, format!("the column {column:?} is missing")));
    };
    for row in 0..batch.num_rows() {
        let values = vector::of(lists, row, column, loss);
        let values = values.map_err(|reason| (row as u64, reason))?;
        if let (0, Some(values)) = (dimensions, values) {
            if values.is_empty() {
                return Err((row as u64, format!("{column:?} has no numbers")));
            }
            dimensions = values.len();
        }
    }
    Ok(dimensions)
}

fn beyond_sense(path: &Path, after: Option<u64>, gave_up: GaveUp) -> ParquetFileError {
    ParquetFileError::Damaged {
        path: path.to_owned(),
        after,
        source: Box::new(gave_up),
    }
}

fn damaged(file: &DataFile, after: u64, source: ParquetError) -> ParquetFileError {
    ParquetFileError::Damaged {
        path: file.path.clone(),
        after: Some(after),
        source: Box::new(source),
    }
}

fn bad_row(file: &DataFile, position: u64, reason: String) -> ParquetFileError {
    ParquetFileError::BadRow {
        path: file.path.clone(),
        row: position + 1,
        reason,
    }
}

#[async_trait]
impl Source for ParquetSource {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn is_pinned(&self) -> bool {
        true
    }

    fn was_changed_since(&self, identity: &str) -> bool {
        let columns = |identity: &str| identity.find(COLUMNS).map(|at| identity[at..].to_owned());
        self.facts.identity != identity && columns(&self.facts.identity) == columns(identity)
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.rows()))
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        match from {
            None => self.page_after(0),
            Some(Cursor::AfterPoint(read)) => self.page_after(*read),
            Some(_) => {
                let path = self.path.clone();
                Err(FileError::ForeignCursor { path }.into())
            }
        }
    }

    /// What reading has changed, exactly, of what was read.
    async fn held_back(&mut self) -> Result<Vec<String>, Error> {
        let Changes { loss, not_finite } = self.changes;
        let mut told: Vec<String> = loss
            .told(&self.columns.vector, "that were read")
            .into_iter()
            .collect();
        if not_finite > 0 {
            told.push(format!(
                "{not_finite} payload numbers are NaN or infinite, which JSON cannot hold: they became null"
            ));
        }
        Ok(told)
    }

    async fn fetch(&mut self, _names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        Ok(None)
    }
}
