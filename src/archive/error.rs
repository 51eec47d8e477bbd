//! What can go wrong with an archive, and what the operator can do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::Trouble;
use crate::error::{Error, Kind};
use crate::point::PointId;

use super::manifest::GenerationNumber;

/// Why an archive could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as in "cannot `read` FILE".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A part does not hold what the manifest says.
    #[error("the archive part {} is damaged: {reason}", part.display())]
    Damaged {
        /// The part's file.
        part: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A part of the manifest is not there.
    #[error("the archive part {} is missing", part.display())]
    Missing {
        /// The part's file.
        part: PathBuf,
    },
    /// A manifest that cannot be understood. It is only ever replaced as a
    /// whole, so this is damage from outside.
    #[error("the archive's manifest {} is damaged: {reason}", manifest.display())]
    DamagedManifest {
        /// The manifest's file.
        manifest: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive of a later version of the format.
    #[error("the archive {} has the format {format:?}, which this version cannot read", manifest.display())]
    NewerFormat {
        /// The manifest's file.
        manifest: PathBuf,
        /// Its format.
        format: String,
    },
    /// Not an archive, or no such generation.
    #[error("{} is not an archive of cf-migrate", path.display())]
    NotAnArchive {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// A generation whose export has not ended.
    #[error("the export into {} is not complete", path.display())]
    Unfinished {
        /// The generation's folder.
        path: PathBuf,
    },
    /// An unfinished generation was begun from another source.
    #[error(
        "generation {generation} of the archive was begun from another source: \
         it holds {archived}, this is {asked}"
    )]
    OtherSource {
        /// The unfinished generation.
        generation: GenerationNumber,
        /// What it was begun from.
        archived: String,
        /// What was asked for now.
        asked: String,
    },
    /// A shape that has no place in the format.
    #[error("these points cannot be archived: {reason}")]
    UnfitShape {
        /// What is wrong with it.
        reason: String,
    },
    /// A point that does not have its collection's shape.
    #[error("the point {id} cannot be archived: {reason}")]
    UnfitPoint {
        /// The point.
        id: PointId,
        /// What is wrong with it.
        reason: String,
    },
    /// A part cannot end here: the source can only go on after the whole page.
    #[error("an archive part cannot end in the middle of a source's page")]
    NotResumable,
    /// A write failed before; the writer has to be opened again.
    #[error("an earlier write to this archive failed")]
    Broken,
    /// A position behind the last point.
    #[error("the archive has {points} points, none at position {ordinal}")]
    NoSuchPoint {
        /// The position, from 0.
        ordinal: u64,
        /// How many points there are.
        points: u64,
    },
}

impl ArchiveError {
    /// Wraps an operating system's error: `map_err(ArchiveError::io("read", path))`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        let message = error.to_string();
        let (kind, advice) = end_of(&error);
        let mut told = Error::new(kind, message);
        if let Some(advice) = advice {
            told = told.advise(advice);
        }
        match error {
            ArchiveError::Io { source, .. } => told.because(source),
            _ => told,
        }
    }
}

const EXPORT_ANEW: &str =
    "export again from the source; if it is gone, put the file back from another copy";

const MOVE_AWAY: &str =
    "put the file back from another copy, or move its folder away and export again";

fn end_of(error: &ArchiveError) -> (Kind, Option<&'static str>) {
    match error {
        ArchiveError::Io { source, .. } => end_of_io(source),
        ArchiveError::Damaged { .. } | ArchiveError::Missing { .. } => {
            (Kind::Failed, Some(EXPORT_ANEW))
        }
        ArchiveError::DamagedManifest { .. } => (Kind::Failed, Some(MOVE_AWAY)),
        ArchiveError::NewerFormat { .. } => (
            Kind::Failed,
            Some("use the version of cf-migrate that wrote it, or a newer one"),
        ),
        ArchiveError::NotAnArchive { .. } => (
            Kind::Usage,
            Some("give the folder that holds 0001/manifest.json, or a migration folder"),
        ),
        ArchiveError::Unfinished { .. } => (
            Kind::Failed,
            Some("run the same export again: it goes on where it stopped"),
        ),
        ArchiveError::OtherSource { .. } => (
            Kind::Refused,
            Some("finish it with the same source, or export into another folder"),
        ),
        _ => (Kind::Failed, None),
    }
}

fn end_of_io(source: &io::Error) -> (Kind, Option<&'static str>) {
    match Trouble::of(source) {
        Trouble::Full => (
            Kind::Stopped,
            Some("free some space and run the same command again: what is sealed is kept"),
        ),
        Trouble::Denied => (
            Kind::Forbidden,
            Some("permission denied: let this user read and write there, or choose another folder"),
        ),
        Trouble::ReadOnly => (
            Kind::Forbidden,
            Some("the file system is read-only: choose a folder that can be written"),
        ),
        trouble => match trouble.end() {
            Some((kind, advice)) => (kind, Some(advice)),
            None => (Kind::Failed, None),
        },
    }
}
