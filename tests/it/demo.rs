//! The demo: its backends, and the graph of `schema/` and `connectors/` over them.

mod backends;

use ficus::{demo, graph};

#[tokio::test]
async fn the_graph_has_neither_faults_nor_warnings() {
    let options = demo::BackendOptions { first_port: 0, ..demo::BackendOptions::default() };
    let backends = demo::start(options).await.unwrap();
    let loaded = graph::load_sources(&demo::sources(&backends)).unwrap();
    assert_eq!(loaded.warnings, []);
    let names: Vec<&str> = loaded.graph.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["monolith", "orders", "products", "reviews"]);
}
