//! `--update` writes what came out, and nothing else: whatever was expected, however that was written.

use std::sync::LazyLock;

use ficus::{
    Graph,
    diagnostic::Diagnostics,
    graph::{Sources, load_sources},
    trial::case::{CaseFile, Part, read, run, update},
};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

const SCHEMA: &str = r#"
scalar Anything
type Query {
  echo: Anything @connect(http: { GET: "http://api/echo" }, selection: "$")
  wrong: Int @connect(http: { GET: "http://api/echo" }, selection: "$")
}
"#;

fn graph() -> &'static Graph {
    static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
        let schema = vec![("schema/a.graphql".to_owned(), SCHEMA.to_owned())];
        load_sources(&Sources { schema, ..Sources::default() }).unwrap().graph
    });
    &GRAPH
}

fn cases(name: &str, text: &str) -> CaseFile {
    let mut diagnostics = Diagnostics::default();
    let file = read(name, text, &mut diagnostics);
    let faults = diagnostics.into_sorted();
    assert!(faults.is_empty(), "{}\n{text}", ficus::diagnostic::render(&faults, false));
    file
}

/// Runs the cases of a file as `--update` does; gives the new text.
fn updated(graph: &Graph, name: &str, text: &str) -> String {
    let file = cases(name, text);
    let ran: Vec<Option<Vec<(Part, Json)>>> = file
        .cases
        .iter()
        .map(|case| {
            let ran = futures_util::future::FutureExt::now_or_never(run(graph, case)).expect("nothing waits");
            (!ran.passed()).then_some(ran.instead)
        })
        .collect();
    let instead: Vec<_> = ran.iter().map(Option::as_deref).collect();
    let (text, left) = update(&file, &instead);
    assert!(left.is_empty(), "not rewritten: {left:?}\n{}\ninto\n{instead:?}", file.file.text);
    text
}

fn all_pass(graph: &Graph, name: &str, text: &str) -> bool {
    let file = cases(name, text);
    file.cases.iter().all(|case| {
        futures_util::future::FutureExt::now_or_never(run(graph, case)).expect("nothing waits").passed()
    })
}

/// Values as backends give them.
fn json() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "[a-z]{0,8}",
        "[ -~]{0,12}",
        any::<String>(),
        Just("true".to_owned()),
        Just("2026-01-01".to_owned()),
        Just("# no comment".to_owned()),
        Just("a: b".to_owned()),
        Just("line\nline".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1.0e6..1.0e6_f64).prop_map(Json::from),
        text.clone().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((text.clone(), inner), 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// YAML in one of the ways a person might write it: `style` chooses between braces and lines, with a comment now and then.
fn yaml(json: &Json, indent: usize, style: &mut impl Iterator<Item = u8>) -> String {
    let pad = " ".repeat(indent);
    let choice = style.next().unwrap_or(0);
    let comment = if choice.is_multiple_of(3) { format!("{pad}# why {choice}\n") } else { String::new() };
    match json {
        Json::Object(entries) if !entries.is_empty() && choice.is_multiple_of(2) => {
            let mut lines = format!("\n{comment}");
            for (key, value) in entries {
                let value = yaml(value, indent + 2, style);
                lines.push_str(&format!(
                    "{pad}{}: {}\n",
                    Json::from(key.as_str()),
                    value.trim_end_matches('\n')
                ));
            }
            lines
        }
        Json::Array(items) if !items.is_empty() && choice.is_multiple_of(2) => {
            let mut lines = format!("\n{comment}");
            for item in items {
                let value = yaml(item, indent + 2, style);
                lines.push_str(&format!(
                    "{pad}- {}\n",
                    value.trim_start_matches('\n').trim_start().trim_end_matches('\n')
                ));
            }
            // An item on lines of its own that begins with a comment cannot stand behind its dash.
            if lines.contains("- #") { json.to_string() } else { lines }
        }
        Json::String(text)
            if choice.is_multiple_of(5)
                && text.bytes().all(|byte| byte.is_ascii_lowercase())
                && !text.is_empty() =>
        {
            if ["true", "null"].contains(&text.as_str()) {
                json.to_string()
            } else {
                text.clone()
            }
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_updated_yaml_case_passes_and_nothing_else_has_changed(
        got in json(),
        expected in json(),
        style in prop::collection::vec(any::<u8>(), 64),
        tail in prop::sample::select(vec!["", "      # the end\n", "\n\n"]),
    ) {
        let mut style = style.into_iter();
        let before = format!(
            "# A file of cases.\ncases:\n  - name: \"one\"   # the first\n    connector: Query.echo\n    response:\n      body: {got}\n    expect:\n      # what comes out\n      result:"
        );
        let value = yaml(&expected, 8, &mut style);
        let value = if value.starts_with('\n') { value } else { format!(" {value} # so far\n") };
        let after = format!("{tail}  - {{ name: two, connector: Query.echo, response: {{ body: 1 }}, expect: {{ result: 1.0 }} }}\n# end\n");
        let text = format!("{before}{value}{after}");
        let graph = graph();
        let now = updated(graph, "a.test.yaml", &text);
        prop_assert!(all_pass(graph, "a.test.yaml", &now), "{now}");
        prop_assert!(now.starts_with(&before), "{text}\nbecame\n{now}");
        prop_assert!(now.ends_with(&after), "{text}\nbecame\n{now}");
        prop_assert_eq!(updated(graph, "a.test.yaml", &now), now.clone(), "twice");
    }

    #[test]
    fn an_updated_markdown_case_passes_and_nothing_else_has_changed(
        got in json(),
        expected in prop_oneof![json().prop_map(|json| json.to_string()), Just(String::new())],
        newline in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let before = format!("# Cases\n\n## One\n\n```json run Query.echo\n```\n```http response\n200\n\n{got}\n```\n\nProse.\n\n```json result\n");
        let after = "```\n\nMore prose.\n\n```sh\nls\n```\n".to_owned();
        let text = format!("{before}{expected}\n{after}").replace('\n', newline);
        let (before, after) = (before.replace('\n', newline), after.replace('\n', newline));
        let graph = graph();
        let now = updated(graph, "a.test.md", &text);
        prop_assert!(all_pass(graph, "a.test.md", &now), "{now}");
        prop_assert!(now.starts_with(&before) && now.ends_with(&after), "{text}\nbecame\n{now}");
    }
}

#[test]
fn what_a_client_would_be_told_is_added_where_the_case_does_not_speak_of_it() {
    let graph = graph();
    let text = "cases:\n  - name: one\n    connector: Query.wrong\n    response: { body: text }\n    expect:\n      result: text # as it came\n\n  # the end\n";
    let now = updated(graph, "a.test.yaml", text);
    let added = "      errors:\n        - message: \"Query.wrong: expected a whole 32-bit number, found a string. Map it with ->parseInt.\"\n          extensions: { code: VALUE_MISMATCH }\n";
    assert_eq!(now, text.replace("as it came\n", &format!("as it came\n{added}")));
    let flow = "cases:\n  - { name: one, connector: Query.wrong, response: { body: 1.5 }, expect: { result: 1 } } # flow\n";
    let now = updated(graph, "a.test.yaml", flow);
    assert!(all_pass(graph, "a.test.yaml", &now) && now.ends_with(" } # flow\n"), "{now}");
    let markdown = "```json run Query.wrong\n```\n```http response\n200\n\n\"7\"\n```\n```json result\n\"7\"\n```\nProse.\n";
    let now = updated(graph, "a.test.md", markdown);
    assert!(all_pass(graph, "a.test.md", &now) && now.ends_with("```\nProse.\n"), "{now}");
}

#[test]
fn values_in_every_notation_are_rewritten() {
    let graph = graph();
    let notations = [
        " |\n        some\n        text\n",
        " >-\n        some\n        text\n",
        " 'single ''quoted'''\n",
        " \"over\\\n        two lines\"\n",
        "\n      - a   # first\n      - b\n",
        "\n        # why\n        - a\n        -\n        - - b\n          - c\n",
        "\n        a:\n        b: [1,\n          2]\n        c: {}   # nothing\n",
        " { a: 1, b: }\n",
        " ~\n",
        "\n",
        " !!str 5\n",
    ];
    for written in notations {
        for body in ["{ a: 2, b: [1, 3], c: { d: e } }", "[a, null, [b, d]]", "plain", "5"] {
            let before = format!(
                "cases:\n  - name: one\n    connector: Query.echo\n    response: {{ body: {body} }}\n    expect:\n      result:"
            );
            let after = "\n  # the end\n";
            let text = format!("{before}{written}{after}");
            let now = updated(graph, "a.test.yaml", &text);
            assert!(all_pass(graph, "a.test.yaml", &now), "{text}\nbecame\n{now}");
            assert!(now.starts_with(&before) && now.ends_with(after), "{text}\nbecame\n{now}");
        }
    }
}

#[test]
fn what_cannot_be_rewritten_without_more_is_left_as_it_is() {
    let graph = graph();
    let text = "cases:\n  - name: one\n    connector: Query.echo\n    response: { body: 1 }\n    expect: { result: &it 5 }\n  - name: two\n    connector: Query.echo\n    response: { body: *it }\n    expect: { result: 6 }\n";
    let file = cases("a.test.yaml", text);
    let (one, two) = ([(Part::Result, Json::from(1))], [(Part::Result, Json::from(5))]);
    let (now, left) = update(&file, &[Some(&one), Some(&two)]);
    assert_eq!(left, [0], "{now}");
    assert_eq!(now, text.replace("result: 6", "result: 5"));
    assert!(!all_pass(graph, "a.test.yaml", &now));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A file of cases is read to its end, and rewritten or left alone, whatever stands in it.
    #[test]
    fn any_text_is_read_and_rewritten_without_a_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "cases:\n", "  - name: a\n", "    connector: Query.echo\n", "    response: { body: 1 }\n", "    expect:\n",
            "      result: 2\n", "      result: |\n        x\n", "      result:\n", "      - a\n", "# c\n", "{", "}", "[", "&a ", "*a", "'",
            "```json run Query.echo\n", "```http response\n200\n\n1\n", "```json result\n", "```\n", "```http request\n", "# H\n", "\r\n", "ü", ": ",
        ]), 0..24),
    ) {
        let graph = graph();
        for name in ["a.test.yaml", "a.test.md"] {
            let mut diagnostics = Diagnostics::default();
            let file = read(name, &pieces.concat(), &mut diagnostics);
            let got = [(Part::Result, Json::from("new\nvalue")), (Part::Request, serde_json::json!({"method": "GET", "url": "/"}))];
            let instead: Vec<Option<&[(Part, Json)]>> = file.cases.iter().map(|_| Some(&got[..])).collect();
            let (text, left) = update(&file, &instead);
            let mut again = Diagnostics::default();
            let after = read(name, &text, &mut again);
            prop_assert_eq!(after.cases.len(), file.cases.len());
            for (index, (case, after)) in file.cases.iter().zip(&after.cases).enumerate() {
                let expected = if left.contains(&index) { case.expects(Part::Result) } else { Some(&got[0].1) };
                prop_assert_eq!(after.expects(Part::Result), expected, "{}", text);
                let _ = futures_util::future::FutureExt::now_or_never(run(graph, case));
            }
        }
    }
}
