//! Pieces that are in order, as one.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::{Head, Spilled, beginning};

/// Bytes of a piece that are read at once.
const READ_AT_ONCE: usize = 16 << 10;

/// All rows in order, read as they are asked for.
#[derive(Debug)]
pub(crate) struct Merged {
    file: Option<File>,
    pieces: Vec<Piece>,
    /// The next row of each piece that has one.
    next: BinaryHeap<Reverse<Row>>,
    common: usize,
    begun: bool,
}

impl Merged {
    /// Of what was spilled, and of the last piece in memory.
    pub(super) fn new(spilled: Option<Spilled>, last: Vec<u8>, common: usize) -> io::Result<Self> {
        let (file, ranges) = spilled.map_or((None, Vec::new()), |spilled| {
            (Some(spilled.file), spilled.pieces)
        });
        let on_disk = ranges.into_iter().map(Piece::on_disk);
        let mut pieces: Vec<Piece> = on_disk.collect();
        pieces.push(Piece::in_memory(last));
        let mut next = BinaryHeap::with_capacity(pieces.len());
        for (piece, source) in pieces.iter_mut().enumerate() {
            let mut row = Row::of(piece);
            if source.read(file.as_ref(), &mut row, common)? {
                next.push(Reverse(row));
            }
        }
        Ok(Self {
            file,
            pieces,
            next,
            common,
            begun: false,
        })
    }

    /// The next text, and what belongs to it.
    ///
    /// # Errors
    ///
    /// The operating system's; [`io::ErrorKind::InvalidData`] and
    /// [`io::ErrorKind::UnexpectedEof`] where the disk gives something else than it was given.
    pub(crate) fn next(&mut self) -> io::Result<Option<(&str, &[u8])>> {
        if self.begun
            && let Some(mut told) = self.next.peek_mut()
        {
            let Reverse(row) = &mut *told;
            let piece = &mut self.pieces[row.piece];
            if !piece.read(self.file.as_ref(), row, self.common)? {
                PeekMut::pop(told);
            }
        }
        self.begun = true;
        let Some(Reverse(row)) = self.next.peek() else {
            return Ok(None);
        };
        let text = std::str::from_utf8(row.text()).map_err(io::Error::other)?;
        Ok(Some((text, &row.bytes[row.text..])))
    }
}

/// A row of a piece.
#[derive(Debug)]
struct Row {
    beginning: u64,
    piece: usize,
    bytes: Vec<u8>,
    /// How many of them are the text.
    text: usize,
}

impl Row {
    fn of(piece: usize) -> Self {
        Self {
            beginning: 0,
            piece,
            bytes: Vec::new(),
            text: 0,
        }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.text]
    }
}

impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        let beginnings = self.beginning.cmp(&other.beginning);
        let texts = beginnings.then_with(|| self.text().cmp(other.text()));
        texts.then(self.piece.cmp(&other.piece))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Row {}

/// A piece that is read from its beginning to its end.
#[derive(Debug)]
struct Piece {
    /// What was read and not yet told begins at `at`.
    buffer: Vec<u8>,
    at: usize,
    /// What was not read yet.
    left: Range<u64>,
}

impl Piece {
    fn on_disk(left: Range<u64>) -> Self {
        Self {
            buffer: Vec::new(),
            at: 0,
            left,
        }
    }

    fn in_memory(buffer: Vec<u8>) -> Self {
        Self {
            buffer,
            at: 0,
            left: 0..0,
        }
    }

    /// Reads the next row in place of that; says whether there is one.
    fn read(&mut self, file: Option<&File>, row: &mut Row, common: usize) -> io::Result<bool> {
        if self.at == self.buffer.len() && self.left.is_empty() {
            return Ok(false);
        }
        self.want(file, Head::BYTES)?;
        let head = Head::read(&self.buffer[self.at..]);
        self.want(file, head.row())?;
        let bytes = &self.buffer[self.at..][..head.row()][Head::BYTES..];
        row.bytes.clear();
        row.bytes.extend_from_slice(bytes);
        row.text = head.text as usize;
        row.beginning = beginning(row.text(), common);
        self.at += head.row();
        Ok(true)
    }

    /// Has that many bytes in the buffer that are not told yet.
    fn want(&mut self, file: Option<&File>, bytes: usize) -> io::Result<()> {
        let there = self.buffer.len() - self.at;
        if there >= bytes {
            return Ok(());
        }
        let left = self.left.end - self.left.start;
        let more = left.min(bytes.max(READ_AT_ONCE) as u64) as usize;
        let Some(file) = file.filter(|_| there + more >= bytes) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.resize(there + more, 0);
        file.read_exact_at(&mut self.buffer[there..], self.left.start)?;
        self.left.start += more as u64;
        Ok(())
    }
}
