//! What the application needs next: the wrangler bindings for what was filled,
//! and how to read and delete by file within the service's limits.

/// Ids that one get_by_ids call takes.
pub const GET_BY_IDS: u64 = 20;
/// Ids that one delete_by_ids call takes.
pub const DELETE_BY_IDS: u64 = 100;

/// The bindings as wrangler's TOML wants them.
pub fn bindings(index: &str, kv_namespace_id: Option<&str>) -> String {
    let mut text = format!("[[vectorize]]\nbinding = \"VECTORIZE\"\nindex_name = \"{index}\"\n");
    if let Some(id) = kv_namespace_id {
        text.push_str(&format!(
            "\n[[kv_namespaces]]\nbinding = \"FILE_INDEX\"\nid = \"{id}\"\n"
        ));
    }
    text
}

/// What an application must mind when files have more vectors than a call takes;
/// none when no file has.
pub fn long_files(over_get: u64, over_delete: u64) -> Option<String> {
    if over_get == 0 {
        return None;
    }
    let files = if over_get == 1 {
        "file has"
    } else {
        "files have"
    };
    Some(format!(
        "{over_get} {files} more than {GET_BY_IDS} vectors and {over_delete} more than {DELETE_BY_IDS}: \
         getByIds takes {GET_BY_IDS} ids a call and deleteByIds {DELETE_BY_IDS}, so call them in groups:\n\
         for (let i = 0; i < ids.length; i += {DELETE_BY_IDS}) await env.VECTORIZE.deleteByIds(ids.slice(i, i + {DELETE_BY_IDS}));"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_name_what_was_filled() {
        let text = bindings("docs", Some("0f2ac74b498b48028cb68387c421e279"));
        let parsed: toml::Table = text.parse().unwrap();
        assert_eq!(parsed["vectorize"][0]["index_name"].as_str(), Some("docs"));
        assert_eq!(
            parsed["kv_namespaces"][0]["id"].as_str(),
            Some("0f2ac74b498b48028cb68387c421e279")
        );
        assert!(!bindings("docs", None).contains("kv_namespaces"));
    }

    #[test]
    fn long_files_are_only_spoken_of_when_there_are_some() {
        assert_eq!(long_files(0, 0), None);
        assert!(
            long_files(7, 2)
                .unwrap()
                .starts_with("7 files have more than 20 vectors and 2 more than 100")
        );
    }
}
