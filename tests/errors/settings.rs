//! The command line, variables, and the settings file.

use crate::bench::MAPPED;
use crate::cli::sample;

fn sample_to(target: &str) -> String {
    format!("run {} {target} {MAPPED}", sample())
}

rows! {
    making no folder;

    fn account_id_missing(bench) {
        bench.shell.unset("CLOUDFLARE_ACCOUNT_ID");
        bench.run_sample("")
    }

    fn account_id_empty(bench) {
        bench.shell.set("CLOUDFLARE_ACCOUNT_ID", " ");
        bench.run_sample("")
    }

    fn account_id_malformed(bench) {
        bench.shell.set("CLOUDFLARE_ACCOUNT_ID", "my/account");
        bench.run_sample("")
    }

    fn api_token_missing(bench) {
        bench.shell.unset("CLOUDFLARE_API_TOKEN");
        bench.run_sample("")
    }

    fn api_token_empty(bench) {
        bench.shell.set("CLOUDFLARE_API_TOKEN", "");
        bench.run_sample("")
    }

    fn api_token_broken(bench) {
        bench.shell.set("CLOUDFLARE_API_TOKEN", "first-line\nsecond-line");
        let told = bench.run_sample("");
        assert!(!told.stderr.contains("second-line"), "{told}");
        told
    }

    fn kv_token_empty(bench) {
        bench.shell.set("CLOUDFLARE_KV_API_TOKEN", "");
        bench.run_sample("")
    }

    fn base_url_empty(bench) {
        bench.shell.set("CLOUDFLARE_API_BASE_URL", "");
        bench.run_sample("")
    }

    fn base_url_no_url(bench) {
        bench.shell.set("CLOUDFLARE_API_BASE_URL", "api.cloudflare.com");
        bench.run_sample("")
    }

    fn base_url_plain_http(bench) {
        bench.shell.set("CLOUDFLARE_API_BASE_URL", "http://192.0.2.1/client/v4");
        bench.run_sample("")
    }

    fn index_default_missing(bench) {
        bench.run(&sample_to("vectorize:"))
    }

    fn kv_default_missing(bench) {
        bench.run_sample("--file-index kv:")
    }

    fn qdrant_url_missing(bench) {
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn qdrant_url_empty(bench) {
        bench.shell.set("QDRANT_URL", "");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn qdrant_url_without_scheme(bench) {
        bench.shell.set("QDRANT_URL", "localhost:6333");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn qdrant_url_other_scheme(bench) {
        bench.shell.set("QDRANT_URL", "grpc://localhost:6334");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn qdrant_url_with_password(bench) {
        bench.shell.set("QDRANT_URL", "http://me:s3cret@localhost:6334");
        let told = bench.run("run qdrant:docs vectorize:docs");
        assert!(!told.stderr.contains("s3cret"), "{told}");
        told
    }

    fn qdrant_url_plain_http(bench) {
        bench.shell.set("QDRANT_URL", "http://192.0.2.1:6333");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn qdrant_port_malformed(bench) {
        bench.shell.set("QDRANT_URL", "http://localhost:6334");
        bench.shell.set("QDRANT_GRPC_PORT", "70000");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn upstash_url_missing(bench) {
        bench.run("run upstash: vectorize:docs")
    }

    fn upstash_url_empty(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "");
        bench.run("run upstash: vectorize:docs")
    }

    fn upstash_url_no_url(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "token");
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "a-s3cret-vector.upstash.io");
        let told = bench.run("run upstash: vectorize:docs");
        assert!(!told.stderr.contains("s3cret"), "{told}");
        told
    }

    fn upstash_url_plain_http(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "token");
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "http://192.0.2.1");
        bench.run("run upstash: vectorize:docs")
    }

    fn upstash_token_missing(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "https://a-vector.upstash.io");
        bench.run("run upstash: vectorize:docs")
    }

    fn upstash_token_empty(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "https://a-vector.upstash.io");
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "");
        bench.run("run upstash: vectorize:docs")
    }

    fn upstash_token_broken(bench) {
        bench.shell.set("UPSTASH_VECTOR_REST_URL", "https://a-vector.upstash.io");
        bench.shell.set("UPSTASH_VECTOR_REST_TOKEN", "a s3cret");
        let told = bench.run("run upstash: vectorize:docs");
        assert!(!told.stderr.contains("s3cret"), "{told}");
        told
    }

    fn upstash_namespace_unclear(bench) {
        bench.run("run upstash:@acme vectorize:docs")
    }

    fn qdrant_key_empty(bench) {
        bench.shell.set("QDRANT_URL", "http://localhost:6334");
        bench.shell.set("QDRANT_API_KEY", "");
        bench.run("run qdrant:docs vectorize:docs")
    }

    fn dotenv_malformed(bench) {
        bench.shell.write(".env", "CLOUDFLARE_ACCOUNT_ID='no end\n");
        bench.run_sample("")
    }

    fn dotenv_huge(bench) {
        bench.shell.write(".env", "A=b\n".repeat(300_000));
        bench.run_sample("")
    }

    fn config_huge(bench) {
        bench.shell.write("cf-migrate.toml", "# so many\n".repeat(110_000));
        bench.run_sample("")
    }

    fn config_unknown_key(bench) {
        bench.shell.write("cf-migrate.toml", "[pace]\nconcurency = 2\n");
        bench.run_sample("")
    }

    fn config_unknown_section(bench) {
        bench.shell.write("cf-migrate.toml", "[cloudfare]\naccount-id = 'a'\n");
        bench.run_sample("")
    }

    fn config_wrong_type(bench) {
        bench.shell.write("cf-migrate.toml", "[pace]\nconcurrency = 'many'\n");
        bench.run_sample("")
    }

    fn config_not_toml(bench) {
        bench.shell.write("cf-migrate.toml", "concurrency: 2\n");
        bench.run_sample("")
    }

    fn config_missing(bench) {
        bench.run_sample("--config other.toml")
    }

    fn no_verb(bench) {
        bench.run("")
    }

    fn unknown_verb(bench) {
        bench.run("migrate a.ndjson vectorize:docs")
    }

    fn unknown_flag(bench) {
        bench.run_sample("--paralel 4")
    }

    fn place_missing(bench) {
        bench.run("run vectorize:docs")
    }

    fn scheme_unknown(bench) {
        bench.run("run pinecone:docs vectorize:docs")
    }

    fn scheme_unsupported(bench) {
        bench.run("run redis: vectorize:docs")
    }

    fn scheme_without_name(bench) {
        bench.run("run qdrant: vectorize:docs")
    }

    fn target_no_index(bench) {
        bench.run(&sample_to("kv:docs"))
    }

    fn target_name_impossible(bench) {
        bench.run(&sample_to(&format!("vectorize:{}", "x".repeat(65))))
    }

    fn source_no_source(bench) {
        bench.run("run kv:a vectorize:b")
    }

    fn file_index_no_namespace(bench) {
        bench.run_sample("--file-index vectorize:docs")
    }

    fn live_source_to_upsert(bench) {
        bench.run("upsert qdrant:docs vectorize:docs")
    }

    fn live_source_to_index(bench) {
        bench.run("index qdrant:docs kv:files")
    }

    fn template_unclosed(bench) {
        bench.run(&format!("run {} vectorize:docs --id '{{file_id'", sample()))
    }

    fn template_unopened(bench) {
        bench.run(&format!("run {} vectorize:docs --id 'file_id}}'", sample()))
    }

    fn template_empty_field(bench) {
        bench.run(&format!("run {} vectorize:docs --id '{{}}'", sample()))
    }

    fn map_malformed(bench) {
        bench.run_sample("--map '.t = lowercase'")
    }

    fn map_beyond_payload(bench) {
        bench.run_sample("--map '.seen = now'")
    }

    fn map_in_settings_file(bench) {
        bench.shell.write("cf-migrate.toml", "[mapping]\nmap = '.a |'\n");
        bench.run_sample("")
    }

    fn map_too_deep(bench) {
        let program = "(".repeat(5_000);
        bench.run_sample(&format!("--map '{program}'"))
    }

    fn rename_malformed(bench) {
        bench.run_sample("--rename title")
    }

    fn rename_to_refused_key(bench) {
        bench.run_sample("--rename title=a.b")
    }

    fn rename_twice(bench) {
        bench.run_sample("--rename a=b,c=d --rename a=e")
    }

    fn fix_keys_refused_character(bench) {
        bench.run_sample("--fix-keys .")
    }

    fn data_field_refused(bench) {
        bench.run_sample("--data-field '$data'")
    }

    fn long_ids_unknown_word(bench) {
        bench.run_sample("--long-ids short")
    }

    fn transform_to_nothing(bench) {
        bench.run(&format!("transform {}", sample()))
    }

    fn dims_no_number(bench) {
        bench.run_sample("--dims half")
    }

    fn dims_too_few(bench) {
        bench.run_sample("--dims 16")
    }

    fn dims_too_many(bench) {
        bench.run_sample("--dims 2000")
    }

    fn dims_in_config(bench) {
        bench.shell.write("cf-migrate.toml", "[mapping]\ndims = 16\n");
        bench.run_sample("")
    }

    fn batch_bytes_no_size(bench) {
        bench.run_sample("--batch-bytes plenty")
    }

    fn batch_bytes_beyond(bench) {
        bench.run_sample("--batch-bytes 200MB")
    }

    fn batch_count_beyond(bench) {
        bench.run_sample("--batch-count 5001")
    }

    fn readers_beyond(bench) {
        bench.run_sample("--readers 0")
    }

    fn concurrency_beyond(bench) {
        bench.run_sample("--concurrency 0")
    }

    fn api_budget_beyond(bench) {
        bench.run_sample("--api-budget 1201")
    }

    fn api_budget_off_for_cloudflare(bench) {
        // A port at which nobody would answer.
        let place = "https://api.cloudflare.com:1/client/v4";
        bench.shell.set("CLOUDFLARE_API_BASE_URL", place);
        bench.run_sample("--create --api-budget off")
    }

    fn api_budget_no_number(bench) {
        bench.run_sample("--api-budget plenty")
    }

    fn max_bandwidth_no_rate(bench) {
        bench.run_sample("--max-bandwidth 10mb/s")
    }

    fn max_bandwidth_too_slow(bench) {
        bench.run_sample("--max-bandwidth 500kbit/s")
    }

    fn max_bandwidth_in_config(bench) {
        bench.shell.write("cf-migrate.toml", "[pace]\nmax-bandwidth = \"fast\"\n");
        bench.run_sample("")
    }

    fn batch_bytes_over_memory(bench) {
        bench.run_sample("--batch-bytes 95MB --memory 128MiB")
    }

    fn memory_too_little(bench) {
        bench.run_sample("--memory 95MiB")
    }

    fn settle_timeout_no_time(bench) {
        bench.run_sample("--settle-timeout soon")
    }

    fn kv_ttl_too_short(bench) {
        bench.run_sample("--file-index kv:files --kv-ttl 30s")
    }

    fn count_key_no_place(bench) {
        bench.run_sample("--file-index kv:files --count-key kv:files")
    }

    fn count_key_alone(bench) {
        bench.run_sample("--count-key other")
    }

    fn log_unwritable(bench) {
        bench.shell.write("file", "");
        bench.run_sample("--log file/run.log")
    }

    fn log_levels_malformed(bench) {
        bench.shell.set("RUST_LOG", "cf_migrate=loudly");
        bench.run_sample("--log run.log")
    }

    fn sandbox_open_to_all(bench) {
        bench.run("sandbox --listen 0.0.0.0:0")
    }

    fn max_poison_no_share(bench) {
        bench.run_sample("--max-poison 200%")
    }

    fn state_folder_unusable(bench) {
        bench.shell.write("file", "");
        let below = bench.shell.path("file/state");
        bench.shell.set("CF_MIGRATE_STATE_DIR", &below.to_string_lossy());
        bench.run_sample("--create")
    }
}
