//! The migration folder: where one migration lives, and the lock that keeps a
//! second process off it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{self, Trouble};
use crate::error::{Error, Kind};

const ELSEWHERE: (Kind, &str) = (Kind::Failed, "choose another folder with --dir");

/// A migration folder that this process alone may write.
#[derive(Debug)]
pub struct MigrationFolder {
    path: PathBuf,
    // The operating system releases the lock when the process ends, however it
    // ends.
    _lock: File,
}

impl MigrationFolder {
    /// Makes the folder where it is missing, private to the user, and locks it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        disk::create_folders(path).map_err(|error| explain(path, error))?;
        let file = disk::lock_file(&path.join(".lock")).map_err(|error| explain(path, error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                Error::stopped(format!("another process is working on {}", path.display()))
                    .advise("wait until it has ended, or stop it, then run the same command again")
            }
            TryLockError::Error(error) => unlocked(path, error),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the archive lies.
    pub fn archive(&self) -> PathBuf {
        self.path.join("archive")
    }

    /// Where the ledger lies.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.db")
    }

    /// Writes a file of the folder as a whole: it is there complete, or as it
    /// was before.
    pub fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut disk::File) -> io::Result<()>,
    ) -> Result<(), Error> {
        write_whole(&self.path, name, write)
    }
}

/// Writes a file of `folder` as a whole: it is there complete, or as it was
/// before, also after a power cut.
pub fn write_whole(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut disk::File) -> io::Result<()>,
) -> Result<(), Error> {
    replace(folder, name, write).map_err(|error| explain(&folder.join(name), error))
}

fn replace(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut disk::File) -> io::Result<()>,
) -> io::Result<()> {
    let path = folder.join(name);
    let next = folder.join(format!("{name}.tmp"));
    let written = disk::File::create(&next).and_then(|mut file| {
        write(&mut file)?;
        file.sync()
    });
    if let Err(error) = written.and_then(|()| disk::rename(&next, &path)) {
        // What is left of it would be in the way of nothing but the space.
        let _ = disk::remove(&next);
        return Err(error);
    }
    disk::sync_folder(folder)
}

/// Removes a file of `folder`, if it is there.
pub fn remove(folder: &Path, name: &str) -> Result<(), Error> {
    let path = folder.join(name);
    disk::remove(&path).map_err(|error| explain(&path, error))
}

/// Without a lock, two processes could write to one ledger.
fn unlocked(path: &Path, error: io::Error) -> Error {
    Error::failed(format!("{} cannot be locked", path.display()))
        .advise("its file system offers no locks (some network file systems do not): choose a folder on a local disk with --dir")
        .because(error)
}

/// What the operator reads where a file or folder cannot be written.
pub(crate) fn explain(path: &Path, error: io::Error) -> Error {
    let message = format!("{} cannot be written", path.display());
    let trouble = Trouble::of(&error);
    let (kind, advice) = match trouble {
        Trouble::Denied | Trouble::ReadOnly => (
            Kind::Failed,
            "make the folder writable for this user, or choose another with --dir",
        ),
        // Nothing can be made in a place that does not exist.
        Trouble::Gone if path.parent().is_some_and(Path::is_dir) => ELSEWHERE,
        _ => trouble.end().unwrap_or(ELSEWHERE),
    };
    Error::new(kind, message).advise(advice).because(error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_second_holder_is_turned_away_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let first = MigrationFolder::open(dir.path()).unwrap();
        let refused = MigrationFolder::open(dir.path()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Stopped);
        assert!(
            refused
                .to_string()
                .contains("another process is working on")
        );
        drop(first);
        MigrationFolder::open(dir.path()).unwrap();
    }

    #[test]
    fn a_file_whose_writing_fails_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let folder = MigrationFolder::open(dir.path()).unwrap();
        folder
            .write("report.json", |file| file.write_all(b"old"))
            .unwrap();
        let failed = folder.write("report.json", |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), Kind::Stopped);
        assert_eq!(fs::read(dir.path().join("report.json")).unwrap(), b"old");
    }

    #[test]
    fn a_file_system_without_locks_and_a_folder_that_went_away_are_told() {
        let path = Path::new("docs.migration");
        let told = unlocked(path, io::ErrorKind::Unsupported.into());
        assert_eq!(told.to_string(), "docs.migration cannot be locked");
        assert!(told.advice().unwrap().contains("on a local disk"));

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docs.migration");
        let folder = MigrationFolder::open(&path).unwrap();
        fs::remove_dir_all(&path).unwrap();
        let told = folder.write("report.json", |file| file.write_all(b"late"));
        let told = told.unwrap_err();
        assert_eq!(told.kind(), Kind::Failed);
        assert!(told.advice().unwrap().contains("was removed"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_private_to_the_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docs.migration");
        let _folder = MigrationFolder::open(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
