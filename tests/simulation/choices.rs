//! What a simulated operator asks for: the mapping, and how it is written as
//! options of the program.

use cf_migrate::settings::MappingOptions;

use crate::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BigInts {
    Reject,
    Text,
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Adds a key.
    Mark,
    /// Takes one away.
    DropJunk,
    /// Fails where the title is no text.
    LowerTitle,
}

impl Program {
    fn text(self) -> &'static str {
        match self {
            Self::Mark => ".mapped = true",
            Self::DropJunk => "del(.junk)",
            Self::LowerTitle => ".title |= ascii_downcase",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Choices {
    pub id: &'static str,
    pub namespace: Option<&'static str>,
    pub file_key: &'static str,
    pub order_by: &'static str,
    pub vector: Option<String>,
    pub dims: Option<usize>,
    pub big_ints: BigInts,
    pub reject_doubtful: bool,
    pub program: Option<Program>,
    pub rename: bool,
    pub keep: Vec<&'static str>,
    pub drop: Vec<&'static str>,
    pub drop_nulls: bool,
    pub fix_keys: bool,
    pub truncate: bool,
    pub hash_long_ids: bool,
}

/// The usual keys that a mapping may keep.
const KEPT: [&str; 5] = ["title", "text", "file_id", "big", "absent"];

impl Choices {
    pub fn random(dice: &mut Dice) -> Self {
        let rename = dice.chance(0.15);
        let mut choices = Self {
            id: dice.weighted(&[
                (5, "{file_id}_{chunk_index}"),
                (4, "{id}"),
                (2, "{namespace}:{id}"),
                (1, "{namespace}-{file_id}-{chunk_index}"),
            ]),
            namespace: dice.weighted(&[(6, None), (1, Some("{tenant}")), (1, Some("all"))]),
            file_key: dice.weighted(&[
                (7, "file:{file_id}"),
                (1, "{namespace}/file:{file_id}"),
                (1, "{file_id}"),
            ]),
            order_by: dice.weighted(&[(6, "chunk_index"), (1, "weight")]),
            vector: None,
            dims: None,
            big_ints: dice.weighted(&[
                (2, BigInts::Reject),
                (1, BigInts::Text),
                (1, BigInts::Number),
            ]),
            reject_doubtful: dice.chance(0.1),
            program: None,
            rename,
            keep: Vec::new(),
            drop: Vec::new(),
            drop_nulls: dice.chance(0.2),
            fix_keys: dice.chance(0.3),
            truncate: dice.chance(0.3),
            hash_long_ids: dice.chance(0.3),
        };
        if dice.chance(0.15) {
            choices.program =
                Some(*dice.pick(&[Program::Mark, Program::DropJunk, Program::LowerTitle]));
        }
        if dice.chance(0.15) {
            choices.keep = KEPT.to_vec();
        }
        if dice.chance(0.2) {
            choices.drop = vec!["junk", "file_id"];
        }
        choices
    }

    pub fn options(&self) -> MappingOptions {
        let list = |keys: &[&str]| {
            let keys = keys.iter().map(|key| (*key).to_owned());
            Some(keys.collect::<Vec<_>>()).filter(|keys| !keys.is_empty())
        };
        let big_ints = match self.big_ints {
            BigInts::Reject => "reject",
            BigInts::Text => "string",
            BigInts::Number => "number",
        };
        MappingOptions {
            id: Some(self.id.parse().unwrap()),
            namespace: self.namespace.map(|template| template.parse().unwrap()),
            vector: self.vector.clone(),
            dims: self.dims.map(|dims| dims.to_string().parse().unwrap()),
            file_key: Some(self.file_key.parse().unwrap()),
            order_by: Some(self.order_by.to_owned()),
            big_ints: Some(big_ints.parse().unwrap()),
            doubtful: self.reject_doubtful.then(|| "reject".parse().unwrap()),
            data_field: None,
            map: self.program.map(|program| program.text().parse().unwrap()),
            rename: self.rename.then(|| vec!["doc=file_id".parse().unwrap()]),
            keep: list(&self.keep),
            drop: list(&self.drop),
            nulls: self.drop_nulls.then(|| "drop".parse().unwrap()),
            fix_keys: self.fix_keys.then(|| "_".parse().unwrap()),
            truncate: self.truncate.then(|| "text".to_owned()),
            long_ids: self.hash_long_ids.then(|| "hash".parse().unwrap()),
            metric: None,
        }
    }
}
