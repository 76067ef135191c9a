//! Which operations complete objects that are known by a key alone, one at a time (`GET /users/{id}`) or many at once
//! (`GET /users?ids=`), and which properties lead to such objects.

use std::collections::HashMap;

use super::{
    name,
    operations::{Argument, Gives, Request, Root},
    types::{Definition, Field, Id, Kind, Leaf, Origin, Slot, Type, fields},
};

/// How objects of a type are completed.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    /// The fields that make the key.
    pub(super) key: Vec<usize>,
    pub(super) how: How,
}

/// The connector that completes.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// A field of `Query` with `entity: true`.
    Field,
    /// A connector of the type.
    Type { request: Request, size_max: Option<u64> },
}

/// What completes what.
pub(super) type Completions = HashMap<Id, Completion>;

/// Finds what completes objects; arguments of entity fields get the names of the fields they stand for.
pub(super) fn find(definitions: &[Definition], roots: &mut [Root<'_>]) -> Completions {
    let mut found = Completions::new();
    for root in roots.iter().filter(|root| !root.mutation) {
        if let Some((id, completion)) = batch(definitions, root) {
            found.entry(id).or_insert(completion);
        }
    }
    for root in roots.iter_mut().filter(|root| !root.mutation) {
        let Some((id, pairs, envelope)) = single(definitions, root) else { continue };
        let list = fields(definitions, id);
        for (argument, field) in &pairs {
            if let Some(field) = list.get(*field) {
                rename(root, *argument, field);
            }
        }
        if found.contains_key(&id) {
            continue;
        }
        let key: Vec<usize> = pairs.iter().map(|(_, field)| *field).collect();
        let how = if pairs.len() == root.arguments.len() && envelope.is_none() {
            root.entity = true;
            How::Field
        } else {
            let request = Request { envelope, ..with_parent(root, "$this", &pairs, list) };
            How::Type { request, size_max: None }
        };
        found.insert(id, Completion { key, how });
    }
    found
}

/// The object that a result is, or holds as the only thing in an envelope.
fn result(definitions: &[Definition], ty: &Type) -> Option<(Id, bool, Option<String>)> {
    let object =
        |id: Id| matches!(definitions.get(id).map(|found| &found.kind), Some(Kind::Object(_))).then_some(id);
    match ty {
        Type::List(of) => match of.ty {
            Type::Named(id) => Some((object(id)?, true, None)),
            _ => None,
        },
        Type::Named(id) => {
            let own = object(*id)?;
            let inner: Vec<&Field> = fields(definitions, own)
                .iter()
                .filter(|field| {
                    ["data", "items", "results", "result", "value", "records"].contains(&field.key.as_str())
                })
                .collect();
            let has_key = fields(definitions, own).iter().any(|field| name::is_identifier(&field.key));
            if let ([field], false) = (inner.as_slice(), has_key) {
                let envelope = Some(format!("$.{}", field.key));
                match &field.slot.ty {
                    Type::List(of) => {
                        if let Type::Named(id) = of.ty {
                            return Some((object(id)?, true, envelope));
                        }
                    }
                    Type::Named(id) => return Some((object(*id)?, false, envelope)),
                    _ => {}
                }
            }
            Some((own, false, None))
        }
        _ => None,
    }
}

/// Arguments, by their number, and the fields that they are.
type Pairs = Vec<(usize, usize)>;

/// Arguments and the fields they are; every required argument has one.
fn single(definitions: &[Definition], root: &Root<'_>) -> Option<(Id, Pairs, Option<String>)> {
    let Gives::Value(ty) = &root.gives else { return None };
    let (id, is_list, envelope) = result(definitions, ty)?;
    // A path that goes on behind the key names something else.
    if is_list || !root.request.url.ends_with('}') || !root.request.body.is_empty() {
        return None;
    }
    let list = fields(definitions, id);
    let type_name = definitions.get(id).map(|definition| definition.name.as_str())?;
    let last = root.arguments.iter().rposition(|argument| argument.in_path)?;
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    // A part of the path with a default is still a part of the path.
    let demanded = |argument: &Argument| argument.in_path || !argument.slot.nullable;
    for (index, argument) in root.arguments.iter().enumerate().filter(|(_, argument)| demanded(argument)) {
        let field = field_of(list, argument, type_name, index == last)?;
        if pairs.iter().any(|(_, known)| *known == field) {
            return None;
        }
        pairs.push((index, field));
    }
    let names: Vec<&str> =
        pairs.iter().filter_map(|(_, field)| Some(list.get(*field)?.name.as_str())).collect();
    // Another argument may have the field's name already.
    let clash = root.arguments.iter().enumerate().any(|(index, argument)| {
        names.contains(&argument.name.as_str()) && !pairs.iter().any(|(known, _)| *known == index)
    });
    if clash || pairs.is_empty() {
        return None;
    }
    Some((id, pairs, envelope))
}

/// The field that an argument stands for.
fn field_of(list: &[Field], argument: &Argument, type_name: &str, is_last: bool) -> Option<usize> {
    let usable = |field: &Field| {
        let leaf = matches!(field.slot.ty, Type::Leaf(Leaf::Id | Leaf::String | Leaf::Int | Leaf::Long));
        leaf && matches!(argument.slot.ty, Type::Leaf(_)) && matches!(field.origin, Origin::Property)
    };
    let wanted = name::folded(&argument.parameter);
    let same = |field: &Field| name::folded(&field.key) == wanted;
    let qualified =
        |field: &Field| format!("{}{}", name::folded(type_name), name::folded(&field.key)) == wanted;
    let by = |test: &dyn Fn(&Field) -> bool| list.iter().position(|field| usable(field) && test(field));
    let exact = by(&same).or_else(|| by(&qualified));
    let id = || list.iter().position(|field| usable(field) && field.key == "id");
    exact.or_else(|| if is_last && name::is_identifier(&argument.parameter) { id() } else { None })
}

/// Gives an argument the name and type of a field.
fn rename(root: &mut Root<'_>, index: usize, field: &Field) {
    let Some(argument) = root.arguments.get_mut(index) else { return };
    let (old, new) = (format!("$args.{}", argument.name), format!("$args.{}", field.name));
    argument.name.clone_from(&field.name);
    argument.slot.ty = field.slot.ty.clone();
    root.request = map_texts(&root.request, |text| replace(text, &old, &new));
}

/// Replaces a path in the texts of a request, where it ends there.
fn replace(text: &str, old: &str, new: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(old) {
        replaced.push_str(before);
        let goes_on = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        replaced.push_str(if goes_on { old } else { new });
        rest = after;
    }
    replaced + rest
}

fn map_texts(request: &Request, map: impl Fn(&str) -> String) -> Request {
    Request {
        url: map(&request.url),
        query: request.query.iter().map(|(name, value)| (name.clone(), map(value))).collect(),
        headers: request.headers.iter().map(|(name, value)| (name.clone(), map(value))).collect(),
        ..request.clone()
    }
}

/// The request of a root field for an object at hand: its key instead of arguments, and nothing of the other arguments.
pub(super) fn with_parent(
    root: &Root<'_>,
    parent: &str,
    pairs: &[(usize, usize)],
    list: &[Field],
) -> Request {
    let replaced = map_texts(&root.request, |text| {
        pairs.iter().fold(text.to_owned(), |text, (argument, field)| {
            match (root.arguments.get(*argument), list.get(*field)) {
                (Some(argument), Some(field)) => {
                    let (old, new) = (format!("$args.{}", argument.name), format!("{parent}.{}", field.name));
                    replace(&text, &old, &new)
                }
                _ => text,
            }
        })
    });
    without_arguments(replaced)
}

fn without_arguments(request: Request) -> Request {
    let keeps = |(_, value): &(String, String)| !value.contains("$args");
    let query = request.query.into_iter().filter(keeps).collect();
    let headers = request.headers.into_iter().filter(keeps).collect();
    Request { query, headers, ..request }
}

/// A list that can be asked for by the keys of its objects.
fn batch(definitions: &[Definition], root: &Root<'_>) -> Option<(Id, Completion)> {
    let Gives::Value(ty) = &root.gives else { return None };
    let (id, true, envelope) = result(definitions, ty)? else { return None };
    let list = fields(definitions, id);
    let type_name = name::folded(definitions.get(id)?.name.as_str());
    let is_leaf_list = |argument: &Argument| match &argument.slot.ty {
        Type::List(of) => matches!(of.ty, Type::Leaf(_)),
        _ => false,
    };
    let (index, field) = root.arguments.iter().enumerate().find_map(|(index, argument)| {
        let plural = name::folded(&argument.parameter);
        let wanted = plural.strip_suffix('s').unwrap_or(&plural);
        if argument.in_path || !is_leaf_list(argument) {
            return None;
        }
        let field = list.iter().position(|field| {
            let key = name::folded(&field.key);
            let identifies = name::is_identifier(&field.key) && matches!(field.slot.ty, Type::Leaf(_));
            identifies && (key == wanted || format!("{type_name}{key}") == wanted)
        })?;
        Some((index, field))
    })?;
    let others_required = root
        .arguments
        .iter()
        .enumerate()
        .any(|(other, argument)| other != index && (argument.in_path || !argument.slot.nullable));
    if others_required || !root.request.body.is_empty() {
        return None;
    }
    let size_max = root.arguments.get(index).and_then(|argument| argument.items_max).filter(|max| *max > 0);
    let mut request = with_parent(root, "$batch", &[(index, field)], list);
    request.query.iter_mut().for_each(|(_, value)| {
        *value = value.replace("$batch.", "\u{0}").replace("?->", "->").replace('\u{0}', "$batch.")
    });
    request.envelope = envelope;
    Some((id, Completion { key: vec![field], how: How::Type { request, size_max } }))
}

/// Adds `user: User` beside `userId` where users can be completed by that key.
pub(super) fn references(definitions: &mut [Definition], completions: &Completions) {
    let mut targets: HashMap<String, (Id, String, Leaf)> = HashMap::new();
    for (id, completion) in completions {
        let [key] = completion.key.as_slice() else { continue };
        let (Some(definition), Some(field)) = (definitions.get(*id), fields(definitions, *id).get(*key))
        else {
            continue;
        };
        if let Type::Leaf(leaf) = field.slot.ty {
            targets.insert(name::folded(&definition.name), (*id, field.name.clone(), leaf));
        }
    }
    for (owner, definition) in definitions.iter_mut().enumerate() {
        let Kind::Object(list) = &mut definition.kind else { continue };
        let mut index = 0;
        while let Some(field) = list.get(index) {
            index += 1;
            let Some(reference) = reference(owner, field, &targets) else { continue };
            if !list.iter().any(|other| other.name == reference.name) {
                list.insert(index, reference);
                index += 1;
            }
        }
    }
}

fn reference(owner: Id, field: &Field, targets: &HashMap<String, (Id, String, Leaf)>) -> Option<Field> {
    let stem = ["_id", "Id", "ID"]
        .iter()
        .find_map(|end| field.key.strip_suffix(end))
        .filter(|stem| !stem.is_empty())?;
    let (id, key, leaf) = targets.get(&name::folded(stem))?;
    if *id == owner || field.slot.ty != Type::Leaf(*leaf) || !matches!(field.origin, Origin::Property) {
        return None;
    }
    Some(Field {
        name: name::property_name(stem),
        key: field.key.clone(),
        slot: Slot::nullable(Type::Named(*id)),
        required: field.required && !field.slot.nullable,
        description: None,
        deprecated: field.deprecated,
        default: None,
        origin: Origin::Stub { field: key.clone() },
    })
}
