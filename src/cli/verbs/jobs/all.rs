//! Every job, one after the other: the budget is the account's, so that side by side
//! they would not end sooner. What ends one does not hold up the next; only an
//! interruption concerns them all.

use std::io::Write as _;
use std::process::ExitCode;

use super::{Prepared, table};
use crate::cli::memory::peak_rss_bytes;
use crate::cli::outcome;
use crate::cli::verbs::setup::Setup;
use crate::conceal::conceal;
use crate::error::Error;
use crate::report::{JobsReport, Report};

/// Does `verb` for every job, and tells what all came to.
pub(super) async fn all(
    (setup, verb): (&Setup, &'static str),
    jobs: &[Prepared],
    work: impl AsyncFn(&Prepared) -> Result<Report, Error>,
) -> ExitCode {
    let begun = setup.clock.now();
    let mut report = JobsReport::of(verb, setup.global.dry_run);
    for (place, job) in jobs.iter().enumerate() {
        if setup.stop.is_raised() {
            report.add(&job.name, None);
            continue;
        }
        announce(job, place + 1, jobs.len());
        let ended = work(job).await;
        let ended = ended.unwrap_or_else(|error| outcome::ended_early(&setup.global, verb, &error));
        report.add(&job.name, Some(ended));
    }
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    report.peak_rss_bytes = peak_rss_bytes();
    report.conclude();
    show(&report);
    outcome::hand_over(&setup.global, &report, report.exit_code)
}

fn announce(job: &Prepared, number: usize, of: usize) {
    let (name, wanted) = (&job.name, &job.wanted);
    tracing::info!(event = "job", name, number, of);
    tell(&format!(
        "\n== job {name} ({number} of {of}): {} to {}\n",
        wanted.from, wanted.to
    ));
    job.begin();
}

fn show(report: &JobsReport) {
    let mut text = format!("\n{}\n\n{}\n", table::table(report), table::summary(report));
    if report.resumable() {
        text.push_str(&format!("to go on, run: {}\n", outcome::command_line()));
    }
    tell(&text);
}

fn tell(text: &str) {
    let _ = std::io::stderr().write_all(conceal(text).as_bytes());
}
