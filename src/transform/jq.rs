//! `--map`: a program in the jq language that makes one payload of another. It
//! is compiled once and sees nothing but the payload: what could give another
//! answer at another time or place (`now`, `env`, `input`, ...) is left out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::{self, Fun};
use jaq_core::{Compiler, Ctx, Exn, Vars};
use jaq_json::Val;
use serde::{Deserialize, Serialize};

use super::rejection::{Reason, Refused};
use crate::contained::contained;
use crate::point::{Payload, canonical_json};

mod limits;
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
        let outcome = contained(|| self.run(payload));
        let outcome = outcome.unwrap_or_else(|gave_up| Err(gave_up.to_string()));
        outcome.map_err(|message| {
            let message = shortened(&message);
            Refused::new(Reason::MapFailed { message }, canonical_json(payload))
        })
    }

    fn run(&self, payload: &Payload) -> Result<Payload, String> {
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let mut outputs = self.filter.id.run((context, value::of_payload(payload)?));
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
            filter: Arc::new(compile_apart(text)?),
        })
    }
}

/// How much stack reading a program may take: many times what the longest one that
/// is read needs.
const COMPILER_STACK_BYTES: usize = 64 << 20;

/// Compiles where there is stack for it, whatever thread asks.
fn compile_apart(text: &str) -> Result<jaq_core::Filter<Data>, ProgramError> {
    limits::program(text).map_err(|(part, what)| ProgramError::new(text, part, what))?;
    let failed = |what: String| ProgramError::new(text, text, what);
    std::thread::scope(|scope| {
        let compiler = std::thread::Builder::new()
            .stack_size(COMPILER_STACK_BYTES)
            .spawn_scoped(scope, || contained(|| compile(text)))
            .map_err(|error| failed(format!("it cannot be compiled: {error}")))?;
        let outcome = compiler.join().expect("panics are contained");
        outcome.map_err(|gave_up| failed(gave_up.to_string()))?
    })
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

fn functions() -> impl Iterator<Item = Fun<Data>> {
    jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| is_kept(name) && *name != FROM_JSON)
        .chain([from_json()])
}

/// The filter that reads a text as JSON.
const FROM_JSON: &str = "fromjson";

/// The library's own, which recurses as deep as the text says, over texts that are
/// measured before.
fn from_json() -> Fun<Data> {
    native::run((FROM_JSON, native::v(0), |(_, value)| {
        let outcome = value.try_as_utf8_bytes_owned().and_then(|text| {
            let said = |text: String| jaq_core::Error::new(Val::utf8_str(text));
            limits::json(&text)
                .map_err(|why| said(format!("cannot parse a text as JSON: {why}")))?;
            let failed = |error| said(format!("cannot parse {value} as JSON: {error}"));
            // Behind its first error the library's iterator has no end.
            let mut sound = true;
            let values = jaq_json::read::parse_many(&text)
                .take_while(|value| std::mem::replace(&mut sound, value.is_ok()))
                .map(|value| value.map_err(failed));
            Ok(values.collect::<Vec<_>>())
        });
        let values = outcome.unwrap_or_else(|error| vec![Err(error)]);
        Box::new(values.into_iter().map(|value| value.map_err(Exn::from)))
    }))
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
