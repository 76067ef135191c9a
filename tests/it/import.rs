//! Runs `tests/import/*.md`: an API description, and what `ficus import openapi` makes of it. Every result is checked as
//! `ficus check` does, and what it warns of stands in the case.
//!
//! A case is a `##` heading with fenced blocks below it. `yaml document` or `json document` is the input, `taken` lists
//! types that the schema has already. Expected, and rewritten by `UPDATE_EXPECT=1`: `graphql`, `yaml`, `skipped`,
//! `warnings`, `refused`. A case shows those of them that it writes down.

use std::{collections::BTreeSet, fs, path::Path};

use ficus::{
    diagnostic::{Diagnostic, render},
    graph::{Sources, load_sources},
    import::{Imported, Options, import},
};

#[test]
fn documents_become_what_the_cases_show() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut failures = Vec::new();
    let mut cases = 0;
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let (rewritten, wrong) = run(&text, &mut cases);
        if update && rewritten != text {
            fs::write(&path, &rewritten).unwrap();
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        failures.extend(wrong.into_iter().filter(|_| !update).map(|case| format!("{name}: {case}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases >= 40, "only {cases} cases");
}

fn files() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files
}

/// What a case was given, and what came of it.
#[derive(Default)]
struct Case {
    title: String,
    taken: BTreeSet<String>,
    outcome: Option<Result<Imported, String>>,
}

/// Runs all cases of a file. Gives the file with the answers of this run, and the cases whose answers differ.
fn run(text: &str, cases: &mut usize) -> (String, Vec<String>) {
    let mut rewritten = String::new();
    let mut wrong = Vec::new();
    let mut case = Case::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        rewritten.push_str(line);
        rewritten.push('\n');
        if let Some(title) = line.strip_prefix("## ") {
            case = Case { title: title.to_owned(), ..Case::default() };
        }
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let mut content = block.iter().map(|line| format!("{line}\n")).collect::<String>();
        match info {
            "taken" => case.taken.extend(content.split_whitespace().map(str::to_owned)),
            "yaml document" | "json document" => {
                *cases += 1;
                case.outcome = Some(outcome(&case, &content));
            }
            _ => {
                let answer = answer(&case, info);
                if answer != content {
                    wrong.push(format!("{} ({info})\n--- expected\n{content}--- got\n{answer}", case.title));
                }
                content = answer;
            }
        }
        rewritten.push_str(&content);
        rewritten.push_str("```\n");
    }
    (rewritten, wrong)
}

fn outcome(case: &Case, document: &str) -> Result<Imported, String> {
    let options =
        Options { source: "shop".to_owned(), document: "shop.yaml".to_owned(), taken: case.taken.clone() };
    let imported = import(document, &options).map_err(|error| error.to_string())?;
    let faults: Vec<Diagnostic> =
        check(&imported, &case.taken).into_iter().filter(Diagnostic::is_error).collect();
    assert!(faults.is_empty(), "{}: {}", case.title, render(&faults, false));
    Ok(imported)
}

/// The taken types stand in a file of their own.
fn check(imported: &Imported, taken: &BTreeSet<String>) -> Vec<Diagnostic> {
    let others = taken.iter().map(|name| (format!("schema/{name}.graphql"), format!("scalar {name}\n")));
    let shop = ("schema/shop.graphql".to_owned(), imported.schema.clone());
    let sources = Sources {
        schema: std::iter::once(shop).chain(others).collect(),
        connectors: vec![("connectors/shop.yaml".to_owned(), imported.connector.clone())],
        ..Sources::default()
    };
    match load_sources(&sources) {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn answer(case: &Case, info: &str) -> String {
    match (case.outcome.as_ref().expect("a document comes before its answers"), info) {
        (Ok(imported), "graphql") => imported.schema.clone(),
        (Ok(imported), "yaml") => imported.connector.clone(),
        (Ok(imported), "skipped") => imported.report.to_text(),
        (Ok(imported), "warnings") => render(&check(imported, &case.taken), false),
        (Ok(_), "refused") => "not refused\n".to_owned(),
        (Err(error), _) => format!("{error}\n"),
        (_, other) => panic!("{}: a block `{other}` has no meaning in a case", case.title),
    }
}
