//! The differences on purpose: each has a name, a reason, and a test of what it looks like. Whatever no rule knows is a
//! fault of Ficus, or of the run.

use serde_json::Value as Json;

use super::{
    compare::{Outcome, Pair},
    generate::Triple,
};

/// A kind of difference.
struct Rule {
    name: &'static str,
    /// Why Ficus does it its own way.
    why: &'static str,
    holds: fn(&Pair<'_>) -> bool,
}

/// The kind of those that the reference does not survive.
pub(super) const ENDED: &str = "ended";

/// In the order they are tried: what explains a whole answer stands before what explains a part of one.
const RULES: &[Rule] = &[
    Rule {
        name: "unbuildable request",
        why: "the field is null, with an error that has its path; the reference has no path and drops all data",
        holds: |pair| {
            has(pair.ficus, "CONNECTOR_REQUEST_INVALID")
                && has(pair.reference, "SUBREQUEST_HTTP_ERROR")
                && pair.ficus.calls == pair.reference.calls
        },
    },
    Rule {
        name: "a value that means another path",
        why: "`.` or `..` as a path value is an error without a request; the reference sends it, and whoever reads the URL resolves it",
        holds: |pair| {
            pair.ficus.calls.is_empty()
                && has(pair.ficus, "CONNECTOR_REQUEST_INVALID")
                && urls(pair.reference, |url| url.split('?').next().unwrap_or_default().to_owned())
                    .iter()
                    .any(|path| path.split('/').any(|segment| [".", ".."].contains(&segment)))
        },
    },
    Rule {
        name: "unreadable body",
        why: "a content type that gives no data is an error; the reference gives null and says nothing",
        holds: |pair| has(pair.ficus, "CONNECTOR_RESPONSE_INVALID") && pair.reference.errors.is_empty(),
    },
    Rule {
        name: "status before body",
        why: "a failing status keeps its own error though its body cannot be read",
        holds: |pair| {
            has(pair.ficus, "CONNECTOR_FETCH")
                && has(pair.reference, "CONNECTOR_RESPONSE_INVALID")
                && pair.reference.data.is_null()
        },
    },
    Rule {
        name: "data beside errors",
        why: "a nullable root field that fails is null in `data`; the reference drops `data`",
        holds: |pair| {
            pair.reference.data.is_null()
                && pair.same_errors()
                && pair.same_requests()
                && values(&pair.ficus.data).is_some_and(|mut values| values.all(Json::is_null))
        },
    },
    Rule {
        name: "not found is null",
        why: "404 of a GET for one nullable object is null without an error, and so is a row that a batch lacks; \
              the reference keeps a shell that holds the key",
        holds: |pair| {
            pair.triple.family == "entity"
                && pair.ficus.errors.is_empty()
                && once(pair.ficus) == once(pair.reference)
                && pair.reference.errors.iter().all(|error| error.code == "CONNECTOR_FETCH")
                && (pair.reference.data.is_null() || shells(&pair.ficus.data, &pair.reference.data))
        },
    },
    Rule {
        name: "one request for two fields",
        why: "what two fields of an operation ask alike is asked once",
        holds: |pair| {
            pair.same_data()
                && pair.same_errors()
                && pair.ficus.calls.len() < pair.reference.calls.len()
                && once(pair.ficus) == once(pair.reference)
        },
    },
    Rule {
        name: "errors stay with their object",
        why: "one failing object of a list leaves the values of the others; the reference shifts an alias of another to null",
        holds: |pair| {
            pair.triple.family == "entity"
                && pair.same_errors()
                && !pair.ficus.errors.is_empty()
                && pair.same_requests()
        },
    },
    Rule {
        name: "leaves are checked",
        why: "a value that does not fit its declared type is an error with a path; the reference passes it on, or makes it null",
        holds: |pair| {
            !pair.ficus.errors.is_empty()
                && pair
                    .ficus
                    .errors
                    .iter()
                    .all(|error| ["VALUE_MISMATCH", "NULL_IN_NON_NULL"].contains(&error.code.as_str()))
                && pair.reference.errors.is_empty()
                && pair.same_requests()
        },
    },
    Rule {
        name: "an ID is text",
        why: "a number for `ID` is sent as the GraphQL specification has it, as a string",
        holds: |pair| {
            pair.same_errors()
                && pair.same_requests()
                && as_text(&pair.ficus.data) == as_text(&pair.reference.data)
        },
    },
    Rule {
        name: "methods that are hidden or newer",
        why: "`typeof`, `matchIf`, `has`, `keys`, `values`, `withWarning`, `withError` work; the released reference does not know them",
        holds: |pair| {
            pair.same_errors()
                && mentions(
                    pair,
                    &["->typeof", "->matchIf", "->has", "->keys", "->values", "->withWarning", "->withError"],
                )
        },
    },
    Rule {
        name: "empty parentheses",
        why: "`->first()` is `->first`; the reference gives nothing",
        holds: |pair| pair.same_errors() && mentions(pair, &["()"]),
    },
    Rule {
        name: "keys of a list in camel case",
        why: "`->keysToCamelCaseDeep` reaches objects in a list; the reference gives nothing for a list",
        holds: |pair| pair.same_errors() && mentions(pair, &["->keysToCamelCase"]),
    },
    Rule {
        name: "integers do not overflow",
        why: "a sum beyond 64 bits is a problem and null; the reference wraps to the other end",
        holds: |pair| mentions(pair, &["9223372036854775807"]),
    },
    Rule {
        name: "a decimal in parseInt",
        why: "`\"1.5\"->parseInt` is 1, as in JavaScript; the reference gives nothing",
        holds: |pair| mentions(pair, &["->parseInt"]) && answers(pair.triple).contains("\"1.5\""),
    },
    Rule {
        name: "objects under a custom scalar",
        why: "what a selection gives for a field of a custom scalar is its value; the reference prunes it to `{}`",
        holds: |pair| {
            pair.ficus.errors.is_empty()
                && pair.same_requests()
                && values(&pair.reference.data)
                    .is_some_and(|mut values| values.all(|value| *value == Json::Object(<_>::default())))
        },
    },
    Rule {
        name: "an object without keys",
        why: "`{ … }` none of whose keys has a value is `{}`; the reference gives the scalar that `$` is",
        holds: |pair| {
            pair.same_errors() && pair.same_requests() && emptied(&pair.ficus.data, &pair.reference.data)
        },
    },
    Rule {
        name: "a stray percent sign",
        why: "`%` that begins no escape is sent as `%25`: a URL may not hold it alone",
        holds: |pair| {
            urls(pair.ficus, |url| url.replace("%25zz", "%zz")) == urls(pair.reference, str::to_owned)
        },
    },
    Rule {
        name: "an empty segment",
        why: "an empty or null element of `path` keeps its place; the reference drops it, and asks for another resource",
        holds: |pair| {
            pair.triple.fields.contains(" path: ")
                && urls(pair.ficus, without_empty_segments) == urls(pair.reference, without_empty_segments)
        },
    },
    Rule {
        name: "an apostrophe in a query",
        why: "`'` of a query is sent as `%27`, as the URL standard has it; it means the same",
        holds: |pair| {
            urls(pair.ficus, |url| url.replace("%27", "'"))
                == urls(pair.reference, |url| url.replace("%27", "'"))
        },
    },
    Rule {
        name: "strings count in characters",
        why: "`->slice`, `->size`, `->get`, `->first` count characters; the reference counts bytes and cuts characters apart",
        holds: |pair| {
            let text = format!("{}{}", answers(pair.triple), pair.triple.variables);
            !text.is_ascii() && mentions(pair, &["->slice", "->size", "->get", "->first", "->last"])
        },
    },
];

/// What Ficus refuses when it loads a graph and the reference starts with: the kind, why, and what of the diagnostic tells.
const REFUSALS: &[(&str, &str, &[&str])] = &[
    (
        "data in a request",
        "`@`, `$` or a key in a body reads a response before there is one; the reference sends null, or leaves it out",
        &["reads data, and there is none"],
    ),
    (
        "an argument that is not declared",
        "the field has no argument of that name, so it is always null",
        &["there is no argument", "has no argument"],
    ),
    (
        "a key that is never there",
        "of a string, number or boolean, or of an object that the mapping made with other keys: it is always null",
        &["has no keys", "never has a key"],
    ),
    (
        "a comparison that is always the same",
        "of types that are never equal, which is always false; or have no order, which is always null",
        &["never equal", "compares two numbers or two strings", "is never the same as"],
    ),
    ("arguments that a method does not take", "too many, or of a type that it gives null for", &[" takes "]),
    (
        "a method on what it does not work with",
        "it gives null, or its input as it was",
        &[" needs ", " joins scalars"],
    ),
];

/// The kind of a refusal, by its diagnostic; none where no rule knows it.
pub(super) fn refused(diagnostic: &str) -> Option<&'static str> {
    let knows = |signs: &[&str]| signs.iter().any(|sign| diagnostic.contains(sign));
    REFUSALS.iter().find(|(.., signs)| knows(signs)).map(|(kind, ..)| *kind)
}

/// The reason of a kind of refusals.
pub(super) fn why_refused(kind: &str) -> &'static str {
    REFUSALS.iter().find(|(name, ..)| *name == kind).map_or("", |(_, why, _)| why)
}

/// The first kind that a difference is of.
pub(super) fn explain(pair: &Pair<'_>) -> Option<&'static str> {
    RULES.iter().find(|rule| (rule.holds)(pair)).map(|rule| rule.name)
}

/// The reason of a kind.
pub(super) fn why(name: &str) -> &'static str {
    let ended = "the reference's process ends; Ficus answers";
    RULES.iter().find(|rule| rule.name == name).map_or(ended, |rule| rule.why)
}

fn has(outcome: &Outcome, code: &str) -> bool {
    outcome.errors.iter().any(|error| error.code == code)
}

/// Whether what a triple declares holds one of the words.
fn mentions(pair: &Pair<'_>, words: &[&str]) -> bool {
    let triple = pair.triple;
    words
        .iter()
        .any(|word| [&triple.fields, &triple.mutation, &triple.types].iter().any(|text| text.contains(word)))
}

fn answers(triple: &Triple) -> String {
    triple.answers.values().map(|answer| answer.body.as_str()).collect()
}

/// The values of the root fields.
fn values(data: &Json) -> Option<impl Iterator<Item = &Json>> {
    data.as_object().map(|fields| fields.values())
}

/// Whether two answers are the same but for objects that one has as null, and the other as their key alone.
fn shells(ficus: &Json, reference: &Json) -> bool {
    match (ficus, reference) {
        (Json::Null, Json::Object(shell)) => shell.iter().all(|(key, value)| key == "id" || value.is_null()),
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| shells(value, other)))
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| shells(ours, theirs))
        }
        _ => ficus == reference,
    }
}

/// Whether two answers are the same but for `{}` where the other has a scalar, or objects that the one is merged into.
fn emptied(ficus: &Json, reference: &Json) -> bool {
    match (ficus, reference) {
        (Json::Object(ours), other) if ours.is_empty() => !other.is_object() && !other.is_array(),
        (Json::Object(ours), other) if !other.is_object() => ours.values().all(|value| emptied(value, other)),
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| emptied(value, other)))
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| emptied(ours, theirs))
        }
        _ => ficus == reference,
    }
}

/// With the numbers of fields that are `ID` as text: `f4` of the generator, and `id`.
fn as_text(data: &Json) -> Json {
    match data {
        Json::Object(fields) => Json::Object(
            fields
                .iter()
                .map(|(key, value)| match value {
                    Json::Number(number) if ["f4", "id"].contains(&key.as_str()) => {
                        (key.clone(), number.to_string().into())
                    }
                    value => (key.clone(), as_text(value)),
                })
                .collect(),
        ),
        Json::Array(elements) => elements.iter().map(as_text).collect(),
        other => other.clone(),
    }
}

/// Method and URL, body, headers.
type Sent = (String, Json, Vec<(String, String)>);

/// Its requests, each once.
fn once(outcome: &Outcome) -> Vec<Sent> {
    let mut requests = outcome.requests();
    requests.dedup();
    requests
}

fn urls(outcome: &Outcome, change: impl Fn(&str) -> String) -> Vec<String> {
    outcome.calls.iter().map(|call| change(&call.target)).collect()
}

/// With one slash for several, and with what else differs between the two in URLs taken back.
fn without_empty_segments(url: &str) -> String {
    let mut url = url.replace("%25zz", "%zz");
    while url.contains("//") {
        url = url.replace("//", "/");
    }
    url.replace("/?", "?").trim_end_matches('/').to_owned()
}
