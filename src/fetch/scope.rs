//! Evaluating a connector's mappings with one set of variables, and the text that a value has in a URL or a header.

use bumpalo::{Bump, collections::String as ArenaString};

use super::{Findings, Site};
use crate::mapping::{
    ast::Mapping,
    evaluate::{Variables, evaluate},
    template::{Part, Template},
    value::Value,
};

/// What the mappings of one connector are evaluated with.
#[derive(Debug)]
pub struct Scope<'s, 'a> {
    /// `$args`, `$this` and the others.
    pub variables: &'s Variables<'a>,
    /// Where values are made.
    pub arena: &'a Bump,
    /// What the mappings had to say.
    pub findings: &'s mut Findings,
}

impl<'a> Scope<'_, 'a> {
    /// Applies the mapping that stands at `site` to data; none for missing.
    pub(super) fn evaluate(
        &mut self,
        site: Site,
        mapping: &'a Mapping,
        data: Value<'a>,
    ) -> Option<Value<'a>> {
        let mut problems = self.findings.fresh();
        let value = evaluate(mapping, data, self.variables, self.arena, &mut problems);
        self.findings.keep(site, &problems);
        value
    }

    /// Notes that a mapping gave what cannot be used where it stands.
    pub(super) fn gave(&mut self, site: Site, found: Option<Value<'a>>, expected: &str) {
        if self.findings.is_recording() {
            let found = found.map_or("nothing", |value| value.kind());
            self.findings.add(site, format!("Expected {expected}, found {found}"));
        }
    }

    /// The text of an expression in a template; none where it gives a list or an object.
    pub(super) fn text(&mut self, site: Site, mapping: &'a Mapping) -> Option<&'a str> {
        match self.evaluate(site, mapping, Value::Null) {
            Some(value) => self.scalar(value),
            None => Some(""),
        }
    }

    /// The text of a scalar; none for a list or an object.
    pub(super) fn scalar(&self, value: Value<'a>) -> Option<&'a str> {
        value.scalar_text(self.arena)
    }

    /// A whole template, nothing encoded; none where an expression gives a list or an object.
    pub(super) fn render(&mut self, site: Site, template: &'a Template) -> Option<&'a str> {
        if let [Part::Literal(text)] = template.parts.as_slice() {
            return Some(text);
        }
        let mut rendered = ArenaString::new_in(self.arena);
        for part in &template.parts {
            rendered.push_str(match part {
                Part::Literal(text) => text,
                Part::Expression { mapping, .. } => self.text(site, mapping)?,
            });
        }
        Some(rendered.into_bump_str())
    }
}
