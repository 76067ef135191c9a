//! Holds a YAML tree against a table of keys: gives the values that are there and right, and collects what is wrong with
//! the others, each in its place. It knows kinds of values (durations, sizes, words), not the keys of any file.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use super::{
    environment::{EnvironmentError, Lookup, Text, interpolate},
    keys::{Group, Kind, Rule, STATUSES},
    units::{duration, size},
    values::{Entry, MappingText, Placed, Value, Values},
    yaml::{self, Key, Node, NodeKind},
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, TextFile, nearest, suggest};

/// Reads one file.
pub(super) struct Reader<'a> {
    pub(super) file: &'a TextFile,
    pub(super) lookup: Lookup<'a>,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    /// The values of a file. None when it is empty, or not a mapping, which is reported.
    pub(super) fn file(&mut self, group: &'static Group) -> Option<Values> {
        let root = yaml::parse(self.file, self.diagnostics)?;
        self.group(&root, group, "")
    }

    fn place(&self, node: &Node) -> Place {
        self.file.place(node.range.clone())
    }

    /// Reports a value that is not what it should be.
    fn invalid(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.refuse(self.place(node), message, help);
    }

    /// Reports that what stands at a place is not what it should be, for rules that no table says.
    pub(super) fn refuse(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(Code::InvalidValue, place, message).help(help));
    }

    /// The entries of a mapping; a key that stands twice is reported.
    fn entries<'n>(&mut self, node: &'n Node, name: &str) -> Option<&'n [(Key, Node)]> {
        let NodeKind::Map(entries) = &node.kind else {
            let what = if name.is_empty() { "this file".to_owned() } else { format!("`{name}`") };
            let message = format!("{what} must be a mapping, not {}", node.describe());
            self.invalid(node, message, "write `key: value`");
            return None;
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            if let Some((first, _)) = entries.iter().take(index).find(|(other, _)| other.text == key.text) {
                let diagnostic = Diagnostic::new(
                    Code::DuplicateKey,
                    self.file.place(key.range.clone()),
                    format!("the key `{}` stands twice", key.text),
                )
                .also(self.file.place(first.range.clone()), "first here")
                .help("keep one of them");
                self.diagnostics.push(diagnostic);
            }
        }
        Some(entries)
    }

    /// A mapping whose keys are known; `name` is how people call it, empty for a file as a whole.
    fn group(&mut self, node: &Node, group: &'static Group, name: &str) -> Option<Values> {
        let entries = self.entries(node, name)?;
        let mut values = Values::new(self.place(node));
        let mut misspelt = Vec::new();
        for (written, node) in entries {
            let full =
                if name.is_empty() { written.text.clone() } else { format!("{name}.{}", written.text) };
            match group.keys.iter().find(|key| key.name == written.text) {
                // Of a key that stands twice the first is read.
                Some(key) if values.has(key.name) => {}
                Some(key) => {
                    let value = self.value(node, &key.kind, &full);
                    values.push(Entry { name: key.name, place: self.place(node), value });
                }
                None => misspelt.extend(self.unknown(written, &full, group)),
            }
        }
        // What is meant is not missing: that would be a second fault for one slip.
        for (name, place) in misspelt {
            if !values.has(name) {
                values.push(Entry { name, place, value: None });
            }
        }
        if group.rule.as_ref().is_some_and(|rule| !holds(rule, &values)) {
            let rule = group.rule.as_ref()?;
            self.invalid(node, rule.message, rule.help);
            return None;
        }
        Some(values)
    }

    /// Reports a key that there is not; gives the one that is meant, where it is near.
    fn unknown(&mut self, key: &Key, full: &str, group: &Group) -> Option<(&'static str, Place)> {
        let place = self.file.place(key.range.clone());
        let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), format!("unknown key `{full}`"));
        let known = || group.keys.iter().map(|key| key.name);
        self.diagnostics.push(match suggest(&key.text, known()) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        Some((nearest(&key.text, known())?, place))
    }

    /// A value of a kind; none when it is not one, which is reported.
    fn value(&mut self, node: &Node, kind: &'static Kind, name: &str) -> Option<Value> {
        match kind {
            Kind::Text => self.text(node).map(Value::Text),
            Kind::Template => self.template(node).map(Value::Text),
            Kind::Mapping => self.mapping(node).map(Value::Mapping),
            Kind::Boolean => self.boolean(node).map(Value::Boolean),
            Kind::Integer(from, to) => self.integer(node, *from..=*to).map(Value::Integer),
            Kind::Duration(from, to) => self.duration(node, *from..=*to).map(Value::Duration),
            Kind::Size(from, to) => self.size(node, *from..=*to).map(Value::Integer),
            Kind::Ratio => self.ratio(node).map(Value::Ratio),
            Kind::Word(words) => self.word(node, words).map(Value::Word),
            Kind::Address => self.address(node).map(Value::Address),
            Kind::Form(form) => {
                let read = |text: &str| (form.holds)(text).then(|| text.to_owned());
                self.parsed(node, form.expected, read).map(Value::Formed)
            }
            Kind::Anything => {
                self.entries(node, name)?;
                self.json(node).map(Value::Json)
            }
            Kind::Group(group) => self.group(node, group, name).map(Value::Group),
            Kind::OffOr(group) => match &node.kind {
                // YAML 1.1 reads `off` as false, and some tools write it so.
                NodeKind::Scalar { text, .. } if matches!(text.as_str(), "off" | "false") => Some(Value::Off),
                _ => self.group(node, group, name).map(Value::Group),
            },
            Kind::List(item) => {
                let items = self.items(node).iter();
                Some(Value::List(items.filter_map(|node| self.value(node, item, name)).collect()))
            }
            Kind::ByStatus(meaning) => self.by_status(node, meaning, name).map(Value::ByStatus),
            Kind::ByName(kind) => self.by_name(node, kind, name).map(Value::ByName),
        }
    }

    fn by_name(
        &mut self,
        node: &Node,
        kind: &'static Kind,
        name: &str,
    ) -> Option<Vec<(Placed<String>, Option<Value>)>> {
        let mut read: Vec<(Placed<String>, Option<Value>)> = Vec::new();
        for (key, node) in self.entries(node, name)? {
            // Of a key that stands twice the first is read.
            if read.iter().all(|(known, _)| known.value != key.text) {
                let place = self.file.place(key.range.clone());
                let value = self.value(node, kind, &format!("{name}.{}", key.text));
                read.push((Placed { value: key.text.clone(), place }, value));
            }
        }
        Some(read)
    }

    fn by_status(&mut self, node: &Node, meaning: &'static Kind, name: &str) -> Option<Vec<(u16, Value)>> {
        let mut read = Vec::new();
        for (key, node) in self.entries(node, name)? {
            let meaning = self.value(node, meaning, name);
            match key.text.parse::<u16>().ok().filter(|status| STATUSES.contains(status)) {
                Some(status) => read.extend(meaning.map(|meaning| (status, meaning))),
                None => {
                    let message = format!("`{}` is not a status that a response can end with", key.text);
                    let help = format!("from {} to {}", STATUSES.start(), STATUSES.end());
                    self.refuse(self.file.place(key.range.clone()), message, help);
                }
            }
        }
        Some(read)
    }

    /// The items of a list; one value that is not a list counts as a list of one.
    fn items<'n>(&self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            NodeKind::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    /// A string with its environment variables filled in.
    fn text(&mut self, node: &Node) -> Option<Placed<Text>> {
        self.interpolated(node, false).map(|value| Placed { value, place: self.place(node) })
    }

    /// The same for a template, whose `{ … }` are left as they are.
    fn template(&mut self, node: &Node) -> Option<Placed<Text>> {
        self.interpolated(node, true).map(|value| Placed { value, place: self.place(node) })
    }

    /// A mapping as it stands.
    fn mapping(&mut self, node: &Node) -> Option<MappingText> {
        let text = self.scalar(node)?;
        Some(MappingText::new(text, self.file, node.range.clone()))
    }

    /// The text of a single value.
    fn scalar<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let NodeKind::Scalar { text, .. } = &node.kind else {
            let message = format!("expected a single value, not {}", node.describe());
            let written = self.file.text.get(node.range.clone()).unwrap_or_default();
            let help = match written.starts_with('{') && !written.contains('\n') {
                true => format!("YAML reads `{{ … }}` as a mapping; put it between quotes: `\"{written}\"`"),
                false => "write one value".to_owned(),
            };
            self.invalid(node, message, help);
            return None;
        };
        Some(text)
    }

    fn interpolated(&mut self, node: &Node, template: bool) -> Option<Text> {
        let text = self.scalar(node)?;
        match interpolate(text, template, self.lookup) {
            Ok(text) => Some(text),
            Err(errors) => {
                for error in errors {
                    let (code, help) = match &error {
                        EnvironmentError::Missing(name) => (
                            Code::MissingEnvironmentVariable,
                            format!("set it, or give a default: `${{{name}:-default}}`"),
                        ),
                        EnvironmentError::Malformed => {
                            (Code::InvalidValue, "example: `${ORDERS_URL}`".to_owned())
                        }
                    };
                    let diagnostic = Diagnostic::new(code, self.place(node), error.to_string()).help(help);
                    self.diagnostics.push(diagnostic);
                }
                None
            }
        }
    }

    /// A value that `read` makes of the string; `expected` says what kind it should be.
    fn parsed<T>(&mut self, node: &Node, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.interpolated(node, false)?;
        let value = read(text.value().trim());
        if value.is_none() {
            let message = format!("`{}` is not {expected}", text.written);
            self.diagnostics.push(Diagnostic::new(Code::InvalidValue, self.place(node), message));
        }
        value
    }

    fn boolean(&mut self, node: &Node) -> Option<bool> {
        self.parsed(node, "`true` or `false`", |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    fn ratio(&mut self, node: &Node) -> Option<f64> {
        self.parsed(node, "a number above 0 and at most 1", |text| {
            text.parse::<f64>().ok().filter(|value| *value > 0.0 && *value <= 1.0)
        })
    }

    fn integer(&mut self, node: &Node, bounds: RangeInclusive<usize>) -> Option<usize> {
        let value = self.parsed(node, "a whole number", |text| text.parse().ok())?;
        self.bounded(node, value, bounds, |value| value.to_string())
    }

    fn duration(&mut self, node: &Node, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        if let NodeKind::Scalar { text, .. } = &node.kind
            && text != "0"
            && text.parse::<f64>().is_ok()
        {
            let help = format!("write its unit: `{text}ms` or `{text}s`");
            self.invalid(node, format!("`{text}` is a duration without a unit"), help);
            return None;
        }
        let value = self.parsed(node, "a duration such as `50ms`, `2s`, `5m` or `1h`", duration)?;
        self.bounded(node, value, bounds, |value| match value.as_secs() / 3_600 {
            0 => format!("{value:?}"),
            hours => format!("{hours}h"),
        })
    }

    fn size(&mut self, node: &Node, bounds: RangeInclusive<usize>) -> Option<usize> {
        let value = self.parsed(node, "a size such as `512KiB` or `8MiB`", size)?;
        self.bounded(node, value, bounds, |value| format!("{value} bytes"))
    }

    fn bounded<T: PartialOrd>(
        &mut self,
        node: &Node,
        value: T,
        bounds: RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        if bounds.contains(&value) {
            return Some(value);
        }
        let (low, high) = (show(bounds.start()), show(bounds.end()));
        let message =
            if value < *bounds.start() { "the value is too small" } else { "the value is too large" };
        self.invalid(node, message, format!("from {low} to {high}"));
        None
    }

    /// One of a few words.
    fn word(&mut self, node: &Node, words: &[&'static str]) -> Option<&'static str> {
        let names: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let expected = format!("one of {}", names.join(", "));
        self.parsed(node, &expected, |text| words.iter().find(|word| **word == text).copied())
    }

    fn address(&mut self, node: &Node) -> Option<SocketAddr> {
        self.parsed(node, "an address and a port such as `127.0.0.1:4000`", |text| text.parse().ok())
    }

    /// Any value, as JSON. Strings from the environment stay strings.
    fn json(&mut self, node: &Node) -> Option<serde_json::Value> {
        match &node.kind {
            NodeKind::List(items) => {
                let values: Vec<_> = items.iter().map(|item| self.json(item)).collect();
                Some(serde_json::Value::Array(values.into_iter().collect::<Option<_>>()?))
            }
            NodeKind::Map(entries) => {
                let values: Vec<_> =
                    entries.iter().map(|(key, value)| Some((key.text.clone(), self.json(value)?))).collect();
                Some(serde_json::Value::Object(values.into_iter().collect::<Option<_>>()?))
            }
            NodeKind::Scalar { quoted, .. } => {
                let text = self.interpolated(node, false)?;
                Some(if *quoted || text.has_literal() {
                    serde_json::Value::String(text.value())
                } else {
                    plain(&text.value())
                })
            }
        }
    }
}

/// Whether a mapping has what its rule asks for.
fn holds(rule: &Rule, values: &Values) -> bool {
    rule.required.iter().all(|name| values.has(name))
        && rule.one_of.is_none_or(|[one, other]| values.has(one) != values.has(other))
}

/// Any value, as JSON, with nothing read from the environment: what stands in the file is meant.
pub(crate) fn literal(node: &Node) -> serde_json::Value {
    match &node.kind {
        NodeKind::List(items) => items.iter().map(literal).collect(),
        NodeKind::Map(entries) => serde_json::Value::Object(
            entries.iter().map(|(key, value)| (key.text.clone(), literal(value))).collect(),
        ),
        NodeKind::Scalar { text, quoted: true } => text.as_str().into(),
        NodeKind::Scalar { text, quoted: false } => plain(text),
    }
}

/// A plain scalar as YAML's core schema reads it.
fn plain(text: &str) -> serde_json::Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => serde_json::Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
            let number = text.parse::<i64>().map(Into::into).ok();
            // Only what JSON can write: `.inf` and `.nan` stay text.
            let float = || text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            number.or_else(float).map_or_else(|| text.into(), serde_json::Value::Number)
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_json() {
        assert_eq!(plain("12"), serde_json::json!(12));
        assert_eq!(plain("-1.5"), serde_json::json!(-1.5));
        assert_eq!(plain("1.2.3"), serde_json::json!("1.2.3"));
        assert_eq!(plain("~"), serde_json::json!(null));
        assert_eq!(plain("yes"), serde_json::json!("yes"));
    }
}
