//! The closing table of a verb: a row for each step it took, and what came of it.

use comfy_table::{CellAlignment, Table, presets};

use crate::report::{DimensionFacts, FileIndexFacts, PointFacts, Report, RestoreFacts};

/// A step, how long it took, and what came of it.
type Row = (&'static str, Option<f64>, String);

/// The table; none where no step was taken.
pub(super) fn table(report: &Report) -> Option<Table> {
    let rows = [
        export(report),
        dims(report),
        written(report),
        vanished(report),
        settle(report),
        index(report),
        verify(report),
    ];
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    if rows.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (step, seconds, what) in rows {
        table.add_row([step.to_owned(), told(seconds), what]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Some(table)
}

/// A time, as tables show it.
pub(in crate::cli) fn told(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"))
}

fn export(report: &Report) -> Option<Row> {
    let seconds = report.seconds.export?;
    let points = report.points.as_ref()?;
    let source = points
        .source
        .map_or("?".to_owned(), |count| count.to_string());
    let what = format!(
        "{} of {source} points archived, {} rejected",
        points.archived, points.rejected
    );
    Some(("export", Some(seconds), what))
}

fn dims(report: &Report) -> Option<Row> {
    let facts = report.dimensions.as_ref()?;
    Some(("dims", None, shortened(facts)))
}

/// Records that went to the index, or points that went back.
fn written(report: &Report) -> Option<Row> {
    if report.dry_run {
        return None;
    }
    let seconds = report.seconds.upsert;
    if let Some(facts) = &report.restore {
        return Some(("restore", seconds, restored(facts)));
    }
    let points = report.points.as_ref()?;
    Some(("upsert", Some(seconds?), upserted(points)))
}

fn upserted(points: &PointFacts) -> String {
    format!(
        "{} records written, {} unchanged, {} foreign vectors left alone",
        points.settled, points.unchanged, points.foreign
    )
}

fn vanished(report: &Report) -> Option<Row> {
    let points = report.points.as_ref()?;
    if points.vanished == 0 {
        return None;
    }
    let what = format!(
        "{} are not in the source any more, {} of them deleted from the index",
        points.vanished, points.deleted
    );
    Some(("vanished", None, what))
}

fn settle(report: &Report) -> Option<Row> {
    let seconds = report.seconds.settle?;
    Some(("settle", Some(seconds), "applied by the index".to_owned()))
}

fn index(report: &Report) -> Option<Row> {
    let facts = report.file_index.as_ref()?;
    let verb = if report.dry_run {
        "to be written"
    } else {
        "written"
    };
    Some(("index", report.seconds.index, entries(facts, verb)))
}

fn entries(facts: &FileIndexFacts, verb: &str) -> String {
    format!(
        "{} entries with {} ids: {} {verb}, {} unchanged, {} stale",
        facts.entries, facts.ids, facts.written, facts.unchanged, facts.stale
    )
}

fn verify(report: &Report) -> Option<Row> {
    let found = report.verification.as_ref()?;
    Some(("verify", report.seconds.verify, found.proves.clone()))
}

/// What became of the collection.
fn restored(facts: &RestoreFacts) -> String {
    let made = if facts.created {
        "created"
    } else {
        "was there"
    };
    format!(
        "collection {:?} {made}; {} payload indexes created, {} points written, {} unchanged, {} foreign points left alone",
        facts.collection,
        facts.payload_indexes.len(),
        facts.written,
        facts.unchanged,
        facts.foreign
    )
}

/// What became of the vectors' length, with the figures of the chosen number.
fn shortened(facts: &DimensionFacts) -> String {
    let from = facts.from;
    let Some(to) = facts.to else {
        return format!("{from} are too many; see above what --dims would cost");
    };
    if to == from {
        return format!("{from}, as they are");
    }
    let length = if facts.renormalised {
        "renormalised"
    } else {
        "not renormalised"
    };
    let mut text = format!("{from} shortened to {to}, {length}");
    if let Some(recall) = &facts.recall
        && let Some(row) = recall.rows.iter().find(|row| row.dims == to)
    {
        text.push_str(&format!(
            "; recall@{} mean {:.4}, median {:.4}, P5 {:.4}, min {:.4}",
            recall.k, row.mean, row.median, row.p5, row.min
        ));
    }
    text
}
