//! Inputs far beyond what anybody writes: nested a hundred thousand levels deep, ten megabytes long, numbers of thousands of
//! digits, bytes that are no text. Each is refused with a message or read, and neither takes the process with it.

use std::{collections::HashMap, fmt::Write as _, fs, sync::mpsc, thread, time::Duration};

use bumpalo::Bump;
use ficus::{
    Gateway,
    diagnostic::{Diagnostic, render},
    execute::Request,
    graph::{Paths, Sources, load, load_sources},
    mapping::{
        Problems, Variables,
        ast::Grammar,
        evaluate, json, parse,
        template::{parse_template, parse_url},
    },
};

use crate::support::{gateway, upstream::MockUpstream};

const LEVELS: usize = 100_000;
const MEGABYTES_10: usize = 10 << 20;

/// What a hang would look like: nothing of all this takes more than some seconds by itself, and a minute on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// Runs on a thread of the default size; a hang fails the test instead of holding it up.
fn in_time<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(run()));
    receiver.recv_timeout(LONG).unwrap_or_else(|_| panic!("{what}: no answer"))
}

fn nested(open: &str, inside: &str, close: &str) -> String {
    format!("{}{inside}{}", open.repeat(LEVELS), close.repeat(LEVELS))
}

/// Loads one schema file and one connector file.
fn loaded(schema: String, connectors: String) -> Result<(), Vec<Diagnostic>> {
    in_time("loading", move || {
        load_sources(&Sources {
            schema: vec![("schema/a.graphql".to_owned(), schema)],
            connectors: vec![("connectors/shop.yaml".to_owned(), connectors)],
            config: None,
            env: HashMap::new(),
        })
        .map(drop)
    })
}

/// The messages of what is refused, shown as people see them.
fn refused(schema: String, connectors: String) -> String {
    let found = loaded(schema, connectors).expect_err("it is refused");
    assert!(found.iter().any(Diagnostic::is_error));
    let shown = in_time("showing", move || render(&found, false));
    assert!(shown.len() < 2 << 20, "{} bytes of diagnostics", shown.len());
    shown
}

const QUERY: &str =
    "type Query { a: Int @connect(source: \"shop\", http: {GET: \"/a\"}, selection: \"$.a\") }";

fn base_url() -> String {
    "base_url: http://h\n".to_owned()
}

#[test]
fn deep_mappings_and_templates_are_refused() {
    for grammar in [Grammar::V0_3, Grammar::V0_4] {
        for (open, close) in [
            ("[", "]"),
            ("$(", ")"),
            ("{ a: ", " }"),
            ("a { ", " }"),
            ("a->map(", ")"),
            ("$({a: ", "})"),
            ("$([", "])"),
        ] {
            let text = format!("x: {}", nested(open, "b", close));
            let errors = in_time("parsing", move || parse(&text, grammar)).unwrap_err();
            assert!(!errors.is_empty(), "{open}");
        }
        let chain = format!("$({}a)", "a ?? ".repeat(LEVELS));
        let mapping = in_time("parsing", move || parse(&chain, grammar)).unwrap();
        let steps = format!("$.a{}", ".a".repeat(LEVELS));
        let path = in_time("parsing", move || parse(&steps, grammar)).unwrap();
        for mapping in [mapping, path] {
            let arena = Bump::new();
            let mut problems = Problems::recorded();
            let data = json::read("{\"a\": null}", &arena).unwrap();
            let _ = evaluate(&mapping, data, &Variables::default(), &arena, &mut problems);
        }
        let braces = nested("{", "$args.a", "}");
        assert!(in_time("parsing", move || parse_template(&braces, grammar)).is_err());
        let url = format!("/{}", nested("{$(", "1", ")}"));
        assert!(in_time("parsing", move || parse_url(&url, grammar)).is_err());
    }
}

#[test]
fn deep_json_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = nested(open, "1", close);
        let refused = in_time("reading", move || json::read(&text, &Bump::new()).map(drop)).unwrap_err();
        assert!(refused.to_string().contains("nested more than 200 levels deep"), "{refused}");
    }
    // A mapping may read JSON, too.
    let mapping = parse("$->jsonParse", Grammar::V0_4).unwrap();
    let arena = Bump::new();
    let text = serde_json::Value::from(nested("[", "", "]"));
    let mut problems = Problems::recorded();
    let data = json::from_json(&text, &arena);
    assert!(evaluate(&mapping, data, &Variables::default(), &arena, &mut problems).is_none());
    assert_eq!(problems.found().len(), 1);
}

#[test]
fn deep_yaml_is_refused() {
    for text in [
        format!("config: {}", nested("[", "1", "]")),
        format!("config: {}", nested("{a: ", "1", "}")),
        format!("config:\n  {}1\n", "- ".repeat(LEVELS)),
        format!("{}1\n", "? ".repeat(LEVELS)),
        (0..2_000).fold("config:\n".to_owned(), |text, level| text + &" ".repeat(level + 1) + "a:\n"),
    ] {
        let shown = refused(QUERY.to_owned(), base_url() + &text);
        assert!(shown.contains("error[INVALID_YAML]"), "{shown}");
    }
}

#[test]
fn deep_schemas_are_refused() {
    for schema in [
        format!("type Query {{ a: {} }}", nested("[", "Int", "]")),
        format!("type Query {{ a(b: [Int] = {}): Int }}", nested("[", "1", "]")),
        format!("type Query @key(fields: \"{}\") {{ a: Int }}", nested("a { ", "b", " }")),
        format!("type Query {{ a: Int @connect(http: {}, selection: \"$\") }}", nested("{GET: ", "1", "}")),
        format!("type Query {{ a: Int @connect(selection: \"{}\") }}", nested("{a: ", "1", "}")),
        nested("{", "a", "}"),
        nested("type Query { a: Int ", "", "}"),
    ] {
        let shown = refused(schema, base_url());
        assert!(shown.contains("error["), "{shown}");
    }
}

#[test]
fn a_chain_of_many_types_loads() {
    let mut schema = format!(
        "{QUERY} extend type Query {{ t0: T0 @connect(source: \"shop\", http: {{GET: \"/\"}}, selection: \"a\") }}\n"
    );
    for level in 0..2_000 {
        writeln!(schema, "type T{level} {{ a: Int next: T{} @connect(source: \"shop\", http: {{GET: \"/n\"}}, selection: \"a\") }}", level + 1).unwrap();
    }
    schema.push_str("type T2000 { a: Int }");
    loaded(schema, base_url()).unwrap_or_else(|found| panic!("{}", render(&found, false)));
}

#[tokio::test]
async fn deep_operations_are_refused() {
    let files = [
        ("schema/a.graphql".to_owned(), QUERY.replace("a: Int", "a(x: [Int]): Int")),
        ("connectors/shop.yaml".to_owned(), base_url()),
    ];
    let upstream = std::sync::Arc::new(MockUpstream::new());
    let gateway = gateway::from_files(&files, &[], upstream).unwrap();
    for query in [
        nested("{a", "", "}"),
        format!("{{ a(x: {}) }}", nested("[", "1", "]")),
        format!("query($v: {}) {{ a }}", nested("[", "Int", "]")),
        format!("{{ {} }}", nested("... { ", "a", "}")),
        nested("(", "", ")"),
    ] {
        assert!(refuses(&gateway, query).await.contains("\"errors\""));
    }
}

async fn refuses(gateway: &Gateway, query: String) -> String {
    let response = gateway.execute(Request { query, ..Request::default() }).await;
    let body = String::from_utf8(response.body.to_vec()).unwrap();
    assert!(!body.contains("\"data\""), "{body}");
    body
}

#[test]
fn huge_numbers_are_problems_or_messages() {
    let digits = "9".repeat(5_000);
    let arena = Bump::new();
    assert!(json::read(&digits, &arena).unwrap_err().to_string().contains("number"));
    let variables = Variables::default();
    for text in [
        format!("$({digits})->add(1)"),
        format!("$({digits}.{digits})->mul({digits})"),
        format!("$('{digits}')->parseInt"),
        format!("$([1])->get({digits})"),
        format!("$([1])->slice(0, {digits})"),
        format!("$('a')->slice(-{digits}, {digits})"),
        format!("$('a,b')->split(',', {digits})"),
        "$(9223372036854775807)->add(1)".to_owned(),
        "$(-9223372036854775808)->sub(1)".to_owned(),
        "$(-9223372036854775808)->div(-1)".to_owned(),
        "$(-9223372036854775808)->mod(-1)".to_owned(),
        "$(1)->mod(0)".to_owned(),
        "$(1)->div(0)".to_owned(),
    ] {
        let mapping = parse(&text, Grammar::V0_4).unwrap();
        let mut problems = Problems::recorded();
        let value = evaluate(&mapping, ficus::mapping::Value::Null, &variables, &arena, &mut problems);
        let mut written = Vec::new();
        value.iter().for_each(|value| json::write(value, &mut written));
        let written = String::from_utf8(written).unwrap();
        assert!(
            written.is_empty() || json::read(&written, &arena).is_ok() || written.contains(&digits),
            "{text}"
        );
    }
    for key in
        ["timeout: 9{}s", "concurrency: {max: 9{}}", "statuses: {9{}: null}", "response: {max_body: 9{}GiB}"]
    {
        let shown = refused(QUERY.to_owned(), base_url() + &key.replacen("{}", &digits, 1));
        assert!(shown.contains("error[INVALID_"), "{shown}");
    }
    let schema = QUERY.replace("GET: \"/a\"}", &format!("GET: \"/a\"}}, batch: {{maxSize: {digits}}}"));
    assert!(refused(schema, base_url()).contains("error["));
}

#[test]
fn files_that_are_no_text_are_named() {
    for bytes in [&b"\xff\xfe\x00t"[..], b"type Query { a: \xc3\x28 }", b"\xed\xa0\x80"] {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for name in ["schema", "connectors"] {
            fs::create_dir(at(name)).unwrap();
        }
        let paths = Paths { schema: at("schema"), connectors: at("connectors"), config: at("ficus.yaml") };
        for broken in ["schema/a.graphql", "connectors/shop.yaml", "ficus.yaml"] {
            fs::write(at("schema/a.graphql"), QUERY).unwrap();
            fs::write(at("connectors/shop.yaml"), base_url()).unwrap();
            fs::write(at("ficus.yaml"), "").unwrap();
            fs::write(at(broken), bytes).unwrap();
            let shown = render(&load(&paths).unwrap_err(), false);
            assert!(shown.contains("error[UNREADABLE_FILE]") && shown.contains(broken), "{shown}");
        }
    }
}

#[test]
fn ten_megabytes_of_schema_are_read_or_refused() {
    let comment = format!("{QUERY}\n# {}\n", "x".repeat(MEGABYTES_10));
    loaded(comment, base_url()).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    let selection = QUERY.replace("\"$.a\"", &format!("\"$.{}\"", "a".repeat(MEGABYTES_10)));
    loaded(selection, base_url()).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    for schema in [
        "\u{0}".repeat(MEGABYTES_10),
        "{".repeat(MEGABYTES_10),
        format!("type Query {{ a: {} }}", "A".repeat(MEGABYTES_10)),
        format!("\"{}", "a".repeat(MEGABYTES_10)),
        format!(
            "{QUERY} extend type Query {{ b: Int @connect(selection: \"{}\") }}",
            "[ ".repeat(MEGABYTES_10 / 2)
        ),
        format!(
            "{QUERY} extend type Query {{ b: Int @connect(selection: \"a {}\") }}",
            "$.a ".repeat(MEGABYTES_10 / 100)
        ),
    ] {
        refused(schema, base_url());
    }
}

#[test]
fn thousands_of_faults_on_one_line_are_told_in_time() {
    let fields: String =
        (0..5_000).map(|index| format!("f{index}: Nope{index} @connect(selection: \"a {{\") ")).collect();
    let shown = refused(format!("type Query {{ {fields} }}"), base_url());
    assert!(shown.contains("more are not shown"), "{}", shown.get(shown.len() - 300..).unwrap_or_default());
}

#[test]
fn ten_megabytes_of_yaml_are_read_or_refused() {
    let comment = format!("{}# {}\n", base_url(), "x".repeat(MEGABYTES_10));
    loaded(QUERY.to_owned(), comment).unwrap_or_else(|found| panic!("{}", render(&found, false)));
    let _ = loaded(QUERY.to_owned(), base_url() + &"\t".repeat(MEGABYTES_10));
    for text in [
        format!("config: [{}]", "1, ".repeat(MEGABYTES_10 / 3)),
        "a: 1\n".repeat(MEGABYTES_10 / 5),
        format!("{}: 1", "k".repeat(MEGABYTES_10)),
        format!("a: &a {}\nconfig: [{}]", "x".repeat(1 << 20), "*a, ".repeat(40_000)),
    ] {
        let shown = refused(QUERY.to_owned(), base_url() + &text);
        assert!(shown.contains("error["), "{shown}");
    }
}
