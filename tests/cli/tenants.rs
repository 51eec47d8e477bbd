//! Points with namespaces, in Vectorize's own form: the report tells each apart, and
//! ids that are unique in a namespace only are told before anything is written.

use serde_json::{Value, json};

use crate::cli::Shell;

fn line(id: &str, namespace: Option<&str>, number: u32) -> String {
    let mut values = vec![0.5; 32];
    values[0] = f64::from(number);
    let line =
        json!({"id": id, "values": values, "metadata": {"n": number}, "namespace": namespace});
    format!("{line}\n")
}

fn shell(lines: &[String]) -> Shell {
    let shell = Shell::new();
    shell.write("points.ndjson", lines.concat());
    shell
}

const RUN: &str = "run points.ndjson vectorize:docs --create --sandbox=box";

#[test]
fn the_report_and_the_closing_table_tell_the_namespaces_apart() {
    let shell = shell(&[
        line("1", None, 1),
        line("2", Some("größe"), 2),
        line("3", Some("größe"), 3),
    ]);
    let told = shell.run(&format!("{RUN} --json")).ends(0);
    let rows = &told.json()["namespaces"];
    let row = |name: Value, count: u64| {
        json!({"name": name, "source": null, "archived": count, "rejected": 0, "settled": count,
               "unchanged": 0, "missing": 0, "values_sampled": count, "values_different": 0})
    };
    assert_eq!(rows, &json!([row(Value::Null, 1), row(json!("größe"), 2)]));
    let again = shell.run(RUN).ends(0);
    for text in ["namespace", "(default)", "größe"] {
        assert!(again.stderr.contains(text), "{}", again.stderr);
    }
}

#[test]
fn one_namespace_makes_no_table() {
    let told = shell(&[line("1", Some("a"), 1), line("2", Some("a"), 2)])
        .run(&format!("{RUN} --json"))
        .ends(0);
    assert_eq!(told.json()["namespaces"], Value::Null);
}

#[test]
fn one_id_in_two_namespaces_is_refused_with_the_option_that_tells_them_apart() {
    let shell = shell(&[
        line("1", Some("a"), 1),
        line("1", Some("b"), 2),
        line("2", None, 3),
        line("2", Some("b"), 4),
    ]);
    let told = shell.run(RUN).ends(7);
    for text in [
        "4 points cannot become records",
        "1 in the namespace 'a': the vector id '1' is also that of the point '1' in the namespace 'b'",
        "1 in the namespace 'b': the vector id '1' is also that of the point '1' in the namespace 'a'",
        "2 in the namespace 'b': the vector id '2' is also that of the point '2'",
        "--id '{namespace}:{id}' tells them apart",
        "Nothing was written",
    ] {
        assert!(told.stderr.contains(text), "{text:?} in {}", told.stderr);
    }
    let told = shell
        .run(&format!("{RUN} --id '{{namespace}}:{{id}}' --json"))
        .ends(0);
    assert_eq!(told.json()["points"]["settled"], 4);
}

#[test]
fn one_id_twice_in_a_namespace_is_no_matter_of_namespaces() {
    let shell = shell(&[
        line("1", Some("a"), 1),
        line("1", Some("a"), 2),
        line("2", Some("b"), 3),
    ]);
    let told = shell.run(RUN).ends(7);
    let advice = "points of several namespaces have the same one";
    assert!(!told.stderr.contains(advice), "{}", told.stderr);
}

#[test]
fn files_that_tenants_share_are_told_with_the_key_that_keeps_them_apart() {
    let of_file = |id: &str, namespace: &str| {
        let line = line(id, Some(namespace), 1);
        line.replace(r#""metadata":{"n":1}"#, r#""metadata":{"file_id":"f"}"#)
    };
    let shell = shell(&[of_file("1", "a"), of_file("2", "b")]);
    let indexed = format!("{RUN} --file-index kv:files");
    let told = shell.run(&format!("{indexed} --dry-run")).ends(0).stderr;
    assert!(told.contains("1 file has vectors in more than one namespace, the first is file:f"));
    let advised = "--file-key 'file:{namespace}:{file_id}'";
    assert!(told.contains(advised), "{told}");
    let told = shell.run(&format!("{indexed} {advised}")).ends(0).stderr;
    assert!(!told.contains("more than one namespace"), "{told}");
    shell.run("export points.ndjson copy").ends(0);
    let told = shell.run("index copy kv:other --create --sandbox=box");
    assert!(told.ends(0).stderr.contains("more than one namespace"));
}
