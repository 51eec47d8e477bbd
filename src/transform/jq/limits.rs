//! What a program, and texts that programs read as JSON, may ask for. The language's
//! library takes a piece of the stack for every level, and time that grows with the
//! square of a number's digits: both are measured before it sees a text.

/// How deep values may nest: what a JSON reader takes.
pub(super) const MAX_DEPTH: usize = 128;
/// The most digits of a number.
pub(super) const MAX_DIGITS: usize = 1_000;
/// The most words and signs of a program.
pub(super) const MAX_PARTS: usize = 3_000;
/// The most operators and brackets that one filter may be within or behind.
pub(super) const MAX_LINKS: usize = 400;
/// What a bracket counts for: running what is in it takes as much more stack.
const BRACKET_LINKS: usize = 3;
/// Words that chain filters as operators do.
const LINKS: [&str; 13] = [
    "and", "as", "catch", "def", "elif", "else", "foreach", "if", "label", "or", "reduce", "then",
    "try",
];

/// Why a number of that text cannot be worked on.
pub(super) fn number(text: &str) -> Result<(), String> {
    match text.len() > MAX_DIGITS {
        true => Err(format!(
            "a number is {} characters long; programs take up to {MAX_DIGITS}",
            text.len()
        )),
        false => Ok(()),
    }
}

/// Why a text cannot be read as JSON. `#` begins a comment, as the library has it.
pub(super) fn json(text: &[u8]) -> Result<(), String> {
    let (mut depth, mut digits) = (0_usize, 0);
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        match byte {
            b'"' => pass_string(&mut rest),
            b'#' => drop(rest.find(|byte| **byte == b'\n')),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
        if digits > MAX_DIGITS {
            return Err(format!(
                "it holds a number of more than {MAX_DIGITS} digits"
            ));
        }
    }
    Ok(())
}

fn pass_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
}

/// Where a program is too long, and why.
pub(super) fn program(text: &str) -> Result<(), (&str, String)> {
    let (mut measure, mut within) = (Measure::default(), None);
    for (at, character) in text.char_indices() {
        let is_word = character.is_alphanumeric() || character == '_';
        match (is_word, within) {
            (true, None) => within = Some(at),
            (true, Some(_)) => {}
            (false, begun) => {
                begun
                    .into_iter()
                    .for_each(|begun| measure.word(&text[begun..at]));
                measure.sign(character);
                within = None;
            }
        }
        if let Some(what) = measure.problem() {
            return Err((&text[at..], what));
        }
    }
    Ok(())
}

/// How long a program is, and how long the way from its outermost filter to the one
/// that is being read. Brackets within its texts count as others do: interpolation
/// nests there.
#[derive(Default)]
struct Measure {
    parts: usize,
    links: usize,
    /// Each open bracket with the links before it.
    open: Vec<(char, usize)>,
}

impl Measure {
    fn word(&mut self, word: &str) {
        self.parts += 1;
        self.links += usize::from(LINKS.contains(&word));
    }

    fn sign(&mut self, sign: char) {
        self.parts += usize::from(!sign.is_whitespace());
        match sign {
            '(' | '[' | '{' => {
                self.open.push((sign, self.links));
                self.links += BRACKET_LINKS;
            }
            ')' | ']' | '}' => self.links = self.open.pop().map_or(self.links, |(_, links)| links),
            ',' if let Some(('{', links)) = self.open.last() => self.links = links + BRACKET_LINKS,
            '.' | ':' | ';' | '"' | '$' => {}
            _ => self.links += usize::from(!sign.is_whitespace()),
        }
    }

    fn problem(&self) -> Option<String> {
        if self.links > MAX_LINKS {
            return Some(format!("it chains or nests more than {MAX_LINKS} filters"));
        }
        let long = self.parts > MAX_PARTS;
        long.then(|| format!("it has more than {MAX_PARTS} words and signs"))
    }
}
