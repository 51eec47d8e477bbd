//! Part files that are copied from another archive, as they are. A copy shares nothing
//! with the file that it was made of: neither its content later, nor its mode and owner.

use std::fs;
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::ArchiveError;
use super::files::{self, HashingFile};
use super::generation::Generation;
use super::manifest::{Checksum, Part};
use super::part_reader::damaged;

/// How much is read, hashed and written at a time.
const COPY_BYTES: usize = 1 << 20;

impl Generation {
    /// The file of the part with this checksum; none where there is no such part.
    pub fn file_with(&self, sha256: &Checksum) -> Option<PathBuf> {
        let mut parts = self.manifest().parts.iter();
        let part = parts.find(|part| part.sha256 == *sha256)?;
        Some(self.folder().join(&part.file))
    }

    /// Puts a copy of `file` into the place of the part at `index`, whose bytes it is
    /// expected to have.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Missing`] and [`ArchiveError::Damaged`] of `file`, whose copy is
    /// not put into place then; [`ArchiveError::NoSuchPoint`] when there is no such part.
    pub fn put_back(&self, index: usize, file: &Path) -> Result<(), ArchiveError> {
        let part = self.part(index)?;
        copy_part(part, file, &self.folder().join(&part.file))
    }
}

/// Copies `from`, whose bytes are to be those of `part`, to `to`, durably. The checksum
/// is taken of what is written, so that a file which is changed meanwhile is found out.
pub(super) fn copy_part(part: &Part, from: &Path, to: &Path) -> Result<(), ArchiveError> {
    let content = match fs::File::open(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ArchiveError::Missing {
                part: from.to_owned(),
            });
        }
        content => content.map_err(ArchiveError::io("read", from))?,
    };
    let mut content = BufReader::with_capacity(COPY_BYTES, content.take(part.bytes));
    let tmp = files::tmp_of(to);
    let mut file = HashingFile::create(&tmp)?;
    io::copy(&mut content, &mut file).map_err(ArchiveError::io("copy to", &tmp))?;
    let (_, sha256) = file.sync()?;
    if sha256 == part.sha256 {
        return files::put_in_place(&tmp, to);
    }
    files::remove(&tmp)?;
    Err(damaged(from, "its checksum is not that of the manifest"))
}
