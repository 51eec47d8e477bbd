//! How many numbers the vectors of an index have.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LimitError, MAX_DIMENSIONS, MIN_DIMENSIONS};

/// How many dimensions an index has: 32 to 1,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Dimensions(u16);

impl Dimensions {
    /// Checks the range.
    pub fn new(dimensions: usize) -> Result<Self, LimitError> {
        match u16::try_from(dimensions) {
            Ok(small) if (MIN_DIMENSIONS..=MAX_DIMENSIONS).contains(&dimensions) => Ok(Self(small)),
            _ => Err(LimitError::Dimensions { dimensions }),
        }
    }

    /// The number of dimensions.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<usize> for Dimensions {
    type Error = LimitError;

    fn try_from(dimensions: usize) -> Result<Self, LimitError> {
        Self::new(dimensions)
    }
}

impl From<Dimensions> for usize {
    fn from(dimensions: Dimensions) -> Self {
        dimensions.get()
    }
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no number of dimensions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDimensions {
    /// It is no whole number.
    #[error(
        "'{text}' is not a number of dimensions; Vectorize takes {MIN_DIMENSIONS} to {MAX_DIMENSIONS}"
    )]
    NotANumber {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        error: ParseIntError,
    },
    /// No index has so many.
    #[error(transparent)]
    OutOfRange(#[from] LimitError),
}

impl FromStr for Dimensions {
    type Err = NotDimensions;

    fn from_str(text: &str) -> Result<Self, NotDimensions> {
        let dimensions: usize = text.parse().map_err(|error| NotDimensions::NotANumber {
            text: text.to_owned(),
            error,
        })?;
        Ok(Self::new(dimensions)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_dimensions_when_an_index_can_have_so_many() {
        assert_eq!(
            "32".parse(),
            Dimensions::new(32).map_err(NotDimensions::from)
        );
        assert_eq!("1536".parse::<Dimensions>().unwrap().get(), 1_536);
        for (text, told) in [
            ("31", "31 dimensions; Vectorize takes 32 to 1536"),
            ("1537", "1537 dimensions; Vectorize takes 32 to 1536"),
            (
                "many",
                "'many' is not a number of dimensions; Vectorize takes 32 to 1536",
            ),
            (
                "-64",
                "'-64' is not a number of dimensions; Vectorize takes 32 to 1536",
            ),
        ] {
            assert_eq!(text.parse::<Dimensions>().unwrap_err().to_string(), told);
        }
    }
}
