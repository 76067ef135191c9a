//! Topics, and the tags that an event purges: templates whose each value becomes one segment. What may be read in one is its
//! place's to say.

use super::{
    mappings::{Mappings, Stands},
    reads::Readable,
};
use crate::{
    connector::{TopicPart, TopicTemplate},
    diagnostic::{Code, Diagnostic},
    mapping::template::{Part, parse_template},
};

/// Reads a topic or a tag; none where it cannot be read, or is empty, which is reported.
pub(super) fn topic(
    mappings: &mut Mappings<'_>,
    text: &str,
    stands: Stands<'_>,
    code: Code,
    readable: Readable<'_>,
) -> Option<TopicTemplate> {
    let template = match parse_template(text, mappings.grammar) {
        Ok(template) => template,
        Err(errors) => {
            mappings.faults(errors, code, stands);
            return None;
        }
    };
    if template.parts.is_empty() {
        let message = format!("{} cannot be empty", readable.place);
        let diagnostic = Diagnostic::new(code, stands.at(0..text.len()), message);
        mappings.report(diagnostic.help("name what it is about, with a value in it: `order/{…}`"));
        return None;
    }
    mappings.parts(&template, code, readable, stands);
    let parts = template.parts.into_iter().map(|part| match part {
        Part::Literal(text) => TopicPart::Text(text),
        Part::Expression { mapping, .. } => TopicPart::Value(mapping),
    });
    Some(TopicTemplate { parts: parts.collect() })
}
