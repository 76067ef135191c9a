//! Types of `oneOf`, `anyOf` and of objects with a discriminator: a union where a property tells the member at run time,
//! one object with all fields where nothing tells, JSON where GraphQL has no type for the choice.

use serde_json::Value;

use super::{
    build::{Builder, Direction, Place},
    document::{Document, Located, entries},
    name,
    report::Code,
    schema::{self, Discriminator, Form, Object, OneOf, Property, Scalar, Schema},
    types::{Id, Kind, Leaf, Tell, Type},
};

/// A schema that says nothing.
static ANYTHING: Value = Value::Null;

/// Choices within choices that are taken as one.
const DEPTH_MAX: usize = 4;

/// Variants of one choice.
const VARIANTS_MAX: usize = 200;

/// A choice, without the choices inside it.
fn flattened<'d>(document: Document<'d>, one_of: &OneOf<'d>, depth: usize, found: &mut Vec<Schema<'d>>) {
    for variant in &one_of.variants {
        let schema = schema::read(document, variant);
        match &schema.form {
            Form::OneOf(inner) if depth < DEPTH_MAX && inner.base.is_empty() => {
                flattened(document, inner, depth + 1, found);
            }
            _ if found.len() >= VARIANTS_MAX => return,
            _ if found.iter().any(|known| known.at.pointer == schema.at.pointer) => {}
            _ => found.push(schema),
        }
    }
}

/// The type of a choice.
pub(super) fn one_of<'d>(
    builder: &mut Builder<'d>,
    schema: &Schema<'d>,
    one_of: &OneOf<'d>,
    place: Place<'_>,
) -> Type {
    let mut variants = Vec::new();
    flattened(builder.document, one_of, 0, &mut variants);
    let objects: Vec<(&Schema<'d>, &Object<'d>)> = variants
        .iter()
        .filter_map(|variant| match &variant.form {
            Form::Object(object) => Some((variant, object)),
            _ => None,
        })
        .collect();
    if objects.len() == variants.len() && !objects.is_empty() {
        let told = place.direction == Direction::Output && only_tells(one_of);
        if told && let Some(union) = union(builder, schema, one_of, &objects, place) {
            return union;
        }
        let properties = merged(&one_of.base, &objects);
        return builder.object(schema, properties, place);
    }
    if let Some(ty) = scalars(&variants, place) {
        return ty;
    }
    // One value or several of it: a client may always send a list.
    if let (Direction::Input, [one, Schema { form: Form::List(Some(items)), .. }]) =
        (place.direction, variants.as_slice())
        && schema::read(builder.document, items).form_is(&one.form)
    {
        return Type::list(builder.slot(items, place));
    }
    if let [_, _, ..] = variants.as_slice() {
        let reason = "one of several types of which GraphQL has no union, so its values are JSON";
        builder.note(Code::Untyped, place.name, &schema.at, reason);
    }
    Type::Leaf(Leaf::Json)
}

/// Whether what the variants share is nothing but the property that tells them apart.
fn only_tells(one_of: &OneOf<'_>) -> bool {
    let tells = one_of.discriminator.as_ref().map(|found| found.property);
    one_of.base.iter().all(|property| Some(property.name) == tells)
}

/// One object with the fields of all: what only some have may be missing.
fn merged<'d>(base: &[Property<'d>], objects: &[(&Schema<'d>, &Object<'d>)]) -> Vec<Property<'d>> {
    let mut merged: Vec<Property<'d>> = base.to_vec();
    for (_, object) in objects {
        for property in &object.properties {
            if !merged.iter().any(|known| known.name == property.name) {
                let everywhere = objects.iter().all(|(_, object)| {
                    object.properties.iter().any(|other| other.name == property.name && other.required)
                });
                merged.push(Property { required: everywhere, ..property.clone() });
            }
        }
    }
    for property in &mut merged {
        let mut others = objects.iter().flat_map(|(_, object)| &object.properties);
        let differs = others.any(|other| other.name == property.name && !alike(other, property));
        if differs && !base.iter().any(|known| known.name == property.name) {
            // Nothing is known of a property that each variant describes in its own way.
            property.schema.value = &ANYTHING;
        }
    }
    merged
}

fn alike(one: &Property<'_>, other: &Property<'_>) -> bool {
    let words = |property: &Property<'_>| {
        let words = entries(Some(property.schema.value));
        let mut words: Vec<(String, String)> = words
            .filter(|(word, _)| {
                !matches!(word.as_str(), "description" | "title" | "example" | "enum" | "default")
            })
            .map(|(word, value)| (word.clone(), value.to_string()))
            .collect();
        words.sort();
        words
    };
    one.schema.value == other.schema.value || words(one) == words(other)
}

/// A choice of scalars that one scalar can hold.
fn scalars(variants: &[Schema<'_>], place: Place<'_>) -> Option<Type> {
    let mut kinds: Vec<Scalar> = Vec::new();
    for variant in variants {
        kinds.push(match &variant.form {
            Form::Scalar(scalar) => *scalar,
            Form::Enum(_) => Scalar::String,
            _ => return None,
        });
    }
    let all = |allowed: &[Scalar]| kinds.iter().all(|kind| allowed.contains(kind));
    let leaf = match () {
        () if all(&[Scalar::Boolean]) => Leaf::Boolean,
        () if all(&[Scalar::Int]) => Leaf::Int,
        () if all(&[Scalar::Int, Scalar::Long]) => Leaf::Long,
        () if all(&[Scalar::Int, Scalar::Long, Scalar::Float]) => Leaf::Float,
        () if all(&[Scalar::DateTime]) => Leaf::DateTime,
        () if all(&[Scalar::Date]) => Leaf::Date,
        () if all(&[Scalar::String, Scalar::Date, Scalar::DateTime]) => Leaf::String,
        () if all(&[Scalar::String, Scalar::Int, Scalar::Long]) && place.direction == Direction::Output => {
            if !name::is_identifier(place.key) {
                return None;
            }
            Leaf::Id
        }
        () => return None,
    };
    Some(Type::Leaf(leaf))
}

/// A union, if a property tells its members apart.
fn union<'d>(
    builder: &mut Builder<'d>,
    schema: &Schema<'d>,
    one_of: &OneOf<'d>,
    objects: &[(&Schema<'d>, &Object<'d>)],
    place: Place<'_>,
) -> Option<Type> {
    if objects.len() < 2 {
        return None;
    }
    let told = match &one_of.discriminator {
        Some(discriminator) => by_discriminator(builder.document, discriminator, objects),
        None => None,
    };
    let (property, values) = told.or_else(|| by_constants(builder.document, objects))?;
    let members: Vec<(String, &Schema<'d>)> =
        values.into_iter().map(|(v, i)| Some((v, objects.get(i)?.0))).collect::<Option<_>>()?;
    let tell = Tell { property: property.to_owned(), members: Vec::new() };
    let (id, is_new) = builder.define(schema, place, Kind::Union(tell));
    let id = id?;
    if is_new {
        fill_union(builder, id, &members, place);
    }
    Some(Type::Named(id))
}

/// Makes the members; an object that turns out to have no fields is none.
fn fill_union<'d>(builder: &mut Builder<'d>, id: Id, members: &[(String, &Schema<'d>)], place: Place<'_>) {
    let mut found: Vec<(String, Id)> = Vec::new();
    for (value, member) in members {
        let Form::Object(object) = &member.form else { continue };
        let name = format!("{}{}", place.name, name::type_name(value));
        let place = Place { name: &name, direction: Direction::Output, ..place };
        let made = builder.object(member, object.properties.clone(), place).definition();
        // A member may be a union of its own where another place made one of it.
        let is_object =
            |id: &Id| builder.definitions.get(*id).is_some_and(|d| matches!(d.kind, Kind::Object(_)));
        found.extend(made.filter(is_object).map(|member| (value.clone(), member)));
    }
    if let Some(definition) = builder.definitions.get_mut(id)
        && let Kind::Union(tell) = &mut definition.kind
    {
        tell.members = found;
    }
}

/// Values of the discriminator, with the number of the variant each stands for. None unless every variant has one.
fn by_discriminator<'d>(
    document: Document<'d>,
    discriminator: &Discriminator<'d>,
    objects: &[(&Schema<'d>, &Object<'d>)],
) -> Option<(&'d str, Vec<(String, usize)>)> {
    let mut values: Vec<(String, usize)> = Vec::new();
    for (value, target) in &discriminator.mapping {
        let index = objects.iter().position(|(schema, _)| names(document, target, &schema.at));
        values.extend(index.map(|index| ((*value).to_owned(), index)));
    }
    for (index, (schema, object)) in objects.iter().enumerate() {
        if values.iter().any(|(_, known)| *known == index) {
            continue;
        }
        // Without a mapping the value is the schema's name, unless the schema itself fixes the property.
        let fixed = object.properties.iter().find(|property| property.name == discriminator.property);
        let fixed = fixed.and_then(|property| match schema::read(document, &property.schema).form {
            Form::Enum(values) => Some(values),
            _ => None,
        });
        match (fixed, document.schema_name(&schema.at.pointer)) {
            (Some(fixed), _) if fixed.len() == 1 => {
                values.extend(fixed.iter().map(|v| ((*v).to_owned(), index)))
            }
            (_, Some(name)) => values.push((name, index)),
            _ => return None,
        }
    }
    Some((discriminator.property, values))
}

/// Whether a target in a discriminator's mapping is a schema.
fn names(document: Document<'_>, target: &str, at: &Located<'_>) -> bool {
    if target.starts_with('#') {
        return document
            .target(target)
            .and_then(|found| document.follow(found))
            .is_ok_and(|f| f.pointer == at.pointer);
    }
    document.schema_name(&at.pointer).is_some_and(|name| name == target)
}

/// A property that every variant has with values of its own: `type: {enum: [card]}`.
fn by_constants<'d>(
    document: Document<'d>,
    objects: &[(&Schema<'d>, &Object<'d>)],
) -> Option<(&'d str, Vec<(String, usize)>)> {
    let constants = |property: &Property<'d>| match schema::read(document, &property.schema).form {
        Form::Enum(values) if property.required || values.len() == 1 => Some(values),
        _ => None,
    };
    let (_, first) = objects.first()?;
    first.properties.iter().find_map(|candidate| {
        let mut values: Vec<(String, usize)> = Vec::new();
        for (index, (_, object)) in objects.iter().enumerate() {
            let property = object.properties.iter().find(|property| property.name == candidate.name)?;
            for value in constants(property)? {
                if values.iter().any(|(known, _)| known == value) {
                    return None;
                }
                values.push((value.to_owned(), index));
            }
        }
        Some((candidate.name, values))
    })
}

/// An object whose discriminator says which of the schemas that include it by `allOf` it is.
pub(super) fn subtypes<'d>(
    builder: &mut Builder<'d>,
    schema: &Schema<'d>,
    object: &Object<'d>,
    place: Place<'_>,
) -> Option<Type> {
    let discriminator = object.discriminator.as_ref()?;
    if place.direction == Direction::Input || builder.document.schema_name(&schema.at.pointer).is_none() {
        return None;
    }
    let derived: Vec<Schema<'d>> = builder.derived(&schema.at.pointer);
    let objects: Vec<(&Schema<'d>, &Object<'d>)> = derived
        .iter()
        .filter_map(|variant| match &variant.form {
            Form::Object(object) => Some((variant, object)),
            _ => None,
        })
        .collect();
    if objects.is_empty() {
        return None;
    }
    let (property, values) = by_discriminator(builder.document, discriminator, &objects)?;
    let tell = Tell { property: property.to_owned(), members: Vec::new() };
    let (id, is_new) = builder.define(schema, place, Kind::Union(tell));
    let id = id?;
    if is_new {
        let mut members: Vec<(String, &Schema<'d>)> = Vec::new();
        for (value, index) in values {
            members.extend(objects.get(index).map(|(schema, _)| (value, *schema)));
        }
        fill_union(builder, id, &members, place);
    }
    Some(Type::Named(id))
}

impl Schema<'_> {
    /// Whether it is of the same scalar form.
    fn form_is(&self, other: &Form<'_>) -> bool {
        match (&self.form, other) {
            (Form::Scalar(one), Form::Scalar(other)) => one == other,
            (Form::Enum(one), Form::Enum(other)) => one == other,
            _ => false,
        }
    }
}
