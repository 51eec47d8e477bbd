//! What the operator should know about a collection, a sentence each. Pure; what
//! keeps a migration from beginning is in `shape`.

use std::collections::HashMap;

use qdrant_client::qdrant::{CollectionInfo, CollectionStatus, Datatype, VectorParams};

use super::fields::{Fields, called};

/// About the state that the server is in.
pub(super) fn state_warnings(info: &CollectionInfo) -> Vec<String> {
    let state = match info.status() {
        CollectionStatus::Red => {
            Some("The collection's status is red: the server reports an error in it.")
        }
        CollectionStatus::Yellow => {
            Some("The collection's status is yellow: the server is still optimising it.")
        }
        CollectionStatus::Grey => {
            Some("The collection's status is grey: optimisation is waiting for an update.")
        }
        CollectionStatus::Green | CollectionStatus::UnknownCollectionStatus => None,
    };
    let said = info
        .warnings
        .iter()
        .map(|said| format!("Qdrant says: {}", said.message));
    state
        .map(str::to_owned)
        .into_iter()
        .chain(deferred(info))
        .chain(said)
        .collect()
}

/// Points that scroll and count skip until they are indexed.
pub(super) fn deferred(info: &CollectionInfo) -> Option<String> {
    let queue = info.update_queue.as_ref()?;
    let points = queue.deferred_points.filter(|points| *points > 0)?;
    Some(format!(
        "{points} deferred points are hidden until the server has indexed them: \
         they are neither counted nor read."
    ))
}

/// About vectors that the server stores otherwise than they were written.
pub(super) fn field_warnings(
    fields: &Fields,
    dense: &HashMap<String, VectorParams>,
) -> Vec<String> {
    let rounded = fields.shape.dense.iter().filter_map(|field| {
        let storage = rounding(dense.get(&field.name)?.datatype())?;
        let mut name = called(&field.name);
        name[..1].make_ascii_uppercase();
        Some(format!(
            "{name} is stored as {storage}: what comes back is rounded, not what was once written."
        ))
    });
    rounded.collect()
}

/// What becomes of a multivector that `having` points have, where that is known.
pub(super) fn multivector_note(name: &str, having: Option<u64>) -> String {
    let points = match having {
        None => String::new(),
        Some(1) => ", which 1 point has".to_owned(),
        Some(points) => format!(", which {points} points have"),
    };
    format!(
        "Vector {name:?} is a multivector{points}: it is not read and will not be in the archive."
    )
}

fn rounding(datatype: Datatype) -> Option<&'static str> {
    match datatype {
        Datatype::Default | Datatype::Float32 => None,
        Datatype::Uint8 => Some("uint8"),
        Datatype::Float16 => Some("float16"),
        Datatype::Turbo4 => Some("turbo4"),
        Datatype::Turbo8 => Some("turbo8"),
        Datatype::Turbo16 => Some("turbo16"),
    }
}
