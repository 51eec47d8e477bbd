//! Rows in the order of a text, gone through beside other rows in the same order: what
//! looking up each of ten million texts would find, by reading both once.

use std::cmp::Ordering;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::{Row, Rows};

/// Rows whose first column is a text, by it, ascending.
pub(super) struct Sorted<'a>(Rows<'a>);

impl<'a> Sorted<'a> {
    pub(super) fn new(mut rows: Rows<'a>) -> Result<Self, rusqlite::Error> {
        rows.advance()?;
        Ok(Self(rows))
    }

    /// The row of that text, where there is one. No later text may be before it.
    pub(super) fn find(&mut self, text: &str) -> Result<Option<&Row<'a>>, rusqlite::Error> {
        while let Some(row) = self.0.get() {
            match row.get_ref(0)?.as_str()?.cmp(text) {
                Ordering::Less => self.0.advance()?,
                Ordering::Equal => return Ok(self.0.get()),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Leaves the row that was found.
    pub(super) fn pass(&mut self) -> Result<(), rusqlite::Error> {
        self.0.advance()
    }
}
