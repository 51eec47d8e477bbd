//! A batch that the service refuses because of single records: it is split
//! until each of them is alone, those are quarantined with the service's own
//! words, and the rest goes through (Vectorize takes a batch whole or not at
//! all, and names only the first offender).

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::batch::Batch as CutBatch;
use crate::cloudflare::{ApiError, MutationId, Vectorize};
use crate::error::Error;
use crate::ledger::RejectedAt;
use crate::stages::context::Migration;
use crate::transform::{Reason, Rejection};

/// Records of one batch that may be refused before we stop: more than that is
/// no odd record but a misunderstanding, and each costs several requests.
const MAX_REFUSED: usize = 50;

/// How a batch was taken.
#[derive(Debug, Default)]
pub(super) struct Acceptance {
    /// The last mutation; none when nothing of it was taken.
    pub(super) mutation: Option<MutationId>,
    /// Lines that were refused, by their place in the batch.
    pub(super) refused: Vec<Refused>,
}

#[derive(Debug)]
pub(super) struct Refused {
    line: usize,
    code: i64,
    message: String,
}

/// Sends the batch, in parts where a record of it is refused.
pub(super) async fn send(index: &Vectorize, batch: &CutBatch) -> Result<Acceptance, ApiError> {
    let first = match index.upsert(batch.body.clone()).await {
        Ok(mutation) => {
            return Ok(Acceptance {
                mutation: Some(mutation),
                refused: Vec::new(),
            });
        }
        Err(error) => error,
    };
    if !is_about_records(&first) {
        return Err(first);
    }
    let lines = lines_of(&batch.body);
    let mut acceptance = Acceptance::default();
    let mut parts = halves(0..lines.len(), first, &mut acceptance)?;
    while let Some(part) = parts.pop() {
        match index
            .upsert(joined(&batch.body, &lines[part.clone()]))
            .await
        {
            Ok(mutation) => acceptance.mutation = Some(mutation),
            Err(error) if is_about_records(&error) => {
                parts.extend(halves(part, error, &mut acceptance)?);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(acceptance)
}

fn is_about_records(error: &ApiError) -> bool {
    matches!(error, ApiError::BadRecord(_) | ApiError::TooLarge(_))
}

/// The two halves of a refused part, the earlier one last so that it is popped
/// first; a single line is quarantined instead.
fn halves(
    part: Range<usize>,
    error: ApiError,
    acceptance: &mut Acceptance,
) -> Result<Vec<Range<usize>>, ApiError> {
    if part.len() > 1 {
        let middle = part.start + part.len() / 2;
        return Ok(vec![middle..part.end, part.start..middle]);
    }
    if acceptance.refused.len() >= MAX_REFUSED {
        return Err(error);
    }
    let (ApiError::BadRecord(refusal) | ApiError::TooLarge(refusal)) = &error else {
        return Err(error);
    };
    let code = refusal
        .notes
        .iter()
        .find_map(|note| note.code)
        .map_or(0, i64::from);
    acceptance.refused.push(Refused {
        line: part.start,
        code,
        message: refusal.to_string(),
    });
    Ok(Vec::new())
}

fn lines_of(body: &Bytes) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (end, _) in body.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        lines.push(start..end);
        start = end + 1;
    }
    if start < body.len() {
        lines.push(start..body.len());
    }
    lines
}

/// Consecutive lines as a body of their own: a slice, without copying.
fn joined(body: &Bytes, lines: &[Range<usize>]) -> Bytes {
    match (lines.first(), lines.last()) {
        (Some(first), Some(last)) => body.slice(first.start..last.end),
        _ => BytesMut::new().freeze(),
    }
}

/// Moves the refused records to the rejections, with the service's own words.
pub(super) fn quarantine(
    migration: &Migration,
    batch: &CutBatch,
    acceptance: &Acceptance,
) -> Result<(), Error> {
    if acceptance.refused.is_empty() {
        return Ok(());
    }
    let rows = migration.ledger.records_between(batch.first, batch.last)?;
    let generation = migration.archive.current()?;
    let mut rejections = Vec::with_capacity(acceptance.refused.len());
    for refused in &acceptance.refused {
        let Some(row) = rows.get(refused.line) else {
            continue;
        };
        let mut points = match &generation {
            Some(generation) => generation.points_at(&[row.ordinal])?,
            None => Vec::new(),
        };
        let Some((ordinal, point)) = points.pop() else {
            continue;
        };
        migration.warn(format!("Vectorize refused {}: {}", row.id, refused.message));
        let (code, message) = (refused.code, refused.message.clone());
        let reason = Reason::RefusedByVectorize { code, message };
        let rejection = Rejection::new(point.id, point.namespace, reason, &row.id);
        let json = serde_json::to_string(&rejection).expect("a rejection is plain JSON");
        rejections.push(RejectedAt { ordinal, json });
    }
    migration.ledger.reject("vectorize", &rejections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_with_and_without_a_final_line_feed() {
        for body in ["ab\nc\nd", "ab\nc\nd\n"] {
            let body = Bytes::from(body);
            let lines = lines_of(&body);
            assert_eq!(lines, vec![0..2, 3..4, 5..6]);
            assert_eq!(joined(&body, &lines[1..]), Bytes::from("c\nd"));
        }
    }
}
