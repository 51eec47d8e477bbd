//! `sandbox --listen`: a local Cloudflare for any client.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};

use serde_json::Value;

use crate::cli::{Shell, sample};
use crate::place::MAPPED;

/// A served sandbox, and its base URL.
fn serve(shell: &Shell, options: &str) -> (Child, String) {
    let mut child = shell.start(&format!("sandbox --listen 127.0.0.1:0 {options}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let announced: Value = serde_json::from_str(&line).unwrap();
    (child, announced["base_url"].as_str().unwrap().to_owned())
}

fn stop(mut child: Child, signal: &str) -> Option<i32> {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
fn it_announces_itself_serves_and_keeps_its_data_over_a_restart() {
    let mut shell = Shell::new();
    shell.set("CLOUDFLARE_ACCOUNT_ID", "a-word");
    shell.set("CLOUDFLARE_API_TOKEN", "t");
    let options = "--dir box --token t --account a-word --apply-delay 0s";
    let (child, url) = serve(&shell, options);
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/client/v4"),
        "{url}"
    );
    shell.set("CLOUDFLARE_API_BASE_URL", &url);
    let line = format!("run {} vectorize:docs {MAPPED} --create", sample());
    shell.run(&line).ends(0).says("proven: 269 records");
    assert_eq!(stop(child, "-INT"), Some(0));

    let (child, url) = serve(&shell, options);
    shell.set("CLOUDFLARE_API_BASE_URL", &url);
    let line = format!(
        "verify {} vectorize:docs {MAPPED} --dir elsewhere",
        sample()
    );
    shell.run(&line).ends(0).says("proven: 269 records");
    assert_eq!(stop(child, "-TERM"), Some(0));
}

#[test]
fn it_lets_nobody_in_with_another_token() {
    let mut shell = Shell::new();
    let (child, url) = serve(&shell, "--token right");
    shell.set("CLOUDFLARE_ACCOUNT_ID", "a");
    shell.set("CLOUDFLARE_API_TOKEN", "wrong");
    shell.set("CLOUDFLARE_API_BASE_URL", &url);
    shell
        .run(&format!("run {} vectorize:docs --create", sample()))
        .ends(6);
    stop(child, "-INT");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let shell = Shell::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    shell
        .run(&format!("sandbox --listen {address}"))
        .ends(1)
        .says(&format!("nothing can listen on {address}"))
        .says("port 0 lets the system choose a free one");
}

#[test]
fn an_unknown_fault_is_refused_with_those_there_are() {
    let told = Shell::new()
        .run("sandbox --listen 127.0.0.1:0 --fault earthquake:0.5")
        .ends(2);
    told.is_no_panic();
    assert!(told.stderr.contains("earthquake"), "{told}");
}
