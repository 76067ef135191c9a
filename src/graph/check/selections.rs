//! What selections give, compared with the types they fill: fields that do not exist, objects for leaves, leaves for
//! objects. Gives which fields of which types some selection fills.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    Name, Schema,
    ast::FieldDefinition,
    schema::{ExtendedType, Implementers},
};

use super::ways::Way;
use crate::{
    connector::{Connector, Kind},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, suggest},
    graph::{
        bind::{Bound, BoundConnector},
        compose::Composed,
        literal::SchemaText,
    },
    mapping::{
        ast::{Expr, ExprKind, Head, Item, Mapping, Root, Span, Step, SubSelection},
        shape::{ObjectShape, Shape, shape},
    },
};

/// Fields that selections fill.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// By type and field.
    pub(super) fields: HashSet<(Name, Name)>,
    /// Types whose objects are sometimes made in a way that cannot be foreseen: all their fields may be there.
    pub(super) opaque: HashSet<Name>,
    /// Every place where a selection makes objects, but for what completes objects that are there already.
    pub(super) ways: Vec<Way>,
}

/// Checks all selections.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) -> Given {
    let schema = &composed.schema;
    let mut given = Given::default();
    let implementers: HashMap<Name, Implementers> = schema.implementers_map().into_iter().collect();
    for found in &bound.connectors {
        let BoundConnector { connector, written } = found;
        let (Some(owner), Some(text)) = (filled_type(schema, connector), &written.selection) else {
            continue;
        };
        let mapping = &connector.selection;
        let mut pass = Pass {
            schema,
            implementers: &implementers,
            bound,
            connector,
            mapping,
            text,
            given: &mut given,
            diagnostics,
        };
        pass.value(&shape(mapping), owner, None);
    }
    given
}

/// The named type that a connector's selection fills.
fn filled_type<'s>(schema: &'s Schema, connector: &'s Connector) -> Option<&'s Name> {
    match &connector.kind {
        Kind::Type { name } => Some(name),
        Kind::Root { parent, field } | Kind::Entity { parent, field, .. } | Kind::Field { parent, field } => {
            Some(schema.type_field(parent, field).ok()?.ty.inner_named_type())
        }
    }
}

struct Pass<'a> {
    schema: &'a Schema,
    implementers: &'a HashMap<Name, Implementers>,
    bound: &'a Bound,
    connector: &'a Connector,
    mapping: &'a Mapping,
    text: &'a SchemaText,
    given: &'a mut Given,
    diagnostics: &'a mut Diagnostics,
}

impl Pass<'_> {
    /// A value for a type; `key` is the mapping's key that gives it, none for the whole mapping.
    fn value(&mut self, shape: &Shape, owner: &Name, key: Option<&Span>) {
        let leaf = match self.schema.types.get(owner) {
            Some(ExtendedType::Scalar(scalar)) if scalar.is_built_in() => true,
            Some(ExtendedType::Enum(_)) => true,
            // Custom scalars hold anything; undefined types are reported already.
            Some(ExtendedType::Scalar(_) | ExtendedType::InputObject(_)) | None => return,
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)) => false,
        };
        let (mut objects, mut leaves, mut unknown) = (false, false, false);
        for alternative in flat(shape) {
            match alternative {
                Shape::Object(object) => {
                    objects = true;
                    if !leaf {
                        self.object(object, owner, key);
                    }
                }
                Shape::Null | Shape::Missing => {}
                Shape::Unknown | Shape::OneOf(_) | Shape::List(_) => unknown = true,
                Shape::Bool | Shape::Int | Shape::Float | Shape::Number | Shape::String(_) => leaves = true,
            }
        }
        if leaf && objects && !leaves && !unknown {
            let message = format!("the mapping gives an object, and `{owner}` is not one");
            let help = "remove the `{ … }`, or select the value itself";
            self.report(Code::GroupSelectionIsNotObject, key, message, help.to_owned());
        }
        if !leaf && (unknown || leaves) {
            if leaves || self.is_plain(key) {
                let message =
                    format!("`{owner}` is an object, and the mapping does not say which fields it has");
                let help = "add a selection: `{ id … }`".to_owned();
                self.report(Code::GroupSelectionRequiredForObject, key, message, help);
            }
            // What its fields are is not known: none of them counts as missing.
            self.make_opaque(owner);
        }
    }

    fn object(&mut self, object: &ObjectShape, owner: &Name, key: Option<&Span>) {
        let schema = self.schema;
        let possible = self.possible_types(object, owner);
        self.add_way(object, &possible, key);
        for field in object.fields.iter().filter(|field| field.name != "__typename") {
            let mut definitions: Vec<(&Name, &FieldDefinition)> = Vec::new();
            for name in &possible {
                let object = schema.get_object(name);
                let definition =
                    object.and_then(|object| Some((&object.name, object.fields.get(field.name.as_str())?)));
                definitions.extend(definition.map(|(name, field)| (name, &***field)));
            }
            let Some((_, first)) = definitions.first() else {
                self.unknown_field(owner, &possible, &field.name, &field.span);
                continue;
            };
            if !first.arguments.is_empty() && !self.has_connector(&definitions) {
                let message = format!(
                    "`{owner}.{}` takes arguments, which a mapping of its parent cannot read",
                    field.name
                );
                let help = "give the field a `@connect` of its own, or remove its arguments";
                self.report(Code::ConnectorsFieldWithArguments, Some(&field.span), message, help.to_owned());
            }
            let keys = definitions.iter().map(|(name, field)| ((*name).clone(), field.name.clone()));
            let keys: Vec<(Name, Name)> = keys.collect();
            let ty = first.ty.inner_named_type().clone();
            self.given.fields.extend(keys);
            self.value(&field.shape, &ty, Some(&field.span));
        }
        if object.is_open {
            possible.iter().for_each(|name| {
                self.given.opaque.insert(name.clone());
            });
        }
    }

    /// A way to objects of one type. Where the type is not known, no field can be said to be missing.
    fn add_way(&mut self, object: &ObjectShape, possible: &[Name], key: Option<&Span>) {
        let completes = key.is_none() && matches!(self.connector.kind, Kind::Type { .. });
        if let ([ty], false) = (possible, completes) {
            let place = self.place(key);
            let coordinate = self.connector.coordinate.clone();
            self.given.ways.push(Way { ty: ty.clone(), object: object.clone(), place, coordinate });
        }
    }

    /// The object types that an object may be of: where it says `__typename`, that one.
    fn possible_types(&self, object: &ObjectShape, owner: &Name) -> Vec<Name> {
        let all = possible_types(self.schema, self.implementers, owner);
        let named = object.field("__typename").and_then(|field| match &field.shape {
            Shape::String(Some(name)) => all.iter().find(|ty| *ty == name.as_str()).cloned(),
            _ => None,
        });
        named.map_or(all, |name| vec![name])
    }

    fn has_connector(&self, definitions: &[(&Name, &FieldDefinition)]) -> bool {
        let by_field = &self.bound.by_field;
        definitions
            .iter()
            .any(|(owner, field)| by_field.contains_key(&((*owner).clone(), field.name.clone())))
    }

    fn unknown_field(&mut self, owner: &Name, possible: &[Name], field: &str, span: &Span) {
        let objects = possible.iter().filter_map(|name| self.schema.get_object(name));
        let known: Vec<&str> = objects.flat_map(|object| object.fields.keys()).map(Name::as_str).collect();
        let help = suggest(field, known)
            .unwrap_or_else(|| format!("add it: `extend type {owner} {{ {field}: … }}`"));
        let message = format!("the type `{owner}` has no field `{field}`");
        self.report(Code::SelectedFieldNotFound, Some(span), message, help);
    }

    fn make_opaque(&mut self, owner: &Name) {
        let possible = possible_types(self.schema, self.implementers, owner);
        self.given.opaque.extend(possible);
    }

    /// Whether a value is read by keys alone: no method that could make an object of it.
    fn is_plain(&self, key: Option<&Span>) -> bool {
        let value = match (key, &self.mapping.root) {
            (None, Root::Expression(expr)) => Some(expr),
            (None, Root::Selection(selection)) => return plain_spread(selection),
            (Some(key), Root::Expression(expr)) => in_expression(expr, key),
            (Some(key), Root::Selection(selection)) => in_selection(selection, key),
        };
        value.is_some_and(is_plain)
    }

    /// Where a key of the mapping stands; the mapping as a whole for none.
    fn place(&self, key: Option<&Span>) -> Place {
        self.text.place(key.cloned().unwrap_or(0..self.text.value.len()))
    }

    fn report(&mut self, code: Code, span: Option<&Span>, message: String, help: String) {
        let place = self.place(span);
        let diagnostic = Diagnostic::new(code, place, message).help(help);
        self.diagnostics.push(diagnostic.on(self.connector.coordinate.as_str()));
    }
}

/// The object types that a type stands for.
pub(super) fn possible_types(
    schema: &Schema,
    implementers: &HashMap<Name, Implementers>,
    owner: &Name,
) -> Vec<Name> {
    match schema.types.get(owner) {
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.clone()).collect(),
        Some(ExtendedType::Interface(_)) => {
            let mut objects: Vec<Name> = implementers
                .get(owner)
                .map(|found| found.objects.iter().cloned().collect())
                .unwrap_or_default();
            objects.sort();
            objects
        }
        _ => vec![owner.clone()],
    }
}

/// All shapes that a value may have, or its elements when it is a list.
fn flat(shape: &Shape) -> Vec<&Shape> {
    match shape {
        Shape::List(element) => flat(element),
        Shape::OneOf(shapes) => shapes.iter().flat_map(flat).collect(),
        other => vec![other],
    }
}

fn is_plain(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Path(path) => !path.steps.iter().any(|step| matches!(step, Step::Method { .. })),
        ExprKind::Chain { operands, .. } => operands.iter().all(is_plain),
        _ => true,
    }
}

fn plain_spread(selection: &SubSelection) -> bool {
    selection.items.iter().all(|item| match item {
        Item::Spread { value, .. } => is_plain(value),
        Item::Named { .. } => false,
    })
}

/// The value of the item whose key stands at a place.
fn in_selection<'m>(selection: &'m SubSelection, key: &Span) -> Option<&'m Expr> {
    selection.items.iter().find_map(|item| match item {
        Item::Named { name, value } if name.span == *key => Some(value),
        Item::Named { value, .. } | Item::Spread { value, .. } => in_expression(value, key),
    })
}

fn in_expression<'m>(expr: &'m Expr, key: &Span) -> Option<&'m Expr> {
    match &expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => None,
        ExprKind::Array(parts) | ExprKind::Chain { operands: parts, .. } => {
            parts.iter().find_map(|part| in_expression(part, key))
        }
        ExprKind::Object(selection) => in_selection(selection, key),
        ExprKind::Path(path) => {
            let head = match &path.head {
                Head::Expr(inner) => in_expression(inner, key),
                _ => None,
            };
            head.or_else(|| {
                path.steps.iter().find_map(|step| match step {
                    Step::Select(selection) => in_selection(selection, key),
                    Step::Method { arguments, .. } => {
                        arguments.iter().find_map(|argument| in_expression(argument, key))
                    }
                    Step::Key(_) | Step::Optional(_) => None,
                })
            })
        }
    }
}
