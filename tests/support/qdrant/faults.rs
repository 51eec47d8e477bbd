//! What can be made to go wrong, and what else a test may turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::collection::Id;
use super::wire::Form;

/// Something to turn on a server. Faults with `calls` are used up by as many
/// calls of any method but the health check; the others stay.
#[derive(Debug, Clone)]
pub enum Switch {
    /// What the health check says.
    Version(&'static str),
    /// The API key that is demanded.
    Key(&'static str),
    /// Another name of a collection.
    Alias(&'static str, &'static str),
    /// Vectors in the form of servers up to 1.16.
    OldVectors,
    /// `update_queue.deferred_points`.
    Deferred(u64),
    /// What the collection's description says of its points, which is approximate.
    Describes(u64),
    /// Each exact count is one more than the last.
    GrowingCount,
    /// Listing aliases is not permitted.
    NoAliases,
    /// No random samples are drawn, as by servers before 1.11.
    NoSamples,
    /// Every page takes this long besides being sent.
    Delay(Duration),
    /// Rate limit with `retry-after` in seconds.
    RateLimit { calls: u32, retry_after_s: u32 },
    /// The disk is full.
    StorageFull { calls: u32 },
    /// `Unavailable`, as a server that starts.
    Unavailable { calls: u32 },
    /// Internal errors.
    Internal { calls: u32 },
    /// No answer at all.
    Hang { calls: u32 },
    /// `DeadlineExceeded` for pages of more points than this.
    SlowAbove { limit: u32 },
    /// As `SlowAbove`, for so many calls only.
    SlowFor { calls: u32 },
    /// Answers larger than this are refused by something on the way.
    RefuseLargeAbove { limit: u32 },
    /// This scroll call (counted from now, first is 1) gives half of its points
    /// and no next offset.
    ShortPage { call: u32 },
    /// This scroll call gives no points, but a next offset.
    EmptyPage { call: u32 },
    /// A point that scrolling leaves out although it is counted.
    Hide(Id),
    /// A point whose first number is changed in scroll answers only.
    Alter(Id),
    /// A point with another payload in scroll answers only.
    AlterPayload(Id),
    /// The first point of every page comes twice.
    Duplicate,
    /// Every page comes backwards.
    Backwards,
    /// The key may only read.
    ReadOnly,
    /// Upserts of more points than this are refused as too large.
    RefuseUpsertsAbove { points: usize },
    /// Writes fail for lack of room once a collection has so many points.
    FullAfter { points: u64 },
    /// Writes are never answered once a collection has so many points.
    StallAfter { points: u64 },
    /// So many writes are applied, and their answers lost.
    LoseReplies { calls: u32 },
    /// A point whose first number is stored otherwise than it was written.
    Nudge(Id),
    /// A point that is stored with another payload than it was written with.
    Retell(Id),
    /// A point that is acknowledged and not stored.
    Lose(Id),
    /// The connection breaks after this many more bytes, once.
    CutAfter { bytes: u64 },
    /// Nothing of the above that spoils answers.
    Healthy,
}

/// The switches as they stand.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) version: Option<&'static str>,
    pub(super) key: Option<&'static str>,
    pub(super) aliases: BTreeMap<&'static str, &'static str>,
    pub(super) form: Form,
    pub(super) deferred: u64,
    pub(super) described: Option<u64>,
    pub(super) counts_grow: bool,
    pub(super) counted: u64,
    pub(super) no_aliases: bool,
    pub(super) no_samples: bool,
    pub(super) delay: Option<Duration>,
    read_only: bool,
    pub(super) spoil: Spoil,
}

/// What spoils answers.
#[derive(Debug, Default)]
pub(super) struct Spoil {
    queue: Vec<(u32, Failure)>,
    slow_above: Option<u32>,
    large_above: Option<u32>,
    short: Countdown,
    empty: Countdown,
    pub(super) hidden: BTreeSet<Id>,
    pub(super) altered: BTreeSet<Id>,
    pub(super) payload_altered: BTreeSet<Id>,
    pub(super) order: Disorder,
    pub(super) cut_after: Option<u64>,
    pub(super) writes: Writes,
}

/// What spoils writing.
#[derive(Debug, Default, Clone)]
pub(super) struct Writes {
    large_above: Option<usize>,
    full_after: Option<u64>,
    stall_after: Option<u64>,
    replies_lost: u32,
    pub(super) nudged: BTreeSet<Id>,
    pub(super) retold: BTreeSet<Id>,
    pub(super) lost: BTreeSet<Id>,
}

impl Writes {
    /// The failure of a write into a collection that holds so many points.
    pub(super) fn failure_at(&self, held: u64) -> Option<Failure> {
        let at = |bound: Option<u64>| bound.is_some_and(|bound| held >= bound);
        if at(self.full_after) {
            Some(Failure::StorageFull)
        } else {
            at(self.stall_after).then_some(Failure::Hang)
        }
    }

    pub(super) fn failure_by_size(&self, points: usize) -> Option<Failure> {
        let above = self.large_above.is_some_and(|most| points > most);
        above.then_some(Failure::TooLarge)
    }
}

/// How the points of a page are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Disorder {
    #[default]
    None,
    Duplicate,
    Backwards,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    RateLimit { retry_after_s: u32 },
    StorageFull,
    Unavailable,
    Internal,
    Deadline,
    TooLarge,
    Hang,
}

/// What becomes of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageFate {
    Whole,
    Short,
    Empty,
}

#[derive(Debug, Default)]
struct Countdown(u32);

impl Countdown {
    fn is_now(&mut self) -> bool {
        let now = self.0 == 1;
        self.0 = self.0.saturating_sub(1);
        now
    }
}

impl Faults {
    pub(super) fn set(&mut self, switch: Switch) {
        match switch {
            Switch::Version(version) => self.version = Some(version),
            Switch::Key(key) => self.key = Some(key),
            Switch::Alias(alias, collection) => drop(self.aliases.insert(alias, collection)),
            Switch::OldVectors => self.form = Form::Old,
            Switch::Deferred(points) => self.deferred = points,
            Switch::Describes(points) => self.described = Some(points),
            Switch::GrowingCount => self.counts_grow = true,
            Switch::NoAliases => self.no_aliases = true,
            Switch::NoSamples => self.no_samples = true,
            Switch::Delay(delay) => self.delay = Some(delay),
            Switch::ReadOnly => self.read_only = true,
            Switch::Healthy => self.spoil = Spoil::default(),
            spoiling => self.spoil.set(spoiling),
        }
    }
}

impl Faults {
    pub(super) fn check_writable(&self) -> Result<(), Status> {
        match self.read_only {
            true => Err(Status::permission_denied(
                "Forbidden: Global manage access is required",
            )),
            false => Ok(()),
        }
    }
}

impl Spoil {
    /// The failure of a write that was applied.
    pub(super) fn lose_reply(&mut self) -> Result<(), Status> {
        let lost = self.writes.replies_lost > 0;
        self.writes.replies_lost = self.writes.replies_lost.saturating_sub(1);
        match lost {
            true => Err(Status::unavailable("the node went away")),
            false => Ok(()),
        }
    }

    fn set(&mut self, switch: Switch) {
        match switch {
            Switch::RateLimit {
                calls,
                retry_after_s,
            } => {
                self.fail(calls, Failure::RateLimit { retry_after_s });
            }
            Switch::StorageFull { calls } => self.fail(calls, Failure::StorageFull),
            Switch::Unavailable { calls } => self.fail(calls, Failure::Unavailable),
            Switch::Internal { calls } => self.fail(calls, Failure::Internal),
            Switch::Hang { calls } => self.fail(calls, Failure::Hang),
            Switch::SlowFor { calls } => self.fail(calls, Failure::Deadline),
            Switch::SlowAbove { limit } => self.slow_above = Some(limit),
            Switch::RefuseLargeAbove { limit } => self.large_above = Some(limit),
            Switch::ShortPage { call } => self.short = Countdown(call),
            Switch::EmptyPage { call } => self.empty = Countdown(call),
            Switch::Hide(id) => drop(self.hidden.insert(id)),
            Switch::Alter(id) => drop(self.altered.insert(id)),
            Switch::AlterPayload(id) => drop(self.payload_altered.insert(id)),
            Switch::Duplicate => self.order = Disorder::Duplicate,
            Switch::Backwards => self.order = Disorder::Backwards,
            Switch::RefuseUpsertsAbove { points } => self.writes.large_above = Some(points),
            Switch::FullAfter { points } => self.writes.full_after = Some(points),
            Switch::StallAfter { points } => self.writes.stall_after = Some(points),
            Switch::LoseReplies { calls } => self.writes.replies_lost = calls,
            Switch::Nudge(id) => drop(self.writes.nudged.insert(id)),
            Switch::Retell(id) => drop(self.writes.retold.insert(id)),
            Switch::Lose(id) => drop(self.writes.lost.insert(id)),
            Switch::CutAfter { bytes } => self.cut_after = Some(bytes),
            other => panic!("{other:?} spoils nothing"),
        }
    }

    fn fail(&mut self, calls: u32, failure: Failure) {
        self.queue.push((calls, failure));
    }

    /// The failure of the next call, if it is to fail.
    pub(super) fn next_failure(&mut self) -> Option<Failure> {
        self.queue.retain(|(calls, _)| *calls > 0);
        let (calls, failure) = self.queue.first_mut()?;
        *calls -= 1;
        Some(*failure)
    }

    /// How a page of that limit fails by its size.
    pub(super) fn failure_by_size(&self, limit: u32) -> Option<Failure> {
        let above = |bound: Option<u32>| bound.is_some_and(|bound| limit > bound);
        if above(self.slow_above) {
            Some(Failure::Deadline)
        } else {
            above(self.large_above).then_some(Failure::TooLarge)
        }
    }

    pub(super) fn page_fate(&mut self) -> PageFate {
        match (self.short.is_now(), self.empty.is_now()) {
            (true, _) => PageFate::Short,
            (false, true) => PageFate::Empty,
            (false, false) => PageFate::Whole,
        }
    }
}

impl Failure {
    /// What the server would say; none for silence.
    pub(super) fn status(self) -> Option<Status> {
        let status = match self {
            Self::Hang => return None,
            Self::RateLimit { retry_after_s } => {
                let mut metadata = MetadataMap::new();
                metadata.insert("retry-after", retry_after_s.into());
                let text = "Rate limiting exceeded: Read rate limit exceeded, retry later";
                Status::with_metadata(Code::ResourceExhausted, text, metadata)
            }
            Self::StorageFull => {
                let mut metadata = MetadataMap::new();
                metadata.insert("qdrant-insufficient-storage", 1.into());
                Status::with_metadata(Code::ResourceExhausted, "No space left on device", metadata)
            }
            Self::Unavailable => Status::unavailable("Service is starting"),
            Self::Internal => Status::internal("Service internal error: a task panicked"),
            Self::Deadline => {
                Status::deadline_exceeded("Timeout error: Operation 'Scroll' timed out")
            }
            Self::TooLarge => Status::resource_exhausted("grpc: received message larger than max"),
        };
        Some(status)
    }
}
