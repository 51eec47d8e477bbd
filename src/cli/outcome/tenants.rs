//! The closing table of namespaces, where there is more than one: all of a few,
//! of many those with something to see to.

use comfy_table::{CellAlignment, Table, presets};

use crate::report::NamespaceFacts;

/// Rows of the table.
const SHOWN: usize = 20;

/// The table, and how many namespaces it leaves out; none where there is none.
pub(super) fn table(namespaces: Option<&[NamespaceFacts]>) -> Option<String> {
    let namespaces = namespaces?;
    let notable = namespaces.iter().filter(|facts| facts.is_notable());
    let plain = namespaces.iter().filter(|facts| !facts.is_notable());
    let shown: Vec<&NamespaceFacts> = match namespaces.len() <= SHOWN {
        true => namespaces.iter().collect(),
        false => notable.chain(plain).take(SHOWN).collect(),
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "namespace",
        "source",
        "archived",
        "rejected",
        "settled",
        "unchanged",
        "compared",
        "differ",
    ]);
    for facts in &shown {
        table.add_row(row(facts));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let more = match namespaces.len() - shown.len() {
        0 => String::new(),
        more => format!("\nand {more} more in report.json"),
    };
    Some(format!("{table}{more}"))
}

fn row(facts: &NamespaceFacts) -> [String; 8] {
    let name = facts.name.as_deref().unwrap_or("(default)");
    let source = facts
        .source
        .map_or("?".to_owned(), |count| count.to_string());
    [
        name.escape_debug().to_string(),
        source,
        facts.archived.to_string(),
        facts.rejected.to_string(),
        facts.settled.to_string(),
        facts.unchanged.to_string(),
        facts.values_sampled.to_string(),
        (facts.missing + facts.values_different).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, rejected: u64) -> NamespaceFacts {
        NamespaceFacts {
            name: Some(name.to_owned()),
            archived: 3,
            rejected,
            ..NamespaceFacts::default()
        }
    }

    #[test]
    fn of_many_namespaces_those_with_something_to_see_to_come_first() {
        let mut many: Vec<NamespaceFacts> = (10..40)
            .map(|number| facts(&number.to_string(), 0))
            .collect();
        many.push(facts("zebra", 1));
        let shown = table(Some(&many)).unwrap();
        assert!(shown.lines().nth(1).unwrap().contains("zebra"), "{shown}");
        assert!(shown.ends_with("and 11 more in report.json"), "{shown}");
        assert_eq!(shown.lines().count(), 22);
        assert_eq!(table(None), None);
    }
}
