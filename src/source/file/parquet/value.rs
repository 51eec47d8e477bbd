//! Payload columns → JSON. What becomes what stands in `docs/sources.md`.

use std::fmt::Debug;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowTemporalType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, MapArray, StructArray};
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

/// Why a value did not become JSON.
type Refusal = String;

/// Whether every value of the column has a form in JSON.
pub(super) fn check(field: &Field) -> Result<(), String> {
    match field.data_type() {
        DataType::List(element) => check(element),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) if is_key(entry[0].data_type()) => check(&entry[1]),
            _ => Err("is a map whose keys are neither text nor whole numbers".to_owned()),
        },
        kind if is_plain(kind) => Ok(()),
        kind => Err(format!("is of {kind}, which has no form in JSON")),
    }
}

fn is_key(kind: &DataType) -> bool {
    kind.is_integer() || *kind == DataType::Utf8
}

fn is_plain(kind: &DataType) -> bool {
    kind.is_integer()
        || kind.is_floating()
        || matches!(
            kind,
            DataType::Null
                | DataType::Boolean
                | DataType::Utf8
                | DataType::Binary
                | DataType::FixedSizeBinary(_)
                | DataType::Date32
                | DataType::Time32(TimeUnit::Millisecond)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
        )
}

/// The value in that row of a column that was checked; `not_finite` counts numbers
/// that JSON cannot hold, which become null.
pub(super) fn of(
    field: &Field,
    array: &dyn Array,
    row: usize,
    not_finite: &mut u64,
) -> Result<Value, Refusal> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    match array.data_type() {
        DataType::List(element) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len())
                .map(|at| of(element, &items, at, not_finite))
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        DataType::Struct(_) => object(array.as_struct(), row, not_finite),
        DataType::Map(..) => map(array.as_map(), row, not_finite),
        DataType::Float16 => {
            let half = array.as_primitive::<Float16Type>().value(row);
            Ok(single(half.to_f32(), not_finite))
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            Ok(single(value, not_finite))
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            Ok(finite(Number::from_f64(value), not_finite))
        }
        _ => scalar(field, array, row),
    }
}

fn scalar(field: &Field, array: &dyn Array, row: usize) -> Result<Value, Refusal> {
    macro_rules! whole {
        ($kind:ty) => {
            Ok(Value::from(array.as_primitive::<$kind>().value(row)))
        };
    }
    match array.data_type() {
        DataType::Boolean => Ok(Value::Bool(array.as_boolean().value(row))),
        DataType::Int8 => whole!(Int8Type),
        DataType::Int16 => whole!(Int16Type),
        DataType::Int32 => whole!(Int32Type),
        DataType::Int64 => whole!(Int64Type),
        DataType::UInt8 => whole!(UInt8Type),
        DataType::UInt16 => whole!(UInt16Type),
        DataType::UInt32 => whole!(UInt32Type),
        DataType::UInt64 => whole!(UInt64Type),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array, row),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array, row),
        DataType::Utf8 => text(field, array.as_string::<i32>().value(row)),
        DataType::Binary => Ok(Value::String(
            STANDARD.encode(array.as_binary::<i32>().value(row)),
        )),
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary().value(row);
            let uuid = Uuid::from_slice(bytes)
                .ok()
                .filter(|_| is(field, "arrow.uuid"));
            Ok(Value::String(match uuid {
                Some(uuid) => uuid.hyphenated().to_string(),
                None => STANDARD.encode(bytes),
            }))
        }
        _ => time(array, row).map(Value::String),
    }
}

/// Dates and times of day as ISO 8601 writes them; instants in UTC, with a `Z`.
fn time(array: &dyn Array, row: usize) -> Result<String, Refusal> {
    let beyond = || "is a time beyond the years that can be written".to_owned();
    let (text, zone) = match array.data_type() {
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(row);
            (iso(date), false)
        }
        DataType::Time32(_) => (time_of_day::<Time32MillisecondType>(array, row), false),
        DataType::Time64(TimeUnit::Microsecond) => {
            (time_of_day::<Time64MicrosecondType>(array, row), false)
        }
        DataType::Time64(_) => (time_of_day::<Time64NanosecondType>(array, row), false),
        DataType::Timestamp(unit, zone) => {
            let text = match unit {
                TimeUnit::Second => instant::<TimestampSecondType>(array, row),
                TimeUnit::Millisecond => instant::<TimestampMillisecondType>(array, row),
                TimeUnit::Microsecond => instant::<TimestampMicrosecondType>(array, row),
                TimeUnit::Nanosecond => instant::<TimestampNanosecondType>(array, row),
            };
            (text, zone.is_some())
        }
        kind => return Err(format!("is of {kind}, which has no form in JSON")),
    };
    let text = text.ok_or_else(beyond)?;
    Ok(if zone { format!("{text}Z") } else { text })
}

fn time_of_day<T: ArrowPrimitiveType + ArrowTemporalType>(
    array: &dyn Array,
    row: usize,
) -> Option<String>
where
    i64: From<T::Native>,
{
    iso(array.as_primitive::<T>().value_as_time(row))
}

fn instant<T: ArrowPrimitiveType + ArrowTemporalType>(
    array: &dyn Array,
    row: usize,
) -> Option<String>
where
    i64: From<T::Native>,
{
    iso(array.as_primitive::<T>().value_as_datetime(row))
}

/// The calendar's own debugging form is ISO 8601, with a `T`.
fn iso(moment: Option<impl Debug>) -> Option<String> {
    moment.map(|moment| format!("{moment:?}"))
}

fn decimal<T: DecimalType>(array: &dyn Array, row: usize) -> Result<Value, Refusal> {
    let digits = array.as_primitive::<T>().value_as_string(row);
    serde_json::from_str(&digits)
        .map(Value::Number)
        .map_err(|error| format!("is {digits}: {error}"))
}

/// Text, or in a column of JSON what it says.
fn text(field: &Field, text: &str) -> Result<Value, Refusal> {
    if is(field, "arrow.json") {
        return serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"));
    }
    Ok(Value::String(text.to_owned()))
}

fn is(field: &Field, extension: &str) -> bool {
    field.extension_type_name() == Some(extension)
}

/// The shortest digits that give this very f32 again.
fn single(value: f32, not_finite: &mut u64) -> Value {
    match Value::from(value) {
        Value::Number(number) => Value::Number(number),
        _ => finite(None, not_finite),
    }
}

fn finite(number: Option<Number>, not_finite: &mut u64) -> Value {
    number.map_or_else(
        || {
            *not_finite += 1;
            Value::Null
        },
        Value::Number,
    )
}

fn object(array: &StructArray, row: usize, not_finite: &mut u64) -> Result<Value, Refusal> {
    let mut object = Map::new();
    for (field, column) in array.fields().iter().zip(array.columns()) {
        object.insert(field.name().clone(), of(field, column, row, not_finite)?);
    }
    Ok(Value::Object(object))
}

fn map(array: &MapArray, row: usize, not_finite: &mut u64) -> Result<Value, Refusal> {
    let entries = array.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let (key_field, value_field): (&FieldRef, &FieldRef) =
        (&entries.fields()[0], &entries.fields()[1]);
    let mut object = Map::new();
    for at in 0..entries.len() {
        let key = match of(key_field, keys, at, not_finite)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        object.insert(key, of(value_field, values, at, not_finite)?);
    }
    Ok(Value::Object(object))
}
