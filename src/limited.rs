//! Small files that others may have written are read up to a size, whatever the
//! system says of theirs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest file of settings or variables.
pub(crate) const MAX_SETTINGS_BYTES: u64 = 1 << 20;

/// Reads a file of at most `most` bytes (a multiple of a mebibyte).
///
/// # Errors
///
/// Of the kind `FileTooLarge` for a larger one, and the system's own.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    match content.len() as u64 > most {
        true => Err(too_large(most)),
        false => Ok(content),
    }
}

/// The error of a file that is larger than that.
fn too_large(most: u64) -> io::Error {
    let reason = format!("it is larger than {} MiB", most >> 20);
    io::Error::new(io::ErrorKind::FileTooLarge, reason)
}

/// As [`read`], for text.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let content = read(path, most)?;
    String::from_utf8(content).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_not_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap().len(), 1 << 20);
        std::fs::write(&path, vec![b'x'; (1 << 20) + 1]).unwrap();
        let error = read(&path, 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 MiB");
        assert!(read(Path::new("/dev/zero"), 1 << 20).is_err());
    }
}
