//! XML as mappings see it. `tests/xml/cases.md` has pairs of a document and what becomes of it, which `UPDATE_EXPECT=1` rewrites.

use std::{fs, path::Path};

use bumpalo::Bump;
use ficus::{
    config::ResponseFormat,
    fetch::{Body, UpstreamResponse},
    mapping::json::to_json,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What becomes of a document, or why nothing does: what a client is told, and what only the log says.
fn read(document: &[u8]) -> Result<Value, String> {
    let body = bytes::Bytes::copy_from_slice(document);
    let response = UpstreamResponse::new(http::StatusCode::OK, http::HeaderMap::new(), body);
    let arena = Bump::new();
    match Body::read(&response, ResponseFormat::Xml, &arena) {
        Ok(Body::Xml(value)) => Ok(to_json(&value)),
        Ok(Body::Null) => Ok(Value::Null),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn documents_become_what_the_cases_show() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xml/cases.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut rewritten = String::new();
    let mut pieces = text.split("```");
    let mut cases = 0;
    while let Some(prose) = pieces.next() {
        rewritten.push_str(prose);
        let Some(block) = pieces.next() else { break };
        let Some(document) = block.strip_prefix("xml\n") else {
            // An answer, which was written behind its document.
            rewritten.truncate(rewritten.len() - prose.len());
            continue;
        };
        cases += 1;
        let answer = match read(document.trim_end().as_bytes()) {
            Ok(value) => format!("json\n{}\n", crate::support::json::layout(&value.to_string()).unwrap()),
            Err(error) => format!("error\n{error}\n"),
        };
        rewritten.push_str(&format!("```{block}```\n```{answer}```"));
    }
    assert!(cases > 20, "the cases are there");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &rewritten).unwrap();
    } else {
        assert_eq!(rewritten, text);
    }
}

#[test]
fn extremes_end_in_time_with_an_answer_or_an_error() {
    let deep = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(read(deep(100).as_bytes()).is_ok());
    for levels in [101, 1_000_000] {
        assert!(read(deep(levels).as_bytes()).unwrap_err().contains("100 levels"), "{levels}");
    }
    let many = |item: &dyn Fn(usize) -> String, count| (0..count).map(item).collect::<String>();
    // Each of these would take minutes where names are compared one by one.
    let names = format!("<a>{}</a>", many(&|n| format!("<n{n}/>"), 200_000));
    assert_eq!(read(names.as_bytes()).unwrap()["a"].as_object().unwrap().len(), 200_000);
    let attributes = format!("<a {}/>", many(&|n| format!("n{n}='' "), 200_000));
    assert_eq!(read(attributes.as_bytes()).unwrap()["a"].as_object().unwrap().len(), 200_000);
    let namespaces = format!("<a {}/>", many(&|n| format!("xmlns:n{n}='u' n{n}:b='' "), 100_000));
    assert_eq!(read(namespaces.as_bytes()).unwrap()["a"]["@b"].as_array().unwrap().len(), 100_000);
    let references = format!("<a>{}</a>", "&lt;".repeat(200_000));
    assert_eq!(read(references.as_bytes()).unwrap(), json!({"a": "<".repeat(200_000)}));
    let crowd = format!("<a>{}</a>", "<b/>".repeat(1_000_001));
    assert!(read(crowd.as_bytes()).unwrap_err().contains("more than 1000000 elements"));
}

/// Values that the mapping can give: an object for an element, whose lists have two items at least.
fn element() -> impl Strategy<Value = Value> {
    let text = "[ -~äß\n\t]{0,12}";
    let leaf = prop_oneof![Just(Value::Null), text.prop_map(Value::String)];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4).prop_map(Value::Array);
        let children = prop::collection::btree_map("[a-z]{1,4}", prop_oneof![inner, several], 0..4);
        let attributes =
            prop::collection::btree_map("@[a-z]{1,4}", "[ -~ä]{0,8}".prop_map(Value::String), 0..3);
        let own = prop::option::of("[!-~]{1,8}");
        (attributes, children, own).prop_map(|(attributes, children, own)| {
            let mut entries: Map<String, Value> = attributes.into_iter().chain(children).collect();
            if entries.is_empty() {
                return Value::String(own.unwrap_or_default());
            }
            entries.extend(own.map(|own| ("#text".to_owned(), Value::String(own))));
            Value::Object(entries)
        })
    })
}

fn escaped(text: &str) -> String {
    let written = |letter: char| match letter {
        '<' => "&lt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "&#34;".to_owned(),
        '>' => "&#x3E;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(written).collect()
}

/// A value as a document would say it.
fn written(name: &str, value: &Value) -> String {
    match value {
        Value::Null => format!("<{name} xsi:nil=\"true\"/>"),
        Value::String(text) => format!("<{name}>{}</{name}>", escaped(text)),
        Value::Array(items) => items.iter().map(|item| written(name, item)).collect(),
        Value::Object(entries) => {
            let (mut attributes, mut inside) = (String::new(), String::new());
            for (key, value) in entries {
                match key.strip_prefix('@') {
                    Some(key) => {
                        attributes.push_str(&format!(" {key}=\"{}\"", escaped(value.as_str().unwrap())))
                    }
                    None if key == "#text" => inside.push_str(&escaped(value.as_str().unwrap())),
                    None => inside.push_str(&written(key, value)),
                }
            }
            format!("<{name}{attributes}>{inside}</{name}>")
        }
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(value in element()) {
        let document = format!("<?xml version=\"1.0\"?>\n<root>{}</root>\n", written("e", &value));
        prop_assert_eq!(read(document.as_bytes()), Ok(json!({"root": {"e": value}})));
    }

    #[test]
    fn no_bytes_are_too_odd(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        pieces in prop::collection::vec(prop::sample::select(vec!["<", ">", "</", "/>", "a", " ", "=", "\"", "'", "&", ";", "#", "x", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<!DOCTYPE", "[", "xmlns", ":", "nil", "\u{0}", "ä"]), 0..40),
    ) {
        let _ = read(&bytes);
        let _ = read(pieces.concat().as_bytes());
        let _ = read(format!("<a>{}</a>", pieces.concat()).as_bytes());
    }
}
