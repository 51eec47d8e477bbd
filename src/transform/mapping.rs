//! What the operator chose about the transform: how ids, namespaces and file
//! keys are made of points. It is frozen with the plan; what it means for one
//! collection and one index is [`super::Transform`]'s to find out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::FileResult;
use super::field::{MissingField, lookup};
use super::file::{FileKey, FileSlot, Order, is_digits};
use super::jq::Program;
use super::keys::KeyFiller;
use super::long_ids::LongIds;
use super::rename::Rename;
use super::select::Nulls;
use super::template::Template;
use super::words::words;
use crate::point::Point;
use crate::record::Dimensions;

/// The options of the transform.
///
/// A plan written before an option existed is read with that option's default;
/// one with an option that this version does not know is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// The vector id (`--id`); by default the source's own.
    pub id: Template,
    /// The namespace (`--namespace`); none: the source's own.
    pub namespace: Option<Template>,
    /// Which dense vector (`--vector`); none: the only one.
    pub vector: Option<String>,
    /// How many of its first numbers are kept (`--dims`); none: all.
    pub dims: Option<Dimensions>,
    /// The key of a point's file in the file index (`--file-key`).
    pub file_key: Template,
    /// The payload field that orders the chunks of a file (`--order-by`); a path
    /// as in templates, always within the payload.
    pub order_by: String,
    /// What becomes of integers beyond ±2^53 (`--big-ints`).
    pub big_ints: BigInts,
    /// What becomes of points that Vectorize's contract leaves unsettled.
    pub unsettled: UnsettledPolicy,
    /// The payload's key for a text beside it ([`Point::data`], `--data-field`).
    pub data_field: String,
    /// What is made of the payload before anything else (`--map`).
    pub map: Option<Program>,
    /// Keys of the payload that get other names (`--rename`).
    pub rename: Vec<Rename>,
    /// The only keys that become metadata (`--keep`); none: all.
    pub keep: Vec<String>,
    /// Keys that do not become metadata (`--drop`).
    pub drop: Vec<String>,
    /// What becomes of keys whose value is null (`--nulls`).
    pub nulls: Nulls,
    /// What replaces characters that keys may not have (`--fix-keys`).
    pub fix_keys: Option<KeyFiller>,
    /// The text of the metadata that is cut when all is too large
    /// (`--truncate`); a path as in templates.
    pub truncate: Option<String>,
    /// What becomes of ids that are too long (`--long-ids`).
    pub long_ids: LongIds,
}

impl Default for Mapping {
    fn default() -> Self {
        let template = |text: &str| text.parse().expect("the default templates are valid");
        Self {
            id: template(SOURCE_ID),
            namespace: None,
            vector: None,
            dims: None,
            file_key: template("file:{file_id}"),
            order_by: "chunk_index".to_owned(),
            big_ints: BigInts::default(),
            unsettled: UnsettledPolicy::default(),
            data_field: "data".to_owned(),
            map: None,
            rename: Vec::new(),
            keep: Vec::new(),
            drop: Vec::new(),
            nulls: Nulls::default(),
            fix_keys: None,
            truncate: None,
            long_ids: LongIds::default(),
        }
    }
}

const SOURCE_ID: &str = "{id}";

impl Mapping {
    /// The point's place in the file index; none where the point has no file.
    pub fn file_slot(&self, point: &Point) -> FileResult {
        let key = match self.file_key.render(point) {
            Ok(text) => FileKey::new(text)?,
            Err(MissingField { .. }) => return Ok(None),
        };
        let order = Order::of_value(lookup(&point.payload, &self.order_by));
        Ok(Some(FileSlot { key, order }))
    }

    /// The file key with the namespace in it, behind what every key begins with.
    pub fn file_key_by_namespace(&self) -> String {
        let namespace = self
            .namespace
            .as_ref()
            .map_or("{namespace}", Template::as_str);
        let prefix = self.file_key.as_str().find('{').unwrap_or(0);
        let (prefix, fields) = self.file_key.as_str().split_at(prefix);
        format!("{prefix}{namespace}:{fields}")
    }

    /// Whether vector ids alone tell their files and order, without a doubt: the
    /// id template has two fields and can be inverted, the second is `order_by`,
    /// and the file key is made of the first. With more fields, or another order,
    /// a separator within a file's id would move the cut.
    pub fn ids_tell_files(&self) -> bool {
        let fields: Vec<_> = self.id.fields().collect();
        let [file, order] = fields[..] else {
            return false;
        };
        self.id.is_invertible()
            && order == self.order_field()
            && self.file_key.fields().all(|field| field == file)
    }

    /// `order_by` as a template names it.
    fn order_field(&self) -> Cow<'_, str> {
        match self.order_by.as_str() {
            shadowed @ ("id" | "namespace") => Cow::Owned(format!(".{shadowed}")),
            name => Cow::Borrowed(name),
        }
    }

    /// The place in the file index that a vector id tells; none where it tells
    /// none (see [`Mapping::ids_tell_files`]), or the id is not of the template's
    /// form: the part that stands for the order must be digits. An id that may be
    /// a hash (`--long-ids hash`) tells nothing.
    pub fn slot_of_id(&self, id: &str) -> FileResult {
        let told = self.ids_tell_files() && !self.long_ids.may_have_written(id);
        let inverted = self.id.invert(id).filter(|_| told);
        let Some(fields) = inverted else {
            return Ok(None);
        };
        let order = fields
            .get(self.order_field().as_ref())
            .filter(|text| is_digits(text));
        match (order, self.file_key.render_fields(&fields)) {
            (Some(order), Some(key)) => Ok(Some(FileSlot {
                key: FileKey::new(key)?,
                order: Order::of_text(order),
            })),
            _ => Ok(None),
        }
    }

    /// The key that `--fix-keys` makes of this one.
    pub fn fixed_key(&self, key: &str) -> String {
        match self.fix_keys {
            Some(filler) => filler.fixed(key),
            None => key.to_owned(),
        }
    }

    /// Whether the vector id is the source's own.
    pub fn keeps_source_ids(&self) -> bool {
        self.id.as_str() == SOURCE_ID
    }
}

/// What becomes of integers beyond ±2^53, which Vectorize holds as f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BigInts {
    /// The point is rejected.
    #[default]
    Reject,
    /// The integer is sent as text of its digits.
    String,
    /// The integer is sent as it is; Vectorize keeps the nearest f64.
    Number,
}

/// What becomes of points whose form Vectorize's contract leaves unsettled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnsettledPolicy {
    /// They are sent, with a note.
    #[default]
    Send,
    /// They are rejected.
    Reject,
}

words!(BigInts: "reject" => Reject, "string" => String, "number" => Number);
words!(UnsettledPolicy: "send" => Send, "reject" => Reject);

#[cfg(test)]
mod tests;
