//! Values on their way to the backend: GraphQL names turned back into what the document calls things. What is called the
//! same on both sides is sent as it is.

use super::{
    literal::{key, mapped},
    types::{Definition, Field, Id, Kind, Slot, Type, fields},
};

/// Input types that hold each other are followed so deep.
const DEPTH_MAX: usize = 8;

/// Fields that one mapping may list: circles of inputs end here at the latest.
const FIELDS_MAX: usize = 2_000;

/// An expression that turns a value of a type into what is sent.
pub(super) fn sent(definitions: &[Definition], read: &str, slot: &Slot) -> String {
    let mut sender = Sender { definitions, inside: Vec::new(), fields: 0 };
    sender.value(read, slot).unwrap_or_else(|| read.to_owned())
}

struct Sender<'a> {
    definitions: &'a [Definition],
    /// Inputs that the value at hand stands in.
    inside: Vec<Id>,
    fields: usize,
}

impl Sender<'_> {
    /// None where the value is sent as it is.
    fn value(&mut self, read: &str, slot: &Slot) -> Option<String> {
        let definitions = self.definitions;
        let optional = if slot.nullable { "?" } else { "" };
        match &slot.ty {
            Type::Leaf(_) | Type::Entries(_) => None,
            Type::Named(id) => match &definitions.get(*id)?.kind {
                Kind::Enum(values) => {
                    match_names(values).map(|pairs| format!("{read}{optional}->match({pairs})"))
                }
                Kind::Input(list) => {
                    let items = self.object(*id, list)?;
                    Some(format!("{read} {{ {} }}", items.join(" ")))
                }
                Kind::Object(_) | Kind::Union(_) => None,
            },
            // `{ … }` maps over lists by itself.
            Type::List(of) => match of.ty {
                Type::Named(id) if !fields(definitions, id).is_empty() => self.value(read, of),
                _ => {
                    let inner = self.value("@", of)?;
                    Some(format!("{read}{optional}->map({inner})"))
                }
            },
        }
    }

    /// The items that build what is sent of an input object; none where all are sent as they are.
    fn object(&mut self, id: Id, list: &[Field]) -> Option<Vec<String>> {
        self.fields += list.len();
        // A circle of inputs that need mapping goes through unmapped below a bound.
        let is_deep = self.inside.len() >= DEPTH_MAX || self.fields > FIELDS_MAX;
        if is_deep || !needs_mapping(self.definitions, id, &mut Vec::new()) {
            return None;
        }
        self.inside.push(id);
        let mut items = Vec::new();
        for field in list {
            let read = key(&field.name);
            items.push(match self.value(&read, &field.slot) {
                None if field.name == field.key && read == field.name => field.name.clone(),
                None => format!("{}: $.{read}", key(&field.key)),
                Some(mapped) => format!("{}: {mapped}", key(&field.key)),
            });
        }
        self.inside.pop();
        Some(items)
    }
}

/// Whether a type or one inside it is called differently on the two sides.
fn needs_mapping(definitions: &[Definition], id: Id, seen: &mut Vec<Id>) -> bool {
    if seen.contains(&id) {
        return false;
    }
    seen.push(id);
    match definitions.get(id).map(|definition| &definition.kind) {
        Some(Kind::Enum(values)) => match_names(values).is_some(),
        Some(Kind::Input(list)) => list.iter().any(|field| {
            let inner = field.slot.ty.definition();
            field.name != field.key || inner.is_some_and(|id| needs_mapping(definitions, id, seen))
        }),
        _ => false,
    }
}

/// Arguments of `->match` from names to values; none where they are the same.
fn match_names(values: &[(String, String)]) -> Option<String> {
    pairs(values.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Arguments of `->match` from values to names; none where they are the same.
pub(super) fn match_values(values: &[(String, String)]) -> Option<String> {
    pairs(values.iter().map(|(name, value)| (value.as_str(), name.as_str())))
}

fn pairs<'v>(values: impl Iterator<Item = (&'v str, &'v str)>) -> Option<String> {
    let differing: Vec<String> = values
        .filter(|(from, to)| from != to)
        .map(|(from, to)| format!("[{}, {}]", mapped(from), mapped(to)))
        .collect();
    // What is called the same, and what the document does not know, goes through.
    (!differing.is_empty()).then(|| format!("{}, [@, @]", differing.join(", ")))
}
