//! An NDJSON file as a source. Between pages the file stays open where it was
//! left, so that reading it all is one pass; any other place is reached by
//! passing over the lines before it.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::error::Error;
use crate::point::{Point, PointName};
use crate::source::{Cursor, Page, ReadPoint, Source, SourceFacts};

use super::error::FileError;
use super::form::{self, Form, Line};
use super::identity::{self, Stamp};
use super::json::{RawObject, line_reason};
use super::lines::{Ending, Lines};
use super::shape::{LEARNED_LINES, Vectors};
use super::{PAGE_BYTES, PAGE_POINTS};

/// A file with a point on each line.
pub(super) struct NdjsonSource {
    path: PathBuf,
    facts: SourceFacts,
    /// As it was before it was looked at.
    stamp: Stamp,
    vectors: Vectors,
    place: Option<Place>,
    total: Option<u64>,
}

/// Where reading stands.
struct Place {
    lines: Lines,
    points: u64,
}

impl NdjsonSource {
    /// Opens the file and looks at its first lines.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let stamp = Stamp::of(path)?;
        let vectors = learn(path)?;
        Ok(Self {
            path: path.to_owned(),
            facts: SourceFacts {
                name: identity::name(path),
                identity: identity::of(path)?,
                shape: vectors.shape(),
                warnings: Vec::new(),
            },
            stamp,
            vectors,
            place: None,
            total: None,
        })
    }

    fn read_page(&mut self, from: Option<&Cursor>) -> Result<Page, FileError> {
        let after = match from {
            None => 0,
            Some(Cursor::AfterLine(lines)) => *lines,
            Some(_) => {
                let path = self.path.clone();
                return Err(FileError::ForeignCursor { path });
            }
        };
        let mut place = match self.place.take() {
            Some(place) if place.lines.read() == after => place,
            _ => self.go_to(after)?,
        };
        let mut page = Page::default();
        let mut bytes = 0;
        while page.points.len() < PAGE_POINTS && bytes < PAGE_BYTES {
            if !place.lines.advance()? {
                self.check_unchanged()?;
                self.total = Some(place.points);
                return Ok(page);
            }
            bytes += place.lines.bytes();
            place.points += 1;
            page.points.push(self.read_point(&place.lines)?);
        }
        page.next = Some(Cursor::AfterLine(place.lines.read()));
        self.place = Some(place);
        Ok(page)
    }

    fn go_to(&self, after: u64) -> Result<Place, FileError> {
        self.check_unchanged()?;
        let mut lines = Lines::open(&self.path)?;
        match lines.skip_to(after)? {
            Some(points) => Ok(Place { lines, points }),
            None => Err(self.changed()),
        }
    }

    fn check_unchanged(&self) -> Result<(), FileError> {
        if Stamp::of(&self.path)? == self.stamp {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    fn changed(&self) -> FileError {
        FileError::Changed {
            path: self.path.clone(),
        }
    }

    fn read_point(&self, lines: &Lines) -> Result<ReadPoint, FileError> {
        let line = read_line(lines, self.vectors.form())?;
        let point = self
            .vectors
            .fit(line, &self.facts.shape)
            .map_err(|reason| lines.bad(reason))?;
        Ok(ReadPoint {
            point,
            resume: Some(Cursor::AfterLine(lines.read())),
        })
    }
}

/// Learns what the lines hold from the first of them.
fn learn(path: &Path) -> Result<Vectors, FileError> {
    let mut lines = Lines::open(path)?;
    if !lines.advance()? {
        let path = path.to_owned();
        return Err(FileError::Empty { path });
    }
    lines.refuse_array()?;
    let mut vectors = Vectors::new(form_of_first(&lines)?);
    let mut without_vectors: Option<(u64, Line)> = None;
    for _ in 0..LEARNED_LINES {
        let line = read_line(&lines, vectors.form())?;
        vectors.learn(&line).map_err(|reason| lines.bad(reason))?;
        if line.vectors.is_none() && without_vectors.is_none() {
            without_vectors = Some((lines.read(), line));
        }
        if !lines.advance()? {
            break;
        }
    }
    if let Some((number, line)) = without_vectors {
        vectors
            .check_presence(&line)
            .map_err(|reason| FileError::BadLine {
                path: path.to_owned(),
                line: number,
                reason,
            })?;
    }
    Ok(vectors)
}

fn form_of_first(lines: &Lines) -> Result<Form, FileError> {
    Form::of(&parse(lines)?).ok_or_else(|| {
        let (qdrant, vectorize) = (Form::Qdrant, Form::Vectorize);
        lines.bad(format!("it has neither {qdrant} nor {vectorize}"))
    })
}

fn read_line(lines: &Lines, form: Form) -> Result<Line, FileError> {
    form::read(parse(lines)?, form).map_err(|reason| lines.bad(reason))
}

fn parse(lines: &Lines) -> Result<RawObject<'_>, FileError> {
    let text = lines.text()?;
    RawObject::parse(text).map_err(|error| {
        let reason = match (error.is_eof(), lines.ending()) {
            (true, Ending::File) => "the file ends in the middle of this line".to_owned(),
            (true, Ending::Break) => {
                "the line ends in the middle of its object, which must stand on one line".to_owned()
            }
            (false, _) => line_reason(&error, text),
        };
        lines.bad(reason)
    })
}

#[async_trait]
impl Source for NdjsonSource {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn is_pinned(&self) -> bool {
        true
    }

    fn was_changed_since(&self, identity: &str) -> bool {
        self.facts.identity != identity
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(self.total)
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        Ok(self.read_page(from)?)
    }

    async fn fetch(&mut self, _names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        Ok(None)
    }
}
