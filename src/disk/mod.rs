//! Every lasting change that we make to the disk: files and folders made,
//! written, brought to the disk, renamed, removed, and calls to a database. In
//! tests a [`Weather`] on the thread makes any of them fail, counts them, or ends
//! the world there and loses what was not synced. What is made is the user's
//! alone. It reads nothing and decides nothing.

mod loss;
#[cfg(test)]
mod tests;
mod trouble;
mod weather;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) use trouble::FREE_SPACE;
pub use trouble::Trouble;
pub use weather::{Failure, Under, Weather, under};

use loss::Change;
use weather::{Kind, Verdict, pass};

/// A file that is written; what was not [synced](File::sync) may be lost.
#[derive(Debug)]
pub struct File {
    file: fs::File,
    path: PathBuf,
}

impl File {
    /// Begins `path` anew, empty.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::open(path, options().create(true).truncate(true))
    }

    /// Begins `path`, which must not be there.
    ///
    /// # Errors
    ///
    /// The operating system's; [`io::ErrorKind::AlreadyExists`].
    pub fn create_new(path: &Path) -> io::Result<Self> {
        Self::open(path, options().create_new(true))
    }

    fn open(path: &Path, options: &fs::OpenOptions) -> io::Result<Self> {
        let file = pass(Change::Create(path), || options.open(path))?;
        let path = path.to_owned();
        Ok(Self { file, path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings its content to the disk. Its name is there only once its folder was
    /// [synced](sync_folder).
    ///
    /// # Errors
    ///
    /// The operating system's. What the disk holds is not known then, and a second
    /// call would not tell: the file has to be written anew.
    pub fn sync(&self) -> io::Result<()> {
        pass(Change::Sync(&self.path), || self.file.sync_all())
    }
}

impl Write for File {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let Some(weather) = weather::current() else {
            return self.file.write(buffer);
        };
        let (lands, refused) = match weather.verdict(Kind::Write) {
            Verdict::Go => (buffer.len(), None),
            Verdict::Torn(error) => (buffer.len() / 2, Some(error)),
            Verdict::Refuse(error) => (0, Some(error)),
        };
        self.file.write_all(&buffer[..lands])?;
        weather.wrote(&self.path, lands as u64);
        refused.map_or(Ok(lands), Err)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens the file of a lock, which has no content.
///
/// # Errors
///
/// The operating system's.
pub fn lock_file(path: &Path) -> io::Result<fs::File> {
    let mut options = options();
    let options = options.create(true).truncate(false);
    pass(Change::Create(path), || options.open(path))
}

/// Gives a file another name in its folder, in place of what had it.
///
/// # Errors
///
/// The operating system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    pass(Change::Rename { from, to }, || fs::rename(from, to))
}

/// Brings the names in a folder to the disk. Where the file system has no such
/// call, its names need none.
///
/// # Errors
///
/// The operating system's.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = or_here(folder);
    let synced = pass(Change::SyncFolder(folder), || {
        fs::File::open(folder)?.sync_all()
    });
    match synced {
        Err(error) if is_not_offered(&error) => Ok(()),
        synced => synced,
    }
}

fn is_not_offered(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// Removes a file; one that is not there is no error.
///
/// # Errors
///
/// The operating system's.
pub fn remove(path: &Path) -> io::Result<()> {
    or_absent(pass(Change::Remove(path), || fs::remove_file(path)))
}

/// Removes a folder with all that is in it; one that is not there is no error.
///
/// # Errors
///
/// The operating system's; some of it may be gone then.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => remove_folder(&entry.path())?,
            false => remove(&entry.path())?,
        }
    }
    or_absent(pass(Change::RemoveFolder(folder), || {
        fs::remove_dir(folder)
    }))
}

/// Removes a folder that is empty; one that holds something stays, and one that is
/// not there is no error.
///
/// # Errors
///
/// The operating system's.
pub fn remove_empty_folder(folder: &Path) -> io::Result<()> {
    let removed = pass(Change::RemoveFolder(folder), || fs::remove_dir(folder));
    match removed {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => or_absent(removed),
    }
}

/// Makes a folder and those above it, durably.
///
/// # Errors
///
/// The operating system's.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    let folder = or_here(folder);
    let above = folder.parent().unwrap_or(Path::new(""));
    if folder.is_dir() {
        return sync_made(above);
    }
    create_folders(above)?;
    let made = pass(Change::CreateFolder(folder), || {
        match private_folder().create(folder) {
            // Another process made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            made => made,
        }
    });
    made.and_then(|()| sync_folder(above))
}

/// Whoever made a folder may have been killed before its name was on the disk. Where
/// the folder above is not ours to open, it was not made by us either.
fn sync_made(above: &Path) -> io::Result<()> {
    match sync_folder(above) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// A call to a database, which may change it.
///
/// # Errors
///
/// The call's.
pub fn database<T>(call: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let Some(weather) = weather::current() else {
        return call();
    };
    match weather.verdict(Kind::Whole) {
        Verdict::Go => call(),
        Verdict::Torn(error) => call().and(Err(as_sqlite(&error))),
        Verdict::Refuse(error) => Err(as_sqlite(&error)),
    }
}

/// What SQLite would say of it.
pub(crate) fn as_sqlite(error: &io::Error) -> rusqlite::Error {
    let code = match Trouble::of(error) {
        Trouble::Full => rusqlite::ffi::SQLITE_FULL,
        Trouble::Denied => rusqlite::ffi::SQLITE_PERM,
        Trouble::ReadOnly => rusqlite::ffi::SQLITE_READONLY,
        _ => rusqlite::ffi::SQLITE_IOERR,
    };
    let told = Some(error.to_string());
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), told)
}

fn or_absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(path))
}

/// The folder of a path without one is the current folder.
fn or_here(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_folder() -> fs::DirBuilder {
    #[allow(unused_mut, reason = "there are no modes elsewhere")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
