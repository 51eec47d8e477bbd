//! Where a verb works: the migration folder, or for a rehearsal a scratch copy
//! beside it that is removed afterwards.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::archive::Archive;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::ledger::Ledger;
use crate::stages::context::Mode;

/// A place to work in.
pub(super) struct Workspace {
    /// The folder; none in a rehearsal.
    pub(super) folder: Option<MigrationFolder>,
    pub(super) ledger: Ledger,
    pub(super) archive: Archive,
    /// Removed when dropped.
    scratch: Option<TempDir>,
}

impl Workspace {
    pub(super) fn open(dir: &Path, mode: Mode) -> Result<Self, Error> {
        match mode {
            Mode::Write => Self::real(dir),
            Mode::DryRun => Self::scratch(dir),
        }
    }

    fn real(dir: &Path) -> Result<Self, Error> {
        let folder = MigrationFolder::open(dir)?;
        let ledger = Ledger::open(&folder.ledger())?;
        let archive = Archive::at(folder.archive());
        Ok(Self {
            folder: Some(folder),
            ledger,
            archive,
            scratch: None,
        })
    }

    /// A scratch copy: the ledger as it stands, and an archive of its own behind
    /// which the complete generations of the real one are read.
    pub(super) fn scratch(dir: &Path) -> Result<Self, Error> {
        let scratch = beside(dir)?;
        let (ledger, copy) = (dir.join("ledger.db"), scratch.path().join("ledger.db"));
        // What older versions wrote becomes of this version's format in the copy alone.
        let ledger = match Ledger::as_it_is(&ledger)? {
            Some(ledger) => ledger.copy_to(&copy)?,
            None => Ledger::open(&copy)?,
        };
        let kept = Archive::at(dir.join("archive"));
        let root = scratch.path().join("archive");
        let archive = match kept.current()? {
            Some(_) => Archive::over(root, kept.root()),
            None => Archive::at(root),
        };
        Ok(Self {
            folder: None,
            ledger,
            archive,
            scratch: Some(scratch),
        })
    }

    /// Keeps the scratch folder alive as long as the migration.
    pub(super) fn into_parts(self) -> (Option<MigrationFolder>, Ledger, Archive, Option<TempDir>) {
        (self.folder, self.ledger, self.archive, self.scratch)
    }
}

/// A scratch folder on the disk that the real run would use.
fn beside(dir: &Path) -> Result<TempDir, Error> {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let parent = absolute.ancestors().skip(1).find(|folder| folder.is_dir());
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    tempfile::Builder::new()
        .prefix(".cf-migrate-")
        .tempdir_in(&parent)
        .map_err(|error| {
            Error::failed(format!(
                "no scratch folder can be made in {}",
                parent.display()
            ))
            .advise("make that folder writable, or give another place with --dir")
            .because(error)
        })
}

/// Whether a path names this archive: its folder, or the migration folder that
/// it lies in.
pub(super) fn is_own_archive(path: &Path, archive: &Archive) -> bool {
    let Ok(root) = archive.root().canonicalize() else {
        return false;
    };
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    path == root || Some(path.as_path()) == root.parent()
}

/// The migration folder that an archive path lies in, where it is in one.
pub(super) fn folder_of(path: &Path) -> Option<PathBuf> {
    let own = path.join("ledger.db").is_file().then(|| path.to_owned());
    let parent = path
        .parent()
        .filter(|parent| parent.join("ledger.db").is_file());
    own.or_else(|| parent.map(Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(dir).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut contents: Vec<_> = paths
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        contents.sort();
        contents
    }

    /// Another process, of the version that wrote it, may be working on it.
    #[test]
    fn a_rehearsal_leaves_a_ledger_of_an_older_format_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("docs.migration");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("ledger.db");
        let ledger = Ledger::open(&path).unwrap();
        ledger.remember_asked("qdrant:docs").unwrap();
        drop(ledger);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("DROP TABLE tally; DROP TABLE change; PRAGMA user_version = 3;")
            .unwrap();
        let before = contents(&folder);
        let scratch = Workspace::open(&folder, Mode::DryRun).unwrap();
        assert_eq!(
            scratch.ledger.asked().unwrap().as_deref(),
            Some("qdrant:docs")
        );
        assert_eq!(scratch.ledger.totals().unwrap().records, 0);
        drop(scratch);
        assert_eq!(contents(&folder), before);
    }
}
