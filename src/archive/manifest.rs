//! A generation's manifest: what its parts are, where they came from, and
//! whether the export is complete. It is replaced as a whole at every change.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::limited;
use crate::point::PointId;
use crate::source::{Configuration, Cursor, Lane, SourceFacts};

use super::error::ArchiveError;
use super::files;
use super::runs::Runs;
use super::superseded::Superseded;

/// The format that this version writes.
const FORMAT: &str = "cf-migrate/archive/1";
/// What every version's format begins with.
const FORMAT_FAMILY: &str = "cf-migrate/archive/";
/// The largest manifest that is read: a part takes about 600 bytes of it, and lists of
/// runs and of superseded points a few bytes each.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;
/// The manifest's file name.
pub(super) const FILE_NAME: &str = "manifest.json";

/// The number of a generation, from 1; its folder's name is `0001` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GenerationNumber(u32);

impl GenerationNumber {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number as such.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The generation of that number; none for 0 and what no folder has.
    pub fn new(number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (number > 0).then_some(Self(number))
    }

    /// Reads a folder's name; none when it is not a generation's.
    pub(super) fn from_folder_name(name: &str) -> Option<Self> {
        let number = Self(name.parse().ok().filter(|number| *number > 0)?);
        (number.to_string() == name).then_some(number)
    }
}

impl fmt::Display for GenerationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// The SHA-256 of a file, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checksum(String);

impl Checksum {
    pub(super) fn from_hash(hash: Sha256) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in hash.finalize() {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self(text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a generation's export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It goes on, or was stopped and can go on.
    Exporting,
    /// It holds everything that the source had.
    Complete,
}

/// One sealed part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The file's name in the generation's folder.
    pub file: String,
    /// How many points it holds; at least 1.
    pub points: u64,
    /// The id of its first point.
    pub first_id: PointId,
    /// The id of its last point.
    pub last_id: PointId,
    /// Where the source was read from for its first point; none for the start.
    pub cursor_before: Option<Cursor>,
    /// Where the source goes on after its last point; none for its end.
    pub cursor_after: Option<Cursor>,
    /// Whose points follow whose, where the source is read along lanes.
    #[serde(default, skip_serializing_if = "Runs::is_empty")]
    pub runs: Runs,
    /// When its first point arrived, RFC 3339 in UTC.
    pub read_at: String,
    /// The file's size.
    pub bytes: u64,
    /// The file's checksum.
    pub sha256: Checksum,
}

/// How many points a source said it had in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceCount {
    /// The namespace; none for the default one.
    pub name: Option<String>,
    /// How many points.
    pub points: u64,
}

/// What a generation holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format and its version.
    pub format: String,
    /// The generation's number.
    pub generation: GenerationNumber,
    /// How far its export is.
    pub state: State,
    /// What the points came from, and their shape.
    pub source: SourceFacts,
    /// How the source's service was told to hold them; none where it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
    /// How many points the source said it had before the export.
    pub count_before: Option<u64>,
    /// How many it said it had afterwards.
    pub count_after: Option<u64>,
    /// The lanes that the source is read along, drawn before the first page; none
    /// where it is read in one go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// How many points the source said it had in each namespace after the export;
    /// empty where it does not count by namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<NamespaceCount>,
    /// Points of the parts that came again later in the same pass.
    #[serde(default, skip_serializing_if = "Superseded::is_empty")]
    pub superseded: Superseded,
    /// The sealed parts, in the order in which they were read.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// The manifest of a generation that has nothing yet.
    pub(super) fn begin(generation: GenerationNumber, source: &SourceFacts) -> Self {
        Self {
            format: FORMAT.to_owned(),
            generation,
            state: State::Exporting,
            source: source.clone(),
            configuration: None,
            count_before: None,
            count_after: None,
            lanes: Vec::new(),
            namespaces: Vec::new(),
            superseded: Superseded::default(),
            parts: Vec::new(),
        }
    }

    /// How many points the sealed parts hold together.
    pub fn points(&self) -> u64 {
        self.parts.iter().map(|part| part.points).sum()
    }

    /// Reads the manifest of a generation's folder; none when there is none.
    pub(super) fn load(
        folder: &Path,
        generation: GenerationNumber,
    ) -> Result<Option<Self>, ArchiveError> {
        let path = folder.join(FILE_NAME);
        let text = match limited::read(&path, MAX_MANIFEST_BYTES) {
            Err(error) if absent(&error) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let (manifest, reason) = (path, error.to_string());
                return Err(ArchiveError::DamagedManifest { manifest, reason });
            }
            other => other.map_err(ArchiveError::io("read", &path))?,
        };
        Self::parse(&text, &path, generation).map(Some)
    }

    fn parse(text: &[u8], path: &Path, generation: GenerationNumber) -> Result<Self, ArchiveError> {
        let damaged = |reason: String| ArchiveError::DamagedManifest {
            manifest: path.to_owned(),
            reason,
        };
        // The format is looked at alone, before fields that a newer one may have changed.
        let header: Header =
            serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        if header.format != FORMAT {
            return Err(other_format(path, header.format));
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        match manifest.inconsistency(generation) {
            Some(reason) => Err(damaged(reason)),
            None => Ok(manifest),
        }
    }

    fn inconsistency(&self, generation: GenerationNumber) -> Option<String> {
        let mut sizes = self.parts.iter().map(|part| part.points);
        if sizes.try_fold(0_u64, u64::checked_add).is_none() {
            return Some("it counts more points than there can be".to_owned());
        }
        if let Some(last) = self.superseded.last().filter(|last| *last >= self.points()) {
            return Some(format!("it has no point {last} that could be superseded"));
        }
        if self.generation != generation {
            return Some(format!("it is that of generation {}", self.generation));
        }
        let misnamed = self
            .parts
            .iter()
            .enumerate()
            .find(|(index, part)| part.file != part_name(*index));
        if let Some((index, part)) = misnamed {
            let expected = part_name(index);
            return Some(format!("it names {:?} for {expected:?}", part.file));
        }
        if let Some(empty) = self.parts.iter().find(|part| part.points == 0) {
            return Some(format!("{} has no points", empty.file));
        }
        let stray = self
            .parts
            .iter()
            .find(|part| !self.agrees(&part.runs, part))?;
        Some(format!("the runs of {} are not its points", stray.file))
    }

    fn agrees(&self, runs: &Runs, part: &Part) -> bool {
        let known = runs.iter().all(|run| run.lane < self.lanes.len());
        runs.is_empty() || (known && runs.points() == part.points)
    }

    /// Replaces the manifest of a generation's folder, durably.
    pub(super) fn store(&self, folder: &Path) -> Result<(), ArchiveError> {
        let mut text = serde_json::to_vec_pretty(self).expect("a manifest has only string keys");
        text.push(b'\n');
        files::replace(&folder.join(FILE_NAME), &text)
    }
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

fn other_format(path: &Path, format: String) -> ArchiveError {
    if format.starts_with(FORMAT_FAMILY) {
        ArchiveError::NewerFormat {
            manifest: path.to_owned(),
            format,
        }
    } else {
        ArchiveError::NotAnArchive {
            path: path.to_owned(),
        }
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The file name of the part at `index` (from 0).
pub(super) fn part_name(index: usize) -> String {
    format!("part-{:06}.parquet", index + 1)
}

/// Whether a file of that name can only be a part, or the beginning of a part
/// or manifest, that an export left behind.
pub(super) fn is_leftover_name(name: &str) -> bool {
    let whole = name.strip_suffix(".tmp").unwrap_or(name);
    let is_part = whole
        .strip_prefix("part-")
        .and_then(|rest| rest.strip_suffix(".parquet"))
        .is_some_and(|digits| digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit()));
    is_part || name == "manifest.json.tmp"
}

/// A generation's folder below an archive's root.
pub(super) fn folder_of(root: &Path, generation: GenerationNumber) -> PathBuf {
    root.join(generation.to_string())
}
