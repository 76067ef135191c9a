//! A projection gives what evaluation gives, for every mapping that it can say and every body that it does not refuse.

use bumpalo::Bump;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Misfit, project};
use crate::{
    execute::record::record,
    mapping::{
        ast::{Grammar, Root},
        evaluate::{Variables, evaluate_root},
        json, parse,
        problems::Problems,
    },
    plan::{Content, Layout, LayoutId, Plan, Reads, Slot, compile_projection},
    response::{Node, Table},
};

/// What a test reads of a mapping: a tree of names.
#[derive(Debug, Clone)]
enum Wanted {
    Leaf,
    List,
    Record(Vec<(String, Wanted)>),
}

fn content(wanted: &Wanted, layouts: &mut Vec<Layout>) -> Content {
    match wanted {
        Wanted::Leaf => Content::Leaf { lists: 0 },
        Wanted::List => Content::Leaf { lists: 1 },
        Wanted::Record(fields) => {
            let id = layouts.len();
            layouts.push(Layout::default());
            let slots = fields
                .iter()
                .map(|(name, wanted)| Slot { name: name.clone(), content: content(wanted, layouts) });
            let slots = slots.collect();
            layouts[id] = Layout { slots };
            Content::Record { layout: LayoutId(id as u32), position: None }
        }
    }
}

fn plan_of(layouts: Vec<Layout>) -> Plan {
    Plan {
        mutation: false,
        subscribe: None,
        positions: Vec::new(),
        layouts,
        steps: Vec::new(),
        conditions: Vec::new(),
        introspection: false,
        groups: Vec::new(),
        reads: Reads::default(),
        allowances: None,
    }
}

/// A table as JSON: what is missing is null, as it is to a client.
fn dump(plan: &Plan, table: &Table, node: Node, content: Content) -> Json {
    let text = |start, end| serde_json::from_slice(table.slice(start, end)).unwrap();
    match (node, content) {
        (Node::Missing | Node::Null, _) => Json::Null,
        (Node::Bool(value), _) => value.into(),
        (Node::Number { start, end } | Node::String { start, end } | Node::Json { start, end }, _) => {
            text(start, end)
        }
        (Node::List { start, len }, _) => {
            let below = match content {
                Content::Leaf { lists } => Content::Leaf { lists: lists.saturating_sub(1) },
                record => record,
            };
            table.list(start, len).iter().map(|item| dump(plan, table, *item, below)).collect()
        }
        (Node::Record { start, .. }, Content::Record { layout, .. }) => {
            let slots = plan.layout(layout).slots.iter().zip(0..);
            let entries = slots.map(|(slot, index)| {
                (format!("{index} {}", slot.name), dump(plan, table, table.slot(start, index), slot.content))
            });
            Json::Object(entries.collect())
        }
        (Node::Record { .. }, Content::Leaf { .. }) => panic!("a record has a layout"),
    }
}

fn projected(root: &Root, plan: &Plan, content: Content, body: &str) -> Option<Result<Json, Misfit>> {
    let projection = compile_projection(root, content, &plan.layouts)?;
    Some(
        project(&projection, body, body.to_owned().into(), 0)
            .map(|table| dump(plan, &table, table.node(0), content)),
    )
}

fn evaluated(root: &Root, plan: &Plan, content: Content, body: &str) -> Json {
    let arena = Bump::new();
    let data = json::read(body, &arena).unwrap();
    let value = evaluate_root(root, data, &Variables::default(), &arena, &mut Problems::ignored());
    let table = record(plan, value, content, 0, 0);
    dump(plan, &table, table.node(0), content)
}

fn check(text: &str, wanted: &Wanted, body: &Json) -> Option<Json> {
    let root = parse(text, Grammar::V0_4).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).root;
    let mut layouts = Vec::new();
    let content = content(wanted, &mut layouts);
    let plan = plan_of(layouts);
    let body = body.to_string();
    let got = match projected(&root, &plan, content, &body)? {
        Ok(got) => got,
        Err(Misfit::Shape) => return None,
        Err(Misfit::Json(error)) => panic!("{body} is JSON: {error}"),
    };
    assert_eq!(got, evaluated(&root, &plan, content, &body), "{text}\n{body}\n{wanted:?}");
    Some(got)
}

fn record_of(names: &[&str]) -> Wanted {
    Wanted::Record(names.iter().map(|name| ((*name).to_owned(), Wanted::Leaf)).collect())
}

#[test]
fn fields_paths_and_groups_are_read_in_one_pass() {
    let wanted = Wanted::Record(vec![
        ("id".to_owned(), Wanted::Leaf),
        ("city".to_owned(), Wanted::Leaf),
        ("name".to_owned(), record_of(&["first", "last"])),
        ("tags".to_owned(), Wanted::List),
    ]);
    let text = "id city: address.city name: { first: f_nm last: l_nm } tags";
    let body = json!([
        {"id": 7, "address": {"city": "Ghent", "zip": "9000"}, "f_nm": "A", "l_nm": "B", "tags": ["x", "y"], "noise": [1, {}]},
        {"id": "8", "address": null, "tags": []},
    ]);
    let expected = json!([
        {"0 id": 7, "1 city": "Ghent", "2 name": {"0 first": "A", "1 last": "B"}, "3 tags": ["x", "y"]},
        {"0 id": "8", "1 city": null, "2 name": {"0 first": null, "1 last": null}, "3 tags": []},
    ]);
    assert_eq!(check(text, &wanted, &body), Some(expected));
}

#[test]
fn one_key_may_be_wanted_several_times() {
    let owner = |names: &[&str]| ("owner".to_owned(), record_of(names));
    let wanted = Wanted::Record(vec![owner(&["id"]), owner(&["name"]), ("owner".to_owned(), Wanted::Leaf)]);
    // A leaf and a record of one key: only what the mapping selects is there, so this is evaluated.
    assert_eq!(check("owner { id name }", &wanted, &json!({"owner": {"id": 1, "name": "n"}})), None);
    let wanted = Wanted::Record(vec![owner(&["id"]), owner(&["name"])]);
    let expected = json!({"0 owner": {"0 id": 1}, "1 owner": {"0 name": "n"}});
    assert_eq!(
        check("owner { id name }", &wanted, &json!({"owner": {"id": 1, "name": "n"}})),
        Some(expected)
    );
}

#[test]
fn objects_are_read_by_the_order_of_keys_before_them_and_without_it() {
    let root = parse("a long: a_key_longer_than_16 z", Grammar::V0_4).unwrap().root;
    let mut layouts = Vec::new();
    let content = content(&record_of(&["a", "long", "z"]), &mut layouts);
    let plan = plan_of(layouts);
    let body = r#"[
        {"a": 1, "x": [{"a": 0}], "a_key_longer_than_16": 2, "a_key_longer_than_17": 0, "z": 3},
        {"a": 4, "x": {"z": 0}, "a_key_longer_than_16": 5, "a_key_longer_than_17": 0, "z": 6},
        {"z": 7, "a_key_longer_than_16": 8, "x": 0, "\u0061": 9},
        {"a": 0, "y": 0, "a": 10, "a_key_longer_than_17": 0, "z" : 11},
        {},
        {"x": 0, "a_key_longer_than_17": 0, "z": 12}
    ]"#;
    let expected = evaluated(&root, &plan, content, body);
    assert_eq!(projected(&root, &plan, content, body), Some(Ok(expected)));
}

#[test]
fn a_list_on_the_way_is_left_to_evaluation() {
    assert_eq!(
        check("city: addresses.city", &record_of(&["city"]), &json!({"addresses": [{"city": "Ghent"}]})),
        None
    );
}

#[test]
fn what_is_not_json_is_refused() {
    let root = parse("id", Grammar::V0_4).unwrap().root;
    let mut layouts = Vec::new();
    let content = content(&record_of(&["id"]), &mut layouts);
    let plan = plan_of(layouts);
    for body in
        ["", "{", "[1,]", "{\"id\":01}", "{\"id\":1}x", "nul", "{\"a\":\"\u{1}\"}", &"[".repeat(100_000)]
    {
        let got = projected(&root, &plan, content, body).unwrap();
        assert!(matches!(got, Err(Misfit::Json(_))), "{body:.20}: {got:?}");
    }
}

fn body() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z\"\\\\é]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

/// A selection that projects, with what may be read of it.
fn selection() -> impl Strategy<Value = (String, Wanted)> {
    let names = Just(["p", "q", "r"]);
    let key = "[abc]";
    let leaf = (key, prop::option::of(key), any::<bool>()).prop_map(|(first, second, list)| {
        let path = second.map_or(first.clone(), |second| format!("{first}.{second}"));
        (format!("$.{path}"), if list { Wanted::List } else { Wanted::Leaf })
    });
    let item = leaf.prop_recursive(3, 12, 3, move |inner| {
        let fields = (names, prop::collection::vec(inner, 1..=3)).prop_map(|(names, values)| {
            let mut text = String::new();
            let mut wanted = Vec::new();
            for (name, (value, want)) in names.iter().zip(values) {
                text.push_str(&format!(" {name}: {value}"));
                wanted.push(((*name).to_owned(), want));
            }
            (format!("{{{text} }}"), Wanted::Record(wanted))
        });
        (prop::option::of(key), fields).prop_map(|(key, (text, wanted))| match key {
            Some(key) => (format!("$.{key} {text}"), wanted),
            None => (text, wanted),
        })
    });
    prop::collection::vec(item, 1..=3).prop_map(|values| {
        let mut text = String::new();
        let mut wanted = Vec::new();
        for (name, (value, want)) in ["x", "y", "z"].iter().zip(values) {
            text.push_str(&format!("{name}: {value}\n"));
            wanted.push(((*name).to_owned(), want));
        }
        (text, Wanted::Record(wanted))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn projection_and_evaluation_agree((text, wanted) in selection(), body in body()) {
        check(&text, &wanted, &body);
    }
}
