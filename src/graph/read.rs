//! The files of a graph as texts: found in their folders and read. What they mean is not known here.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place};

/// Folders nested deeper than this are a loop of links.
const FOLDERS_MAX: usize = 32;

/// What names of schema files end with.
const SCHEMA: &[&str] = &["graphql"];
/// What names of connector files end with.
const CONNECTORS: &[&str] = &["yaml", "yml"];

/// Where the files of a graph are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Directory of `*.graphql`, folders in it included. Default `schema`.
    pub schema: PathBuf,
    /// Directory of `<source>.yaml`. Default `connectors`; it need not exist.
    pub connectors: PathBuf,
    /// Default `ficus.yaml`; it need not exist.
    pub config: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Paths { schema: "schema".into(), connectors: "connectors".into(), config: "ficus.yaml".into() }
    }
}

/// The texts of a graph's files, wherever they come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Schema files: name and text.
    pub schema: Vec<(String, String)>,
    /// Connector files: name (`connectors/orders.yaml` is the source `orders`) and text.
    pub connectors: Vec<(String, String)>,
    /// `ficus.yaml`: name and text.
    pub config: Option<(String, String)>,
    /// Environment variables.
    pub env: HashMap<String, String>,
}

/// Reads the files of a graph, without their meaning. What cannot be read is reported. The environment stays empty.
pub fn read_files(paths: &Paths, diagnostics: &mut Diagnostics) -> Sources {
    let mut found = Vec::new();
    if !paths.schema.is_dir() {
        let place = Place::whole(paths.schema.to_string_lossy());
        let diagnostic = Diagnostic::new(Code::NoSchema, place, "there is no such directory");
        diagnostics.push(diagnostic.help("name the directory of the schema: `--schema DIR`"));
    } else if let Err(error) = list(&paths.schema, SCHEMA, FOLDERS_MAX, &mut found) {
        diagnostics.push(unreadable(&paths.schema, &error));
    }
    let schema = texts(found, diagnostics);
    let mut found = Vec::new();
    if paths.connectors.is_dir()
        && let Err(error) = list(&paths.connectors, CONNECTORS, 0, &mut found)
    {
        diagnostics.push(unreadable(&paths.connectors, &error));
    }
    let connectors = texts(found, diagnostics);
    let config =
        if paths.config.exists() { texts(vec![paths.config.clone()], diagnostics) } else { Vec::new() };
    Sources { schema, connectors, config: config.into_iter().next(), env: HashMap::new() }
}

/// The files of a graph that are there now; what cannot be read is left out.
pub fn graph_files(paths: &Paths) -> Vec<PathBuf> {
    let mut found = vec![paths.config.clone()];
    drop(list(&paths.schema, SCHEMA, FOLDERS_MAX, &mut found));
    drop(list(&paths.connectors, CONNECTORS, 0, &mut found));
    found
}

/// Files with one of the extensions, sorted by path, so that every machine sees them in one order.
fn list(folder: &Path, extensions: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                list(&path, extensions, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want)) {
            found.push(path);
        }
    }
    Ok(())
}

fn texts(paths: Vec<PathBuf>, diagnostics: &mut Diagnostics) -> Vec<(String, String)> {
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        // A byte order mark is no content.
        Ok(text) => Some((
            path.to_string_lossy().into_owned(),
            text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
        )),
        Err(error) => {
            diagnostics.push(unreadable(&path, &error));
            None
        }
    };
    paths.into_iter().filter_map(read).collect()
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("cannot be read: {error}");
    Diagnostic::new(Code::UnreadableFile, Place::whole(path.to_string_lossy()), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_folders_and_unreadable_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("schema/users")).unwrap();
        fs::write(at("schema/query.graphql"), "\u{feff}type Query { a: Int }").unwrap();
        fs::write(at("schema/users/user.graphql"), "extend type Query { b: Int }").unwrap();
        fs::write(at("schema/.hidden.graphql"), "not graphql").unwrap();
        fs::write(at("schema/notes.txt"), "not graphql").unwrap();
        let paths = Paths { schema: at("schema"), connectors: at("connectors"), config: at("ficus.yaml") };
        let read = |paths: &Paths| {
            let mut diagnostics = Diagnostics::default();
            let sources = read_files(paths, &mut diagnostics);
            let codes: Vec<Code> = diagnostics.into_sorted().iter().map(|found| found.code).collect();
            (sources, codes)
        };
        let (sources, codes) = read(&paths);
        let texts: Vec<&str> = sources.schema.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["type Query { a: Int }", "extend type Query { b: Int }"]);
        assert_eq!(codes, []);
        fs::write(at("schema/users/latin.graphql"), b"# caf\xe9").unwrap();
        fs::write(at("ficus.yaml"), b"\xff").unwrap();
        assert_eq!(read(&paths).1, [Code::UnreadableFile, Code::UnreadableFile]);
        assert!(read(&Paths { schema: at("nowhere"), ..paths }).1.contains(&Code::NoSchema));
    }
}
