//! The graph that both sides serve: types, how each field is had from REST rows, and rows to serve. Nullability and
//! data are drawn from a seed; a few values are null, missing or of the wrong type on purpose.

use std::fmt::Write as _;

use rand::{Rng, rngs::StdRng};
use serde_json::{Map, Value, json};

/// A field's type: what it is at the bottom, and for each level from the outermost whether it is non-null.
#[derive(Debug, Clone)]
pub(super) struct FieldType {
    pub(super) base: &'static str,
    pub(super) non_null: Vec<bool>,
}

/// Where a field comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Origin {
    /// A member of the row: a leaf, or an object of the type with its own members.
    Member,
    /// The user whose id is in this member of the row.
    User(&'static str),
    /// The users whose ids are in this member.
    Users(&'static str),
    /// Rows whose `owner` is the row's id, had for many parents at once.
    Grouped,
    /// Rows whose `owner` is the row's id, had one parent at a time; for some parents that fails.
    Called,
    /// A root field.
    Root,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) ty: FieldType,
    pub(super) origin: Origin,
}

/// An object type, interface or union.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    /// Members of an interface or a union; none of an object type.
    pub(super) members: &'static [&'static str],
}

/// Types and rows.
#[derive(Debug)]
pub(super) struct World {
    pub(super) types: Vec<Type>,
    pub(super) users: Vec<Value>,
    pub(super) posts: Vec<Value>,
    pub(super) comments: Vec<Value>,
    pub(super) feed: Vec<Value>,
}

/// A field's name, its type without what is drawn of its nullability, and its origin.
type Declared = (&'static str, &'static str, Origin);

const FIELDS: &[(&str, &[Declared])] = {
    use Origin::{Called, Grouped, Member, Root, User, Users};
    &[
        (
            "Query",
            &[
                ("users", "[User]", Root),
                ("user", "User", Root),
                ("posts", "[Post]", Root),
                ("feed", "[Media]", Root),
                ("results", "[Result]", Root),
                ("echo", "String", Root),
            ],
        ),
        (
            "User",
            &[
                ("id", "ID!", Member),
                ("name", "String", Member),
                ("age", "Int", Member),
                ("score", "Float", Member),
                ("active", "Boolean", Member),
                ("role", "Role", Member),
                ("tags", "[String]", Member),
                ("matrix", "[[Int]]", Member),
                ("extra", "Any", Member),
                ("address", "Address", Member),
                ("homes", "[Address]", Member),
                ("manager", "User", User("managerId")),
                ("friends", "[User]", Users("friendIds")),
                ("posts", "[Post]", Grouped),
            ],
        ),
        ("Address", &[("zip", "Int", Member), ("street", "String", Member), ("geo", "Geo", Member)]),
        ("Geo", &[("lat", "Float", Member), ("roles", "[Role]", Member)]),
        (
            "Post",
            &[
                ("id", "ID!", Member),
                ("title", "String", Member),
                ("ratings", "[Float]", Member),
                ("author", "User", User("authorId")),
                ("comments", "[Comment]", Called),
            ],
        ),
        (
            "Comment",
            &[("id", "ID!", Member), ("text", "String", Member), ("author", "User", User("authorId"))],
        ),
        (
            "Book",
            &[
                ("id", "ID!", Member),
                ("title", "String", Member),
                ("pages", "Int", Member),
                ("writer", "User", User("writerId")),
            ],
        ),
        ("Movie", &[("id", "ID!", Member), ("title", "String", Member), ("minutes", "[Int]", Member)]),
        ("Note", &[("id", "ID!", Member), ("text", "String", Member)]),
        ("Media", &[("id", "ID!", Member), ("title", "String", Member)]),
        ("Result", &[]),
    ]
};

const MEDIA: &[&str] = &["Book", "Movie"];
const RESULT: &[&str] = &["Book", "Movie", "Note"];

impl FieldType {
    /// `[Int]`, every level's nullability drawn; `ID!` stays as it is.
    fn draw(text: &'static str, rng: &mut StdRng) -> Self {
        let base = text.trim_matches(['[', ']', '!']);
        let levels = 1 + text.matches('[').count();
        let fixed = text.ends_with('!');
        FieldType { base, non_null: (0..levels).map(|_| fixed || rng.random_bool(0.2)).collect() }
    }

    pub(super) fn text(&self) -> String {
        let bang = |non_null: bool| if non_null { "!" } else { "" };
        let (outer, inner) = self.non_null.split_at(self.non_null.len() - 1);
        let item = format!("{}{}", self.base, bang(inner[0]));
        outer.iter().rev().fold(item, |item, non_null| format!("[{item}]{}", bang(*non_null)))
    }

    pub(super) fn is_leaf(&self) -> bool {
        ["ID", "Int", "Float", "String", "Boolean", "Role", "Any"].contains(&self.base)
    }
}

impl World {
    /// Draws nullability and rows.
    pub(super) fn draw(rng: &mut StdRng) -> Self {
        let mut world = World {
            types: FIELDS.iter().map(|(name, fields)| Type::draw(name, fields, rng)).collect(),
            users: Vec::new(),
            posts: Vec::new(),
            comments: Vec::new(),
            feed: Vec::new(),
        };
        // An interface's fields have the same types in every member, as SDL wants of their nullability.
        let media = world.object("Media").fields.clone();
        for ty in world.types.iter_mut().filter(|ty| RESULT.contains(&ty.name)) {
            for field in &mut ty.fields {
                if let Some(of_interface) = media.iter().find(|other| other.name == field.name) {
                    field.ty = of_interface.ty.clone();
                }
            }
        }
        world.users = (1..=7).map(|id| world.row("User", id, rng)).collect();
        world.posts = (1..=9).map(|id| world.row("Post", id, rng)).collect();
        world.comments = (1..=12).map(|id| world.row("Comment", id, rng)).collect();
        world.feed = (1..=6)
            .map(|id| {
                let name = RESULT[rng.random_range(0..RESULT.len())];
                let mut row = world.row(name, id, rng);
                row["kind"] = json!(name);
                row
            })
            .collect();
        world
    }

    pub(super) fn object(&self, name: &str) -> &Type {
        self.types.iter().find(|ty| ty.name == name).unwrap()
    }

    fn row(&self, name: &str, id: u32, rng: &mut StdRng) -> Value {
        let mut row = Map::new();
        for field in &self.object(name).fields {
            let member = format!("x_{}", field.name);
            match field.origin {
                Origin::Member if field.name == "id" => {
                    // An id is a number here and a string there.
                    row.insert(
                        "id".to_owned(),
                        if rng.random_bool(0.5) { json!(id) } else { json!(id.to_string()) },
                    );
                }
                Origin::Member if rng.random_bool(0.03) => {}
                Origin::Member => {
                    let value = self.value(&field.ty, 0, rng);
                    row.insert(member, value);
                }
                Origin::User(member) if rng.random_bool(0.1) => {
                    row.insert(member.to_owned(), Value::Null);
                }
                Origin::User(member) => {
                    row.insert(member.to_owned(), user_id(rng));
                }
                Origin::Users(member) => {
                    let ids = (0..rng.random_range(0..4)).map(|_| user_id(rng)).collect();
                    row.insert(member.to_owned(), Value::Array(ids));
                }
                Origin::Grouped | Origin::Called | Origin::Root => {}
            }
        }
        row.insert("owner".to_owned(), user_id(rng));
        Value::Object(row)
    }

    /// A value of a type, or once in a while null or something else.
    fn value(&self, ty: &FieldType, level: usize, rng: &mut StdRng) -> Value {
        if rng.random_bool(0.05) {
            return Value::Null;
        }
        if ty.is_leaf() && rng.random_bool(0.03) {
            return [json!("odd"), json!(true), json!(2.5), json!({"a": 1}), json!([])]
                [rng.random_range(0..5)]
            .clone();
        }
        if level + 1 < ty.non_null.len() {
            return (0..rng.random_range(0..4)).map(|_| self.value(ty, level + 1, rng)).collect();
        }
        match ty.base {
            "ID" | "Any" => json!([1, {"a": "b"}]),
            "Int" => json!(rng.random_range(-5..1000)),
            "Float" => json!(f64::from(rng.random_range(-50..50)) + 0.5),
            "String" => json!(["a", "ü – \"x\"", "", "long \n text"][rng.random_range(0..4)]),
            "Boolean" => json!(rng.random_bool(0.5)),
            "Role" => json!(["ADMIN", "GUEST"][rng.random_range(0..2)]),
            object => self.row(object, 0, rng),
        }
    }

    /// The schema with its connectors, for the gateway.
    pub(super) fn sdl(&self) -> String {
        let mut sdl = String::from(
            "extend schema @source(name: \"api\", http: {baseURL: \"http://api\"})\n\
             scalar Any\nenum Role { ADMIN GUEST }\nenum Kind { NEW OLD }\n\
             input Filter { name: String size: Int! kinds: [Kind!] inner: Filter }\nunion Result = Book | Movie | Note\n",
        );
        for ty in self.types.iter().filter(|ty| ty.name != "Result") {
            let kind = if ty.name == "Media" { "interface" } else { "type" };
            let implements = if MEDIA.contains(&ty.name) { " implements Media" } else { "" };
            let connect = match ty.name {
                "User" => format!(
                    " @connect(source: \"api\", http: {{GET: \"/users\", queryParams: \"id: $batch.id\"}}, batch: {{maxSize: 3}}, selection: \"{}\")",
                    self.selection("User")
                ),
                _ => String::new(),
            };
            writeln!(sdl, "{kind} {}{implements}{connect} {{", ty.name).unwrap();
            for field in &ty.fields {
                let arguments = arguments(ty.name, field.name);
                writeln!(sdl, "  {}{arguments}: {} {}", field.name, field.ty.text(), self.connect(ty, field))
                    .unwrap();
            }
            sdl.push_str("}\n");
        }
        sdl
    }

    fn connect(&self, ty: &Type, field: &Field) -> String {
        let (http, selection, more) = match (ty.name, field.name) {
            // The list knows some of a user, the batch the rest.
            ("Query", "users") => (
                r#"GET: "/list", queryParams: "first: $args.first""#,
                "id name: x_name age: x_age".to_owned(),
                "",
            ),
            ("Query", "user") => (r#"GET: "/users/{$args.id}""#, self.selection("User"), ""),
            ("Query", "posts") => (r#"GET: "/posts""#, self.selection("Post"), ""),
            ("Query", "feed") => (r#"GET: "/feed""#, self.selection_of_members(MEDIA), ""),
            ("Query", "results") => (r#"GET: "/results""#, self.selection_of_members(RESULT), ""),
            ("Query", "echo") => (r#"POST: "/echo", body: "$args""#, "$".to_owned(), ""),
            ("User", "posts") => (
                r#"GET: "/posts-of", queryParams: "owner: $batch.id first: $args.first""#,
                self.selection("Post"),
                r#"@groupBy(item: "owner", parent: "id")"#,
            ),
            ("Post", "comments") => (r#"GET: "/posts/{$this.id}/comments""#, self.selection("Comment"), ""),
            _ => return String::new(),
        };
        format!(r#"@connect(source: "api", http: {{{http}}}, selection: "{selection}") {more}"#)
    }

    /// The mapping of a row.
    fn selection(&self, name: &str) -> String {
        let fields = &self.object(name).fields;
        fields.iter().map(|field| self.item(field)).collect::<Vec<_>>().join(" ")
    }

    /// The mapping of a row that may be of any member type.
    fn selection_of_members(&self, members: &[&str]) -> String {
        let mut items: Vec<String> =
            members.iter().flat_map(|name| &self.object(name).fields).map(|field| self.item(field)).collect();
        items.sort();
        items.dedup();
        format!("__typename: kind {}", items.join(" "))
    }

    fn item(&self, field: &Field) -> String {
        match field.origin {
            Origin::Member if field.name == "id" => "id".to_owned(),
            Origin::Member if field.ty.is_leaf() => format!("{0}: x_{0}", field.name),
            Origin::Member => format!("{0}: x_{0} {{ {1} }}", field.name, self.selection(field.ty.base)),
            Origin::User(member) => format!("{}: {{ id: {member} }}", field.name),
            Origin::Users(member) => format!("{}: {member} {{ id: $ }}", field.name),
            Origin::Grouped | Origin::Called | Origin::Root => String::new(),
        }
    }
}

impl Type {
    fn draw(name: &'static str, fields: &[Declared], rng: &mut StdRng) -> Self {
        let fields = fields
            .iter()
            .map(|(name, ty, origin)| Field { name, ty: FieldType::draw(ty, rng), origin: *origin })
            .collect();
        let members: &[&str] = match name {
            "Media" => MEDIA,
            "Result" => RESULT,
            _ => &[],
        };
        Type { name, fields, members }
    }
}

/// The arguments of a field, as SDL has them.
pub(super) fn arguments(ty: &str, field: &str) -> &'static str {
    match (ty, field) {
        ("Query", "users") | ("User", "posts") => "(first: Int = 3)",
        ("Query", "user") => "(id: ID!)",
        ("Query", "echo") => "(a: Int, b: String, c: Boolean, d: Kind, e: [Kind!], f: Filter)",
        _ => "",
    }
}

fn user_id(rng: &mut StdRng) -> Value {
    let id = rng.random_range(1..=7);
    if rng.random_bool(0.5) { json!(id) } else { json!(id.to_string()) }
}

/// An id, as all ids compare.
pub(super) fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// Whether the comments of a post cannot be had.
pub(super) fn fails(post: &str) -> bool {
    post == "3"
}
