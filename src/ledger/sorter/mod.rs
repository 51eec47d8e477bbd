//! Texts in order, more of them than memory should hold: sorted a piece at a time,
//! written to a file without a name beside the ledger, and merged.
//!
//! SQLite sorts too, but calls two functions for a comparison of two rows that lie
//! anywhere in its piece. Here eight bytes of each text are compared beside one
//! another, which is mostly enough (docs/performance.md has what it is worth).

mod merge;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(super) use merge::Merged;

/// Bytes of a piece. Larger ones leave the processor's cache; smaller ones are more to
/// merge.
const PIECE: usize = 2 << 20;
/// After so many pieces they are twice as large: each has a buffer while they are merged.
const PIECES: usize = 128;
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// Takes texts, each with bytes that belong to it, in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    folder: PathBuf,
    piece_bytes: usize,
    piece: Piece,
    common: Common,
    spilled: Option<Spilled>,
}

/// Rows that were brought to the disk.
#[derive(Debug)]
struct Spilled {
    file: File,
    /// Where each piece lies.
    pieces: Vec<Range<u64>>,
}

impl Sorter {
    /// An empty one, whose file would lie in that folder.
    pub(super) fn beside(folder: &Path) -> Self {
        Self::with_pieces_of(folder, PIECE)
    }

    fn with_pieces_of(folder: &Path, piece_bytes: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            piece_bytes,
            piece: Piece::default(),
            common: Common::default(),
            spilled: None,
        }
    }

    /// Adds a text, and what is told beside it.
    ///
    /// # Errors
    ///
    /// The operating system's, where a piece cannot be written.
    pub(super) fn add(&mut self, text: &str, rest: &[u8]) -> io::Result<()> {
        let pieces = self
            .spilled
            .as_ref()
            .map_or(0, |spilled| spilled.pieces.len());
        let full = self.piece_bytes << (pieces / PIECES).min(16);
        if self.piece.bytes.len() + text.len() + rest.len() > full {
            self.spill()?;
        }
        self.common.narrow(text.as_bytes());
        self.piece.add(text.as_bytes(), rest)
    }

    /// All of them by text; equal ones as they came.
    ///
    /// # Errors
    ///
    /// The operating system's, where the pieces cannot be read.
    pub(super) fn sorted(mut self) -> io::Result<Merged> {
        self.piece.sort(self.common.len());
        let last = self.piece.in_order().collect::<Vec<_>>().concat();
        Merged::new(self.spilled, last, self.common.len())
    }

    /// Sorts the piece and makes room for the next one.
    fn spill(&mut self) -> io::Result<()> {
        if self.piece.rows.is_empty() {
            return Ok(());
        }
        self.piece.sort(self.common.len());
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled {
                file: tempfile::tempfile_in(&self.folder)?,
                pieces: Vec::new(),
            }),
        };
        let first = spilled.pieces.last().map_or(0, |piece| piece.end);
        let mut file = BufWriter::with_capacity(WRITTEN_AT_ONCE, &spilled.file);
        for row in self.piece.in_order() {
            file.write_all(row)?;
        }
        file.flush()?;
        let end = first + self.piece.bytes.len() as u64;
        spilled.pieces.push(first..end);
        self.piece.clear();
        Ok(())
    }
}

/// Rows in memory.
#[derive(Debug, Default)]
struct Piece {
    /// One behind the other, as they are written.
    bytes: Vec<u8>,
    rows: Vec<Place>,
}

/// Where a row lies, and the beginning of its text as far as it tells texts apart.
#[derive(Debug, Clone, Copy)]
struct Place {
    beginning: u64,
    at: usize,
}

impl Piece {
    fn add(&mut self, text: &[u8], rest: &[u8]) -> io::Result<()> {
        let head = Head::of(text, rest)?;
        let at = self.bytes.len();
        self.rows.push(Place { beginning: 0, at });
        self.bytes.extend_from_slice(&head.to_bytes());
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(rest);
        Ok(())
    }

    fn sort(&mut self, common: usize) {
        let bytes = &self.bytes;
        for place in &mut self.rows {
            place.beginning = beginning(text_at(bytes, place.at), common);
        }
        self.rows.sort_unstable_by(|one, other| {
            let texts = || text_at(bytes, one.at).cmp(text_at(bytes, other.at));
            let beginnings = one.beginning.cmp(&other.beginning);
            beginnings.then_with(texts).then(one.at.cmp(&other.at))
        });
    }

    fn in_order(&self) -> impl Iterator<Item = &[u8]> {
        self.rows.iter().map(|place| {
            let row = &self.bytes[place.at..];
            &row[..Head::read(row).row()]
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }
}

fn text_at(bytes: &[u8], at: usize) -> &[u8] {
    let row = &bytes[at..];
    &row[Head::BYTES..][..Head::read(row).text as usize]
}

/// The eight bytes after those that all texts have in common: of two texts the one that
/// is less here is the lesser, and where they are equal the texts tell.
fn beginning(text: &[u8], common: usize) -> u64 {
    let text = text.get(common..).unwrap_or_default();
    match text.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(eight)
        }
    }
}

/// What all texts begin with.
#[derive(Debug, Default)]
struct Common(Option<Vec<u8>>);

impl Common {
    fn narrow(&mut self, text: &[u8]) {
        let common = self.0.get_or_insert_with(|| text.to_vec());
        let shared = common
            .iter()
            .zip(text)
            .take_while(|(one, other)| one == other);
        let shared = shared.count();
        common.truncate(shared);
    }

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }
}

/// What stands before a row: how long its text is, and what is told beside it.
#[derive(Debug, Clone, Copy)]
struct Head {
    text: u32,
    rest: u32,
}

impl Head {
    const BYTES: usize = 8;

    fn of(text: &[u8], rest: &[u8]) -> io::Result<Self> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        Ok(Self {
            text: length(text)?,
            rest: length(rest)?,
        })
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let both = u64::from(self.text) | u64::from(self.rest) << 32;
        both.to_le_bytes()
    }

    /// At the beginning of bytes that are a row.
    fn read(row: &[u8]) -> Self {
        let both = row
            .first_chunk()
            .map_or(0, |both| u64::from_le_bytes(*both));
        Self {
            text: both as u32,
            rest: (both >> 32) as u32,
        }
    }

    /// How long the row is, with this.
    fn row(self) -> usize {
        Self::BYTES + self.text as usize + self.rest as usize
    }
}
