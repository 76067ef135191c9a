//! The JUnit report is XML, whatever stands in names and values.

use std::{fs, path::Path};

use super::command;

const SCHEMA: &str = r#"
type Query { thing: String @connect(http: { GET: "http://api/thing" }, selection: "$") }
"#;

/// Reads XML by its grammar as far as a report needs it; panics where it is not well-formed. Gives the names of elements.
fn elements(xml: &str) -> Vec<String> {
    assert!(xml.chars().all(|c| c == '\n' || c >= ' '), "a control character");
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    while let Some((text, tag)) = rest.split_once('<') {
        entities(text);
        let (tag, after) = tag.split_once('>').expect("a closed tag");
        assert!(!tag.contains('<'));
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        while !attributes.trim().is_empty() {
            let (key, value) = attributes.trim_start().split_once("=\"").expect("an attribute");
            assert!(key.bytes().all(|byte| byte.is_ascii_alphabetic()), "{key}");
            let (value, after) = value.split_once('"').expect("a closed attribute");
            entities(value);
            attributes = after;
        }
        found.push(name.to_owned());
        if !is_closed {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    found
}

fn entities(text: &str) {
    for reference in text.split('&').skip(1) {
        let (name, _) = reference.split_once(';').expect("a closed reference");
        let known = ["amp", "lt", "gt", "quot"].contains(&name);
        assert!(
            known || name.strip_prefix('#').is_some_and(|number| ["9", "10", "13"].contains(&number)),
            "{name}"
        );
    }
}

#[test]
fn a_report_is_well_formed_whatever_it_speaks_of() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("schema/a.graphql", SCHEMA);
    let names = ["plain", "<&>\\\"'", "]]>", "tab\\tand\\nline", "bell\\u0007", "\\u{ffff}é"];
    let mut cases = "cases:\n".to_owned();
    for (index, name) in names.iter().enumerate() {
        let name = name.replace("\\u{ffff}", "\u{fffd}");
        let expected = if index == 0 { "fine" } else { "<other> & ]]> \\u0001" };
        cases.push_str(&format!(
            "  - name: \"{name}\"\n    connector: Query.thing\n    response: {{ body: fine }}\n    expect: {{ result: \"{expected}\" }}\n"
        ));
    }
    write("tests/connectors/odd.test.yaml", &cases);
    write("tests/connectors/wrong & odd.test.yaml", "cases: <5>\n");
    let printed = command(folder.path(), "ficus test --junit report.xml", None);
    assert!(printed.contains("6 cases: 1 passed, 5 failed"), "{printed}");
    let report = fs::read_to_string(folder.path().join("report.xml")).unwrap();
    let found = elements(&report);
    let count = |name: &str| found.iter().filter(|found| *found == name).count();
    assert_eq!(
        [count("testsuite"), count("testcase"), count("failure"), count("error")],
        [2, 7, 5, 1],
        "{report}"
    );
    let _ = command(folder.path(), "ficus test --junit again.xml", None);
    assert_eq!(report, fs::read_to_string(Path::new(folder.path()).join("again.xml")).unwrap());
}
