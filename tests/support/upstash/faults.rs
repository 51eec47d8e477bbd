//! What the double does wrong, or otherwise than usual, on demand.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a call fails.
#[derive(Debug, Clone)]
pub enum Failure {
    /// An error in the service's form.
    Told(u16, &'static str),
    /// The same with `Retry-After`.
    RetryAfter(u16, &'static str),
    /// An error in an answer whose status is 200.
    ToldAs200(&'static str),
    /// A web page.
    Html(u16),
    /// The connection breaks in the midst of the true answer.
    Cut,
    /// The true answer comes late.
    Slow(Duration),
    /// An answer of so many bytes.
    Huge(usize),
    /// Not at all.
    None,
}

/// What can be switched.
#[derive(Debug, Clone)]
pub enum Switch {
    /// The next so many calls of an endpoint fail.
    Fail(&'static str, u32, Failure),
    /// Every so-manieth call of an endpoint fails.
    Every(&'static str, u32, Failure),
    /// After so many calls of an endpoint, counted from the start, all others fail.
    After(&'static str, u32, Failure),
    /// The read-only token may not call these endpoints.
    ReadOnlyRefused(&'static [&'static str]),
    /// So many vectors are pending, and settle evenly over so many calls of `info`.
    Pending(u64, u64),
    /// Each page begins with so many vectors of the one before.
    Repeats(usize),
    /// Pages of more vectors are refused with this status.
    MostPerPage(usize, u16),
    /// No cursor but the first is valid.
    CursorsInvalid(bool),
    /// Every page leads to an empty one, which leads on.
    EmptyPages(bool),
    /// Cursors go round in a circle.
    CursorsCircle(bool),
    /// How the end is said: `""`, `null`, or nothing.
    EndsWith(End),
    /// Ids that are whole numbers are answered as JSON numbers.
    NumericIds(bool),
    /// What a vector lacks is answered as null.
    NullFields(bool),
    /// `info` leaves these fields out.
    InfoLacks(&'static [&'static str]),
    /// The model with which the index embeds.
    Model(&'static str),
}

/// How the end is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    #[default]
    Empty,
    Null,
    Absent,
}

#[derive(Default)]
pub(super) struct Faults {
    next: BTreeMap<&'static str, (u32, Option<Failure>)>,
    every: BTreeMap<&'static str, (u32, Option<Failure>)>,
    after: BTreeMap<&'static str, (u32, Failure)>,
    seen: BTreeMap<String, u32>,
    pub(super) read_only_refused: &'static [&'static str],
    pub(super) pending: (u64, u64, u64),
    pub(super) repeats: usize,
    pub(super) most_per_page: Option<(usize, u16)>,
    pub(super) cursors_invalid: bool,
    pub(super) empty_pages: bool,
    pub(super) cursors_circle: bool,
    pub(super) end: End,
    pub(super) numeric_ids: bool,
    pub(super) null_fields: bool,
    pub(super) info_lacks: &'static [&'static str],
    pub(super) model: &'static str,
}

impl Faults {
    pub(super) fn set(&mut self, switch: Switch) {
        match switch {
            Switch::Fail(endpoint, times, failure) => {
                self.next.insert(endpoint, (times, Some(failure)));
            }
            Switch::Every(endpoint, step, failure) => {
                self.every.insert(endpoint, (step, Some(failure)));
            }
            Switch::After(endpoint, calls, failure) => {
                self.after.insert(endpoint, (calls, failure));
            }
            Switch::ReadOnlyRefused(endpoints) => self.read_only_refused = endpoints,
            Switch::Pending(vectors, infos) => self.pending = (vectors, infos, infos),
            Switch::Repeats(vectors) => self.repeats = vectors,
            Switch::MostPerPage(most, status) => self.most_per_page = Some((most, status)),
            Switch::CursorsInvalid(on) => self.cursors_invalid = on,
            Switch::EmptyPages(on) => self.empty_pages = on,
            Switch::CursorsCircle(on) => self.cursors_circle = on,
            Switch::EndsWith(end) => self.end = end,
            Switch::NumericIds(on) => self.numeric_ids = on,
            Switch::NullFields(on) => self.null_fields = on,
            Switch::InfoLacks(fields) => self.info_lacks = fields,
            Switch::Model(name) => self.model = name,
        }
    }

    /// How this call of an endpoint fails, if it does.
    pub(super) fn failure(&mut self, endpoint: &str) -> Option<Failure> {
        let seen = self.seen.entry(endpoint.to_owned()).or_default();
        *seen += 1;
        if let Some((left, failure)) = self.next.get_mut(endpoint)
            && *left > 0
        {
            *left -= 1;
            return failure.clone();
        }
        match self.after.get(endpoint) {
            None | Some((_, Failure::None)) => {}
            Some((calls, failure)) if *seen > *calls => return Some(failure.clone()),
            Some(_) => {}
        }
        let (step, failure) = self.every.get(endpoint)?;
        seen.is_multiple_of(*step).then(|| failure.clone())?
    }

    /// Vectors that are pending at this call of `info`.
    pub(super) fn pending_now(&mut self) -> u64 {
        let (vectors, infos, left) = self.pending;
        self.pending.2 = left.saturating_sub(1);
        vectors * left / infos.max(1)
    }
}
