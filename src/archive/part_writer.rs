//! Writes one part under its temporary name, cutting it into row groups. The
//! bytes depend on the points alone, not on when or in how many runs they came.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use crate::point::{PointId, Shape};

use super::encode::{Row, Rows};
use super::error::ArchiveError;
use super::files::{HashingFile, tmp_of};
use super::manifest::{Checksum, part_name};
use super::schema::writer_properties;
use super::{MAX_PART_BYTES, MAX_ROW_GROUP_BYTES};

/// Rows are handed to Parquet in portions of about this weight, so that they
/// are not held twice in full.
const BATCH_BYTES: usize = 1 << 20;
/// What a file takes besides its rows and columns.
const FILE_OVERHEAD: usize = 64 << 10;
/// What a column takes in the footer for each row group, besides its name.
const FOOTER_BYTES_PER_COLUMN: usize = 512;
/// Two neighbouring row groups are together larger than one may be, so that a
/// part has at most this many.
const MAX_ROW_GROUPS: usize = 2 * MAX_PART_BYTES / MAX_ROW_GROUP_BYTES;

/// A part that is on the disk under its temporary name.
pub(super) struct WrittenPart {
    pub(super) tmp: PathBuf,
    pub(super) path: PathBuf,
    pub(super) points: u64,
    pub(super) first_id: PointId,
    pub(super) last_id: PointId,
    pub(super) bytes: u64,
    pub(super) sha256: Checksum,
}

/// A part that is being written; it has at least one point.
pub(super) struct PartWriter {
    path: PathBuf,
    writer: ArrowWriter<HashingFile>,
    rows: Rows,
    row_group_weight: usize,
    footer_bytes: usize,
    points: u64,
    first_id: PointId,
    last_id: PointId,
}

impl PartWriter {
    /// Begins the part at `index` in `folder` with its first point.
    pub(super) fn begin(
        folder: &Path,
        index: usize,
        schema: &SchemaRef,
        shape: &Shape,
        first: &Row<'_>,
    ) -> Result<Self, ArchiveError> {
        let path = folder.join(part_name(index));
        let file = HashingFile::create(&tmp_of(&path))?;
        let properties = writer_properties(schema);
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))
            .map_err(|error| failed(&path, error))?;
        let mut part = Self {
            path,
            writer,
            rows: Rows::new(Arc::clone(schema), shape),
            row_group_weight: 0,
            footer_bytes: footer_bytes(schema),
            points: 0,
            first_id: first.point().id.clone(),
            last_id: first.point().id.clone(),
        };
        part.push(first)?;
        Ok(part)
    }

    /// Whether the file could be larger than a part may be with `row` in it.
    pub(super) fn is_full_for(&self, row: &Row<'_>) -> bool {
        let written = self.writer.bytes_written();
        written + self.row_group_weight + row.weight() + self.footer_bytes > MAX_PART_BYTES
    }

    /// How many points there are.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// Adds a point.
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), ArchiveError> {
        if self.row_group_weight + row.weight() > MAX_ROW_GROUP_BYTES {
            self.end_row_group()?;
        }
        self.rows.push(row);
        self.row_group_weight += row.weight();
        self.points += 1;
        self.last_id.clone_from(&row.point().id);
        if self.rows.weight() >= BATCH_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), ArchiveError> {
        if self.rows.weight() == 0 {
            return Ok(());
        }
        let batch = self.rows.take().map_err(ParquetError::from);
        batch
            .and_then(|batch| self.writer.write(&batch))
            .map_err(|error| failed(&self.path, error))
    }

    fn end_row_group(&mut self) -> Result<(), ArchiveError> {
        self.hand_over()?;
        self.row_group_weight = 0;
        self.writer
            .flush()
            .map_err(|error| failed(&self.path, error))
    }

    /// Brings the part to the disk; it keeps its temporary name.
    pub(super) fn finish(mut self) -> Result<WrittenPart, ArchiveError> {
        self.end_row_group()?;
        // Taking the file out of the writer would tell a full disk as text alone.
        let finished = self.writer.finish();
        finished.map_err(|error| failed(&self.path, error))?;
        let file = self.writer.inner();
        let (bytes, sha256) = file.sync()?;
        Ok(WrittenPart {
            tmp: file.path().to_owned(),
            path: self.path,
            points: self.points,
            first_id: self.first_id,
            last_id: self.last_id,
            bytes,
            sha256,
        })
    }
}

fn footer_bytes(schema: &SchemaRef) -> usize {
    let columns = schema.fields().iter();
    let row_group = columns.map(|field| field.name().len() + FOOTER_BYTES_PER_COLUMN);
    FILE_OVERHEAD + MAX_ROW_GROUPS * row_group.sum::<usize>()
}

/// Finds the operating system's error in Parquet's, so that a full disk is told
/// from everything else.
pub(super) fn failed(path: &Path, error: ParquetError) -> ArchiveError {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    };
    ArchiveError::io("write", path)(source)
}
