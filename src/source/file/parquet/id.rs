//! The id column: text, whole numbers from 0, or UUIDs of 16 bytes.

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, Field};
use uuid::Uuid;

use crate::point::PointId;

/// A UUID's length in bytes.
const UUID_BYTES: i32 = 16;

/// Whether ids can be read from the column.
pub(super) fn check(field: &Field) -> Result<(), String> {
    let kind = field.data_type();
    let fits =
        kind.is_integer() || matches!(kind, DataType::Utf8 | DataType::FixedSizeBinary(UUID_BYTES));
    if fits {
        return Ok(());
    }
    let name = field.name();
    Err(format!(
        "the column {name:?} is of {kind}; ids are text, whole numbers or UUIDs"
    ))
}

/// The id in that row of a column that was checked.
pub(super) fn of(array: &dyn Array, row: usize) -> Result<PointId, String> {
    if array.is_null(row) {
        return Err("the id is null".to_owned());
    }
    macro_rules! whole {
        ($kind:ty) => {
            whole(array.as_primitive::<$kind>().value(row))
        };
    }
    match array.data_type() {
        DataType::Utf8 => Ok(PointId::Text(
            array.as_string::<i32>().value(row).to_owned(),
        )),
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary().value(row);
            let uuid = Uuid::from_slice(bytes).map_err(|error| format!("the id: {error}"))?;
            Ok(PointId::Uuid(uuid))
        }
        DataType::Int8 => whole!(Int8Type),
        DataType::Int16 => whole!(Int16Type),
        DataType::Int32 => whole!(Int32Type),
        DataType::Int64 => whole!(Int64Type),
        DataType::UInt8 => whole!(UInt8Type),
        DataType::UInt16 => whole!(UInt16Type),
        DataType::UInt32 => whole!(UInt32Type),
        DataType::UInt64 => whole!(UInt64Type),
        kind => Err(format!("the id is of {kind}")),
    }
}

fn whole<N: TryInto<u64> + std::fmt::Display + Copy>(number: N) -> Result<PointId, String> {
    number.try_into().map(PointId::Integer).map_err(|_| {
        format!(
            "the id is {number}; an id is text or a whole number from 0 to {}",
            u64::MAX
        )
    })
}
