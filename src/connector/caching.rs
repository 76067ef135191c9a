//! How the answers to one connector are kept beyond what its source says: `@cached`, `@invalidates`, and how the response to
//! a batch is cut into rows. Not for when an answer may be used: that is `fetch::cache`.

use std::sync::Arc;

use super::CacheRules;
use crate::mapping::ast::Mapping;

/// How the answers to one connector are kept.
#[derive(Debug, Clone, Default)]
pub struct Caching {
    /// `@cached`: in place of the source's rules. None without the directive.
    pub rules: Option<Arc<CacheRules>>,
    /// What a purge finds the answers by.
    pub tags: Vec<TagTemplate>,
    /// Whether an answer is for its client alone: something of the client's request goes into the request, other than
    /// headers that are said to change no answer; or the scope is `private`.
    pub is_private: bool,
    /// The keys that lead to the rows in a body: the list, or the object, that the selection is applied to. Empty for the body itself.
    pub rows_at: Arc<[String]>,
    /// How the response to a batch is cut, so that its rows are kept one by one. None for what is no batch, and for a batch
    /// whose rows are made in a way that hides which part of the body each comes from: that is kept as a whole.
    pub rows: Option<Arc<Rows>>,
}

/// A tag as it is written: `product:{$args.id}`.
#[derive(Debug, Clone, PartialEq)]
pub struct TagTemplate {
    /// In order.
    pub parts: Vec<TagPart>,
}

/// A piece of a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum TagPart {
    /// Text as it stands.
    Text(String),
    /// An expression over variables: `$args.id`.
    Request(Mapping),
    /// An expression over a row of the response: `$.id`.
    Row(Arc<Mapping>),
}

impl TagTemplate {
    /// Whether there is one tag for each row.
    #[must_use]
    pub fn reads_rows(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, TagPart::Row(_)))
    }
}

/// How the response to a batch is cut into rows. Rows that are cut in different ways are different things to a cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rows {
    /// The keys that lead to the list in the body.
    pub list: Arc<[String]>,
    /// Paths in a row as the backend gave it: the parts of its key, in the order in which objects are asked for.
    pub key: Vec<Vec<String>>,
    /// Whether an object has any number of rows, or one at most.
    pub has_many: bool,
}
