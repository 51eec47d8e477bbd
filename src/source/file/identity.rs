//! What tells a file from another one: its name and content, not the place where
//! it lies nor when it was written, so that a copy of it will do as well.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::error::FileError;

/// How much is hashed at a time.
const PIECE: usize = 1 << 20;

/// What a file is called, whatever the path that leads to it.
pub(super) fn name(path: &Path) -> String {
    let resolved = path.canonicalize();
    let path = resolved.as_deref().unwrap_or(path);
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.map_or_else(|| path.display().to_string(), |name| name.into_owned())
}

/// The size, and the beginning of the content's SHA-256: reads the whole file,
/// about as fast as the disk gives it.
pub(super) fn of(path: &Path) -> Result<String, FileError> {
    read(path).map_err(FileError::io(path))
}

fn read(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    loop {
        let read = match file.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        bytes += read as u64;
    }
    let digits = digits(&hash.finalize());
    Ok(format!("{bytes} bytes, sha256 {digits}"))
}

/// The beginning of a SHA-256, as identities show it.
pub(super) fn digits(hash: &[u8]) -> String {
    let shown = hash[..16].iter();
    shown.map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a file is written to while this process reads it: cheap to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    changed: SystemTime,
}

impl Stamp {
    /// The file's size.
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }

    pub(super) fn of(path: &Path) -> Result<Self, FileError> {
        let read = || {
            let metadata = path.metadata()?;
            let (bytes, changed) = (metadata.len(), metadata.modified()?);
            Ok(Self { bytes, changed })
        };
        read().map_err(FileError::io(path))
    }
}
