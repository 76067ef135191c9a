//! All schema files as one schema: parsed, definitions added, duplicates shown with both places, validated.
//! What connectors mean is not known here.

use std::collections::HashSet;

use apollo_compiler::{Name, Schema, ast::Document, parser::Parser, diagnostic::ToCliReport, validation::DiagnosticList};

use super::{
    definitions::sdl,
    files::SchemaFiles,
    link::{Links, read_links},
    tidy::tidy,
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, suggest};

/// One schema made of all files, with the directives of connectors still in it. Not necessarily valid: what is wrong is
/// in the diagnostics, and what can be checked nevertheless is.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) schema: Schema,
    pub(super) files: SchemaFiles,
    pub(super) links: Links,
    /// Names of directives and types that were added, not written: no client sees them.
    pub(super) added: HashSet<Name>,
    /// Fields of `Subscription` that were refused already.
    pub(super) refused_fields: HashSet<(Name, Name)>,
}

/// Lexical tokens of one file. The largest public schemas have some hundred thousand.
const TOKENS_MAX: usize = 500_000;

/// Composes the files, given by name and text.
pub(super) fn compose(texts: &[(String, String)], diagnostics: &mut Diagnostics) -> Composed {
    let mut files = SchemaFiles::new(texts);
    let mut documents = Vec::new();
    for (name, text) in texts {
        let mut parser = Parser::new().token_limit(TOKENS_MAX);
        let document = match parser.parse_ast(text.as_str(), name.as_str()) {
            Ok(document) => document,
            Err(broken) => {
                files.know(&broken.partial.sources);
                if parser.tokens_reached() > TOKENS_MAX {
                    diagnostics.push(too_long(name));
                } else {
                    report(&broken.errors, &files, None, diagnostics);
                }
                broken.partial
            }
        };
        files.know(&document.sources);
        documents.push(document);
    }
    let links = read_links(&documents, &files, diagnostics);
    let definitions = definitions(&links);
    let added: HashSet<Name> = definitions.definitions.iter().filter_map(|d| d.name().cloned()).collect();
    let refused_fields = tidy(&mut documents, &files, &added, diagnostics);
    let mut builder = Schema::builder().add_ast(&definitions);
    for document in &documents {
        builder = builder.add_ast(document);
    }
    let schema = match builder.build() {
        Ok(schema) => schema,
        Err(broken) => {
            report(&broken.errors, &files, Some(&broken.partial), diagnostics);
            broken.partial
        }
    };
    let schema = match schema.validate() {
        Ok(schema) => schema.into_inner(),
        Err(broken) => {
            report(&broken.errors, &files, Some(&broken.partial), diagnostics);
            broken.partial
        }
    };
    Composed { schema, files, links, added, refused_fields }
}

fn definitions(links: &Links) -> Document {
    match Document::parse(sdl(links), "definitions of Ficus") {
        Ok(document) => document,
        // Only an odd name in a link can break them; the parser drops that definition and its use is reported.
        Err(broken) => broken.partial,
    }
}

fn too_long(name: &str) -> Diagnostic {
    let message = format!("the file has more than {TOKENS_MAX} tokens (names, numbers, marks)");
    Diagnostic::new(Code::GraphQlError, Place::whole(name), message).help("cut it into several files")
}

/// Turns apollo-compiler's errors into diagnostics.
fn report(
    errors: &DiagnosticList,
    files: &SchemaFiles,
    schema: Option<&Schema>,
    diagnostics: &mut Diagnostics,
) {
    for error in errors.iter().take(Diagnostics::SHOWN_MAX) {
        let location = error.error.location();
        let message = error.error.to_string().replace("connect__", "").replace("link__", "");
        let mut diagnostic = Diagnostic::new(Code::GraphQlError, files.place(location), message.clone());
        if let Some(help) = schema.and_then(|schema| graphql_help(&message, schema)) {
            diagnostic = diagnostic.help(help);
        }
        diagnostics.push(diagnostic);
    }
    diagnostics.leave_out_errors(errors.len().saturating_sub(Diagnostics::SHOWN_MAX));
}

/// What to do about an error of the schema, where there is more to say than the error says.
fn graphql_help(message: &str, schema: &Schema) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first = quoted.next()?;
    if message.starts_with("cannot find type") {
        let known = schema.types.keys().map(Name::as_str).filter(|name| !name.contains("__"));
        return suggest(first, known).or_else(|| Some("define it in one of the schema files".to_owned()));
    }
    if message.starts_with("cannot find directive") {
        let known = schema.directive_definitions.keys().map(Name::as_str).filter(|name| !name.contains("__"));
        return suggest(first.trim_start_matches('@'), known);
    }
    if message.starts_with("field `") && message.contains("does not exist on") {
        let owner = quoted.next()?;
        let input = schema
            .get_input_object(owner)
            .or_else(|| schema.get_input_object(&format!("connect__{owner}")))?;
        return suggest(first, input.fields.keys().map(Name::as_str));
    }
    if message.starts_with("the argument `") && message.contains("is not supported by") {
        let directive = quoted.next()?.trim_start_matches('@').split('(').next()?;
        let known = schema.directive_definitions.get(directive)?;
        return suggest(first, known.arguments.iter().map(|argument| argument.name.as_str()));
    }
    message
        .starts_with("type extension for undefined type")
        .then(|| "define the type in one of the schema files".to_owned())
}
