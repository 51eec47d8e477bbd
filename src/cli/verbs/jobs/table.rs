//! The closing table of all jobs, and the sentence below it.

use comfy_table::{CellAlignment, Table, presets};

use crate::cli::outcome::closing;
use crate::report::{JobsReport, Outcome, Report};

/// A row for each job.
pub(super) fn table(report: &JobsReport) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["job", "outcome", "exit", "time", ""]);
    for (name, ended) in report.jobs() {
        table.add_row(row(name, ended));
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(name: &str, ended: Option<&Report>) -> [String; 5] {
    let name = name.to_owned();
    match ended {
        None => [
            name,
            NOT_BEGUN.to_owned(),
            String::new(),
            String::new(),
            String::new(),
        ],
        Some(report) => [
            name,
            report.outcome.name().to_owned(),
            report.exit_code.to_string(),
            closing::told(Some(report.seconds.total)),
            what(report),
        ],
    }
}

const NOT_BEGUN: &str = "not begun";

/// In a few words what came of it.
fn what(report: &Report) -> String {
    if let Some(error) = &report.error {
        return error.message.clone();
    }
    let Some(points) = &report.points else {
        return String::new();
    };
    let records = points.records();
    let mut text = match report.outcome {
        Outcome::Done => format!("{} points archived", points.archived),
        _ => format!("{records} records"),
    };
    if points.rejected > 0 {
        text.push_str(&format!(", {} points rejected", points.rejected));
    }
    if let Some(found) = &report.verification {
        text.push_str(&format!("; {}", found.proves));
    }
    text
}

/// How many came to what, in the order of the jobs.
pub(super) fn summary(report: &JobsReport) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (_, ended) in report.jobs() {
        let outcome = ended.map_or(NOT_BEGUN, |report| report.outcome.name());
        match counts.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((outcome, 1)),
        }
    }
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    format!("{all} jobs: {}", counts.join(", "))
}
