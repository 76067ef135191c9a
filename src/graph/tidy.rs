//! What is done to the parsed files before they become one schema: what is defined twice is shown with both places,
//! directives that are not built are refused, `extend type Query` stands by itself.
//! Whatever is reported here is taken out, so that it is reported once.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use apollo_compiler::{
    Name, Node,
    ast::{Definition, DirectiveList, Document, FieldDefinition, InputValueDefinition, ObjectTypeDefinition},
};

use super::{
    definitions::{LATER, UNSUPPORTED_FEDERATION},
    files::SchemaFiles,
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// What was taken out; nothing more is said about it.
#[derive(Debug, Default)]
pub(super) struct TakenOut {
    /// Fields that carried a refused directive, as (type, field).
    pub(super) fields: HashSet<(Name, Name)>,
    /// Types that were defined again: some of their fields are gone.
    pub(super) types: HashSet<Name>,
}

/// Tidies all documents. `added` are the names that Ficus defines itself.
pub(super) fn tidy(
    documents: &mut [Document],
    files: &SchemaFiles,
    added: &HashSet<Name>,
    diagnostics: &mut Diagnostics,
) -> TakenOut {
    let (types, fields, out) = (HashMap::new(), HashMap::new(), TakenOut::default());
    let mut tidy = Tidy { files, added, diagnostics, types, fields, out };
    for document in documents.iter_mut() {
        document.definitions.retain_mut(|definition| tidy.keep(definition));
    }
    let out = tidy.out;
    adopt_root_extensions(documents);
    out
}

struct Tidy<'a> {
    files: &'a SchemaFiles,
    added: &'a HashSet<Name>,
    diagnostics: &'a mut Diagnostics,
    /// The first definition of each type.
    types: HashMap<Name, Name>,
    /// The first definition of each field, by type and field.
    fields: HashMap<(Name, Name), Name>,
    out: TakenOut,
}

impl Tidy<'_> {
    fn keep(&mut self, definition: &mut Definition) -> bool {
        if definition.name().is_some_and(|name| self.added.contains(name)) {
            // Written out for other tools; Ficus's own definition holds.
            return false;
        }
        let name = definition.name().cloned();
        let is_type = !definition.is_extension_definition()
            && !matches!(definition, Definition::DirectiveDefinition(_) | Definition::SchemaDefinition(_));
        if let (true, Some(name)) = (is_type && !definition.is_executable_definition(), &name)
            && !self.define(name)
        {
            return false;
        }
        let coordinate = name.as_ref().map_or("schema", Name::as_str);
        match definition {
            Definition::SchemaDefinition(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::SchemaExtension(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::ScalarTypeDefinition(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::ScalarTypeExtension(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::UnionTypeDefinition(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::UnionTypeExtension(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::EnumTypeDefinition(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::EnumTypeExtension(d) => self.strip(&mut d.make_mut().directives, coordinate),
            Definition::ObjectTypeDefinition(d) => {
                let d = d.make_mut();
                self.type_with_fields(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::ObjectTypeExtension(d) => {
                let d = d.make_mut();
                self.type_with_fields(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::InterfaceTypeDefinition(d) => {
                let d = d.make_mut();
                self.type_with_fields(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::InterfaceTypeExtension(d) => {
                let d = d.make_mut();
                self.type_with_fields(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::InputObjectTypeDefinition(d) => {
                let d = d.make_mut();
                self.input(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::InputObjectTypeExtension(d) => {
                let d = d.make_mut();
                self.input(&d.name, &mut d.directives, &mut d.fields)
            }
            Definition::OperationDefinition(_)
            | Definition::FragmentDefinition(_)
            | Definition::DirectiveDefinition(_) => {}
        }
        true
    }

    /// False when the type is defined already.
    fn define(&mut self, name: &Name) -> bool {
        match self.types.entry(name.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(name.clone());
                true
            }
            Entry::Occupied(entry) => {
                let place = self.files.place(name.location());
                let diagnostic = Diagnostic::new(
                    Code::DuplicateType,
                    place,
                    format!("the type `{name}` is defined twice"),
                )
                .also(self.files.place(entry.get().location()), "first defined here")
                .on(name.as_str())
                .help("define it once and write `extend type` everywhere else");
                self.diagnostics.push(diagnostic);
                self.out.types.insert(name.clone());
                false
            }
        }
    }

    fn type_with_fields(
        &mut self,
        owner: &Name,
        directives: &mut DirectiveList,
        fields: &mut Vec<Node<FieldDefinition>>,
    ) {
        self.strip(directives, owner);
        fields.retain(|field| self.define_field(owner, &field.name));
        for field in fields {
            let field = field.make_mut();
            let coordinate = format!("{owner}.{}", field.name);
            let before = field.directives.len();
            self.strip(&mut field.directives, &coordinate);
            if field.directives.len() != before {
                self.out.fields.insert((owner.clone(), field.name.clone()));
            }
            for argument in &mut field.arguments {
                self.strip(&mut argument.make_mut().directives, &coordinate);
            }
        }
    }

    fn input(
        &mut self,
        owner: &Name,
        directives: &mut DirectiveList,
        fields: &mut Vec<Node<InputValueDefinition>>,
    ) {
        self.strip(directives, owner);
        fields.retain(|field| self.define_field(owner, &field.name));
    }

    /// False when the field is defined already.
    fn define_field(&mut self, owner: &Name, field: &Name) -> bool {
        match self.fields.entry((owner.clone(), field.clone())) {
            Entry::Vacant(entry) => {
                entry.insert(field.clone());
                true
            }
            Entry::Occupied(entry) => {
                let message = format!("the field `{owner}.{field}` is defined twice");
                let diagnostic =
                    Diagnostic::new(Code::DuplicateField, self.files.place(field.location()), message)
                        .also(self.files.place(entry.get().location()), "first defined here")
                        .on(format!("{owner}.{field}"))
                        .help("remove one of them");
                self.diagnostics.push(diagnostic);
                false
            }
        }
    }

    /// Takes refused directives off.
    fn strip(&mut self, directives: &mut DirectiveList, coordinate: &str) {
        directives.0.retain(|directive| {
            let name = directive.name.as_str();
            let place = || self.files.place(directive.location());
            let diagnostic = if LATER.contains(&name) {
                Diagnostic::new(Code::NotSupportedYet, place(), format!("`@{name}` is not supported yet"))
                    .help("remove it: a directive that is read and ignored would be worse than none")
            } else if UNSUPPORTED_FEDERATION.contains(&name.trim_start_matches("federation__")) {
                let code = Code::ConnectorsUnsupportedFederationDirective;
                Diagnostic::new(code, place(), format!("`@{name}` has no meaning in a graph of connectors"))
                    .help("pass the value as an argument, or read it through `$this`")
            } else {
                return true;
            };
            self.diagnostics.push(diagnostic.on(coordinate));
            false
        });
    }
}

/// Makes the first `extend type Query` (Mutation, Subscription) its definition where there is no other: with a file per
/// bounded context, none of them is the natural owner of a root type.
fn adopt_root_extensions(documents: &mut [Document]) {
    for root in ["Query", "Mutation", "Subscription"] {
        let named = |definition: &Definition| definition.name().is_some_and(|name| name == root);
        let all = || documents.iter().flat_map(|document| &document.definitions);
        if all().any(|definition| named(definition) && !definition.is_extension_definition()) {
            continue;
        }
        let Some(first) = documents
            .iter_mut()
            .flat_map(|document| &mut document.definitions)
            .find(|definition| named(definition))
        else {
            continue;
        };
        if let Definition::ObjectTypeExtension(extension) = &*first {
            *first = Definition::ObjectTypeDefinition(extension.same_location(ObjectTypeDefinition {
                description: None,
                name: extension.name.clone(),
                implements_interfaces: extension.implements_interfaces.clone(),
                directives: extension.directives.clone(),
                fields: extension.fields.clone(),
            }));
        }
    }
}
