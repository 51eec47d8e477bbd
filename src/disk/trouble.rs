//! What the operating system's refusals mean for whoever reads the message: the
//! end they are, and what to do.

use std::io::{self, ErrorKind};

use crate::error::Kind;

/// What to do when the disk is full.
pub(crate) const FREE_SPACE: &str = "free some space and run the same command again";

const RAISE_LIMIT: &str = "files may not become that large here: raise the limit (ulimit -f), or use another disk with --dir, and run the same command again";

const FAILING_DISK: &str = "the disk or the way to it is failing: see the system's log (dmesg), and run the same command again when it is mended; a folder that was copied to another disk goes on as well";
const WENT_AWAY: &str =
    "the folder was removed or its disk went away while it was used: put it back, or begin anew";

/// The operating system's number for an input or output error; the standard
/// library has no name for it.
#[cfg(unix)]
pub(super) const EIO: i32 = 5;
#[cfg(not(unix))]
pub(super) const EIO: i32 = 1117;

/// Why the disk does not do as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No space, or none left of a quota.
    Full,
    /// A file would be larger than files may be.
    TooLarge,
    /// The device failed.
    Failing,
    /// What was there a moment ago is not.
    Gone,
    /// Not for this user.
    Denied,
    /// Not for anybody.
    ReadOnly,
    /// Anything else.
    Other,
}

impl Trouble {
    /// What an error tells.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::FileTooLarge => Self::TooLarge,
            ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle => Self::Gone,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ if error.raw_os_error() == Some(EIO) => Self::Failing,
            _ => Self::Other,
        }
    }

    /// The end that it is, where it does not matter what was to be written.
    pub fn end(self) -> Option<(Kind, &'static str)> {
        match self {
            Self::Full => Some((Kind::Stopped, FREE_SPACE)),
            Self::TooLarge => Some((Kind::Stopped, RAISE_LIMIT)),
            Self::Failing => Some((Kind::Stopped, FAILING_DISK)),
            Self::Gone => Some((Kind::Failed, WENT_AWAY)),
            Self::Denied | Self::ReadOnly | Self::Other => None,
        }
    }
}
