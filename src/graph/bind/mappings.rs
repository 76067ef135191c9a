//! Parses the mappings and templates of sources and connectors, and checks that each reads only what is there in its place
//! (section 5 of the connect language). What they read is kept: connectors infer their inputs and keys from it.

use std::ops::Range;

use apollo_compiler::{Name, Schema, ast::FieldDefinition, schema::ExtendedType};

use super::data::data_reads;
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, Place, suggest},
    graph::literal::SchemaText,
    mapping::{
        ParseError,
        ast::{Grammar, Mapping},
        check::check,
        parse,
        references::{Reference, references, references_of_template, references_of_url},
        template::{Part, Template, UrlTemplate, parse_template, parse_url},
    },
};

/// What a mapping may read in its place, besides `$config` and `$env`, which are everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readable<'s> {
    /// For messages: "the request of a connector".
    pub(super) place: &'static str,
    /// `$context` and `$request`.
    pub(super) request: bool,
    /// `$args`, of this field.
    pub(super) args: Option<&'s FieldDefinition>,
    /// `$this`, of this type.
    pub(super) this: Option<&'s Name>,
    /// `$batch`, of this type.
    pub(super) batch: Option<&'s Name>,
    /// `$status` and `$response`.
    pub(super) response: bool,
    /// `$`, `@` and keys of the data: there is a response.
    pub(super) data: bool,
}

impl Readable<'_> {
    /// Nothing but what is everywhere.
    pub(super) const NOTHING: Self = Readable {
        place: "",
        request: false,
        args: None,
        this: None,
        batch: None,
        response: false,
        data: false,
    };

    fn variables(&self) -> Vec<&'static str> {
        let mut names = vec!["config", "env"];
        let groups: [(bool, &[&'static str]); 5] = [
            (self.request, &["context", "request"]),
            (self.args.is_some(), &["args"]),
            (self.this.is_some(), &["this"]),
            (self.batch.is_some(), &["batch"]),
            (self.response, &["status", "response"]),
        ];
        names.extend(groups.into_iter().filter(|(there, _)| *there).flat_map(|(_, names)| names));
        names
    }
}

/// Where a text stands: in the schema, where its insides can be pointed at, or in a connector file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stands<'t> {
    Schema(&'t SchemaText),
    File(&'t Place),
}

impl Stands<'_> {
    pub(super) fn at(self, range: Range<usize>) -> Place {
        match self {
            Stands::Schema(text) => text.place(range),
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
    /// Everything that was read so far.
    pub(super) read: Vec<Reference>,
}

impl Mappings<'_> {
    /// A mapping; none when it is not there or cannot be read.
    pub(super) fn mapping(
        &mut self,
        text: Option<&SchemaText>,
        code: Code,
        readable: Readable<'_>,
    ) -> Option<Mapping> {
        let text = text?;
        let mapping = match parse(&text.value, self.grammar) {
            Ok(mapping) => mapping,
            Err(errors) => {
                self.faults(errors, code, text);
                return None;
            }
        };
        self.faults(check(&mapping), code, text);
        self.check_data(&mapping, 0, code, readable, Stands::Schema(text));
        self.check(references(&mapping), readable, Stands::Schema(text));
        Some(mapping)
    }

    /// The URL of a connector.
    pub(super) fn url(&mut self, text: &SchemaText, readable: Readable<'_>) -> Option<UrlTemplate> {
        let parsed = parse_url(&text.value, self.grammar);
        let url = parsed.map_err(|errors| self.faults(errors, Code::InvalidUrl, text)).ok()?;
        let sections = url.origin.iter().chain([&url.path]).chain(&url.query);
        sections
            .for_each(|section| self.check_parts(section, Code::InvalidUrl, readable, Stands::Schema(text)));
        self.check(references_of_url(&url), readable, Stands::Schema(text));
        Some(url)
    }

    /// The value of a header.
    pub(super) fn template(&mut self, text: &SchemaText, readable: Readable<'_>) -> Option<Template> {
        let parsed = parse_template(&text.value, self.grammar);
        let template = parsed.map_err(|errors| self.faults(errors, Code::InvalidHeader, text)).ok()?;
        self.check_parts(&template, Code::InvalidHeader, readable, Stands::Schema(text));
        self.check(references_of_template(&template), readable, Stands::Schema(text));
        Some(template)
    }

    /// Reports a fault of this source or connector.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic.on(self.coordinate.as_str()));
    }

    pub(super) fn faults(&mut self, errors: Vec<ParseError>, code: Code, text: &SchemaText) {
        for error in errors {
            let diagnostic = Diagnostic::new(code, text.place(error.span), sentence(&error.message));
            self.report(match error.help {
                Some(help) => diagnostic.help(sentence(&help)),
                None => diagnostic,
            });
        }
    }

    /// Checks and keeps what a text reads.
    pub(super) fn check(&mut self, read: Vec<Reference>, readable: Readable<'_>, stands: Stands<'_>) {
        for reference in &read {
            if let Some(fault) = self.fault(reference, readable, stands.at(reference.span.clone())) {
                self.report(fault);
            }
        }
        self.read.extend(read);
    }

    /// Checks the expressions of a template.
    pub(super) fn check_parts(
        &mut self,
        template: &Template,
        code: Code,
        readable: Readable<'_>,
        stands: Stands<'_>,
    ) {
        for part in &template.parts {
            let Part::Expression { mapping, span } = part else { continue };
            for error in check(mapping) {
                let range = error.span.start + span.start..error.span.end + span.start;
                self.report(Diagnostic::new(code, stands.at(range), sentence(&error.message)));
            }
            self.check_data(mapping, span.start, code, readable, stands);
        }
    }

    /// Reports reads of data where there is none. `offset` is where the mapping begins in the text.
    fn check_data(
        &mut self,
        mapping: &Mapping,
        offset: usize,
        code: Code,
        readable: Readable<'_>,
        stands: Stands<'_>,
    ) {
        if readable.data {
            return;
        }
        for read in data_reads(mapping) {
            let shown = read.key.as_ref().map_or("`$`".to_owned(), |key| format!("`{key}`"));
            let place = stands.at(read.span.start + offset..read.span.end + offset);
            let message = format!("{shown} reads data, and there is none in {}", readable.place);
            let diagnostic = Diagnostic::new(code, place, message);
            let variable = read.key.and_then(|key| {
                let is_argument = readable.args.is_some_and(|field| field.argument_by_name(&key).is_some());
                let fields = [(is_argument, "args"), (readable.this.is_some(), "this")];
                let (_, variable) = fields.into_iter().find(|(fits, _)| *fits)?;
                Some(format!("did you mean `${variable}.{key}`?"))
            });
            self.report(
                diagnostic.help(variable.unwrap_or_else(|| "read a variable such as `$args`".to_owned())),
            );
        }
    }

    fn fault(&self, reference: &Reference, readable: Readable<'_>, place: Place) -> Option<Diagnostic> {
        let name = reference.variable.as_str();
        let known = readable.variables();
        if !known.contains(&name) {
            let message = format!("`${name}` cannot be read in {}", readable.place);
            let dollars: Vec<String> = known.iter().map(|name| format!("${name}")).collect();
            let help = suggest(&format!("${name}"), dollars.iter().map(String::as_str));
            let diagnostic = Diagnostic::new(Code::UnsupportedVariableType, place, message);
            return Some(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
        match name {
            "args" => self.argument(readable.args?, &reference.path, place),
            "this" => self.field(readable.this?, &reference.path, "$this", place),
            "batch" => self.field(readable.batch?, &reference.path, "$batch", place),
            "env" if reference.path.is_empty() => {
                let message = "`$env` cannot be read as a whole";
                let help = "name what is read of the environment: `$env.NAME`";
                Some(Diagnostic::new(Code::UnsupportedVariableType, place, message).help(help))
            }
            "request" | "response" => {
                let first = reference.path.first().filter(|key| *key != "headers")?;
                let message = format!("`${name}` has no `{first}`");
                let help = format!("it has headers: `${name}.headers.'x-request-id'->first`");
                Some(Diagnostic::new(Code::UnsupportedVariableType, place, message).help(help))
            }
            _ => None,
        }
    }

    /// `$args.filter.name`: the argument, then fields of its input types.
    fn argument(&self, field: &FieldDefinition, path: &[String], place: Place) -> Option<Diagnostic> {
        let (first, rest) = path.split_first()?;
        let Some(argument) = field.argument_by_name(first) else {
            let message = format!("the field `{}` has no argument `{first}`", field.name);
            let diagnostic = Diagnostic::new(Code::UndefinedArgument, place, message);
            let known = field.arguments.iter().map(|argument| argument.name.as_str());
            return Some(match suggest(first, known) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help(format!("declare it: `{}({first}: …)`", field.name)),
            });
        };
        let mut owner = argument.ty.inner_named_type();
        for key in rest {
            let input = match self.schema.types.get(owner)? {
                ExtendedType::InputObject(input) => input,
                // A custom scalar may hold anything.
                ExtendedType::Scalar(scalar) if !scalar.is_built_in() => return None,
                _ => {
                    let message = format!("`{owner}` has no `{key}`");
                    return Some(Diagnostic::new(Code::UndefinedArgument, place, message));
                }
            };
            let Some(next) = input.fields.get(key.as_str()) else {
                let message = format!("the input type `{owner}` has no field `{key}`");
                let diagnostic = Diagnostic::new(Code::UndefinedArgument, place, message);
                return Some(match suggest(key, input.fields.keys().map(Name::as_str)) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
            };
            owner = next.ty.inner_named_type();
        }
        None
    }

    /// `$this.address.city`: fields of the type, then of theirs.
    fn field(&self, owner: &Name, path: &[String], variable: &str, place: Place) -> Option<Diagnostic> {
        undefined_field(self.schema, owner, path).map(|(owner, key, known)| {
            let message = format!("`{variable}` is a `{owner}`, which has no field `{key}`");
            let diagnostic = Diagnostic::new(Code::UndefinedField, place, message);
            match suggest(&key, known.iter().map(|name| name.as_str())) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
        })
    }
}

/// The first key of a path that is no field of the type it is read from, with that type and its fields.
pub(in crate::graph) fn undefined_field<'s>(
    schema: &'s Schema,
    owner: &'s Name,
    path: &[String],
) -> Option<(&'s Name, String, Vec<&'s Name>)> {
    let mut owner = owner;
    for key in path {
        let fields = match schema.types.get(owner)? {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            ExtendedType::Scalar(scalar) if !scalar.is_built_in() => return None,
            ExtendedType::Union(_) => return None,
            _ => return Some((owner, key.clone(), Vec::new())),
        };
        match fields.get(key.as_str()) {
            Some(field) => owner = field.ty.inner_named_type(),
            None if key == "__typename" => return None,
            None => return Some((owner, key.clone(), fields.keys().collect())),
        }
    }
    None
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
