//! From files to a [`Graph`], or to everything that is wrong with them.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Graph,
    bind::{Bound, bind},
    check::check,
    compose::{Composed, compose},
    public::public_schema,
};
use crate::{
    config::{Config, ConnectorFile, environment::Lookup, read_connector_file, read_gateway_file},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, TextFile},
};

/// Folders nested deeper than this are a loop of links.
const FOLDERS_MAX: usize = 32;

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

/// What loading gives.
#[derive(Debug)]
pub struct Loaded {
    /// The graph.
    pub graph: Graph,
    /// `ficus.yaml`, resolved.
    pub config: Config,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Loads a graph from its files and the environment of the process.
///
/// # Errors
/// All diagnostics, warnings too, when at least one is an error.
pub fn load(paths: &Paths) -> Result<Loaded, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let sources = read_files(paths, &mut diagnostics);
    from_texts(&sources, &|name| std::env::var(name).ok(), diagnostics)
}

/// Loads a graph from texts.
///
/// # Errors
/// As [`load`].
pub fn load_sources(sources: &Sources) -> Result<Loaded, Vec<Diagnostic>> {
    let lookup = |name: &str| sources.env.get(name).cloned();
    from_texts(sources, &lookup, Diagnostics::default())
}

fn from_texts(
    sources: &Sources,
    lookup: Lookup<'_>,
    mut diagnostics: Diagnostics,
) -> Result<Loaded, Vec<Diagnostic>> {
    let config = match &sources.config {
        Some((name, text)) => {
            read_gateway_file(&TextFile::new(name.as_str(), text.as_str()), lookup, &mut diagnostics)
        }
        None => Config::default(),
    };
    let files = connector_files(sources, lookup, &mut diagnostics);
    if sources.schema.is_empty() && diagnostics.errors() == 0 {
        let diagnostic = Diagnostic::new(Code::NoSchema, Place::whole("schema"), "there is no schema file");
        diagnostics.push(diagnostic.help("write at least one `*.graphql` file with a `type Query`"));
    }
    let composed = compose(&sources.schema, &mut diagnostics);
    let bound = bind(&composed, &files, &mut diagnostics);
    check(&composed, &bound, &mut diagnostics);
    let graph =
        if diagnostics.errors() == 0 { graph(&composed, bound, lookup, &mut diagnostics) } else { None };
    match graph {
        Some(graph) if diagnostics.errors() == 0 => {
            Ok(Loaded { graph, config, warnings: diagnostics.into_sorted() })
        }
        _ => Err(diagnostics.into_sorted()),
    }
}

fn connector_files(
    sources: &Sources,
    lookup: Lookup<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<ConnectorFile> {
    let read = |(name, text): &(String, String)| {
        let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let file = TextFile::new(name.as_str(), text.as_str());
        read_connector_file(&stem.unwrap_or_default(), &file, lookup, diagnostics)
    };
    sources.connectors.iter().map(read).collect()
}

fn graph(
    composed: &Composed,
    bound: Bound,
    lookup: Lookup<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Graph> {
    let schema = match public_schema(&composed.schema, &composed.added) {
        Ok(schema) => schema,
        Err(broken) => {
            for error in broken.errors.iter() {
                let message = format!("without connectors the schema is not valid: {}", error.error);
                diagnostics.push(Diagnostic::new(Code::GraphQlError, composed.files.place(None), message));
            }
            return None;
        }
    };
    let connectors: Vec<_> = bound.connectors.into_iter().map(|bound| bound.connector).collect();
    let names: BTreeSet<&String> = connectors.iter().flat_map(|connector| &connector.inputs.env).collect();
    let env = names.into_iter().filter_map(|name| Some((name.clone(), lookup(name)?))).collect();
    Some(Graph {
        implementers: schema.implementers_map().into_iter().collect(),
        schema,
        connectors,
        sources: bound.sources,
        by_field: bound.by_field,
        by_type: bound.by_type,
        env,
    })
}

/// Reads the files of a graph, without their meaning. What cannot be read is reported. The environment stays empty.
pub fn read_files(paths: &Paths, diagnostics: &mut Diagnostics) -> Sources {
    let mut found = Vec::new();
    if !paths.schema.is_dir() {
        let place = Place::whole(paths.schema.to_string_lossy());
        let diagnostic = Diagnostic::new(Code::NoSchema, place, "there is no such directory");
        diagnostics.push(diagnostic.help("name the directory of the schema: `--schema DIR`"));
    } else if let Err(error) = list(&paths.schema, &["graphql"], FOLDERS_MAX, &mut found) {
        diagnostics.push(unreadable(&paths.schema, &error));
    }
    let schema = texts(found, diagnostics);
    let mut found = Vec::new();
    if paths.connectors.is_dir()
        && let Err(error) = list(&paths.connectors, &["yaml", "yml"], 0, &mut found)
    {
        diagnostics.push(unreadable(&paths.connectors, &error));
    }
    let connectors = texts(found, diagnostics);
    let config =
        if paths.config.exists() { texts(vec![paths.config.clone()], diagnostics) } else { Vec::new() };
    Sources { schema, connectors, config: config.into_iter().next(), env: HashMap::new() }
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
