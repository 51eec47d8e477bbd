//! Over loopback: the binary against a served account without a budget.

use cf_migrate::sandbox::{Operation, SandboxOptions};

use crate::binary::{point, write_lines};
use crate::cli::Shell;
use crate::cloud::{ACCOUNT, Cloud, TOKEN};

fn shell(cloud: &Cloud) -> Shell {
    let mut shell = Shell::new();
    shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
    shell.set("CLOUDFLARE_API_TOKEN", TOKEN);
    shell.set("CLOUDFLARE_API_BASE_URL", &cloud.url());
    let points = (0..600).map(|number| point(number, 32));
    write_lines(&shell.path("points.ndjson"), points);
    shell
}

fn without_a_budget() -> Cloud {
    Cloud::with(SandboxOptions {
        budget: None,
        ..SandboxOptions::default()
    })
}

const RUN: &str = "run points.ndjson vectorize:docs --create --json";

#[test]
fn what_is_sent_takes_as_long_as_the_bandwidth_makes_it() {
    let cloud = without_a_budget();
    let shell = shell(&cloud);
    let told = shell.run(&format!("{RUN} --max-bandwidth 100KB/s")).ends(0);
    let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let vectors = cloud.sandbox.vectors("docs").unwrap();
    assert_eq!(vectors.len(), 600);
    // More than 32 numbers of nine characters each at the least.
    let bytes = 600.0 * 32.0 * 9.0;
    let seconds = report["seconds"]["upsert"].as_f64().unwrap();
    assert!(seconds >= bytes / 100_000.0, "{bytes} bytes in {seconds} s");
}

#[test]
fn without_a_budget_calls_are_not_counted_anywhere() {
    let cloud = without_a_budget();
    let shell = shell(&cloud);
    // A flag over the settings file: how fast may change at every start.
    shell.write("cf-migrate.toml", "[pace]\napi-budget = \"off\"\n");
    shell
        .run(&format!("{RUN} --batch-count 1 --sample 600"))
        .ends(0);
    let sent = cloud.sandbox.calls().count(Operation::Upsert);
    assert_eq!(sent, 600 + 1);
    let budgets = || std::fs::read_dir(shell.path(".state")).map_or(0, Iterator::count);
    assert_eq!(budgets(), 0);
    shell.run(&format!("{RUN} --api-budget 1000")).ends(0);
    assert!(budgets() > 0);
}

#[test]
fn the_embedded_account_has_no_limit_either_then() {
    let shell = shell(&without_a_budget());
    let line = format!("{RUN} --sandbox --api-budget off --batch-count 1 --sample 600");
    let told = shell.run(&format!("{line} --concurrency 64")).ends(0);
    let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(report["requests"]["rate_limited"], 0);
}

/// On other systems what started it may have a part in it.
#[cfg(target_os = "linux")]
#[test]
fn the_peak_of_memory_is_the_programs_own_whoever_started_it() {
    let large = vec![1_u8; 400 << 20];
    let shell = shell(&without_a_budget());
    let told = shell.run(&format!("{RUN} --sandbox")).ends(0);
    let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let peak = report["peak_rss_bytes"].as_u64().unwrap();
    assert!((1 << 20..300 << 20).contains(&peak), "{peak}");
    assert_eq!(large[large.len() - 1], 1);
}
