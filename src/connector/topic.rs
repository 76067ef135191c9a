//! Names with values in them: topics, and the tags that an event purges. What they come to for one event or one subscriber is
//! `fetch::topic`'s.

use crate::mapping::{
    ast::Mapping,
    references::{Reference, references},
};

/// A topic as it is written, `order/{$args.id}`; or a tag that an event purges. Each value is one segment: what stands in it is
/// encoded, so that no value can make the name of something else.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicTemplate {
    /// In order.
    pub parts: Vec<TopicPart>,
}

/// A piece of a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum TopicPart {
    /// Text as it stands.
    Text(String),
    /// An expression that must give a text, a number or a boolean.
    Value(Mapping),
}

impl TopicTemplate {
    /// Every variable that it reads, in order; each span counts in its own expression.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let of_part = |part: &TopicPart| match part {
            TopicPart::Text(_) => Vec::new(),
            TopicPart::Value(mapping) => references(mapping),
        };
        self.parts.iter().flat_map(of_part).collect()
    }
}

/// As it is written; its expressions in the one way that mappings are printed.
impl std::fmt::Display for TopicTemplate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            TopicPart::Text(text) => out.write_str(text),
            TopicPart::Value(mapping) => write!(out, "{{{}}}", mapping.root),
        })
    }
}
