//! Durable changes to files: a new content appears whole, under its name, or
//! not at all. Every change passes [`checkpoint`], where tests stop the world.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::ArchiveError;
use super::manifest::Checksum;

/// What is put behind a name while its content is incomplete.
const TMP: &str = ".tmp";

/// The name under which `path` is prepared.
pub(super) fn tmp_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TMP);
    PathBuf::from(name)
}

/// A file being written, hashed and counted on the way.
pub(super) struct HashingFile {
    file: File,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
}

impl HashingFile {
    /// Begins `path` anew.
    pub(super) fn create(path: PathBuf) -> Result<Self, ArchiveError> {
        checkpoint()
            .and_then(|()| File::create(&path))
            .map(|file| Self {
                file,
                path: path.clone(),
                hash: Sha256::new(),
                bytes: 0,
            })
            .map_err(ArchiveError::io("create", &path))
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings everything to the disk; returns size and checksum.
    pub(super) fn sync(self) -> Result<(u64, Checksum), ArchiveError> {
        checkpoint()
            .and_then(|()| self.file.sync_all())
            .map_err(ArchiveError::io("write", &self.path))?;
        Ok((self.bytes, Checksum::from_hash(self.hash)))
    }
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        checkpoint()?;
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Gives a finished temporary file its name, durably.
pub(super) fn put_in_place(tmp: &Path, path: &Path) -> Result<(), ArchiveError> {
    checkpoint()
        .and_then(|()| fs::rename(tmp, path))
        .map_err(ArchiveError::io("rename to", path))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Replaces the content of `path` as a whole.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), ArchiveError> {
    let tmp = tmp_of(path);
    let mut file = HashingFile::create(tmp.clone())?;
    file.write_all(content)
        .map_err(ArchiveError::io("write", &tmp))?;
    file.sync()?;
    put_in_place(&tmp, path)
}

/// Brings a folder's names to the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    checkpoint()
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(ArchiveError::io("write", folder))
}

/// Makes a folder and those above it.
pub(super) fn create_folder(folder: &Path) -> Result<(), ArchiveError> {
    checkpoint()
        .and_then(|()| fs::create_dir_all(folder))
        .map_err(ArchiveError::io("create", folder))?;
    sync_folder(folder.parent().unwrap_or(Path::new(".")))
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), ArchiveError> {
    match checkpoint().and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(ArchiveError::io("remove", path)),
    }
}

/// Removes a folder, unless something is in it.
pub(super) fn remove_folder(folder: &Path) -> Result<(), ArchiveError> {
    match checkpoint().and_then(|()| fs::remove_dir(folder)) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => other.map_err(ArchiveError::io("remove", folder)),
    }
}

/// The names in a folder, sorted; those that are not UTF-8 are left out, none
/// of ours being so. An absent folder is empty.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(ArchiveError::io("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ArchiveError::io("read", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads a file once and returns its checksum.
pub(super) fn checksum(path: &Path) -> io::Result<Checksum> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Checksum::from_hash(hash)),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Where a kill could happen: before every change to the disk.
fn checkpoint() -> io::Result<()> {
    #[cfg(test)]
    crash::step()?;
    Ok(())
}

/// Stops the world, for tests: after a number of changes every further one fails.
#[cfg(test)]
pub(super) mod crash {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Lets `changes` more changes of this thread reach the disk; none for all.
    pub(in crate::archive) fn after(changes: Option<u32>) {
        LEFT.set(changes);
    }

    pub(super) fn step() -> io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("killed by the test")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
