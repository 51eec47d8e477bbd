//! A call as the simulation sees it: what kind it is, and what it is called in a trace.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::http::Request;
use bytes::Bytes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Read,
    Upsert,
    BulkPut,
    BulkDelete,
    /// Vectors are deleted.
    Delete,
    /// An index or a namespace is made.
    Make,
    /// An index or a namespace is deleted.
    Unmake,
}

pub struct Called {
    pub method: String,
    /// The path, without ids that are drawn anew in every simulation.
    pub what: String,
    pub body: u64,
    pub kind: Kind,
}

impl Called {
    pub fn of(request: &Request<Bytes>) -> Self {
        let method = request.method().to_string();
        let path = request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default();
        let kind = kind(&method, &path);
        let mut body = DefaultHasher::new();
        // Markers that are deleted have names that are drawn anew every time.
        if kind != Kind::Delete {
            request.body().hash(&mut body);
        }
        Self {
            kind,
            what: without_ids(&path),
            body: body.finish(),
            method,
        }
    }

    pub fn writes(&self) -> bool {
        self.kind != Kind::Read
    }
}

fn kind(method: &str, path: &str) -> Kind {
    let path = path.split('?').next().unwrap_or_default();
    match method {
        "GET" => Kind::Read,
        "POST"
            if path.ends_with("/get_by_ids")
                || path.ends_with("/bulk/get")
                || path.ends_with("/query") =>
        {
            Kind::Read
        }
        "POST" if path.ends_with("/upsert") => Kind::Upsert,
        "PUT" if path.ends_with("/bulk") => Kind::BulkPut,
        "POST" if path.ends_with("/bulk/delete") => Kind::BulkDelete,
        "DELETE" if path.ends_with("/bulk") => Kind::BulkDelete,
        "POST" if path.ends_with("/indexes") || path.ends_with("/namespaces") => Kind::Make,
        "POST" if path.ends_with("/delete_by_ids") => Kind::Delete,
        "DELETE" => Kind::Unmake,
        _ => panic!("an unexpected call: {method} {path}"),
    }
}

/// Ids of 32 hexadecimal digits, and cursors, are drawn anew every time.
fn without_ids(path: &str) -> String {
    let path = path.split("cursor=").next().unwrap_or_default();
    let pieces = path.split('/').skip(5);
    let is_id =
        |piece: &str| piece.len() >= 32 && piece[..32].bytes().all(|byte| byte.is_ascii_hexdigit());
    pieces
        .map(|piece| if is_id(piece) { "…" } else { piece })
        .collect::<Vec<_>>()
        .join("/")
}
