//! Jobs of the settings file: what is wrong in one, or between two, is told before
//! any of them begins.

use crate::bench::Bench;
use crate::cli::{Told, sample};

/// Jobs that all read the sample: each name with its keys.
fn jobs(bench: &Bench, jobs: &[(&str, &str)]) {
    let section = |(name, keys): &(&str, &str)| {
        format!(
            "[jobs.{name}]\nfrom = '{}'\ncreate = true\n{keys}\n",
            sample()
        )
    };
    let toml: Vec<String> = jobs.iter().map(section).collect();
    bench.shell.write("cf-migrate.toml", toml.concat());
}

/// `run --all` of two jobs.
fn two(bench: &Bench, one: &str, other: &str) -> Told {
    jobs(bench, &[("a", one), ("b", other)]);
    bench.run("run --all")
}

const DOCS: &str = "to = 'vectorize:docs'";

rows! {
    making no folder;

    fn jobs_none(bench) {
        bench.shell.write("cf-migrate.toml", "[pace]\nreaders = 2\n");
        bench.run("run --all")
    }

    fn job_unknown(bench) {
        jobs(bench, &[("docs", DOCS), ("notes", "to = 'vectorize:notes'")]);
        bench.run("run --job dosc")
    }

    fn job_and_all(bench) {
        jobs(bench, &[("docs", DOCS)]);
        bench.run("run --all --job docs")
    }

    fn job_with_places(bench) {
        jobs(bench, &[("docs", DOCS)]);
        bench.run(&format!("run {} vectorize:docs --job docs", sample()))
    }

    fn all_with_dir(bench) {
        jobs(bench, &[("docs", DOCS)]);
        bench.run("run --all --dir docs.migration")
    }

    fn all_with_follow(bench) {
        jobs(bench, &[("docs", DOCS)]);
        bench.run("run --all --follow 15m")
    }

    fn job_key_unknown(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\nfile_index = 'kv:files'")
    }

    fn job_key_in_section_unknown(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\nqdrant.api-key = 's3cret'")
    }

    fn job_without_target(bench) {
        two(bench, DOCS, "")
    }

    fn job_name_impossible(bench) {
        jobs(bench, &[("\"7\"", DOCS)]);
        bench.run("run --all")
    }

    fn job_setting_wrong(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\npace.batch-count = 6000")
    }

    fn job_keeps_nothing(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\nkeep-overwritten = true")
    }

    fn jobs_same_folder(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\ndir = './docs.migration'")
    }

    fn jobs_folder_in_folder(bench) {
        two(bench, "to = 'vectorize:a'\ndir = 'all'", "to = 'vectorize:b'\ndir = 'all/b'")
    }

    fn jobs_same_index_overwrite(bench) {
        two(bench, DOCS, "to = 'vectorize:docs'\ndir = 'b'\noverwrite = true")
    }

    fn jobs_same_index_dims(bench) {
        two(
            bench,
            "to = 'vectorize:docs'\nmapping.dims = 64",
            "to = 'vectorize:docs'\ndir = 'b'\nmapping.dims = 128",
        )
    }

    fn jobs_same_index_metric(bench) {
        two(
            bench,
            "to = 'vectorize:docs'\nmapping.metric = 'cosine'",
            "to = 'vectorize:docs'\ndir = 'b'\nmapping.metric = 'euclidean'",
        )
    }

    fn jobs_same_count(bench) {
        two(
            bench,
            "to = 'vectorize:docs'\nfile-index = 'kv:files'",
            "to = 'vectorize:b'\nfile-index = 'kv:files'",
        )
    }

    fn job_env_file_missing(bench) {
        two(bench, DOCS, "to = 'vectorize:b'\nenv-file = 'b.env'")
    }

    fn job_env_file_malformed(bench) {
        bench.shell.write("b.env", "QDRANT_API_KEY='s3cret\n");
        let told = two(bench, DOCS, "to = 'vectorize:b'\nenv-file = 'b.env'");
        assert!(!format!("{told}").contains("s3cret"), "{told}");
        told
    }

    fn job_env_file_partial(bench) {
        bench.shell.write("b.env", format!("CLOUDFLARE_ACCOUNT_ID={}\n", "b".repeat(32)));
        two(bench, DOCS, "to = 'vectorize:b'\nenv-file = 'b.env'")
    }
}
