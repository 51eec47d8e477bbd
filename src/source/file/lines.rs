//! The lines of a file, decompressed on the way, each with its number. Lines
//! are bounded, so that a file without line breaks does not fill the memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::PARQUET_MAGIC;
use super::error::{Compression, FileError};

/// The longest line.
pub(super) const MAX_LINE_BYTES: usize = 64 << 20;
/// How much is read from the file at a time.
const BUFFER_BYTES: usize = 256 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// A file's lines, one after the other.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    compression: Option<Compression>,
    buffer: Vec<u8>,
    read: u64,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a line break.
    Break,
    /// With the end of the file.
    File,
}

impl Lines {
    /// Opens the file at its first line.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::io(path))?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let head = file.fill_buf().map_err(FileError::io(path))?;
        let compression = if head.starts_with(GZIP) {
            Some(Compression::Gzip)
        } else if head.starts_with(ZSTD) {
            Some(Compression::Zstd)
        } else {
            None
        };
        let mut lines = Self {
            path: path.to_owned(),
            reader: decompress(file, compression).map_err(FileError::io(path))?,
            compression,
            buffer: Vec::new(),
            read: 0,
        };
        lines.look_at_head()?;
        Ok(lines)
    }

    /// Passes a byte order mark, and refuses what is not text.
    fn look_at_head(&mut self) -> Result<(), FileError> {
        let (marked, parquet) = match self.reader.fill_buf() {
            Ok(head) => (
                head.starts_with(BYTE_ORDER_MARK),
                head.starts_with(&PARQUET_MAGIC),
            ),
            Err(error) => return Err(self.failed(error)),
        };
        if parquet {
            let path = self.path.clone();
            return Err(FileError::Parquet { path });
        }
        if marked {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    /// How many lines were read, empty ones included.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Reads the next line that is not blank; false at the end of the file.
    /// It is [`Lines::text`] then, and its number [`Lines::read`].
    pub(super) fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            if !self.read_line()? {
                return Ok(false);
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Passes lines until `lines` of the file are read; returns how many of
    /// these were not blank, or none when the file has fewer lines.
    pub(super) fn skip_to(&mut self, lines: u64) -> Result<Option<u64>, FileError> {
        let mut filled = 0;
        while self.read < lines {
            if !self.read_line()? {
                return Ok(None);
            }
            filled += u64::from(!self.buffer.trim_ascii().is_empty());
        }
        Ok(Some(filled))
    }

    fn read_line(&mut self) -> Result<bool, FileError> {
        self.buffer.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let outcome = self
            .reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.buffer);
        match outcome {
            Err(error) => return Err(self.failed(error)),
            Ok(0) => return Ok(false),
            Ok(_) => self.read += 1,
        }
        if self.buffer.len() <= MAX_LINE_BYTES {
            return Ok(true);
        }
        self.refuse_array()?;
        let mebibytes = MAX_LINE_BYTES >> 20;
        Err(self.bad(format!("it is longer than {mebibytes} MiB")))
    }

    /// The line as text, without what surrounds it.
    pub(super) fn text(&self) -> Result<&str, FileError> {
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(text.trim_ascii()),
            Err(error) => {
                let position = error.valid_up_to() + 1;
                Err(self.bad(format!("it is not UTF-8 text (byte {position})")))
            }
        }
    }

    /// How large the line is.
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// How the line ends.
    pub(super) fn ending(&self) -> Ending {
        match self.buffer.last() {
            Some(b'\n') => Ending::Break,
            _ => Ending::File,
        }
    }

    /// An error when the line begins a JSON array.
    pub(super) fn refuse_array(&self) -> Result<(), FileError> {
        if self.buffer.trim_ascii_start().starts_with(b"[") {
            let path = self.path.clone();
            return Err(FileError::JsonArray { path });
        }
        Ok(())
    }

    /// An error about the line that was read last.
    pub(super) fn bad(&self, reason: String) -> FileError {
        FileError::BadLine {
            path: self.path.clone(),
            line: self.read,
            reason,
        }
    }

    fn failed(&self, source: io::Error) -> FileError {
        let (path, lines) = (self.path.clone(), self.read);
        match self.compression {
            // The decoders' own errors have no number of the operating system.
            Some(compression) if source.raw_os_error().is_none() => match source.kind() {
                ErrorKind::UnexpectedEof => FileError::CutOff {
                    path,
                    compression,
                    lines,
                },
                _ => FileError::Corrupt {
                    path,
                    compression,
                    lines,
                    source,
                },
            },
            _ => FileError::Io { path, source },
        }
    }
}

fn decompress(
    file: BufReader<File>,
    compression: Option<Compression>,
) -> io::Result<Box<dyn BufRead + Send>> {
    Ok(match compression {
        None => Box::new(file),
        Some(Compression::Gzip) => {
            let decoder = flate2::bufread::MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        }
        Some(Compression::Zstd) => {
            let decoder = zstd::stream::read::Decoder::with_buffer(file)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        }
    })
}
