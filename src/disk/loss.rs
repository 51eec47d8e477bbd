//! What a power cut takes: of every file what was written and not synced, of
//! every folder the last changes to its names that were not synced. What SQLite
//! has committed is taken at its word.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use rand::RngExt as _;
use rand::rngs::StdRng;

/// A change that is not a write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Create(&'a Path),
    Sync(&'a Path),
    Rename { from: &'a Path, to: &'a Path },
    Remove(&'a Path),
    CreateFolder(&'a Path),
    RemoveFolder(&'a Path),
    SyncFolder(&'a Path),
}

/// What a name stood for before a change.
#[derive(Debug)]
pub(super) enum Before {
    Nothing,
    Something,
    Content(Vec<u8>),
}

impl Change<'_> {
    pub(super) fn is_sync(&self) -> bool {
        matches!(self, Self::Sync(_) | Self::SyncFolder(_))
    }

    /// Looks at what the change will take away.
    pub(super) fn before(&self) -> Before {
        match self {
            Self::Rename { to: path, .. } | Self::Remove(path) => {
                fs::read(path).map_or(Before::Nothing, Before::Content)
            }
            Self::Create(path) | Self::CreateFolder(path) if path.exists() => Before::Something,
            _ => Before::Nothing,
        }
    }
}

/// How much of a file there is, and how much of it surely.
#[derive(Debug, Default, Clone, Copy)]
struct Extent {
    synced: u64,
    written: u64,
}

/// A change of a name, as it is undone.
#[derive(Debug)]
enum Undo {
    Created(PathBuf),
    Renamed {
        from: PathBuf,
        to: PathBuf,
        before: Before,
    },
    Removed(PathBuf, Vec<u8>),
    FolderCreated(PathBuf),
    FolderRemoved(PathBuf),
}

/// What is not on the disk for certain.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    files: BTreeMap<PathBuf, Extent>,
    /// The changes to the names of each folder, in their order.
    names: BTreeMap<PathBuf, Vec<Undo>>,
}

impl Unsynced {
    pub(super) fn wrote(&mut self, path: &Path, bytes: u64) {
        self.files.entry(whole(path)).or_default().written += bytes;
    }

    /// Remembers a change that was made.
    pub(super) fn note(&mut self, change: &Change<'_>, before: Before) {
        match (change, before) {
            (Change::Create(path), before) => self.created(whole(path), &before),
            (Change::Sync(path), _) => {
                if let Some(extent) = self.files.get_mut(&whole(path)) {
                    extent.synced = extent.written;
                }
            }
            (Change::Rename { from, to }, before) => {
                self.renamed(whole(from), whole(to), before);
            }
            (Change::Remove(path), Before::Content(content)) => {
                let path = whole(path);
                self.files.remove(&path);
                self.name(Undo::Removed(path, content));
            }
            (Change::CreateFolder(path), Before::Nothing) => {
                self.name(Undo::FolderCreated(whole(path)));
            }
            (Change::RemoveFolder(path), _) => self.name(Undo::FolderRemoved(whole(path))),
            (Change::SyncFolder(path), _) => {
                self.names.remove(&whole(path));
            }
            (Change::Remove(_) | Change::CreateFolder(_), _) => {}
        }
    }

    fn created(&mut self, path: PathBuf, before: &Before) {
        self.files.insert(path.clone(), Extent::default());
        if matches!(before, Before::Nothing) {
            self.name(Undo::Created(path));
        }
    }

    fn renamed(&mut self, from: PathBuf, to: PathBuf, before: Before) {
        match self.files.remove(&from) {
            Some(extent) => self.files.insert(to.clone(), extent),
            None => self.files.remove(&to),
        };
        self.name(Undo::Renamed { from, to, before });
    }

    fn name(&mut self, undo: Undo) {
        let folder = undo.path().parent().unwrap_or(Path::new("/"));
        self.names.entry(folder.to_owned()).or_default().push(undo);
    }

    /// The power cut: each file keeps a part of what was not synced, each folder
    /// the first few of the changes to its names.
    pub(super) fn lose(self, random: &mut StdRng) {
        for (path, extent) in self.files {
            tear(&path, extent, random);
        }
        for undone in self.names.into_values() {
            let kept = random.random_range(0..=undone.len());
            undone
                .into_iter()
                .skip(kept)
                .rev()
                .for_each(Undo::carry_out);
        }
    }
}

/// Cuts a file somewhere behind what was synced, and spoils what is left there.
/// One that is not there any more has nothing to lose.
fn tear(path: &Path, extent: Extent, random: &mut StdRng) {
    let Ok(mut content) = fs::read(path) else {
        return;
    };
    let surely = usize::try_from(extent.synced).unwrap_or(usize::MAX);
    let surely = surely.min(content.len());
    content.truncate(random.random_range(surely..=content.len()));
    let spoilt = random.random_range(surely..=content.len());
    if random.random() {
        content[spoilt..].fill_with(|| random.random());
    }
    // A folder that is gone takes its files along.
    let _ = fs::write(path, content);
}

impl Undo {
    fn path(&self) -> &Path {
        match self {
            Self::Created(path)
            | Self::Removed(path, _)
            | Self::FolderCreated(path)
            | Self::FolderRemoved(path)
            | Self::Renamed { to: path, .. } => path,
        }
    }

    /// Where a later change took the ground away, nothing is left to undo.
    fn carry_out(self) {
        let _ = match self {
            Self::Created(path) => fs::remove_file(path),
            Self::Removed(path, content) => fs::write(path, content),
            Self::FolderCreated(path) => fs::remove_dir_all(path),
            Self::FolderRemoved(path) => fs::create_dir(path),
            Self::Renamed { from, to, before } => {
                let moved = fs::rename(&to, from);
                match before {
                    Before::Content(content) => fs::write(to, content),
                    Before::Nothing | Before::Something => moved,
                }
            }
        };
    }
}

/// A path that stands for itself in any folder.
fn whole(path: &Path) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.to_owned())
}
