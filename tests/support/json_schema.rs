//! As much of JSON Schema (draft 2020-12) as the schemas of this project use, to hold documents against them. A keyword that
//! it does not know is a failure, so that nothing is taken for checked.

use serde_json::{Map, Value};

/// Everything in a document that a schema refuses, each with its place (`/headers/0/name`).
pub(crate) fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, document, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{at}: nothing may stand here")),
        schema => schema.as_object().unwrap(),
    };
    let holds = |schema: &Value| faults(schema, value).is_empty();
    for (keyword, rule) in keywords {
        let fault = match (keyword.as_str(), value) {
            ("$schema" | "title" | "description" | "default" | "examples", _) => None,
            ("type", _) => (!is_type(rule, value)).then(|| format!("is not {rule}")),
            ("const", _) => (value != rule).then(|| format!("is not {rule}")),
            ("enum", _) => (!rule.as_array().unwrap().contains(value)).then(|| format!("is none of {rule}")),
            ("not", _) => holds(rule).then(|| "is what must not be".to_owned()),
            ("anyOf", _) => {
                (!rule.as_array().unwrap().iter().any(holds)).then(|| "is none of what may be".to_owned())
            }
            ("oneOf", _) => {
                let count = rule.as_array().unwrap().iter().filter(|schema| holds(schema)).count();
                (count != 1).then(|| format!("is {count} of what may be, not one"))
            }
            ("minimum", Value::Number(number)) => {
                (number.as_f64() < rule.as_f64()).then(|| format!("is less than {rule}"))
            }
            ("maximum", Value::Number(number)) => {
                (number.as_f64() > rule.as_f64()).then(|| format!("is more than {rule}"))
            }
            ("pattern", Value::String(text)) => {
                let pattern = rule.as_str().unwrap();
                (!Pattern::new(pattern).is_in(text)).then(|| format!("does not match {pattern}"))
            }
            ("items", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    check(rule, item, &format!("{at}/{index}"), found);
                }
                None
            }
            ("required", Value::Object(entries)) => {
                let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                let missing: Vec<&str> = names.filter(|name| !entries.contains_key(*name)).collect();
                (!missing.is_empty()).then(|| format!("lacks {missing:?}"))
            }
            ("properties" | "patternProperties" | "additionalProperties", Value::Object(_)) => None,
            (
                "minimum"
                | "maximum"
                | "pattern"
                | "items"
                | "required"
                | "properties"
                | "patternProperties"
                | "additionalProperties",
                _,
            ) => None,
            (unknown, _) => panic!("the keyword `{unknown}` is not known here"),
        };
        found.extend(fault.map(|fault| format!("{at}: {value} {fault}")));
    }
    if let Value::Object(entries) = value {
        properties(keywords, entries, at, found);
    }
}

fn properties(
    keywords: &Map<String, Value>,
    entries: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    let none = Map::new();
    let of = |keyword: &str| keywords.get(keyword).and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in entries {
        let at = format!("{at}/{name}");
        let matching =
            of("patternProperties").iter().filter(|(pattern, _)| Pattern::new(pattern).is_in(name));
        let schemas: Vec<&Value> =
            of("properties").get(name).into_iter().chain(matching.map(|(_, schema)| schema)).collect();
        schemas.iter().for_each(|schema| check(schema, value, &at, found));
        if let (true, Some(schema)) = (schemas.is_empty(), keywords.get("additionalProperties")) {
            check(schema, value, &at, found);
        }
    }
}

fn is_type(rule: &Value, value: &Value) -> bool {
    if let Some(rules) = rule.as_array() {
        return rules.iter().any(|rule| is_type(rule, value));
    }
    match rule.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type `{other}` is not known here"),
    }
}

/// A regular expression: characters, classes, groups, `|`, `*`, `+`, `?`, `^`, `$`.
struct Pattern(Vec<Vec<Part>>);

struct Part {
    one: One,
    least: usize,
    most: usize,
}

enum One {
    Char(char),
    Class { not: bool, ranges: Vec<(char, char)> },
    Group(Vec<Vec<Part>>),
    Start,
    End,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let mut rest: Vec<char> = text.chars().rev().collect();
        let pattern = Pattern(alternatives(&mut rest));
        assert!(rest.is_empty(), "`{text}` is not understood");
        pattern
    }

    fn is_in(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        (0..=text.len()).any(|start| any_of(&self.0, &text, start, &mut |_| true))
    }
}

fn alternatives(rest: &mut Vec<char>) -> Vec<Vec<Part>> {
    let mut all = vec![Vec::new()];
    while let Some(next) = rest.last().copied().filter(|next| *next != ')') {
        rest.pop();
        let one = match next {
            '|' => {
                all.push(Vec::new());
                continue;
            }
            '(' => {
                let group = alternatives(rest);
                assert_eq!(rest.pop(), Some(')'));
                One::Group(group)
            }
            '[' => class(rest),
            '^' => One::Start,
            '$' => One::End,
            '\\' => escaped(rest.pop().unwrap()),
            plain => One::Char(plain),
        };
        let (least, most) = match rest.last() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            _ => (1, 1),
        };
        if (least, most) != (1, 1) {
            rest.pop();
        }
        all.last_mut().unwrap().push(Part { one, least, most });
    }
    all
}

fn escaped(letter: char) -> One {
    match letter {
        's' => One::Class { not: false, ranges: vec![(' ', ' '), ('\t', '\r')] },
        letter => One::Char(letter),
    }
}

fn class(rest: &mut Vec<char>) -> One {
    let not = rest.pop_if(|next| *next == '^').is_some();
    let mut ranges = Vec::new();
    loop {
        match rest.pop().unwrap() {
            ']' => return One::Class { not, ranges },
            '\\' => match escaped(rest.pop().unwrap()) {
                One::Class { ranges: more, .. } => ranges.extend(more),
                One::Char(c) => ranges.push((c, c)),
                _ => panic!("an escape in a class"),
            },
            from if rest.last() == Some(&'-') && rest.get(rest.len().wrapping_sub(2)) != Some(&']') => {
                rest.pop();
                ranges.push((from, rest.pop().unwrap()));
            }
            c => ranges.push((c, c)),
        }
    }
}

/// Whether one of the alternatives stands at a place, and `then` holds behind it.
fn any_of(all: &[Vec<Part>], text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    all.iter().any(|parts| sequence(parts, 0, text, at, then))
}

/// `done` of the first part's repetitions are matched.
fn sequence(
    parts: &[Part],
    done: usize,
    text: &[char],
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let Some((part, rest)) = parts.split_first() else { return then(at) };
    let again = done < part.most
        && one(&part.one, text, at, &mut |next| {
            // A repetition of nothing would go on for ever.
            (next > at || part.most == 1) && sequence(parts, done + 1, text, next, then)
        });
    again || (done >= part.least && sequence(rest, 0, text, at, then))
}

fn one(one: &One, text: &[char], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    let next = text.get(at).copied();
    match one {
        One::Char(c) => next == Some(*c) && then(at + 1),
        One::Class { not, ranges } => {
            next.is_some_and(|c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *not)
                && then(at + 1)
        }
        One::Group(all) => any_of(all, text, at, then),
        One::Start => at == 0 && then(at),
        One::End => at == text.len() && then(at),
    }
}

#[test]
fn patterns_match_as_regular_expressions_do() {
    let duration = Pattern::new(r"^ *(0|[0-9]+(\.[0-9]*)? *(ms|s|m)) *$|\$\{");
    for (text, matches) in
        [("5s", true), (" 1.5 ms", true), ("0", true), ("5", false), ("s", false), ("x${A}", true)]
    {
        assert_eq!(duration.is_in(text), matches, "{text}");
    }
    assert!(Pattern::new("^[^/a-]+$").is_in("bcd") && !Pattern::new("^[^/a-]+$").is_in("b-d"));
}
