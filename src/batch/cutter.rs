//! Cuts a run of records into batches. A batch ends before the record that would
//! take it over a limit; nothing is reordered, and nothing waits for time.

use bytes::Bytes;

use super::encode::encode;
use super::limits::BatchLimits;
use crate::record::Record;

/// Bodies up to this many bytes may grow as they like.
const SMALL_BODY: usize = 1 << 20;
/// More than any record's line has: 1,536 numbers, 10 KiB of metadata.
const LONGEST_LINE: usize = 64 << 10;

/// Records that are sent in one upsert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The ordinal of its first record.
    pub first: u64,
    /// The ordinal of its last record, inclusive.
    pub last: u64,
    /// How many records it has; fewer than the range is long where points were
    /// rejected or unchanged.
    pub count: usize,
    /// The raw NDJSON body: lines joined by LF, none at the end (as wrangler
    /// sends it; the contract has no rule for a final one).
    pub body: Bytes,
}

/// The batch being filled, and the limits it is cut by.
#[derive(Debug)]
pub struct Cutter {
    limits: BatchLimits,
    lines: Vec<u8>,
    count: usize,
    first: u64,
    last: u64,
}

impl Cutter {
    /// An empty one.
    pub fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            lines: Vec::new(),
            count: 0,
            first: 0,
            last: 0,
        }
    }

    /// Takes over the memory of a body that was sent, unless somebody still reads it: its
    /// pages need not be asked of the system again.
    pub fn reuse(&mut self, body: Bytes) {
        if let Ok(body) = body.try_into_mut() {
            let mut room = Vec::from(body);
            room.clear();
            room.append(&mut self.lines);
            self.lines = room;
        }
    }

    /// Adds a record; ordinals must rise. Gives the batch before it when there is
    /// no room for it there. A record that is larger than the byte limit becomes
    /// a batch of its own.
    pub fn push(&mut self, ordinal: u64, record: &Record) -> Option<Batch> {
        debug_assert!(self.count == 0 || ordinal > self.last, "ordinals must rise");
        self.make_room();
        let before = self.lines.len();
        encode(record, &mut self.lines);
        let batch = if self.has_room() {
            None
        } else {
            let line = self.lines.split_off(before);
            // None where the line is the first: then it is too large for any batch.
            let batch = self.finish();
            self.lines = line;
            batch
        };
        if self.count == 0 {
            self.first = ordinal;
        }
        self.last = ordinal;
        self.count += 1;
        batch
    }

    /// Gives what is left, and begins anew.
    pub fn finish(&mut self) -> Option<Batch> {
        if self.count == 0 {
            return None;
        }
        let mut body = std::mem::take(&mut self.lines);
        body.pop();
        // Room that growing left unused would be held as long as the batch is.
        body.shrink_to_fit();
        Some(Batch {
            first: self.first,
            last: self.last,
            count: std::mem::take(&mut self.count),
            body: Bytes::from(body),
        })
    }

    /// Room for a whole batch at once, as soon as it will be a large one: a body that
    /// grows by doubling may be held twice each time, as the allocator likes.
    fn make_room(&mut self) {
        let whole = self.limits.bytes() + LONGEST_LINE;
        if self.lines.len() > SMALL_BODY && self.lines.capacity() < whole {
            self.lines.reserve_exact(whole - self.lines.len());
        }
    }

    /// Whether the line just written, its final LF aside, is within both limits.
    fn has_room(&self) -> bool {
        self.count < self.limits.count() && self.lines.len() - 1 <= self.limits.bytes()
    }
}

#[cfg(test)]
mod tests;
