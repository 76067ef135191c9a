//! The demo: its backends, and the graph of `schema/` and `connectors/` over them.

mod backends;
mod graph;
mod run;
mod showcase;
mod world;
mod writes_and_failures;

use ficus::demo;

#[tokio::test]
async fn the_graph_has_neither_faults_nor_warnings() {
    let backends = world::start_backends().await;
    let loaded = ficus::graph::load_sources(&demo::sources(&backends)).unwrap();
    assert_eq!(loaded.warnings, []);
    let names: Vec<&str> = loaded.graph.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["monolith", "orders", "products", "reviews"]);
}
