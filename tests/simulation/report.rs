//! What the report says of a migration that came to its end, and `rejected.ndjson`.

use serde_json::Value;

use crate::complaints::Complaints;
use crate::judge::Judge;
use crate::process::Ended;

impl Judge<'_> {
    /// What the report says, and `rejected.ndjson`.
    pub fn report(&self, ended: &Ended) -> Complaints {
        let mut complaints = Complaints::default();
        let scenario = &self.world.scenario;
        let expected = &scenario.expected;
        let number = |name: &str| ended.number(&format!("/points/{name}"));
        let points = scenario.collection.current().len() as u64;
        complaints.equal("archived points", number("archived"), points);
        complaints.equal("points of the source", number("source"), points);
        complaints.equal("rejections", number("rejected"), expected.rejections());
        let ends = number("settled") + number("unchanged") + number("rejected");
        let what = "settled, unchanged and rejected points";
        match ended.number("/catch_up/passes") {
            0 | 1 => complaints.equal(what, ends, points),
            // What each of them wrote is counted.
            _ => complaints.equal(what, ends.max(points), ends),
        }
        complaints.equal(
            "foreign vectors",
            number("foreign"),
            scenario.foreign() as u64,
        );
        let stale = expected.stale.len() as u64;
        let verdict = ended.report["verification"]["verdict"]
            .as_str()
            .unwrap_or_default();
        complaints.equal(
            "verdict",
            verdict,
            if self.good_code() == 4 {
                "different"
            } else {
                "equal"
            },
        );
        if scenario.file_index {
            let entries = ended.number("/file_index/entries");
            complaints.equal("entries", entries, expected.current_files as u64);
            let ids = expected.current_ids;
            complaints.equal(
                "ids in entries",
                ended.number("/file_index/ids"),
                ids as u64,
            );
            if !scenario.prune {
                complaints.equal(
                    "stale entries",
                    ended.number("/verification/file_index_stale"),
                    stale,
                );
            }
        }
        complaints.equal(
            "rejected.ndjson",
            self.listed_rejections(),
            self.expected_rejections(),
        );
        complaints
    }

    fn expected_rejections(&self) -> Vec<(Option<String>, String, String)> {
        let expected = &self.world.scenario.expected;
        let checked = expected
            .rejected
            .iter()
            .map(|(name, reason)| (name, *reason));
        let refused = expected.refused.iter().map(|name| (name, "refused"));
        let mut all: Vec<_> = checked
            .chain(refused)
            .map(|(name, reason)| {
                (
                    name.namespace.clone(),
                    name.id.to_string(),
                    reason.to_owned(),
                )
            })
            .collect();
        all.sort();
        all
    }

    fn listed_rejections(&self) -> Vec<(Option<String>, String, String)> {
        let text =
            std::fs::read_to_string(self.world.folder.join("rejected.ndjson")).unwrap_or_default();
        let mut listed: Vec<_> = text
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| line[name].as_str().map(str::to_owned);
                let reason = match text("reason").unwrap().as_str() {
                    "refused_by_vectorize" | "refused_class" => "refused".to_owned(),
                    other => other.to_owned(),
                };
                (text("namespace"), text("source_id").unwrap(), reason)
            })
            .collect();
        listed.sort();
        listed
    }
}
