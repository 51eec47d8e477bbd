//! Metadata indexes: created and deleted through the queue of mutations, and only
//! vectors written after their creation are found by them.

use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::filter::{Indexed, PropertyType};
use super::index::Index;
use super::queue::{Kind, Mutation};
use super::rules::upstream;

const MOST_INDEXES: usize = 10;
/// No number is published for these failures; this one is the sandbox's own.
const OWN_CODE: u32 = 40027;

pub(super) fn create(store: &Store, call: &Incoming) -> Answer {
    let body = call.json(40026)?;
    let property = read_property(&body)?;
    let word = body["indexType"].as_str().unwrap_or("");
    if PropertyType::parse(word).is_none() {
        return Err(upstream(
            40026,
            "indexType must be string, number or boolean",
        ));
    }
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let expected = expected(db, &index)?;
        if expected.contains(&property) && call.strict() {
            let message = format!("metadata index on property {property:?} already exists");
            return Err(upstream(OWN_CODE, &message));
        }
        if expected.len() >= MOST_INDEXES && !expected.contains(&property) {
            let message = format!("too many metadata indexes; max is {MOST_INDEXES}");
            return Err(upstream(OWN_CODE, &message));
        }
        enqueue(
            db,
            store,
            call,
            &index,
            Kind::CreateMetadataIndex,
            (&property, word),
        )
    })
}

pub(super) fn delete(store: &Store, call: &Incoming) -> Answer {
    let property = read_property(&call.json(40026)?)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        if !expected(db, &index)?.contains(&property) {
            let message = format!("metadata index on property {property:?} does not exist");
            return Err(upstream(OWN_CODE, &message));
        }
        enqueue(
            db,
            store,
            call,
            &index,
            Kind::DeleteMetadataIndex,
            (&property, ""),
        )
    })
}

pub(super) fn list(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let described: Value = active(db, &index)?
            .iter()
            .map(|one| json!({"propertyName": one.property, "indexType": one.property_type.word()}))
            .collect();
        Ok(Reply::result(json!({"metadataIndexes": described})))
    })
}

fn read_property(body: &Value) -> Result<String, Failure> {
    let property = body["propertyName"].as_str().unwrap_or("");
    if property.is_empty()
        || property.starts_with('$')
        || property.contains('"')
        || property.len() > 512
    {
        return Err(upstream(
            40026,
            "propertyName is missing or not a property's name",
        ));
    }
    Ok(property.to_owned())
}

fn enqueue(
    db: &Transaction<'_>,
    store: &Store,
    call: &Incoming,
    index: &Index,
    kind: Kind,
    (property, word): (&str, &str),
) -> Answer {
    let mutation = Mutation::accept(db, store, call, index.idx, kind, 0)?;
    db.execute(
        "UPDATE mutation SET property = ?, property_type = ? WHERE seq = ?",
        params![property, word, mutation.seq],
    )?;
    Ok(mutation.reply())
}

/// The metadata indexes that are there now.
pub(super) fn active(db: &Transaction<'_>, index: &Index) -> Done<Vec<Indexed>> {
    let mut statement = db.prepare_cached(
        "SELECT property, property_type, since FROM metadata_index WHERE idx = ? ORDER BY property",
    )?;
    let rows = statement.query_map([index.idx], |row| {
        Ok(Indexed {
            property: row.get(0)?,
            property_type: PropertyType::parse(row.get_ref(1)?.as_str()?)
                .unwrap_or(PropertyType::String),
            since: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The properties that will be indexed once everything accepted is applied.
fn expected(db: &Transaction<'_>, index: &Index) -> Done<Vec<String>> {
    let mut expected: Vec<String> = active(db, index)?
        .into_iter()
        .map(|one| one.property)
        .collect();
    let mut statement = db.prepare_cached(
        "SELECT kind, property FROM mutation WHERE idx = ? AND property IS NOT NULL ORDER BY seq",
    )?;
    let mut rows = statement.query([index.idx])?;
    while let Some(row) = rows.next()? {
        let property: String = row.get(1)?;
        expected.retain(|known| *known != property);
        if Kind::parse(row.get_ref(0)?.as_str().unwrap_or("")) == Some(Kind::CreateMetadataIndex) {
            expected.push(property);
        }
    }
    Ok(expected)
}
