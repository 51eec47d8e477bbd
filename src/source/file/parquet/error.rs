//! What can be wrong with a Parquet file that points are read from.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};

/// Why a Parquet file could not be read as points.
#[derive(Debug, thiserror::Error)]
pub enum ParquetFileError {
    /// Not Parquet, cut off, or damaged.
    #[error("{} cannot be read as Parquet{}", path.display(), place(*after))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many of its rows could be read; none when its footer cannot be.
        after: Option<u64>,
        /// The decoder's reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A part of an archive of ours.
    #[error("{} is a part of an archive", path.display())]
    ArchivePart {
        /// The file.
        path: PathBuf,
    },
    /// A compression that this build cannot undo.
    #[error("{} is compressed with {codec}, which is not supported", path.display())]
    Codec {
        /// The file.
        path: PathBuf,
        /// The compression's name.
        codec: String,
    },
    /// The columns are not what was asked for, or cannot be told apart.
    #[error("{}: {reason}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// A row that is no point.
    #[error("{}, row {row}: {reason}", path.display())]
    BadRow {
        /// The file.
        path: PathBuf,
        /// The row's number in the file, from 1.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a single vector.
    #[error("the column {column:?} of {} is null in every row", path.display())]
    NoVectors {
        /// The file or folder.
        path: PathBuf,
        /// The vector column.
        column: String,
    },
}

fn place(after: Option<u64>) -> String {
    match after {
        None => String::new(),
        Some(rows) => format!(" after row {rows}"),
    }
}

impl ParquetFileError {
    /// Wraps what is wrong with a file's headers, by its decoder or before it.
    pub(super) fn footer<E: StdError + Send + Sync + 'static>(
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Damaged {
            path,
            after: None,
            source: Box::new(source),
        }
    }
}

impl From<ParquetFileError> for Error {
    fn from(error: ParquetFileError) -> Self {
        let (kind, advice) = end_of(&error);
        let told = Self::new(kind, error.to_string()).advise(advice);
        match error {
            ParquetFileError::Damaged { source, .. } => told.because(source),
            _ => told,
        }
    }
}

fn end_of(error: &ParquetFileError) -> (Kind, String) {
    let (kind, advice) = match error {
        ParquetFileError::Columns { advice, .. } => return (Kind::Usage, advice.clone()),
        ParquetFileError::Damaged { .. } => (Kind::Failed, "copy or write the file again"),
        ParquetFileError::ArchivePart { .. } => {
            (Kind::Usage, "give the archive folder that it belongs to")
        }
        ParquetFileError::Codec { .. } => (
            Kind::Usage,
            "write the file again with zstd, snappy, gzip or lz4",
        ),
        ParquetFileError::BadRow { .. } => {
            (Kind::Failed, "mend that row, or write the file without it")
        }
        ParquetFileError::NoVectors { .. } => (
            Kind::Failed,
            "name the column that holds the vectors with --vector-column",
        ),
    };
    (kind, advice.to_owned())
}
