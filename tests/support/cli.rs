//! The binary as an operator has it: an empty working folder, only the variables
//! that a test sets, and everything that it says.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles all of it and uses a part"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_cf-migrate");

/// The project's own sample: 269 points of 61 files, 384 dimensions.
pub fn sample() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/project_docs.ndjson").to_owned()
}

/// A working folder, and the variables the binary is started with.
pub struct Shell {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// How the binary ended, and what it said.
#[derive(Debug, Clone)]
pub struct Told {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Self {
            folder,
            variables: BTreeMap::new(),
        };
        // Outside of the working folder's listing, which tests look at.
        let state = shell.path(".state").to_string_lossy().into_owned();
        shell.set("CF_MIGRATE_STATE_DIR", &state);
        shell
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What the working folder holds, by name; names that begin with a dot are
    /// left out unless they are scratch folders of the binary's.
    pub fn listing(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| !name.starts_with('.') || name.starts_with(".cf-migrate-"));
        names.sort();
        names
    }

    /// Runs `cf-migrate LINE`; the line is split as a shell splits it.
    pub fn run(&self, line: &str) -> Told {
        let words = shlex::split(line).expect("the test writes a shell line");
        self.command(Path::new(BINARY), &words)
            .output()
            .unwrap()
            .into()
    }

    /// The same under `sh -c SCRIPT`, in which `"$@"` is the binary with its
    /// arguments.
    pub fn run_under(&self, script: &str, line: &str) -> Told {
        let mut words = vec![
            "-c".to_owned(),
            script.to_owned(),
            "sh".to_owned(),
            BINARY.to_owned(),
        ];
        words.extend(shlex::split(line).expect("the test writes a shell line"));
        self.command(Path::new("/bin/sh"), &words)
            .output()
            .unwrap()
            .into()
    }

    /// The same on a terminal, whose output is all on standard output; none where
    /// this machine cannot give it one (`script` of util-linux does).
    pub fn run_on_terminal(&self, line: &str) -> Option<Told> {
        let mut words = vec![BINARY.to_owned()];
        words.extend(shlex::split(line).expect("the test writes a shell line"));
        let typed = shlex::try_join(words.iter().map(String::as_str)).unwrap();
        let script = ["-q", "-e", "-c", &typed, "/dev/null"].map(str::to_owned);
        let output = self.command(Path::new("script"), &script).output().ok()?;
        Some(output.into())
    }

    /// Starts it and returns at once.
    pub fn start(&self, line: &str) -> Child {
        let words = shlex::split(line).expect("the test writes a shell line");
        self.command(Path::new(BINARY), &words).spawn().unwrap()
    }

    fn command(&self, program: &Path, words: &[String]) -> Command {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("RUST_BACKTRACE", "1")
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Told {
    /// Fails unless it ended with that code, showing all that was said.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless it said that on standard error.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in\n{self}");
        self
    }

    /// The result object: the only thing on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{self}"));
        assert!(value.is_object(), "{self}");
        value
    }

    /// No trace of a mistake in the program itself.
    #[track_caller]
    pub fn is_no_panic(&self) {
        for sign in ["panicked at", "stack backtrace", "RUST_BACKTRACE"] {
            let text = format!("{self}");
            assert!(!text.contains(sign), "{text}");
        }
        assert!(self.code.is_some() && self.code != Some(101), "{self}");
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit code {:?}\nstdout:\n{}\nstderr:\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}
