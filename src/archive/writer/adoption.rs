//! Takes the parts of another archive as they are: no point is decoded. The file gets a
//! second name where the file system has that, and is copied where it has not.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::archive::error::ArchiveError;
use crate::archive::files::{self, HashingFile};
use crate::archive::generation::Generation;
use crate::archive::manifest::Part;
use crate::archive::part_reader::damaged;
use crate::archive::runs::Runs;
use crate::disk;
use crate::source::Cursor;

use super::{GenerationWriter, SealedPart};

impl GenerationWriter {
    /// Whether every point of `other` counts, and what is sealed here are its first
    /// parts: then [`GenerationWriter::adopt_next`] can go on.
    pub fn can_adopt(&self, other: &Generation) -> bool {
        let (sealed, theirs) = (&self.manifest.parts, &other.manifest().parts);
        let mut pairs = sealed.iter().zip(theirs);
        other.manifest().superseded.is_empty()
            && self.manifest.source.shape == *other.shape()
            && sealed.len() <= theirs.len()
            && pairs.all(|(sealed, theirs)| sealed.sha256 == theirs.sha256)
    }

    /// Seals the next part of `other`, in place of pushing its points; none after the
    /// last one. Its cursors are the positions of its points ([`Cursor::AfterPoint`]).
    /// The part's content is taken to have been checked.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Missing`] and [`ArchiveError::Damaged`] of their file.
    pub fn adopt_next(&mut self, other: &Generation) -> Result<Option<SealedPart>, ArchiveError> {
        let index = self.manifest.parts.len();
        let (Some(part), Some(ordinals)) =
            (other.manifest().parts.get(index), other.ordinals(index))
        else {
            return Ok(None);
        };
        self.attempt(|writer| {
            take_file(other.folder(), &writer.folder, part)?;
            let sealed = SealedPart {
                index,
                first_ordinal: ordinals.start,
                points: part.points,
                bytes: part.bytes,
            };
            let place = |ordinal| Some(Cursor::AfterPoint(ordinal));
            writer.manifest.parts.push(Part {
                cursor_before: place(ordinals.start).filter(|_| ordinals.start > 0),
                cursor_after: place(ordinals.end).filter(|_| ordinals.end < other.points()),
                runs: Runs::default(),
                ..part.clone()
            });
            writer.manifest.store(&writer.folder)?;
            Ok(Some(sealed))
        })
    }
}

/// Makes the part's file one of the folder `to`, durably.
fn take_file(from: &Path, to: &Path, part: &Part) -> Result<(), ArchiveError> {
    let (from, to) = (from.join(&part.file), to.join(&part.file));
    match link(&from, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ArchiveError::Missing { part: from });
        }
        Err(error) if has_no_links(error.kind()) => return copy(&from, &to, part),
        Err(error) => return Err(ArchiveError::io("link to", &from)(error)),
    }
    files::sync_folder(to.parent().unwrap_or(Path::new(".")))
}

/// One file under two names. Its content may have been put there a moment ago, by who
/// knows whom; a link of another kind is followed, so that the file stays ours.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    let file = fs::canonicalize(from)?;
    disk::sync_file(&file)?;
    disk::link(&file, to)
}

/// Between file systems, on those that have no links, for files of others, and where
/// there are too many links.
fn has_no_links(kind: ErrorKind) -> bool {
    use ErrorKind::{CrossesDevices, InvalidInput, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        kind,
        CrossesDevices | InvalidInput | PermissionDenied | TooManyLinks | Unsupported
    )
}

fn copy(from: &Path, to: &Path, part: &Part) -> Result<(), ArchiveError> {
    let mut content = fs::File::open(from).map_err(ArchiveError::io("read", from))?;
    let tmp = files::tmp_of(to);
    let mut file = HashingFile::create(&tmp)?;
    io::copy(&mut content, &mut file).map_err(ArchiveError::io("copy to", &tmp))?;
    let (_, sha256) = file.sync()?;
    match sha256 == part.sha256 {
        true => files::put_in_place(&tmp, to),
        false => Err(damaged(from, "its checksum is not that of the manifest")),
    }
}
