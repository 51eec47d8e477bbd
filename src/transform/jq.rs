//! `--map`: a program in the jq language that makes one payload of another. It
//! is compiled once and sees nothing but the payload: what could give another
//! answer at another time or place (`now`, `env`, `input`, ...) is left out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, DataT, Exn, Vars};
use jaq_json::Val;
use serde::{Deserialize, Serialize};

use super::rejection::{Reason, Refused};
use crate::point::{Payload, canonical_json};

mod problem;
#[cfg(test)]
mod tests;
mod value;

pub use problem::ProgramError;

/// What jq programs work on here: JSON values, and no data from outside.
type Data = JustLut<Val>;

/// The most characters of jq's own words that a rejection repeats.
const MAX_MESSAGE_CHARS: usize = 300;

/// Filters of the language's library that are left out, because they read what
/// is not the payload, write to the terminal, or end the process. Also the names
/// of those that jq has and this implementation never had.
const LEFT_OUT: [&str; 17] = [
    "debug",
    "debug_empty",
    "env",
    "get_search_list",
    "halt",
    "halt_error",
    "input",
    "input_filename",
    "input_line_number",
    "inputs",
    "localtime",
    "now",
    "stderr",
    "stderr_empty",
    "strflocaltime",
    "$ENV",
    "$__prog_args",
];

/// A jq program from payload to payload.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Program {
    text: String,
    filter: Arc<jaq_core::Filter<Data>>,
}

impl Program {
    /// The program as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The object that the program makes of the payload.
    ///
    /// Errors: `map_failed` where it fails, gives nothing, more than one value,
    /// or anything but an object that JSON can hold.
    pub(super) fn apply(&self, payload: &Payload) -> Result<Payload, Refused> {
        self.run(payload).map_err(|message| {
            let message = shortened(&message);
            Refused::new(Reason::MapFailed { message }, canonical_json(payload))
        })
    }

    fn run(&self, payload: &Payload) -> Result<Payload, String> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let mut outputs = self.filter.id.run((context, value::of_payload(payload)));
        let first = outputs.next().ok_or("it gives no value")?;
        let object = value::to_payload(first.map_err(words_of)?)?;
        match outputs.next() {
            None => Ok(object),
            Some(Ok(_)) => Err("it gives more than one value".to_owned()),
            Some(Err(exception)) => Err(words_of(exception)),
        }
    }
}

/// jq's own words about a failure.
fn words_of(exception: Exn<'_, Val>) -> String {
    match exception.get_err() {
        Ok(error) => error.to_string(),
        Err(_) => "it breaks off".to_owned(),
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

impl FromStr for Program {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, ProgramError> {
        Ok(Self {
            text: text.to_owned(),
            filter: Arc::new(compile(text)?),
        })
    }
}

fn compile(text: &str) -> Result<jaq_core::Filter<Data>, ProgramError> {
    let library = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|definition| is_kept(definition.name));
    let arena = Arena::default();
    let program = File {
        code: text,
        path: (),
    };
    let modules = Loader::new(library)
        .load(&arena, program)
        .map_err(|errors| problem::of_loading(text, &errors))?;
    jaq_core::load::import(&modules, |_| Err(problem::NO_FILES.to_owned()))
        .map_err(|errors| problem::of_loading(text, &errors))?;
    Compiler::default()
        .with_funs(functions())
        .compile(modules)
        .map_err(|errors| problem::of_compiling(text, &errors))
}

fn functions() -> impl Iterator<Item = jaq_core::native::Fun<Data>>
where
    Data: DataT,
{
    jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| is_kept(name))
}

fn is_kept(name: &str) -> bool {
    !LEFT_OUT.contains(&name)
}

impl TryFrom<String> for Program {
    type Error = ProgramError;

    fn try_from(text: String) -> Result<Self, ProgramError> {
        text.parse()
    }
}

impl From<Program> for String {
    fn from(program: Program) -> Self {
        program.text
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.text).finish()
    }
}
