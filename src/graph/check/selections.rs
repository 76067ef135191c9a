//! What selections give, compared with the types they fill: fields that do not exist, values that can never be of their
//! type. Gives which fields of which types some selection fills.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    Name, Schema,
    ast::{FieldDefinition, Type},
    schema::{ExtendedType, Implementers},
};

use super::{
    misfits::{Misfit, add_selection, help, misfit},
    typenames::possible_types,
    ways::Way,
    written::{is_plain, is_plain_mapping, literal, value_at},
};
use crate::{
    connector::{Connector, Kind},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, nearest, suggest},
    graph::{
        bind::{Bound, BoundConnector, lone_key_help},
        compose::Composed,
        known::Variables,
        literal::SchemaText,
    },
    mapping::{
        ast::{Expr, ExprKind, Mapping, Root, Span},
        shape::{FieldShape, ObjectShape, Shape, infer},
    },
};

/// Fields that selections fill.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// By type and field; those too that a misspelt key was meant to fill.
    pub(super) fields: HashSet<(Name, Name)>,
    /// As `fields`, without what only completes objects that are there already.
    pub(super) first_hand: HashSet<(Name, Name)>,
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
        let (Some((ty, what)), Some(text)) = (filled(schema, connector), &written.selection) else {
            continue;
        };
        let mapping = &connector.selection;
        let inferred = infer(&mapping.root, &variables(schema, connector));
        let misused = inferred.misuses.into_iter().map(|misuse| misuse.span).collect();
        let mut pass = Pass {
            schema,
            redefined: &composed.taken_out.types,
            implementers: &implementers,
            bound,
            connector,
            mapping,
            text,
            misused,
            given: &mut given,
            diagnostics,
        };
        pass.value(&inferred.shape, &ty, &Site { what, key: None, value: None });
    }
    given
}

/// What a connector's selection fills: its type, and how it is called.
fn filled(schema: &Schema, connector: &Connector) -> Option<(Type, String)> {
    // A batch is answered by rows, whatever each parent gets of them.
    let rows = |ty: Type| if connector.batch.is_some() { ty.list() } else { ty };
    match &connector.kind {
        Kind::Type { name } => Some((rows(Type::Named(name.clone())), name.to_string())),
        Kind::Root { parent, field } | Kind::Entity { parent, field, .. } | Kind::Field { parent, field } => {
            let ty = &schema.type_field(parent, field).ok()?.ty;
            let one = if connector.batch.is_some() {
                Type::Named(ty.inner_named_type().clone())
            } else {
                ty.clone()
            };
            Some((rows(one), format!("{parent}.{field}")))
        }
    }
}

/// What is known of the variables of a connector's selection.
pub(super) fn variables<'s>(schema: &'s Schema, connector: &'s Connector) -> Variables<'s> {
    let (args, parent) = match &connector.kind {
        Kind::Type { name } => (None, Some(name)),
        Kind::Root { parent, field } | Kind::Entity { parent, field, .. } => {
            (schema.type_field(parent, field).ok(), None)
        }
        Kind::Field { parent, field } => (schema.type_field(parent, field).ok(), Some(parent)),
    };
    let args = args.map(|field| &***field);
    Variables { schema, args, parent, config: &connector.source.config }
}

/// Where a value stands.
struct Site<'a> {
    /// The coordinate of what it fills.
    what: String,
    /// The mapping's key that gives it; none for the whole mapping.
    key: Option<&'a Span>,
    /// Its expression; none for the whole mapping.
    value: Option<&'a Span>,
}

pub(super) struct Pass<'a> {
    pub(super) schema: &'a Schema,
    /// Types that were defined twice: some of their fields are not known.
    redefined: &'a HashSet<Name>,
    pub(super) implementers: &'a HashMap<Name, Implementers>,
    bound: &'a Bound,
    connector: &'a Connector,
    pub(super) mapping: &'a Mapping,
    text: &'a SchemaText,
    /// Parts that never work, which is reported already.
    misused: Vec<Span>,
    given: &'a mut Given,
    diagnostics: &'a mut Diagnostics,
}

impl Pass<'_> {
    fn value(&mut self, shape: &Shape, ty: &Type, site: &Site<'_>) {
        let schema = self.schema;
        let named = ty.inner_named_type();
        let misfit = misfit(schema, shape, ty).filter(|_| !self.is_misused(site));
        if let Some((misfit, found, part)) = misfit {
            self.misfit(misfit, found, (ty, part), site);
        }
        match schema.types.get(named) {
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                self.objects(shape, ty, misfit.is_some(), site);
            }
            Some(ExtendedType::Enum(definition)) => {
                let values: Vec<&str> = definition.values.keys().map(Name::as_str).collect();
                self.enum_values(shape, named, &values, site);
            }
            // Undefined types are reported already.
            _ => {}
        }
    }

    fn misfit(&mut self, misfit: Misfit, found: &Shape, (ty, part): (&Type, &Type), site: &Site<'_>) {
        let Site { what, .. } = site;
        let found_words = found.in_words();
        let braces = site.key.is_none()
            && matches!(&self.mapping.root, Root::Expression(Expr { kind: ExprKind::Object(_), .. }));
        let help = match misfit {
            Misfit::NotAList if braces => {
                "remove the braces round the selection: without them it is applied to each element".to_owned()
            }
            Misfit::AnObject if site.key.is_none() => {
                lone_key_help(self.mapping).unwrap_or_else(|| help(self.schema, misfit, found, part))
            }
            _ => help(self.schema, misfit, found, part),
        };
        let (code, message) = match misfit {
            Misfit::AnObject => (
                Code::GroupSelectionIsNotObject,
                format!("`{what}` is `{ty}`, not an object, and the mapping gives an object"),
            ),
            Misfit::ALeaf => (
                Code::GroupSelectionRequiredForObject,
                format!("`{what}` is `{ty}`, an object type, and the mapping gives {found_words}"),
            ),
            Misfit::NotAList if self.connector.batch.is_some() && site.key.is_none() => (
                Code::SelectionTypeMismatch,
                format!("a batch is answered by a list of rows, and the selection gives {found_words}"),
            ),
            Misfit::AList if site.key.is_none() && matches!(self.connector.kind, Kind::Type { .. }) => (
                Code::SelectionTypeMismatch,
                format!("the connector completes one `{ty}` a request, and the selection gives a list"),
            ),
            _ => (
                Code::SelectionTypeMismatch,
                format!("`{what}` is `{ty}`, and the mapping gives {found_words}"),
            ),
        };
        self.report(code, site.value, message, help);
    }

    /// Strings that are written out and are no values of the enum.
    fn enum_values(&mut self, shape: &Shape, name: &Name, values: &[&str], site: &Site<'_>) {
        for alternative in flat(shape) {
            let Shape::String(Some(text)) = alternative else { continue };
            if values.contains(&text.as_str()) {
                continue;
            }
            let span = literal(self.mapping, site.value, text);
            let message = format!("`{}` is of the enum `{name}`, which has no value `{text}`", site.what);
            let help = suggest(text, values.iter().copied())
                .unwrap_or_else(|| "map it to one of the values".to_owned());
            self.report(Code::SelectionTypeMismatch, span.as_ref().or(site.value), message, help);
        }
    }

    /// A value for an object type.
    fn objects(&mut self, shape: &Shape, ty: &Type, is_told: bool, site: &Site<'_>) {
        let owner = ty.inner_named_type();
        let (mut leaves, mut unknown) = (None, false);
        for alternative in flat(shape) {
            match alternative {
                Shape::Object(object) => self.object(object, owner, site.key),
                Shape::Null | Shape::Missing => {}
                Shape::Unknown | Shape::OneOf(_) | Shape::List(_) | Shape::Declared(_) => unknown = true,
                leaf => leaves = leaves.or(Some(leaf)),
            }
        }
        if leaves.is_none() && !unknown {
            return;
        }
        let what = &site.what;
        let message = match leaves {
            Some(leaf) => {
                Some(format!("`{what}` is `{ty}`, an object type, and the mapping gives {}", leaf.in_words()))
            }
            None => self.is_plain(site).then(|| {
                format!(
                    "`{what}` is `{ty}`, an object type, and the mapping does not say which fields it has"
                )
            }),
        };
        if let Some(message) = message.filter(|_| !is_told && !self.is_misused(site)) {
            let help = add_selection(self.schema, owner);
            self.report(Code::GroupSelectionRequiredForObject, site.value, message, help);
        }
        // What its fields are is not known: none of them counts as missing.
        let possible = possible_types(self.schema, self.implementers, owner);
        self.given.opaque.extend(possible);
    }

    fn object(&mut self, object: &ObjectShape, owner: &Name, key: Option<&Span>) {
        let possible = self.possible_types(object, owner, key);
        let completes = key.is_none() && matches!(self.connector.kind, Kind::Type { .. });
        if !completes {
            let fields = object.fields.iter().filter_map(|field| Name::new(&field.name).ok());
            let pairs = fields.flat_map(|field| possible.iter().map(move |ty| (ty.clone(), field.clone())));
            self.given.first_hand.extend(pairs);
            self.add_way(object, &possible, key);
        }
        self.fields(object, owner, &possible);
        if object.is_open {
            self.given.opaque.extend(possible);
        }
    }

    fn fields(&mut self, object: &ObjectShape, owner: &Name, possible: &[Name]) {
        let schema = self.schema;
        for field in object.fields.iter().filter(|field| field.name != "__typename") {
            let mut definitions: Vec<(&Name, &FieldDefinition)> = Vec::new();
            for name in possible {
                let object = schema.get_object(name);
                let definition =
                    object.and_then(|object| Some((&object.name, object.fields.get(field.name.as_str())?)));
                definitions.extend(definition.map(|(name, field)| (name, &***field)));
            }
            let Some((named, first)) = definitions.first() else {
                self.unknown_field(object, owner, possible, field);
                continue;
            };
            let what = format!("{}.{}", if possible.len() == 1 { named } else { owner }, field.name);
            if !first.arguments.is_empty() && !self.has_connector(&definitions) {
                let message = format!("`{what}` takes arguments, which a mapping of its parent cannot read");
                let help = "give the field a `@connect` of its own, or remove its arguments";
                self.report(Code::ConnectorsFieldWithArguments, Some(&field.span), message, help.to_owned());
            }
            let keys = definitions.iter().map(|(name, field)| ((*name).clone(), field.name.clone()));
            self.given.fields.extend(keys);
            let ty = first.ty.clone();
            self.value(&field.shape, &ty, &Site { what, key: Some(&field.span), value: Some(&field.value) });
        }
    }

    /// A way to objects of one type. Where the type is not known, no field can be said to be missing.
    fn add_way(&mut self, object: &ObjectShape, possible: &[Name], key: Option<&Span>) {
        if let [ty] = possible {
            let place = self.place(key);
            let coordinate = self.connector.coordinate.clone();
            self.given.ways.push(Way { ty: ty.clone(), object: object.clone(), place, coordinate });
        }
    }

    fn has_connector(&self, definitions: &[(&Name, &FieldDefinition)]) -> bool {
        let by_field = &self.bound.by_field;
        definitions
            .iter()
            .any(|(owner, field)| by_field.contains_key(&((*owner).clone(), field.name.clone())))
    }

    fn unknown_field(&mut self, object: &ObjectShape, owner: &Name, possible: &[Name], field: &FieldShape) {
        let FieldShape { name, span, .. } = field;
        let schema = self.schema;
        if possible.iter().any(|ty| self.redefined.contains(ty)) {
            return;
        }
        let fields = possible.iter().filter_map(|ty| schema.get_object(ty)).flat_map(|ty| ty.fields.keys());
        let known: Vec<&str> = fields.map(Name::as_str).collect();
        let meant = nearest(name, known.iter().copied()).map(str::to_owned);
        let read = self.text.value.get(field.value.clone()).unwrap_or_default();
        let help = match meant.is_none() && known.contains(&read) {
            true => format!("did you mean `{read}: {name}`? the field of the type stands on the left"),
            false => suggest(name, known.iter().copied())
                .unwrap_or_else(|| format!("add it: `extend type {owner} {{ {name}: … }}`")),
        };
        let ty = if let [ty] = possible { ty } else { owner };
        let message = format!("the type `{ty}` has no field `{name}`");
        self.report(Code::SelectedFieldNotFound, Some(span), message, help);
        if let Some(name) = meant.filter(|meant| object.field(meant).is_none()) {
            // That nothing gives the field that was meant is the same mistake.
            let object = ObjectShape {
                fields: vec![FieldShape { name, ..field.clone() }],
                is_open: true,
                ..object.clone()
            };
            self.fields(&object, owner, possible);
        }
    }

    /// Whether a value is read by keys alone.
    fn is_plain(&self, site: &Site<'_>) -> bool {
        match site.value {
            None => is_plain_mapping(self.mapping),
            Some(span) => value_at(self.mapping, span).is_some_and(is_plain),
        }
    }

    /// Whether a part of the value never works.
    fn is_misused(&self, site: &Site<'_>) -> bool {
        let holds = |misused: &Span| {
            site.value.is_none_or(|value| value.start <= misused.start && misused.end <= value.end)
        };
        self.misused.iter().any(holds)
    }

    /// A place of the mapping; the mapping as a whole for none.
    fn place(&self, span: Option<&Span>) -> Place {
        self.text.place(span.cloned().unwrap_or(0..self.text.value.len()))
    }

    pub(super) fn report(&mut self, code: Code, span: Option<&Span>, message: String, help: String) {
        let place = self.place(span);
        let diagnostic = Diagnostic::new(code, place, message).help(help);
        self.diagnostics.push(diagnostic.on(self.connector.coordinate.as_str()));
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
