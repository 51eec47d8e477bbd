//! Unique tokens in every setting that may hold a secret, looked for in everything
//! that the binary says and leaves behind, whatever goes wrong.

use std::path::{Path, PathBuf};

use cf_migrate::sandbox::SandboxOptions;

use crate::binary::{Ended, Served, Workplace, point, write_lines};
use crate::echo::{Echo, Words};
use crate::support::qdrant::QdrantDouble;

const CLOUDFLARE: &str = "planted-cloudflare-token/7f3a\\91";
const KV: &str = "planted-kv-token-%2fQ~41c0";
const QDRANT: &str = "planted.qdrant.key-88d1";
const UPSTASH: &str = "plantedUpstashToken==5b20";
const IN_ADDRESS: &str = "planted-password-in-address-93e7";
/// What all of them, and every piece of them that is worth something, begin with.
const SIGNS: [&str; 2] = ["planted", "Planted"];

fn place(account: &str) -> Workplace {
    Workplace::new()
        .with("CLOUDFLARE_ACCOUNT_ID", crate::binary::ACCOUNT)
        .with("CLOUDFLARE_API_BASE_URL", account)
        .with("CLOUDFLARE_API_TOKEN", CLOUDFLARE)
        .with("CLOUDFLARE_KV_API_TOKEN", KV)
        .with("QDRANT_API_KEY", QDRANT)
        .with("UPSTASH_VECTOR_REST_TOKEN", UPSTASH)
        .with("RUST_LOG", "trace")
        .with("RUST_BACKTRACE", "1")
}

/// Runs a line with everything that can be told switched on, and looks for secrets.
#[track_caller]
fn tells_no_secret(place: &Workplace, line: &str) -> Ended {
    let mut words = shlex::split(line).unwrap();
    words.extend(["--json", "--log", "run.log"].map(str::to_owned));
    let ended = place.run(&words);
    for (name, said) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        assert!(!is_secret(said.as_bytes()), "{line}: {name}: {said}");
    }
    for file in files(&place.path("")) {
        assert!(
            !is_secret(file.to_string_lossy().as_bytes()),
            "{line}: {file:?}"
        );
        let content = std::fs::read(&file).unwrap();
        assert!(!is_secret(&content), "{line}: in {}", file.display());
    }
    ended
}

fn is_secret(content: &[u8]) -> bool {
    let holds = |sign: &&str| {
        content
            .windows(sign.len())
            .any(|part| part == sign.as_bytes())
    };
    SIGNS.iter().any(holds)
}

/// Every file below, but those that the test itself wrote secrets into.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.retain(|path| !path.ends_with(".env") && !path.ends_with("cf-migrate.toml"));
    found
}

fn with_points(place: Workplace) -> Workplace {
    write_lines(
        &place.path("points.ndjson"),
        (0..30).map(|number| point(number, 32)),
    );
    place
}

const RUN: &str = "run points.ndjson vectorize:docs --create --id '{file_id}_{chunk_index}'";

#[test]
fn a_whole_migration_leaves_no_secret_anywhere() {
    let served = Served::new(SandboxOptions::default());
    let server = QdrantDouble::recorded("kinds").start();
    let place = place(&served.url)
        .with("QDRANT_URL", server.grpc_url())
        .with("QDRANT_REST_PORT", server.rest_port().to_string());
    let line = "run qdrant:kinds vectorize:docs --create --file-index kv:files --allow-rejects 16";
    let ended = tells_no_secret(&place, line);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let log = std::fs::read_to_string(place.path("run.log")).unwrap();
    assert!(
        log.contains("\"level\":\"TRACE\""),
        "the log is at trace level"
    );
    for verb in [
        "verify qdrant:kinds vectorize:docs --file-index kv:files",
        "export vectorize:docs backup",
        "transform docs.migration/archive out.ndjson",
    ] {
        tells_no_secret(&place, verb);
    }
}

#[test]
fn a_service_that_answers_with_the_token_is_quoted_without_it() {
    for words in [
        Words::Envelope(400),
        Words::Envelope(401),
        Words::Envelope(403),
        Words::Envelope(404),
        Words::Envelope(429),
        Words::Envelope(503),
        Words::Page(200),
        Words::Page(403),
        Words::Cut(400),
        Words::Cut(200),
        Words::Cut(502),
    ] {
        let echo = Echo::start(words.clone());
        let url = format!("http://127.0.0.1:{}", echo.port);
        let account = place(&format!("{url}/client/v4"))
            .with("UPSTASH_VECTOR_REST_URL", url.clone())
            .with("QDRANT_URL", url);
        let account = with_points(account);
        let line = format!("{RUN} --file-index kv:files");
        let ended = tells_no_secret(&account, &line);
        assert_ne!(ended.code, Some(0), "{words:?}");
        assert!(echo.calls() > 0, "{words:?}: {}", ended.stderr);
        if matches!(words, Words::Envelope(400 | 401 | 403)) {
            assert!(
                ended.stderr.contains("[secret], did you not"),
                "{}",
                ended.stderr
            );
        }
        let before = echo.calls();
        tells_no_secret(&account, "plan upstash: vectorize:docs");
        assert!(echo.calls() > before, "{words:?}");
    }
}

#[test]
fn what_cannot_be_reached_is_told_without_secrets() {
    let plain = Echo::start(Words::Envelope(200));
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for url in [
        format!("http://127.0.0.1:{closed}"),
        format!("https://127.0.0.1:{}", plain.port),
    ] {
        tells_no_secret_at(&format!("{url}/client/v4"), &url);
    }
}

/// No service is reached at these addresses, and no secret of any is shown.
fn tells_no_secret_at(cloudflare: &str, source: &str) {
    let place = place(cloudflare)
        .with("UPSTASH_VECTOR_REST_URL", source.to_owned())
        .with("QDRANT_URL", source.to_owned());
    let place = with_points(place);
    for line in [RUN, "export upstash: a", "export qdrant:docs b"] {
        let told = tells_no_secret(&place, line);
        assert_ne!(told.code, Some(0), "{source} {line}");
    }
}

#[test]
fn secrets_in_addresses_are_refused_or_dropped_and_never_shown() {
    for url in [
        format!("https://user:{IN_ADDRESS}@127.0.0.1:1"),
        format!("https://{IN_ADDRESS}@127.0.0.1:1"),
        format!("https://127.0.0.1:1/?api_key={IN_ADDRESS}"),
        format!("https://127.0.0.1:1/x#{IN_ADDRESS}"),
        format!("https://[{IN_ADDRESS}/"),
        format!("//user:{IN_ADDRESS}@host"),
        IN_ADDRESS.to_owned(),
    ] {
        tells_no_secret_at(&url, &url);
    }
}

#[test]
fn a_secret_in_the_wrong_file_or_in_a_malformed_one_is_not_shown() {
    for toml in [
        format!("[cloudflare]\napi-token = '{IN_ADDRESS}'\n"),
        format!("[qdrant]\napi-key = '{IN_ADDRESS}'\n"),
        format!("[qdrant]\nurl = 'https://me:{IN_ADDRESS}@host'\n"),
        format!("[qdrant]\ngrpc-port = '{IN_ADDRESS}'\n"),
        format!("[pace]\nconcurrency = \"{IN_ADDRESS}\"\n"),
        format!("CLOUDFLARE_API_TOKEN={IN_ADDRESS}\n"),
    ] {
        let place = with_points(place("http://127.0.0.1:1/client/v4"));
        std::fs::write(place.path("cf-migrate.toml"), &toml).unwrap();
        let ended = tells_no_secret(&place, "export qdrant:docs a");
        assert_eq!(ended.code, Some(2), "{toml} {}", ended.stderr);
    }
    for env in [
        format!("CLOUDFLARE_API_TOKEN='{IN_ADDRESS}\n"),
        format!("export \"{IN_ADDRESS}\n"),
    ] {
        let place = with_points(place("http://127.0.0.1:1/client/v4"));
        std::fs::write(place.path(".env"), &env).unwrap();
        let ended = tells_no_secret(&place, RUN);
        assert_eq!(ended.code, Some(2), "{env} {}", ended.stderr);
    }
}

#[test]
fn a_secret_of_the_env_file_is_concealed_like_any_other() {
    let echo = Echo::start(Words::Envelope(403));
    let place = with_points(
        Workplace::new()
            .with("CLOUDFLARE_ACCOUNT_ID", crate::binary::ACCOUNT)
            .with(
                "CLOUDFLARE_API_BASE_URL",
                format!("http://127.0.0.1:{}/client/v4", echo.port),
            ),
    );
    std::fs::write(
        place.path(".env"),
        format!("CLOUDFLARE_API_TOKEN={IN_ADDRESS}\n"),
    )
    .unwrap();
    let ended = tells_no_secret(&place, RUN);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("[secret], did you not"),
        "{}",
        ended.stderr
    );
}

#[cfg(target_os = "linux")]
#[test]
fn no_process_of_ours_has_a_secret_among_its_arguments() {
    let served = Served::new(SandboxOptions {
        faults: vec!["slow:1".parse().unwrap()],
        ..SandboxOptions::default()
    });
    let place = with_points(place(&served.url));
    let mut child = place.command(&shlex::split(RUN).unwrap());
    child.stderr(std::process::Stdio::null());
    let mut child = child.spawn().unwrap();
    while served.sandbox.calls().total() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let arguments = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert!(!arguments.is_empty() && !is_secret(&arguments));
    child.kill().unwrap();
    child.wait().unwrap();
}
