//! Files as sources: an archive folder, or NDJSON (plain, gzip or zstd) in
//! Qdrant's or Vectorize's form. [`open`] tells them apart by their content.
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
mod shape;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::archive::Archive;
use crate::error::Error;
use crate::source::{Source, json};

pub use error::{Compression, FileError};

use archive::ArchiveSource;
use ndjson::NdjsonSource;

/// A page holds at most so many points.
const PAGE_POINTS: usize = 1_000;
/// A page is closed by the point that brings it to so many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// Opens what is at `path`: an archive (its current generation, every part
/// checked), a migration folder with an archive in it, or an NDJSON file.
///
/// # Errors
///
/// What [`FileError`] and [`crate::archive::ArchiveError`] name, as the operator
/// reads it. The first 1,000 lines of an NDJSON file are looked at here.
pub fn open(path: &Path) -> Result<Box<dyn Source>, Error> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => FileError::Missing {
            path: path.to_owned(),
        },
        _ => FileError::io(path)(source),
    })?;
    if metadata.is_dir() {
        return Ok(Box::new(ArchiveSource::open(&archive_root(path)?)?));
    }
    if metadata.is_file() {
        return Ok(Box::new(NdjsonSource::open(path)?));
    }
    let path = path.to_owned();
    Err(FileError::NotAFile { path }.into())
}

fn archive_root(folder: &Path) -> Result<PathBuf, FileError> {
    [folder.to_owned(), folder.join("archive")]
        .into_iter()
        .find(|candidate| Archive::is_archive(candidate))
        .ok_or_else(|| FileError::NoArchive {
            path: folder.to_owned(),
        })
}
