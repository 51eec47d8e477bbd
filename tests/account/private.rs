//! Whatever a verb writes is for this user alone, whatever the shell's mask says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cf_migrate::sandbox::SandboxOptions;

use crate::binary::{Served, Workplace, point, write_lines};

/// Runs a line under a mask that keeps nobody out.
fn openly(place: &Workplace, line: &str) -> String {
    let words = shlex::split(line).unwrap();
    let ours = place.command(&words);
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(ours.get_program())
        .args(ours.get_args())
        .current_dir(place.path(""))
        .env_clear()
        .envs(
            ours.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let output = shell.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{line}: {told}"
    );
    told
}

/// Everything below a folder that others may read or write.
fn open_to_others(folder: &Path, found: &mut Vec<String>, seen: &mut usize) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::symlink_metadata(&path).unwrap();
        *seen += 1;
        if data.permissions().mode() & 0o077 != 0 {
            found.push(format!(
                "{:o} {}",
                data.permissions().mode(),
                path.display()
            ));
        }
        if data.is_dir() {
            open_to_others(&path, found, seen);
        }
    }
}

#[test]
fn every_file_of_every_verb_is_private_to_the_user() {
    let served = Served::new(SandboxOptions::default());
    let place = Workplace::of(&served);
    let mut points: Vec<_> = (0..40).map(|number| point(number, 32)).collect();
    // One that becomes no record, so that there is a list of those.
    points.push(point(99, 32));
    points[40]["payload"] = serde_json::json!({"$no": 1});
    let lines = place.path("points.ndjson");
    write_lines(&lines, points);
    std::fs::set_permissions(&lines, std::fs::Permissions::from_mode(0o600)).unwrap();
    let id = "--id '{file_id}_{chunk_index}'";
    let mapped = format!("{id} --allow-rejects 1");
    for line in [
        format!(
            "run points.ndjson vectorize:docs --create --file-index kv:files {mapped} --log run.log"
        ),
        format!("run points.ndjson vectorize:docs {mapped} --sandbox=box --create --dir other"),
        format!("verify points.ndjson vectorize:docs --file-index kv:files {id}"),
        "export points.ndjson archive".to_owned(),
        "export vectorize:docs backup".to_owned(),
        format!("transform points.ndjson out.ndjson {id}"),
        format!("upsert archive vectorize:more --create {mapped} --dir more"),
        format!("plan points.ndjson vectorize:docs --full {mapped}"),
        "rollback other --sandbox=box --yes".to_owned(),
    ] {
        openly(&place, &line);
    }
    let (mut found, mut seen) = (Vec::new(), 0);
    open_to_others(&place.path(""), &mut found, &mut seen);
    assert!(found.is_empty(), "{found:#?}");
    assert!(seen > 40, "{seen} files");
    for file in [
        "docs.migration/ledger.db",
        "docs.migration/report.json",
        "run.log",
        "out.ndjson",
        "box",
        "state",
    ] {
        assert!(place.path(file).exists(), "{file}");
    }
}
