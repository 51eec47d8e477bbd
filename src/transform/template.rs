//! Templates such as `{file_id}_{chunk_index}`: text with fields of a point in
//! braces, from which ids, namespaces and file keys are made. They are parsed
//! once; rendering never invents text for a field that a point lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::field::{Field, MissingField};
use super::file::is_digits;
use crate::point::Point;

mod parse;
#[cfg(test)]
mod tests;

pub use parse::{TemplateError, TemplateProblem};

/// Text with fields in braces.
///
/// - `{field}`: the payload's field of that name; `{a.b}`: the key `a.b` if the
///   payload has it, else `b` within `a`
/// - `{id}`: the source's own id; `{.id}`: the payload's field `id`
/// - `{namespace}`: the source's namespace, empty text for the default one;
///   `{.namespace}`: the payload's field
/// - `{{` and `}}`: a brace
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field(Field),
}

impl Template {
    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What every text that it gives begins with.
    pub fn literal_prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// The names of its fields as they were written, in order, repeats included.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Field(field) => Some(field.name()),
        })
    }

    /// The text that this point gives.
    ///
    /// Text stands as it is, booleans as `true` and `false`. Integers stand with
    /// their digits, other numbers as the shortest decimal text that gives the
    /// same f64, never with an exponent: `3.0` and `3` give `3`, `1e3` gives
    /// `1000`, `-0.0` gives `0`, `1e-7` gives `0.0000001`. Whole doubles beyond
    /// 2^53 end in zeros after the digits that tell them from their neighbours.
    pub fn render(&self, point: &Point) -> Result<String, MissingField> {
        let mut text = String::with_capacity(64);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Field(field) => text.push_str(&field.text(point)?),
            }
        }
        Ok(text)
    }

    /// The text that these field texts give, keyed as [`Template::fields`] names
    /// them; none when one is missing.
    pub fn render_fields(&self, fields: &BTreeMap<String, String>) -> Option<String> {
        let mut text = String::with_capacity(64);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Field(field) => text.push_str(fields.get(field.name())?),
            }
        }
        Some(text)
    }

    /// Whether [`Template::invert`] can ever give an answer: at least one field,
    /// none twice, and between any two of them text that is more than digits.
    pub fn is_invertible(&self) -> bool {
        let touching = self
            .pieces
            .windows(2)
            .any(|pair| matches!(pair, [Piece::Field(_), Piece::Field(_)]));
        let blurred = self.pieces.windows(3).any(|three| match three {
            [Piece::Field(_), Piece::Literal(between), Piece::Field(_)] => is_digits(between),
            _ => false,
        });
        let names: BTreeSet<_> = self.fields().collect();
        !names.is_empty() && names.len() == self.fields().count() && !touching && !blurred
    }

    /// The field texts from which `text` could have been rendered, so that
    /// [`Template::render_fields`] gives `text` again.
    ///
    /// Where several splits are possible the leftmost field takes as much as it
    /// can: for `{file_id}_{chunk_index}` the last underscore separates. A field may
    /// be empty. None when `text` does not fit or the template cannot be inverted.
    pub fn invert(&self, text: &str) -> Option<BTreeMap<String, String>> {
        if !self.is_invertible() {
            return None;
        }
        let mut fields = BTreeMap::new();
        let mut rest = text;
        for (position, piece) in self.pieces.iter().enumerate().rev() {
            rest = match piece {
                Piece::Literal(literal) => rest.strip_suffix(literal.as_str())?,
                Piece::Field(field) => {
                    let begin = self.field_begin(position, rest)?;
                    let (before, value) = rest.split_at(begin);
                    fields.insert(field.name().to_owned(), value.to_owned());
                    before
                }
            };
        }
        Some(fields)
    }

    /// Where the field at `position` begins in `rest`, which it ends: after the
    /// last occurrence of the literal before it.
    fn field_begin(&self, position: usize, rest: &str) -> Option<usize> {
        let before = position.checked_sub(1).and_then(|at| self.pieces.get(at));
        match before {
            Some(Piece::Literal(literal)) if position == 1 => Some(literal.len()),
            Some(Piece::Literal(literal)) => Some(rest.rfind(literal)? + literal.len()),
            _ => Some(0),
        }
        .filter(|begin| rest.is_char_boundary(*begin))
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            text: text.to_owned(),
            pieces: parse::pieces(text)?,
        })
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
