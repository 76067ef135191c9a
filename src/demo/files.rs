//! The files of the demo's graph, `schema/` and `connectors/` of the repository, inside the binary: `ficus demo` works from anywhere.

use std::collections::HashMap;

use super::backends::Running;
use crate::graph::Sources;

/// A file's name and text.
type File = (&'static str, &'static str);

/// The schema, a file for each bounded context.
const SCHEMA: &[File] = &[
    ("schema/catalog.graphql", include_str!("../../schema/catalog.graphql")),
    ("schema/customers.graphql", include_str!("../../schema/customers.graphql")),
    ("schema/orders.graphql", include_str!("../../schema/orders.graphql")),
    ("schema/reviews.graphql", include_str!("../../schema/reviews.graphql")),
    ("schema/search.graphql", include_str!("../../schema/search.graphql")),
    ("schema/shop.graphql", include_str!("../../schema/shop.graphql")),
];

/// The connector files, one for each backend.
const CONNECTORS: &[File] = &[
    ("connectors/monolith.yaml", include_str!("../../connectors/monolith.yaml")),
    ("connectors/orders.yaml", include_str!("../../connectors/orders.yaml")),
    ("connectors/products.yaml", include_str!("../../connectors/products.yaml")),
    ("connectors/reviews.yaml", include_str!("../../connectors/reviews.yaml")),
];

/// A query that needs all of it.
pub const SHOWCASE: &str = include_str!("showcase.graphql");

/// The demo's files, with an environment that points them at these backends: `MONOLITH_URL` and so on.
#[must_use]
pub fn sources(backends: &Running) -> Sources {
    let texts =
        |files: &[File]| files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let env: HashMap<String, String> = backends
        .urls()
        .into_iter()
        .map(|(name, url)| (format!("{}_URL", name.to_uppercase()), url))
        .collect();
    Sources { schema: texts(SCHEMA), connectors: texts(CONNECTORS), config: None, env }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn no_file_is_forgotten() {
        for (folder, files) in [("schema", SCHEMA), ("connectors", CONNECTORS)] {
            let on_disk = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
            let mut names: Vec<String> = on_disk
                .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display()))
                // The schema for editors is no file of the graph.
                .filter(|name| !name.ends_with("/.schema.json"))
                .collect();
            names.sort();
            assert_eq!(names, files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        }
    }
}
