//! How a verb ends at the terminal: the result object, the closing table, what
//! is safe and how to go on, and the exit code.

pub(super) mod closing;
mod early;
mod findings;
mod printing;
mod resuming;
mod rollback;
mod tenants;

use std::io::Write as _;
use std::process::ExitCode;

use super::memory::peak_rss_bytes;
use super::verbs::Setup;
use crate::conceal::conceal;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::progress::{Level, Progress as _};
use crate::report::{Outcome, Passed, PointFacts, Report};

pub(super) use early::{early, ended_early, unparsed, usage};
pub(super) use printing::{hand_over, print};
use resuming::needs_mending;
pub(super) use resuming::{command_line, is_resumable, safe};

/// What is known when a verb ends.
pub(super) struct Ending<'a> {
    pub(super) setup: &'a Setup,
    pub(super) report: &'a mut Report,
    pub(super) error: Option<Error>,
    pub(super) folder: Option<&'a MigrationFolder>,
    /// What is safe, a sentence each.
    pub(super) safe: Vec<String>,
    /// Whether the same command again goes on.
    pub(super) resumable: bool,
    /// What the application needs next.
    pub(super) next: Vec<String>,
    /// Whether this is the end of the command.
    pub(super) last: Last,
    /// What passes of the same command before this one came to: not shown again.
    pub(super) passed: Option<Passed>,
}

/// Whether an ending is that of the command, or of one pass of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Of the command: the result object is printed.
    Command,
    /// Of a pass: others may follow.
    Pass,
}

impl<'a> Ending<'a> {
    /// The ending of a verb that came to `outcome`; nothing to go on with.
    pub(super) fn new(setup: &'a Setup, report: &'a mut Report, error: Option<Error>) -> Self {
        Self {
            setup,
            report,
            error,
            folder: None,
            safe: Vec::new(),
            resumable: false,
            next: Vec::new(),
            last: Last::Command,
            passed: None,
        }
    }

    /// The same, of a verb that goes on when its command is given again.
    pub(super) fn resumable(
        setup: &'a Setup,
        report: &'a mut Report,
        error: Option<Error>,
    ) -> Self {
        Self {
            resumable: error.as_ref().is_some_and(is_resumable),
            ..Self::new(setup, report, error)
        }
    }

    /// Concludes the report, writes it, shows it, and gives the exit code.
    pub(super) fn tell(mut self) -> ExitCode {
        match &self.error {
            Some(error) => self.report.conclude_with(error),
            None => self.report.conclude(),
        }
        self.report.peak_rss_bytes = peak_rss_bytes();
        self.report.warnings = self.setup.progress.remarks(Level::Warning);
        self.report.notes = self.setup.progress.remarks(Level::Info);
        self.keep_report();
        self.show();
        match self.last {
            Last::Command => hand_over(&self.setup.global, self.report, self.report.exit_code),
            Last::Pass => ExitCode::from(self.report.exit_code),
        }
    }

    /// A run that went well and cannot say so in its folder has not ended well; one
    /// that did not has said why.
    fn keep_report(&mut self) {
        const NAME: &str = "report.json";
        let Some(folder) = self.folder else { return };
        let mut whole = self.report.clone();
        if let Some(passed) = self.passed.take() {
            whole.add_passed(passed);
        }
        let json = serde_json::to_string_pretty(&whole).expect("a report is plain JSON");
        let json = conceal(&json);
        let Err(error) = folder.write(NAME, |file| file.write_all(json.as_bytes())) else {
            return;
        };
        // The one of an earlier start would be taken for this one's.
        let _ = crate::folder::remove(folder.path(), NAME);
        if self.report.exit_code == 0 {
            self.report.conclude_with(&error);
            self.error = Some(error);
            self.resumable = true;
            return;
        }
        let told = crate::report::facts::chain(&error);
        self.setup.progress.remark(Level::Warning, &told);
        self.report.warnings.push(told);
    }

    fn show(&self) {
        let mut text = String::new();
        if let Some(table) = closing::table(self.report) {
            text.push_str(&format!("\n{table}\n"));
        }
        if let Some(table) = tenants::table(self.report.namespaces.as_deref()) {
            text.push_str(&format!("\n{table}\n"));
        }
        text.push_str(&findings::verification(self.report));
        if let Some(facts) = &self.report.rollback {
            text.push_str(&rollback::findings(facts));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("\n{}", error_text(error)));
        }
        for safe in &self.safe {
            text.push_str(&format!("{safe}\n"));
        }
        if self.resumable {
            let mended = self.error.as_ref().is_some_and(needs_mending);
            let when = if mended {
                "when that is mended, to go on"
            } else {
                "to go on"
            };
            text.push_str(&format!("{when}, run: {}\n", command_line()));
        }
        if self.error.is_none() {
            self.next
                .iter()
                .for_each(|next| text.push_str(&format!("\n{next}\n")));
            text.push_str(&format!("\n{}\n", self.verdict()));
        }
        let _ = std::io::stderr().write_all(conceal(&text).as_bytes());
    }

    fn verdict(&self) -> String {
        let points = self.report.points.as_ref();
        let records = points.map_or(0, PointFacts::records);
        if let Some(facts) = &self.report.rollback {
            return rollback::verdict(facts);
        }
        match self.report.outcome {
            Outcome::Proven if self.report.restore.is_some() => {
                format!("proven: {records} points, verified equal")
            }
            Outcome::Differences if self.report.restore.is_some() => {
                "differences were found; see above\nto write points that are missing or differ again, run the same command with --overwrite"
                    .to_owned()
            }
            Outcome::Proven => format!("proven: {records} records, verified equal"),
            Outcome::Rejections => format!(
                "done with rejections: {} points are not in the index; rejected.ndjson says why",
                points.map_or(0, |points| points.rejected)
            ),
            Outcome::Differences => DIFFERENCES.to_owned(),
            Outcome::Stopped => "nothing that was compared differs, but not everything could be compared; run the same command again".to_owned(),
            _ if self.report.verb == "plan" => {
                "nothing stands in the way; nothing was written".to_owned()
            }
            _ if self.report.dry_run => "dry run: nothing was written".to_owned(),
            _ => "done".to_owned(),
        }
    }
}

/// A run that comes again does not write over what differs: it may be the
/// application's own doing, a file that was changed or deleted meanwhile.
const DIFFERENCES: &str = "differences were found; see above and report.json\n\
    to write records that are missing or differ again, run the same command with a new folder (--dir) and --overwrite";

/// An error and what to do about it, as the terminal shows both.
fn error_text(error: &Error) -> String {
    let mut text = format!("error: {}\n", crate::report::facts::chain(error));
    if let Some(advice) = error.advice() {
        text.push_str(&format!("  what to do: {advice}\n"));
    }
    text
}
