//! The log file. A log that cannot be written any more is told once and does not
//! end the run: what it would say is not needed to go on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that log lines are added to.
pub(super) struct LogFile {
    file: File,
    path: PathBuf,
    told: bool,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
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
