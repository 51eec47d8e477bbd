//! A second reading of docs/mapping.md, as naive as can be: which record a point
//! becomes, or which rejection. Nothing of the program's own transform is used.

use cf_migrate::point::{Payload, Point, PointName};
use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::choices::{Choices, Program};
use crate::json::{
    bytes, fixed, has_mixed, has_null, is_bad_key, is_deep, same, settle_numbers, walk,
    without_negative_zero,
};

/// A point that became a record.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: String,
    /// The point's name.
    pub source: PointName,
    pub vector: StoredVector,
    /// The key of its file; none without one.
    pub file: Option<String>,
    pub order: Order,
    /// Whether it has a form that Vectorize leaves open.
    pub doubtful: bool,
}

/// Where a chunk stands in its file: numbers, then text, then the rest.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    Number(f64),
    Text(String),
    Last,
}

impl Order {
    pub fn key(&self) -> (u8, f64, &str) {
        match self {
            Self::Number(number) => (0, *number + 0.0, ""),
            Self::Text(text) => (1, 0.0, text),
            Self::Last => (2, 0.0, ""),
        }
    }
}

/// What the model has to know beside the choices.
pub struct Rules<'a> {
    pub choices: &'a Choices,
    /// The position of the vector that goes to Vectorize.
    pub chosen: usize,
    /// Its length in the source.
    pub length: usize,
    pub cosine: bool,
    pub file_index: bool,
}

/// The name of a reason.
pub type Rejected = &'static str;

impl Rules<'_> {
    /// The record, or the name of the reason.
    pub fn make(&self, point: &Point) -> Result<Made, Rejected> {
        let (values, zero) = self.values(point)?;
        let payload = self.payload(point)?;
        let name = point.name();
        let id = self.id(&payload, &name)?;
        let namespace = self.namespace(&payload, &name)?;
        let metadata = self.metadata(payload.clone())?;
        if self.choices.reject_doubtful {
            let found = [
                (zero, "zero_vector"),
                (has_null(&metadata), "null_metadata"),
            ]
            .into_iter()
            .chain([
                (is_deep(&metadata), "deep_metadata"),
                (has_mixed(&metadata), "mixed_array"),
            ]);
            if let Some((_, reason)) = found.into_iter().find(|(found, _)| *found) {
                return Err(reason);
            }
        }
        let key = render(self.choices.file_key, &payload, &name).ok();
        let fits = key
            .as_deref()
            .is_none_or(|key| !matches!(key, "" | "." | "..") && key.len() <= 512);
        if self.file_index && !fits {
            return Err("file_key");
        }
        let doubtful = zero || has_null(&metadata) || is_deep(&metadata) || has_mixed(&metadata);
        Ok(Made {
            id,
            source: name,
            vector: StoredVector {
                namespace,
                values,
                metadata: Some(Value::Object(metadata))
                    .filter(|all| *all != Value::Object(Payload::new())),
            },
            file: key.filter(|_| fits),
            order: order(payload.get(self.choices.order_by)),
            doubtful,
        })
    }

    /// The id that the point's record has, or would have.
    pub fn id_of(&self, point: &Point) -> Option<String> {
        let payload = self.payload(point).ok()?;
        self.id(&payload, &point.name()).ok()
    }

    fn values(&self, point: &Point) -> Result<(Vec<f32>, bool), Rejected> {
        let mut values = point.dense[self.chosen].clone().ok_or("missing_vector")?;
        if values.len() != self.length {
            return Err("wrong_dimensions");
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err("not_finite");
        }
        if let Some(dims) = self.choices.dims.filter(|dims| *dims < self.length) {
            values.truncate(dims);
            let norm = values
                .iter()
                .map(|value| f64::from(*value).powi(2))
                .sum::<f64>()
                .sqrt();
            if self.cosine && norm > 0.0 {
                values = values
                    .iter()
                    .map(|value| (f64::from(*value) / norm) as f32)
                    .collect();
            }
        }
        let zero = self.cosine && values.iter().all(|value| *value == 0.0);
        Ok((values, zero))
    }

    /// The payload as templates see it.
    fn payload(&self, point: &Point) -> Result<Payload, Rejected> {
        let mut payload = point.payload.clone();
        if let Some(text) = &point.data {
            if payload.contains_key("data") {
                return Err("data_field_taken");
            }
            payload.insert("data".to_owned(), Value::from(text.as_str()));
        }
        match self.choices.program {
            None => {}
            Some(Program::Mark) => drop(payload.insert("mapped".to_owned(), Value::Bool(true))),
            Some(Program::DropJunk) => drop(payload.remove("junk")),
            Some(Program::LowerTitle) => {
                let title = payload
                    .get("title")
                    .and_then(Value::as_str)
                    .ok_or("map_failed")?;
                let lower = title.to_ascii_lowercase();
                payload.insert("title".to_owned(), Value::from(lower));
            }
        }
        if self.choices.program.is_some() {
            payload.values_mut().for_each(without_negative_zero);
        }
        if self.choices.rename && payload.contains_key("doc") {
            if payload.contains_key("file_id") {
                return Err("rename_taken");
            }
            let value = payload.remove("doc").unwrap();
            payload.insert("file_id".to_owned(), value);
        }
        Ok(payload)
    }

    fn id(&self, payload: &Payload, name: &PointName) -> Result<String, Rejected> {
        let id = render(self.choices.id, payload, name)?;
        match id.len() {
            0 => Err("id_empty"),
            1..=64 => Ok(id),
            _ if self.choices.hash_long_ids => Ok(short(&id)),
            _ => Err("id_too_long"),
        }
    }

    fn namespace(&self, payload: &Payload, name: &PointName) -> Result<Option<String>, Rejected> {
        let namespace = match self.choices.namespace {
            Some(template) => Some(render(template, payload, name)?),
            None => name.namespace.clone(),
        };
        match namespace.as_deref().map(str::len) {
            Some(0) => Err("namespace_empty"),
            Some(65..) => Err("namespace_too_long"),
            _ => Ok(namespace),
        }
    }

    fn metadata(&self, mut payload: Payload) -> Result<Payload, Rejected> {
        let choices = self.choices;
        let keeps = |key: &str| choices.keep.is_empty() || choices.keep.contains(&key);
        payload.retain(|key, _| keeps(key) && !choices.drop.contains(&key.as_str()));
        let mut all = Value::Object(payload);
        if choices.drop_nulls {
            walk(&mut all, &mut |object| {
                object.retain(|_, value| !value.is_null())
            });
        }
        if choices.fix_keys {
            let mut collided = false;
            walk(&mut all, &mut |object| {
                let before = object.len();
                *object = std::mem::take(object)
                    .into_iter()
                    .map(|(key, value)| (fixed(&key), value))
                    .collect();
                collided |= object.len() < before;
            });
            if collided {
                return Err("keys_collide");
            }
        }
        settle_numbers(&mut all, choices.big_ints)?;
        let mut refused = false;
        walk(&mut all, &mut |object| {
            refused |= object.keys().any(|key| is_bad_key(key))
        });
        if refused {
            return Err("metadata_key");
        }
        let Value::Object(mut payload) = all else {
            unreachable!()
        };
        while bytes(&payload) > 10_240 {
            let text = payload.get_mut("text").filter(|_| choices.truncate);
            let Some(Value::String(text)) = text else {
                return Err("metadata_too_large");
            };
            if text.pop().is_none() {
                return Err("metadata_too_large");
            }
        }
        Ok(payload)
    }
}

fn render(template: &str, payload: &Payload, name: &PointName) -> Result<String, Rejected> {
    let mut text = String::new();
    for (position, piece) in template.split(['{', '}']).enumerate() {
        match (position % 2, piece) {
            (0, literal) => text.push_str(literal),
            (_, "id") => text.push_str(&name.id.to_string()),
            (_, "namespace") => text.push_str(name.namespace.as_deref().unwrap_or_default()),
            (_, field) => text.push_str(&scalar(payload.get(field)).ok_or("missing_field")?),
        }
    }
    Ok(text)
}

fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => {
            let digits = number.to_string();
            if digits != "-0" && !digits.contains(['.', 'e', 'E']) {
                return Some(digits);
            }
            let value: f64 = digits.parse().unwrap();
            value.is_finite().then(|| (value + 0.0).to_string())
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn order(value: Option<&Value>) -> Order {
    match value {
        Some(Value::Number(number)) => Order::Number(number.to_string().parse().unwrap()),
        Some(Value::String(text))
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Order::Number(text.parse().unwrap())
        }
        Some(Value::String(text)) => Order::Text(text.clone()),
        _ => Order::Last,
    }
}

fn short(id: &str) -> String {
    let mut end = 31;
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    let digest = Sha256::digest(id.as_bytes());
    let hex: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}~{hex}", &id[..end])
}

/// Whether two vectors are the same, −0 as 0.
pub fn same_vector(left: &StoredVector, right: &StoredVector) -> bool {
    let metadata = match (&left.metadata, &right.metadata) {
        (Some(left), Some(right)) => same(left, right),
        (left, right) => left == right,
    };
    let bits = |values: &[f32]| {
        values
            .iter()
            .map(|value| (value + 0.0).to_bits())
            .collect::<Vec<_>>()
    };
    metadata && left.namespace == right.namespace && bits(&left.values) == bits(&right.values)
}
