//! The triples: a connector, what its backend answers, and an operation. Each is a field of its own with types of its own,
//! so that hundreds stand in one schema; everything comes from one seed.

use std::collections::BTreeMap;

use ficus::mapping::{ast::Grammar, methods};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value as Json, json};

use super::{
    entities,
    words::{Writer, any, object},
};

/// One connector with what its backend answers and what it is asked.
#[derive(Debug, Clone)]
pub(super) struct Triple {
    /// `c17`: the name of its field, and the first segment of its paths.
    pub(super) name: String,
    /// Which generator made it.
    pub(super) family: &'static str,
    pub(super) grammar: Grammar,
    /// Its field of `Query`, or fields.
    pub(super) fields: String,
    /// Its field of `Mutation`.
    pub(super) mutation: String,
    /// Types of its own.
    pub(super) types: String,
    pub(super) operation: String,
    pub(super) variables: Json,
    /// The client's headers.
    pub(super) headers: Vec<(String, String)>,
    /// Answers by what follows the field's name in the path; `""` answers whatever is not there.
    pub(super) answers: BTreeMap<String, Answer>,
}

/// What the backend sends.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(body: &Json) -> Self {
        Answer { status: 200, content_type: Some("application/json"), body: body.to_string() }
    }
}

/// So many triples.
pub(super) fn triples(seed: u64, count: usize) -> Vec<Triple> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let grammar = if rng.random_bool(0.5) { Grammar::V0_3 } else { Grammar::V0_4 };
            let mut made = Maker { rng: &mut rng, grammar, name: format!("c{index}") };
            match index % 20 {
                0..=5 => made.value(),
                6..=8 => made.method(index / 3),
                9..=11 => made.selection(),
                12..=14 => made.url(),
                15 => made.body(),
                16 => made.headers(),
                17 => made.outcome(),
                18 => made.leaves(),
                _ => entities::triple(&mut made),
            }
        })
        .collect()
}

/// Makes one triple.
pub(super) struct Maker<'r> {
    pub(super) rng: &'r mut StdRng,
    pub(super) grammar: Grammar,
    pub(super) name: String,
}

/// A string of GraphQL.
pub(super) fn quoted(text: &str) -> String {
    // JSON's escapes are GraphQL's.
    Json::from(text).to_string()
}

impl Maker<'_> {
    /// A triple of one field `JSON` with one argument, `j: JSON`.
    fn json_field(
        &mut self,
        family: &'static str,
        http: &str,
        rest: &str,
        data: &Json,
        args: Json,
    ) -> Triple {
        let name = &self.name;
        Triple {
            family,
            grammar: self.grammar,
            fields: format!("{name}(j: JSON): JSON @connect(source: \"up\", http: {{{http}}}, {rest})"),
            mutation: String::new(),
            types: String::new(),
            operation: format!("query($j: JSON) {{ {name}(j: $j) }}"),
            variables: json!({ "j": args }),
            headers: Vec::new(),
            answers: BTreeMap::from([(String::new(), Answer::json(data))]),
            name: name.clone(),
        }
    }

    pub(super) fn get(&self, path: &str) -> String {
        format!("GET: \"/{}{path}\"", self.name)
    }

    fn writer(&mut self, data: &Json, args: Option<Json>) -> Writer<'_> {
        Writer { rng: self.rng, grammar: self.grammar, data: data.clone(), args }
    }

    /// A mapping that gives one value.
    fn value(&mut self) -> Triple {
        let data = if self.rng.random_bool(0.8) { object(self.rng, 3) } else { any(self.rng, 3) };
        let args = any(self.rng, 2);
        let bare = self.grammar == Grammar::V0_4 && self.rng.random_bool(0.3);
        let mut writer = self.writer(&data, Some(json!({ "j": args })));
        let expression = writer.expression(&data, 3);
        let selection = if bare { expression } else { format!("$({expression})") };
        let rest = format!("selection: {}", quoted(&selection));
        self.json_field("value", &self.get(""), &rest, &data, args)
    }

    /// One method, applied to something.
    fn method(&mut self, index: usize) -> Triple {
        let names: Vec<&str> = methods::names().collect();
        let input = any(self.rng, 2);
        let data = json!({ "x": input, "a": 1, "id": "7" });
        let mut writer = self.writer(&data, None);
        let method = writer.method_named(names[index % names.len()], Some(&input), &data, 1);
        let more = writer.steps(String::new(), &data, 1);
        let text = if more.starts_with("->") { format!("$.x{method}{more}") } else { format!("$.x{method}") };
        let rest = format!("selection: {}", quoted(&text));
        self.json_field("method", &self.get(""), &rest, &data, Json::Null)
    }

    /// A selection that builds typed objects, and an operation that asks for some of them.
    fn selection(&mut self) -> Triple {
        let one = object(self.rng, 3);
        let is_list = self.rng.random_bool(0.4);
        let data = match self.rng.random_range(0..10) {
            0 => any(self.rng, 1),
            _ if is_list => (0..self.rng.random_range(0..4)).map(|_| object(self.rng, 2)).collect(),
            _ => one.clone(),
        };
        let first = data.get(0).cloned().unwrap_or(one);
        let mut keys: Vec<String> =
            first.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default();
        keys.retain(|key| key != "x-y");
        let mut writer = self.writer(&first, None);
        let mut items = Vec::new();
        let mut fields = Vec::new();
        for key in keys.iter().take(2) {
            if writer.rng.random_bool(0.6) {
                items.push(key.clone());
                fields.push(format!("{key}: JSON"));
            }
        }
        for name in ["p", "q"] {
            let path = writer.path(&first, 1);
            let value = match writer.rng.random_range(0..3) {
                0 if !path.contains('{') && !path.contains("$(") => path,
                _ => format!("$({})", writer.expression(&first, 2)),
            };
            items.push(format!("{name}: {value}"));
            fields.push(format!("{name}: JSON"));
        }
        let name = &self.name;
        let mut inner = String::new();
        let mut types = String::new();
        if let Some(key) = keys.choose(self.rng).filter(|_| self.rng.random_bool(0.7)) {
            let below = match &first[key] {
                Json::Array(elements) => elements.first().cloned().unwrap_or_default(),
                other => other.clone(),
            };
            let of_list = first[key].is_array();
            let below_keys: Vec<String> = below
                .as_object()
                .map(|o| o.keys().filter(|k| *k != "x-y").cloned().collect())
                .unwrap_or_default();
            let inside = below_keys.first().cloned().unwrap_or_else(|| "id".to_owned());
            let ty = if of_list { format!("[N{name}]") } else { format!("N{name}") };
            fields.push(format!("n: {ty}"));
            inner = format!("n {{ {inside} z }}");
            items.push(match self.rng.random_range(0..3) {
                0 if !of_list => format!("n: {{ {inside}: $.{key}.{inside}? z: $('lit') }}"),
                1 => format!("n: $.{key} {{ {inside} z: $(1) }}"),
                _ => format!("n: {key} {{ {inside} z: $.{inside} }}"),
            });
            types = format!("type N{name} {{ {inside}: JSON z: JSON }}");
        } else if let Some(key) = keys.iter().find(|key| first[*key].is_object()) {
            let inside: Vec<String> =
                first[key].as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
            if let Some(inside) = inside.iter().find(|inside| *inside != "x-y") {
                items.push(format!("$.{key} {{ m: $.{inside} }}"));
                fields.push("m: JSON".to_owned());
            }
        }
        let mut asked = Vec::new();
        for field in fields.iter().filter_map(|field| field.split(':').next()).filter(|field| *field != "n") {
            match self.rng.random_range(0..6) {
                0 => {}
                1 => asked.push(format!("other_{field}: {field}")),
                _ => asked.push(field.to_owned()),
            }
        }
        let separator = if self.grammar == Grammar::V0_4 && self.rng.random_bool(0.3) { ", " } else { " " };
        let ty = if is_list { format!("[T{name}]") } else { format!("T{name}") };
        Triple {
            family: "selection",
            grammar: self.grammar,
            fields: format!(
                "{name}: {ty} @connect(source: \"up\", http: {{{}}}, selection: {})",
                self.get(""),
                quoted(&items.join(separator))
            ),
            mutation: String::new(),
            types: format!("type T{name} {{ {} }} {types}", fields.join(" ")),
            operation: format!("{{ {name} {{ __typename {} {inner} }} }}", asked.join(" ")),
            variables: json!({}),
            headers: Vec::new(),
            answers: BTreeMap::from([(String::new(), Answer::json(&data))]),
            name: name.clone(),
        }
    }

    /// What a client sends, hostile and kind.
    pub(super) fn client_args(&mut self) -> Json {
        let texts = [
            "a",
            "",
            "a b",
            "a/b",
            "ä€😀",
            "100%",
            "%2F",
            "a+b",
            "x&y=z",
            "?q#f",
            "..x",
            "{x}",
            "\"q\"",
            "~-_.",
            "a\tb",
            ":@!$'()*,;",
        ];
        let mut text = || (*texts.choose(self.rng).unwrap()).to_owned();
        let (s, first, second) = (text(), text(), text());
        let whole = [0, 7, -3][self.rng.random_range(0..3)];
        let fraction = [0.5, 2.0, -1.25, 1e21, 1e-7][self.rng.random_range(0..5)];
        json!({
            "s": s,
            "i": whole,
            "f": fraction,
            "b": self.rng.random_bool(0.5),
            "n": null,
            "l": [first, second],
            "e": [],
            "o": { "x": any(self.rng, 0), "y": [1, "two", null] },
        })
    }

    /// A URL: a template, `path` and `queryParams`.
    fn url(&mut self) -> Triple {
        let args = self.client_args();
        let values = [
            "{$args.j.s}",
            "{$args.j.i}",
            "{$args.j.f}",
            "{$args.j.b}",
            "{$args.j.n}",
            "{$args.j.nope}",
            "{$args.j.o.x}",
            "{$args.j.l->joinNotNull(',')}",
            "{$args.j.l->first}",
            "{$args.j.o.y->get(1)}",
            "{$args.j.s->slice(0, 2)}",
            "{$(1)}",
            "{$('a b')}",
            "{$args.j.l->size}",
            "{$args.j.o}",
            "{$args.j.l}",
        ];
        let literals = [
            "x", "a-b", "v1.0", "a b", "ä", "%20", "%zz", "a+b", "x:y@z", "(a)", "a;b=c,d", "a\n  b", "'q'",
            "é|^",
        ];
        let pick = |rng: &mut StdRng, words: &[&str]| {
            // Values that give no text are rare: what follows from them is soon known.
            let last = if rng.random_bool(0.05) { words.len() } else { words.len() - 2 };
            words[rng.random_range(0..last)].to_owned()
        };
        let mut path = String::new();
        for _ in 0..self.rng.random_range(0..4) {
            path.push('/');
            for _ in 0..self.rng.random_range(1..3) {
                let is_value = self.rng.random_bool(0.5);
                path.push_str(&pick(self.rng, if is_value { &values } else { &literals }));
            }
        }
        if self.rng.random_bool(0.2) {
            path.push('/');
        }
        if self.rng.random_bool(0.6) {
            let parameters: Vec<String> = (0..self.rng.random_range(1..4))
                .map(|index| match self.rng.random_range(0..4) {
                    0 => format!("k{index}"),
                    1 => format!("k{index}={}", pick(self.rng, &literals).replace('#', "")),
                    _ => format!("k{index}={}", pick(self.rng, &values)),
                })
                .collect();
            path = format!("{path}?{}", parameters.join("&"));
        }
        let mut http = format!("GET: {}", quoted(&format!("/{}{path}", self.name)));
        let scalars = [
            "$args.j.s",
            "$args.j.i",
            "$args.j.f",
            "$args.j.b",
            "$args.j.l->last",
            "$('p q')",
            "$(12)",
            "$args.j.n",
        ];
        if self.rng.random_bool(0.3) {
            let count = self.rng.random_range(0..4);
            let elements: Vec<&str> = (0..count).map(|_| *scalars.choose(self.rng).unwrap()).collect();
            let segments = if self.rng.random_bool(0.2) {
                "$args.j.l".to_owned()
            } else {
                format!("$([{}])", elements.join(", "))
            };
            http = format!("{http} path: {}", quoted(&segments));
        }
        if self.rng.random_bool(0.4) {
            let lists = ["$args.j.l", "$args.j.e", "$args.j.o.y", "$args.j.nope", "$args.j.o"];
            let keys = ["p", "'q r'", "ä", "'a[]'", "z"];
            let entries: Vec<String> = keys
                .iter()
                .filter(|key| key.is_ascii())
                .take(self.rng.random_range(1..4))
                .map(|key| {
                    let is_list = self.rng.random_bool(0.3);
                    let value = pick(self.rng, if is_list { &lists } else { &scalars });
                    format!("{key}: {value}")
                })
                .collect();
            http = format!("{http} queryParams: {}", quoted(&entries.join(" ")));
        }
        let source = if self.rng.random_bool(0.25) { "fancy" } else { "up" };
        let data = json!({ "ok": true });
        let mut triple = self.json_field("url", &http, "selection: \"$.ok\"", &data, args);
        triple.fields = triple.fields.replace("source: \"up\"", &format!("source: \"{source}\""));
        triple.headers.push(("x-client".to_owned(), "from client".to_owned()));
        triple
    }

    /// A body, as JSON or as a form.
    fn body(&mut self) -> Triple {
        let args = self.client_args();
        let method = *["POST", "PUT", "PATCH", "DELETE"].choose(self.rng).unwrap();
        let data = json!({ "ok": 1 });
        let body = match self.rng.random_range(0..6) {
            0 => "$args.j".to_owned(),
            1 => "$args.j { s l renamed: o { x } }".to_owned(),
            2 => "s: $args.j.s n: $args.j.n none: $args.j.nope l: $args.j.l o: $args.j.o".to_owned(),
            3 => "deep: { f: $args.j.f b: $args.j.b list: $args.j.l->map({ v: @ }) }".to_owned(),
            4 => "$args.j.l".to_owned(),
            _ => {
                let mut writer = self.writer(&json!({}), Some(json!({ "j": args })));
                format!("made: $({})", writer.expression(&json!({}), 2))
            }
        };
        let mut http = format!("{method}: \"/{}\" body: {}", self.name, quoted(&body));
        match self.rng.random_range(0..3) {
            0 => http.push_str(
                " headers: [{name: \"content-type\", value: \"application/x-www-form-urlencoded\"}]",
            ),
            1 => http.push_str(" headers: [{name: \"content-type\", value: \"application/vnd.x+json\"}]"),
            _ => {}
        }
        let mut triple = self.json_field("body", &http, "selection: \"$.ok\"", &data, args);
        if self.rng.random_bool(0.5) {
            triple.mutation = std::mem::take(&mut triple.fields);
            triple.operation = triple.operation.replacen("query", "mutation", 1);
        }
        triple
    }

    /// Headers of the connector over those of its source.
    fn headers(&mut self) -> Triple {
        let args = self.client_args();
        let values = [
            "plain",
            "{$args.j.s}",
            "a {$args.j.i} b",
            "{$args.j.n}",
            "{$args.j.nope}",
            "{$request.headers.'x-client'->first}",
            "{$args.j.b}\\t",
        ];
        let names = ["x-one", "X-Two", "x-fancy", "user-agent", "accept"];
        let mut declared = Vec::new();
        for name in names {
            match self.rng.random_range(0..6) {
                0 if name != "accept" => declared.push(format!("{{name: \"{name}\", from: \"x-client\"}}")),
                1 | 2 => {
                    let value = values.choose(self.rng).unwrap();
                    declared.push(format!("{{name: \"{name}\", value: \"{value}\"}}"));
                }
                _ => {}
            }
        }
        let http = format!("{} headers: [{}]", self.get(""), declared.join(", "));
        let data = json!({ "ok": true });
        let selection = *[
            "$.ok",
            "$request.headers.'x-client'",
            "$response.headers.'content-type'",
            "$status",
            "$config",
            "$context",
            "$request.headers.'x-none'->first",
        ]
        .choose(self.rng)
        .unwrap();
        let mut triple =
            self.json_field("headers", &http, &format!("selection: {}", quoted(selection)), &data, args);
        triple.fields = triple.fields.replace("source: \"up\"", "source: \"fancy\"");
        if self.rng.random_bool(0.8) {
            triple.headers.push(("x-client".to_owned(), "from client".to_owned()));
        }
        if self.rng.random_bool(0.3) {
            triple.headers.push(("x-client".to_owned(), "second".to_owned()));
        }
        triple
    }

    /// Statuses, content types, bodies that are broken, `isSuccess` and `errors`.
    fn outcome(&mut self) -> Triple {
        let data =
            json!({ "a": 1, "ok": self.rng.random_bool(0.5), "error": { "text": "no luck", "code": "E7" } });
        let mut rest = "selection: \"$.a\"".to_owned();
        if self.rng.random_bool(0.4) {
            let asked = [
                "$.ok",
                "$status->eq(200)",
                "$status->in([404, 500])",
                "$.nope",
                "$(true)",
                "$.error",
                "$.a->eq(1)",
            ];
            rest.push_str(&format!(" isSuccess: \"{}\"", asked.choose(self.rng).unwrap()));
        }
        if self.rng.random_bool(0.6) {
            let messages = ["$.error.text", "$.nope", "$('fixed')", "$.error", "$status->toString"];
            let extensions = [
                "code: $.error.code",
                "status: $status",
                "http: { extra: $(1) }",
                "code: $(404)",
                "nope: $.nope",
                "h: $response.headers.'content-type'->first",
            ];
            rest.push_str(" errors: {");
            if self.rng.random_bool(0.7) {
                rest.push_str(&format!("message: \"{}\" ", messages.choose(self.rng).unwrap()));
            }
            rest.push_str(&format!("extensions: \"{}\"}}", extensions.choose(self.rng).unwrap()));
        }
        let mut triple = self.json_field("outcome", &self.get(""), &rest, &data, Json::Null);
        if self.rng.random_bool(0.3) {
            triple.fields = triple.fields.replace("source: \"up\"", "source: \"fancy\"");
        }
        let status =
            *[200, 200, 200, 201, 202, 204, 400, 401, 404, 409, 422, 500, 503].choose(self.rng).unwrap();
        let types = [
            Some("application/json"),
            Some("application/json"),
            Some("application/json; charset=utf-8"),
            Some("application/problem+json"),
            Some("text/plain"),
            Some("text/html"),
            Some("application/octet-stream"),
            None,
        ];
        let bodies = [
            data.to_string(),
            data.to_string(),
            data.to_string(),
            String::new(),
            "{\"a\": ".to_owned(),
            "[1]".to_owned(),
            "\"text\"".to_owned(),
            "null".to_owned(),
        ];
        let body = if status == 204 { String::new() } else { bodies.choose(self.rng).unwrap().clone() };
        triple.answers = BTreeMap::from([(
            String::new(),
            Answer { status, content_type: *types.choose(self.rng).unwrap(), body },
        )]);
        triple
    }

    /// Values and shapes that fit their declared types, and some that do not.
    fn leaves(&mut self) -> Triple {
        let name = self.name.clone();
        let kinds = ["String", "Int", "Float", "Boolean", "ID", "[Int]", "[String!]", "String!", "E"];
        let values = [
            json!("text"),
            json!(7),
            json!(7.0),
            json!(1.5),
            json!(true),
            json!(null),
            json!([1, null, 2]),
            json!(["a", "b"]),
            json!({ "x": 1 }),
            json!(1i64 << 40),
            json!("A"),
        ];
        let mut fields = Vec::new();
        let mut data = Map::new();
        for (index, kind) in kinds.iter().enumerate() {
            if self.rng.random_bool(0.4) {
                let fitting = match *kind {
                    "String" | "String!" => 0,
                    "Int" => 1,
                    "Float" => 3,
                    "Boolean" => 4,
                    "ID" => [0, 1][self.rng.random_range(0..2)],
                    "[Int]" => 6,
                    "[String!]" => 7,
                    _ => 10,
                };
                let at =
                    if self.rng.random_bool(0.75) { fitting } else { self.rng.random_range(0..values.len()) };
                data.insert(format!("f{index}"), values[at].clone());
                fields.push(format!("f{index}: {}", kind.replace('E', &format!("E{name}"))));
            }
        }
        fields.push("g: JSON".to_owned());
        data.insert("g".to_owned(), any(self.rng, 1));
        let asked: Vec<&str> = fields.iter().filter_map(|field| field.split(':').next()).collect();
        Triple {
            family: "leaves",
            grammar: self.grammar,
            fields: format!(
                "{name}: T{name} @connect(source: \"up\", http: {{{}}}, selection: \"{}\")",
                self.get(""),
                asked.join(" ")
            ),
            mutation: String::new(),
            types: format!("type T{name} {{ {} }} enum E{name} {{ A B }}", fields.join(" ")),
            operation: format!("{{ {name} {{ {} }} }}", asked.join(" ")),
            variables: json!({}),
            headers: Vec::new(),
            answers: BTreeMap::from([(String::new(), Answer::json(&Json::Object(data)))]),
            name,
        }
    }
}
