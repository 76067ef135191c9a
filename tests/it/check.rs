//! Runs `tests/check/*.md`: files of a graph, and the diagnostics that `ficus check` prints for them.
//!
//! A case is a `##` heading with fenced blocks below it. The word after the language is the file's name
//! (`graphql schema/users.graphql`, `yaml connectors/orders.yaml`, `yaml ficus.yaml`); `env` sets variables, one
//! `NAME=value` a line; `diagnostics` is the expected answer, which `UPDATE_EXPECT=1` rewrites.

use std::{fs, path::Path};

use ficus::{
    diagnostic::{Code, Diagnostic, Diagnostics, render, summary},
    graph::{Sources, load_sources},
    plan::n_plus_one,
};

#[test]
fn wrong_files_get_the_diagnostics_that_the_cases_show() {
    let (mut files, failures) = run_folder("tests/check");
    files.retain(|(name, text)| !text.contains(&format!("[{}]", name.replace('-', "_").to_uppercase())));
    let without: Vec<&String> = files.iter().map(|(name, _)| name).collect();
    assert!(without.is_empty(), "no case shows the code that the file is named after: {without:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Mistakes that people make, each with all that is said of it: whether the message alone tells what to change is for a
/// reader to judge.
#[test]
fn mistakes_get_the_messages_that_the_cases_show() {
    let (files, failures) = run_folder("tests/check/mistakes");
    assert!(files.len() >= 20, "the mistakes are there");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs the files of a folder: their names with what stands in them now, and the cases whose answers differ.
fn run_folder(folder: &str) -> (Vec<(String, String)>, Vec<String>) {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut failures = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let (rewritten, wrong) = run(&text);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if update && rewritten != text {
            fs::write(&path, &rewritten).unwrap();
        }
        failures.extend(wrong.into_iter().filter(|_| !update).map(|case| format!("{name}: {case}")));
        files.push((name, rewritten));
    }
    assert!(!files.is_empty(), "the cases are there");
    (files, failures)
}

/// Runs all cases of a file. Gives the file with the answers of this run, and the cases whose answers differ.
fn run(text: &str) -> (String, Vec<String>) {
    let mut rewritten = String::new();
    let mut wrong = Vec::new();
    let mut case = String::new();
    let mut sources = Sources::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        rewritten.push_str(line);
        rewritten.push('\n');
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut case);
            sources = Sources::default();
        }
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let mut content = block.iter().map(|line| format!("{line}\n")).collect::<String>();
        if info == "diagnostics" {
            let answer = answer(&sources);
            if answer != content {
                wrong.push(format!("{case}\n--- expected\n{content}--- got\n{answer}"));
            }
            content = answer;
        } else {
            take(&mut sources, info, &content);
        }
        rewritten.push_str(&content);
        rewritten.push_str("```\n");
    }
    (rewritten, wrong)
}

/// The examples of `ficus check --explain CODE` are true: the wrong one has a diagnostic of the code, the right one none.
#[test]
fn the_examples_of_each_page_show_its_code() {
    let mut failures = Vec::new();
    for code in Code::all().filter(|code| *code != Code::UnreadableFile) {
        let (_, rest) = code.page().split_once("\n## Wrong\n").unwrap();
        let (wrong, right) = rest.split_once("\n## Right\n").unwrap();
        let raised = diagnostics(&example(wrong));
        if !raised.iter().any(|diagnostic| diagnostic.code == code) {
            failures.push(format!("{}: the wrong example gives\n{}", code.as_str(), render(&raised, false)));
        }
        let raised = diagnostics(&example(right));
        if !raised.is_empty() {
            failures.push(format!("{}: the right example gives\n{}", code.as_str(), render(&raised, false)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The files of an example. What it says of the source `shop` is enough to have it.
fn example(text: &str) -> Sources {
    let mut sources = Sources::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let block: String =
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            take(&mut sources, info, &block);
        }
    }
    if sources.connectors.is_empty() && text.contains("source: \"shop\"") && !text.contains("@source(") {
        sources
            .connectors
            .push(("connectors/shop.yaml".to_owned(), "base_url: http://127.0.0.1:1\n".to_owned()));
    }
    sources
}

/// As `ficus check` finds them.
fn diagnostics(sources: &Sources) -> Vec<Diagnostic> {
    match load_sources(sources) {
        Ok(loaded) => {
            let mut all = Diagnostics::default();
            loaded.warnings.into_iter().chain(n_plus_one(&loaded.graph)).for_each(|found| all.push(found));
            all.into_sorted()
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(Diagnostic::is_error), "a refusal has an error");
            diagnostics
        }
    }
}

/// Every code of the table has a case. Files that cannot be read are not a matter of their text.
#[test]
fn every_code_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let without: Vec<String> = Code::all()
        .filter(|code| *code != Code::UnreadableFile)
        .map(|code| code.as_str().to_lowercase().replace('_', "-"))
        .filter(|code| !root.join(format!("tests/check/{code}.md")).exists())
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

fn take(sources: &mut Sources, info: &str, content: &str) {
    let (language, name) = info.split_once(' ').unwrap_or((info, ""));
    let file = |default: &str| {
        let name = if name.is_empty() { default } else { name };
        (name.to_owned(), content.to_owned())
    };
    match (language, name) {
        ("graphql", _) => sources.schema.push(file("schema/shop.graphql")),
        ("yaml", "ficus.yaml") => sources.config = Some(file("ficus.yaml")),
        ("yaml", _) => sources.connectors.push(file("connectors/shop.yaml")),
        ("env", _) => {
            let variables = content.lines().filter_map(|line| line.split_once('='));
            sources.env.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        _ => panic!("a block `{info}` has no meaning in a case"),
    }
}

fn answer(sources: &Sources) -> String {
    let found = diagnostics(sources);
    format!("{}{}\n", render(&found, false), summary(&found))
}

/// The folders beside the codes show one area of the checker each, `good` what nothing is said about.
const AREAS: [&str; 7] = ["entities", "good", "methods", "requests", "selections", "several", "variables"];

/// As the cases of codes; where a title says that nothing is wrong, and in `good`, nothing is said.
#[test]
fn areas_get_the_diagnostics_that_the_cases_show() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut failures = Vec::new();
    for area in AREAS {
        let mut paths: Vec<_> =
            fs::read_dir(root.join(area)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let (rewritten, wrong) = run(&text);
            if update && rewritten != text {
                fs::write(&path, &rewritten).unwrap();
            }
            let name = path.strip_prefix(&root).unwrap().display();
            failures.extend(wrong.into_iter().filter(|_| !update).map(|case| format!("{name}: {case}")));
            for case in rewritten.split("\n## ").skip(1) {
                let title = case.lines().next().unwrap_or_default();
                let is_silent = case.contains("```diagnostics\n0 errors, 0 warnings\n```");
                if is_silent != (area == "good" || title.contains("nothing is wrong")) {
                    failures.push(format!("{name}: {title}: what the title says does not hold"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
