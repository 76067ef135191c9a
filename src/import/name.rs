//! Names: what documents call things, made into GraphQL names that a person would have chosen, each once.

use std::collections::HashSet;

/// Longer names are cut: some documents name a schema with a whole sentence.
const LENGTH_MAX: usize = 80;

/// Type names that mean something already.
const RESERVED: [&str; 12] = [
    "Query",
    "Mutation",
    "Subscription",
    "Int",
    "Float",
    "String",
    "Boolean",
    "ID",
    "JSON",
    "Long",
    "Date",
    "DateTime",
];

/// Names that were given away; the next thing of the same name gets a number.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// Names of other files, and what tells ours from them.
    foreign: HashSet<String>,
    prefix: String,
}

impl Names {
    /// For types of a source, beside those of other files.
    pub(super) fn of_types<'n>(others: impl IntoIterator<Item = &'n str>, source: &str) -> Self {
        let foreign: HashSet<String> = others.into_iter().map(str::to_owned).collect();
        let taken = RESERVED.into_iter().map(str::to_owned).chain(foreign.iter().cloned()).collect();
        Names { taken, foreign, prefix: type_name(source) }
    }

    /// A name for a type: another one where the name means something already, or is that of another file.
    pub(super) fn take_type(&mut self, wanted: &str) -> String {
        let wanted = match wanted {
            "" => "Value".to_owned(),
            reserved if RESERVED.contains(&reserved) => format!("{reserved}Value"),
            foreign if self.foreign.contains(foreign) => format!("{}{foreign}", self.prefix),
            free => free.to_owned(),
        };
        self.take(&[&wanted])
    }

    /// The first of some names that is free, else the last one with a number. It is taken then.
    pub(super) fn take(&mut self, wanted: &[&str]) -> String {
        if let Some(free) = wanted.iter().find(|name| !self.taken.contains(**name)) {
            self.taken.insert((*free).to_owned());
            return (*free).to_owned();
        }
        let last = wanted.last().copied().unwrap_or("Value");
        // There are as many numbers as names that took one.
        let name = (2..).map(|number| format!("{last}{number}")).find(|name| !self.taken.contains(name));
        let name = name.unwrap_or_else(|| last.to_owned());
        self.taken.insert(name.clone());
        name
    }
}

/// Whether a text is a GraphQL name that a schema may use.
pub(super) fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
        && !text.starts_with("__")
        && text.len() <= LENGTH_MAX
}

/// The words of a name: parts between other characters, and parts that begin with a capital.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        if !letter.is_ascii_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                // `userId` and `HTTPError`: a capital behind a small letter, or before one.
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase) && word.len() > 1
            });
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(*letter);
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// A word of a name of several words: `USER_ID` is shouted, `HTTPError` is not.
fn calm(word: &str, shouted: bool) -> String {
    if shouted { word.to_ascii_lowercase() } else { word.to_owned() }
}

fn is_shouted(text: &str) -> bool {
    text.contains('_') && !text.chars().any(|c| c.is_ascii_lowercase())
}

/// `user_profile` as `UserProfile`; empty when nothing of the text can be used.
pub(super) fn type_name(text: &str) -> String {
    let shouted = is_shouted(text);
    let name: String = words(text).iter().map(|word| capitalized(&calm(word, shouted))).collect();
    cut(prefixed(name, "T"))
}

/// `list-users` as `listUsers`; empty when nothing of the text can be used.
pub(super) fn field_name(text: &str) -> String {
    let shouted = is_shouted(text);
    let words = words(text);
    let mut name = String::new();
    for (index, word) in words.iter().enumerate() {
        let word = calm(word, shouted);
        if index > 0 {
            name.push_str(&capitalized(&word));
        } else if word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
            name.push_str(&word.to_ascii_lowercase());
        } else {
            let mut letters = word.chars();
            name.extend(letters.next().map(|first| first.to_ascii_lowercase()));
            name.push_str(letters.as_str());
        }
    }
    cut(prefixed(name, "_"))
}

/// The name of a property or parameter: as it is, if GraphQL has no objection.
pub(super) fn property_name(text: &str) -> String {
    if is_name(text) { text.to_owned() } else { field_name(text) }
}

/// `in-progress` as `IN_PROGRESS`; a name of its own for what has no letters.
pub(super) fn enum_value(text: &str) -> String {
    let symbols: &[(&str, &str)] = &[
        ("", "EMPTY"),
        ("*", "ANY"),
        ("+", "PLUS"),
        ("-", "MINUS"),
        ("=", "EQ"),
        ("==", "EQ"),
        ("!=", "NE"),
        ("<", "LT"),
        ("<=", "LTE"),
        (">", "GT"),
        (">=", "GTE"),
        ("+1", "PLUS_1"),
        ("-1", "MINUS_1"),
    ];
    if let Some((_, name)) = symbols.iter().find(|(symbol, _)| *symbol == text) {
        return (*name).to_owned();
    }
    let upper = words(text).iter().map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>().join("_");
    let sign = if text.starts_with('-') && text.len() > 1 { "MINUS_" } else { "" };
    cut(prefixed(format!("{sign}{upper}"), "_"))
}

fn prefixed(name: String, prefix: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("{prefix}{name}") } else { name }
}

fn cut(mut name: String) -> String {
    // All of it is ASCII.
    name.truncate(LENGTH_MAX);
    name
}

/// One of several: `companies` as `company`. English only, and only what is regular.
pub(super) fn singular(word: &str) -> String {
    let strip = |suffix: &str, put: &str| word.strip_suffix(suffix).map(|stem| format!("{stem}{put}"));
    let keep =
        ["ss", "us", "is", "as", "news", "series"].iter().any(|end| word.to_ascii_lowercase().ends_with(end));
    if keep || word.len() < 3 {
        return word.to_owned();
    }
    strip("ies", "y")
        .or_else(|| {
            ["sses", "shes", "ches", "xes", "zzes"].iter().find_map(|end| strip(end, &end[..end.len() - 2]))
        })
        .or_else(|| strip("s", ""))
        .unwrap_or_else(|| word.to_owned())
}

/// Whether a name is that of an identifier: `id`, `userId`, `user_id`, `uuid`.
pub(super) fn is_identifier(name: &str) -> bool {
    matches!(name, "id" | "Id" | "ID" | "_id" | "uuid" | "UUID" | "guid")
        || ["_id", "-id", "Id", "ID", "_uuid", "Uuid"].iter().any(|end| {
            let stem = name.strip_suffix(end);
            stem.is_some_and(|stem| stem.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()))
        })
}

/// A name for a source, made of any text: letters, digits, `_` and `-`, beginning with a letter.
#[must_use]
pub fn source_name(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' })
        .collect();
    let start = plain.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let name: String = start.trim_end_matches('-').chars().take(64).collect();
    if name.is_empty() { "api".to_owned() } else { name }
}

/// Names of the types that a schema file defines, seen without parsing it: a name too many only costs a number.
pub fn defined_types(schema: &str) -> impl Iterator<Item = String> {
    const KEYWORDS: [&str; 6] = ["type", "input", "enum", "union", "interface", "scalar"];
    schema.lines().filter_map(|line| {
        let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let is_definition = KEYWORDS.contains(&words.next()?);
        let name = words.next().filter(|name| is_definition && is_name(name))?;
        (!["Query", "Mutation", "Subscription"].contains(&name)).then(|| name.to_owned())
    })
}

/// Names without case and separators, to compare `user_id` with `userId`.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_fields() {
        let cases = [
            ("user_profile", "UserProfile", "userProfile"),
            ("HTTPError", "HTTPError", "httpError"),
            ("api-response", "ApiResponse", "apiResponse"),
            ("Page«User»", "PageUser", "pageUser"),
            ("PET", "PET", "pet"),
            ("ERROR_CODE", "ErrorCode", "errorCode"),
            ("3dModel", "T3dModel", "_3dModel"),
            ("X-Request-ID", "XRequestID", "xRequestID"),
            ("repos/list-for-org", "ReposListForOrg", "reposListForOrg"),
            ("日本", "", ""),
        ];
        for (text, ty, field) in cases {
            assert_eq!((type_name(text).as_str(), field_name(text).as_str()), (ty, field), "{text}");
        }
    }

    #[test]
    fn enum_values_singulars_and_identifiers() {
        let values = ["in-progress", "", "2xx", "inProgress", "-created", ">=", "日本"].map(enum_value);
        assert_eq!(values, ["IN_PROGRESS", "EMPTY", "_2XX", "IN_PROGRESS", "MINUS_CREATED", "GTE", ""]);
        let words =
            ["companies", "boxes", "users", "address", "status", "houses", "gas", "ids"].map(singular);
        assert_eq!(words, ["company", "box", "user", "address", "status", "house", "gas", "id"]);
        for (name, is) in [
            ("id", true),
            ("userId", true),
            ("user_id", true),
            ("paid", false),
            ("ids", false),
            ("Valid", false),
        ] {
            assert_eq!(is_identifier(name), is, "{name}");
        }
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let mut names = Names::of_types(["User"], "my-shop");
        assert_eq!(names.take_type("Order"), "Order");
        assert_eq!(names.take_type("Order"), "Order2");
        assert_eq!(names.take_type("Query"), "QueryValue");
        assert_eq!(names.take_type("User"), "MyShopUser");
        assert_eq!(names.take(&["Order", "Orders"]), "Orders");
    }
}
