//! Runs `tests/mapping/**/*.txt`: mappings, what they are applied to, and what they give.
//!
//! ```text
//! == the name of the behaviour
//! grammar: v0.3                 (otherwise both grammars must agree)
//! mapping: list.a
//! data: {"list": [{"a": 1}]}    (otherwise null)
//! $args: {"id": 1}              (a variable)
//! value: [1]                    (or `missing`)
//! problem: list.@.a: … (x2)     (any number of them)
//! reported: x: {"message": …}   (errors for the client)
//! error: 0..1: …                (instead of a value: the mapping is refused)
//! ```
//! Lines that begin with a blank belong to the line before. `UPDATE_EXPECT=1` writes value, problems and errors anew.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use bumpalo::Bump;
use ficus::mapping::{
    ast::Grammar,
    evaluate::{Variables, evaluate},
    json, methods,
    parse::parse,
    problems::Problems,
};

#[test]
fn mappings_give_what_their_cases_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in files(Path::new("tests/mapping")) {
        let text = fs::read_to_string(&file).unwrap();
        let (head, cases) = Case::read_all(&text);
        count += cases.len();
        let outcomes: Vec<String> = cases.iter().map(Case::outcome).collect();
        for (case, outcome) in cases.iter().zip(&outcomes) {
            if case.expected() != *outcome {
                let name = file.file_stem().unwrap().display();
                wrong.push(format!("{name}: {}\n{}---- but is\n{outcome}", case.name, case.expected()));
            }
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            rewrite(&file, &head, &cases, &outcomes);
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases are wrong:\n\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 400, "only {count} cases were found");
}

/// A method is not in the language before a reader finds what it does, with what it cannot, on nothing, and called wrongly.
#[test]
fn every_method_has_cases() {
    let cases: Vec<Case> = files(Path::new("tests/mapping/methods"))
        .iter()
        .flat_map(|file| Case::read_all(&fs::read_to_string(file).unwrap()).1)
        .collect();
    let mut lacking = Vec::new();
    for method in methods::names() {
        let arrow = format!("->{method}");
        for case in ["", " of nothing", " with a wrong number of arguments"] {
            let name = format!("{method}{case}");
            let is_there = |case: &Case| {
                case.name == name && case.get("mapping").is_some_and(|text| text.contains(&arrow))
            };
            if !cases.iter().any(is_there) {
                lacking.push(name);
            }
        }
    }
    assert!(lacking.is_empty(), "no cases of these names in tests/mapping/methods: {lacking:?}");
}

/// The case files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let mut files: Vec<PathBuf> = entries.flat_map(below).collect();
    files.sort();
    files
}

struct Case {
    name: String,
    /// Key and value, in the order written.
    lines: Vec<(String, String)>,
}

const EXPECTATIONS: [&str; 4] = ["value", "problem", "reported", "error"];

impl Case {
    /// What stands before the first case, and the cases.
    fn read_all(text: &str) -> (String, Vec<Case>) {
        let mut head = String::new();
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("== ") {
                cases.push(Case { name: name.to_owned(), lines: Vec::new() });
                continue;
            }
            let Some(case) = cases.last_mut() else {
                writeln!(head, "{line}").unwrap();
                continue;
            };
            if line.is_empty() {
                continue;
            }
            if line.starts_with(' ') {
                let (_, value) = case.lines.last_mut().expect("a line to go on with");
                write!(value, "\n{line}").unwrap();
                continue;
            }
            let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no key in {line:?}"));
            case.lines.push((key.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        }
        (head, cases)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn expected(&self) -> String {
        let expected = self.lines.iter().filter(|(key, _)| EXPECTATIONS.contains(&key.as_str()));
        expected.map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    fn outcome(&self) -> String {
        match self.get("grammar") {
            Some("v0.3") => self.outcome_in(Grammar::V0_3),
            Some("v0.4") => self.outcome_in(Grammar::V0_4),
            Some(other) => panic!("no grammar {other}"),
            None => {
                let (old, new) = (self.outcome_in(Grammar::V0_3), self.outcome_in(Grammar::V0_4));
                assert_eq!(old, new, "v0.3 and v0.4 differ in {}", self.name);
                new
            }
        }
    }

    fn outcome_in(&self, grammar: Grammar) -> String {
        let mapping = match parse(self.get("mapping").expect("a mapping"), grammar) {
            Ok(mapping) => mapping,
            Err(errors) => {
                let lines = errors.iter().map(|error| match &error.help {
                    Some(help) => format!("error: {:?}: {error}. {help}\n", error.span),
                    None => format!("error: {:?}: {error}\n", error.span),
                });
                return lines.collect();
            }
        };
        let arena = Bump::new();
        let read = |key: &str| {
            let text = self.get(key)?;
            Some(json::read(text, &arena).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name)))
        };
        let variables = Variables {
            args: read("$args"),
            this: read("$this"),
            batch: read("$batch"),
            config: read("$config"),
            context: read("$context"),
            env: read("$env"),
            request: read("$request"),
            status: read("$status"),
            response: read("$response"),
        };
        let data = read("data").unwrap_or(ficus::mapping::value::Value::Null);
        let mut problems = Problems::recorded();
        let value = evaluate(&mapping, data, &variables, &arena, &mut problems);
        // What is recorded never changes what is given.
        let mut ignored = Problems::ignored();
        let unseen = evaluate(&mapping, data, &variables, &arena, &mut ignored);
        assert!(match (value, unseen) {
            (Some(one), Some(other)) => one.is_same(&other),
            (one, other) => one.is_none() && other.is_none(),
        });
        assert_eq!((ignored.found(), ignored.reported()), (&[][..], problems.reported()), "{}", self.name);
        let mut text = Vec::new();
        match value {
            Some(value) => json::write(&value, &mut text),
            None => text.extend_from_slice(b"missing"),
        }
        let mut outcome = format!("value: {}\n", String::from_utf8(text).unwrap());
        for problem in problems.found() {
            let count = times(problem.count);
            writeln!(outcome, "problem: {}: {}{count}", problem.path, problem.message).unwrap();
        }
        for error in problems.reported() {
            let json = serde_json::json!({"message": error.message, "extensions": error.extensions});
            writeln!(outcome, "reported: {}: {json}{}", error.path, times(error.count)).unwrap();
        }
        outcome
    }
}

/// How often, where that is more than once.
fn times(count: u64) -> String {
    if count > 1 { format!(" (x{count})") } else { String::new() }
}

fn rewrite(file: &Path, head: &str, cases: &[Case], outcomes: &[String]) {
    let mut text = head.to_owned();
    for (case, outcome) in cases.iter().zip(outcomes) {
        writeln!(text, "== {}", case.name).unwrap();
        for (key, value) in case.lines.iter().filter(|(key, _)| !EXPECTATIONS.contains(&key.as_str())) {
            writeln!(text, "{key}: {value}").unwrap();
        }
        writeln!(text, "{outcome}").unwrap();
    }
    fs::write(file, format!("{}\n", text.trim_end())).unwrap();
}
