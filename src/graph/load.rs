//! From files to a [`Graph`], or to everything that is wrong with them.

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use super::{
    Graph,
    bind::{Bound, bind},
    cache_control::CacheHints,
    check::check,
    compose::{Composed, compose},
    public::public_schema,
    read::{Paths, Sources, read_files},
};
use crate::{
    config::{Config, ConnectorFile, environment::Lookup, read_connector_file, read_gateway_file_over},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, TextFile},
};

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
    from_texts(&sources, &|name| std::env::var(name).ok(), diagnostics, None)
}

/// Loads a graph for whoever works on it: as [`load`], with the profile `open` whatever `ficus.yaml` names.
///
/// # Errors
/// As [`load`].
pub fn load_open(paths: &Paths) -> Result<Loaded, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let sources = read_files(paths, &mut diagnostics);
    from_texts(&sources, &|name| std::env::var(name).ok(), diagnostics, Some(Config::open()))
}

/// Loads a graph from texts.
///
/// # Errors
/// As [`load`].
pub fn load_sources(sources: &Sources) -> Result<Loaded, Vec<Diagnostic>> {
    let lookup = |name: &str| sources.env.get(name).cloned();
    from_texts(sources, &lookup, Diagnostics::default(), None)
}

fn from_texts(
    sources: &Sources,
    lookup: Lookup<'_>,
    mut diagnostics: Diagnostics,
    profile: Option<Config>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let read = RefCell::new(BTreeSet::new());
    let lookup = &|name: &str| {
        let value = lookup(name)?;
        read.borrow_mut().insert(value.clone());
        Some(value)
    };
    let config = match &sources.config {
        Some((name, text)) => {
            let file = TextFile::new(name.as_str(), text.as_str());
            read_gateway_file_over(profile, &file, lookup, &mut diagnostics)
        }
        None => profile.unwrap_or_default(),
    };
    let files = connector_files(sources, lookup, &mut diagnostics);
    if sources.schema.is_empty() {
        if diagnostics.errors() == 0 {
            let diagnostic =
                Diagnostic::new(Code::NoSchema, Place::whole("schema"), "there is no schema file");
            diagnostics.push(diagnostic.help("write at least one `*.graphql` file with a `type Query`"));
        }
        return Err(diagnostics.into_sorted());
    }
    let composed = compose(&sources.schema, &mut diagnostics);
    let bound = bind(&composed, &files, &mut diagnostics);
    check(&composed, &bound, &mut diagnostics);
    let cache_hints = CacheHints::read(&composed, &mut diagnostics);
    let graph =
        if diagnostics.errors() == 0 { graph(&composed, bound, lookup, &mut diagnostics) } else { None };
    match graph {
        Some(graph) if diagnostics.errors() == 0 => {
            let mut secrets = read.into_inner();
            let written = graph.sources.iter().flat_map(|source| source.settings.secrets());
            secrets.extend(written.map(str::to_owned));
            let graph = Graph { secrets, cache_hints, ..graph };
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
    let inaccessible = |name: &str| composed.links.is_federation(name, "inaccessible");
    let schema = match public_schema(&composed.schema, &composed.added, &inaccessible) {
        Ok(schema) => schema,
        Err(broken) => {
            for error in broken.errors.iter() {
                let message = format!("what clients see of the schema is not valid: {}", error.error);
                diagnostics.push(Diagnostic::new(Code::GraphQlError, composed.files.place(None), message));
            }
            return None;
        }
    };
    let connectors: Vec<_> = bound.connectors.into_iter().map(|bound| bound.connector).collect();
    let authorizing = bound.subscribes.values().filter_map(|found| found.topic()?.authorize.as_ref());
    let authorizing = authorizing.map(|authorize| &authorize.connector);
    let webhooks = bound.sources.iter().flat_map(|source| &source.webhooks);
    let of_webhooks = webhooks.flat_map(|webhook| &webhook.inputs.env);
    let of_connectors = connectors.iter().chain(authorizing).flat_map(|connector| &connector.inputs.env);
    let names: BTreeSet<&String> = of_connectors.chain(of_webhooks).collect();
    let env = names.into_iter().filter_map(|name| Some((name.clone(), lookup(name)?))).collect();
    Some(Graph {
        implementers: schema.implementers_map().into_iter().collect(),
        schema,
        connectors,
        sources: bound.sources,
        by_field: bound.by_field,
        by_type: bound.by_type,
        subscribes: bound.subscribes,
        cache_hints: CacheHints::default(),
        env,
        secrets: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connector::{Connector, HeaderValue, Join, Kind};

    const SCHEMA: &str = r#"
        extend schema @source(name: "shop", http: {baseURL: "http://schema", headers: [{name: "x-a", value: "1"}, {name: "x-b", from: "x-b"}]})
        extend type Query {
          user(id: ID!): User @connect(source: "shop", http: {GET: "/users/{$args.id}"}, entity: true, selection: "id name")
          users: [User] @connect(source: "shop", http: {GET: "/users", queryParams: "r: $env.REGION t: $request.headers.'x-t'->first"}, selection: "id name")
        }
        extend type Mutation {
          add(name: String!): User @connect(source: "shop", http: {POST: "/users", body: "name: $args.name", headers: {name: "content-type", value: "application/x-www-form-urlencoded; charset=utf-8"}}, selection: "id")
        }
        type User @connect(source: "shop", http: {GET: "/users", queryParams: "id: $batch.id"}, batch: {maxSize: 5}, selection: "id mail") {
          id: ID!
          name: String
          mail: String
          friends(first: Int = 5): [User] @connect(source: "shop", http: {GET: "/users/{$this.id}/friends?n={$args.first}"}, selection: "id")
          posts: [Post] @connect(source: "shop", http: {GET: "/posts", queryParams: "u: $batch.id"}, selection: "id") @groupBy(item: ["t", "u.id"], parent: ["name", "id"], maxSize: 7)
        }
        type Post { id: ID! }
    "#;

    const FILE: &str = "base_url: http://file/${PART}\ntimeout: 3s\nconfig: { region: eu }\nheaders:\n\
        \x20 - { name: X-A, value: \"${KEY}\" }\n\x20 - { name: x-c, value: \"{$config.region}-${KEY}\" }\n";

    fn loaded() -> Loaded {
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let env = [("PART", "a{b}"), ("KEY", "{hush}"), ("REGION", "eu")];
        let sources = Sources {
            schema: vec![text("schema/a.graphql", SCHEMA)],
            connectors: vec![text("connectors/shop.yaml", FILE)],
            config: Some(text("ficus.yaml", "listen: 127.0.0.1:9\n")),
            env: env.into_iter().map(|(name, value)| text(name, value)).collect(),
        };
        load_sources(&sources).unwrap_or_else(|found| panic!("{}", crate::diagnostic::render(&found, false)))
    }

    fn find<'g>(graph: &'g Graph, coordinate: &str) -> &'g Connector {
        graph.connectors.iter().find(|connector| connector.coordinate == coordinate).unwrap()
    }

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn the_public_schema_shows_nothing_of_connectors() {
        let sdl = loaded().graph.schema.to_string();
        assert!(sdl.contains("friends(first: Int = 5): [User]"), "{sdl}");
        for hidden in ["@connect", "@source", "@groupBy", "connect__", "link__", "extend"] {
            assert!(!sdl.contains(hidden), "{hidden} in {sdl}");
        }
    }

    #[test]
    fn the_file_of_a_source_wins_key_by_key() {
        let graph = loaded().graph;
        let source = &graph.sources[0];
        let url = source.base_url.as_ref().unwrap();
        // What the environment said is text, and is not shown.
        assert_eq!(url.text, "http://file/${PART}");
        assert_eq!(format!("{:?}", url.path.parts), r#"[Literal("/a%7Bb%7D")]"#);
        assert_eq!(source.settings.timeout, Duration::from_secs(3));
        assert_eq!(source.settings.concurrency_max, 1024);
        assert_eq!(source.config, serde_json::json!({"region": "eu"}));
        let names = |headers: &[crate::connector::Header]| {
            headers.iter().map(|header| header.name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&source.headers), ["x-b"]);
        assert_eq!(names(&source.file_headers), ["x-a", "x-c"]);
        assert!(matches!(&source.file_headers[0].value, HeaderValue::Secret(value) if value == "{hush}"));
        let HeaderValue::Template(template) = &source.file_headers[1].value else { panic!("a template") };
        assert_eq!(template.parts.len(), 3);
    }

    #[test]
    fn connectors_know_what_they_resolve_and_read() {
        let graph = loaded().graph;
        assert_eq!(graph.secrets.iter().collect::<Vec<_>>(), ["a{b}", "eu", "{hush}"]);
        let user = find(&graph, "Query.user[0]");
        assert!(matches!(&user.kind, Kind::Entity { entity, .. } if entity == "User"));
        assert_eq!(user.inputs.args, [path("id")]);
        assert!(user.inputs.config, "through the header of the file");
        let users = find(&graph, "Query.users[0]");
        assert_eq!(users.inputs.client_headers, ["x-b", "x-t"]);
        assert_eq!(
            (users.inputs.env.as_slice(), graph.env["REGION"].as_str()),
            (&["REGION".to_owned()][..], "eu")
        );
        let friends = find(&graph, "User.friends[0]");
        assert!(matches!(friends.kind, Kind::Field { .. }));
        assert_eq!((&friends.inputs.this, &friends.inputs.args), (&vec![path("id")], &vec![path("first")]));
        let format = |coordinate| find(&graph, coordinate).request.as_ref().unwrap().body_format;
        assert_eq!(format("Mutation.add[0]"), crate::connector::BodyFormat::Form);
        assert_eq!(format("Query.user[0]"), crate::connector::BodyFormat::Json);
    }

    #[test]
    fn batches_know_how_rows_find_their_parents() {
        let graph = loaded().graph;
        let batch = find(&graph, "User[0]").batch.as_ref().unwrap();
        assert_eq!(batch.size_max, Some(5));
        assert!(matches!(&batch.join, Join::Entity { key } if *key == [path("id")]));
        let posts = find(&graph, "User.posts[0]");
        let batch = posts.batch.as_ref().unwrap();
        assert_eq!(batch.size_max, Some(7));
        let Join::GroupBy { item, parent } = &batch.join else { panic!("grouped") };
        assert_eq!(
            (item.as_slice(), parent.as_slice()),
            (&[path("t"), path("u.id")][..], &[path("name"), path("id")][..])
        );
        assert_eq!(
            posts.inputs.batch,
            [path("id"), path("name")],
            "what rows are matched by is read of the parent"
        );
    }

    #[test]
    fn type_connectors_complete_before_entity_fields() {
        let graph = loaded().graph;
        let coordinates: Vec<&str> = graph.by_type["User"]
            .iter()
            .map(|id| graph.connectors[id.0 as usize].coordinate.as_str())
            .collect();
        assert_eq!(coordinates, ["User[0]", "Query.user[0]"]);
    }

    fn loaded_schema(schema: &str) -> Result<Graph, String> {
        let schema = vec![("schema/a.graphql".to_owned(), schema.to_owned())];
        load_sources(&Sources { schema, ..Sources::default() })
            .map(|loaded| loaded.graph)
            .map_err(|found| crate::diagnostic::render(&found, false))
    }

    #[test]
    fn directives_go_by_the_names_that_links_give_them() {
        let link = |import: &str| {
            format!("extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\" {import})")
        };
        let cases = [
            (link("import: [\"@connect\"]"), "connect"),
            (link("import: [{name: \"@connect\", as: \"@api\"}]"), "api"),
            (link(""), "connect__connect"),
            (link("as: \"rest\""), "rest__connect"),
            (String::new(), "connect"),
        ];
        for (link, name) in cases {
            let schema = format!("{link} type Query {{ a: Int @{name}(selection: \"1\") }}");
            assert_eq!(loaded_schema(&schema).map(|graph| graph.connectors.len()), Ok(1), "{schema}");
        }
        let renamed = link("import: [{name: \"@connect\", as: \"@api\"}]");
        let schema = format!("{renamed} type Query {{ a: Int @connect(selection: \"1\") }}");
        assert!(loaded_schema(&schema).unwrap_err().contains("cannot find directive `@connect`"));
    }

    #[test]
    fn a_link_to_an_older_version_brings_its_grammar() {
        let schema = |version: &str| {
            format!(
                "extend schema @link(url: \"https://specs.apollo.dev/connect/{version}\", import: [\"@connect\"]) \
                 type Query {{ a: B @connect(http: {{GET: \"http://a/\"}}, selection: \"\"\"c: \"d\" \"\"\") }} type B {{ c: String }}"
            )
        };
        // A quoted word after an alias is a key in v0.3 and a literal in v0.4.
        let read = |version| {
            loaded_schema(&schema(version)).map(|graph| format!("{:?}", graph.connectors[0].selection))
        };
        assert!(read("v0.2").unwrap().contains("Key"));
        assert_eq!(read("v0.1"), read("v0.3"));
        assert!(read("v0.4").unwrap().contains("String(\"d\")"));
    }

    #[test]
    fn definitions_written_out_for_other_tools_do_no_harm() {
        let written = crate::graph::directive_definitions();
        let schema = format!("{written} type Query {{ a: Int @connect(selection: \"1\") }}");
        let graph = loaded_schema(&schema).unwrap();
        assert_eq!(graph.schema.to_string(), "type Query {\n  a: Int\n}\n");
    }

    #[test]
    fn what_is_inaccessible_is_there_for_connectors_and_not_for_clients() {
        let schema = "
            type Query { user(id: ID! internal: Int @inaccessible): User @connect(selection: \"id: $args.id ssn: $args.id\") }
            type User { id: ID! ssn: String @inaccessible hash: String @connect(selection: \"$this.ssn\") }
            enum Role @inaccessible { ADMIN }
        ";
        let graph = loaded_schema(schema).unwrap();
        let expected =
            "type Query {\n  user(id: ID!): User\n}\n\ntype User {\n  id: ID!\n  hash: String\n}\n";
        assert_eq!(graph.schema.to_string(), expected);
    }

    #[test]
    fn odd_input_is_told_and_never_a_panic() {
        let long = format!("type Query {{ a: {}Int{} }}", "[".repeat(200), "]".repeat(200));
        let deep = format!("type Query {{ a: Int @connect(selection: \"{}\") }}", "{a".repeat(500));
        let odd = [
            "",
            "{",
            "query { a }",
            "type Query",
            "type Query { a: Int @connect }",
            "extend schema @link",
            "\u{feff}",
            "type Query { a: Int @connect(selection: \"\\u12\") }",
            "type Query { a: Int @connect(selection: 1 http: 2 batch: 3) }",
            "type Query { a: Int @connect(selection: \"\"\"\"\"\" http: {GET: \"\"}) }",
            "extend schema @source(name: \"\u{1F600}\" http: {headers: 5}) type Query { a: Q } union Q = Q",
            "extend schema @link(url: \"https://specs.apollo.dev/connect\", import: {name: 5})",
            "interface Query { a: Int }",
            "type Query implements Query @key(fields: 5) { a(a: Query): Query @connect(entity: true selection: \"a {\") @groupBy }",
            "schema { query: Missing }",
            "enum Query { A @connect }",
            long.as_str(),
            deep.as_str(),
        ];
        for text in odd {
            for file in [
                "",
                "headers: [[{}]]",
                "base_url: '{'\nheaders: {name: '${', value: 1}",
                "base_url: {}\nstatuses: [1]",
            ] {
                let sources = Sources {
                    schema: vec![("odd.graphql".to_owned(), text.to_owned())],
                    connectors: vec![("odd.yaml".to_owned(), file.to_owned())],
                    ..Sources::default()
                };
                let found = load_sources(&sources).expect_err(text);
                assert!(found.iter().any(Diagnostic::is_error), "{text}");
                let _ = (crate::diagnostic::render(&found, true), crate::diagnostic::to_json(&found));
            }
        }
    }
}
