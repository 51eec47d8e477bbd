//! What is wrong with a jq program, and where: the library's findings in the
//! form of our other messages about a command line.

use jaq_core::compile::Undefined;
use jaq_core::load::{self, span};

use super::LEFT_OUT;

/// Why a program cannot read files.
pub(super) const NO_FILES: &str = "--map reads no files";

/// A program that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the jq program is wrong {place}: {what}\n  {line}\n  {}^", " ".repeat(*.before))]
pub struct ProgramError {
    /// What is wrong there.
    pub what: String,
    /// `at character 5`, with the line where there are several.
    place: String,
    /// The line of the program.
    line: String,
    /// The characters before the place.
    before: usize,
}

impl ProgramError {
    /// About that part of the program, which need not be part of its text when
    /// it is the end that is wrong.
    pub(super) fn new(text: &str, part: &str, what: String) -> Self {
        let within = text.as_bytes().as_ptr_range().contains(&part.as_ptr());
        let at = if within {
            span(text, part).start
        } else {
            text.len()
        };
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = text[begin..at].chars().count();
        let row = text[..at].matches('\n').count() + 1;
        let place = match text.contains('\n') {
            true => format!("in line {row} at character {}", before + 1),
            false => format!("at character {}", before + 1),
        };
        Self {
            what,
            place,
            line: text[begin..].lines().next().unwrap_or_default().to_owned(),
            before,
        }
    }
}

/// The first thing that kept the program from being read.
pub(super) fn of_loading(text: &str, errors: &load::Errors<&str, ()>) -> ProgramError {
    use load::Error::{Io, Lex, Parse};
    let first = match errors.first().map(|(_, error)| error) {
        Some(Io(found)) => found.first().map(|(path, _)| (*path, NO_FILES.to_owned())),
        Some(Lex(found)) => found
            .first()
            .map(|(expected, part)| (*part, expectation(expected.as_str(), part))),
        Some(Parse(found)) => found
            .first()
            .map(|(expected, part)| (*part, expectation(expected.as_str(), part))),
        None => None,
    };
    let (part, what) = first.unwrap_or((text, "it cannot be read".to_owned()));
    ProgramError::new(text, part, what)
}

fn expectation(expected: &str, found: &str) -> String {
    let found = found.lines().next().unwrap_or_default().trim();
    match found.chars().next() {
        Some(_) if found.chars().count() <= 20 => format!("expected {expected}, found '{found}'"),
        Some(first) => format!("expected {expected}, found '{first}…'"),
        None => format!("expected {expected}, found the end"),
    }
}

/// The first name that the program uses and nothing defines.
pub(super) fn of_compiling(
    text: &str,
    errors: &jaq_core::compile::Errors<&str, ()>,
) -> ProgramError {
    let first = errors.iter().flat_map(|(_, found)| found).next();
    let Some((name, kind)) = first else {
        return ProgramError::new(text, text, "it cannot be compiled".to_owned());
    };
    let what = match kind {
        _ if LEFT_OUT.contains(name) => format!(
            "'{name}' is not available to --map, which sees the payload and nothing else, so that a point gives the same record at any time"
        ),
        Undefined::Filter(0) => format!("there is no '{name}' without arguments"),
        Undefined::Filter(1) => format!("there is no '{name}' with 1 argument"),
        Undefined::Filter(arguments) => format!("there is no '{name}' with {arguments} arguments"),
        other => format!("there is no {} '{name}'", other.as_str()),
    };
    ProgramError::new(text, name, what)
}
