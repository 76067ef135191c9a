//! Graphs that are made rather than written: a chain of objects, so many sources, so many types.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::{contenders::UPSTREAMS, data, expected::pick, workloads::Workload};

/// The files of a graph.
pub struct Graph {
    files: Vec<(String, String)>,
}

impl Graph {
    fn new(sources: impl IntoIterator<Item = String>) -> Self {
        let mut files = vec![("ficus.yaml".to_owned(), include_str!("graph/ficus.yaml").to_owned())];
        for (position, source) in sources.into_iter().enumerate() {
            let upstream = UPSTREAMS.get(position % UPSTREAMS.len()).copied().unwrap_or_default();
            let connector = format!(
                "base_url: http://{upstream}\ntimeout: 30s\nheaders:\n  - {{ name: x-caller, from: x-caller }}\n"
            );
            files.push((format!("connectors/{source}.yaml"), connector));
        }
        Graph { files }
    }

    fn with(mut self, name: &str, schema: String) -> Self {
        self.files.push((format!("schema/{name}.graphql"), schema));
        self
    }

    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, text)?;
        }
        Ok(())
    }
}

/// So many objects, each of which names the next: as many calls, one after another.
pub fn chain(depth: usize) -> (Graph, Workload) {
    let schema = r#"type Query {
  node(id: Int!): Node @connect(source: "nodes", http: { GET: "/nodes/{$args.id}" }, selection: "id name next: { id: nextId }")
}

type Node
  @connect(
    source: "nodes"
    http: { GET: "/nodes", queryParams: "id: $batch.id" }
    batch: { maxSize: 100 }
    selection: "id name next: { id: nextId }"
  ) {
  id: Int!
  name: String!
  next: Node
}
"#;
    let mut query = "{node(id:1){id name".to_owned();
    for _ in 1..depth {
        query.push_str(" next{id name");
    }
    query.push_str(&"}".repeat(depth + 1));
    let node = |id: usize, next: Value| {
        let mut node = pick(&data::node(id), &["id", "name"]);
        if !next.is_null() {
            node.insert("next".to_owned(), next);
        }
        Value::from(node)
    };
    let answer = move |_| json!({"node": (1..=depth).rev().fold(Value::Null, |next, id| node(id, next))});
    let graph = Graph::new(["nodes".to_owned()]).with("nodes", schema.to_owned());
    (graph, Workload::new("depth", &format!("{depth} levels"), query, answer))
}

/// So many sources, a field from each.
pub fn sources(count: usize) -> (Graph, Workload) {
    let mut schema = "type Query {\n".to_owned();
    let mut query = "{".to_owned();
    for number in 1..=count {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            schema,
            r#"  from{number}: Vendor @connect(source: "service{number}", http: {{ GET: "/vendors/{number}" }}, selection: "id name city")"#
        );
        let _ = write!(query, "from{number}{{id name city}} ");
    }
    schema.push_str("}\n\ntype Vendor {\n  id: Int!\n  name: String!\n  city: String!\n}\n");
    query.push('}');
    let answer = move |_| {
        let field =
            |number| (format!("from{number}"), pick(&data::vendor(number), &["id", "name", "city"]).into());
        (1..=count).map(field).collect::<Map<_, _>>().into()
    };
    let graph = Graph::new((1..=count).map(|number| format!("service{number}"))).with("vendors", schema);
    (graph, Workload::new("sources", &format!("{count} sources"), query, answer))
}

/// So many groups of four types and a connector; ten groups a file.
pub fn schema(groups: usize) -> (Graph, Workload) {
    let names = UPSTREAMS.iter().enumerate().map(|(position, _)| format!("service{position}"));
    let mut graph = Graph::new(names);
    let numbers: Vec<usize> = (1..=groups).collect();
    for (file, numbers) in numbers.chunks(10).enumerate() {
        let mut schema = format!("{} Query {{\n", if file == 0 { "type" } else { "extend type" });
        for number in numbers {
            let _ = writeln!(
                schema,
                r#"  "The thing with number {number}."
  thing{number}(id: Int!, tenant: String): Thing{number}
    @connect(
      source: "service{source}"
      http: {{ GET: "/vendors/{{$args.id}}", queryParams: "tenant: $args.tenant" }}
      selection: "id name place: {{ city address: {{ street score: {{ rating }} }} }}"
    )"#,
                source = number % UPSTREAMS.len()
            );
        }
        schema.push_str("}\n");
        for number in numbers {
            let _ = write!(
                schema,
                r#"
"A thing."
type Thing{number} {{
  id: Int!
  name: String!
  place: Place{number}
}}

type Place{number} {{
  city: String!
  address: Address{number}
}}

type Address{number} {{
  street: String!
  score: Score{number}
}}

type Score{number} {{
  rating: Int
}}
"#
            );
        }
        graph = graph.with(&format!("things{file}"), schema);
    }
    let query = "{thing1(id: 3){id name place{city address{street score{rating}}}}}";
    let answer = |_| {
        let row = data::vendor(3);
        let at = |name: &str| row.get(name).cloned().unwrap_or_default();
        json!({"thing1": {
            "id": at("id"), "name": at("name"),
            "place": {"city": at("city"), "address": {"street": at("street"), "score": {"rating": at("rating")}}}
        }})
    };
    (graph, Workload::new("schema", &format!("{} types", groups * 4), query, answer))
}
