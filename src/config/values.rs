//! The values of a YAML file that was held against its table of keys: each is of its key's kind and within its bounds. A value
//! with a fault, which was reported, is written and not there.

use std::{net::SocketAddr, ops::Range, time::Duration};

use super::environment::Text;
use crate::diagnostic::{Place, TextFile};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A mapping as it is written: `$env.NAME` is for mappings to read, so nothing of it comes from the environment.
#[derive(Debug, Clone)]
pub struct MappingText {
    /// The mapping.
    pub value: String,
    /// The whole value.
    pub place: Place,
    /// The file, and where in it the mapping's text begins; none where it is written with escapes or over several lines.
    inside: Option<(TextFile, usize)>,
}

impl MappingText {
    /// The text of a node at a range of a file.
    pub(super) fn new(value: &str, file: &TextFile, range: Range<usize>) -> Self {
        let written = file.text.get(range.clone()).unwrap_or_default();
        // Line breaks are folded, so what stands behind one stands elsewhere.
        let offset = written.find(value).filter(|_| !value.contains('\n'));
        MappingText {
            value: value.to_owned(),
            place: file.place(range.clone()),
            inside: offset.map(|offset| (file.clone(), range.start + offset)),
        }
    }

    /// The place of a range of bytes of the mapping, where it can be told; else that of the whole value.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        match &self.inside {
            Some((file, start)) => file.place(start + range.start..start + range.end),
            None => self.place.clone(),
        }
    }
}

/// A value by its kind.
#[derive(Debug)]
pub(super) enum Value {
    Text(Placed<Text>),
    Mapping(MappingText),
    Boolean(bool),
    /// A whole number, or a size in bytes.
    Integer(usize),
    Duration(Duration),
    Ratio(f64),
    /// `off` in place of a mapping.
    Off,
    Word(&'static str),
    Address(SocketAddr),
    Formed(String),
    Json(serde_json::Value),
    Group(Values),
    List(Vec<Value>),
    ByStatus(Vec<(u16, Value)>),
    /// By names that the file gives; none of what has a fault.
    ByName(Vec<(Placed<String>, Option<Value>)>),
}

/// A key that is written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Of its value.
    pub(super) place: Place,
    /// None when it has a fault.
    pub(super) value: Option<Value>,
}

/// The values of one mapping.
#[derive(Debug)]
pub(super) struct Values {
    /// The mapping as a whole.
    pub(super) place: Place,
    entries: Vec<Entry>,
}

impl Values {
    pub(super) fn new(place: Place) -> Self {
        Values { place, entries: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Whether a key is written, with or without a fault.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Where the value of a key stands.
    pub(super) fn place(&self, name: &str) -> Option<&Place> {
        Some(&self.entry(name)?.place)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.entry(name)?.value.as_ref()
    }

    pub(super) fn text(&self, name: &str) -> Option<Placed<Text>> {
        if let Value::Text(text) = self.value(name)? { Some(text.clone()) } else { None }
    }

    pub(super) fn mapping(&self, name: &str) -> Option<MappingText> {
        if let Value::Mapping(text) = self.value(name)? { Some(text.clone()) } else { None }
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        if let Value::Boolean(value) = self.value(name)? { Some(*value) } else { None }
    }

    pub(super) fn integer(&self, name: &str) -> Option<usize> {
        if let Value::Integer(value) = self.value(name)? { Some(*value) } else { None }
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        if let Value::Duration(value) = self.value(name)? { Some(*value) } else { None }
    }

    pub(super) fn ratio(&self, name: &str) -> Option<f64> {
        if let Value::Ratio(value) = self.value(name)? { Some(*value) } else { None }
    }

    /// Whether a key is written as `off`.
    pub(super) fn is_off(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Off))
    }

    pub(super) fn word(&self, name: &str) -> Option<&'static str> {
        if let Value::Word(word) = self.value(name)? { Some(word) } else { None }
    }

    pub(super) fn address(&self, name: &str) -> Option<SocketAddr> {
        if let Value::Address(address) = self.value(name)? { Some(*address) } else { None }
    }

    pub(super) fn formed(&self, name: &str) -> Option<String> {
        if let Value::Formed(text) = self.value(name)? { Some(text.clone()) } else { None }
    }

    pub(super) fn json(&self, name: &str) -> Option<serde_json::Value> {
        if let Value::Json(json) = self.value(name)? { Some(json.clone()) } else { None }
    }

    pub(super) fn group(&self, name: &str) -> Option<&Values> {
        if let Value::Group(values) = self.value(name)? { Some(values) } else { None }
    }

    /// The items of a list; none where it is not written.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        if let Some(Value::List(items)) = self.value(name) { items } else { &[] }
    }

    /// The items of a list of texts of a form; those with a fault are left out.
    pub(super) fn forms(&self, name: &str) -> Vec<String> {
        let formed = |item: &Value| if let Value::Formed(text) = item { Some(text.clone()) } else { None };
        self.list(name).iter().filter_map(formed).collect()
    }

    /// The items of a list of texts; those with a fault are left out.
    pub(super) fn texts(&self, name: &str) -> Vec<Placed<Text>> {
        let text = |item: &Value| if let Value::Text(text) = item { Some(text.clone()) } else { None };
        self.list(name).iter().filter_map(text).collect()
    }

    /// The items of a list of mappings; those with a fault are left out.
    pub(super) fn mappings(&self, name: &str) -> Vec<MappingText> {
        let mapping = |item: &Value| if let Value::Mapping(text) = item { Some(text.clone()) } else { None };
        self.list(name).iter().filter_map(mapping).collect()
    }

    pub(super) fn by_name(&self, name: &str) -> &[(Placed<String>, Option<Value>)] {
        if let Some(Value::ByName(named)) = self.value(name) { named } else { &[] }
    }

    pub(super) fn by_status(&self, name: &str) -> &[(u16, Value)] {
        if let Some(Value::ByStatus(meanings)) = self.value(name) { meanings } else { &[] }
    }
}
