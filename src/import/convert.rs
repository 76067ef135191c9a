//! Values on their way to the backend: GraphQL names turned back into what the document calls things. What is called the
//! same on both sides is sent as it is.

use std::collections::HashSet;

use super::{
    literal::{key, mapped},
    select::Node,
    types::{Definition, Field, Id, Kind, Slot, Type, fields},
};

/// How often an input may stand in itself before it goes through unmapped.
const CIRCLES_MAX: usize = 2;

/// Fields that one mapping may list.
const FIELDS_MAX: usize = 2_000;

/// An expression that turns a value of a type into what is sent.
pub(super) fn sent(definitions: &[Definition], read: &str, slot: &Slot) -> String {
    body(definitions, read, slot).0.to_line()
}

/// As [`sent`], to be written over several lines; and whether something deep inside goes through unmapped.
pub(super) fn body(definitions: &[Definition], read: &str, slot: &Slot) -> (Node, bool) {
    let mut sender = Sender { definitions, inside: Vec::new(), fields: 0, cut: false };
    let node = sender.value(read, slot).unwrap_or_else(|| Node::Line(read.to_owned()));
    (node, sender.cut)
}

struct Sender<'a> {
    definitions: &'a [Definition],
    /// Inputs that the value at hand stands in.
    inside: Vec<Id>,
    fields: usize,
    cut: bool,
}

impl Sender<'_> {
    /// None where the value is sent as it is.
    fn value(&mut self, read: &str, slot: &Slot) -> Option<Node> {
        let definitions = self.definitions;
        let optional = if slot.nullable { "?" } else { "" };
        match &slot.ty {
            Type::Leaf(_) | Type::Entries(_) => None,
            Type::Named(id) => match &definitions.get(*id)?.kind {
                Kind::Enum(values) => {
                    match_names(values).map(|pairs| Node::Line(format!("{read}{optional}->match({pairs})")))
                }
                Kind::Input(list) => {
                    let body = self.object(*id, list)?;
                    Some(Node::Block { open: format!("{read} {{"), body, close: "}".to_owned() })
                }
                Kind::Object(_) | Kind::Union(_) => None,
            },
            // `{ … }` maps over lists by itself.
            Type::List(of) => match of.ty {
                Type::Named(id) if !fields(definitions, id).is_empty() => self.value(read, of),
                _ => {
                    let inner = self.value("@", of)?.to_line();
                    Some(Node::Line(format!("{read}{optional}->map({inner})")))
                }
            },
        }
    }

    /// The items that build what is sent of an input object; none where all are sent as they are.
    fn object(&mut self, id: Id, list: &[Field]) -> Option<Vec<Node>> {
        self.fields += list.len();
        if !needs_mapping(self.definitions, id, &mut HashSet::new()) {
            return None;
        }
        let again = self.inside.iter().filter(|outer| **outer == id).count();
        if again >= CIRCLES_MAX || self.fields > FIELDS_MAX {
            self.cut = true;
            return None;
        }
        self.inside.push(id);
        let mut items = Vec::new();
        for field in list {
            let read = key(&field.name);
            items.push(match self.value(&read, &field.slot) {
                None if field.name == field.key && read == field.name => Node::Line(field.name.clone()),
                None => Node::Line(format!("{}: $.{read}", key(&field.key))),
                Some(mapped @ Node::Block { .. }) if key(&field.key) == read => mapped,
                Some(mapped) => mapped.after(&format!("{}: ", key(&field.key))),
            });
        }
        self.inside.pop();
        Some(items)
    }
}

/// Whether a type or one inside it is called differently on the two sides.
fn needs_mapping(definitions: &[Definition], id: Id, seen: &mut HashSet<Id>) -> bool {
    if !seen.insert(id) {
        return false;
    }
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
