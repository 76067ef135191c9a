//! The house's own rules, as ARCHITECTURE.md writes them: what a module may import, which crate has which door,
//! how a file opens and how long it is.

mod scan;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// "About 400 lines": a file that reaches this many without its tests wants to be two.
const FILE_LINES_MAX: usize = 420;

/// What ARCHITECTURE.md says.
struct Rules {
    /// Modules from the lowest to the highest: each imports only what stands before it.
    order: Vec<String>,
    /// A path that begins with a crate's name, and the files and folders of `src/` that may name it.
    doors: Vec<(String, Vec<String>)>,
}

impl Rules {
    /// Reads the one line with the order and the list of doors.
    fn read(text: &str) -> Self {
        let line = text
            .lines()
            .find(|line| line.starts_with("`error ") && line.contains(" < "))
            .expect("ARCHITECTURE.md has a line with the import order");
        let order = line
            .trim_matches(['`', '.'])
            .split_whitespace()
            .filter(|word| *word != "<")
            .map(str::to_owned)
            .collect();
        let doors = text
            .lines()
            .skip_while(|line| *line != "## Doors")
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .filter_map(|line| line.strip_prefix("- `"))
            .map(|line| {
                let mut words = line.split('`').step_by(2).map(str::to_owned);
                (words.next().unwrap_or_default(), words.collect())
            })
            .collect();
        Rules { order, doors }
    }

    /// What is wrong with one file; `path` is below `src/`, with `/`.
    fn faults(&self, path: &str, source: &str) -> Vec<String> {
        let code = scan::without_tests(&scan::code_of(source));
        let mut faults = Vec::new();
        if !source.starts_with("//!") {
            faults.push("does not open with `//!`".to_owned());
        }
        let lines = code.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("has {lines} lines without its tests"));
        }
        if !matches!(path, "lib.rs" | "main.rs") {
            faults.extend(self.import_faults(path, &code));
        }
        faults.extend(self.door_faults(path, &code));
        faults
    }

    fn import_faults(&self, path: &str, code: &str) -> Vec<String> {
        let module = path.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = self.order.iter().position(|name| name == module) else {
            return vec![format!("`{module}` is not in the import order")];
        };
        let mut faults = Vec::new();
        for import in scan::paths(code, "crate") {
            let name = import.first().map_or("", String::as_str);
            match self.order.iter().position(|other| other == name) {
                None => {
                    faults.push(format!("imports `crate::{name}`, which is no module of the import order"))
                }
                Some(other) if other > own => {
                    faults.push(format!("imports `crate::{name}`, which stands above it"))
                }
                Some(_) => {}
            }
        }
        // The crate's root by way of `super` would go round the order.
        let depth = path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
        if scan::supers(code) >= depth {
            faults.push("reaches the crate's root through `super`; write `crate::`".to_owned());
        }
        faults
    }

    fn door_faults(&self, path: &str, code: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for (door, _) in self.doors.iter().filter(|(door, _)| !door.contains("::")) {
            for used in scan::paths(code, door) {
                let full = std::iter::once(door.clone()).chain(used).collect::<Vec<_>>().join("::");
                let open = self.doors.iter().any(|(key, places)| {
                    (full == *key || full.starts_with(&format!("{key}::")))
                        && places.iter().any(|place| path.starts_with(place))
                });
                if !open {
                    faults.push(format!("names `{full}`, whose door is elsewhere"));
                }
            }
        }
        faults
    }
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is a folder") {
        let path = entry.expect("src can be read").path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.push(path);
        }
    }
}

#[test]
fn the_house_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = Rules::read(&fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"));
    let mut files = Vec::new();
    source_files(&root.join("src"), &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let mut faults = Vec::new();
    for file in files {
        let path =
            file.strip_prefix(root.join("src")).expect("below src").to_string_lossy().replace('\\', "/");
        let source = fs::read_to_string(&file).expect("a source file is text");
        faults.extend(rules.faults(&path, &source).into_iter().map(|fault| format!("src/{path} {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = Rules::read(&fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"));
    let lib = scan::code_of(&fs::read_to_string(root.join("src/lib.rs")).expect("lib.rs"));
    for line in lib.lines() {
        let name =
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name {
            assert!(rules.order.iter().any(|known| known == name), "`{name}` is not in the import order");
        }
    }
    assert!(rules.doors.iter().any(|(door, _)| door == "reqwest"), "the doors were read");
}

/// The rules of a small house, to show what the scan finds.
fn sample() -> Rules {
    Rules::read(
        "# A house\n`error < mapping < graph < server cli`\n## Doors\n\
         - `axum`: `server/`\n- `parser`: `graph/`\n- `parser::Name`: `mapping/`, only that\n## Rest\n- `x`: `y`\n",
    )
}

#[test]
fn rules_are_read_from_the_text() {
    let rules = sample();
    assert_eq!(rules.order, ["error", "mapping", "graph", "server", "cli"]);
    assert_eq!(rules.doors.len(), 3);
    assert_eq!(rules.doors[2], ("parser::Name".to_owned(), vec!["mapping/".to_owned()]));
}

#[test]
fn an_import_from_the_left_passes() {
    let source = "//! Reads.\nuse crate::{error::Code, mapping};\nuse super::Graph;\nuse parser::Schema;\n";
    assert_eq!(sample().faults("graph/load.rs", source), Vec::<String>::new());
}

#[test]
fn an_upward_import_is_found() {
    let faults = sample().faults("mapping/parse.rs", "//! Parses.\nfn f(_: crate::graph::Graph) {}\n");
    assert_eq!(faults, ["imports `crate::graph`, which stands above it"]);
    let nested =
        sample().faults("mapping/mod.rs", "//! Parses.\nuse crate::{error::Code, server::{a, b}};\n");
    assert_eq!(nested.len(), 2, "{nested:?}");
}

#[test]
fn an_undeclared_import_or_module_is_found() {
    let faults = sample().faults("graph/load.rs", "//! Loads.\nuse crate::Gateway;\n");
    assert_eq!(faults, ["imports `crate::Gateway`, which is no module of the import order"]);
    let faults = sample().faults("utils.rs", "//! Everything.\n");
    assert_eq!(faults, ["`utils` is not in the import order"]);
}

#[test]
fn the_way_round_through_super_is_found() {
    let faults = sample().faults("error/mod.rs", "//! Errors.\nuse super::graph::Graph;\n");
    assert_eq!(faults, ["reaches the crate's root through `super`; write `crate::`"]);
    assert_eq!(sample().faults("error/code.rs", "//! Codes.\nuse super::Fault;\n"), Vec::<String>::new());
    assert_eq!(sample().faults("error/code.rs", "//! Codes.\nuse super::super::graph;\n").len(), 1);
}

#[test]
fn a_crate_beside_its_door_is_found() {
    let rules = sample();
    assert_eq!(rules.faults("server/http.rs", "//! Serves.\nuse axum::Router;\n"), Vec::<String>::new());
    assert_eq!(
        rules.faults("graph/mod.rs", "//! Loads.\nuse axum::Router;\n"),
        ["names `axum::Router`, whose door is elsewhere"]
    );
    assert_eq!(rules.faults("mapping/mod.rs", "//! Maps.\nuse parser::Name;\n"), Vec::<String>::new());
    assert_eq!(
        rules.faults("mapping/mod.rs", "//! Maps.\nuse parser::{Name, Schema};\n"),
        ["names `parser::Schema`, whose door is elsewhere"]
    );
}

#[test]
fn a_file_without_its_opening_and_a_long_one_are_found() {
    assert_eq!(sample().faults("error.rs", "pub struct Code;\n"), ["does not open with `//!`"]);
    let long = format!("//! Long.\n{}", "const A: u8 = 1;\n".repeat(FILE_LINES_MAX));
    assert_eq!(sample().faults("error.rs", &long), ["has 421 lines without its tests"]);
    let tested = format!(
        "//! Short.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "use crate::graph;\n".repeat(FILE_LINES_MAX)
    );
    assert_eq!(sample().faults("error.rs", &tested), Vec::<String>::new());
}
