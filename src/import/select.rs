//! Selections: which of a response's values fill which fields. A type is written out as deep as it stays readable; below
//! that, what the backend calls as the schema does is passed on as it is, which also ends circles.

use std::collections::{HashMap, HashSet};

use super::{
    convert::match_values,
    literal::{key, mapped},
    types::{Definition, Field, Id, Kind, Origin, Slot, Tell, Type, fields},
};

/// Up to this many fields a selection is written out in full.
const FIELDS_SOFT: usize = 250;
/// Up to this many, where values must be mapped and so cannot be passed on as they are.
const FIELDS_HARD: usize = 2_000;
/// Levels of objects; clients ask for 15 at most by default.
const DEPTH_MAX: usize = 10;

/// A line of a selection, or a line with others below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Line(String),
    Block { open: String, body: Vec<Node>, close: String },
}

impl Node {
    /// All of it on one line.
    pub(super) fn to_line(&self) -> String {
        match self {
            Node::Line(text) => text.clone(),
            Node::Block { open, body, close } => {
                let body: Vec<String> = body.iter().map(Node::to_line).collect();
                format!("{open} {} {close}", body.join(" "))
            }
        }
    }

    /// With a text before it.
    pub(super) fn after(self, text: &str) -> Node {
        match self {
            Node::Line(line) => Node::Line(format!("{text}{line}")),
            Node::Block { open, body, close } => Node::Block { open: format!("{text}{open}"), body, close },
        }
    }
}

/// What all selections give, type by type.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// How many selections make objects of a type.
    ways: HashMap<Id, usize>,
    /// How many of them give a field, by its index.
    fields: HashMap<(Id, usize), usize>,
    /// Types whose objects are passed on as they are, and all that these hold.
    opaque: HashSet<Id>,
}

impl Given {
    /// Whether any selection gives a field.
    pub(super) fn ever(&self, id: Id, index: usize) -> bool {
        self.opaque.contains(&id) || self.fields.contains_key(&(id, index))
    }

    /// Whether all selections of a type give a field.
    pub(super) fn always(&self, id: Id, index: usize) -> bool {
        self.fields.get(&(id, index)).copied().unwrap_or(0) == self.ways.get(&id).copied().unwrap_or(0)
    }

    /// Whether any selection makes objects of a type.
    pub(super) fn made(&self, id: Id) -> bool {
        self.ways.contains_key(&id) || self.opaque.contains(&id)
    }
}

/// Writes selections for types.
pub(super) struct Selector<'a> {
    definitions: &'a [Definition],
    /// Types that are called the same on both sides, with all that they hold.
    plain: HashSet<Id>,
    /// Types that a connector completes by these fields.
    keys: &'a HashMap<Id, Vec<usize>>,
    pub(super) given: Given,
    sizes: HashMap<(Id, usize), usize>,
    inside: Vec<Id>,
    soft: usize,
    hard: usize,
}

impl<'a> Selector<'a> {
    pub(super) fn new(definitions: &'a [Definition], keys: &'a HashMap<Id, Vec<usize>>) -> Self {
        Selector {
            definitions,
            plain: plain_types(definitions),
            keys,
            given: Given::default(),
            sizes: HashMap::new(),
            inside: Vec::new(),
            soft: 0,
            hard: 0,
        }
    }

    /// The selection that gives a value of a type; `of` is the path to it, none for the response as a whole. None if
    /// nothing of it can be selected.
    pub(super) fn select(&mut self, ty: &Type, of: Option<&str>) -> Option<Vec<Node>> {
        (self.soft, self.hard) = match ty.definition() {
            Some(id) => (self.depth(id, FIELDS_SOFT), self.depth(id, FIELDS_HARD)),
            None => (0, 0),
        };
        let start = of.unwrap_or("$");
        let slot = Slot { ty: ty.clone(), nullable: true };
        match bottom(ty) {
            Type::Named(id) if !matches!(self.kind(*id), Some(Kind::Enum(_))) => {
                let body = self.members(*id)?;
                Some(match of {
                    Some(path) => vec![block(path, body)],
                    None => body,
                })
            }
            _ => match self.value(start, &slot, true)? {
                Value::AsIs => Some(vec![Node::Line(start.to_owned())]),
                Value::Mapped(node) => Some(vec![node]),
            },
        }
    }

    fn kind(&self, id: Id) -> Option<&'a Kind> {
        self.definitions.get(id).map(|definition| &definition.kind)
    }

    /// The largest depth at which a type, written out, has no more than so many fields.
    fn depth(&mut self, id: Id, fields_max: usize) -> usize {
        (1..=DEPTH_MAX).take_while(|depth| self.size(id, *depth) <= fields_max).last().unwrap_or(1)
    }

    /// How many fields a type has, written out so deep. Circles are followed as far as that.
    fn size(&mut self, id: Id, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        if let Some(size) = self.sizes.get(&(id, depth)) {
            return *size;
        }
        let size = match self.kind(id) {
            Some(Kind::Object(list)) => list.iter().fold(0_usize, |size, field| {
                let inner = field.slot.ty.definition().map_or(0, |inner| self.size(inner, depth - 1));
                size.saturating_add(1).saturating_add(inner)
            }),
            Some(Kind::Union(tell)) => {
                tell.members.iter().fold(0_usize, |size, (_, id)| size.saturating_add(self.size(*id, depth)))
            }
            _ => 0,
        };
        self.sizes.insert((id, depth), size);
        size
    }

    /// What makes an object of a type: its fields, or the members of a union.
    fn members(&mut self, id: Id) -> Option<Vec<Node>> {
        match self.kind(id)? {
            Kind::Object(list) => self.object(id, list),
            Kind::Union(tell) => self.union(tell),
            _ => None,
        }
    }

    fn object(&mut self, id: Id, list: &'a [Field]) -> Option<Vec<Node>> {
        self.inside.push(id);
        let mut nodes = Vec::new();
        let mut given = Vec::new();
        for (index, field) in list.iter().enumerate() {
            if matches!(field.origin, Origin::Connector(_)) {
                continue;
            }
            if let Some(node) = self.field(field) {
                nodes.push(node);
                given.push(index);
            }
        }
        self.inside.pop();
        if nodes.is_empty() {
            return None;
        }
        *self.given.ways.entry(id).or_default() += 1;
        given.into_iter().for_each(|index| *self.given.fields.entry((id, index)).or_default() += 1);
        Some(nodes)
    }

    fn field(&mut self, field: &'a Field) -> Option<Node> {
        let optional = if field.required && !field.slot.nullable { "" } else { "?" };
        if let Origin::Stub { field: other } = &field.origin {
            let read = key(&field.key);
            let optional = if field.required { "" } else { "?" };
            return Some(Node::Line(match (optional, matches!(field.slot.ty, Type::List(_))) {
                (_, true) => format!("{}: {read}{optional} {{ {other}: $ }}", field.name),
                ("", false) => format!("{}: {{ {other}: {} }}", field.name, path(&field.key)),
                _ => format!("{}: {}?->echo({{ {other}: @ }})", field.name, path(&field.key)),
            }));
        }
        let read = format!("{}{optional}", path(&field.key));
        match self.value(&read, &field.slot, false)? {
            Value::AsIs if field.name == field.key && path(&field.key) == field.key => {
                Some(Node::Line(format!("{}{optional}", field.name)))
            }
            Value::AsIs => Some(Node::Line(format!("{}: {read}", field.name))),
            Value::Mapped(Node::Block { open, body, close })
                if open.trim_end_matches([' ', '{']) == format!("{}{optional}", field.name) =>
            {
                Some(Node::Block { open, body, close })
            }
            Value::Mapped(node) => Some(node.after(&format!("{}: ", field.name))),
        }
    }

    /// How a value that stands at a path becomes one of a type. None where it cannot be had.
    fn value(&mut self, read: &str, slot: &Slot, whole: bool) -> Option<Value> {
        match &slot.ty {
            Type::Leaf(_) => Some(Value::AsIs),
            Type::Entries(id) => {
                let Kind::Object(list) = self.kind(*id)? else { return None };
                if self.inside.contains(id) || self.inside.len() >= self.hard.max(2) {
                    return None;
                }
                let body = self.object(*id, list)?;
                Some(Value::Mapped(block(&format!("{read}->entries"), body)))
            }
            Type::Named(id) => match self.kind(*id)? {
                Kind::Enum(values) => Some(match match_values(values) {
                    None => Value::AsIs,
                    Some(pairs) => {
                        let optional = if read.ends_with('?') || whole { "" } else { "?" };
                        Value::Mapped(Node::Line(format!("{read}{optional}->match({pairs})")))
                    }
                }),
                _ => self.nested(read, *id).map(Value::Mapped),
            },
            Type::List(of) => match bottom(&of.ty) {
                // `{ … }` maps over lists by itself.
                Type::Named(id) if !matches!(self.kind(*id), Some(Kind::Enum(_))) => {
                    self.nested(read, *id).map(Value::Mapped)
                }
                _ => Some(match self.value("@", of, false)? {
                    Value::AsIs => Value::AsIs,
                    Value::Mapped(Node::Line(inner)) => {
                        Value::Mapped(Node::Line(format!("{read}->map({inner})")))
                    }
                    Value::Mapped(Node::Block { open, body, close }) => {
                        let (open, close) = (format!("{read}->map({open}"), format!("{close})"));
                        Value::Mapped(Node::Block { open, body, close })
                    }
                }),
            },
        }
    }

    /// An object inside another: written out, passed on as it is, left to a connector, or left out.
    fn nested(&mut self, read: &str, id: Id) -> Option<Node> {
        let depth = self.inside.len();
        let again = self.inside.iter().filter(|outer| **outer == id).count();
        if again > 0 || depth >= self.soft {
            if self.plain.contains(&id) {
                self.pass_on(id);
                return Some(Node::Line(format!("{read}->echo(@)")));
            }
            if let Some(key) = self.keys.get(&id) {
                let list = fields(self.definitions, id);
                let nodes = key.iter().filter_map(|index| self.field(list.get(*index)?)).collect();
                return Some(block(read, nodes));
            }
            if again > 1 || depth >= self.hard {
                return None;
            }
        }
        let body = self.members(id)?;
        Some(block(read, body))
    }

    /// All fields of a type and of those it holds may be there.
    fn pass_on(&mut self, id: Id) {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            if self.given.opaque.insert(id) {
                let list = fields(self.definitions, id).iter();
                waiting.extend(list.filter_map(|field| field.slot.ty.definition()));
            }
        }
    }

    fn union(&mut self, tell: &'a Tell) -> Option<Vec<Node>> {
        let mut cases = Vec::new();
        for (value, member) in &tell.members {
            let name = self.definitions.get(*member).map(|definition| definition.name.as_str())?;
            let Some(Kind::Object(list)) = self.kind(*member) else { continue };
            let mut body = vec![Node::Line(format!("__typename: \"{name}\""))];
            body.extend(self.object(*member, list)?);
            cases.push(Node::Block {
                open: format!("[{}, {{", mapped(value)),
                body,
                close: "}],".to_owned(),
            });
        }
        if cases.is_empty() {
            return None;
        }
        // A value that the document does not know is an error that names it.
        cases.push(Node::Line("[@, { __typename: @ }]".to_owned()));
        let open = format!("...{}->match(", path(&tell.property));
        Some(vec![Node::Block { open, body: cases, close: ")".to_owned() }])
    }
}

enum Value {
    /// What stands there.
    AsIs,
    Mapped(Node),
}

fn block(read: &str, body: Vec<Node>) -> Node {
    Node::Block { open: format!("{read} {{"), body, close: "}".to_owned() }
}

/// A key as the beginning of a path: in quotes it would be a text.
fn path(name: &str) -> String {
    let written = key(name);
    if written == name { written } else { format!("$.{written}") }
}

/// What a list is of, at the bottom.
fn bottom(ty: &Type) -> &Type {
    match ty {
        Type::List(of) => bottom(&of.ty),
        other => other,
    }
}

/// Types whose objects can be passed on as they are.
fn plain_types(definitions: &[Definition]) -> HashSet<Id> {
    let mapped = |definition: &Definition| match &definition.kind {
        Kind::Object(list) => list.iter().any(|field| {
            let differs = field.name != field.key || matches!(field.origin, Origin::Stub { .. });
            differs || has_entries(&field.slot.ty)
        }),
        Kind::Enum(values) => values.iter().any(|(name, value)| name != value),
        Kind::Union(_) | Kind::Input(_) => true,
    };
    let mut holders: HashMap<Id, Vec<Id>> = HashMap::new();
    for (id, definition) in definitions.iter().enumerate() {
        if let Kind::Object(list) = &definition.kind {
            let inner = list.iter().filter(|field| matches!(field.origin, Origin::Property));
            inner
                .filter_map(|field| field.slot.ty.definition())
                .for_each(|inner| holders.entry(inner).or_default().push(id));
        }
    }
    let mut not: HashSet<Id> = HashSet::new();
    let mut waiting: Vec<Id> =
        definitions.iter().enumerate().filter(|(_, found)| mapped(found)).map(|(id, _)| id).collect();
    while let Some(id) = waiting.pop() {
        if not.insert(id) {
            waiting.extend(holders.get(&id).into_iter().flatten());
        }
    }
    (0..definitions.len()).filter(|id| !not.contains(id)).collect()
}

fn has_entries(ty: &Type) -> bool {
    match ty {
        Type::Entries(_) => true,
        Type::List(of) => has_entries(&of.ty),
        _ => false,
    }
}
