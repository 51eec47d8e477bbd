//! How a verb ends at the terminal: the result object, the closing table, what
//! is safe and how to go on, and the exit code.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::args::Global;
use super::verbs::Setup;
use super::{closing, rollback, tenants};
use crate::conceal::conceal;
use crate::error::{Error, Kind};
use crate::folder::MigrationFolder;
use crate::ledger::{BatchState, Ledger};
use crate::progress::{Level, Progress as _};
use crate::report::{Outcome, Report, Verdict};

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
        match self.setup.global.json && self.last == Last::Command {
            true => print_json(self.report),
            false => ExitCode::from(self.report.exit_code),
        }
    }

    /// A run that went well and cannot say so in its folder has not ended well; one
    /// that did not has said why.
    fn keep_report(&mut self) {
        const NAME: &str = "report.json";
        let Some(folder) = self.folder else { return };
        let json = serde_json::to_string_pretty(&self.report).expect("a report is plain JSON");
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
        text.push_str(&findings(self.report));
        if let Some(facts) = &self.report.rollback {
            text.push_str(&rollback::findings(facts));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!(
                "\nerror: {}\n",
                crate::report::facts::chain(error)
            ));
            if let Some(advice) = error.advice() {
                text.push_str(&format!("  what to do: {advice}\n"));
            }
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
        let records = points.map_or(0, |points| points.settled + points.unchanged);
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

fn findings(report: &Report) -> String {
    let mut text = String::new();
    let Some(found) = &report.verification else {
        return text;
    };
    for (kind, findings) in &found.findings {
        text.push_str(&format!(
            "\n{}: {}\n",
            kind.replace('_', " "),
            findings.count
        ));
        for example in findings.examples.iter().take(5) {
            text.push_str(&format!("  {example}\n"));
        }
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

/// What the ledger knows to be safe.
pub(super) fn safe(ledger: &Ledger, archived: u64) -> Vec<String> {
    let mut safe = Vec::new();
    if archived > 0 {
        safe.push(format!("safe: {archived} points are in the archive"));
    }
    let count = |state| ledger.records_in(state);
    let (Ok(sent), Ok(accepted), Ok(settled)) = (
        count(BatchState::Sent),
        count(BatchState::Accepted),
        count(BatchState::Settled),
    ) else {
        safe.push("what was written to Cloudflare's index cannot be told while the ledger cannot be read; what it holds is safe".to_owned());
        return safe;
    };
    if accepted + settled > 0 {
        safe.push(format!(
            "safe: {} records were accepted by Vectorize, {settled} of them are applied",
            accepted + settled
        ));
    }
    if sent > 0 {
        safe.push(format!(
            "safe: {sent} records were sent and not accepted, as far as is known; they are sent again"
        ));
    }
    if sent + accepted + settled == 0 {
        safe.push("nothing was written to Cloudflare's index".to_owned());
    }
    safe
}

/// Whether running the same command again is of no use before something was
/// done about the error.
fn needs_mending(error: &Error) -> bool {
    matches!(error.kind(), Kind::Failed | Kind::Forbidden)
}

/// Whether running the same command again can help.
pub(super) fn is_resumable(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Stopped | Kind::Interrupted | Kind::Failed | Kind::Forbidden
    )
}

/// This process's command line, as a shell takes it.
pub(super) fn command_line() -> String {
    let words: Vec<String> = std::env::args().collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

pub(super) fn print_json(report: &Report) -> ExitCode {
    print_object(report, report.exit_code)
}

/// Prints a result object.
pub(super) fn print_object(report: &impl serde::Serialize, exit_code: u8) -> ExitCode {
    let mut json = serde_json::to_string(report).expect("a report is plain JSON");
    json.push('\n');
    print(&json, exit_code)
}

/// Prints to standard output, and gives the exit code: success is none if what was
/// asked for could not be handed over. A reader that closed its end has what it
/// wanted.
pub(super) fn print(text: &str, exit_code: u8) -> ExitCode {
    let mut out = std::io::stdout();
    let printed = out
        .write_all(conceal(text).as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let told = format!(
                "error: the result could not be written to standard output: {error}\n  what to do: see that what it leads to has space, and run the same command again\n"
            );
            let _ = std::io::stderr().write_all(told.as_bytes());
            ExitCode::from(match exit_code {
                0 => Kind::Stopped.exit_code(),
                other => other,
            })
        }
        _ => ExitCode::from(exit_code),
    }
}

/// Ends a command line that could not even begin.
pub(super) fn usage(global: &Global, problem: &str) -> ExitCode {
    let error = Error::usage(problem);
    early(global, "none", &error)
}

/// Ends a command line that is none, or asks for help or the version.
pub(super) fn unparsed(error: &clap::Error) -> ExitCode {
    // A closed terminal changes nothing about the exit code.
    let text = error.to_string();
    let _ = match conceal(&text) {
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(shown) => std::io::stderr().write_all(shown.as_bytes()),
    };
    if error.use_stderr() && std::env::args().any(|word| word == "--json") {
        // What follows the first empty line is the usage.
        let told = text.split("\n\n").next().unwrap_or_default().trim_end();
        let told = Error::usage(told.trim_start_matches("error: "))
            .advise("cf-migrate --help names every verb and option");
        let mut report = Report::of("none", false);
        report.conclude_with(&told);
        return print_json(&report);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Ends a verb that did not get as far as a migration.
pub(super) fn early(global: &Global, verb: &'static str, error: &Error) -> ExitCode {
    let report = ended_early(global, verb, error);
    match global.json {
        true => print_json(&report),
        false => ExitCode::from(report.exit_code),
    }
}

/// Tells what kept a verb from a migration; the report of it.
pub(super) fn ended_early(global: &Global, verb: &'static str, error: &Error) -> Report {
    let mut report = Report::of(verb, global.dry_run);
    report.conclude_with(error);
    let mut text = format!("error: {}\n", crate::report::facts::chain(error));
    if let Some(advice) = error.advice() {
        text.push_str(&format!("  what to do: {advice}\n"));
    }
    let _ = std::io::stderr().write_all(conceal(&text).as_bytes());
    report
}

/// Whether to draw bars: on a terminal that is not a dumb one. Where nobody says
/// which terminal it is, nothing at all would be drawn on Unix.
pub(super) fn draws_bars() -> bool {
    let dumb = std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// The most memory this process held.
#[cfg(unix)]
pub(super) fn peak_rss_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    // What Linux says of a process's usage begins with that of whoever started it.
    let status = std::fs::read_to_string("/proc/self/status");
    if let Some(peak) = status.ok().as_deref().and_then(high_water_bytes) {
        return peak;
    }
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return 0;
    };
    let peak = u64::try_from(usage.max_rss()).unwrap_or(0);
    // Linux counts in KiB, macOS in bytes.
    if cfg!(target_os = "macos") {
        peak
    } else {
        peak * 1_024
    }
}

/// The high-water mark in the text of a process's status, on Linux.
#[cfg(unix)]
fn high_water_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(not(unix))]
pub(super) fn peak_rss_bytes() -> u64 {
    0
}
