//! How protobuf messages become JSON and come back, for the few that describe a
//! collection: members by their names, choices by the names of their values, what
//! is not set left out. Nothing is guessed: a member that is not known is an error.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Number, Value};

/// Why JSON is not what a message was recorded as.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::source::qdrant) enum Unreadable {
    #[error("{0} is not {1}")]
    Kind(Value, &'static str),
    #[error("{0:?} is not a setting that this version knows")]
    Unknown(String),
    #[error("{name}: {source}")]
    Member { name: String, source: Box<Self> },
}

/// A part of a message that can be written as JSON.
pub(super) trait Recorded: Default {
    /// Null for what is not set.
    fn to_json(&self) -> Value;
    /// The other direction.
    fn from_json(json: &Value) -> Result<Self, Unreadable>;
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Recorded for $number {
            fn to_json(&self) -> Value {
                // Through text, because `f32` must not become an `f64`.
                self.to_string().parse::<Number>().map_or(Value::Null, Value::Number)
            }
            fn from_json(json: &Value) -> Result<Self, Unreadable> {
                let number = json.as_number().and_then(|number| number.to_string().parse().ok());
                number.ok_or_else(|| Unreadable::Kind(json.clone(), stringify!($number)))
            }
        }
    )*};
}

number!(u32, u64, f32, f64);

impl Recorded for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        let value = json.as_bool();
        value.ok_or_else(|| Unreadable::Kind(json.clone(), "true or false"))
    }
}

impl Recorded for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        let text = json.as_str().map(str::to_owned);
        text.ok_or_else(|| Unreadable::Kind(json.clone(), "a text"))
    }
}

impl<T: Recorded> Recorded for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        T::from_json(json).map(Some)
    }
}

impl<T: Recorded> Recorded for Vec<T> {
    fn to_json(&self) -> Value {
        match self.is_empty() {
            true => Value::Null,
            false => self.iter().map(T::to_json).collect(),
        }
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        let items = json.as_array();
        let items = items.ok_or_else(|| Unreadable::Kind(json.clone(), "a list"))?;
        items.iter().map(T::from_json).collect()
    }
}

impl<T: Recorded> Recorded for HashMap<String, T> {
    fn to_json(&self) -> Value {
        if self.is_empty() {
            return Value::Null;
        }
        let sorted: BTreeMap<_, _> = self.iter().collect();
        let entries = sorted.into_iter();
        Value::Object(
            entries
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect(),
        )
    }

    fn from_json(json: &Value) -> Result<Self, Unreadable> {
        let entries = json.as_object();
        let entries = entries.ok_or_else(|| Unreadable::Kind(json.clone(), "an object"))?;
        let read = entries.iter().map(|(name, value)| {
            let value = T::from_json(value).map_err(|source| Unreadable::within(name, source))?;
            Ok((name.clone(), value))
        });
        read.collect()
    }
}

impl Unreadable {
    fn within(name: &str, source: Self) -> Self {
        Self::Member {
            name: name.to_owned(),
            source: Box::new(source),
        }
    }
}

/// The members of an object that are not read yet.
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn of(json: &Value) -> Result<Self, Unreadable> {
        match json {
            Value::Object(members) => Ok(Self(members.clone())),
            other => Err(Unreadable::Kind(other.clone(), "an object")),
        }
    }

    /// The member of that name; what is not there is not set.
    pub(super) fn take<T: Recorded>(&mut self, name: &str) -> Result<T, Unreadable> {
        self.take_as(name, T::from_json)
    }

    pub(super) fn take_as<T: Default>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        match self.0.remove(name).filter(|value| !value.is_null()) {
            None => Ok(T::default()),
            Some(value) => read(&value).map_err(|source| Unreadable::within(name, source)),
        }
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Unreadable> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Unreadable::Unknown(name)),
        }
    }
}

/// Sets a member that has a value.
pub(super) fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        object.insert(name.trim_start_matches("r#").to_owned(), value);
    }
}

/// One of several named values, which messages carry as a number.
pub(super) trait Choice: TryFrom<i32> + Into<i32> {
    fn name(&self) -> &'static str;
    fn of_name(name: &str) -> Option<Self>;
}

/// A member that holds a [`Choice`], or none.
pub(super) trait Chosen: Default {
    fn to_json<C: Choice>(&self) -> Value;
    fn from_json<C: Choice>(json: &Value) -> Result<Self, Unreadable>;
}

impl Chosen for i32 {
    /// A value that this version has no name for stays a number.
    fn to_json<C: Choice>(&self) -> Value {
        match C::try_from(*self) {
            Ok(choice) => Value::from(choice.name()),
            Err(_) => Value::from(*self),
        }
    }

    fn from_json<C: Choice>(json: &Value) -> Result<Self, Unreadable> {
        let named = json.as_str().and_then(C::of_name).map(Into::into);
        let numbered = || json.as_i64().and_then(|number| i32::try_from(number).ok());
        named
            .or_else(numbered)
            .ok_or_else(|| Unreadable::Unknown(json.as_str().unwrap_or_default().to_owned()))
    }
}

impl Chosen for Option<i32> {
    fn to_json<C: Choice>(&self) -> Value {
        self.as_ref().map_or(Value::Null, Chosen::to_json::<C>)
    }

    fn from_json<C: Choice>(json: &Value) -> Result<Self, Unreadable> {
        <i32 as Chosen>::from_json::<C>(json).map(Some)
    }
}
