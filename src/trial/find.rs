//! Which connector a person means: its coordinate, with or without its index, or its `id`.

use std::sync::Arc;

use crate::{connector::Connector, diagnostic::nearest, graph::Graph};

/// There is no such connector, or more than one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unknown {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// Finds a connector by its coordinate (`Query.user[0]`, `User[1]`), by that without its index where there is only one, or
/// by its `id`.
///
/// # Errors
/// When no connector has this name, or several have.
pub fn find<'g>(graph: &'g Graph, name: &str) -> Result<&'g Arc<Connector>, Unknown> {
    let all = &graph.connectors;
    let exact =
        |connector: &&Arc<Connector>| connector.coordinate == name || connector.id.as_deref() == Some(name);
    if let Some(connector) = all.iter().find(exact) {
        return Ok(connector);
    }
    let same: Vec<&Arc<Connector>> =
        all.iter().filter(|connector| without_index(&connector.coordinate) == name).collect();
    match same.as_slice() {
        [only] => Ok(only),
        [] => Err(unknown(graph, name)),
        [_, ..] => {
            let names: Vec<String> =
                same.iter().map(|connector| format!("`{}`", connector.coordinate)).collect();
            Err(Unknown {
                message: format!("`{name}` has {} connectors", names.len()),
                help: format!("say which: {}", names.join(", ")),
            })
        }
    }
}

/// `Query.user[0]` is `Query.user`.
pub(super) fn without_index(coordinate: &str) -> &str {
    coordinate.split('[').next().unwrap_or(coordinate)
}

fn unknown(graph: &Graph, name: &str) -> Unknown {
    let coordinates = graph.connectors.iter().map(|connector| connector.coordinate.as_str());
    let ids = graph.connectors.iter().filter_map(|connector| connector.id.as_deref());
    let known: Vec<&str> =
        coordinates.clone().flat_map(|full| [full, without_index(full)]).chain(ids).collect();
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if graph.connectors.is_empty() => "the schema has no `@connect`".to_owned(),
        None => {
            let listed: Vec<&str> = coordinates.collect();
            format!("the connectors of this graph: {}", listed.join(", "))
        }
    };
    Unknown { message: format!("there is no connector `{name}`"), help }
}
