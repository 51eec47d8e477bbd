//! The result object of several jobs, `cf-migrate/jobs/1`: each one's report, and
//! what they come to together.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::facts::{Outcome, Report, RequestFacts};
use crate::error::Kind;

/// The schema's name; fields are only ever added.
pub const JOBS_SCHEMA: &str = "cf-migrate/jobs/1";

/// Exit codes, the worst first: what ended everything, what a person has to see to,
/// what running again goes on with, and what is well. Differences stand behind what
/// did not come to its end, and before what stopped for a passing reason: running
/// again mends the one and not the other.
const WORST_FIRST: [u8; 9] = [130, 1, 6, 2, 7, 4, 5, 3, 0];

/// What became of every job.
#[derive(Debug, Serialize)]
pub struct JobsReport {
    /// [`JOBS_SCHEMA`].
    pub schema: &'static str,
    /// The verb that every job ran.
    pub verb: &'static str,
    /// That of the worst job; `interrupted` where one was not begun.
    pub outcome: Outcome,
    /// That of the worst job: the process's exit code.
    pub exit_code: u8,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The reports by name, in the order of the file; none of a job that was not begun.
    jobs: InOrder,
    /// Requests of all jobs together.
    pub requests: RequestFacts,
    /// Times.
    pub seconds: JobsSeconds,
    /// The most memory this process held, in bytes.
    pub peak_rss_bytes: u64,
}

/// How long all jobs took together, in seconds.
#[derive(Debug, Default, Serialize)]
pub struct JobsSeconds {
    /// From the first one's beginning to the last one's end.
    pub total: f64,
}

#[derive(Debug, Default)]
struct InOrder(Vec<(String, Option<Report>)>);

impl Serialize for InOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, report) in &self.0 {
            map.serialize_entry(name, report)?;
        }
        map.end()
    }
}

impl JobsReport {
    /// An empty report of that verb.
    pub fn of(verb: &'static str, dry_run: bool) -> Self {
        Self {
            schema: JOBS_SCHEMA,
            verb,
            outcome: Outcome::Done,
            exit_code: 0,
            dry_run,
            jobs: InOrder::default(),
            requests: RequestFacts::default(),
            seconds: JobsSeconds::default(),
            peak_rss_bytes: 0,
        }
    }

    /// Adds what a job came to; none where it was not begun.
    pub fn add(&mut self, name: &str, report: Option<Report>) {
        if let Some(requests) = report.as_ref().and_then(|report| report.requests.as_ref()) {
            self.requests.total += requests.total;
            self.requests.retried += requests.retried;
            self.requests.rate_limited += requests.rate_limited;
        }
        self.jobs.0.push((name.to_owned(), report));
    }

    /// Every job by name, in order; none for one that was not begun.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, Option<&Report>)> {
        let jobs = self.jobs.0.iter();
        jobs.map(|(name, report)| (name.as_str(), report.as_ref()))
    }

    /// Draws the conclusion: the worst of all.
    pub fn conclude(&mut self) {
        let interrupted = (Outcome::Interrupted, Kind::Interrupted.exit_code());
        let ends = self.jobs().map(|(_, report)| {
            report.map_or(interrupted, |report| (report.outcome, report.exit_code))
        });
        let rank = |code: u8| WORST_FIRST.iter().position(|known| *known == code);
        let worst = ends.min_by_key(|(_, code)| rank(*code));
        (self.outcome, self.exit_code) = worst.unwrap_or((Outcome::Done, 0));
    }

    /// Whether the same command again goes on with some job.
    pub fn resumable(&self) -> bool {
        let ends = |code: &u8| {
            [Kind::Stopped, Kind::Interrupted]
                .map(Kind::exit_code)
                .contains(code)
        };
        self.jobs()
            .any(|(_, report)| report.is_none_or(|report| ends(&report.exit_code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(codes: &[Option<u8>]) -> JobsReport {
        let mut jobs = JobsReport::of("run", false);
        for (place, code) in codes.iter().enumerate() {
            let report = code.map(|code| Report {
                exit_code: code,
                ..Report::of("run", false)
            });
            jobs.add(&format!("job-{place}"), report);
        }
        jobs.conclude();
        jobs
    }

    #[test]
    fn the_worst_job_decides_the_exit_code() {
        assert_eq!(ended(&[Some(0), Some(0)]).exit_code, 0);
        assert_eq!(ended(&[Some(0), Some(3), Some(0)]).exit_code, 3);
        assert_eq!(ended(&[Some(5), Some(4), Some(3)]).exit_code, 4);
        assert_eq!(ended(&[Some(5), Some(7)]).exit_code, 7);
        assert_eq!(ended(&[Some(7), Some(2), Some(6), Some(1)]).exit_code, 1);
        let interrupted = ended(&[Some(1), None]);
        assert_eq!(interrupted.exit_code, 130);
        assert_eq!(interrupted.outcome, Outcome::Interrupted);
        assert!(interrupted.resumable() && !ended(&[Some(4), Some(0)]).resumable());
    }

    #[test]
    fn jobs_stand_in_the_order_of_the_file() {
        let mut jobs = JobsReport::of("run", false);
        for name in ["zebra", "ant"] {
            jobs.add(name, None);
        }
        let json = serde_json::to_string(&jobs).unwrap();
        assert!(
            json.contains(r#""jobs":{"zebra":null,"ant":null}"#),
            "{json}"
        );
    }
}
