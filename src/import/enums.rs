//! Enums: values that are names stay as they are, others get names and are mapped, and where that goes wrong a string says
//! what it may be.

use super::{
    build::{Builder, Place, TYPES_MAX},
    name,
    schema::{Form, Schema},
    types::{Definition, Kind, Leaf, Type},
};

/// Enums with values that are not names are mapped value by value, up to this many.
const MAPPED_MAX: usize = 30;

impl<'d> Builder<'d> {
    pub(super) fn enumeration(&mut self, schema: &Schema<'d>, values: &[&'d str], place: Place<'_>) -> Type {
        let mut distinct: Vec<&'d str> = Vec::new();
        values.iter().for_each(|value| {
            if !distinct.contains(value) {
                distinct.push(value)
            }
        });
        let Some(values) = enum_names(&distinct) else { return Type::Leaf(Leaf::String) };
        let component = self.component(&schema.at.pointer);
        let word = component.clone().unwrap_or_else(|| name::type_name(place.key));
        if let Some(id) = self.enums.get(&(word.clone(), distinct.clone())).copied() {
            if place.in_type && self.provisional.remove(&id) {
                let name = self.names.take_type(place.name);
                self.definitions.get_mut(id).into_iter().for_each(|found| found.name.clone_from(&name));
            }
            return Type::Named(id);
        }
        if self.definitions.len() >= TYPES_MAX {
            return Type::Leaf(Leaf::String);
        }
        let id = self.definitions.len();
        if component.is_none() && !place.in_type {
            self.provisional.insert(id);
        }
        let base = component.unwrap_or_else(|| place.name.to_owned());
        let name = self.names.take_type(&base);
        let described = self.document.schema_name(&schema.at.pointer).and(schema.description);
        let description = described.map(str::to_owned);
        let pointer = schema.at.pointer.clone();
        self.definitions.push(Definition { name, description, pointer, kind: Kind::Enum(values) });
        self.enums.insert((word, distinct), id);
        Type::Named(id)
    }
}

/// The names of an enum's values; none where strings are better.
fn enum_names(values: &[&str]) -> Option<Vec<(String, String)>> {
    let usable = |value: &str| name::is_name(value) && !matches!(value, "true" | "false" | "null");
    if values.len() < 2 {
        // A constant says nothing that a client would choose.
        return None;
    }
    if values.iter().all(|value| usable(value)) {
        return Some(values.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect());
    }
    let mut names: Vec<(String, String)> = Vec::new();
    for value in values {
        let name = name::enum_value(value);
        if name.is_empty() || name.starts_with("__") || names.iter().any(|(known, _)| *known == name) {
            return None;
        }
        names.push((name, (*value).to_owned()));
    }
    (names.len() <= MAPPED_MAX).then_some(names)
}

/// A description, and the values of an enum that is a string here.
pub(super) fn describe(schema: &Schema<'_>, description: Option<&str>) -> Option<String> {
    let described = description.map(str::to_owned);
    let Form::Enum(values) = &schema.form else { return described };
    if enum_names(values).is_some() || values.is_empty() {
        return described;
    }
    let listed: Vec<String> = values.iter().take(50).map(|value| format!("`{value}`")).collect();
    let more = if values.len() > listed.len() { ", …" } else { "" };
    let listed = match listed.as_slice() {
        [one] => format!("Always {one}."),
        several => format!("One of {}{more}.", several.join(", ")),
    };
    Some(described.map_or_else(|| listed.clone(), |text| format!("{text}\n\n{listed}")))
}
