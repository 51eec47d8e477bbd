//! Pages that are being read side by side: one task for each lane that is open,
//! begun anew as soon as its page is handed out. It knows what was handed out,
//! and says that, never what was only read, as the place to go on from.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Lane, LaneReader, Place, Places};
use crate::error::Error;
use crate::source::{Cursor, Page, ReadPoint};

/// What is being read; dropping it ends that.
pub(super) struct ReadAhead<R> {
    reader: Arc<R>,
    lanes: Arc<[Lane]>,
    readers: NonZeroUsize,
    /// Behind everything that was handed out.
    places: Places,
    /// Lanes that have a task.
    reading: BTreeSet<usize>,
    tasks: JoinSet<(usize, Result<Page, Error>)>,
}

impl<R: LaneReader> ReadAhead<R> {
    /// Begins to read `lanes` from `places` on, `readers` of them at once.
    pub(super) fn begin(
        reader: &Arc<R>,
        lanes: &Arc<[Lane]>,
        readers: NonZeroUsize,
        places: Places,
    ) -> Self {
        let mut ahead = Self {
            reader: Arc::clone(reader),
            lanes: Arc::clone(lanes),
            readers,
            places,
            reading: BTreeSet::new(),
            tasks: JoinSet::new(),
        };
        ahead.fill();
        ahead
    }

    /// Whether what was handed out ends at `places`.
    pub(super) fn is_at(&self, places: &Places) -> bool {
        self.places == *places
    }

    /// The page that arrives first; an empty last one when nothing is left.
    pub(super) async fn next(&mut self) -> Result<Page, Error> {
        let Some(joined) = self.tasks.join_next().await else {
            return Ok(Page::default());
        };
        let (lane, page) = joined.map_err(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Error::stopped("reading was cut off by the end of the program"),
        })?;
        self.reading.remove(&lane);
        Ok(self.hand_out(lane, page?))
    }

    /// Reads on in lanes that are open, and begins others, until as many as may
    /// be are being read.
    fn fill(&mut self) {
        while self.reading.len() < self.readers.get() {
            let Some(place) = self.next_place() else {
                return;
            };
            self.reading.insert(place.lane);
            let (reader, lanes) = (Arc::clone(&self.reader), Arc::clone(&self.lanes));
            self.tasks.spawn(async move {
                let lane = &lanes[place.lane];
                let page = reader.page(lane, place.from.as_ref()).await;
                (place.lane, page)
            });
        }
    }

    fn next_place(&mut self) -> Option<Place> {
        let mut open = self.places.open.iter();
        if let Some(idle) = open.find(|place| !self.reading.contains(&place.lane)) {
            return Some(idle.clone());
        }
        let lane = self.places.unbegun;
        let place = (lane < self.lanes.len()).then_some(Place { lane, from: None })?;
        self.places.unbegun += 1;
        self.places.open.push(place.clone());
        Some(place)
    }

    /// The lane's page as one of the whole source, its cursors those of all lanes.
    fn hand_out(&mut self, lane: usize, page: Page) -> Page {
        let within = self.places.clone();
        match page.next {
            Some(next) => self.places.set(lane, next),
            None => self.places.close(lane),
        }
        self.fill();
        let mut points: Vec<ReadPoint> = page.points;
        for read in &mut points {
            read.resume = read.resume.take().map(|place| {
                let mut places = within.clone();
                places.set(lane, place);
                Cursor::Lanes(places)
            });
        }
        let next = Cursor::Lanes(self.places.clone());
        if let Some(last) = points.last_mut() {
            last.resume = Some(next.clone());
        }
        Page {
            points,
            next: (!self.places.open.is_empty()).then_some(next),
            lane: Some(lane),
        }
    }
}
