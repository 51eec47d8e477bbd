//! Durable changes to the archive's files: a new content appears whole, under
//! its name, or not at all.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::ArchiveError;
use super::manifest::Checksum;
use crate::disk;

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
    file: disk::File,
    hash: Sha256,
    bytes: u64,
}

impl HashingFile {
    /// Begins `path` anew.
    pub(super) fn create(path: &Path) -> Result<Self, ArchiveError> {
        let file = disk::File::create(path).map_err(ArchiveError::io("create", path))?;
        Ok(Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Brings everything to the disk; returns size and checksum.
    pub(super) fn sync(&self) -> Result<(u64, Checksum), ArchiveError> {
        let synced = self.file.sync();
        synced.map_err(ArchiveError::io("write", self.path()))?;
        Ok((self.bytes, Checksum::from_hash(self.hash.clone())))
    }
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
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
    disk::rename(tmp, path).map_err(ArchiveError::io("rename to", path))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Replaces the content of `path` as a whole.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), ArchiveError> {
    let tmp = tmp_of(path);
    let mut file = HashingFile::create(&tmp)?;
    file.write_all(content)
        .map_err(ArchiveError::io("write", &tmp))?;
    file.sync()?;
    put_in_place(&tmp, path)
}

/// Brings a folder's names to the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    disk::sync_folder(folder).map_err(ArchiveError::io("write", folder))
}

/// Makes a folder and those above it.
pub(super) fn create_folder(folder: &Path) -> Result<(), ArchiveError> {
    disk::create_folders(folder).map_err(ArchiveError::io("create", folder))
}

/// Removes a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), ArchiveError> {
    disk::remove(path).map_err(ArchiveError::io("remove", path))
}

/// Removes a folder, unless something is in it.
pub(super) fn remove_folder(folder: &Path) -> Result<(), ArchiveError> {
    disk::remove_empty_folder(folder).map_err(ArchiveError::io("remove", folder))
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
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Checksum::from_hash(hash)),
            read => hash.update(&buffer[..read]),
        }
    }
}
