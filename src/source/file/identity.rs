//! What tells a file from another one of the same name.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::error::FileError;

/// How much is hashed at either end of the file.
const END_BYTES: u64 = 64 << 10;

/// Size, time of change, and a hash over both ends: for a file that was written
/// anew within the clock's resolution. Cheap however large the file is.
pub(super) fn of(path: &Path) -> Result<String, FileError> {
    read(path).map_err(FileError::io(path))
}

fn read(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let bytes = metadata.len();
    let changed = match metadata.modified()?.duration_since(UNIX_EPOCH) {
        Ok(since) => format!("{}.{:09}", since.as_secs(), since.subsec_nanos()),
        Err(before) => format!("-{}", before.duration().as_secs()),
    };
    let mut ends = Vec::new();
    file.by_ref().take(END_BYTES).read_to_end(&mut ends)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
    file.take(END_BYTES).read_to_end(&mut ends)?;
    let hash = Sha256::digest(&ends);
    let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{bytes} bytes, changed at {changed}, ends {digits}"
    ))
}
