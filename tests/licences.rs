//! Every dependency that is built here has a licence that `deny.toml` allows. The
//! rest of that file is for `cargo deny check`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What cargo knows of the packages of this platform, without asking the network.
fn packages() -> Vec<Value> {
    let host = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let host = String::from_utf8(host).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform",
    ];
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .arg(host.unwrap())
        .output()
        .unwrap();
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    let built = metadata["resolve"]["nodes"].as_array().unwrap().clone();
    let built: Vec<&str> = built
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let Value::Array(mut packages) = metadata["packages"].take() else {
        panic!("cargo lists packages");
    };
    packages.retain(|package| built.contains(&package["id"].as_str().unwrap()));
    packages
}

struct Rules {
    allowed: Vec<String>,
    /// A package's name and the licence that it alone may have.
    exceptions: Vec<(String, String)>,
}

impl Rules {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        let texts = |value: &toml::Value| -> Vec<String> {
            let list = value.as_array().unwrap().iter();
            list.map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let licences = &table["licenses"];
        let exceptions = licences["exceptions"].as_array().unwrap().iter();
        let exceptions = exceptions.flat_map(|exception| {
            let name = exception["crate"].as_str().unwrap().to_owned();
            let allowed = texts(&exception["allow"]).into_iter();
            allowed.map(move |licence| (name.clone(), licence))
        });
        Self {
            allowed: texts(&licences["allow"]),
            exceptions: exceptions.collect(),
        }
    }

    /// Whether some choice that the expression leaves is allowed.
    fn allow(&self, name: &str, expression: &str) -> bool {
        let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
        let one = |licence: &str| {
            let licence = licence.trim();
            let excepted = (name.to_owned(), licence.to_owned());
            self.allowed.iter().any(|allowed| allowed == licence)
                || self.exceptions.contains(&excepted)
        };
        plain.split(" AND ").all(|part| part.split(" OR ").any(one))
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_on_the_list() {
    let rules = Rules::read();
    let refused: Vec<String> = packages()
        .iter()
        .filter_map(|package| {
            let (name, licence) = (package["name"].as_str()?, package["license"].as_str());
            let licence = licence.unwrap_or("none");
            (!rules.allow(name, licence)).then(|| format!("{name}: {licence}"))
        })
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn licences_are_told_apart() {
    let rules = Rules::read();
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("MPL-2.0", false),
        ("none", false),
    ] {
        assert_eq!(rules.allow("some", expression), allowed, "{expression}");
    }
    assert!(rules.allow("option-ext", "MPL-2.0"));
}
