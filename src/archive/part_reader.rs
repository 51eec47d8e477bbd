//! Reads chosen rows of one sealed part, batch by batch, touching only the row
//! groups that hold them. Any surprise is damage of that part.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelectionPolicy,
};
use parquet::file::metadata::ParquetMetaData;

use crate::contained::contained;
use crate::parquet_bounds;
use crate::point::{Point, Shape};

use super::decode;
use super::error::ArchiveError;
use super::manifest::Part;
use super::schema::LEADING_COLUMNS;
use crate::point::PointName;

/// Batches are about this large, as far as the vectors' lengths tell.
const BATCH_BYTES: usize = 1 << 20;
/// What a point is taken to need besides its vectors.
const POINT_BYTES: usize = 1 << 10;
/// Names of points that are read at a time.
const NAMES_AT_ONCE: usize = 4_096;

/// Which columns are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// All of them.
    All,
    /// Those before the vectors, which name a point.
    Names,
}

/// The points of some rows of a part, in order.
pub(super) struct PartReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    rows_left: usize,
}

impl PartReader {
    /// Opens a part to read the rows in `ranges` (ascending, not overlapping,
    /// not empty, within the part).
    pub(super) fn open(
        folder: &Path,
        part: &Part,
        schema: &SchemaRef,
        shape: &Shape,
        ranges: &[Range<usize>],
        columns: Columns,
    ) -> Result<Self, ArchiveError> {
        let path = folder.join(&part.file);
        let opened = contained(|| Self::open_at(&path, part, (schema, shape), ranges, columns));
        opened.unwrap_or_else(|gave_up| Err(damaged(&path, gave_up)))
    }

    fn open_at(
        path: &Path,
        part: &Part,
        (schema, shape): (&SchemaRef, &Shape),
        ranges: &[Range<usize>],
        columns: Columns,
    ) -> Result<Self, ArchiveError> {
        let file = open_sealed(path, part)?;
        parquet_bounds::check_footer(&file).map_err(|error| damaged(path, error))?;
        let options = ArrowReaderOptions::new().with_schema(SchemaRef::clone(schema));
        let again = file.try_clone().map_err(ArchiveError::io("read", path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(|error| damaged(path, error))?;
        let starts = row_group_starts(builder.metadata(), path)?;
        if starts.last() != usize::try_from(part.points).ok().as_ref() {
            return Err(damaged(
                path,
                "it has not as many rows as the manifest says",
            ));
        }
        let (row_groups, selection) = select(&starts, ranges);
        let chosen = row_groups
            .iter()
            .map(|at| builder.metadata().row_group(*at));
        let row_bytes =
            parquet_bounds::check_pages(&again, chosen).map_err(|error| damaged(path, error))?;
        let (projection, rows) = match columns {
            Columns::All => (ProjectionMask::all(), batch_rows(shape, row_bytes)),
            Columns::Names => (
                ProjectionMask::roots(builder.parquet_schema(), 0..LEADING_COLUMNS),
                NAMES_AT_ONCE,
            ),
        };
        let batches = builder
            .with_projection(projection)
            .with_batch_size(rows)
            .with_row_groups(row_groups)
            .with_row_selection(selection)
            // The other policy decodes what lies between chosen rows, which takes
            // the memory of many batches when few rows are chosen.
            .with_row_selection_policy(RowSelectionPolicy::Selectors)
            .build()
            .map_err(|error| damaged(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            batches,
            rows_left: ranges.iter().map(ExactSizeIterator::len).sum(),
        })
    }

    /// The next points; none after the last.
    pub(super) fn next_batch(&mut self, shape: &Shape) -> Result<Option<Vec<Point>>, ArchiveError> {
        self.next_rows(|batch| decode::points(batch, shape))
    }

    /// The names of the next points; none after the last.
    pub(super) fn next_names(&mut self) -> Result<Option<Vec<PointName>>, ArchiveError> {
        self.next_rows(decode::names)
    }

    fn next_rows<T>(
        &mut self,
        decode: impl FnOnce(&RecordBatch) -> Result<Vec<T>, String>,
    ) -> Result<Option<Vec<T>>, ArchiveError> {
        let next = contained(|| self.batches.next());
        let batch = match next.map_err(|gave_up| damaged(&self.path, gave_up))? {
            None if self.rows_left == 0 => return Ok(None),
            None => return Err(damaged(&self.path, "it ends early")),
            Some(batch) => batch.map_err(|error| damaged(&self.path, error))?,
        };
        let rows = contained(|| decode(&batch));
        let rows = rows.unwrap_or_else(|gave_up| Err(gave_up.to_string()));
        let rows = rows.map_err(|reason| damaged(&self.path, reason))?;
        self.rows_left = self
            .rows_left
            .checked_sub(rows.len())
            .ok_or_else(|| damaged(&self.path, "it has more rows than its footer says"))?;
        Ok(Some(rows))
    }
}

fn open_sealed(path: &Path, part: &Part) -> Result<File, ArchiveError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let part = path.to_owned();
            return Err(ArchiveError::Missing { part });
        }
        other => other.map_err(ArchiveError::io("read", path))?,
    };
    let length = file
        .metadata()
        .map_err(ArchiveError::io("read", path))?
        .len();
    if length == part.bytes {
        Ok(file)
    } else {
        Err(damaged(path, wrong_size(length, part)))
    }
}

/// The reason when a part's file has another size than it was sealed with.
pub(super) fn wrong_size(length: u64, part: &Part) -> String {
    format!("it has {length} bytes, not {}", part.bytes)
}

/// Where each row group begins in its part, and where the last one ends.
fn row_group_starts(metadata: &ParquetMetaData, path: &Path) -> Result<Vec<usize>, ArchiveError> {
    let mut starts = vec![0_usize];
    for row_group in metadata.row_groups() {
        let rows = usize::try_from(row_group.num_rows()).ok();
        let end = rows.and_then(|rows| starts[starts.len() - 1].checked_add(rows));
        starts.push(
            end.ok_or_else(|| damaged(path, "a row group has an impossible number of rows"))?,
        );
    }
    Ok(starts)
}

/// The row groups that hold rows of `ranges`, and the rows to take of them.
fn select(starts: &[usize], ranges: &[Range<usize>]) -> (Vec<usize>, RowSelection) {
    let mut row_groups = Vec::new();
    let mut wanted = Vec::new();
    let mut rows_before = 0;
    for (index, bounds) in starts.windows(2).enumerate() {
        let (start, end) = (bounds[0], bounds[1]);
        let within: Vec<_> = ranges
            .iter()
            .map(|range| range.start.max(start)..range.end.min(end))
            .filter(|range| range.start < range.end)
            .map(|range| range.start - start + rows_before..range.end - start + rows_before)
            .collect();
        if !within.is_empty() {
            row_groups.push(index);
            wanted.extend(within);
            rows_before += end - start;
        }
    }
    let selection = RowSelection::from_consecutive_ranges(wanted.into_iter(), rows_before);
    (row_groups, selection)
}

/// Fewer rows at a time where points are larger than their vectors say: texts
/// may have a megabyte each.
fn batch_rows(shape: &Shape, row_bytes: u64) -> usize {
    let numbers: usize = shape.dense.iter().map(|field| field.dimensions).sum();
    let row_bytes = usize::try_from(row_bytes).unwrap_or(usize::MAX);
    let expected = numbers.saturating_mul(4).saturating_add(POINT_BYTES);
    (BATCH_BYTES / row_bytes.max(expected)).max(1)
}

/// Damage of the part at `path`.
pub(super) fn damaged(path: &Path, reason: impl ToString) -> ArchiveError {
    ArchiveError::Damaged {
        part: path.to_owned(),
        reason: reason.to_string(),
    }
}
