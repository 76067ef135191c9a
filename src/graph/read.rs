//! The files of a graph as texts: found in their folders and read. What they mean is not known here.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, TextFile};

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
    } else if let Err(error) = list(&paths.schema, FOLDERS_MAX, &has_extension(SCHEMA), &mut found) {
        diagnostics.push(unreadable(&paths.schema, &error));
    }
    let schema = texts(found, diagnostics);
    let mut found = Vec::new();
    if paths.connectors.is_dir()
        && let Err(error) = list(&paths.connectors, 0, &has_extension(CONNECTORS), &mut found)
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
    drop(list(&paths.schema, FOLDERS_MAX, &has_extension(SCHEMA), &mut found));
    drop(list(&paths.connectors, 0, &has_extension(CONNECTORS), &mut found));
    found
}

fn has_extension(extensions: &[&str]) -> impl Fn(&Path) -> bool {
    move |path| path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want))
}

/// The wanted files of a folder, and of folders in it so deep, sorted by path, so that every machine sees them in one order.
/// What begins with a dot is left out.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn list(
    folder: &Path,
    depth: usize,
    wanted: &impl Fn(&Path) -> bool,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                list(&path, depth - 1, wanted, found)?;
            }
        } else if wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn texts(paths: Vec<PathBuf>, diagnostics: &mut Diagnostics) -> Vec<(String, String)> {
    let read = |path: PathBuf| match fs::read(&path) {
        Ok(bytes) => {
            let name = path.to_string_lossy().into_owned();
            let text = text(&name, bytes, diagnostics);
            Some((name, text))
        }
        Err(error) => {
            diagnostics.push(unreadable(&path, &error));
            None
        }
    };
    paths.into_iter().filter_map(read).collect()
}

/// A file's content as text. What is not UTF-8 is reported, and marked, so that the rest of the file can be checked all the same.
fn text(name: &str, bytes: Vec<u8>, diagnostics: &mut Diagnostics) -> String {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        // Up to there the two are the same.
        let wrong = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(wrong).copied().unwrap_or_default();
        let place = TextFile::new(name, text.as_str()).place(wrong..wrong + 1);
        let message = format!("the file is not UTF-8: the byte {byte:#04X} cannot stand here");
        let diagnostic = Diagnostic::new(Code::UnreadableFile, place, message);
        diagnostics.push(diagnostic.help("save it as UTF-8"));
        text
    });
    // A byte order mark is no content.
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
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
        fs::write(at("ficus.yaml"), b"\xff").unwrap();
        assert_eq!(read(&paths).1, [Code::UnreadableFile]);
        assert!(read(&Paths { schema: at("nowhere"), ..paths }).1.contains(&Code::NoSchema));
    }

    #[test]
    fn a_byte_that_is_no_text_is_told_with_its_place_and_the_rest_is_read() {
        let mut diagnostics = Diagnostics::default();
        let read = text("a.graphql", b"# \xc3\xa4\n# caf\xe9 au lait".to_vec(), &mut diagnostics);
        assert_eq!(read, "# ä\n# caf\u{fffd} au lait");
        let found = diagnostics.into_sorted();
        let [fault] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((fault.place.line, fault.place.column), (2, 6));
        assert!(fault.message.contains("0xE9"), "{}", fault.message);
    }
}
