//! A live source in place of the simulation's file: what it gives may be another thing
//! at every start, and its identity does not tell.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cf_migrate::error::Error;
use cf_migrate::point::{Point, PointName};
use cf_migrate::sandbox::SandboxOptions;
use cf_migrate::settings::PaceOptions;
use cf_migrate::source::file::{self, ColumnChoice};
use cf_migrate::source::{Cursor, Page, Source, SourceFacts};
use serde_json::Value;

use crate::binary::{point, write_lines};
use crate::simulation::{DIMENSIONS, Simulation};

/// Something that happens to the source once it was read to its end so many times.
pub(crate) type AfterPass = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

struct Live {
    path: PathBuf,
    /// What it holds, as it was when the pass or the question began.
    file: Box<dyn Source>,
    facts: SourceFacts,
    empty: bool,
    fails: Option<String>,
    after_pass: AfterPass,
}

impl Live {
    fn look(&mut self) {
        (self.file, self.empty) = opened(&self.path);
    }
}

/// The file, and whether it is to pass for an empty one: a file must have a point, a
/// server need not.
fn opened(path: &Path) -> (Box<dyn Source>, bool) {
    let empty = std::fs::metadata(path).unwrap().len() == 0;
    let stand_in = path.with_file_name("one.ndjson");
    if empty {
        write_lines(&stand_in, points([0]));
    }
    let path = if empty { &stand_in } else { path };
    let file = file::open(path, &ColumnChoice::default()).unwrap();
    (file, empty)
}

#[async_trait]
impl Source for Live {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        self.look();
        match self.empty {
            true => Ok(Some(0)),
            false => self.file.count().await,
        }
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        if from.is_none() {
            self.look();
        }
        if self.empty {
            return Ok(Page::default());
        }
        let page = self.file.page(from).await?;
        if page.next.is_none() {
            if let Some(why) = &self.fails {
                return Err(Error::stopped(why.clone()));
            }
            if let Some(happens) = self.after_pass.lock().unwrap().take() {
                happens();
            }
        }
        Ok(page)
    }

    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        self.look();
        self.file.fetch(names).await
    }
}

/// Makes the simulation's source a live one; what happens after its next pass can be
/// set in what is returned.
pub(crate) fn live(simulation: &mut Simulation) -> AfterPass {
    let after_pass = AfterPass::default();
    simulation.open_source = Some(opener(&simulation.source, None, &after_pass));
    after_pass
}

/// The same, but reading it fails at the end of every pass.
pub(crate) fn failing(simulation: &mut Simulation) {
    let why = Some("the server is restarting".to_owned());
    simulation.open_source = Some(opener(&simulation.source, why, &AfterPass::default()));
}

fn opener(
    path: &Path,
    fails: Option<String>,
    after_pass: &AfterPass,
) -> crate::simulation::OpenSource {
    let (path, after_pass) = (path.to_owned(), Arc::clone(after_pass));
    Arc::new(move || {
        let (file, empty) = opened(&path);
        let facts = SourceFacts {
            name: "live:docs".to_owned(),
            identity: "the live server".to_owned(),
            ..file.facts().clone()
        };
        Box::new(Live {
            path: path.clone(),
            file,
            facts,
            empty,
            fails: fails.clone(),
            after_pass: Arc::clone(&after_pass),
        })
    })
}

/// A migration from a live source of so many generated points, in small batches.
pub(crate) fn simulation(points: u64) -> Simulation {
    simulation_with(points, |_| {})
}

/// The same, with an account of these options.
pub(crate) fn simulation_with(
    points: u64,
    options: impl FnOnce(&mut SandboxOptions),
) -> Simulation {
    let mut simulation = Simulation::new(points, |all| {
        all.budget = None;
        options(all);
    });
    simulation.pace = PaceOptions {
        batch_count: Some(10),
        ..PaceOptions::default()
    };
    live(&mut simulation);
    simulation
}

/// The generated points of these numbers.
pub(crate) fn points(numbers: impl IntoIterator<Item = u64>) -> Vec<Value> {
    numbers
        .into_iter()
        .map(|number| point(number, DIMENSIONS))
        .collect()
}

/// Makes these the points of the source.
pub(crate) fn now_holds(simulation: &Simulation, points: impl IntoIterator<Item = Value>) {
    write_lines(&simulation.source, points);
}

/// The point of that number, with another text.
pub(crate) fn changed(number: u64) -> Value {
    let mut point = point(number, DIMENSIONS);
    point["payload"]["text"] = Value::from(format!("changed {number}"));
    point
}
