//! Triples of several connectors: batches, objects completed one by one, fields that read their parent, abstract types.

use std::collections::BTreeMap;

use ficus::mapping::ast::Grammar;
use rand::Rng;
use serde_json::{Value as Json, json};

use super::{
    generate::{Answer, Maker, Triple},
    words::any,
};

pub(super) fn triple(made: &mut Maker<'_>) -> Triple {
    let count = made.rng.random_range(0..6);
    // Identifiers are what the schema says they are: text.
    let ids: Vec<String> = (0..count).map(|_| made.rng.random_range(1..8).to_string()).collect();
    let mut rows: Vec<Json> = Vec::new();
    for id in &ids {
        if made.rng.random_bool(0.9) {
            rows.push(json!({ "id": id, "name": any(made.rng, 1), "extra": 1 }));
        }
    }
    let mut triple = match made.rng.random_range(0..6) {
        0 | 1 => batch(made, rows),
        2 => one_by_one(made, &rows),
        3 => entity(made, &rows),
        4 => field(made, &rows),
        _ => union(made, &rows),
    };
    let list: Json = ids
        .iter()
        .map(|id| json!({ "id": id, "own": "o", "kind": if id > &"4".to_owned() { "A" } else { "B" } }))
        .collect();
    triple.answers.insert("/list".to_owned(), Answer::json(&list));
    triple
}

fn made(made: &Maker<'_>, fields: String, types: String, answers: BTreeMap<String, Answer>) -> Triple {
    let name = made.name.clone();
    Triple {
        family: "entity",
        grammar: made.grammar,
        fields,
        mutation: String::new(),
        types,
        operation: format!("{{ {name} {{ id name }} }}"),
        variables: json!({}),
        headers: Vec::new(),
        answers,
        name,
    }
}

fn list_field(made: &Maker<'_>, selection: &str) -> String {
    let name = &made.name;
    let http = made.get("/list");
    format!("{name}: [E{name}] @connect(source: \"up\", http: {{{http}}}, selection: \"{selection}\")")
}

fn batch(maker: &mut Maker<'_>, mut rows: Vec<Json>) -> Triple {
    let name = maker.name.clone();
    if maker.rng.random_bool(0.5) {
        rows.reverse();
    }
    rows.push(json!({ "id": "unasked", "name": "x" }));
    let http = if maker.rng.random_bool(0.5) {
        format!("GET: \"/{name}/batch\" queryParams: \"ids: $batch.id\"")
    } else {
        format!("POST: \"/{name}/batch\" body: \"ids: $batch.id all: $batch {{ id }}\"")
    };
    let size = if maker.rng.random_bool(0.4) { "batch: {maxSize: 2}" } else { "" };
    let types = format!(
        "type E{name} @key(fields: \"id\") @connect(source: \"up\", http: {{{http}}}, {size} selection: \"id name\") {{ id: ID! name: JSON }}"
    );
    let answers = BTreeMap::from([("/batch".to_owned(), Answer::json(&rows.into()))]);
    made(maker, list_field(maker, "id"), types, answers)
}

fn by_id(rows: &[Json]) -> BTreeMap<String, Answer> {
    let mut answers: BTreeMap<String, Answer> = rows
        .iter()
        .filter_map(|row| Some((format!("/one/{}", row["id"].as_str()?), Answer::json(row))))
        .collect();
    let missing = Answer { status: 404, content_type: Some("application/json"), body: "{}".to_owned() };
    answers.insert(String::new(), missing);
    answers
}

fn one_by_one(maker: &mut Maker<'_>, rows: &[Json]) -> Triple {
    let name = maker.name.clone();
    let types = format!(
        "type E{name} @key(fields: \"id\") @connect(source: \"up\", http: {{GET: \"/{name}/one/{{$this.id}}\"}}, selection: \"id name\") {{ id: ID! name: JSON }}"
    );
    made(maker, list_field(maker, "id"), types, by_id(rows))
}

fn entity(maker: &mut Maker<'_>, rows: &[Json]) -> Triple {
    let name = maker.name.clone();
    let fields = format!(
        "{} one{name}(id: ID!): E{name} @connect(source: \"up\", http: {{GET: \"/{name}/one/{{$args.id}}\"}}, entity: true, selection: \"id name\")",
        list_field(maker, "id")
    );
    let mut triple = made(
        maker,
        fields,
        format!("type E{name} @key(fields: \"id\") {{ id: ID! name: JSON }}"),
        by_id(rows),
    );
    if maker.rng.random_bool(0.4) {
        triple.operation = format!(
            "query($id: ID!) {{ first: one{name}(id: $id) {{ id name }} two: one{name}(id: 3) {{ name }} }}"
        );
        triple.variables = json!({ "id": maker.rng.random_range(1..8).to_string() });
    }
    triple
}

fn field(maker: &mut Maker<'_>, rows: &[Json]) -> Triple {
    let name = maker.name.clone();
    let types = format!(
        "type E{name} {{ id: ID! name(n: Int = 3): JSON @connect(source: \"up\", http: {{GET: \"/{name}/one/{{$this.id}}?n={{$args.n}}\"}}, selection: \"$.name\") }}"
    );
    let mut triple = made(maker, list_field(maker, "id"), types, by_id(rows));
    if maker.rng.random_bool(0.5) {
        triple.operation = format!("{{ {name} {{ a: name(n: 1) b: name }} }}");
    }
    triple
}

/// A union whose members the data tells apart: only in v0.4.
fn union(maker: &mut Maker<'_>, rows: &[Json]) -> Triple {
    if maker.grammar == Grammar::V0_3 {
        return one_by_one(maker, rows);
    }
    let name = maker.name.clone();
    let selection = format!(
        "id ... $.kind->match(['A', $({{ __typename: 'A{name}', own: $.own }})], ['B', $({{ __typename: 'B{name}', other: $.own }})])"
    );
    let fields = format!(
        "{name}: [U{name}] @connect(source: \"up\", http: {{{}}}, selection: \"{selection}\")",
        maker.get("/list")
    );
    let types = format!(
        "union U{name} = A{name} | B{name} type A{name} {{ id: ID own: JSON }} type B{name} {{ id: ID other: JSON }}"
    );
    let mut triple = made(maker, fields, types, BTreeMap::new());
    triple.operation =
        format!("{{ {name} {{ __typename ... on A{name} {{ id own }} ... on B{name} {{ other }} }} }}");
    triple
}
