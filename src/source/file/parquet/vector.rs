//! The vector column: lists of floats → f32, and what that loses.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ListArray};
use arrow_schema::DataType;

/// What was lost by making 64-bit floats 32-bit ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Loss {
    /// Numbers that were 64-bit floats.
    pub(super) numbers: u64,
    /// Those that 32 bits do not hold exactly.
    pub(super) inexact: u64,
    /// The largest relative error.
    pub(super) largest: f64,
}

impl Loss {
    /// In words; none where nothing was lost. `which` says of what the numbers are.
    pub(super) fn told(&self, column: &str, which: &str) -> Option<String> {
        (self.inexact > 0).then(|| {
            format!(
                "the column {column:?} holds 64-bit floats, and Vectorize 32-bit ones: {} of the {} numbers {which} are not exact in 32 bits; the largest relative error is {:.1e}",
                self.inexact, self.numbers, self.largest
            )
        })
    }

    fn narrow(&mut self, value: f64) -> f32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the loss is what is counted"
        )]
        let narrow = value as f32;
        let error = (f64::from(narrow) - value).abs();
        self.numbers += 1;
        if error > 0.0 {
            self.inexact += 1;
            self.largest = self.largest.max(error / value.abs());
        }
        narrow
    }
}

/// The vector in that row; none where it is null.
pub(super) fn of(
    lists: &ListArray,
    row: usize,
    column: &str,
    loss: &mut Loss,
) -> Result<Option<Vec<f32>>, String> {
    if lists.is_null(row) {
        return Ok(None);
    }
    let elements = lists.value(row);
    if let Some(null) = (0..elements.len()).find(|at| elements.is_null(*at)) {
        let ordinal = null + 1;
        return Err(format!("number {ordinal} of {column:?} is null"));
    }
    let values: Vec<f32> = match elements.data_type() {
        DataType::Float16 => {
            let halves = elements.as_primitive::<Float16Type>().values().iter();
            halves.map(|half| half.to_f32()).collect()
        }
        DataType::Float64 => {
            let doubles = elements.as_primitive::<Float64Type>().values().iter();
            doubles
                .enumerate()
                .map(|(at, double)| match loss.narrow(*double) {
                    narrow if double.is_finite() && !narrow.is_finite() => Err(format!(
                        "number {} of {column:?} is {double:e}: beyond the range of 32-bit floats",
                        at + 1
                    )),
                    narrow => Ok(narrow),
                })
                .collect::<Result<_, _>>()?
        }
        _ => elements.as_primitive::<Float32Type>().values().to_vec(),
    };
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(Some(values)),
        Some(at) => Err(format!(
            "number {} of {column:?} is {}, and no vector may hold it",
            at + 1,
            values[at]
        )),
    }
}
