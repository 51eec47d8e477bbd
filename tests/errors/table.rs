//! `docs/errors.md` as data: what an operator is promised for each situation, and
//! whether what the binary did is that.

use std::collections::BTreeMap;

use crate::cli::Told;

const DOCUMENT: &str = include_str!("../../docs/errors.md");

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// Texts that standard error holds, each in its order around `…`.
    printed: Vec<&'static str>,
    code: i32,
    /// What of the advice is printed too.
    advice: Vec<&'static str>,
}

/// Every row of every table, in order.
pub(crate) fn rows() -> Vec<Row> {
    let cells = |line: &'static str| line.split(" | ").map(str::trim).collect::<Vec<_>>();
    DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
        .map(|line| row(&cells(line)).unwrap_or_else(|| panic!("not a row of five cells: {line}")))
        .collect()
}

fn row(cells: &[&'static str]) -> Option<Row> {
    let [id, _, printed, code, advice] = cells else {
        return None;
    };
    Some(Row {
        id: id.strip_suffix('`')?,
        printed: spans(printed),
        code: code.parse().ok()?,
        advice: spans(advice),
    })
}

/// The code spans of a cell.
fn spans(cell: &'static str) -> Vec<&'static str> {
    let mut spans = Vec::new();
    let mut rest = cell;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..]
            .bytes()
            .take_while(|byte| *byte == b'`')
            .count();
        let fence = &rest[start..start + ticks];
        let inner = &rest[start + ticks..];
        let end = inner
            .find(fence)
            .unwrap_or_else(|| panic!("an open code span: {cell}"));
        spans.push(inner[..end].trim());
        rest = &inner[end + ticks..];
    }
    spans
}

pub(crate) fn find(id: &str) -> Row {
    let found = rows().into_iter().find(|row| row.id == id);
    found.unwrap_or_else(|| panic!("docs/errors.md has no row {id}"))
}

impl Row {
    /// Fails where the binary did something else than the row says.
    #[track_caller]
    pub(crate) fn check(&self, told: &Told) {
        told.is_no_panic();
        assert_eq!(told.code, Some(self.code), "{}: {told}", self.id);
        assert!(!self.printed.is_empty(), "{} promises no text", self.id);
        for span in self.printed.iter().chain(&self.advice) {
            assert!(
                holds(&told.stderr, span),
                "{}: no {span:?} in\n{told}",
                self.id
            );
        }
    }
}

/// Whether the text holds the pieces of the span around `…`, in their order.
fn holds(text: &str, span: &str) -> bool {
    let mut rest = text;
    for piece in span
        .split('…')
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
    {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[test]
fn ids_are_unique_and_every_row_promises_advice() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        assert!(!row.advice.is_empty(), "{} gives no advice", row.id);
        assert_eq!(seen.insert(row.id, ()), None, "{} comes twice", row.id);
    }
}

#[test]
fn pieces_are_looked_for_in_their_order() {
    assert!(holds(
        "the index docs has 64 dimensions",
        "the index … has … dimensions"
    ));
    assert!(!holds("has 64 dimensions the index", "the index … has"));
}
