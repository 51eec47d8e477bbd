//! A refused batch, taken apart: which of its lines went through, which were
//! refused alone, which are still to be sent. It sends nothing itself.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::cloudflare::{ApiError, MutationId};
use crate::transform::Notes;

/// One record of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its point's place in the archive.
    pub(super) ordinal: u64,
    /// The vector id.
    pub(super) id: String,
    /// What of it Vectorize's contract leaves open.
    pub(super) unsettled: Notes,
}

/// A line that was refused alone, and the service's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) line: Line,
    pub(super) code: i64,
    pub(super) message: String,
}

/// Lines that are sent together, by their place in the batch, ascending.
pub(super) type Part = Vec<usize>;

/// The batch, as far as it is known.
pub(super) struct Apart {
    body: Bytes,
    places: Vec<Range<usize>>,
    lines: Vec<Line>,
    /// What is still to be sent; the last is next.
    parts: Vec<Part>,
    /// What was taken, in the order of the lines.
    taken: Vec<TakenPart>,
}

/// A part of a batch that the service took as a mutation of its own: the index may
/// apply it and pass over the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TakenPart {
    /// The ordinal of its first record.
    pub(super) first: u64,
    pub(super) mutation: MutationId,
}

impl Apart {
    /// A batch of these lines, which are all to be sent.
    pub(super) fn of(body: Bytes, lines: Vec<Line>) -> Self {
        Self {
            places: places(&body),
            body,
            parts: vec![(0..lines.len()).collect()],
            lines,
            taken: Vec::new(),
        }
    }

    /// The service took the part.
    pub(super) fn take(&mut self, part: &[usize], mutation: MutationId) {
        let first = self.lines[part[0]].ordinal;
        self.taken.push(TakenPart { first, mutation });
    }

    /// What was taken so far, in the order of the lines: earlier parts go first.
    pub(super) fn taken(&self) -> &[TakenPart] {
        &self.taken
    }

    pub(super) fn next(&mut self) -> Option<Part> {
        self.parts.pop()
    }

    pub(super) fn line(&self, at: usize) -> &Line {
        &self.lines[at]
    }

    /// The part as a body: a slice where its lines are neighbours, else a copy.
    pub(super) fn body(&self, part: &[usize]) -> Bytes {
        let (Some(&first), Some(&last)) = (part.first(), part.last()) else {
            return Bytes::new();
        };
        let whole = self.places[first].start..self.places[last].end;
        if last - first + 1 == part.len() {
            return self.body.slice(whole);
        }
        let mut body = BytesMut::with_capacity(whole.len());
        for &at in part {
            if !body.is_empty() {
                body.extend_from_slice(b"\n");
            }
            body.extend_from_slice(&self.body[self.places[at].clone()]);
        }
        body.freeze()
    }

    /// Two halves of a refused part of several lines, the earlier one next.
    pub(super) fn split(&mut self, mut part: Part) {
        let later = part.split_off(part.len() / 2);
        self.parts.extend([later, part]);
    }

    /// So many lines from all over what is still to be sent; they stay in it.
    pub(super) fn spread(&self, count: usize) -> Vec<usize> {
        let mut left: Part = self.parts.iter().flatten().copied().collect();
        left.sort_unstable();
        let step = left.len().div_ceil(count.max(1)).max(1);
        left.into_iter().step_by(step).collect()
    }

    /// Whether the line is still to be sent.
    pub(super) fn holds(&self, line: usize) -> bool {
        self.parts.iter().any(|part| part.contains(&line))
    }

    /// Takes a line out of what is still to be sent.
    pub(super) fn remove(&mut self, line: usize) {
        for part in &mut self.parts {
            part.retain(|at| *at != line);
        }
        self.parts.retain(|part| !part.is_empty());
    }

    /// Takes the lines out of what is still to be sent that `is_refused` names,
    /// and puts the rest together again.
    pub(super) fn set_aside(&mut self, is_refused: impl Fn(&Line) -> bool) -> Vec<Line> {
        let mut left: Part = self.parts.drain(..).flatten().collect();
        left.sort_unstable();
        let (aside, left): (Part, Part) = left
            .into_iter()
            .partition(|at| is_refused(&self.lines[*at]));
        self.parts
            .extend(Some(left).filter(|left| !left.is_empty()));
        aside.into_iter().map(|at| self.lines[at].clone()).collect()
    }

    /// The line that was refused alone.
    pub(super) fn refused(&self, at: usize, error: &ApiError) -> Refused {
        let (code, message) = error.refusal_told();
        Refused {
            line: self.lines[at].clone(),
            code,
            message,
        }
    }
}

fn places(body: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut start = 0;
    for (end, _) in body.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        places.push(start..end);
        start = end + 1;
    }
    if start < body.len() {
        places.push(start..body.len());
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Note;

    fn apart(body: &'static str, unsettled: &[usize]) -> Apart {
        let lines = (0..body.lines().count()).map(|at| Line {
            ordinal: at as u64,
            id: at.to_string(),
            unsettled: Notes::from_iter(unsettled.contains(&at).then_some(Note::NullMetadata)),
        });
        Apart::of(Bytes::from(body), lines.collect())
    }

    #[test]
    fn lines_are_found_with_and_without_a_final_line_feed() {
        for body in ["ab\nc\nd", "ab\nc\nd\n"] {
            assert_eq!(places(body.as_bytes()), vec![0..2, 3..4, 5..6]);
        }
    }

    #[test]
    fn a_part_is_sent_as_its_lines_and_no_others() {
        let apart = apart("ab\nc\nd\n", &[]);
        assert_eq!(apart.body(&[1, 2]), "c\nd");
        assert_eq!(apart.body(&[0, 2]), "ab\nd");
    }

    #[test]
    fn halves_are_sent_earlier_ones_first_until_a_line_is_alone() {
        let mut apart = apart("a\nb\nc", &[]);
        let whole = apart.next().unwrap();
        apart.split(whole);
        assert_eq!(apart.next(), Some(vec![0]));
        assert_eq!(apart.next(), Some(vec![1, 2]));
        apart.split(vec![1, 2]);
        assert_eq!(apart.next(), Some(vec![1]));
        assert_eq!(apart.next(), Some(vec![2]));
        assert_eq!(apart.next(), None);
    }

    #[test]
    fn lines_from_all_over_stay_until_they_are_removed() {
        let mut apart = apart("a\nb\nc\nd\ne\nf", &[]);
        let whole = apart.next().unwrap();
        apart.split(whole);
        assert_eq!(apart.spread(2), [0, 3]);
        apart.remove(3);
        assert!(apart.holds(4) && !apart.holds(3));
        assert_eq!(apart.next(), Some(vec![0, 1, 2]));
        assert_eq!(apart.next(), Some(vec![4, 5]));
    }

    #[test]
    fn what_is_set_aside_is_not_sent_and_the_rest_goes_together() {
        let mut apart = apart("a\nb\nc\nd\ne\nf", &[1, 2, 4]);
        let whole = apart.next().unwrap();
        apart.split(whole);
        assert_eq!(apart.next(), Some(vec![0, 1, 2]));
        let aside = apart.set_aside(|line| !line.unsettled.is_empty());
        assert_eq!(aside.len(), 1);
        assert_eq!(aside[0].ordinal, 4);
        assert_eq!(apart.next(), Some(vec![3, 5]));
        assert_eq!(apart.next(), None);
    }
}
