//! Indexes: create, get, list, delete, info.

use std::time::{Duration, UNIX_EPOCH};

use axum::http::StatusCode;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};

use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::queue;

const PRESETS: [(&str, i64); 5] = [
    ("@cf/baai/bge-small-en-v1.5", 384),
    ("@cf/baai/bge-base-en-v1.5", 768),
    ("@cf/baai/bge-large-en-v1.5", 1024),
    ("openai/text-embedding-ada-002", 1536),
    ("cohere/embed-multilingual-v2.0", 768),
];
const LONGEST_NAME: usize = 64;

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Metric {
    Cosine,
    Euclidean,
    DotProduct,
}

impl Metric {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "cosine" => Some(Self::Cosine),
            "euclidean" => Some(Self::Euclidean),
            "dot-product" => Some(Self::DotProduct),
            _ => None,
        }
    }
}

/// An index's row.
#[derive(Debug)]
pub(in super::super) struct Index {
    pub(in super::super) idx: i64,
    name: String,
    description: String,
    pub(in super::super) dimensions: usize,
    pub(in super::super) metric: Metric,
    metric_word: String,
    preset: Option<String>,
    created_ms: i64,
    /// The version that is visible: the number of the last applied mutation.
    pub(in super::super) applied: i64,
    applied_mutation: Option<String>,
    applied_ms: Option<i64>,
    pub(in super::super) vectors: i64,
}

const COLUMNS: &str = "idx, name, description, dimensions, metric, preset, created_ms, applied, \
                       applied_mutation, applied_ms, vectors";

impl Index {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let metric_word: String = row.get(4)?;
        Ok(Self {
            idx: row.get(0)?,
            name: row.get(1)?,
            description: row.get(2)?,
            dimensions: row.get::<_, i64>(3)?.try_into().unwrap_or_default(),
            metric: Metric::parse(&metric_word).unwrap_or(Metric::Cosine),
            metric_word,
            preset: row.get(5)?,
            created_ms: row.get(6)?,
            applied: row.get(7)?,
            applied_mutation: row.get(8)?,
            applied_ms: row.get(9)?,
            vectors: row.get(10)?,
        })
    }

    /// Finds an index by name as it stands now: whatever is due is applied first.
    pub(in super::super) fn find(
        db: &Transaction<'_>,
        store: &Store,
        name: &str,
        now_ms: i64,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(found) = Self::load(db, name)? else {
            return Ok(None);
        };
        if queue::apply_due(db, found.idx, now_ms, store.apply_delay_ms)? {
            return Self::load(db, name);
        }
        Ok(Some(found))
    }

    fn load(db: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM vector_index WHERE name = ? AND deleted = 0");
        db.prepare_cached(&sql)?
            .query_row([name], Self::from_row)
            .optional()
    }

    /// The index that a call names, or Vectorize's failure for a missing one.
    pub(in super::super) fn of_call(
        db: &Transaction<'_>,
        store: &Store,
        call: &Incoming,
    ) -> Done<Self> {
        let name = call.param(0);
        match Self::find(db, store, name, call.now_ms)? {
            Some(index) => Ok(index),
            None => Err(missing(db, name)?),
        }
    }

    fn describe(&self) -> Value {
        let mut config = json!({"dimensions": self.dimensions, "metric": self.metric_word});
        if let Some(preset) = &self.preset {
            config["preset"] = json!(preset);
        }
        json!({
            "name": self.name, "description": self.description, "config": config,
            "created_on": rfc3339(self.created_ms), "modified_on": rfc3339(self.created_ms),
        })
    }
}

fn missing(db: &Transaction<'_>, name: &str) -> Done<Failure> {
    let deleted = db
        .prepare_cached("SELECT 1 FROM vector_index WHERE name = ? AND deleted = 1")?
        .exists([name])?;
    if deleted {
        let message = format!("vectorize.index.deleted - Index with name \"{name}\" was deleted");
        return Ok(Failure::new(StatusCode::GONE, 3005, message));
    }
    let message = format!("vectorize.index.not_found - Index name \"{name}\"");
    Ok(Failure::new(StatusCode::NOT_FOUND, 3000, message))
}

/// A time as the API prints it.
pub(super) fn rfc3339(ms: i64) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    humantime::format_rfc3339_micros(UNIX_EPOCH + since_epoch).to_string()
}

pub(super) fn create(store: &Store, call: &Incoming) -> Answer {
    let body = call.json(40026)?;
    let wanted = Wanted::read(&body)?;
    store.transaction(|db| {
        if Index::find(db, store, &wanted.name, call.now_ms)?.is_some() {
            let message = format!(
                "vectorize.index.duplicate_name - Index name \"{}\"",
                wanted.name
            );
            return Err(Failure::bad(3002, message));
        }
        db.execute(
            "INSERT INTO vector_index (name, description, dimensions, metric, preset, created_ms) \
             VALUES (?, ?, ?, ?, ?, ?)",
            params![
                wanted.name,
                wanted.description,
                wanted.dimensions,
                wanted.metric,
                wanted.preset,
                call.now_ms
            ],
        )?;
        let made = Index::find(db, store, &wanted.name, call.now_ms)?;
        Ok(Reply::result(
            made.map_or(Value::Null, |index| index.describe()),
        ))
    })
}

struct Wanted {
    name: String,
    description: String,
    dimensions: i64,
    metric: String,
    preset: Option<String>,
}

impl Wanted {
    fn read(body: &Value) -> Done<Self> {
        let text = |field: &str| body[field].as_str().unwrap_or("").to_owned();
        let name = text("name");
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(invalid("Index name must have 1 to 64 bytes"));
        }
        let config = &body["config"];
        if !config.is_object() {
            return Err(invalid("Config must be provided"));
        }
        let preset = config["preset"].as_str();
        let (dimensions, metric) = match preset {
            Some(preset) => (preset_dimensions(preset)?, "cosine"),
            None => (
                config["dimensions"].as_i64().unwrap_or(0),
                config["metric"].as_str().unwrap_or(""),
            ),
        };
        if !(32..=1536).contains(&dimensions) {
            return Err(invalid("Dimensions must be in range: [32, 1536]"));
        }
        if Metric::parse(metric).is_none() {
            return Err(invalid("Metric must be cosine, euclidean or dot-product"));
        }
        Ok(Self {
            name,
            description: text("description"),
            dimensions,
            metric: metric.to_owned(),
            preset: preset.map(str::to_owned),
        })
    }
}

fn preset_dimensions(preset: &str) -> Done<i64> {
    let known = PRESETS.iter().find(|(name, _)| *name == preset);
    known
        .map(|(_, dimensions)| *dimensions)
        .ok_or_else(|| invalid("Preset is not known"))
}

fn invalid(what: &str) -> Failure {
    Failure::bad(3003, format!("vectorize.index.invalid_config - {what}"))
}

pub(super) fn list(store: &Store) -> Answer {
    store.transaction(|db| {
        let sql = format!("SELECT {COLUMNS} FROM vector_index WHERE deleted = 0 ORDER BY name");
        let mut statement = db.prepare_cached(&sql)?;
        let indexes = statement.query_map([], Index::from_row)?;
        let described = indexes
            .map(|index| index.map(|index| index.describe()))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Reply::result(Value::Array(described)))
    })
}

pub(super) fn get(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        Ok(Reply::result(index.describe()))
    })
}

pub(super) fn info(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        Ok(Reply::result(json!({
            "dimensions": index.dimensions,
            "vectorCount": index.vectors,
            "processedUpToDatetime": index.applied_ms.map(rfc3339),
            "processedUpToMutation": index.applied_mutation,
        })))
    })
}

pub(super) fn delete(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        db.execute(
            "DELETE FROM pending_delete WHERE seq IN (SELECT seq FROM mutation WHERE idx = ?)",
            [index.idx],
        )?;
        for table in ["vector", "mutation", "metadata_index", "snapshot"] {
            db.execute(&format!("DELETE FROM {table} WHERE idx = ?"), [index.idx])?;
        }
        db.execute(
            "UPDATE vector_index SET deleted = 1 WHERE idx = ?",
            [index.idx],
        )?;
        Ok(Reply::result(Value::Null))
    })
}
