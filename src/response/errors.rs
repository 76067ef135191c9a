//! Entries of `errors` (GraphQL specification, section 7.1): made here and nowhere else.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    connector::Connector,
    error::{ClientError, Code},
    mapping::problems::ReportedError,
    operation::Refusal,
    telemetry::Tally,
};

/// A step of a response path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathSegment<'a> {
    /// A response key.
    Key(&'a str),
    /// An index of a list.
    Index(u32),
}

/// Execution errors, written as they come, bounded in number.
#[derive(Debug)]
pub struct ErrorList<'c> {
    json: Vec<u8>,
    count: usize,
    max: usize,
    counts: &'c Tally<Code>,
}

impl<'c> ErrorList<'c> {
    /// An empty list that holds so many entries. Each is counted, those that are left out too.
    #[must_use]
    pub fn new(max: usize, counts: &'c Tally<Code>) -> Self {
        ErrorList { json: Vec::new(), count: 0, max, counts }
    }

    /// How many errors there are, those that are left out too.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds an error of a field.
    pub fn push(&mut self, error: &ClientError, path: &[PathSegment<'_>], location: (u32, u32)) {
        self.count += 1;
        self.counts.count(error.code);
        if self.count > self.max {
            return;
        }
        let path: Vec<Value> = path
            .iter()
            .map(|segment| match segment {
                PathSegment::Key(key) => Value::from(*key),
                PathSegment::Index(index) => Value::from(*index),
            })
            .collect();
        let (line, column) = location;
        self.write(&entry(error, &[(line as usize, column as usize)], Some(path)));
    }

    fn write(&mut self, entry: &Value) {
        self.json.push(if self.json.is_empty() { b'[' } else { b',' });
        self.json.extend_from_slice(entry.to_string().as_bytes());
    }

    /// The list as JSON; none where there is no error. A list that was cut ends with the number of errors left out.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        if self.count > self.max {
            let message = format!("{} more errors were left out.", self.count - self.max);
            self.write(&entry(&ClientError::new(Code::LimitErrors, message), &[], None));
        }
        self.json.push(b']');
        Some(self.json)
    }
}

/// An error that a mapping reported with `->withError`, and whose it is.
#[derive(Debug, Clone)]
pub struct Reported<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// Response keys that lead to what the connector gives; the indexes of lists are not known.
    pub path: Vec<&'a str>,
    /// What the mapping says.
    pub error: &'a ReportedError,
}

/// The list for `extensions.connectorErrors` (section 8 of the connect language), made like one of `errors`; none where
/// nothing was reported. `left_out` were dropped before.
#[must_use]
pub fn connector_errors(reported: &[Reported<'_>], left_out: u64, max: usize) -> Option<Value> {
    let dropped: u64 = reported.iter().skip(max).map(|reported| reported.error.count).sum();
    let left_out = left_out + dropped;
    let mut list: Vec<Value> = reported.iter().take(max).map(reported_entry).collect();
    if left_out > 0 {
        let message = format!("{left_out} more errors were left out.");
        list.push(entry(&ClientError::new(Code::LimitErrors, message), &[], None));
    }
    (!list.is_empty()).then_some(Value::Array(list))
}

fn reported_entry(reported: &Reported<'_>) -> Value {
    let Reported { connector, path, error } = reported;
    let mut own = error.extensions.clone();
    let mut extensions = Map::new();
    extensions.extend(own.shift_remove_entry("code"));
    if !connector.source.name.is_empty() {
        extensions.insert("service".to_owned(), connector.source.name.as_str().into());
    }
    extensions.insert("connector".to_owned(), json!({ "coordinate": connector.coordinate }));
    extensions.extend(own);
    json!({ "message": error.message, "path": path, "count": error.count, "extensions": extensions })
}

/// The body of a response to a request that never ran, for one reason.
#[must_use]
pub fn refusal(error: &ClientError) -> Bytes {
    request_errors(&Refusal::one(error.clone(), None))
}

/// The body of a response that has no `data` (GraphQL specification, section 7.1.2).
#[must_use]
pub fn request_errors(refusal: &Refusal) -> Bytes {
    let errors: Vec<Value> =
        refusal.errors.iter().map(|error| entry(&error.error, &error.locations, None)).collect();
    json!({ "errors": errors }).to_string().into()
}

fn entry(error: &ClientError, locations: &[(usize, usize)], path: Option<Vec<Value>>) -> Value {
    let mut entry = Map::new();
    entry.insert("message".to_owned(), error.message.as_str().into());
    let locations: Vec<Value> = locations
        .iter()
        .filter(|(line, _)| *line > 0)
        .map(|(line, column)| json!({ "line": line, "column": column }))
        .collect();
    if !locations.is_empty() {
        entry.insert("locations".to_owned(), locations.into());
    }
    if let Some(path) = path {
        entry.insert("path".to_owned(), path.into());
    }
    let mut extensions = error.extensions.clone();
    if !extensions.contains_key("code") {
        extensions.shift_insert(0, "code".to_owned(), error.code.as_str().into());
    }
    entry.insert("extensions".to_owned(), extensions.into());
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_errors_and_no_data() {
        let body = refusal(&ClientError::new(Code::BadRequest, "say \"please\""));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected =
            json!({"errors": [{"message": "say \"please\"", "extensions": {"code": "BAD_REQUEST"}}]});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_list_that_was_cut_ends_with_a_count() {
        let counts = Tally::default();
        let mut errors = ErrorList::new(1, &counts);
        for index in 0..3 {
            let path = [PathSegment::Key("items"), PathSegment::Index(index)];
            errors.push(&ClientError::new(Code::ValueMismatch, "no"), &path, (1, 2));
        }
        let list: Value = serde_json::from_slice(&errors.finish().unwrap()).unwrap();
        assert_eq!(list[0]["path"], json!(["items", 0]));
        assert_eq!(list[1]["message"], "2 more errors were left out.");
        assert_eq!(list.as_array().unwrap().len(), 2);
        assert_eq!(counts.of(Code::ValueMismatch), 3);
    }
}
