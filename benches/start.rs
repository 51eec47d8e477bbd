//! How long the program takes where there is next to nothing to do, beside what
//! starting any process takes, and how large the program is. Run it with
//!
//! ```sh
//! cargo bench --bench start          # 21 times each
//! cargo bench --bench start -- 101   # another number of times
//! PROGRAM=/usr/local/bin/cf-migrate cargo bench --bench start   # another build of it
//! ```
//!
//! Services are doubles on loopback, in this process. The embedded sandbox applies
//! a write 200 ms after its acceptance, so the migration of one point goes into a
//! served one that applies at once: what is left is the program's own time.

#[path = "../tests/support/cloud.rs"]
#[allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
mod cloud;
#[path = "../tests/support/mod.rs"]
#[allow(unused_imports, reason = "its tests are run with the tests")]
mod support;
#[path = "support/words.rs"]
mod words;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use cf_migrate::clock::Clock;
use cloud::{ACCOUNT, Cloud, TOKEN};
use support::qdrant::{QdrantDouble, Server};
use tempfile::TempDir;

/// What is aimed at.
const HELP: Duration = Duration::from_millis(20);
const EMPTY: Duration = Duration::from_millis(200);
const BINARY_BYTES: u64 = 25_000_000;
/// A collection without points is refused.
const REFUSED: i32 = 7;

fn main() {
    let given = words::numbers(1).first().copied().unwrap_or(21);
    let mut bench = Bench {
        times: usize::try_from(given.max(1)).expect("not that many times"),
        bare: None,
    };
    bench.measure("a process that does nothing", None, 0, || {
        Command::new("true")
    });
    for (line, limit) in [("--version", None), ("--help", Some(HELP))] {
        bench.measure(line, limit, 0, || {
            let mut command = Command::new(program());
            command.arg(line);
            command
        });
    }
    empty_collections(&mut bench);
    one_point(&mut bench);
    tell_size();
}

fn empty_collections(bench: &mut Bench) {
    let place = Place::of(0);
    bench.measure("no points, embedded sandbox", Some(EMPTY), REFUSED, || {
        let mut command = place.migration(0);
        command.arg("--sandbox");
        command
    });
    bench.measure("no points, served sandbox", Some(EMPTY), REFUSED, || {
        place.migration(0)
    });
}

fn one_point(bench: &mut Bench) {
    let place = Place::of(1);
    let mut number = 0;
    bench.measure("one point, served sandbox", Some(EMPTY), 0, || {
        number += 1;
        place.migration(number)
    });
    bench.measure("the same once more", Some(EMPTY), 0, || {
        place.migration(number)
    });
}

/// What is measured.
fn program() -> PathBuf {
    let given = std::env::var_os("PROGRAM").map(PathBuf::from);
    given.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_cf-migrate")))
}

/// Both ends of a migration, and the folder it is run in.
struct Place {
    qdrant: Server,
    cloud: Cloud,
    folder: TempDir,
}

impl Place {
    /// With a collection of that many points.
    fn of(points: u64) -> Self {
        Self {
            qdrant: QdrantDouble::generated("docs", points, 768, 7).start(),
            cloud: Cloud::start(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Into an index of that number.
    fn migration(&self, number: u64) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .args(["run", "qdrant:docs", "--create", "--json"])
            .arg(format!("vectorize:docs-{number}"))
            .env("QDRANT_URL", self.qdrant.grpc_url())
            .env("QDRANT_REST_PORT", self.qdrant.rest_port().to_string())
            .env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
            .env("CLOUDFLARE_API_TOKEN", TOKEN)
            .env("CLOUDFLARE_API_BASE_URL", self.cloud.url())
            .env("CF_MIGRATE_STATE_DIR", self.folder.path().join("state"));
        for other in ["CLOUDFLARE_KV_API_TOKEN", "QDRANT_API_KEY", "RUST_LOG"] {
            command.env_remove(other);
        }
        command
    }
}

/// Runs processes and tells how long they took.
struct Bench {
    times: usize,
    /// The least that a process took.
    bare: Option<Duration>,
}

impl Bench {
    fn measure(
        &mut self,
        what: &str,
        limit: Option<Duration>,
        code: i32,
        mut command: impl FnMut() -> Command,
    ) {
        let mut took: Vec<Duration> = (0..self.times).map(|_| run(command(), code)).collect();
        took.sort();
        let (least, median) = (took[0], took[took.len() / 2]);
        let bare = *self.bare.get_or_insert(least);
        let limit = limit.map_or_else(String::new, |limit| {
            format!(", {:.2} of {} ms", share(median, limit), limit.as_millis())
        });
        tell(&format!(
            "{what}: least {:.1} ms ({:.1} x nothing), median {:.1} ms{limit}",
            least.as_secs_f64() * 1e3,
            share(least, bare),
            median.as_secs_f64() * 1e3,
        ));
    }
}

/// From before the process is made until it is gone.
fn run(mut command: Command, code: i32) -> Duration {
    let clock = Clock::real();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    let begun = clock.now();
    let ended = command.status().expect("the program runs");
    let took = clock.now() - begun;
    assert_eq!(ended.code(), Some(code), "{command:?}");
    took
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}

fn tell_size() {
    let bytes = std::fs::metadata(program())
        .expect("the program is there")
        .len();
    tell(&format!(
        "the program: {bytes} bytes, {:.2} of {BINARY_BYTES}",
        bytes as f64 / BINARY_BYTES as f64
    ));
}

fn tell(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
}
