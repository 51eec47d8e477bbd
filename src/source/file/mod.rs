//! Files as sources: an archive folder, NDJSON (plain, gzip or zstd) in Qdrant's
//! or Vectorize's form, or Parquet (a file, or a folder of them). [`open`] tells
//! them apart by their content.
//!
//! Reading blocks inside of the async functions: a page is a few milliseconds of
//! a local file that the system reads ahead, the caller has nothing else to do
//! until it is there, and no thread of its own means that simulated time holds.

mod archive;
mod error;
mod form;
mod identity;
mod lines;
mod ndjson;
mod parquet;
mod shape;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::archive::Archive;
use crate::error::Error;
use crate::source::{Source, json};

pub use error::{Compression, FileError};
pub use parquet::{ColumnChoice, ParquetFileError};

use archive::ArchiveSource;
use ndjson::NdjsonSource;
use parquet::ParquetSource;

/// A page holds at most so many points.
const PAGE_POINTS: usize = 1_000;
/// A page is closed by the point that brings it to so many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// How a Parquet file begins.
const PARQUET_MAGIC: [u8; 4] = *b"PAR1";

/// Opens what is at `path`: an archive (its current generation, every part
/// checked), a migration folder with an archive in it, an NDJSON file, a Parquet
/// file or a folder of them; `columns` is what was said of Parquet.
///
/// # Errors
///
/// What [`FileError`], [`ParquetFileError`] and [`crate::archive::ArchiveError`]
/// name, as the operator reads it. The first 1,000 lines or rows of a file are
/// looked at here.
pub fn open(path: &Path, columns: &ColumnChoice) -> Result<Box<dyn Source>, Error> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => FileError::Missing {
            path: path.to_owned(),
        },
        _ => FileError::io(path)(source),
    })?;
    if metadata.is_dir() {
        return open_folder(path, columns);
    }
    if !metadata.is_file() {
        let path = path.to_owned();
        return Err(FileError::NotAFile { path }.into());
    }
    if is_parquet(path)? {
        let name = identity::name(path);
        let files = vec![(path.to_owned(), name)];
        return Ok(Box::new(ParquetSource::open(path, files, columns)?));
    }
    refuse_columns(path, columns)?;
    Ok(Box::new(NdjsonSource::open(path)?))
}

fn open_folder(path: &Path, columns: &ColumnChoice) -> Result<Box<dyn Source>, Error> {
    if let Some(root) = archive_root(path) {
        refuse_columns(path, columns)?;
        return Ok(Box::new(ArchiveSource::open(&root)?));
    }
    let files = parquet::files(path)?;
    if files.is_empty() {
        let path = path.to_owned();
        return Err(FileError::NoArchive { path }.into());
    }
    Ok(Box::new(ParquetSource::open(path, files, columns)?))
}

fn archive_root(folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join("archive")]
        .into_iter()
        .find(|candidate| Archive::is_archive(candidate))
}

/// By its content; where that is cut off or overwritten, by its name.
fn is_parquet(path: &Path) -> Result<bool, FileError> {
    let mut head = Vec::new();
    let magic = PARQUET_MAGIC.len() as u64;
    let read = File::open(path).and_then(|file| file.take(magic).read_to_end(&mut head));
    read.map_err(FileError::io(path))?;
    let named = path.extension().is_some_and(|end| end == "parquet");
    Ok(head == PARQUET_MAGIC || named)
}

/// Columns are named of Parquet alone.
///
/// # Errors
///
/// [`FileError::NoColumns`] where some were.
pub fn refuse_columns(path: &Path, columns: &ColumnChoice) -> Result<(), FileError> {
    match columns.is_empty() {
        true => Ok(()),
        false => Err(FileError::NoColumns {
            path: path.to_owned(),
        }),
    }
}
