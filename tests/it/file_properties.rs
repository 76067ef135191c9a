//! What holds for every schema and connector file, right or wrong: nothing panics, what is refused is said in its place, and a
//! graph that loads plans what can be asked of it. Files are made of files that are right, by small damage.

use std::collections::HashMap;

use ficus::{
    config::{environment::interpolate, read_connector_file},
    diagnostic::{Diagnostics, TextFile, render, to_json},
    graph::{Sources, load_sources},
    operation::{Document, Rules},
    plan::{explain, plan},
};
use proptest::{prelude::*, sample::select};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "shop", http: {baseURL: "http://h/{$config.part}", headers: [{name: "x-a", value: "{$env.KEY}"}]})
type Query {
  user(id: ID!): User
    @connect(source: "shop", http: {GET: "/users/{$args.id}"}, entity: true, selection: "id name mail: $.contact.mail")
  users(first: Int = 5): [User!] @connect(source: "shop", http: {GET: "/users?n={$args.first}"}, selection: "id ...contact", errors: {message: "$.error"})
}
type Mutation { add(name: String!): User @connect(source: "shop", http: {POST: "/users", body: "name: $args.name"}, selection: "id") }
type User @connect(source: "shop", http: {GET: "/u", queryParams: "id: $batch.id"}, batch: {maxSize: 5}, selection: "id name mail") {
  id: ID!
  name: String
  mail: String
  posts: [Post] @connect(source: "shop", http: {GET: "/posts?u={$this.id}"}, selection: "id user: { id: $.userId }")
}
type Post { id: ID! user: User }
"#;

const FILE: &str = "base_url: http://h/${KEY}\nconfig: { part: v1, list: [1, &a 2, *a] }\nheaders:\n  - { name: x-b, value: \"{$config.part}-${KEY:-d}\" }\n  - { name: x-c, from: x-c }\ntimeout: 2s\nconcurrency: { max: 2, queue: 0, queue_timeout: 10ms }\nstatuses: { 404: null, 409: error }\nresponse: { format: json, max_body: 1MiB }\n";

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "'",
    ":",
    "!",
    "@",
    "$",
    "&",
    "*",
    "|",
    "=",
    "#",
    "...",
    "->",
    "?",
    "??",
    "\n",
    "  ",
    "- ",
    "\t",
    "\\",
    "\u{0}",
    "\u{feff}",
    "ä",
    "$args",
    "$this.id",
    "$batch",
    "@connect",
    "@key(fields: \"id\")",
    "extend ",
    "type ",
    "interface ",
    "union ",
    "enum ",
    "input ",
    "implements Node ",
    "Query",
    "User",
    "ID!",
    "[Int]",
    "null",
    "${",
    "${KEY}",
    "<<: *a",
    "!!str ",
    "--- \n",
    "9999999999999999999",
    "selection: \"$\"",
    "http: {GET: \"/\"}",
    "source: \"shop\"",
    "entity: true",
];

/// A text with some pieces cut out, said twice, or put in.
fn damaged(text: &'static str) -> impl Strategy<Value = String> {
    let damage = (0..=text.len(), 0..40usize, select(WORDS), 0..4u8);
    prop::collection::vec(damage, 0..5).prop_map(move |damages| {
        let mut text = text.to_owned();
        for (at, length, word, kind) in damages {
            let from = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let to = (from + length).min(text.len());
            let to = (to..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            let piece = text[from..to].to_owned();
            match kind {
                0 => text.replace_range(from..to, ""),
                1 => text.insert_str(from, &piece),
                2 => text.insert_str(from, word),
                _ => text.replace_range(from..to, word),
            }
        }
        text
    })
}

fn sources(schema: &str, connectors: &str) -> Sources {
    Sources {
        schema: vec![("schema/a.graphql".to_owned(), schema.to_owned())],
        connectors: vec![("connectors/shop.yaml".to_owned(), connectors.to_owned())],
        config: None,
        env: HashMap::from([("KEY".to_owned(), "hush-hush".to_owned())]),
    }
}

#[test]
fn the_files_without_damage_load() {
    load_sources(&sources(SCHEMA, FILE)).unwrap_or_else(|found| panic!("{}", render(&found, false)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_schema_loads_or_says_why_not(schema in damaged(SCHEMA), file in damaged(FILE)) {
        match load_sources(&sources(&schema, &file)) {
            Ok(loaded) => {
                let rules = Rules { limits: loaded.config.limits.clone(), introspection: true, suggestions: true };
                let document = Document::parse("{ __typename __schema { types { name } } }", &loaded.graph.schema, &rules);
                let document = document.unwrap();
                let operation = document.operation(None).unwrap();
                prop_assert!(explain(&plan(&loaded.graph, document.executable(), operation)).len() < 1_000);
            }
            Err(found) => {
                prop_assert!(found.iter().any(ficus::diagnostic::Diagnostic::is_error));
                let shown = render(&found, false) + &to_json(&found);
                prop_assert!(!shown.contains("hush-hush"), "{shown}");
                for diagnostic in &found {
                    let text = if diagnostic.place.file.ends_with("yaml") { &file } else { &schema };
                    let line = diagnostic.place.line as usize;
                    prop_assert!((1..=text.split('\n').count()).contains(&line), "{diagnostic:?}");
                }
            }
        }
    }

    #[test]
    fn every_connector_file_is_read_as_far_as_it_goes(file in damaged(FILE), any in any::<String>()) {
        for text in [file, any] {
            let lookup = |name: &str| (name == "KEY").then(|| "hush-hush".to_owned());
            let mut diagnostics = Diagnostics::default();
            let read = read_connector_file("shop", &TextFile::new("shop.yaml", text.as_str()), &lookup, &mut diagnostics);
            prop_assert_eq!(read.name, "shop");
            let found = diagnostics.into_sorted();
            prop_assert!(!render(&found, false).contains("hush-hush"));
        }
    }

    #[test]
    fn filling_in_keeps_what_is_written(text in "([a-z{}$:-]|\\$\\{KEY\\}|\\$\\$\\{|\\$\\{NONE:-d\\}|ä){0,20}", template in any::<bool>()) {
        let lookup = |name: &str| (name == "KEY").then(|| "hush".to_owned());
        if let Ok(filled) = interpolate(&text, template, &lookup) {
            prop_assert_eq!(&filled.written, &text);
            if !text.contains('$') {
                prop_assert_eq!(filled.value(), text);
            }
        }
    }
}
