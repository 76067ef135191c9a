//! What `ficus check` says of lists that lead to a request for each item is true: each operation that it shows is valid, and
//! its plan has the request. A large graph does not hold it up. The cases are in `tests/check/n-plus-one.md`.

use std::fmt::Write as _;

use ficus::{
    config::Limits,
    graph::{Graph, Sources, load_sources},
    operation::{Document, Rules},
    plan::{n_plus_one, plan},
};

/// The graphs of the cases.
fn graphs() -> Vec<Graph> {
    let text = include_str!("../check/n-plus-one.md");
    let schemas = text.split("```graphql\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    schemas.map(graph).collect()
}

fn graph(schema: &str) -> Graph {
    let file = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let sources = Sources {
        schema: file("schema/shop.graphql", schema),
        connectors: file("connectors/shop.yaml", "base_url: http://127.0.0.1:1\n"),
        ..Sources::default()
    };
    load_sources(&sources).unwrap_or_else(|found| panic!("{schema}\n{found:?}")).graph
}

#[test]
fn every_operation_is_valid_and_makes_the_request() {
    let mut shown = 0;
    for graph in graphs() {
        for diagnostic in n_plus_one(&graph) {
            let coordinate = diagnostic.coordinate.as_deref().unwrap();
            for note in diagnostic.notes.iter().filter(|note| note.starts_with("below ")) {
                let operation = note.split_once(": ").unwrap().1;
                let rules = Rules { limits: Limits::default(), introspection: false, suggestions: true };
                let document = Document::parse(operation, &graph.schema, &rules)
                    .unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"));
                let plan = plan(&graph, document.executable(), document.operation(None).unwrap());
                let makes_it = plan.steps.iter().any(|step| step.connector.coordinate == coordinate);
                assert!(makes_it, "{operation} does not ask {coordinate}");
                shown += 1;
            }
        }
    }
    assert!(shown >= 10, "{shown}");
}

/// Types that all lead to each other through lists and single objects, each with a connector of its own.
#[test]
fn two_thousand_types_are_no_matter() {
    let count = 2_000;
    let mut schema = String::from(
        "type Query { start: [T0] @connect(source: \"shop\", http: {GET: \"/start\"}, selection: \"id\") }\n",
    );
    for index in 0..count {
        let to = |step: usize| (index * 7 + step) % count;
        let (one, many, other) = (to(1), to(2), to(5));
        writeln!(
            schema,
            "type T{index} @connect(source: \"shop\", http: {{GET: \"/t{index}/{{$this.id}}\"}}, \
             selection: \"id name one {{ id }} many {{ id }} other {{ id }}\") \
             {{ id: ID! name: String one: T{one} many: [T{many}] other: T{other} }}"
        )
        .unwrap();
    }
    let graph = graph(&schema);
    // There are more paths than atoms: a walk of them would not come back.
    assert_eq!(n_plus_one(&graph).len(), count);
}

#[test]
fn the_demo_asks_for_many_at_once() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ficus"))
        .args(["check", "--deny", "n-plus-one"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
