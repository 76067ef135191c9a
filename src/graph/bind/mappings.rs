//! Parses the mappings and templates of sources and connectors, and checks that each reads only what is there in its place
//! (section 5 of the connect language), uses no method in vain and gives what its place takes. What they read is kept:
//! connectors infer their inputs and keys from it.

use std::ops::Range;

use apollo_compiler::Schema;
use serde_json::Value as Json;

use super::{
    expect::{Expect, misfits, not_text},
    reads::Readable,
};
use crate::{
    config::MappingText,
    diagnostic::{Code, Diagnostic, Diagnostics, Place},
    graph::{known::Variables, literal::SchemaText},
    mapping::{
        ParseError,
        ast::{Grammar, Mapping},
        check::check,
        parse,
        references::{Reference, references},
        shape::{Shape, infer},
        template::{Part, Template, UrlTemplate, parse_template, parse_url},
    },
};

/// Where a text stands: in the schema or in a connector file, as a mapping whose insides can be pointed at, or as a value that
/// may hold what the environment said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stands<'t> {
    Schema(&'t SchemaText),
    FileMapping(&'t MappingText),
    File(&'t Place),
}

impl Stands<'_> {
    pub(super) fn at(self, range: Range<usize>) -> Place {
        match self {
            Stands::Schema(text) => text.place(range),
            Stands::FileMapping(text) => text.place(range),
            Stands::File(place) => place.clone(),
        }
    }
}

/// Parses and checks the mappings of one source or connector.
pub(super) struct Mappings<'a> {
    pub(super) schema: &'a Schema,
    pub(super) grammar: Grammar,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// For diagnostics.
    pub(super) coordinate: String,
    /// The source; empty for a connector without one.
    pub(super) source: &'a str,
    /// `$config`.
    pub(super) config: &'a Json,
    /// Everything that was read so far.
    pub(super) read: Vec<Reference>,
}

/// A mapping where it stands.
#[derive(Clone, Copy)]
struct Placed<'t> {
    mapping: &'t Mapping,
    /// Where it begins in the text.
    offset: usize,
    stands: Stands<'t>,
}

impl Placed<'_> {
    fn at(&self, span: &Range<usize>) -> Place {
        self.stands.at(span.start + self.offset..span.end + self.offset)
    }
}

impl Mappings<'_> {
    /// A mapping; none when it is not there or cannot be read.
    pub(super) fn mapping(
        &mut self,
        text: Option<&SchemaText>,
        code: Code,
        expect: Expect,
        readable: Readable<'_>,
    ) -> Option<Mapping> {
        let text = text?;
        self.mapping_at(&text.value, Stands::Schema(text), code, expect, readable)
    }

    /// A mapping that stands anywhere; none when it cannot be read.
    pub(super) fn mapping_at(
        &mut self,
        text: &str,
        stands: Stands<'_>,
        code: Code,
        expect: Expect,
        readable: Readable<'_>,
    ) -> Option<Mapping> {
        let mapping = match parse(text, self.grammar) {
            Ok(mapping) => mapping,
            Err(errors) => {
                self.faults(errors, code, stands);
                return None;
            }
        };
        let placed = Placed { mapping: &mapping, offset: 0, stands };
        if let Some(shape) = self.look(placed, code, readable) {
            for misfit in misfits(expect, &shape, &mapping) {
                let place = stands.at(misfit.at.unwrap_or(0..text.len()));
                self.report(Diagnostic::new(code, place, misfit.message).help(misfit.help));
            }
        }
        Some(mapping)
    }

    /// The URL of a connector.
    pub(super) fn url(&mut self, text: &SchemaText, readable: Readable<'_>) -> Option<UrlTemplate> {
        let parsed = parse_url(&text.value, self.grammar);
        let url =
            parsed.map_err(|errors| self.faults(errors, Code::InvalidUrl, Stands::Schema(text))).ok()?;
        let sections = url.origin.iter().chain([&url.path]).chain(&url.query);
        sections.for_each(|section| self.parts(section, Code::InvalidUrl, readable, Stands::Schema(text)));
        Some(url)
    }

    /// The value of a header.
    pub(super) fn template(&mut self, text: &SchemaText, readable: Readable<'_>) -> Option<Template> {
        let parsed = parse_template(&text.value, self.grammar);
        let faults = |errors| self.faults(errors, Code::InvalidHeader, Stands::Schema(text));
        let template = parsed.map_err(faults).ok()?;
        self.parts(&template, Code::InvalidHeader, readable, Stands::Schema(text));
        Some(template)
    }

    /// Reports a fault of this source or connector.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.on(self.coordinate.as_str()));
    }

    pub(super) fn faults(&mut self, errors: Vec<ParseError>, code: Code, stands: Stands<'_>) {
        for error in errors {
            let place = stands.at(error.span.clone());
            self.fault(error, code, place);
        }
    }

    fn fault(&mut self, error: ParseError, code: Code, place: Place) {
        let diagnostic = Diagnostic::new(code, place, sentence(&error.message));
        self.report(match error.help {
            Some(help) => diagnostic.help(sentence(&help)),
            None => diagnostic,
        });
    }

    /// Checks the expressions of a template, and keeps what they read.
    pub(super) fn parts(
        &mut self,
        template: &Template,
        code: Code,
        readable: Readable<'_>,
        stands: Stands<'_>,
    ) {
        for part in &template.parts {
            let Part::Expression { mapping, span } = part else { continue };
            let placed = Placed { mapping, offset: span.start, stands };
            if let Some(shape) = self.look(placed, code, readable)
                && let Some((message, help)) = not_text(&shape)
            {
                self.report(Diagnostic::new(code, stands.at(span.clone()), message).help(help));
            }
        }
    }

    /// Looks at everything of a mapping but what its place takes: the methods, what it reads, what can never work. What it
    /// reads is kept. Gives its shape, where nothing was found: one mistake makes one diagnostic.
    fn look(&mut self, placed: Placed<'_>, code: Code, readable: Readable<'_>) -> Option<Shape> {
        let before = self.diagnostics.errors();
        for error in check(placed.mapping) {
            let place = placed.at(&error.span);
            self.fault(error, code, place);
        }
        let mut told: Vec<Range<usize>> = Vec::new();
        for read in readable.data_faults(placed.mapping) {
            told.push(read.span.clone());
            self.report(read.diagnostic(code, placed.at(&read.span)));
        }
        let read = references(placed.mapping);
        for reference in &read {
            if let Some(fault) = readable.fault(self.schema, reference, placed.at(&reference.span)) {
                told.push(reference.span.clone());
                self.report(fault);
            }
        }
        self.read.extend(read);
        let variables = Variables {
            schema: self.schema,
            args: readable.args,
            parent: readable.this.or(readable.batch),
            config: self.config,
        };
        let inferred = infer(&placed.mapping.root, &variables);
        let is_told =
            |span: &Range<usize>| told.iter().any(|told| told.start < span.end && span.start < told.end);
        for error in inferred.misuses.into_iter().filter(|error| !is_told(&error.span)) {
            let place = placed.at(&error.span);
            self.fault(error, code, place);
        }
        for absent in inferred.absent.iter().filter(|absent| !is_told(&absent.span)) {
            let fault = super::absent::fault(absent, &variables, self.source, placed.at(&absent.span));
            self.report(fault);
        }
        (self.diagnostics.errors() == before).then_some(inferred.shape)
    }
}

/// Messages here begin in lower case and have no full stop; the mapping parser's are sentences.
pub(super) fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}
