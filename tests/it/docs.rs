//! What README.md and the pages of docs/ promise, held against the code: the example graph loads, tables are complete, links lead
//! somewhere.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use ficus::{
    config::Limits,
    diagnostic::Diagnostics,
    graph::{Sources, load_sources},
    import::{Options, import},
    mapping::methods,
    trial::case::{read, run},
};
use futures_util::FutureExt as _;

/// README.md and the pages of docs/, one after another.
fn pages() -> &'static str {
    static PAGES: LazyLock<String> = LazyLock::new(|| {
        let texts: Vec<String> = paths().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        texts.join("\n")
    });
    &PAGES
}

/// Where they are.
fn paths() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = pages.collect();
    paths.sort();
    paths.insert(0, root.join("README.md"));
    paths
}

/// The part of a page below a heading.
fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let below = page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}")).1;
    let level = heading.split(' ').next().unwrap();
    below.split(&format!("\n{level} ")).next().unwrap()
}

/// The fenced blocks whose first line names a file: `(name, text)`.
fn files(language: &str) -> Vec<(String, String)> {
    let fence = format!("```{language} ");
    pages()
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
    let secret = |name: &str| (name.to_owned(), "whsec_c2VjcmV0IG9mIGEgcGFnZSBvZiBkb2NzLw==".to_owned());
    let env = HashMap::from([secret("ACCOUNTS_WEBHOOK_SECRET"), secret("STRIPE_WEBHOOK_SECRET")]);
    Sources { schema: files("graphql"), connectors, env, ..Sources::default() }
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
    assert_eq!((sources.schema.len(), sources.connectors.len()), (7, 6));
    let loaded = load_sources(&sources)
        .unwrap_or_else(|diagnostics| panic!("{}", ficus::diagnostic::render(&diagnostics, false)));
    assert!(loaded.warnings.is_empty(), "{}", ficus::diagnostic::render(&loaded.warnings, false));
}

#[test]
fn the_import_it_shows_is_the_import() {
    let task = include_str!("../../docs/openapi.md");
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
    let table = section(pages(), "## Error codes");
    let listed: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(in_code.len() > 20, "{in_code:?}");
    assert_eq!(listed, in_code);
}

#[test]
fn the_table_of_methods_has_them_all() {
    let known: BTreeSet<&str> = methods::names().collect();
    let table = section(pages(), "## Methods");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: BTreeSet<&str> =
        rows.flat_map(|row| row.split("`, `")).filter_map(|method| method.split(['(', '`']).next()).collect();
    assert_eq!(listed, known);
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
        assert!(pages().contains(&format!("| `limits.{name}` | {default} |")), "limits.{name}: {default}");
    }
    let times = format!("{}s, {}s", limits.header_read.as_secs(), limits.body_read.as_secs());
    assert!(pages().contains(&format!("| `limits.header_read`, `limits.body_read` | {times} |")), "{times}");
}

#[test]
fn the_diagnostic_it_shows_is_one_of_the_cases() {
    let shown = pages().split("```text\nerror[").nth(1).unwrap().split("\n```").next().unwrap();
    assert!(include_str!("../check/undefined-argument.md").contains(shown), "{shown}");
}

#[test]
fn the_plan_it_shows_is_the_plan() {
    let shown = pages().split("$ ficus explain -q '").nth(1).unwrap();
    let (operation, rest) = shown.split_once("'\n").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ficus"))
        .args(["explain", "-q", operation])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let plan = rest.split("```").next().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), plan, "{}", String::from_utf8_lossy(&output.stderr));
}

/// The anchor that code hosts make of a heading.
fn anchor(heading: &str) -> String {
    let letters =
        heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    letters.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
}

#[test]
fn its_links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for path in paths() {
        let text = std::fs::read_to_string(&path).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://")) {
            count += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has_anchor = || {
                let target = std::fs::read_to_string(&target).unwrap();
                let mut headings = target.lines().filter(|line| line.starts_with('#'));
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == fragment)
            };
            if !target.exists() || !(fragment.is_empty() || has_anchor()) {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(count > 20 && broken.is_empty(), "{broken:?}");
}
