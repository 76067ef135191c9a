//! A gateway from strings: the files of a graph as they would lie in its folders.

use std::sync::Arc;

use ficus::{
    Gateway, Graph,
    diagnostic::render,
    fetch::Upstream,
    graph::{Loaded, Sources, load_sources},
};

/// Loads `(name, text)` files: `schema/….graphql`, `connectors/….yaml`, `ficus.yaml`.
///
/// # Errors
/// The diagnostics as `ficus check` shows them.
pub(crate) fn from_files(
    files: &[(String, String)],
    env: &[(String, String)],
    upstream: Arc<dyn Upstream>,
) -> Result<Gateway, String> {
    let loaded = load(files, env)?;
    Ok(Gateway::new(loaded.graph, loaded.config, upstream))
}

/// The graph alone, to be swapped for another one.
///
/// # Errors
/// As above.
pub(crate) fn graph(files: &[(String, String)], env: &[(String, String)]) -> Result<Graph, String> {
    load(files, env).map(|loaded| loaded.graph)
}

fn load(files: &[(String, String)], env: &[(String, String)]) -> Result<Loaded, String> {
    let folder =
        |prefix: &'static str| files.iter().filter(move |(name, _)| name.starts_with(prefix)).cloned();
    let sources = Sources {
        schema: folder("schema/").collect(),
        connectors: folder("connectors/").collect(),
        config: folder("ficus.yaml").next(),
        env: env.iter().cloned().collect(),
    };
    load_sources(&sources).map_err(|diagnostics| render(&diagnostics, false))
}
