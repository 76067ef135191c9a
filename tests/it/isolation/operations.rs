//! Operations at random: few enough different ones that callers meet on the same documents, URLs and keys of batches.

use ficus::execute::Request;
use http::{HeaderName, HeaderValue};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::world::{TAGGED, User};

/// Fields of one thing by its id.
const THINGS: &[&str] = &[
    "open", "note", "tenant", "words", "spoken", "posted", "kept", "traced", "alone", "hedged", "failing",
    "tagged", "told", "asked",
];

/// Ids that things have.
pub(crate) const IDS: std::ops::Range<usize> = 0..4;

/// Ids that items have.
pub(crate) const ITEMS: std::ops::Range<usize> = 0..5;

/// What many ask at once, word for word.
const POPULAR: &[&str] = &[
    "{ open(id: 1) { id text } }",
    "{ items(first: 2) { id name } }",
    "{ note(id: 1) { id text } words(id: 1) { id text } }",
    "{ kept(id: 1) { id text } items(first: 3) { id price stock remarks { id token } } }",
    "{ claim { text } spoken(id: 1) { id text } }",
    "{ echo { text claim } }",
    "{ session { id text } tenant(id: 1) { id text } }",
    "{ items(first: 4) { id size rank weight orders { id token } lots { id token } reviews { id token } } }",
    "{ tagged(id: 1) { id text } told(id: 1) { id text } asked(id: 1) { id text } }",
];

/// A query of one to four root fields.
pub(crate) fn query(user: &User, chance: &mut StdRng) -> Request {
    if chance.random_bool(0.3) {
        return request(user, (*POPULAR.choose(chance).unwrap()).to_owned());
    }
    let by_variable = chance.random_bool(0.5);
    let id = chance.random_range(IDS);
    let mut fields = String::new();
    for number in 0..chance.random_range(1..=4) {
        let field = match chance.random_range(0..20) {
            0..=10 => thing(by_variable, chance),
            11..=15 => items(chance),
            16 => "session { id text }".to_owned(),
            17 => "claim { text }".to_owned(),
            18 => "echo { text claim }".to_owned(),
            _ => format!("mixed(id: {}) {{ token language tenant }}", argument(by_variable, chance)),
        };
        fields.push_str(&format!(" f{number}: {field}"));
    }
    let declared = if by_variable { "query($id: ID!)" } else { "query" };
    // A variable that nothing reads is refused.
    let declared = if fields.contains("$id") { declared } else { "query" };
    let mut request = request(user, format!("{declared} {{{fields} }}"));
    if declared != "query" {
        request.variables.insert("id".to_owned(), id.to_string().into());
    }
    if chance.random_bool(0.05) {
        let header = HeaderName::from_static("apollo-connectors-debugging");
        request.headers.get_or_insert_default().insert(header, HeaderValue::from_static("true"));
    }
    request
}

/// A write, and what it writes: as it stands in what is read afterwards.
pub(crate) fn write(user: &User, chance: &mut StdRng) -> (Request, String) {
    let id = chance.random_range(IDS);
    let (field, of) = match chance.random_range(0..10) {
        0 | 1 => ("write".to_owned(), "note"),
        2 | 3 => ("rewrite".to_owned(), "kept"),
        4 => ("reprice".to_owned(), "weight"),
        _ => {
            let (kind, _) = TAGGED.choose(chance).unwrap();
            (format!("change_{kind}"), *kind)
        }
    };
    (request(user, format!("mutation {{ {field}(id: {id}) {{ id text }} }}")), format!("{of}/{id}"))
}

fn request(user: &User, query: String) -> Request {
    Request { query, headers: Some(user.headers()), context: user.context(), ..Request::default() }
}

fn thing(by_variable: bool, chance: &mut StdRng) -> String {
    let field = THINGS.choose(chance).unwrap();
    format!("{field}(id: {}) {{ id text }}", argument(by_variable, chance))
}

fn argument(by_variable: bool, chance: &mut StdRng) -> String {
    if by_variable { "$id".to_owned() } else { chance.random_range(IDS).to_string() }
}

fn items(chance: &mut StdRng) -> String {
    let fields = [
        "name",
        "price",
        "stock",
        "size",
        "rank",
        "weight",
        "remarks { id token }",
        "orders { id token }",
        "lots { id token }",
        "reviews { id token }",
    ];
    let chosen: Vec<&str> = fields.into_iter().filter(|_| chance.random_bool(0.4)).collect();
    format!("items(first: {}) {{ id {} }}", chance.random_range(ITEMS) + 1, chosen.join(" "))
}
