//! Random JSON, and random mappings that mostly fit it: a path follows the data, and what a method is given depends on what
//! stands before it, which Ficus itself tells. Noise would be refused at once and show nothing.

use bumpalo::Bump;
use ficus::mapping::{Problems, Variables, ast::Grammar, evaluate, json, methods, parse};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value as Json, json};

const KEYS: [&str; 6] = ["a", "b", "c", "id", "x-y", "list"];
const TEXTS: [&str; 14] = [
    "",
    "a",
    "7",
    "b c",
    "ä€",
    "x,y,z",
    " pad ",
    "[1,2]",
    "{\"k\":1}",
    "true",
    "-3",
    "0x1f",
    "snake_case",
    "1.5",
];

/// Any JSON, `depth` levels deep.
pub(super) fn any(rng: &mut StdRng, depth: usize) -> Json {
    match rng.random_range(0..if depth == 0 { 5 } else { 9 }) {
        0 => Json::Null,
        1 => rng.random_bool(0.5).into(),
        2 => [0, 1, 2, -1, 7, 255, 1i64 << 40][rng.random_range(0..7)].into(),
        3 => [0.5, -2.25, 1e3, 3.0][rng.random_range(0..4)].into(),
        4 => (*TEXTS.choose(rng).unwrap()).into(),
        5 | 6 => (0..rng.random_range(0..4)).map(|_| any(rng, depth - 1)).collect(),
        _ => object(rng, depth - 1),
    }
}

/// An object with some of the keys.
pub(super) fn object(rng: &mut StdRng, depth: usize) -> Json {
    let mut entries = Map::new();
    for key in KEYS {
        if rng.random_bool(0.6) {
            let value = if key == "list" { rows(rng, depth) } else { any(rng, depth) };
            entries.insert(key.to_owned(), value);
        }
    }
    Json::Object(entries)
}

/// A list of objects with the same keys, as backends send it.
fn rows(rng: &mut StdRng, depth: usize) -> Json {
    (0..rng.random_range(0..4))
        .map(|index| json!({ "id": index, "name": TEXTS[index], "tags": any(rng, depth.saturating_sub(1)) }))
        .collect()
}

/// Writes mappings of one grammar for one body and one set of arguments.
pub(super) struct Writer<'r> {
    pub(super) rng: &'r mut StdRng,
    pub(super) grammar: Grammar,
    /// What `$` is.
    pub(super) data: Json,
    /// What `$args` is; none where there is none.
    pub(super) args: Option<Json>,
}

impl Writer<'_> {
    fn is_v0_4(&self) -> bool {
        self.grammar == Grammar::V0_4
    }

    /// What an expression gives; none for missing.
    fn value(&self, text: &str, at: &Json) -> Option<Json> {
        let mapping = parse(&format!("$({text})"), self.grammar).ok()?;
        let arena = Bump::new();
        let args = self.args.as_ref().map(|args| json::from_json(args, &arena));
        let variables = Variables { args, ..Variables::default() };
        let value =
            evaluate(&mapping, json::from_json(at, &arena), &variables, &arena, &mut Problems::ignored());
        value.map(|value| json::to_json(&value))
    }

    /// An expression: what may stand in `$( … )` and in a method's arguments. `at` is what `@` is.
    pub(super) fn expression(&mut self, at: &Json, depth: usize) -> String {
        if depth == 0 {
            return if self.rng.random_bool(0.5) { self.literal() } else { self.head(at) };
        }
        match self.rng.random_range(0..12) {
            0 => self.literal(),
            1 => {
                let elements: Vec<_> =
                    (0..self.rng.random_range(0..4)).map(|_| self.expression(at, depth - 1)).collect();
                format!("[{}]", elements.join(", "))
            }
            2 => self.object_literal(at, depth - 1),
            3 => format!("$({})", self.chain(at, depth - 1)),
            4 => {
                let chain = self.chain(at, depth - 1);
                self.steps(format!("$({chain})"), at, depth - 1)
            }
            _ => self.path(at, depth),
        }
    }

    pub(super) fn chain(&mut self, at: &Json, depth: usize) -> String {
        let operator = if self.rng.random_bool(0.6) { " ?? " } else { " ?! " };
        let operands: Vec<_> = (0..self.rng.random_range(2..4)).map(|_| self.operand(at, depth)).collect();
        operands.join(operator)
    }

    /// What may stand beside an operator without parentheses.
    fn operand(&mut self, at: &Json, depth: usize) -> String {
        if self.rng.random_bool(0.3) { self.literal() } else { self.path(at, depth) }
    }

    fn object_literal(&mut self, at: &Json, depth: usize) -> String {
        let names = ["p", "q", "'r s'", "a"];
        let count = self.rng.random_range(1..4);
        let entries: Vec<_> =
            names[..count].iter().map(|name| format!("{name}: {}", self.expression(at, depth))).collect();
        format!("{{ {} }}", entries.join(", "))
    }

    pub(super) fn literal(&mut self) -> String {
        let literals = [
            "1",
            "0",
            "-1",
            "2.5",
            "-.5",
            "10",
            "true",
            "false",
            "null",
            "\"s\"",
            "'ä'",
            "''",
            "\"a\\nb\"",
            "'it\\'s'",
        ];
        (*literals.choose(self.rng).unwrap()).to_owned()
    }

    fn head(&mut self, at: &Json) -> String {
        let known: Vec<String> = match &self.data {
            Json::Object(entries) => entries.keys().map(|key| key_text(key)).collect(),
            _ => vec!["a".to_owned()],
        };
        let key = known.choose(self.rng).cloned().unwrap_or_else(|| "a".to_owned());
        match self.rng.random_range(0..10) {
            0 => "$".to_owned(),
            1 | 2 => "@".to_owned(),
            3 if self.args.is_some() => "$args".to_owned(),
            4 if self.args.is_some() => "$args.j".to_owned(),
            5 => match at {
                Json::Object(entries) if !entries.is_empty() => {
                    let keys: Vec<&String> = entries.keys().collect();
                    format!("@.{}", key_text(keys.choose(self.rng).unwrap()))
                }
                _ => "@".to_owned(),
            },
            6 => format!("$.{}", KEYS[self.rng.random_range(0..4)]),
            _ if key.starts_with('\'') => format!("$.{key}"),
            _ => key,
        }
    }

    /// A path of some steps.
    pub(super) fn path(&mut self, at: &Json, depth: usize) -> String {
        let head = self.head(at);
        self.steps(head, at, depth)
    }

    /// Steps behind what is written.
    pub(super) fn steps(&mut self, mut text: String, at: &Json, depth: usize) -> String {
        for _ in 0..self.rng.random_range(0..4) {
            let value = self.value(&text, at);
            let may_be_optional = !text.ends_with('?');
            match self.rng.random_range(0..10) {
                0 if may_be_optional => text.push('?'),
                1..=4 => {
                    let inside = match &value {
                        Some(Json::Array(elements)) => elements.first().cloned(),
                        value => value.clone(),
                    };
                    let key = match inside {
                        Some(Json::Object(entries)) if !entries.is_empty() && self.rng.random_bool(0.9) => {
                            let keys: Vec<&String> = entries.keys().collect();
                            key_text(keys.choose(self.rng).unwrap())
                        }
                        _ if self.rng.random_bool(0.7) => continue,
                        _ => "nope".to_owned(),
                    };
                    text = format!("{text}.{key}");
                }
                _ if depth > 0 => {
                    let method = self.method(value.as_ref(), at, depth - 1);
                    text = format!("{text}{method}");
                }
                _ => {}
            }
        }
        if depth > 0 && self.rng.random_bool(0.12) {
            let inside = self.value(&text, at).unwrap_or(Json::Null);
            let inside = match inside {
                Json::Array(elements) => elements.first().cloned().unwrap_or(Json::Null),
                other => other,
            };
            let items = self.items(&inside, depth - 1);
            text = format!("{text} {{ {items} }}");
        }
        text
    }

    /// Items of a sub-selection on `inside`.
    pub(super) fn items(&mut self, inside: &Json, depth: usize) -> String {
        let outer = std::mem::replace(&mut self.data, inside.clone());
        let names = ["p", "q", "s"];
        let mut items = Vec::new();
        for name in names.iter().take(self.rng.random_range(1..4)) {
            let keys: Vec<String> = match inside {
                Json::Object(entries) => entries.keys().map(|key| key_text(key)).collect(),
                _ => vec!["a".to_owned()],
            };
            items.push(match self.rng.random_range(0..6) {
                0 | 1 => keys.choose(self.rng).cloned().unwrap_or_else(|| "a".to_owned()),
                2 if self.is_v0_4() => format!("{name}: {}", self.expression(inside, depth)),
                3 if self.is_v0_4() => format!("...{}", self.path(inside, 0)),
                4 if depth > 0 => format!("{name}: {{ {} }}", self.items(inside, depth - 1)),
                _ => format!("{name}: $({})", self.expression(inside, depth)),
            });
        }
        self.data = outer;
        items.join(" ")
    }

    /// A method that mostly fits what stands before it.
    pub(super) fn method(&mut self, input: Option<&Json>, at: &Json, depth: usize) -> String {
        let fitting: &[&str] = match input {
            Some(Json::Array(_)) => &[
                "map",
                "filter",
                "find",
                "first",
                "last",
                "get",
                "slice",
                "size",
                "joinNotNull",
                "contains",
                "jsonStringify",
                "as",
                "match",
            ],
            Some(Json::String(_)) => &[
                "split",
                "trim",
                "trimStart",
                "trimEnd",
                "slice",
                "size",
                "first",
                "last",
                "get",
                "toString",
                "parseInt",
                "jsonParse",
                "eq",
                "gt",
                "in",
                "match",
                "jsonStringify",
            ],
            Some(Json::Number(_)) => &[
                "add", "sub", "mul", "div", "mod", "eq", "ne", "gt", "gte", "lt", "lte", "toString",
                "parseInt", "in", "match",
            ],
            Some(Json::Bool(_)) => &["and", "or", "not", "eq", "ne", "toString", "match"],
            Some(Json::Object(_)) => &[
                "entries",
                "size",
                "get",
                "keysToCamelCase",
                "keysToCamelCaseDeep",
                "jsonStringify",
                "echo",
                "as",
                "keys",
                "values",
                "has",
            ],
            Some(Json::Null) | None => &["echo", "map", "joinNotNull", "toString", "eq", "size", "typeof"],
        };
        let all: Vec<&str> = methods::names().collect();
        let name = *if self.rng.random_bool(0.85) { fitting } else { &all }.choose(self.rng).unwrap();
        self.method_named(name, input, at, depth)
    }

    /// The arrow, a method and its arguments.
    pub(super) fn method_named(
        &mut self,
        name: &str,
        input: Option<&Json>,
        at: &Json,
        depth: usize,
    ) -> String {
        let input = input.cloned().unwrap_or(Json::Null);
        let element = match &input {
            Json::Array(elements) => elements.first().cloned().unwrap_or(Json::Null),
            other => other.clone(),
        };
        let arguments = match name {
            "echo" | "jsonStringify" if self.rng.random_bool(0.1) => self.expression(&input, depth),
            "echo" => self.expression(&input, depth),
            "map" => self.expression(&element, depth),
            "filter" | "find" => self.condition(&element, depth),
            "match" => self.pairs(&input, depth),
            "matchIf" => {
                format!("[{}, {}], [true, {}]", self.condition(&input, depth), self.literal(), self.literal())
            }
            "get" if input.is_object() => {
                (*["'a'", "'id'", "'nope'", "0"].choose(self.rng).unwrap()).to_owned()
            }
            "get" => (*["0", "1", "-1", "5", "-9", "'a'", "1.5"].choose(self.rng).unwrap()).to_owned(),
            "slice" => {
                let ends = ["0", "1", "0, 2", "1, 3", "2, 1", "-1", "0, 99", "1, -1", "9"];
                (*ends.choose(self.rng).unwrap()).to_owned()
            }
            "joinNotNull" | "split" => {
                (*["','", "''", "' '", "'b'", "', '", "1"].choose(self.rng).unwrap()).to_owned()
            }
            "parseInt" => {
                (*["", "", "10", "16", "2", "36", "1", "37", "'x'"].choose(self.rng).unwrap()).to_owned()
            }
            "add" | "sub" | "mul" | "div" | "mod" => {
                let operands = ["1", "2", "0", "-3", "0.5", "1, 2", "'s'", "null", "9223372036854775807"];
                if self.rng.random_bool(0.8) {
                    (*operands.choose(self.rng).unwrap()).to_owned()
                } else {
                    self.expression(&input, depth)
                }
            }
            "and" | "or" => {
                let count = self.rng.random_range(1..3);
                let conditions: Vec<_> = (0..count).map(|_| self.condition(at, depth)).collect();
                conditions.join(", ")
            }
            "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "contains" => self.compared(&input, &element, depth),
            "in" => format!("[{}, {}]", self.compared(&input, &element, depth), self.literal()),
            "as" => return self.local(&input, depth),
            "has" => (*["'a'", "'id'", "0", "1", "'nope'"].choose(self.rng).unwrap()).to_owned(),
            "withWarning" | "withError" => "'careful'".to_owned(),
            _ if self.rng.random_bool(0.03) => self.literal(),
            _ => String::new(),
        };
        if arguments.is_empty() && self.rng.random_bool(0.8) {
            format!("->{name}")
        } else {
            format!("->{name}({arguments})")
        }
    }

    fn local(&mut self, input: &Json, depth: usize) -> String {
        let bound = if self.rng.random_bool(0.5) {
            "->as($v)".to_owned()
        } else {
            format!("->as($v, {})", self.expression(input, depth))
        };
        let then = ["->echo($v)", "->echo([@, $v])", "->echo({ v: $v })", "->map($v)", "->eq($v)", ""];
        format!("{bound}{}", then.choose(self.rng).unwrap())
    }

    fn compared(&mut self, input: &Json, element: &Json, depth: usize) -> String {
        match self.rng.random_range(0..4) {
            0 => self.literal(),
            1 => literal_of(element),
            2 => literal_of(input),
            _ => self.expression(input, depth),
        }
    }

    fn condition(&mut self, at: &Json, depth: usize) -> String {
        match self.rng.random_range(0..8) {
            0 => "true".to_owned(),
            1 => self.expression(at, depth),
            2 => "@->gt(1)".to_owned(),
            3 => "@->ne(null)".to_owned(),
            4 => "@->typeof->eq('number')".to_owned(),
            5 => match at {
                Json::Object(entries) if !entries.is_empty() => {
                    let keys: Vec<&String> = entries.keys().collect();
                    let key = *keys.choose(self.rng).unwrap();
                    format!("@.{}->eq({})", key_text(key), literal_of(&entries[key]))
                }
                _ => "@->eq(1)".to_owned(),
            },
            _ => format!("@->eq({})", literal_of(at)),
        }
    }

    fn pairs(&mut self, input: &Json, depth: usize) -> String {
        let mut pairs = vec![format!("[{}, {}]", self.literal(), self.expression(input, depth))];
        if self.rng.random_bool(0.6) {
            pairs.push(format!("[{}, {}]", literal_of(input), self.expression(input, depth)));
        }
        if self.rng.random_bool(0.5) {
            pairs.push(format!("[@, {}]", self.expression(input, depth)));
        }
        pairs.join(", ")
    }
}

/// A key as it is written in a path.
pub(super) fn key_text(key: &str) -> String {
    let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && !["null", "true", "false", ""].contains(&key);
    if is_name { key.to_owned() } else { format!("'{}'", key.replace('\\', "\\\\").replace('\'', "\\'")) }
}

/// JSON as a literal of the mapping language, which knows no exponents.
pub(super) fn literal_of(json: &Json) -> String {
    match json {
        Json::String(text) => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("\"{escaped}\"")
        }
        Json::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(literal_of).collect();
            format!("[{}]", elements.join(", "))
        }
        Json::Object(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", key_text(key), literal_of(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
