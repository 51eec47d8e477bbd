//! Files to read, and reading them whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::Error;
use crate::point::Point;
use crate::source::file::{self, ColumnChoice};
use crate::source::{Cursor, ReadPoint, Source};

pub(super) fn open(path: &Path) -> Result<Box<dyn Source>, Error> {
    file::open(path, &ColumnChoice::default())
}

pub(super) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/project_docs.ndjson")
}

pub(super) fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

pub(in crate::source::file) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// All points from `from` on, following the pages.
pub(in crate::source::file) fn rest(
    source: &mut dyn Source,
    from: Option<Cursor>,
) -> Result<Vec<ReadPoint>, Error> {
    wait(async {
        let mut points = Vec::new();
        let mut next = from;
        loop {
            let page = source.page(next.as_ref()).await?;
            points.extend(page.points);
            match page.next {
                Some(cursor) => next = Some(cursor),
                None => return Ok(points),
            }
        }
    })
}

pub(in crate::source::file) fn read(path: &Path) -> Result<Vec<Point>, Error> {
    let mut source = open(path)?;
    let points = rest(&mut *source, None)?;
    Ok(points.into_iter().map(|read| read.point).collect())
}

/// The error of reading a file of that name and content, its folder left out.
pub(super) fn error_of(name: &str, content: impl AsRef<[u8]>) -> (Error, String) {
    let (folder, path) = file(name, content);
    let error = read(&path).expect_err("the file should be refused");
    let prefix = format!("{}/", folder.path().display());
    let text = error.to_string().replace(&prefix, "");
    assert!(error.advice().is_some(), "no advice with: {text}");
    (error, text)
}
