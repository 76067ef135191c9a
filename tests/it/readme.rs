//! What README.md promises, held against the code: its example graph loads, its tables are complete.

use std::collections::BTreeSet;

use ficus::{
    config::Limits,
    diagnostic::Diagnostics,
    graph::{Sources, load_sources},
    import::{Options, import},
    mapping::methods,
    trial::case::{read, run},
};
use futures_util::FutureExt as _;

const README: &str = include_str!("../../README.md");

/// The fenced blocks whose first line names a file: `(name, text)`.
fn files(language: &str) -> Vec<(String, String)> {
    let fence = format!("```{language} ");
    README
        .split(&fence)
        .skip(1)
        .filter_map(|rest| {
            let (name, rest) = rest.split_once('\n')?;
            Some((name.to_owned(), rest.split_once("\n```")?.0.to_owned()))
        })
        .collect()
}

fn example() -> Sources {
    let mut connectors = files("yaml");
    connectors.retain(|(name, _)| name.starts_with("connectors/"));
    Sources { schema: files("graphql"), connectors, ..Sources::default() }
}

#[test]
fn the_cases_it_shows_pass() {
    let graph = load_sources(&example()).unwrap().graph;
    let (name, text) = files("yaml").into_iter().find(|(name, _)| name.ends_with(".test.yaml")).unwrap();
    let mut diagnostics = Diagnostics::default();
    let file = read(&name, &text, &mut diagnostics);
    assert_eq!((diagnostics.errors(), file.cases.len()), (0, 2));
    for case in &file.cases {
        let ran = run(&graph, case).now_or_never().expect("nothing waits");
        assert!(ran.passed(), "{}: {ran:?}", case.name);
    }
}

#[test]
fn the_example_graph_loads_without_a_warning() {
    let sources = example();
    assert_eq!((sources.schema.len(), sources.connectors.len()), (5, 4));
    let loaded = load_sources(&sources)
        .unwrap_or_else(|diagnostics| panic!("{}", ficus::diagnostic::render(&diagnostics, false)));
    assert!(loaded.warnings.is_empty(), "{}", ficus::diagnostic::render(&loaded.warnings, false));
}

#[test]
fn the_import_it_shows_is_the_import() {
    let (_, task) = README.split_once("### Import an OpenAPI document\n").unwrap();
    let blocks: Vec<(&str, &str)> =
        task.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect();
    let [("yaml", document), ("sh", shown), ("graphql", schema), ("yaml", connector), ..] = blocks[..] else {
        panic!("{blocks:?}")
    };
    let options =
        Options { source: "library".to_owned(), document: "library.yaml".to_owned(), taken: BTreeSet::new() };
    let imported = import(document, &options).unwrap();
    assert_eq!(imported.schema.trim_end(), schema);
    assert_eq!(imported.connector.trim_end(), connector);
    let counts =
        format!("imported {} of {} operations", imported.report.imported, imported.report.operations);
    assert!(shown.contains(imported.report.to_text().trim_end()) && shown.contains(&counts), "{shown}");
}

#[test]
fn the_table_of_codes_is_the_closed_table() {
    let in_code: BTreeSet<&str> = include_str!("../../src/error.rs")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Code::")?.split_once("=> \"")?.1.strip_suffix("\","))
        .collect();
    let table = README.split("### Error codes").nth(1).unwrap().split("\n### ").next().unwrap();
    let in_readme: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(in_code.len() > 20, "{in_code:?}");
    assert_eq!(in_readme, in_code);
}

#[test]
fn the_table_of_methods_has_them_all() {
    let known: BTreeSet<&str> = methods::names().collect();
    let table = README.split("### Methods").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let in_readme: BTreeSet<&str> =
        rows.flat_map(|row| row.split("`, `")).filter_map(|method| method.split(['(', '`']).next()).collect();
    assert_eq!(in_readme, known);
}

#[test]
fn the_table_of_limits_shows_the_defaults() {
    let limits = Limits::default();
    let rows = [
        ("depth", limits.depth_max.to_string()),
        ("aliases", limits.aliases_max.to_string()),
        ("root_fields", limits.root_fields_max.to_string()),
        ("fields", limits.fields_max.to_string()),
        ("tokens", limits.tokens_max.to_string()),
        ("directives", limits.directives_max.to_string()),
        ("body", format!("{}MiB", limits.body_bytes_max >> 20)),
        ("batch", limits.batch_max.to_string()),
        ("errors", limits.errors_max.to_string()),
        ("connections", limits.connections_max.to_string()),
    ];
    for (name, default) in rows {
        assert!(README.contains(&format!("| `limits.{name}` | {default} |")), "limits.{name}: {default}");
    }
    let times = format!("{}s, {}s", limits.header_read.as_secs(), limits.body_read.as_secs());
    assert!(README.contains(&format!("| `limits.header_read`, `limits.body_read` | {times} |")), "{times}");
}

#[test]
fn the_diagnostic_it_shows_is_one_of_the_cases() {
    let shown = README.split("```text\nerror[").nth(1).unwrap().split("\n```").next().unwrap();
    assert!(include_str!("../check/undefined-argument.md").contains(shown), "{shown}");
}

#[test]
fn the_plan_it_shows_is_the_plan() {
    let shown = README.split("$ ficus explain -q '").nth(1).unwrap();
    let (operation, rest) = shown.split_once("'\n").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ficus"))
        .args(["explain", "-q", operation])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let plan = rest.split("```").next().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), plan, "{}", String::from_utf8_lossy(&output.stderr));
}
