//! Findings in words: how many of a kind, and a few of them.

use crate::report::{Findings, Report, Verdict};

/// Examples of each finding that are shown; all of the first twenty are in the report.
const SHOWN: usize = 5;

/// What verification found, a paragraph a kind, and what it could not look at.
pub(super) fn verification(report: &Report) -> String {
    let mut text = String::new();
    let Some(found) = &report.verification else {
        return text;
    };
    for (kind, findings) in &found.findings {
        text.push_str(&paragraph(&kind.replace('_', " "), findings));
    }
    for what in &found.not_compared {
        text.push_str(&format!("\nnot compared: {what}\n"));
    }
    for count in report.restore.iter().flat_map(|_| &found.counts) {
        text.push_str(&format!("\ncounts: {count}\n"));
    }
    if found.verdict == Verdict::Different && report.restore.is_none() {
        text.push_str("\nevery finding by name is in report.json\n");
    }
    text
}

/// One kind of them, by its name.
pub(super) fn paragraph(name: &str, found: &Findings) -> String {
    let mut text = format!("\n{name}: {}\n", found.count);
    for example in found.examples.iter().take(SHOWN) {
        text.push_str(&format!("  {example}\n"));
    }
    text
}
