//! The log file, and what is logged. A log that cannot be written any more is told once and does not
//! end the run: what it would say is not needed to go on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::conceal::Concealing;
use crate::error::Error;

/// What is logged unless `RUST_LOG` says something else.
const USUAL: &str = "info,cf_migrate=debug";

/// From now on, a JSON object a line goes to that file, as `RUST_LOG` wants it.
pub(super) fn start(path: &Path) -> Result<(), Error> {
    let file = LogFile::open(path).map_err(|error| {
        Error::usage(format!("the log {} cannot be written", path.display()))
            .advise("give a file in a folder that exists and that this user can write to")
            .because(error)
    })?;
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .log_internal_errors(false)
        .with_writer(Mutex::new(Concealing(file)));
    tracing_subscriber::registry()
        .with(levels(&wanted)?)
        .with(lines)
        .try_init()
        .map_err(|error| Error::failed("the log cannot be set up").because(error))
}

/// Levels of parts alone: a filter that looks into spans would bring two regex
/// engines' worth of code, and no span of ours is there to be looked into.
fn levels(wanted: &str) -> Result<Targets, Error> {
    let refusal = || {
        Error::usage("RUST_LOG does not say what to log")
            .advise("write a level, as trace, or levels of single parts, as info,cf_migrate=trace; or unset it")
    };
    let parts: Vec<&str> = wanted
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.iter().any(|part| part.contains('[')) {
        return Err(refusal());
    }
    let told = match parts.is_empty() {
        true => USUAL.to_owned(),
        false => parts.join(","),
    };
    told.parse().map_err(|error| refusal().because(error))
}

/// A file that log lines are added to.
struct LogFile {
    file: File,
    path: PathBuf,
    told: bool,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self {
            file: options.open(path)?,
            path: path.to_owned(),
            told: false,
        })
    }

    fn tell(&mut self, error: &io::Error) {
        if self.told {
            return;
        }
        self.told = true;
        // With the terminal gone as well there is nobody left to tell.
        let _ = writeln!(
            io::stderr(),
            "warning: the log {} cannot be written any more: {error}; the run goes on",
            self.path.display()
        );
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_all(line) {
            self.tell(&error);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn levels_of_parts_are_taken_with_spaces_and_nothing_means_the_usual() {
        for (wanted, ours, theirs) in [
            ("", Level::DEBUG, Level::INFO),
            (" , ", Level::DEBUG, Level::INFO),
            ("warn, cf_migrate=trace", Level::TRACE, Level::WARN),
            ("TRACE", Level::TRACE, Level::TRACE),
        ] {
            let levels = levels(wanted).unwrap();
            for (part, level) in [("cf_migrate::http", ours), ("hyper", theirs)] {
                assert!(levels.would_enable(part, &level), "{wanted}: {part}");
                let more = [Level::DEBUG, Level::TRACE];
                let more = more.iter().filter(|more| **more > level);
                for more in more {
                    assert!(!levels.would_enable(part, more), "{wanted}: {part}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_level_and_what_looks_into_spans_is_refused() {
        for wanted in [
            "cf_migrate=loudly",
            "[request]=trace",
            "hyper[{id=3}]=trace",
        ] {
            let told = levels(wanted).unwrap_err().to_string();
            assert_eq!(told, "RUST_LOG does not say what to log", "{wanted}");
        }
    }
}
