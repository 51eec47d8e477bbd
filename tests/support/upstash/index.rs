//! What the double holds: namespaces of vectors in the order of their writing. A
//! deleted one leaves a hole, so that positions keep their meaning.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(super) struct Index {
    pub(super) dimensions: usize,
    pub(super) similarity: &'static str,
    pub(super) kind: &'static str,
    /// The default one has the name "" and always exists.
    pub(super) namespaces: BTreeMap<String, Namespace>,
}

#[derive(Default)]
pub(super) struct Namespace {
    slots: Vec<Option<Map<String, Value>>>,
    by_id: BTreeMap<String, usize>,
}

impl Index {
    pub(super) fn new(dimensions: usize, similarity: &'static str, kind: &'static str) -> Self {
        Self {
            dimensions,
            similarity,
            kind,
            namespaces: BTreeMap::from([(String::new(), Namespace::default())]),
        }
    }

    pub(super) fn namespace(&mut self, name: &str) -> &mut Namespace {
        self.namespaces.entry(name.to_owned()).or_default()
    }

    /// Writes a vector unchecked; null parts are as good as absent.
    pub(super) fn put(&mut self, namespace: &str, vector: Value) {
        let Value::Object(mut vector) = vector else {
            panic!("{vector} is no vector");
        };
        vector.retain(|_, part| !part.is_null());
        let id = id_of(&vector["id"]).expect("the test gives an id");
        vector.insert("id".to_owned(), Value::String(id.clone()));
        self.namespace(namespace).put(id, vector);
    }
}

impl Namespace {
    fn put(&mut self, id: String, vector: Map<String, Value>) {
        match self.by_id.get(&id) {
            Some(slot) => self.slots[*slot] = Some(vector),
            None => {
                self.by_id.insert(id, self.slots.len());
                self.slots.push(Some(vector));
            }
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Map<String, Value>> {
        self.slots[*self.by_id.get(id)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Map<String, Value>> {
        self.slots[*self.by_id.get(id)?].as_mut()
    }

    pub(super) fn delete(&mut self, id: &str) -> bool {
        let slot = self.by_id.remove(id);
        slot.is_some_and(|slot| self.slots[slot].take().is_some())
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.slots.iter().flatten()
    }

    /// Up to `limit` vectors from a position on, and the position after them; none
    /// when nothing follows.
    pub(super) fn from(
        &self,
        position: usize,
        limit: usize,
        prefix: &str,
    ) -> (Vec<&Map<String, Value>>, Option<usize>) {
        let mut found = Vec::new();
        let matching = |vector: &Map<String, Value>| {
            let id = vector["id"].as_str().unwrap_or_default();
            id.starts_with(prefix)
        };
        let from = position.min(self.slots.len());
        for (slot, vector) in self.slots.iter().enumerate().skip(from) {
            let Some(vector) = vector.as_ref().filter(|vector| matching(vector)) else {
                continue;
            };
            if found.len() == limit {
                return (found, Some(slot));
            }
            found.push(vector);
        }
        (found, None)
    }
}

/// The text of an id that is a text or a number.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
