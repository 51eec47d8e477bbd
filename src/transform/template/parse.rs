//! From a template's text to its pieces; an error points at the character that
//! is wrong and says what would be right.

use super::Piece;
use crate::transform::field::Field;

/// A template that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template '{text}' is wrong at character {column}: {problem}")]
pub struct TemplateError {
    /// The template.
    pub text: String,
    /// The offending character, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: TemplateProblem,
}

/// What is wrong with a template, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// No text at all.
    #[error("it is empty; name at least one field, such as {{id}}")]
    Empty,
    /// A `{` without its `}`.
    #[error("this '{{' is never closed; end the field with '}}', or write '{{{{' for a brace")]
    Unclosed,
    /// A `}` without its `{`.
    #[error("this '}}' closes nothing; write '}}}}' for a brace")]
    Unopened,
    /// A `{` within a field.
    #[error("a field name holds no '{{'; close the field before it with '}}'")]
    Nested,
    /// `{}` or `{.}`.
    #[error("the field has no name; put a payload field, id or namespace between the braces")]
    Nameless,
    /// A name with space around it.
    #[error("a field name has no space around it; write {{file_id}}, not {{ file_id }}")]
    Space,
}

/// Adjacent literals are joined, so that between two fields there is one literal
/// or none.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    if text.is_empty() {
        return Err(wrong(text, 0, TemplateProblem::Empty));
    }
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let tail = &text[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            literal.push(next);
            at += 2;
        } else if next == '{' {
            let name = field_name(text, at)?;
            flush(&mut literal, &mut pieces);
            pieces.push(Piece::Field(Field::new(name)));
            at += name.len() + 2;
        } else if next == '}' {
            return Err(wrong(text, at, TemplateProblem::Unopened));
        } else {
            literal.push(next);
            at += next.len_utf8();
        }
    }
    flush(&mut literal, &mut pieces);
    Ok(pieces)
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
}

/// The name in the braces that open at byte `open`.
fn field_name(text: &str, open: usize) -> Result<&str, TemplateError> {
    let inner = &text[open + 1..];
    let Some(length) = inner.find(['{', '}']) else {
        return Err(wrong(text, open, TemplateProblem::Unclosed));
    };
    let name = &inner[..length];
    if inner[length..].starts_with('{') {
        Err(wrong(text, open + 1 + length, TemplateProblem::Nested))
    } else if name.is_empty() || name == "." {
        Err(wrong(text, open + 1, TemplateProblem::Nameless))
    } else if name.starts_with(char::is_whitespace) {
        Err(wrong(text, open + 1, TemplateProblem::Space))
    } else if name.ends_with(char::is_whitespace) {
        Err(wrong(text, open + length, TemplateProblem::Space))
    } else {
        Ok(name)
    }
}

fn wrong(text: &str, byte: usize, problem: TemplateProblem) -> TemplateError {
    let before = text.char_indices().take_while(|(at, _)| *at < byte).count();
    TemplateError {
        text: text.to_owned(),
        column: before + 1,
        problem,
    }
}
