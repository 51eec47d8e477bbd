//! Points before and after the transform, side by side: a table for each.

use std::collections::BTreeSet;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::Value;

use crate::report::{ShownPoint, ShownVector};

/// The widest that a table is drawn.
const MAX_WIDTH: u16 = 160;
/// The most characters of one value.
const MAX_CHARS: usize = 240;
/// The narrowest and the widest column of names.
const MIN_NAME: u16 = 9;
const MAX_NAME: u16 = 20;
/// The spaces beside a cell's text.
const PADDING: u16 = 2;

/// The points as tables that are `width` characters wide at most.
pub(super) fn render(points: &[ShownPoint], width: u16) -> String {
    let widths = Widths::within(width, points);
    let drawn = points.iter().map(|point| table_of(point, widths));
    drawn.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// The same columns for all tables, so that they stand below each other.
#[derive(Clone, Copy)]
struct Widths {
    table: u16,
    name: u16,
    value: u16,
}

impl Widths {
    /// What borders and the space around three columns take.
    const AROUND: u16 = 10;

    fn within(table: u16, points: &[ShownPoint]) -> Self {
        let metadata = points.iter().filter_map(|point| point.record.as_ref());
        let after = metadata.flat_map(|record| record.metadata.keys());
        let keys = points
            .iter()
            .flat_map(|point| point.payload.keys())
            .chain(after);
        let longest = keys
            .map(|key| key.chars().count())
            .max()
            .unwrap_or_default();
        let name = u16::try_from(longest)
            .unwrap_or(MAX_NAME)
            .clamp(MIN_NAME, MAX_NAME);
        let value = table.saturating_sub(name + Self::AROUND) / 2;
        Self {
            table,
            name,
            value: value.max(1),
        }
    }
}

/// How wide to draw: the terminal, within reason.
pub(super) fn width() -> u16 {
    let terminal = terminal_size::terminal_size();
    terminal
        .map_or(120, |(terminal_size::Width(width), _)| width)
        .min(MAX_WIDTH)
}

fn table_of(point: &ShownPoint, widths: Widths) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(widths.table)
        .set_header([
            format!("#{}", point.ordinal),
            printable(&format!("point {} ({})", point.id, point.id_kind)),
            printable(&after(point)),
        ]);
    address_rows(&mut table, point);
    payload_rows(&mut table, point);
    let fixed = |width| ColumnConstraint::Absolute(Width::Fixed(width + PADDING));
    table.set_constraints([fixed(widths.name), fixed(widths.value), fixed(widths.value)]);
    table.to_string()
}

/// What became of it: the header of the right column.
fn after(point: &ShownPoint) -> String {
    match (&point.record, &point.rejection) {
        (Some(record), _) => format!("record {}", record.id),
        (None, Some(rejection)) => format!("rejected ({})", rejection.reason.name()),
        (None, None) => "rejected".to_owned(),
    }
}

fn address_rows(table: &mut Table, point: &ShownPoint) {
    let record = point.record.as_ref();
    let namespaces = (
        point.namespace.clone(),
        record.and_then(|record| record.namespace.clone()),
    );
    if namespaces != (None, None) {
        row(table, "namespace", namespaces.0, namespaces.1);
    }
    let vector = record.map(|record| numbers(&record.vector));
    row(table, "vector", point.vector.as_ref().map(numbers), vector);
    if let Some(key) = record.and_then(|record| record.file_key.clone()) {
        let order = record.and_then(|record| record.order.as_deref());
        let order = order.map_or(String::new(), |order| format!(", order {order}"));
        row(table, "file", None, Some(format!("{key}{order}")));
    }
    if !point.notes.is_empty() {
        row(table, "remarks", None, Some(point.notes.join(", ")));
    }
    if let Some(rejection) = &point.rejection {
        row(table, "reason", None, Some(rejection.reason.to_string()));
    }
}

/// A row for each key of either side, the source's text beside the payload first.
fn payload_rows(table: &mut Table, point: &ShownPoint) {
    if let Some(data) = &point.data {
        row(
            table,
            "(data)",
            Some(Value::from(data.as_str()).to_string()),
            None,
        );
    }
    let metadata = point.record.as_ref().map(|record| &record.metadata);
    let after_keys = metadata.into_iter().flat_map(|object| object.keys());
    let keys: BTreeSet<&String> = point.payload.keys().chain(after_keys).collect();
    for key in keys {
        let before = point.payload.get(key).map(Value::to_string);
        let after = metadata
            .and_then(|object| object.get(key))
            .map(Value::to_string);
        row(table, key, before, after);
    }
}

/// One row; what stays as it is says so instead of coming twice.
fn row(table: &mut Table, name: &str, before: Option<String>, after: Option<String>) {
    let right = match (&before, after) {
        (Some(before), Some(after)) if *before == after => "=".to_owned(),
        (_, after) => after.map_or(String::new(), |after| shortened(&after)),
    };
    let left = before.map_or(String::new(), |before| shortened(&before));
    table.add_row([printable(name), left, right]);
}

fn numbers(vector: &ShownVector) -> String {
    let first: Vec<String> = vector.first.iter().map(ToString::to_string).collect();
    format!("{} dimensions: {}, …", vector.dimensions, first.join(", "))
}

/// A long text without its middle: what is cut off is most often at its end.
fn shortened(text: &str) -> String {
    let characters = text.chars().count();
    if characters <= MAX_CHARS {
        return printable(text);
    }
    let half = MAX_CHARS / 2;
    let begin: String = text.chars().take(half).collect();
    let end: String = text.chars().skip(characters - half).collect();
    let left_out = characters - 2 * half;
    printable(&format!("{begin} … {left_out} characters … {end}"))
}

/// Without characters that would move the terminal's cursor or colours.
fn printable(text: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => '\u{fffd}',
        false => character,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests;
