//! How secrets travel: not readable to other machines, and to nobody whom the
//! operator did not name.

use std::io::{BufRead as _, BufReader};

use crate::binary::{ACCOUNT, Workplace, point, write_lines};
use crate::echo::{Echo, Words};
use crate::support::qdrant::QdrantDouble;

fn place(url: &str) -> Workplace {
    let place = Workplace::new()
        .with("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
        .with("CLOUDFLARE_API_BASE_URL", format!("{url}/client/v4"))
        .with("CLOUDFLARE_API_TOKEN", "a-token-of-this-test")
        .with("UPSTASH_VECTOR_REST_URL", url)
        .with("UPSTASH_VECTOR_REST_TOKEN", "a-token-of-this-test")
        .with("QDRANT_URL", url)
        .with("QDRANT_API_KEY", "a-token-of-this-test");
    write_lines(
        &place.path("points.ndjson"),
        (0..3).map(|number| point(number, 32)),
    );
    place
}

const LINES: [&str; 3] = [
    "plan points.ndjson vectorize:docs --create",
    "export upstash: a",
    "export qdrant:docs b",
];

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    // Reserved for documentation: nothing answers there.
    for url in [
        "http://192.0.2.1:6333",
        "http://localhost.example:6333",
        "http://[2001:db8::1]:6333",
    ] {
        let place = place(url);
        for line in LINES {
            let ended = place.run(&shlex::split(line).unwrap());
            assert_eq!(ended.code, Some(2), "{line}: {}", ended.stderr);
            assert!(ended.stderr.contains("plain http"), "{}", ended.stderr);
            assert!(ended.stderr.contains("--insecure-http"), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_redirect_is_not_followed_wherever_it_points() {
    let elsewhere = Echo::start(Words::Envelope(200));
    for status in [301, 302, 303, 307, 308] {
        let there = format!("http://127.0.0.1:{}/taken", elsewhere.port);
        let here = Echo::start(Words::Redirect(status, there));
        let place = place(&format!("http://127.0.0.1:{}", here.port));
        for line in &LINES[..2] {
            let before = here.calls();
            let ended = place.run(&shlex::split(line).unwrap());
            assert_ne!(ended.code, Some(0), "{line}: {}", ended.stderr);
            assert!(here.calls() > before, "{line}: {}", ended.stderr);
        }
    }
    assert_eq!(elsewhere.calls(), 0, "the token was carried elsewhere");
}

#[test]
fn a_redirect_of_qdrants_rest_side_is_not_followed() {
    let elsewhere = Echo::start(Words::Envelope(200));
    let there = format!("http://127.0.0.1:{}/taken", elsewhere.port);
    let here = Echo::start(Words::Redirect(307, there));
    let server = QdrantDouble::recorded("kinds").start();
    let place = Workplace::new()
        .with("QDRANT_URL", server.grpc_url())
        .with("QDRANT_API_KEY", "a-token-of-this-test")
        .with("QDRANT_REST_PORT", here.port.to_string());
    let line = "run qdrant:kinds vectorize:docs --create --sandbox --allow-rejects 16";
    let ended = place.run(&shlex::split(line).unwrap());
    assert!(here.calls() > 0, "{}", ended.stderr);
    assert_eq!(elsewhere.calls(), 0, "the key was carried elsewhere");
}

#[test]
fn a_sandbox_is_for_this_machine_unless_it_is_told_otherwise_and_has_a_token() {
    let place = Workplace::new();
    let refused = place.run(&shlex::split("sandbox --listen 0.0.0.0:0").unwrap());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stdout.is_empty());

    let token = "a-token-of-this-test";
    for (listen, warned) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let line = [
            "sandbox", "--listen", listen, "--token", token, "--dir", "box",
        ];
        let mut command = place.command(&line);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut ready).unwrap();
        child.kill().unwrap();
        let told = child.wait_with_output().unwrap();
        let told = String::from_utf8(told.stderr).unwrap();
        assert!(ready.contains("/client/v4"), "{told}");
        assert_eq!(
            told.contains("can be reached from other machines"),
            warned,
            "{told}"
        );
        assert!(!told.contains(token) && !ready.contains(token));
    }
}
