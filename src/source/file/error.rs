//! What can be wrong with a file that points are read from.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Why a file could not be read as points.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing is there.
    #[error("there is no file or folder {}", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// A folder in which neither an archive nor Parquet files were found.
    #[error("the folder {} holds neither an archive nor .parquet files", path.display())]
    NoArchive {
        /// The folder.
        path: PathBuf,
    },
    /// An archive whose first export has not ended.
    #[error("the archive {} has no complete generation", path.display())]
    NoCompleteGeneration {
        /// The archive's root.
        path: PathBuf,
    },
    /// A pipe or device, which could not be read again.
    #[error("{} is neither a file nor a folder", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Columns were named, and the file has none.
    #[error("--id-column and --vector-column are for Parquet, which {} is not", path.display())]
    NoColumns {
        /// The file or folder.
        path: PathBuf,
    },
    /// A Parquet file that was compressed as a whole.
    #[error("{} is a Parquet file that was compressed as a whole", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
    },
    /// A file without a single point.
    #[error("{} has no points", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// All points in one JSON array.
    #[error("{} is one JSON array, not one object a line", path.display())]
    JsonArray {
        /// The file.
        path: PathBuf,
    },
    /// Compressed data that is cut off.
    #[error("{}: the {compression} data is cut off after line {lines}", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        compression: Compression,
        /// How many whole lines there are.
        lines: u64,
    },
    /// Compressed data that is damaged.
    #[error("{}: the {compression} data is damaged after line {lines}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        compression: Compression,
        /// How many whole lines there are before the damage.
        lines: u64,
        /// The decoder's reason.
        source: io::Error,
    },
    /// A line that is no point.
    #[error("{}, line {line}: {reason}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is not the one that was opened.
    #[error("{} has changed while it was being read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A cursor that another kind of source made.
    #[error("{} cannot be read from a place that another kind of source gave", path.display())]
    ForeignCursor {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// Wraps an operating system's error: `map_err(FileError::io(path))`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        let (kind, advice) = end_of(&error);
        let told = Self::new(kind, error.to_string()).advise(advice);
        match error {
            FileError::Io { source, .. } | FileError::Corrupt { source, .. } => {
                told.because(source)
            }
            _ => told,
        }
    }
}

fn end_of(error: &FileError) -> (Kind, &'static str) {
    match error {
        FileError::Missing { .. } => (Kind::Usage, "check the path"),
        FileError::NoArchive { .. } => (
            Kind::Usage,
            "give an archive (the folder that holds 0001/manifest.json), a migration folder, a folder of .parquet files, or a file",
        ),
        FileError::NoCompleteGeneration { .. } => (
            Kind::Failed,
            "run the export into it again: it goes on where it stopped",
        ),
        FileError::NotAFile { .. } => (
            Kind::Usage,
            "write it to a file first: a file is read more than once",
        ),
        FileError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            (Kind::Forbidden, "let this user read it")
        }
        FileError::Io { .. } => (
            Kind::Failed,
            "check the disk, then run the same command again",
        ),
        FileError::Parquet { .. } => (
            Kind::Usage,
            "unpack it: Parquet compresses its columns itself",
        ),
        FileError::NoColumns { .. } => (Kind::Usage, "leave them out"),
        FileError::Empty { .. } => (Kind::Failed, "check that the file was written to its end"),
        FileError::JsonArray { .. } => (
            Kind::Failed,
            "put one object on each line, for example with: jq -c '.[]' FILE > points.ndjson",
        ),
        FileError::CutOff { .. } | FileError::Corrupt { .. } => {
            (Kind::Failed, "copy or write the file again")
        }
        FileError::BadLine { .. } => (Kind::Failed, "mend or remove that line"),
        FileError::Changed { .. } => (
            Kind::Stopped,
            "run the same command again, and leave the file alone while it is read",
        ),
        FileError::ForeignCursor { .. } => (
            Kind::Failed,
            "begin with an empty migration folder, and leave the file alone while it is read",
        ),
    }
}
