//! The engines of docs/scaling.md: its lines for GNU parallel are run as they stand
//! there, and its Indexed Job is held to the file that it names jobs in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use cf_migrate::settings::ConfigFile;

use crate::cli::Told;
use crate::place::{POINTS, Place};
use crate::support::qdrant::QdrantDouble;

const PAGE: &str = include_str!("../../docs/scaling.md");
const MANIFEST: &str = include_str!("../../docs/examples/indexed-job.yaml");
/// Set where a missing tool is no reason to leave a test out.
const REQUIRED: &str = "CF_MIGRATE_TEST_TOOLS";

/// The page's only line that holds all of these.
fn line_with(words: &[&str], without: &str) -> &'static str {
    let fits = |line: &&str| {
        line.starts_with("cf-migrate jobs | parallel")
            && words.iter().all(|word| line.contains(word))
            && !line.contains(without)
    };
    let lines: Vec<&str> = PAGE.lines().filter(fits).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0]
}

/// Runs a line of the page in a shell that finds the binary, as an operator's does;
/// none where GNU parallel is not installed, which is said.
fn shell(place: &Place, line: &str) -> Option<Told> {
    let version = Command::new("parallel").arg("--version").output();
    let gnu = version.is_ok_and(|said| said.stdout.starts_with(b"GNU parallel"));
    if !gnu {
        let required = std::env::var(REQUIRED).is_ok_and(|text| text == "required");
        assert!(
            !required,
            "GNU parallel is not installed, and {REQUIRED}=required"
        );
        // Not by a macro, whose words would be kept from a test that passes.
        let told = "LEFT OUT: GNU parallel is not installed (apt-get install parallel)\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
        return None;
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_cf-migrate"));
    let folder = binary.parent().unwrap().display();
    let script = format!("PATH={folder}:$PATH; {line}");
    Some(place.shell.run_under(&script, ""))
}

/// The exit codes in the log of GNU parallel, by command.
fn exit_codes(log: &str) -> BTreeMap<String, String> {
    let rows = log.lines().skip(1);
    let cells = rows.map(|row| row.split('\t').collect::<Vec<_>>());
    cells
        .map(|row| (row[8].to_owned(), row[6].to_owned()))
        .collect()
}

#[test]
fn the_pages_line_for_gnu_parallel_does_every_job_under_one_budget() {
    let line = line_with(&["--joblog"], "--sandbox");
    let place = Place::new();
    let names = ["zebra", "ant", "mole", "bee", "cow"];
    place.jobs(&names, "");
    let Some(told) = shell(&place, line) else {
        return;
    };
    let told = told.ends(0);
    told.is_no_panic();
    let codes = exit_codes(&place.shell.read("jobs.log"));
    for name in names {
        assert_eq!(
            codes[&format!("cf-migrate run --job {name}")],
            "0",
            "{codes:?}"
        );
        assert_eq!(place.cloud.vectors(name).len() as u64, POINTS);
    }
    assert_eq!(
        crate::all::turns_taken(&place),
        place.cloud.calls().len() as u64
    );

    // One that fails is counted, and the same line goes on with it once it is mended.
    let points = place.shell.path("bee.ndjson");
    let aside = place.shell.path("aside.ndjson");
    fs::rename(&points, &aside).unwrap();
    fs::remove_dir_all(place.shell.path("bee.migration")).unwrap();
    shell(&place, line).unwrap().ends(1);
    let codes = exit_codes(&place.shell.read("jobs.log"));
    assert_eq!(codes["cf-migrate run --job bee"], "2", "{codes:?}");
}

#[test]
fn the_pages_rehearsal_needs_no_account() {
    let line = line_with(&["--sandbox"], "--joblog");
    let mut place = Place::new();
    for name in ["CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"] {
        place.shell.unset(name);
    }
    place.jobs(&["zebra", "ant"], "");
    let Some(told) = shell(&place, line) else {
        return;
    };
    let proven = format!("ant\tproven: {POINTS} records, verified equal");
    told.ends(0).says(&proven);
    assert!(place.cloud.calls().is_empty());
}

#[test]
fn the_job_files_that_are_shown_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cf-migrate.toml");
    let mut shown = 0;
    for page in [PAGE, include_str!("../../README.md")] {
        for block in page.split("```toml\n").skip(1) {
            let (toml, _) = block.split_once("```").unwrap();
            fs::write(&path, toml).unwrap();
            let jobs = ConfigFile::load(Some(&path)).unwrap().jobs;
            shown += jobs.all().len();
        }
    }
    assert_eq!(shown, 5);
}

/// A block of the manifest: the lines below that one, as far as they are deeper.
fn block(head: &str) -> String {
    let mut lines = MANIFEST.lines().skip_while(|line| line.trim() != head);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let above = depth(lines.next().unwrap());
    let inner = lines.take_while(|line| line.is_empty() || depth(line) > above);
    let inner: Vec<&str> = inner.collect();
    let cut = depth(inner[0]);
    let cut = |line: &&str| line.get(cut..).unwrap_or_default().to_owned();
    inner.iter().map(cut).collect::<Vec<_>>().join("\n")
}

/// The value of a manifest's key, without the remark behind it.
fn value(key: &str) -> &'static str {
    let line = MANIFEST
        .lines()
        .find_map(|line| line.trim().strip_prefix(key));
    line.unwrap().split('#').next().unwrap().trim()
}

#[test]
fn the_indexed_job_has_a_pod_for_each_job_and_gives_each_its_part_of_the_budget() {
    assert!(
        PAGE.contains(&format!("```yaml\n{MANIFEST}```")),
        "the page shows the file"
    );
    assert!(!MANIFEST.contains('\t'));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cf-migrate.toml");
    let source = QdrantDouble::generated("tickets", POINTS, 32, 7).start();
    let toml = block("cf-migrate.toml: |");
    let url = "https://qdrant.vectors.svc:6334";
    assert!(toml.contains(url));
    fs::write(&path, toml.replace(url, &source.grpc_url())).unwrap();
    let jobs = ConfigFile::load(Some(&path)).unwrap().jobs;
    assert_eq!(value("completions:"), jobs.all().len().to_string());
    assert_eq!(value("completionMode:"), "Indexed");

    let args: Vec<String> = block("args:")
        .lines()
        .map(|line| {
            line.trim_start_matches("- ")
                .split(" #")
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    let budget = args
        .iter()
        .find_map(|arg| arg.strip_prefix("--api-budget="));
    let (budget, pods): (u32, u32) = (
        budget.unwrap().parse().unwrap(),
        value("parallelism:").parse().unwrap(),
    );
    assert_eq!(budget * pods, cf_migrate::settings::DEFAULT_API_BUDGET);
    let line = args.join(" ").replace("$(JOB_COMPLETION_INDEX)", "2");
    let line = line.replace("/etc/cf-migrate", &folder.path().display().to_string());
    let mut place = Place::new();
    place
        .shell
        .set("QDRANT_REST_PORT", &source.rest_port().to_string());
    place.run(&line).ends(0).says("proven: ");
    assert_eq!(place.cloud.vectors("tickets").len() as u64, POINTS);
}
