//! Namespaces: list, create, get, rename, delete.

use axum::http::StatusCode;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::rules::whole;

const LONGEST_TITLE: usize = 512;
const MOST_NAMESPACES: i64 = 1_000;

/// The namespace that a call names; fails as KV does when it is not there.
pub(super) fn of_call(db: &Transaction<'_>, call: &Incoming) -> Done<String> {
    let id = call.param(0);
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::bad(10011, "malformed namespace id"));
    }
    if exists(db, id)? {
        return Ok(id.to_owned());
    }
    Err(Failure::new(
        StatusCode::NOT_FOUND,
        10013,
        "namespace not found",
    ))
}

pub(in super::super) fn exists(db: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM namespace WHERE id = ?")?
        .exists([id])
}

fn describe(id: &str, title: &str) -> Value {
    json!({"id": id, "title": title, "supports_url_encoding": true})
}

pub(super) fn list(store: &Store, call: &Incoming) -> Answer {
    let page = whole(call, "page", 10007)?.unwrap_or(1);
    let per_page = whole(call, "per_page", 10008)?.unwrap_or(20);
    if page < 1 {
        return Err(Failure::bad(10007, "page must be at least 1"));
    }
    if !(1..=1000).contains(&per_page) {
        return Err(Failure::bad(10008, "per_page must be 1 to 1000"));
    }
    let order = read_order(call)?;
    store.transaction(|db| {
        let total: i64 = db.query_row("SELECT count(*) FROM namespace", [], |row| row.get(0))?;
        let sql = format!("SELECT id, title FROM namespace ORDER BY {order} LIMIT ? OFFSET ?");
        let mut statement = db.prepare(&sql)?;
        let offset = (page - 1).saturating_mul(per_page);
        let rows = statement.query_map([per_page, offset], |row| {
            Ok(describe(
                row.get_ref(0)?.as_str()?,
                row.get_ref(1)?.as_str()?,
            ))
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let info = json!({
            "page": page, "per_page": per_page, "count": rows.len(), "total_count": total,
            "total_pages": (total + per_page - 1) / per_page,
        });
        Ok(Reply::paged(Value::Array(rows), info))
    })
}

fn read_order(call: &Incoming) -> Done<&'static str> {
    let column = match call.query("order") {
        None | Some("id" | "") => 0,
        Some("title") => 1,
        Some(other) => return Err(Failure::bad(10043, format!("bad order {other:?}"))),
    };
    let descending = match call.query("direction") {
        None | Some("asc" | "") => 0,
        Some("desc") => 1,
        Some(other) => return Err(Failure::bad(10044, format!("bad direction {other:?}"))),
    };
    Ok([["id", "id DESC"], ["title", "title DESC"]][column][descending])
}

pub(super) fn create(store: &Store, call: &Incoming) -> Answer {
    let title = read_title(call)?;
    store.transaction(|db| {
        check_free(db, &title, "")?;
        let total: i64 = db.query_row("SELECT count(*) FROM namespace", [], |row| row.get(0))?;
        if total >= MOST_NAMESPACES {
            return Err(Failure::bad(10018, "too many namespaces"));
        }
        let id = Uuid::new_v4().simple().to_string();
        db.execute(
            "INSERT INTO namespace (id, title) VALUES (?, ?)",
            params![id, title],
        )?;
        Ok(Reply::result(describe(&id, &title)))
    })
}

fn read_title(call: &Incoming) -> Done<String> {
    let body = call.json(10012)?;
    let title = body["title"].as_str().unwrap_or("");
    if title.is_empty() || title.len() > LONGEST_TITLE {
        return Err(Failure::bad(
            10019,
            "a namespace title is required, of at most 512 characters",
        ));
    }
    Ok(title.to_owned())
}

fn check_free(db: &Transaction<'_>, title: &str, except: &str) -> Done<()> {
    let taken = db
        .prepare_cached("SELECT 1 FROM namespace WHERE title = ? AND id <> ?")?
        .exists([title, except])?;
    if taken {
        return Err(Failure::bad(
            10014,
            "a namespace with this account ID and title already exists",
        ));
    }
    Ok(())
}

pub(super) fn get(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let id = of_call(db, call)?;
        let title: Option<String> = db
            .query_row("SELECT title FROM namespace WHERE id = ?", [&id], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(Reply::result(describe(&id, &title.unwrap_or_default())))
    })
}

pub(super) fn rename(store: &Store, call: &Incoming) -> Answer {
    let title = read_title(call)?;
    store.transaction(|db| {
        let id = of_call(db, call)?;
        check_free(db, &title, &id)?;
        db.execute("UPDATE namespace SET title = ? WHERE id = ?", [&title, &id])?;
        Ok(Reply::result(describe(&id, &title)))
    })
}

pub(super) fn delete(store: &Store, call: &Incoming) -> Answer {
    store.transaction(|db| {
        let id = of_call(db, call)?;
        db.execute("DELETE FROM entry WHERE namespace = ?", [&id])?;
        db.execute("DELETE FROM namespace WHERE id = ?", [&id])?;
        Ok(Reply::result(Value::Null))
    })
}
