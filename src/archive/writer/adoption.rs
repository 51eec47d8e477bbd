//! Takes the parts of another archive as they are: their files are copied, and no point
//! is decoded. What becomes of the other archive afterwards changes nothing here.

use crate::archive::copies::copy_part;
use crate::archive::error::ArchiveError;
use crate::archive::generation::Generation;
use crate::archive::manifest::Part;
use crate::archive::runs::Runs;
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
    /// Its bytes are held against the manifest while they are copied.
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
            let ours = writer.folder.join(&part.file);
            copy_part(part, &other.folder().join(&part.file), &ours)?;
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
