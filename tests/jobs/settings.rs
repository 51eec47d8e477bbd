//! Which setting wins, and whose variables a job is given.

use cf_migrate::sandbox::SandboxOptions;

use crate::binary::Served;
use crate::place::{POINTS, Place, job};
use crate::support::qdrant::{QdrantDouble, Switch};

/// The first id in an index.
fn first(place: &Place, index: &str) -> String {
    place.ids(index).swap_remove(0)
}

#[test]
fn a_flag_wins_over_the_job_which_wins_over_the_general_section() {
    let general = "[mapping]\nid = 'general-{id}'\n";
    let own = "mapping.id = 'job-{id}'";
    for (flags, keys, id) in [
        ("", "", "general-0"),
        ("", own, "job-0"),
        ("--id 'flag-{id}'", own, "flag-0"),
    ] {
        let place = Place::new();
        place.file("a");
        place.settings(&format!("{general}{}", job("a", keys)));
        place.run(&format!("run --all {flags}")).ends(0);
        assert_eq!(first(&place, "a"), id);
    }
}

#[test]
fn the_environment_wins_over_the_job_which_is_told() {
    let general = "[cloudflare]\nvectorize-index = 'general'\n";
    let own = "cloudflare.vectorize-index = 'own'\n";
    let bare = |keys: &str| {
        format!("{general}[jobs.a]\nfrom = 'a.ndjson'\nto = 'vectorize:'\ncreate = true\n{keys}")
    };
    let mut place = Place::new();
    place.file("a");
    place.settings(&bare(""));
    place.run("run --job a").ends(0);
    place.settings(&bare(own));
    place.run("run --job a").ends(0);
    place.shell.set("CLOUDFLARE_VECTORIZE_INDEX", "variable");
    let told = place.run("run --job a --json").ends(0);
    for index in ["general", "own", "variable"] {
        assert_eq!(place.cloud.vectors(index).len() as u64, POINTS, "{index}");
        assert!(place.shell.path(&format!("{index}.migration")).exists());
    }
    let told = told.says("warning: CLOUDFLARE_VECTORIZE_INDEX is set and wins over cloudflare.vectorize-index of this job");
    assert!(
        told.json()["warnings"].to_string().contains("wins over"),
        "{told}"
    );
}

#[test]
fn every_key_of_a_job_has_the_effect_of_its_flag() {
    let place = Place::new();
    let keys = "dir = 'own'\nfile-index = 'kv:files'\ncount-key = 'how-many'\nkv-ttl = '2h'\n\
        sample = 2\nsample-seed = 9\nkeep-generations = 1\npace.batch-count = 2\nmapping.keep = ['of', 'file_id', 'chunk_index']";
    place.jobs(&["a"], keys);
    let report = place.run("run --job a --json").ends(0).json();
    assert_eq!(report["verification"]["values_sampled"], 2, "{report:#}");
    let namespace = place.cloud.namespace("files");
    assert_eq!(
        place.cloud.texts(&namespace)["how-many"],
        POINTS.to_string()
    );
    let entries = place.cloud.sandbox.entries(&namespace).unwrap();
    assert!(entries.values().any(|entry| entry.expiration.is_some()));
    let upserts = place.cloud.count(cf_migrate::sandbox::Operation::Upsert) as u64;
    assert!(upserts >= POINTS / 2, "batches of two");
    place.run("run --job a").ends(0);
    let generations = std::fs::read_dir(place.shell.path("own/archive")).unwrap();
    assert_eq!(generations.count(), 1, "one generation is kept");

    // Flags still win.
    let report = place.run("run --job a --sample 4 --json").ends(0).json();
    assert_eq!(report["verification"]["values_sampled"], 4);
}

#[test]
fn permissions_of_a_job_are_its_own() {
    let place = Place::new();
    place.file("a");
    place.file("b");
    place.settings(&(job("a", "prune = true") + &job("b", "")));
    place.run("run --all").ends(0);
    for name in ["a", "b"] {
        let text = place.shell.read(&format!("{name}.ndjson"));
        let fewer: Vec<&str> = text.lines().skip(1).collect();
        place
            .shell
            .write(&format!("{name}.ndjson"), fewer.join("\n"));
    }
    let report = place.run("run --all --json").ends(0).json();
    assert_eq!(report["jobs"]["a"]["points"]["deleted"], 1, "{report:#}");
    assert_eq!(report["jobs"]["b"]["points"]["deleted"], 0);
    assert_eq!(report["jobs"]["b"]["points"]["vanished"], 1);
}

/// An account that takes only this.
pub(crate) fn tenant(account: &str, token: &str) -> Served {
    Served::new(SandboxOptions {
        account_id: Some(account.to_owned()),
        token: Some(token.to_owned()),
        ..SandboxOptions::default()
    })
}

/// The variables of a tenant's account.
pub(crate) fn variables(served: &Served, account: &str, token: &str) -> String {
    format!(
        "CLOUDFLARE_ACCOUNT_ID={account}\nCLOUDFLARE_API_TOKEN={token}\nCLOUDFLARE_API_BASE_URL={}\n",
        served.url
    )
}

#[test]
fn each_job_has_the_variables_of_its_own_file_and_nobody_elses() {
    let place = Place::new();
    let (account_a, account_b) = ("a".repeat(32), "b".repeat(32));
    let a = tenant(&account_a, "token-of-tenant-a");
    let b = tenant(&account_b, "token-of-tenant-b");
    let qdrant = |key| {
        let double = QdrantDouble::generated("docs", 5, 32, 7);
        double.with(Switch::Key(key)).start()
    };
    let (qdrant_a, qdrant_b) = (qdrant("key-of-tenant-a"), qdrant("key-of-tenant-b"));
    let mut toml = String::new();
    for (name, served, account, server) in [
        ("a", &a, &account_a, &qdrant_a),
        ("b", &b, &account_b, &qdrant_b),
    ] {
        let mut text = variables(served, account, &format!("token-of-tenant-{name}"));
        text += &format!(
            "QDRANT_API_KEY=key-of-tenant-{name}\nQDRANT_URL={}\n",
            server.grpc_url()
        );
        text += &format!("QDRANT_REST_PORT={}\n", server.rest_port());
        place.shell.write(&format!("tenant-{name}.env"), text);
        toml += &format!(
            "[jobs.{name}]\nfrom = 'qdrant:docs'\nto = 'vectorize:docs'\ncreate = true\ndir = '{name}'\nenv-file = 'tenant-{name}.env'\n"
        );
    }
    // Without a file: the general account, whose variables are those of the process.
    place.file("c");
    place.settings(&(toml + &job("c", "")));

    let told = place.run("run --all --json --log all.log").ends(0);
    assert_eq!(told.json()["outcome"], "proven");
    assert_eq!(a.sandbox.vectors("docs").unwrap().len(), 5);
    assert_eq!(b.sandbox.vectors("docs").unwrap().len(), 5);
    assert_eq!(place.cloud.vectors("c").len() as u64, POINTS);
    let mut said = format!("{told}{}", place.shell.read("all.log"));
    for name in ["a", "b"] {
        said += &place.shell.read(&format!("{name}/report.json"));
    }
    for secret in ["token-of-tenant", "key-of-tenant"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[test]
fn a_secret_of_a_jobs_file_is_concealed_where_a_service_sends_it_back() {
    let place = Place::new();
    let (account, token) = ("a".repeat(32), "token-of-a-tenant");
    // Takes another token than the file has.
    let served = tenant(&account, "quite-another-token");
    place
        .shell
        .write("a.env", variables(&served, &account, token));
    // The account's name for the index is the token itself.
    place.file("a");
    place.settings(
        &job("a", "env-file = 'a.env'").replace("vectorize:a", &format!("vectorize:{token}")),
    );
    let told = place.run("run --job a").ends(6);
    assert!(!format!("{told}").contains(token), "{told}");
    assert!(format!("{told}").contains("[secret]"), "{told}");
}
