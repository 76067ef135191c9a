//! How the answer to a request is to be kept: by which rules, as a whole or row by row, and under which tags. What a connector
//! says of it, made for one request. Not for whether an answer may be kept at all: that is `cache`.

use std::{hash::Hash, sync::Arc};

use bumpalo::Bump;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Body, Findings, Scope, Site, UpstreamResponse};
use crate::{
    connector::{CacheRules, Connector, Source, TagPart, TagTemplate},
    mapping::{
        ast::Mapping,
        evaluate::{Variables, evaluate},
        json,
        value::Value,
    },
};

/// More tags than this are kept of no answer: a purge would hardly ever miss it.
pub(super) const TAGS_MAX: usize = 1_000;
/// What stands in a value of a tag as it is: each value is one segment.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How the answer to a request is to be kept. Requests that differ in it are never taken for the same, so that no answer is
/// found under tags or for times that another connector gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Keeping {
    /// In place of the source's rules.
    pub rules: Option<Arc<CacheRules>>,
    /// What a purge finds the answer by.
    pub tags: Vec<Tag>,
    /// The keys that lead to the rows that tags read; none where none does.
    pub rows_at: Option<Arc<[String]>>,
    /// What of the answer is kept.
    pub part: Part,
}

/// What of an answer is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// Its rows, one by one: it answers a batch.
    Rows,
    /// Nothing: a tag of it cannot be made, so no purge would find it.
    Nothing,
}

/// A tag of one request's answer. What it reads of rows is filled in once they are there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    Row(RowExpression),
}

/// Compared by what it says. Two that say the same hash alike, and so do all.
#[derive(Debug, Clone, PartialEq)]
struct RowExpression(Arc<Mapping>);

impl Eq for RowExpression {}

impl Hash for RowExpression {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Keeping {
    /// How the answer to a request of this connector is to be kept.
    pub(super) fn of<'a>(connector: &'a Connector, scope: &mut Scope<'_, 'a>) -> Self {
        let caching = &connector.caching;
        let mut keeping = Keeping { rules: caching.rules.clone(), ..Keeping::default() };
        if caching.rows.is_some() && scope.variables.this.is_none() {
            // The request is for many objects; each of its rows is kept under the tags of the request for one.
            keeping.part = Part::Rows;
            return keeping;
        }
        if caching.tags.is_empty() {
            return keeping;
        }
        if caching.tags.iter().any(TagTemplate::reads_rows) {
            keeping.rows_at = Some(Arc::clone(&caching.rows_at));
        }
        match caching.tags.iter().map(|tag| Tag::of(tag, Site::Tags, scope)).collect() {
            Some(tags) => keeping.tags = tags,
            None => keeping.part = Part::Nothing,
        }
        keeping
    }

    /// All that tells it from others, part by part, the same in every process.
    pub(super) fn each_part(&self, mut see: impl FnMut(&[u8])) {
        if let Some(rules) = &self.rules {
            see(format!("{rules:?}").as_bytes());
        }
        for tag in &self.tags {
            see(&tag.0.len().to_be_bytes());
            for piece in &tag.0 {
                match piece {
                    Piece::Text(text) => see(text.as_bytes()),
                    Piece::Row(RowExpression(mapping)) => see(format!("{{{}}}", mapping.text).as_bytes()),
                }
            }
        }
        for name in self.rows_at.iter().flat_map(|path| path.iter()) {
            see(name.as_bytes());
        }
    }

    /// The tags of an answer. None where one cannot be made.
    pub(super) fn tags_of(&self, source: &Source, response: &UpstreamResponse) -> Option<Box<[Arc<str>]>> {
        let Some(rows_at) = &self.rows_at else { return written(&self.tags, &[]) };
        let arena = Bump::new();
        match Body::read(response, source.settings.response_format, &arena).ok()? {
            // A text has no rows.
            Body::Text(_) => None,
            body => written(&self.tags, &rows_of(body.value(&arena).ok()?, rows_at)),
        }
    }

    /// The tags of an answer that is these rows.
    pub(super) fn tags_of_rows(&self, rows: &[&str]) -> Option<Box<[Arc<str>]>> {
        if self.rows_at.is_none() {
            return written(&self.tags, &[]);
        }
        let arena = Bump::new();
        let rows: Option<Vec<Value<'_>>> = rows.iter().map(|row| json::read(row, &arena).ok()).collect();
        written(&self.tags, &rows?)
    }
}

/// The rows in a body: the elements of a list, or one object.
fn rows_of<'a>(body: Value<'a>, rows_at: &[String]) -> Vec<Value<'a>> {
    let below = rows_at.iter().try_fold(body, |value, key| value.get(key));
    match below {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(rows)) => rows.to_vec(),
        Some(row) => vec![row],
    }
}

/// Tags as they are purged, each once. None where one cannot be made, or there are too many.
fn written(tags: &[Tag], rows: &[Value<'_>]) -> Option<Box<[Arc<str>]>> {
    let mut found: Vec<Arc<str>> = Vec::new();
    for tag in tags {
        let mut add = |text: String| {
            if !found.iter().any(|known| **known == *text) {
                found.push(text.into());
            }
            found.len() <= TAGS_MAX
        };
        let fits = match tag.reads_rows() {
            false => add(tag.text(Value::Null)?),
            true => rows.iter().try_fold(true, |fits, row| Some(fits && add(tag.text(*row)?)))?,
        };
        if !fits {
            return None;
        }
    }
    Some(found.into())
}

impl Tag {
    /// Fills in what a tag reads of the request. None where a value is null or missing, or is no text.
    fn of<'a>(template: &'a TagTemplate, site: Site, scope: &mut Scope<'_, 'a>) -> Option<Tag> {
        let piece = |part: &'a TagPart| {
            Some(match part {
                TagPart::Text(text) => Piece::Text(text.clone()),
                TagPart::Row(mapping) => Piece::Row(RowExpression(Arc::clone(mapping))),
                TagPart::Request(mapping) => {
                    let value = scope.evaluate(site, mapping, Value::Null);
                    let text = value.filter(|value| !matches!(value, Value::Null));
                    let text = text.and_then(|value| scope.scalar(value));
                    if text.is_none() {
                        scope.gave(site, value, "a text, a number or a boolean in a tag");
                    }
                    Piece::Text(segment(text?))
                }
            })
        };
        template.parts.iter().map(piece).collect::<Option<_>>().map(Tag)
    }

    fn reads_rows(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Row(_)))
    }

    /// The whole tag, for a row. None where the row lacks what it reads.
    fn text(&self, row: Value<'_>) -> Option<String> {
        let arena = Bump::new();
        let mut written = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => written.push_str(text),
                Piece::Row(RowExpression(mapping)) => {
                    let mut problems = Findings::default().fresh();
                    let value = evaluate(mapping, row, &Variables::default(), &arena, &mut problems);
                    let value = value.filter(|value| !matches!(value, Value::Null))?;
                    written.push_str(&segment(value.scalar_text(&arena)?));
                }
            }
        }
        Some(written)
    }
}

/// A value as one segment of a name.
pub(super) fn segment(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// The tags that a mutation purges: of what was asked, and of the rows of the answer where there is one. Those that cannot be
/// made are left out, with a problem.
pub fn invalidated<'a>(
    connector: &'a Connector,
    body: Option<Value<'a>>,
    scope: &mut Scope<'_, 'a>,
) -> Vec<String> {
    let mut found = Vec::new();
    let rows = body.map(|body| rows_of(body, &connector.caching.rows_at)).unwrap_or_default();
    for template in &connector.invalidates {
        let Some(tag) = Tag::of(template, Site::Invalidates, scope) else { continue };
        if !tag.reads_rows() {
            found.extend(tag.text(Value::Null));
            continue;
        }
        for row in &rows {
            match tag.text(*row) {
                Some(text) => found.push(text),
                None => scope.gave(Site::Invalidates, None, "a value in each row for a tag"),
            }
        }
        if rows.is_empty() {
            scope.gave(Site::Invalidates, None, "a row of the answer for a tag");
        }
    }
    found
}
