//! What editors and code hosts get: the JSON Schemas of the YAML files, the definitions of all directives, and SARIF.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ficus::{
    config::{connector_schema, gateway_schema, read_connector_file, read_gateway_file},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, TextFile, to_sarif},
    graph::directive_definitions,
};
use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Value, json};

use crate::support::json_schema::faults;

/// Codes of what the schema refuses too.
const OF_KEYS: [Code; 2] = [Code::UnknownKey, Code::NotSupportedYet];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `UPDATE_EXPECT=1` writes it.
#[test]
fn the_committed_schema_of_connector_files_is_fresh() {
    let path = root().join("connectors/.schema.json");
    let schema = connector_schema();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap() == schema,
        "write it again: ficus connector-schema > connectors/.schema.json"
    );
}

#[test]
fn the_demos_connector_files_name_their_schema_and_keep_to_it() {
    let schema: Value = serde_json::from_str(&connector_schema()).unwrap();
    let files = fs::read_dir(root().join("connectors")).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=.schema.json\n"), "{}", path.display());
        assert_eq!(faults(&schema, &yaml(&text).unwrap()), Vec::<String>::new(), "{}", path.display());
    }
}

/// Every file in the cases: what the reader takes, the schema takes; a key that the reader refuses, the schema refuses.
#[test]
fn the_schemas_and_the_reader_agree_on_the_files_of_all_cases() {
    let connector: Value = serde_json::from_str(&connector_schema()).unwrap();
    let gateway: Value = serde_json::from_str(&gateway_schema()).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for (place, name, text) in blocks() {
        let Some(document) = yaml(&text) else { continue };
        let file = TextFile::new(name.as_str(), text.as_str());
        let mut found = Diagnostics::default();
        let lookup = |_: &str| Some("http://127.0.0.1:1".to_owned());
        let schema = if name == "ficus.yaml" {
            read_gateway_file(&file, &lookup, &mut found);
            &gateway
        } else {
            read_connector_file("shop", &file, &lookup, &mut found);
            &connector
        };
        let by_schema = faults(schema, &document);
        let by_reader = found.into_sorted();
        let keys: Vec<&Diagnostic> = by_reader.iter().filter(|found| OF_KEYS.contains(&found.code)).collect();
        if by_reader.is_empty() {
            assert_eq!(by_schema, Vec::<String>::new(), "{place}: {name}\n{text}");
            taken += 1;
        } else if !keys.is_empty() {
            assert!(by_schema.len() >= keys.len(), "{place}: {name}: {by_schema:?}\n{text}");
            refused += 1;
        }
    }
    assert!(taken > 100 && refused >= 3, "{taken} {refused}");
}

#[test]
fn values_are_held_against_their_kinds() {
    let schema: Value = serde_json::from_str(&connector_schema()).unwrap();
    let right = [
        "timeout: 1.5s",
        "timeout: ${T:-2s}",
        "headers: { name: a, from: b }",
        "headers:\n  - { name: a, value: 5 }",
        "statuses: { 404: null, 409: error, '422': data }",
        "response: { max_body: 1024, format: text }",
        "concurrency: { max: '${MAX:-7}', queue: 0 }",
        "config: { any: [thing, { at: all }] }",
        "webhooks: { a-b: { verify: { scheme: github, secrets: '${A}' }, publish: [{ topic: a, invalidate: [b, c] }] } }",
    ];
    for text in right {
        assert_eq!(faults(&schema, &yaml(text).unwrap()), Vec::<String>::new(), "{text}");
    }
    let wrong = [
        ("timeout: 5", "/timeout"),
        ("timeout: soon", "/timeout"),
        ("headers: { name: a, from: b, value: c }", "/headers"),
        ("headers: [{ value: c }]", "/headers"),
        ("statuses: { 99: null }", "/statuses/99"),
        ("statuses: { 404: gone }", "/statuses/404"),
        ("response: { format: yaml }", "/response/format"),
        ("concurrency: { max: 0 }", "/concurrency/max"),
        ("redirects: some", "/redirects"),
        ("http: { version: 3 }", "/http/version"),
        ("auth: { oauth2_client_credentials: { client_id: a } }", "/auth/oauth2_client_credentials"),
        ("webhooks: none", "/webhooks"),
        ("webhooks: { a: { publish: { topic: a } } }", "/webhooks/a"),
        ("webhooks: { a: { verify: { scheme: some }, publish: { topic: a } } }", "/webhooks/a/verify/scheme"),
        ("webhooks: { a: { verify: { scheme: none }, publish: { topik: a } } }", "/webhooks/a/publish"),
        ("timeot: 5s", "/timeot"),
    ];
    for (text, place) in wrong {
        let found = faults(&schema, &yaml(text).unwrap());
        assert!(found.iter().any(|fault| fault.starts_with(&format!("{place}:"))), "{text}: {found:?}");
    }
}

/// The YAML files in the cases of `tests/`: where they stand, their names, their texts.
fn blocks() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for path in markdown(&root().join("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        for rest in text.split("\n```yaml").skip(1) {
            let Some((name, rest)) = rest.split_once('\n') else { continue };
            let name = name.trim();
            if !(name.is_empty() || name == "ficus.yaml" || name.starts_with("connectors/")) {
                continue;
            }
            let body = rest.split("\n```").next().unwrap();
            let place = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((place, name.to_owned(), format!("{body}\n")));
        }
    }
    found
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "node_modules") {
            found.extend(markdown(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

/// A YAML text as an editor's language server sees it; none when it is not YAML.
fn yaml(text: &str) -> Option<Value> {
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event()?.ok()?.0 {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd => return None,
            event => return node(event, &mut parser),
        }
    }
}

fn node<'a>(event: Event<'a>, parser: &mut Parser<'a, granit_parser::StrInput<'a>>) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => Some(plain(&text)),
        Event::Scalar(text, ..) => Some(json!(text)),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match parser.next_event()?.ok()?.0 {
                    Event::SequenceEnd => return Some(Value::Array(items)),
                    event => items.push(node(event, parser)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = serde_json::Map::new();
            loop {
                let key = match parser.next_event()?.ok()?.0 {
                    Event::MappingEnd => return Some(Value::Object(entries)),
                    Event::Scalar(text, ..) => text.into_owned(),
                    _ => return None,
                };
                let event = parser.next_event()?.ok()?.0;
                entries.insert(key, node(event, parser)?);
            }
        }
        _ => None,
    }
}

/// A plain scalar of YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => json!(true),
        "false" => json!(false),
        _ => text
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| text.parse::<f64>().map(Value::from))
            .unwrap_or(json!(text)),
    }
}

/// `ficus schema --directives` beside a schema is all that a GraphQL editor needs to know.
#[test]
fn a_schema_is_valid_with_the_definitions_of_its_directives() {
    let definitions = directive_definitions();
    for file in ["catalog", "customers", "orders", "reviews", "search", "shop"] {
        assert!(root().join(format!("schema/{file}.graphql")).exists());
    }
    let mut builder = apollo_compiler::Schema::builder().parse(definitions.as_str(), "directives.graphql");
    for entry in fs::read_dir(root().join("schema")).unwrap() {
        let path = entry.unwrap().path();
        builder = builder.parse(fs::read_to_string(&path).unwrap(), path);
    }
    let schema = builder.build().unwrap().validate().unwrap();
    let undescribed: Vec<String> = schema
        .directive_definitions
        .values()
        .filter(|definition| !definition.is_built_in())
        .flat_map(|definition| {
            let whole = definition.description.is_none().then(|| format!("@{}", definition.name));
            let arguments = definition.arguments.iter().filter(|argument| argument.description.is_none());
            whole
                .into_iter()
                .chain(arguments.map(|argument| format!("@{}({}:)", definition.name, argument.name)))
        })
        .collect();
    assert_eq!(undescribed, Vec::<String>::new());
    for name in ["source", "connect", "groupBy", "link", "key", "inaccessible"] {
        assert!(schema.directive_definitions.contains_key(name), "@{name}");
    }
}

/// What the schema of SARIF 2.1.0 asks of the objects that Ficus writes, and allows in them.
fn sarif_schema() -> Value {
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false});
    let text = json!({"type": "string"});
    let message = object(&["text"], json!({"text": text, "markdown": text}));
    let number = json!({"type": "integer", "minimum": 1});
    let level = json!({"enum": ["none", "note", "warning", "error"]});
    let uri = json!({"type": "string", "pattern": "^[A-Za-z0-9/._~%:-]+$"});
    let physical = object(
        &["artifactLocation"],
        json!({
            "artifactLocation": object(&["uri"], json!({"uri": uri, "uriBaseId": text})),
            "region": object(
                &["startLine"],
                json!({"startLine": number, "startColumn": number, "endLine": number, "endColumn": number}),
            ),
        }),
    );
    let location = object(
        &["physicalLocation"],
        json!({
            "id": {"type": "integer", "minimum": 0},
            "physicalLocation": physical,
            "message": message,
            "logicalLocations": {"type": "array", "items": object(&[], json!({"fullyQualifiedName": text}))},
        }),
    );
    let result = object(
        &["message", "ruleId", "ruleIndex", "level", "locations", "partialFingerprints"],
        json!({
            "ruleId": text,
            "ruleIndex": {"type": "integer", "minimum": 0},
            "level": level,
            "message": message,
            "locations": {"type": "array", "items": location},
            "relatedLocations": {"type": "array", "items": location},
            "partialFingerprints": {"type": "object", "additionalProperties": text},
        }),
    );
    let rule = object(
        &["id", "shortDescription", "help", "defaultConfiguration"],
        json!({
            "id": text,
            "shortDescription": message,
            "help": message,
            "defaultConfiguration": object(&["level"], json!({"level": level})),
        }),
    );
    let driver = object(
        &["name", "rules"],
        json!({"name": text, "semanticVersion": text, "rules": {"type": "array", "items": rule}}),
    );
    let run = object(
        &["tool", "results"],
        json!({
            "tool": object(&["driver"], json!({"driver": driver})),
            "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            "results": {"type": "array", "items": result},
        }),
    );
    object(
        &["version", "runs"],
        json!({"$schema": text, "version": {"const": "2.1.0"}, "runs": {"type": "array", "items": run}}),
    )
}

#[test]
fn sarif_keeps_to_its_schema_and_names_rules_and_places() {
    let empty: Value = serde_json::from_str(&to_sarif(&[])).unwrap();
    assert_eq!(faults(&sarif_schema(), &empty), Vec::<String>::new());
    assert_eq!(empty["runs"][0]["results"], json!([]));

    let file = TextFile::new("schema/größe.graphql", "a: ü b\nc: d\n");
    let found = [
        Diagnostic::new(Code::DuplicateField, file.place(7..8), "twice")
            .also(file.place(0..1), "first here")
            .on("Query.c")
            .help("remove one"),
        Diagnostic::new(Code::NPlusOne, file.place(6..7), "many").note("query { a }").denied(),
        Diagnostic::new(Code::NoSchema, Place::whole("schema"), "none"),
    ];
    let sarif: Value = serde_json::from_str(&to_sarif(&found)).unwrap();
    assert_eq!(faults(&sarif_schema(), &sarif), Vec::<String>::new());
    let run = &sarif["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["markdown"].as_str().unwrap().contains(rule["id"].as_str().unwrap()));
    }
    let [first, second, _] = run["results"].as_array().unwrap().as_slice() else { panic!("three") };
    assert_eq!(first["message"]["text"], "twice; remove one");
    assert_eq!(first["relatedLocations"][0]["message"]["text"], "first here");
    assert_eq!(first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "Query.c");
    assert_eq!(
        first["locations"][0]["physicalLocation"]["artifactLocation"],
        json!({"uri": "schema/gr%C3%B6%C3%9Fe.graphql", "uriBaseId": "%SRCROOT%"})
    );
    // Columns count characters, as `columnKind` says: `b` is the sixth.
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(second["locations"][0]["physicalLocation"]["region"]["startColumn"], 6);
    assert_eq!(
        (&second["level"], &run["tool"]["driver"]["rules"][1]["defaultConfiguration"]["level"]),
        (&json!("error"), &json!("warning"))
    );
    assert_eq!(second["message"]["text"], "many\nquery { a }");
}
