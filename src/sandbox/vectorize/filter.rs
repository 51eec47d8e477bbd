//! Metadata filters (filter page): which vectors they let through. Only indexed
//! properties can match; everything else yields no matches and no error.

use serde_json::{Map, Value};

use super::super::reply::Failure;
use super::rules::upstream;

const INDEXED_BYTES: usize = 64;
const LARGEST_FILTER: usize = 2_048;
const LONGEST_KEY: usize = 512;

/// The type of a metadata index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum PropertyType {
    String,
    Number,
    Boolean,
}

impl PropertyType {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "string" => Some(Self::String),
            "number" => Some(Self::Number),
            "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// A metadata index: vectors of later mutations than `since` are in it.
#[derive(Debug, Clone)]
pub(in super::super) struct Indexed {
    pub(super) property: String,
    pub(super) property_type: PropertyType,
    pub(super) since: i64,
}

impl Indexed {
    /// What of a vector's metadata is in this index.
    fn entry(&self, seq: i64, metadata: &Value) -> Option<Scalar> {
        if seq <= self.since {
            return None;
        }
        let value = lookup(metadata, &self.property)?;
        match (self.property_type, Scalar::read(value)?) {
            (PropertyType::String, found @ Scalar::Text(_))
            | (PropertyType::Number, found @ Scalar::Number(_))
            | (PropertyType::Boolean, found @ Scalar::Boolean(_)) => Some(found),
            _ => None,
        }
    }

    /// The value as `returnMetadata: "indexed"` shows it.
    pub(super) fn shown(&self, seq: i64, metadata: &Value) -> Option<Value> {
        match self.entry(seq, metadata)? {
            Scalar::Text(text) => Some(Value::String(text)),
            _ => lookup(metadata, &self.property).cloned(),
        }
    }

    pub(super) fn property(&self) -> &str {
        &self.property
    }
}

fn lookup<'a>(metadata: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(metadata, |value, key| value.as_object()?.get(key))
}

/// A value that can be compared.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Scalar {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    /// Strings are cut as the index cuts them.
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Boolean(*value)),
            Value::Number(number) => number.as_str().parse().ok().map(Self::Number),
            Value::String(text) => Some(Self::Text(cut(text).to_owned())),
            _ => None,
        }
    }
}

/// The first 64 bytes, ending at a character.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(INDEXED_BYTES)]
}

#[derive(Debug)]
enum Test {
    Equal(Scalar),
    NotEqual(Scalar),
    In(Vec<Scalar>),
    NotIn(Vec<Scalar>),
    Less(Scalar),
    LessOrEqual(Scalar),
    Greater(Scalar),
    GreaterOrEqual(Scalar),
}

impl Test {
    fn read(operator: &str, value: &Value) -> Result<Self, Failure> {
        let one = || Scalar::read(value).ok_or_else(|| unfit(operator));
        let ordered = || match one()? {
            found @ (Scalar::Text(_) | Scalar::Number(_)) => Ok(found),
            _ => Err(unfit(operator)),
        };
        let many = || {
            let items = value.as_array().filter(|items| !items.is_empty());
            let read =
                items.map(|items| items.iter().map(Scalar::read).collect::<Option<Vec<_>>>());
            read.flatten().ok_or_else(|| unfit(operator))
        };
        Ok(match operator {
            "$eq" => Self::Equal(one()?),
            "$ne" => Self::NotEqual(one()?),
            "$in" => Self::In(many()?),
            "$nin" => Self::NotIn(many()?),
            "$lt" => Self::Less(ordered()?),
            "$lte" => Self::LessOrEqual(ordered()?),
            "$gt" => Self::Greater(ordered()?),
            "$gte" => Self::GreaterOrEqual(ordered()?),
            _ => {
                return Err(upstream(
                    40026,
                    &format!("unknown filter operator {operator:?}"),
                ));
            }
        })
    }

    fn passes(&self, found: &Scalar) -> bool {
        let same_type =
            |bound: &Scalar| std::mem::discriminant(bound) == std::mem::discriminant(found);
        match self {
            Self::Equal(wanted) => found == wanted,
            Self::NotEqual(unwanted) => found != unwanted,
            Self::In(wanted) => wanted.contains(found),
            Self::NotIn(unwanted) => !unwanted.contains(found),
            Self::Less(bound) => same_type(bound) && found < bound,
            Self::LessOrEqual(bound) => same_type(bound) && found <= bound,
            Self::Greater(bound) => same_type(bound) && found > bound,
            Self::GreaterOrEqual(bound) => same_type(bound) && found >= bound,
        }
    }
}

fn unfit(operator: &str) -> Failure {
    upstream(
        40030,
        &format!("filter value does not fit operator {operator:?}"),
    )
}

/// A filter: every condition must hold.
#[derive(Debug)]
pub(super) struct Filter {
    conditions: Vec<(String, Test)>,
}

impl Filter {
    pub(super) fn read(filter: &Value) -> Result<Self, Failure> {
        let Some(object) = filter.as_object().filter(|object| !object.is_empty()) else {
            return Err(upstream(40026, "filter must be a non-empty object"));
        };
        if filter.to_string().len() >= LARGEST_FILTER {
            let message = format!("filter must be smaller than {LARGEST_FILTER} bytes");
            return Err(upstream(40026, &message));
        }
        let mut conditions = Vec::new();
        for (key, value) in object {
            check_key(key)?;
            read_property(key, value, &mut conditions)?;
        }
        Ok(Self { conditions })
    }

    /// Whether a vector of mutation `seq` passes.
    pub(super) fn passes(&self, indexes: &[Indexed], seq: i64, metadata: &Value) -> bool {
        self.conditions.iter().all(|(property, test)| {
            let index = indexes.iter().find(|index| index.property == *property);
            index
                .and_then(|index| index.entry(seq, metadata))
                .is_some_and(|found| test.passes(&found))
        })
    }
}

fn check_key(key: &str) -> Result<(), Failure> {
    let good = !key.is_empty()
        && key.chars().count() <= LONGEST_KEY
        && !key.starts_with('$')
        && !key.contains('"')
        && key.split('.').all(|part| !part.is_empty());
    if good {
        return Ok(());
    }
    Err(upstream(
        40026,
        &format!("filter key {key:?} is not allowed"),
    ))
}

fn read_property(
    property: &str,
    value: &Value,
    conditions: &mut Vec<(String, Test)>,
) -> Result<(), Failure> {
    let Some(operators) = value.as_object() else {
        conditions.push((property.to_owned(), Test::read("$eq", value)?));
        return Ok(());
    };
    check_bounds(operators)?;
    for (operator, value) in operators {
        conditions.push((property.to_owned(), Test::read(operator, value)?));
    }
    Ok(())
}

/// Several operators on one property are only a lower and an upper bound.
fn check_bounds(operators: &Map<String, Value>) -> Result<(), Failure> {
    let count = |names: [&str; 2]| {
        names
            .iter()
            .filter(|name| operators.contains_key(**name))
            .count()
    };
    let lower = count(["$gt", "$gte"]);
    let upper = count(["$lt", "$lte"]);
    let alone = operators.len() == 1;
    let range = operators.len() == 2 && lower == 1 && upper == 1;
    if alone || range {
        return Ok(());
    }
    Err(upstream(
        40026,
        "filter operators on one property cannot be combined",
    ))
}

#[cfg(test)]
mod tests;
