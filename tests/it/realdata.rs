//! Real input: the data of npm's jsonplaceholder, served by npm's json-server, both made by others and for other ends.
//! What the graph of `tests/realdata/` answers is compared, field by field, with what the REST API says.
//!
//! Needs Node and `npm ci`, so the plain test run shows it as ignored; `tests/realdata/run.sh` runs it.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use ficus::{
    Gateway,
    config::Config,
    execute::Request,
    fetch::HttpUpstream,
    graph::{self, Sources},
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/realdata")
}

/// json-server, a gateway in front of it, and what json-server says without the gateway.
struct World {
    gateway: Gateway,
    base_url: String,
    posts: Vec<Value>,
    users: Vec<Value>,
    comments: Vec<Value>,
    albums: Vec<Value>,
    todos: Vec<Value>,
    /// Ends when dropped.
    _server: Child,
}

impl World {
    async fn start() -> Self {
        let mut server = Command::new("node")
            .arg("serve.js")
            .current_dir(folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts: use tests/realdata/run.sh");
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("json-server starts: use tests/realdata/run.sh");
        let base_url = format!("http://127.0.0.1:{port}");
        rustls::crypto::ring::default_provider().install_default().ok();
        World {
            gateway: gateway(&base_url),
            posts: rows(&base_url, "posts").await,
            users: rows(&base_url, "users").await,
            comments: rows(&base_url, "comments").await,
            albums: rows(&base_url, "albums").await,
            todos: rows(&base_url, "todos").await,
            base_url,
            _server: server,
        }
    }

    async fn data(&self, query: &str) -> Value {
        let request = Request { query: query.to_owned(), ..Request::default() };
        let body = self.gateway.execute(request).await.body;
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer.get("errors"), None, "{query}");
        answer["data"].take()
    }

    fn user(&self, id: &Value) -> &Value {
        self.users.iter().find(|user| user["id"] == *id).unwrap()
    }
}

fn gateway(base_url: &str) -> Gateway {
    let texts = |folder_name: &str| {
        let entries =
            std::fs::read_dir(folder().join(folder_name)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
    };
    let env = [("JSONPLACEHOLDER_URL".to_owned(), base_url.to_owned())].into();
    let sources = Sources { schema: texts("schema"), connectors: texts("connectors"), config: None, env };
    let loaded = graph::load_sources(&sources).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Gateway::new(loaded.graph, Config::open(), Arc::new(HttpUpstream::new().unwrap()))
}

async fn rows(base_url: &str, list: &str) -> Vec<Value> {
    let body = reqwest::get(format!("{base_url}/{list}")).await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Some fields of a row as GraphQL gives them: ids are strings.
fn pick(row: &Value, fields: &str) -> Map<String, Value> {
    let field = |name: &str| {
        let value = &row[name];
        (name.to_owned(), if name == "id" { json!(value.to_string()) } else { value.clone() })
    };
    fields.split(' ').map(field).collect()
}

fn with(mut object: Map<String, Value>, field: &str, value: Value) -> Value {
    object.insert(field.to_owned(), value);
    Value::Object(object)
}

/// The rows that belong to a parent, each picked.
fn children(rows: &[Value], key: &str, parent: &Value, fields: &str) -> Value {
    rows.iter().filter(|row| row[key] == parent["id"]).map(|row| Value::Object(pick(row, fields))).collect()
}

/// Row by row, so that a difference is seen in one row and not in a hundred.
fn same_rows(answer: &Value, expected: impl Iterator<Item = Value>) {
    let expected: Vec<Value> = expected.collect();
    let rows = answer.as_array().unwrap();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(rows.len(), expected.len());
}

#[tokio::test]
#[ignore = "needs Node: tests/realdata/run.sh"]
async fn every_field_is_what_the_rest_api_says() {
    let world = World::start().await;
    assert_eq!((world.posts.len(), world.comments.len(), world.todos.len()), (100, 500, 200));
    users_are_complete(&world).await;
    posts_know_author_and_comments(&world).await;
    lists_know_their_owners(&world).await;
    nesting_goes_round(&world).await;
    arguments_filter(&world).await;
    writes_arrive(&world).await;
}

async fn users_are_complete(world: &World) {
    let answer = world
        .data(
            "{ users { id name username email phone website address { street suite city zipcode geo { lat lng } }
               company { name catchPhrase bs } albums { id title } todos { id title completed } } }",
        )
        .await;
    let user = |row: &Value| {
        let mut user = pick(row, "id name username email phone website address company");
        user.insert("albums".to_owned(), children(&world.albums, "userId", row, "id title"));
        with(user, "todos", children(&world.todos, "userId", row, "id title completed"))
    };
    same_rows(&answer["users"], world.users.iter().map(user));
}

async fn posts_know_author_and_comments(world: &World) {
    let answer = world
        .data(
            "{ posts { id title body author { id name company { name } todos { id completed } }
               comments { id name email body } } }",
        )
        .await;
    let post = |row: &Value| {
        let user = world.user(&row["userId"]);
        let mut author = pick(user, "id name");
        author.insert("company".to_owned(), Value::Object(pick(&user["company"], "name")));
        author.insert("todos".to_owned(), children(&world.todos, "userId", user, "id completed"));
        let mut post = pick(row, "id title body");
        post.insert("author".to_owned(), Value::Object(author));
        with(post, "comments", children(&world.comments, "postId", row, "id name email body"))
    };
    same_rows(&answer["posts"], world.posts.iter().map(post));
}

async fn lists_know_their_owners(world: &World) {
    let answer = world
        .data(
            "{ albums { id title owner { email } } todos { id title completed owner { phone } }
               comments { id name email body post { title author { username } } } }",
        )
        .await;
    let owned = |row: &Value, fields: &str, of_owner: &str| {
        with(pick(row, fields), "owner", Value::Object(pick(world.user(&row["userId"]), of_owner)))
    };
    let albums = world.albums.iter().map(|row| owned(row, "id title", "email"));
    same_rows(&answer["albums"], albums);
    let todos = world.todos.iter().map(|row| owned(row, "id title completed", "phone"));
    same_rows(&answer["todos"], todos);
    let comment = |row: &Value| {
        let post = world.posts.iter().find(|post| post["id"] == row["postId"]).unwrap();
        let author = Value::Object(pick(world.user(&post["userId"]), "username"));
        with(pick(row, "id name email body"), "post", with(pick(post, "title"), "author", author))
    };
    same_rows(&answer["comments"], world.comments.iter().map(comment));
}

async fn nesting_goes_round(world: &World) {
    let answer = world
        .data(
            r#"{ post(id: 42) { author { posts { id author { name } comments { id } } } }
                 user(id: "3") { name posts { title } } nobody: user(id: 4711) { name } }"#,
        )
        .await;
    let author = world.user(&world.posts[41]["userId"]);
    let post = |row: &Value| {
        let mut post = pick(row, "id");
        post.insert("author".to_owned(), Value::Object(pick(author, "name")));
        with(post, "comments", children(&world.comments, "postId", row, "id"))
    };
    let posts: Value = world.posts.iter().filter(|row| row["userId"] == author["id"]).map(post).collect();
    assert_eq!(answer["post"], json!({ "author": { "posts": posts } }));
    let third = world.user(&json!(3));
    let expected = with(pick(third, "name"), "posts", children(&world.posts, "userId", third, "title"));
    assert_eq!(answer["user"], expected);
    assert_eq!(answer["nobody"], Value::Null);
}

async fn arguments_filter(world: &World) {
    let answer = world.data("{ posts(limit: 3) { id } todos(completed: true) { id } }").await;
    let first = world.posts.iter().take(3).map(|row| Value::Object(pick(row, "id")));
    assert_eq!(answer["posts"], first.collect::<Value>());
    let done = world.todos.iter().filter(|row| row["completed"] == true);
    assert_eq!(answer["todos"], done.map(|row| Value::Object(pick(row, "id"))).collect::<Value>());
}

async fn writes_arrive(world: &World) {
    let query = r#"mutation { addTodo(ownerId: 2, title: "Water the \"ficus\" & fern") { id title completed owner { name } } }"#;
    let answer = world.data(query).await;
    let todos = rows(&world.base_url, "todos").await;
    let written = todos.last().unwrap();
    assert_eq!((todos.len(), &written["title"]), (201, &json!("Water the \"ficus\" & fern")));
    let owner = Value::Object(pick(world.user(&json!(2)), "name"));
    assert_eq!(answer["addTodo"], with(pick(written, "id title completed"), "owner", owner));
}
