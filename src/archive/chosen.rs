//! Rows of a generation that are chosen by their ordinals, read part by part: each row
//! group that holds some of them is read once.

use super::error::ArchiveError;
use super::generation::Generation;
use super::part_reader::{Columns, PartReader};

/// How the next rows of a part are read.
pub(super) type ReadRows<T> =
    fn(&mut PartReader, &Generation) -> Result<Option<Vec<T>>, ArchiveError>;

/// Chosen rows, ascending, each with its ordinal. Ends after the first error.
pub struct Chosen<T> {
    generation: Generation,
    columns: Columns,
    read: ReadRows<T>,
    /// The ordinals of the parts that were not opened yet.
    later: std::vec::IntoIter<u64>,
    /// Those of the open part, and of the batch before them.
    here: std::vec::IntoIter<u64>,
    part: Option<PartReader>,
    batch: std::vec::IntoIter<T>,
}

impl<T> std::fmt::Debug for Chosen<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chosen")
            .field("later", &self.later.len())
            .finish_non_exhaustive()
    }
}

impl<T> Chosen<T> {
    /// The rows with these ordinals, in any order and however often.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::NoSuchPoint`] of one that is not there.
    pub(super) fn new(
        generation: &Generation,
        ordinals: &[u64],
        columns: Columns,
        read: ReadRows<T>,
    ) -> Result<Self, ArchiveError> {
        let mut ordinals = ordinals.to_vec();
        ordinals.sort_unstable();
        ordinals.dedup();
        let points = generation.points();
        if let Some(&ordinal) = ordinals.last().filter(|last| **last >= points) {
            return Err(ArchiveError::NoSuchPoint { ordinal, points });
        }
        Ok(Self {
            generation: generation.clone(),
            columns,
            read,
            later: ordinals.into_iter(),
            here: Vec::new().into_iter(),
            part: None,
            batch: Vec::new().into_iter(),
        })
    }

    /// Reads on until there is a row; false behind the last one.
    fn refill(&mut self) -> Result<bool, ArchiveError> {
        loop {
            if let Some(part) = &mut self.part
                && let Some(rows) = (self.read)(part, &self.generation)?
            {
                self.batch = rows.into_iter();
                return Ok(true);
            }
            let later = self.later.as_slice();
            let Some((part, end)) = self.generation.open_for(later, self.columns)? else {
                return Ok(false);
            };
            let here = later.partition_point(|ordinal| *ordinal < end);
            self.here = Vec::from(&later[..here]).into_iter();
            self.later = Vec::from(&later[here..]).into_iter();
            self.part = Some(part);
        }
    }
}

impl<T> Iterator for Chosen<T> {
    type Item = Result<(u64, T), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.batch.len() == 0 {
            match self.refill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    (self.part, self.later) = (None, Vec::new().into_iter());
                    return Some(Err(error));
                }
            }
        }
        Some(Ok((self.here.next()?, self.batch.next()?)))
    }
}
