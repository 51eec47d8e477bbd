//! What a Parquet file may ask of memory and stack, looked at before its reader
//! is: the reader reserves what headers say, and a schema's nesting recurses. Nothing
//! here decodes a value.

#[cfg(test)]
mod tests;
mod wire;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use wire::{Malformed, PageHeader, schema_depth};

/// The largest footer.
const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// The deepest schema; a list is three of its levels.
const MAX_DEPTH: usize = 64;
/// The largest page, decompressed. Most writers make pages of a megabyte, none known of
/// more than 100 MB; in an archive of ours, a page holds at least one point.
const MAX_PAGE_BYTES: u64 = 256 << 20;
/// The most values of a page: as many numbers as that has.
const MAX_PAGE_VALUES: u64 = MAX_PAGE_BYTES / 4;
/// The largest pages of all columns together: one of each is held at a time.
const MAX_PAGES_BYTES: u64 = 1 << 30;
/// The longest header of a page: the smallest and the largest value may stand in it.
const MAX_HEADER_BYTES: usize = 1 << 20;
/// How much is read for a header first.
const HEADER_BYTES: usize = 512;
/// What a value of a page takes in memory, its place in lists included.
const VALUE_BYTES: u64 = 8;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unbounded {
    /// The operating system's reason.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// Headers that say what cannot be, or more than anyone writes.
    #[error("{0}")]
    Refused(String),
}

impl From<Malformed> for Unbounded {
    fn from(_: Malformed) -> Self {
        Self::Refused("a header is cut off or makes no sense".to_owned())
    }
}

fn refused<T>(reason: String) -> Result<T, Unbounded> {
    Err(Unbounded::Refused(reason))
}

/// Looks at the footer, before anything makes a schema of it. What is no Parquet at
/// all is left for its reader to tell.
pub(crate) fn check_footer(file: &File) -> Result<(), Unbounded> {
    let length = file.metadata()?.len();
    let Some(tail_at) = length.checked_sub(8) else {
        return Ok(());
    };
    let mut tail = [0; 8];
    file.read_exact_at(&mut tail, tail_at)?;
    let [a, b, c, d, magic @ ..] = tail;
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    let Some(footer_at) = tail_at.checked_sub(footer).filter(|_| magic == *b"PAR1") else {
        return Ok(());
    };
    if footer > MAX_FOOTER_BYTES {
        return refused(format!(
            "its footer has {footer} bytes; up to {MAX_FOOTER_BYTES} are read"
        ));
    }
    let mut bytes = vec![0; usize::try_from(footer).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, footer_at)?;
    let depth = schema_depth(&bytes)?;
    if depth > MAX_DEPTH {
        return refused(format!(
            "its schema nests {depth} levels deep; up to {MAX_DEPTH} are read"
        ));
    }
    Ok(())
}

/// Looks at the header of every page, and gives the bytes that a row takes in memory,
/// on average of the row group where that is most.
pub(crate) fn check_pages<'a>(
    file: &File,
    row_groups: impl IntoIterator<Item = &'a RowGroupMetaData>,
) -> Result<u64, Unbounded> {
    let mut heaviest = 0;
    for row_group in row_groups {
        let bytes = check_row_group(file, row_group)?;
        let rows = row_group.num_rows().unsigned_abs().max(1);
        heaviest = heaviest.max(bytes / rows);
    }
    Ok(heaviest)
}

fn check_row_group(file: &File, row_group: &RowGroupMetaData) -> Result<u64, Unbounded> {
    let (mut bytes, mut at_once) = (0_u64, 0_u64);
    for column in row_group.columns() {
        let chunk = check_chunk(file, column)?;
        bytes = bytes.saturating_add(chunk.bytes);
        at_once = at_once.saturating_add(chunk.largest);
    }
    if at_once > MAX_PAGES_BYTES {
        return refused(format!(
            "its pages take {at_once} bytes of memory at a time; up to {MAX_PAGES_BYTES} are given"
        ));
    }
    Ok(bytes)
}

/// What the pages of a column take in memory.
#[derive(Default)]
struct Chunk {
    bytes: u64,
    largest: u64,
}

fn check_chunk(file: &File, column: &ColumnChunkMetaData) -> Result<Chunk, Unbounded> {
    let begin = column
        .dictionary_page_offset()
        .unwrap_or(column.data_page_offset());
    let bounds = u64::try_from(begin).ok().and_then(|begin| {
        let end = begin.checked_add(u64::try_from(column.compressed_size()).ok()?)?;
        Some((begin, end))
    });
    let Some((mut at, end)) = bounds else {
        return refused("a column lies nowhere in the file".to_owned());
    };
    let mut chunk = Chunk::default();
    while at < end {
        let (header, length) = read_header(file, at)?;
        let bytes = check_page(&header)?;
        chunk.bytes = chunk.bytes.saturating_add(bytes);
        chunk.largest = chunk.largest.max(bytes);
        at = at.saturating_add(length).saturating_add(header.compressed);
    }
    Ok(chunk)
}

/// The memory that a page takes.
fn check_page(page: &PageHeader) -> Result<u64, Unbounded> {
    let PageHeader {
        uncompressed,
        values,
        ..
    } = *page;
    if uncompressed > MAX_PAGE_BYTES {
        return refused(format!(
            "a page has {uncompressed} bytes without compression; up to {MAX_PAGE_BYTES} are read"
        ));
    }
    if values > MAX_PAGE_VALUES {
        return refused(format!(
            "a page has {values} values; up to {MAX_PAGE_VALUES} are read"
        ));
    }
    Ok(uncompressed.max(values * VALUE_BYTES))
}

/// The header at that place, and its length.
fn read_header(file: &File, at: u64) -> Result<(PageHeader, u64), Unbounded> {
    let mut size = HEADER_BYTES;
    loop {
        let mut bytes = vec![0; size];
        let read = read_up_to(file, &mut bytes, at)?;
        match PageHeader::read(&bytes[..read]) {
            Ok((header, length)) => return Ok((header, length as u64)),
            Err(_) if read == size && size < MAX_HEADER_BYTES => size *= 8,
            Err(malformed) => return Err(malformed.into()),
        }
    }
}

fn read_up_to(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
