//! Shortening a vector to its first numbers (`--dims`), and giving it length 1
//! again where only its direction counts. Written so that others can give queries
//! the same bits: `docs/dimensions.md` states it, `fixtures/shorten.json` holds
//! examples, `docs/examples/` the same in other languages.

use super::Target;
use crate::record::{Dimensions, Metric};

/// What is done to vectors that are longer than those of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortening {
    from: usize,
    to: Dimensions,
    length: Length,
}

/// What becomes of a shortened vector's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// It is 1 again: under cosine only the direction counts.
    Renormalised,
    /// It is that of the numbers that are left: under the other metrics the length
    /// decides who is a neighbour.
    Left,
}

impl Shortening {
    /// What vectors of `from` numbers need for that index; none where they fit.
    pub(super) fn between(from: usize, target: Target) -> Option<Self> {
        let length = match target.metric {
            Metric::Cosine => Length::Renormalised,
            Metric::Euclidean | Metric::DotProduct => Length::Left,
        };
        (target.dimensions.get() < from).then_some(Self {
            from,
            to: target.dimensions,
            length,
        })
    }

    /// The dimensions in the source.
    pub fn from(self) -> usize {
        self.from
    }

    /// The dimensions in the index.
    pub fn to(self) -> Dimensions {
        self.to
    }

    /// What becomes of the length.
    pub fn length(self) -> Length {
        self.length
    }

    /// Keeps the first numbers, and gives them the length that they are to have.
    pub(super) fn shorten(self, values: &mut Vec<f32>) {
        values.truncate(self.to.get());
        if self.length == Length::Renormalised {
            renormalise(values);
        }
    }
}

/// Divides by the norm: squares summed in f64 in their order, every quotient
/// rounded once to f32. All zeros have no direction and stay.
///
/// Squares of f32 are exact in f64 and neither vanish nor overflow there, so that
/// no finite vector needs a case of its own; no quotient is beyond 1.
fn renormalise(kept: &mut [f32]) {
    let squares = kept.iter().fold(0.0_f64, |sum, number| {
        let number = f64::from(*number);
        sum + number * number
    });
    if squares == 0.0 {
        return;
    }
    let norm = squares.sqrt();
    for number in kept {
        *number = (f64::from(*number) / norm) as f32;
    }
}

#[cfg(test)]
mod tests;
