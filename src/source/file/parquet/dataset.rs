//! The Parquet files of a source: one, or all of a folder in the order of their
//! paths; their footers, and the fields that the names of folders give.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::error::ParquetFileError;
use crate::archive::CREATED_BY;
use crate::error::Error;
use crate::parquet_bounds;
use crate::source::file::error::FileError;
use crate::source::file::identity::Stamp;

/// How the names of data files end.
const EXTENSION: &str = ".parquet";
/// How Hive writes that a partition's value is null.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// One file.
pub(super) struct DataFile {
    pub(super) path: PathBuf,
    /// Its path within the folder, with `/` between names.
    pub(super) name: String,
    pub(super) rows: u64,
    /// Bytes that a row takes in memory, where its rows are heaviest.
    pub(super) row_bytes: u64,
    /// As it was before it was looked at.
    pub(super) stamp: Stamp,
    /// Payload fields of every row: folders that are called `key=value`.
    pub(super) partitions: Vec<(String, Value)>,
}

/// A file, its footer read.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: ArrowReaderMetadata,
}

impl Opened {
    /// Reads the footer. The types are Parquet's own: the copy of Arrow's schema
    /// that some writers add says no more than how the writer held the columns.
    pub(super) fn at(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(FileError::io(path))?;
        parquet_bounds::check_footer(&file).map_err(ParquetFileError::footer(path))?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata =
            ArrowReaderMetadata::load(&file, options).map_err(ParquetFileError::footer(path))?;
        check_readable(path, metadata.metadata())?;
        Ok(Self { file, metadata })
    }

    /// Looks at the pages; gives the bytes that rows take in memory.
    pub(super) fn check_pages(&self, path: &Path) -> Result<u64, ParquetFileError> {
        parquet_bounds::check_pages(&self.file, self.row_groups())
            .map_err(ParquetFileError::footer(path))
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(super) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.metadata().row_groups()
    }

    /// How many rows its footer promises.
    fn rows(&self, path: &Path) -> Result<u64, ParquetFileError> {
        let rows = self.row_groups().iter().map(RowGroupMetaData::num_rows);
        rows.map(|rows| u64::try_from(rows).ok())
            .try_fold(0_u64, |sum, rows| sum.checked_add(rows?))
            .ok_or_else(|| {
                let reason = "a row group has an impossible number of rows".to_owned();
                let error = parquet::errors::ParquetError::General(reason);
                ParquetFileError::footer(path)(error)
            })
    }
}

fn check_readable(path: &Path, metadata: &Arc<ParquetMetaData>) -> Result<(), ParquetFileError> {
    let path = || path.to_owned();
    if metadata.file_metadata().created_by() == Some(CREATED_BY) {
        return Err(ParquetFileError::ArchivePart { path: path() });
    }
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns);
    for chunk in chunks {
        if matches!(
            chunk.compression(),
            Compression::BROTLI(_) | Compression::LZO
        ) {
            let codec = match chunk.compression() {
                Compression::LZO => "LZO",
                _ => "Brotli",
            };
            let codec = codec.to_owned();
            return Err(ParquetFileError::Codec {
                path: path(),
                codec,
            });
        }
    }
    Ok(())
}

impl DataFile {
    /// Looks at a file; `name` is its path within the folder.
    pub(super) fn look(path: PathBuf, name: String) -> Result<(Self, Opened), Error> {
        let stamp = Stamp::of(&path)?;
        let opened = Opened::at(&path)?;
        let file = Self {
            rows: opened.rows(&path)?,
            row_bytes: opened.check_pages(&path)?,
            partitions: partitions(&name),
            path,
            name,
            stamp,
        };
        Ok((file, opened))
    }

    /// Errors when it is not what it was when it was looked at.
    pub(super) fn check_unchanged(&self) -> Result<(), FileError> {
        if Stamp::of(&self.path)? == self.stamp {
            return Ok(());
        }
        let path = self.path.clone();
        Err(FileError::Changed { path })
    }
}

/// The data files in a folder and those below it, by path, sorted by bytes. Names
/// that begin with a dot or an underscore are others' bookkeeping; links to folders
/// are not followed.
pub(in crate::source::file) fn files(folder: &Path) -> Result<Vec<(PathBuf, String)>, FileError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        list(&folder, &prefix, &mut folders, &mut found).map_err(FileError::io(&folder))?;
    }
    found.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

type Named = (PathBuf, String);

fn list(
    folder: &Path,
    prefix: &str,
    folders: &mut Vec<Named>,
    found: &mut Vec<Named>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push((path, format!("{prefix}{name}/")));
        } else if name.ends_with(EXTENSION) && path.is_file() {
            found.push((path, format!("{prefix}{name}")));
        }
    }
    Ok(())
}

/// What `lang=de/year=2024/data_0.parquet` says of every row in it.
fn partitions(name: &str) -> Vec<(String, Value)> {
    let mut folders: Vec<&str> = name.split('/').collect();
    folders.pop();
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    folders
        .into_iter()
        .filter_map(|folder| folder.split_once('='))
        .map(|(key, value)| {
            let value = match value {
                NULL_PARTITION => Value::Null,
                value => Value::String(decoded(value)),
            };
            (decoded(key), value)
        })
        .collect()
}
