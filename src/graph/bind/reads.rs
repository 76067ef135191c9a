//! What a mapping may read in its place (section 5 of the connect language), and what is said when it reads anything else.

use std::ops::Range;

use apollo_compiler::{Name, Schema, ast::FieldDefinition, schema::ExtendedType};

use super::data::data_reads;
use crate::{
    diagnostic::{Code, Diagnostic, Place, suggest},
    mapping::{
        ast::{Item, Mapping, Root},
        references::Reference,
    },
};

/// What a mapping may read in its place, besides `$config` and `$env`, which are everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readable<'s> {
    /// For messages: "the request of a connector".
    pub(super) place: &'static str,
    /// `$context` and `$request`.
    pub(super) request: bool,
    /// `$request` alone: of a delivery.
    pub(super) sent: bool,
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

impl<'s> Readable<'s> {
    /// Nothing but what is everywhere.
    pub(super) const NOTHING: Self = Readable {
        place: "",
        request: false,
        sent: false,
        args: None,
        this: None,
        batch: None,
        response: false,
        data: false,
    };

    fn variables(&self) -> Vec<&'static str> {
        let mut names = vec!["config", "env"];
        let groups: [(bool, &[&'static str]); 6] = [
            (self.request, &["context", "request"]),
            (self.sent, &["request"]),
            (self.args.is_some(), &["args"]),
            (self.this.is_some(), &["this"]),
            (self.batch.is_some(), &["batch"]),
            (self.response, &["status", "response"]),
        ];
        names.extend(groups.into_iter().filter(|(there, _)| *there).flat_map(|(_, names)| names));
        names
    }

    fn has_argument(&self, name: &str) -> bool {
        self.args.is_some_and(|field| field.argument_by_name(name).is_some())
    }

    /// Reads of data where there is none.
    pub(super) fn data_faults(&self, mapping: &Mapping) -> Vec<DataFault<'s>> {
        if self.data {
            return Vec::new();
        }
        let reads = data_reads(mapping).into_iter();
        let names_itself = |span: &Range<usize>| match &mapping.root {
            Root::Selection(selection) => selection
                .items
                .iter()
                .any(|item| matches!(item, Item::Named { name, .. } if name.span == *span)),
            Root::Expression(_) => false,
        };
        reads
            .map(|read| DataFault {
                readable: *self,
                names_itself: names_itself(&read.span),
                key: read.key,
                span: read.span,
            })
            .collect()
    }

    /// What is wrong with reading a variable here.
    pub(super) fn fault(&self, schema: &Schema, reference: &Reference, place: Place) -> Option<Diagnostic> {
        let name = reference.variable.as_str();
        let known = self.variables();
        if !known.contains(&name) {
            let message = format!("`${name}` cannot be read in {}", self.place);
            let dollars: Vec<String> = known.iter().map(|name| format!("${name}")).collect();
            let argument = reference.path.first().filter(|first| self.has_argument(first));
            let help = match argument {
                // A field of `Query` has no parent; what was meant is an argument.
                Some(argument) if name == "this" => Some(format!("did you mean `$args.{argument}`?")),
                _ => suggest(&format!("${name}"), dollars.iter().map(String::as_str)),
            };
            let diagnostic = Diagnostic::new(Code::UnsupportedVariableType, place, message);
            return Some(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
        match name {
            "args" => argument(schema, self.args?, &reference.path, place),
            "this" => field(schema, self.this?, &reference.path, "$this", place),
            "batch" => field(schema, self.batch?, &reference.path, "$batch", place),
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
}

/// A read of data where there is none.
pub(super) struct DataFault<'s> {
    readable: Readable<'s>,
    /// The first key that is read.
    key: Option<String>,
    /// Whether the key alone is an item: what it reads stands under its own name.
    names_itself: bool,
    /// Where in the mapping.
    pub(super) span: Range<usize>,
}

impl DataFault<'_> {
    pub(super) fn diagnostic(&self, code: Code, place: Place) -> Diagnostic {
        let DataFault { readable, key, names_itself, .. } = self;
        let shown = key.as_ref().map_or("`$`".to_owned(), |key| format!("`{key}`"));
        let message = format!("{shown} reads data, and there is none in {}", readable.place);
        let variable = key.as_ref().and_then(|key| {
            if readable.variables().contains(&key.as_str()) {
                return Some(format!("did you mean `${key}`? a variable begins with `$`"));
            }
            let fields = [(readable.has_argument(key), "args"), (readable.this.is_some(), "this")];
            let (_, variable) = fields.into_iter().find(|(fits, _)| *fits)?;
            let name = if *names_itself { format!("{key}: ") } else { String::new() };
            Some(format!("did you mean `{name}${variable}.{key}`?"))
        });
        let help = variable.unwrap_or_else(|| "read a variable such as `$args`".to_owned());
        Diagnostic::new(code, place, message).help(help)
    }
}

/// `$args.filter.name`: the argument, then fields of its input types.
fn argument(schema: &Schema, field: &FieldDefinition, path: &[String], place: Place) -> Option<Diagnostic> {
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
    let mut ty = &argument.ty;
    let mut way = format!("$args.{first}");
    for key in rest {
        let (message, known) = match schema.types.get(ty.inner_named_type())? {
            ExtendedType::InputObject(input) => match input.fields.get(key.as_str()) {
                Some(next) => {
                    ty = &next.ty;
                    way.push('.');
                    way.push_str(key);
                    continue;
                }
                None => {
                    let known = input.fields.keys().map(Name::as_str).collect();
                    (format!("`{way}` is `{ty}`, which has no field `{key}`"), known)
                }
            },
            // A custom scalar may hold anything.
            ExtendedType::Scalar(scalar) if !scalar.is_built_in() => return None,
            _ => (format!("`{way}` is `{ty}`, which has no fields, so no `{key}`"), Vec::new()),
        };
        let diagnostic = Diagnostic::new(Code::UndefinedArgument, place, message);
        return Some(match suggest(key, known) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
    None
}

/// `$this.address.city`: fields of the type, then of theirs.
fn field(schema: &Schema, owner: &Name, path: &[String], variable: &str, place: Place) -> Option<Diagnostic> {
    let end = (1..=path.len())
        .find(|end| path.get(..*end).is_some_and(|path| undefined_field(schema, owner, path).is_some()))?;
    let (owner, key, known) = undefined_field(schema, owner, path.get(..end)?)?;
    let before = path.iter().take(end - 1).map(|key| format!(".{key}")).collect::<String>();
    let message = match known.is_empty() {
        true => format!("`{variable}{before}` is `{owner}`, which has no fields, so no `{key}`"),
        false => format!("`{variable}{before}` is `{owner}`, which has no field `{key}`"),
    };
    let diagnostic = Diagnostic::new(Code::UndefinedField, place, message);
    Some(match suggest(&key, known.iter().map(|name| name.as_str())) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    })
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
