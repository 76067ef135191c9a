//! The oracle: async-graphql's dynamic executor over the rows themselves, without REST, mapping or batches. It parses,
//! validates, coerces variables, applies directives and fragments and merges selections.
//!
//! What it leaves to others is filled in here by the letter of the GraphQL specification, section 6.4:
//!
//! - Its dynamic objects leave a field that failed out, and a null in a non-null position where it is. `Propagation`
//!   puts a null at the nearest nullable position above and notes it.
//! - It has one kind of leaf: what `leaf` makes of a row's value. An output enum is such a leaf too.
//! - A null item of a list of objects is run like an object; its fields' resolvers tell (`ABSENT`).
//! - An object of whose fields none is left is null there: operations always select something plain.
//! - It does not match `... on` a union: operations do without.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_graphql::{
    QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value as Output, Variables,
    async_trait::async_trait,
    dynamic::{
        Enum, Field as DynamicField, FieldFuture, FieldValue, InputObject, InputValue, Interface,
        InterfaceField, Object, ResolverContext, Scalar, Schema, TypeRef, Union,
    },
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};
use serde_json::Value;

use super::{
    model::{Field, FieldType, Origin, Type, World, fails, id_text},
    rest::{children, echo},
};

/// A response path, its segments in JSON's spelling.
pub(super) type Path = Vec<Value>;

const ABSENT: &str = "the object is null";

/// What the oracle says of an operation.
pub(super) struct Verdict {
    /// `data` as JSON text.
    pub(super) data: Value,
    /// As text, in the order of the answer.
    pub(super) text: String,
    /// The positions that are null because of an error.
    pub(super) nulls: HashSet<String>,
}

/// Runs an operation; the messages of a refusal when it is not valid.
pub(super) async fn run(schema: &Schema, query: &str, variables: &Value) -> Result<Verdict, String> {
    let notes = Arc::new(Mutex::new(Notes::default()));
    let request = async_graphql::Request::new(query)
        .variables(Variables::from_json(variables.clone()))
        .data(Arc::clone(&notes));
    let mut response = schema.execute(request).await;
    // Errors of the executor itself have no path; those of fields are in the notes.
    if let Some(refusal) = response.errors.iter().find(|error| error.path.is_empty()) {
        return Err(refusal.message.clone());
    }
    let notes = std::mem::take(&mut *notes.lock().unwrap());
    if notes.failed.contains(&Path::new()) {
        response.data = Output::Null;
    }
    for path in &notes.nulls {
        blank(&mut response.data, path);
    }
    let text = serde_json::to_string(&response.data).unwrap();
    let nulls =
        notes.nulls.iter().chain(notes.failed.contains(&Path::new()).then_some(const { &Vec::new() }));
    let data: Value = serde_json::from_str(&text).unwrap();
    let nulls = nulls.map(|path| super::covering_null(&data, path)).collect();
    Ok(Verdict { data, text, nulls })
}

/// Puts null at a path: of a field selected twice, one half may have failed and the other not.
fn blank(data: &mut Output, path: &[Value]) {
    match (path, data) {
        ([], data) => *data = Output::Null,
        ([Value::String(name), rest @ ..], Output::Object(members)) => {
            members.get_mut(name.as_str()).into_iter().for_each(|member| blank(member, rest));
        }
        ([Value::Number(index), rest @ ..], Output::List(items)) => {
            let index = index.as_u64().unwrap() as usize;
            items.get_mut(index).into_iter().for_each(|item| blank(item, rest));
        }
        _ => {}
    }
}

pub(super) fn schema(world: &Arc<World>) -> Schema {
    let mut schema = Schema::build("Query", None, None)
        .register(Scalar::new("Any"))
        .register(Scalar::new("Leaf"))
        .register(Enum::new("Kind").item("NEW").item("OLD"))
        .register(
            InputObject::new("Filter")
                .field(InputValue::new("name", TypeRef::named("String")))
                .field(InputValue::new("size", TypeRef::named_nn("Int")))
                .field(InputValue::new("kinds", TypeRef::named_nn_list("Kind")))
                .field(InputValue::new("inner", TypeRef::named("Filter"))),
        )
        .extension(Propagation);
    for ty in &world.types {
        schema = match ty.name {
            "Media" => schema.register(ty.fields.iter().fold(Interface::new("Media"), |interface, field| {
                interface.field(InterfaceField::new(field.name, type_ref(&field.ty)))
            })),
            "Result" => schema.register(
                ty.members.iter().fold(Union::new("Result"), |union, name| union.possible_type(*name)),
            ),
            _ => schema.register(object(world, ty)),
        };
    }
    schema.finish().unwrap()
}

fn object(world: &Arc<World>, ty: &Type) -> Object {
    let mut object = Object::new(ty.name);
    if world.object("Media").members.contains(&ty.name) {
        object = object.implement("Media");
    }
    for field in &ty.fields {
        let (world, own) = (Arc::clone(world), field.clone());
        let dynamic = DynamicField::new(field.name, type_ref(&field.ty), move |ctx| {
            let value = resolve(&world, &own, &ctx);
            FieldFuture::new(async move { value })
        });
        object =
            object.field(arguments(ty.name, field.name).into_iter().fold(dynamic, DynamicField::argument));
    }
    object
}

fn arguments(ty: &str, field: &str) -> Vec<InputValue> {
    let named = |name: &str, ty: &str| InputValue::new(name, TypeRef::named(ty));
    match (ty, field) {
        ("Query", "users") | ("User", "posts") => vec![named("first", "Int").default_value(3)],
        ("Query", "user") => vec![InputValue::new("id", TypeRef::named_nn("ID"))],
        ("Query", "echo") => vec![
            named("a", "Int"),
            named("b", "String"),
            named("c", "Boolean"),
            named("d", "Kind"),
            InputValue::new("e", TypeRef::named_nn_list("Kind")),
            named("f", "Filter"),
        ],
        _ => Vec::new(),
    }
}

/// A leaf's lists are completed by the resolver, so to the executor they are one scalar.
fn type_ref(ty: &FieldType) -> TypeRef {
    let non_null = |ty: TypeRef, non_null: bool| if non_null { TypeRef::NonNull(Box::new(ty)) } else { ty };
    if ty.is_leaf() {
        return non_null(TypeRef::named("Leaf"), ty.non_null[0]);
    }
    let (inner, outer) = ty.non_null.split_last().unwrap();
    let item = non_null(TypeRef::named(ty.base), *inner);
    outer.iter().rev().fold(item, |item, level| non_null(TypeRef::List(Box::new(item)), *level))
}

/// The value of a field: of a leaf completed, of anything else rows to go on with.
fn resolve(
    world: &World,
    field: &Field,
    ctx: &ResolverContext<'_>,
) -> async_graphql::Result<Option<FieldValue<'static>>> {
    let null = Value::Null;
    let row = ctx.parent_value.downcast_ref::<Value>();
    if row.is_none() && field.origin != Origin::Root {
        return Err(ABSENT.into());
    }
    let row = row.unwrap_or(&null);
    let member = |name: &str| row.get(name).unwrap_or(&null);
    let user = |id: &Value| world.user(&id_text(id)).cloned();
    let first = || {
        ctx.args.get("first").and_then(|first| first.u64().ok()).map_or(usize::MAX, |first| first as usize)
    };
    let list = |rows: Vec<Value>| Value::Array(rows);
    let value = match (field.origin, field.name) {
        (Origin::Member, "id") => member("id").clone(),
        (Origin::Member, name) => member(&format!("x_{name}")).clone(),
        (Origin::User(name), _) => user(member(name)).unwrap_or_default(),
        (Origin::Users(name), _) => list(member(name).as_array().unwrap().iter().filter_map(user).collect()),
        (Origin::Grouped, _) => {
            list(children(&world.posts, &id_text(member("id"))).take(first()).cloned().collect())
        }
        (Origin::Called, _) if fails(&id_text(member("id"))) => return Err("the backend failed".into()),
        (Origin::Called, _) => list(children(&world.comments, &id_text(member("id"))).cloned().collect()),
        (Origin::Root, "users") => list(world.users.iter().take(first()).cloned().collect()),
        (Origin::Root, "user") => {
            user(&serde_json::to_value(ctx.args.try_get("id")?.as_value())?).unwrap_or_default()
        }
        (Origin::Root, "posts") => list(world.posts.clone()),
        (Origin::Root, "feed") => {
            list(world.feed.iter().filter(|row| row["kind"] != "Note").cloned().collect())
        }
        (Origin::Root, "results") => list(world.feed.clone()),
        (Origin::Root, _) => Value::String(echo(&serde_json::to_value(ctx.args.as_index_map())?)),
    };
    if !field.ty.is_leaf() {
        return Ok(rows(&field.ty, 0, value));
    }
    let notes = ctx.ctx.data::<Arc<Mutex<Notes>>>()?;
    let path = path_of(ctx.ctx.path_node.as_ref());
    match leaf(&field.ty, 0, &value, &path, &mut notes.lock().unwrap()) {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(FieldValue::value(Output::from_json(value)?))),
        Err(()) => Err("the leaf cannot be null".into()),
    }
}

/// Rows as the executor takes them; what is no list where one is declared comes out as an error there.
fn rows(ty: &FieldType, level: usize, value: Value) -> Option<FieldValue<'static>> {
    match value {
        Value::Null => None,
        Value::Array(items) if level + 1 < ty.non_null.len() => Some(FieldValue::list(
            items.into_iter().map(|item| rows(ty, level + 1, item).unwrap_or(FieldValue::NULL)),
        )),
        row => {
            let kind = row.get("kind").and_then(Value::as_str).map(str::to_owned);
            let abstract_type = ["Media", "Result"].contains(&ty.base);
            let object = FieldValue::owned_any(row);
            Some(if abstract_type { object.with_type(kind.unwrap_or_default()) } else { object })
        }
    }
}

/// Completes a leaf by the table of values that a client sees; `Err` when the outermost level cannot be null.
fn leaf(ty: &FieldType, level: usize, value: &Value, path: &Path, notes: &mut Notes) -> Result<Value, ()> {
    let completed = match value {
        Value::Null => Ok(Value::Null),
        Value::Array(items) if level + 1 < ty.non_null.len() => items
            .iter()
            .enumerate()
            .map(|(index, item)| leaf(ty, level + 1, item, &[&path[..], &[index.into()]].concat(), notes))
            .collect(),
        _ if level + 1 < ty.non_null.len() => Err(()),
        value => scalar(ty.base, value),
    };
    match completed {
        Ok(Value::Null) | Err(()) if ty.non_null[level] => Err(()),
        Err(()) => {
            notes.nulls.insert(path.clone());
            Ok(Value::Null)
        }
        completed => completed,
    }
}

fn scalar(base: &str, value: &Value) -> Result<Value, ()> {
    let fits = match base {
        "ID" if value.is_i64() => return Ok(Value::String(value.to_string())),
        "Int" => value.as_i64().is_some_and(|int| i32::try_from(int).is_ok()),
        "Float" => value.is_number(),
        "ID" | "String" => value.is_string(),
        "Boolean" => value.is_boolean(),
        "Role" => ["ADMIN", "GUEST"].iter().any(|role| value == role),
        _ => true,
    };
    if fits { Ok(value.clone()) } else { Err(()) }
}

/// What is known of positions while an operation runs.
#[derive(Debug, Default)]
struct Notes {
    /// Null because of an error.
    nulls: HashSet<Path>,
    /// Objects of which a non-null field failed.
    failed: HashSet<Path>,
    /// Objects that are null themselves.
    absent: HashSet<Path>,
}

/// Null propagation (GraphQL specification, 6.4.4).
struct Propagation;

impl ExtensionFactory for Propagation {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Propagation)
    }
}

#[async_trait]
impl Extension for Propagation {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Output>> {
        let path = path_of(Some(info.path_node));
        let non_null = info.return_type.ends_with('!');
        let result = next.run(ctx, info).await;
        let mut notes = ctx.data_unchecked::<Arc<Mutex<Notes>>>().lock().unwrap();
        let (parent, in_list) = (path[..path.len() - 1].to_vec(), path.last().unwrap().is_number());
        let failed = match result {
            Err(error) if error.message == ABSENT => {
                notes.absent.insert(parent);
                return Ok(None);
            }
            Err(error) => !error.message.starts_with("internal: invalid value for"),
            Ok(_) if notes.failed.remove(&path) => true,
            Ok(Some(value)) if !notes.absent.remove(&path) && value != Output::Null => {
                return Ok(Some(value));
            }
            Ok(_) => false,
        };
        match (non_null, in_list) {
            (false, _) if failed => {
                notes.nulls.insert(path);
                Ok(None)
            }
            (false, _) => Ok(None),
            (true, true) => Err(ServerError::new("the item cannot be null", None)),
            (true, false) => {
                notes.failed.insert(parent);
                Ok(None)
            }
        }
    }
}

fn path_of(node: Option<&QueryPathNode<'_>>) -> Path {
    let mut path: Path = std::iter::successors(node, |node| node.parent)
        .map(|node| match node.segment {
            QueryPathSegment::Index(index) => index.into(),
            QueryPathSegment::Name(name) => name.into(),
        })
        .collect();
    path.reverse();
    path
}
