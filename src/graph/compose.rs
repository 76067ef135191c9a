//! All schema files as one schema: parsed, definitions added, duplicates shown with both places, validated.
//! What connectors mean is not known here.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Schema, ast::Document, diagnostic::ToCliReport, parser::Parser, validation::DiagnosticList,
};

use super::{
    definitions::sdl,
    files::SchemaFiles,
    link::{Links, read_links},
    tidy::{TakenOut, tidy},
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
    /// What was refused already.
    pub(super) taken_out: TakenOut,
}

/// Lexical tokens of one file. The largest public schemas have some hundred thousand; what `ficus import` makes of the largest
/// document that it reads has over two million.
const TOKENS_MAX: usize = 3_000_000;

/// How the validator begins what it says of a schema without `Query`.
const NO_QUERY: &str = "missing query root operation type";

/// Composes the files, given by name and text.
pub(super) fn compose(texts: &[(String, String)], diagnostics: &mut Diagnostics) -> Composed {
    let mut files = SchemaFiles::new(texts);
    let mut documents = Vec::new();
    let before = diagnostics.errors();
    for (name, text) in texts {
        let mut parser = Parser::new().token_limit(TOKENS_MAX);
        let document = match parser.parse_ast(text.as_str(), name.as_str()) {
            Ok(document) => document,
            Err(broken) => {
                files.know(&broken.partial.sources);
                if parser.tokens_reached() > TOKENS_MAX {
                    diagnostics.push(too_long(name));
                } else {
                    report_syntax(&broken.errors, &files, diagnostics);
                }
                broken.partial
            }
        };
        files.know(&document.sources);
        documents.push(document);
    }
    let whole = diagnostics.errors() == before;
    let links = read_links(&documents, &files, diagnostics);
    let definitions = definitions(&links);
    let added: HashSet<Name> = definitions.definitions.iter().filter_map(|d| d.name().cloned()).collect();
    let taken_out = tidy(&mut documents, &files, &added, diagnostics);
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
            report(&broken.errors, &files, whole.then_some(&broken.partial), diagnostics);
            broken.partial
        }
    };
    Composed { schema, files, links, added, taken_out }
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

/// Reports what is not GraphQL at all. An error that follows another within a line is its consequence.
fn report_syntax(errors: &DiagnosticList, files: &SchemaFiles, diagnostics: &mut Diagnostics) {
    let mut last: Option<u32> = None;
    for error in errors.iter() {
        let place = files.place(error.error.location());
        let before = last.replace(place.end_line);
        if before.is_some_and(|before| place.line <= before + 1) {
            continue;
        }
        let message = in_characters(&error.error.to_string());
        let help = syntax_help(&message, &place);
        let diagnostic = Diagnostic::new(Code::GraphQlError, place, message);
        diagnostics.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
}

/// The parser names tokens (`R_PAREN`); people see characters.
fn in_characters(message: &str) -> String {
    let names = [
        ("L_PAREN", "`(`"),
        ("R_PAREN", "`)`"),
        ("L_CURLY", "`{`"),
        ("R_CURLY", "`}`"),
        ("L_BRACK", "`[`"),
        ("R_BRACK", "`]`"),
    ];
    let named = names.iter().fold(message.to_owned(), |text, (name, shown)| text.replace(name, shown));
    match named.split_once(", got ") {
        Some((expected, got)) => format!("{expected}, not `{got}`"),
        None => named,
    }
}

/// What to do about a syntax error, where the characters round it tell.
fn syntax_help(message: &str, place: &Place) -> Option<String> {
    if message.contains("Unexpected character \"'\"") {
        return Some("GraphQL strings stand between double quotes: `\"…\"`".to_owned());
    }
    let at = place.column.saturating_sub(place.excerpt_column) as usize;
    let before = place.excerpt.chars().take(at).last();
    let quote_inside =
        place.excerpt.chars().nth(at) == Some('"') && before.is_some_and(char::is_alphanumeric);
    quote_inside.then(|| {
        "a `\"` ends the string that it stands in: write `'` inside it, or put the whole between `\"\"\"`"
            .to_owned()
    })
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
    if message.starts_with(NO_QUERY) {
        return Some("define `type Query { … }` in one of the schema files".to_owned());
    }
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
    if message.starts_with("the required argument `@connect(selection:)`") {
        return Some(
            "say which values of the response become which fields: `selection: \"id name\"`".to_owned(),
        );
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
