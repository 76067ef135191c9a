//! `ficus import openapi`: a document (OpenAPI 3.0, 3.1, Swagger 2; JSON or YAML) becomes a schema file and a connector
//! file that a person goes on editing. It happens once: nothing here runs when a graph is served.
//!
//! The steps, in their order: `read` the bytes, see operations in the `document` and their `exchange`s, understand a
//! `schema`, `build` types of it (`choice` where there are several), make `arguments` and root fields (`operations`), find
//! `entities`, `select` what fills them, and write (`sdl`, `source`). `graph` checks the result before anybody sees it.

mod arguments;
mod assemble;
mod bodies;
mod build;
mod choice;
mod components;
mod convert;
mod document;
mod entities;
mod enums;
mod exchange;
mod links;
mod literal;
mod name;
mod operations;
mod parameters;
mod read;
mod report;
mod schema;
mod sdl;
mod select;
mod source;
mod types;

use std::collections::BTreeSet;

use self::{
    assemble::{Parts, assemble},
    build::Builder,
    document::{Document, Operation},
    name::Names,
    operations::Root,
    source::Source,
};
pub use self::{
    name::{defined_types, source_name},
    read::DOCUMENT_BYTES_MAX,
    report::{Code, Report, Skip},
};
use crate::{
    diagnostic::{Diagnostic, counted},
    graph::{Sources, load_sources},
};

/// Operations of one document.
const OPERATIONS_MAX: usize = 20_000;

/// How often what the check refuses is taken out and tried again.
const ROUNDS_MAX: usize = 8;

/// What is wanted of an import.
#[derive(Debug, Clone)]
pub struct Options {
    /// The source's name: the names of the files, and the beginning of the names of its variables. 1 to 64 letters, digits,
    /// `_` and `-`, beginning with a letter.
    pub source: String,
    /// The document's name, for the heading of the files.
    pub document: String,
    /// Names of types that the schema has already.
    pub taken: BTreeSet<String>,
}

/// What an import gives.
#[derive(Debug, Clone)]
pub struct Imported {
    /// `schema/<source>.graphql`
    pub schema: String,
    /// `connectors/<source>.yaml`
    pub connector: String,
    /// What is in it, and what is not.
    pub report: Report,
}

/// Why nothing is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The document is larger than can be read.
    #[error("the document has {bytes} bytes; documents of up to {bytes_max} bytes are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// It has more operations than can be read.
    #[error("the document has {0} operations; up to {OPERATIONS_MAX} are read")]
    TooManyOperations(usize),
    /// Not JSON, not YAML, or nested too deep.
    #[error("{0}")]
    Unreadable(String),
    /// Not a version that is known.
    #[error("{}", version(.0.as_deref()))]
    Version(Option<String>),
    /// Every operation was left out, or there are none.
    #[error("{}", nothing(.0))]
    Nothing(Report),
    /// What was made of it does not pass the check.
    #[error("what was made of the document does not pass `ficus check`; this is a fault of the importer")]
    NotAccepted(Vec<Diagnostic>),
}

fn version(found: Option<&str>) -> String {
    match found {
        Some(found) => format!("this is OpenAPI {found}; 3.0, 3.1 and Swagger 2.0 are read"),
        None => "this is no OpenAPI document: neither `openapi` nor `swagger` says its version".to_owned(),
    }
}

fn nothing(report: &Report) -> String {
    match report.operations {
        0 => "the document has no operations (`paths`)".to_owned(),
        all => format!("nothing of the document can be imported: {} left out", counted(all, "operation")),
    }
}

/// Makes a schema file and a connector file of a document.
///
/// # Errors
/// When the document cannot be read, or nothing of it can be imported.
pub fn import(text: &str, options: &Options) -> Result<Imported, ImportError> {
    let (value, version) = read::read(text)?;
    let document = Document { root: &value, version };
    let operations = document.operations();
    if operations.len() > OPERATIONS_MAX {
        return Err(ImportError::TooManyOperations(operations.len()));
    }
    let source = source::source(document, &options.source, &operations);
    let names = Names::of_types(options.taken.iter().map(String::as_str), &options.source);
    let mut builder = Builder::new(document, names);
    let mut report = Report { operations: operations.len(), ..Report::default() };
    let mut roots = roots(&mut builder, &operations, &source, &mut report);
    webhooks(document, &mut report);
    let Builder { mut definitions, notes, .. } = builder;
    report.notes.extend(notes);
    let completions = entities::find(&definitions, &mut roots);
    entities::references(&mut definitions, &completions);
    report.notes.extend(links::add(document, &mut definitions, &roots, &completions));
    let mut faults = Vec::new();
    for _ in 0..ROUNDS_MAX {
        if roots.is_empty() {
            return Err(ImportError::Nothing(report));
        }
        let parts = Parts {
            document,
            options,
            source: &source,
            definitions: &definitions,
            completions: &completions,
        };
        let imported = assemble(&parts, &roots, &report);
        faults = check(&imported, options);
        if !faults.iter().any(Diagnostic::is_error) {
            return Ok(imported);
        }
        let before = roots.len();
        leave_out(&mut roots, &faults, &mut report);
        if roots.len() == before {
            break;
        }
    }
    Err(ImportError::NotAccepted(faults))
}

fn roots<'d>(
    builder: &mut Builder<'d>,
    operations: &[Operation<'d>],
    source: &Source,
    report: &mut Report,
) -> Vec<Root<'d>> {
    let mut roots = Vec::new();
    for (operation, name) in operations.iter().zip(operations::names(operations)) {
        match operations::root(builder, operation, &name) {
            Ok(mut root) => {
                root.request.headers.retain(|(name, _)| !source.sends(name));
                root.request.query.retain(|(name, _)| !source.asks(name));
                let server = source::server_of(builder.document, operation);
                root.request.server = (server != source.server).then_some(server.url);
                root.drop_unread_arguments();
                roots.push(root);
            }
            Err(refusal) => report.skipped.push(Skip {
                code: refusal.code,
                subject: operation.line(),
                pointer: operation.at.pointer.clone(),
                reason: refusal.reason,
            }),
        }
        builder.finish();
    }
    roots
}

/// Webhooks are calls that the backend makes.
fn webhooks(document: Document<'_>, report: &mut Report) {
    for (name, _) in document::entries(document.root.get("webhooks")) {
        report.notes.push(Skip {
            code: Code::Callback,
            subject: format!("webhook {name}"),
            pointer: format!("#/webhooks/{}", document::escape(name)),
            reason: "webhooks are requests of the backend; they are left out".to_owned(),
        });
    }
}

/// All that `ficus check` says of the two files.
fn check(imported: &Imported, options: &Options) -> Vec<Diagnostic> {
    let mut schema = vec![(format!("schema/{}.graphql", options.source), imported.schema.clone())];
    // Scalars that are defined elsewhere.
    let scalars = types::SCALARS.iter().filter(|name| options.taken.contains(**name));
    let scalars: String = scalars.map(|name| format!("scalar {name}\n")).collect();
    if !scalars.is_empty() {
        schema.push(("schema/scalars.graphql".to_owned(), scalars));
    }
    let sources = Sources {
        schema,
        connectors: vec![(format!("connectors/{}.yaml", options.source), imported.connector.clone())],
        ..Sources::default()
    };
    match load_sources(&sources) {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics,
    }
}

/// Takes out the operations that the check complains of: better a field less than files that do not load.
fn leave_out(roots: &mut Vec<Root<'_>>, faults: &[Diagnostic], report: &mut Report) {
    for fault in faults.iter().filter(|fault| fault.is_error()) {
        let Some(coordinate) = &fault.coordinate else { continue };
        let coordinate = coordinate.split('[').next().unwrap_or_default();
        let index = roots.iter().position(|root| coordinate == root.coordinate());
        if let Some(root) = index.map(|index| roots.remove(index)) {
            report.skipped.push(Skip {
                code: Code::NotAccepted,
                subject: root.line,
                pointer: root.at.pointer,
                reason: format!(
                    "the check refuses what was made of it: {}: {}",
                    fault.code.as_str(),
                    fault.message
                ),
            });
        }
    }
}
