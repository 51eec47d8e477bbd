//! The one table from Cloudflare's error codes to what they mean. Codes are those
//! that the Vectorize and KV APIs were seen to send, or that Cloudflare's own
//! clients list.

use crate::cloudflare::error::Note;
use crate::http::Answer;

/// What a failure is about, whatever its code and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    NotFound,
    DuplicateName,
    InvalidConfig,
    BadRecord,
    TooLarge,
    CursorBroken,
    Forbidden,
    Challenged,
    BadAccount,
    FreeAllowanceSpent,
    NotEntitled,
    AccountLimit,
    EndpointLimit,
    Unknown,
}

/// The meaning of a failed answer: by its codes first, because the same code
/// comes with several statuses, then by its status.
pub(crate) fn meaning(answer: &Answer, notes: &[Note]) -> Meaning {
    if answer.header("cf-mitigated") == Some("challenge") {
        return Meaning::Challenged;
    }
    let known = notes
        .iter()
        .map(|note| note_meaning(note, answer.status))
        .find(|meaning| *meaning != Meaning::Unknown);
    known.unwrap_or(match answer.status {
        401 | 403 => Meaning::Forbidden,
        413 => Meaning::TooLarge,
        429 => Meaning::AccountLimit,
        _ => Meaning::Unknown,
    })
}

fn note_meaning(note: &Note, status: u16) -> Meaning {
    let by_code = note
        .code
        .map_or(Meaning::Unknown, |code| code_meaning(code, status));
    match by_code {
        Meaning::Unknown => name_meaning(&note.message),
        known => known,
    }
}

/// The table of codes. A status decides only where one code means two things.
fn code_meaning(code: u32, status: u16) -> Meaning {
    match (code, status) {
        // Vectorize index, deleted index, KV key, KV namespace.
        (3000 | 3005 | 10009 | 10013, _) => Meaning::NotFound,
        // Vectorize index name, KV title.
        (3002 | 10014, _) => Meaning::DuplicateName,
        (3003, _) => Meaning::InvalidConfig,
        (971 | 6100, _) => Meaning::AccountLimit,
        // Throttling (429) and a wrong method (405) share the number.
        (10000, 400 | 401 | 403) => Meaning::Forbidden,
        (7403 | 9000 | 9103 | 9106 | 9109 | 10037, _) => Meaning::Forbidden,
        // No such route, because the account id in it is malformed.
        (7000 | 7003 | 10003..=10006, _) => Meaning::BadAccount,
        // Vectorize: id, namespace, dimensions, metadata, keys, a line that
        // cannot be parsed. As a server error they are worth repeating.
        (40008..=40010 | 40012 | 40016 | 40018 | 40023, ..500) => Meaning::BadRecord,
        // KV: key too long, expiration, ttl, illegal key, metadata.
        (10030 | 10033 | 10034 | 10042 | 10047, ..500) => Meaning::BadRecord,
        (10024, _) => Meaning::TooLarge,
        (40052, _) => Meaning::CursorBroken,
        (40014 | 40041 | 10022 | 10046, _) => Meaning::EndpointLimit,
        (10048, _) => Meaning::FreeAllowanceSpent,
        (10017 | 10026, _) => Meaning::NotEntitled,
        _ => Meaning::Unknown,
    }
}

/// Whether a refused upsert may be the fault of one of its records: Vectorize's
/// own codes, listed or not, but for its limiters (40014, 40041), the form of the
/// request (40026) and the list's cursor (40052).
pub(crate) fn may_blame_a_record(code: u32, status: u16) -> bool {
    let own = (40_000..40_100).contains(&code) && !matches!(code, 40014 | 40026 | 40041 | 40052);
    own && matches!(status, 400 | 409 | 413 | 422)
}

/// Vectorize writes the name of an error before its text; some share a code.
fn name_meaning(message: &str) -> Meaning {
    let name = message.split([' ', ':']).next().unwrap_or_default();
    match name {
        "vectorize.index.not_found" | "vectorize.index.deleted" => Meaning::NotFound,
        "vectorize.index.duplicate_name" => Meaning::DuplicateName,
        "vectorize.index.invalid_config" => Meaning::InvalidConfig,
        "vectorize.not_entitled" => Meaning::NotEntitled,
        _ => Meaning::Unknown,
    }
}
