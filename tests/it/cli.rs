//! The command line as a user meets it: the binary itself, its exit status, what goes to which stream.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

const SCHEMA: &str = r#"
type Query {
  user(id: ID!): User @connect(source: "users", http: {GET: "/users/{$args.id}"}, selection: "id name")
  hello: String @connect(selection: "$('hello')")
}
type User { id: ID! name: String }
"#;

/// The files of a small graph.
fn files(schema: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("schema")).unwrap();
    fs::create_dir_all(folder.path().join("connectors")).unwrap();
    fs::write(folder.path().join("schema/users.graphql"), schema).unwrap();
    fs::write(folder.path().join("connectors/users.yaml"), "base_url: http://127.0.0.1:1\n").unwrap();
    fs::write(folder.path().join("ficus.yaml"), "listen: 127.0.0.1:0\nadmin: { enabled: false }\n").unwrap();
    folder
}

fn ficus(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ficus"));
    command.current_dir(folder).args(arguments).env_remove("RUST_LOG");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = ficus(folder, arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_graph_without_faults_exits_with_0() {
    let folder = files(SCHEMA);
    let (status, out, err) = run(folder.path(), &["check"]);
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "fine: 2 connectors, 1 source\n", ""));
    let (status, out, _) = run(folder.path(), &["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, json), (Some(0), serde_json::json!({"diagnostics": []})));
}

#[test]
fn faults_exit_with_1_and_go_to_standard_error() {
    let folder = files(&SCHEMA.replace("id name", "id nam"));
    for command in [&["check"][..], &["serve"], &["schema"], &["explain", "-q", "{ hello }"]] {
        let (status, out, err) = run(folder.path(), command);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{command:?}");
        assert!(err.contains("error[SELECTED_FIELD_NOT_FOUND]"), "{err}");
        assert!(err.contains("--> schema/users.graphql:3:"), "{err}");
        assert!(err.contains("\n1 error, 0 warnings\n"), "{err}");
    }
    let (status, out, err) = run(folder.path(), &["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let diagnostic = &json["diagnostics"][0];
    assert_eq!(diagnostic["code"], "SELECTED_FIELD_NOT_FOUND");
    assert_eq!(diagnostic["coordinate"], "Query.user[0]");
    assert_eq!(diagnostic["file"], "schema/users.graphql");
}

#[test]
fn lists_that_ask_for_each_item_are_warned_of_and_can_be_denied() {
    let folder = files(&SCHEMA.replace(
        "hello: String @connect(selection: \"$('hello')\")",
        "users: [Stub] @connect(source: \"users\", http: {GET: \"/users\"}, selection: \"id\")\n}\n\
         type Stub @connect(source: \"users\", http: {GET: \"/users/{$this.id}\"}, selection: \"id mail\") { id: ID! mail: String",
    ));
    let (status, out, err) = run(folder.path(), &["check"]);
    assert_eq!((status, out.as_str()), (Some(0), "fine: 3 connectors, 1 source\n"), "{err}");
    assert!(err.contains("warning[N_PLUS_ONE]") && err.contains("\n0 errors, 1 warning\n"), "{err}");
    assert!(err.contains("query { users { mail } }"), "{err}");
    let (status, out, err) = run(folder.path(), &["check", "--deny", "n-plus-one"]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("error[N_PLUS_ONE]") && err.contains("\n1 error, 0 warnings\n"), "{err}");
    let (status, out, err) = run(folder.path(), &["check", "--format", "sarif", "--deny", "n-plus-one"]);
    let sarif: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"N_PLUS_ONE".into(), &"error".into()));
}

#[test]
fn schemas_for_editors_need_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, _) = run(folder.path(), &["connector-schema"]);
    assert_eq!((status, out.as_str()), (Some(0), include_str!("../../connectors/.schema.json")));
    let (status, out, _) = run(folder.path(), &["connector-schema", "--gateway"]);
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, Some(0));
    assert_eq!(schema["properties"]["limits"]["properties"]["depth"]["default"], 15);
}

#[test]
fn a_code_is_explained_and_an_unknown_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = run(folder.path(), &["check", "--explain", "unknown_key"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("# UNKNOWN_KEY\n\nA key in a connector file"), "{out}");
    let (status, out, _) = run(folder.path(), &["check", "--explain"]);
    assert_eq!(status, Some(0));
    let line = |line: &&str| line.starts_with("UNKNOWN_KEY ") && line.ends_with("that nothing reads.");
    assert!(out.lines().any(|text| line(&text)), "{out}");
    let (status, out, err) = run(folder.path(), &["check", "--explain", "UNKNOWN_KAY"]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert_eq!(err, "ficus: `UNKNOWN_KAY` is not a code of a diagnostic: did you mean `UNKNOWN_KEY`?\n");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let folder = files(SCHEMA);
    for command in
        [&["serv"][..], &["check", "--format", "xml"], &["serve", "--listen", "here"], &["explain"]]
    {
        assert_eq!(run(folder.path(), command).0, Some(2), "{command:?}");
    }
}

#[test]
fn what_cannot_start_exits_with_3() {
    let folder = files(SCHEMA);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, _, err) = run(folder.path(), &["serve", "--listen", &address]);
    assert_eq!(status, Some(3));
    assert!(err.contains(&format!("cannot listen on {address}")), "{err}");
    let (status, _, err) = run(folder.path(), &["explain", "nowhere.graphql"]);
    assert_eq!(status, Some(3));
    assert!(err.contains("nowhere.graphql"), "{err}");
}

#[test]
fn the_public_schema_goes_to_standard_output() {
    let folder = files(SCHEMA);
    let (status, out, _) = run(folder.path(), &["schema"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        out,
        "type Query {\n  user(id: ID!): User\n  hello: String\n}\n\ntype User {\n  id: ID!\n  name: String\n}\n"
    );
    let (status, out, err) = run(folder.path(), &["schema", "--connect"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.contains(r#"@source(name: "users", http: {baseURL: "http://127.0.0.1:1"})"#), "{out}");
    let (status, out, _) = run(folder.path(), &["schema", "--directives"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("directive @groupBy("), "{out}");
}

#[test]
fn explain_prints_the_fetches_and_refuses_what_is_no_operation() {
    let folder = files(SCHEMA);
    let operation = "query One($id: ID!) { user(id: $id) { name } } query Two { hello }";
    fs::write(folder.path().join("operation.graphql"), operation).unwrap();
    let (status, out, _) = run(folder.path(), &["explain", "operation.graphql"]);
    assert_eq!(status, Some(0));
    let titles = |line: &&str| line.starts_with('#') || line.starts_with("query");
    assert_eq!(
        out.lines().filter(titles).collect::<Vec<_>>(),
        ["# One", "query: 1 fetch", "# Two", "query: 0 fetches"]
    );
    let (status, out, err) = run(folder.path(), &["explain", "-q", "{ usr { id } }"]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("error[GRAPHQL_VALIDATION_FAILED]: 1:3: "), "{err}");
    let query = "query One($id: ID!) { user(id: $id) { name } }";
    let (status, _, err) = run(folder.path(), &["explain", "-q", query, "-v", r#"{"id": []}"#]);
    assert_eq!(status, Some(1));
    assert!(err.starts_with("error[BAD_USER_INPUT]"), "{err}");
}

/// A gateway that runs, and dies with the test.
struct Serving {
    child: Child,
    address: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut command = ficus(folder, &["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap();
        let address = url.strip_prefix("http://").unwrap().strip_suffix("/graphql").unwrap().to_owned();
        let log = BufReader::new(child.stderr.take().unwrap());
        Serving { child, address, log }
    }

    fn post(&self, query: &str) -> String {
        let body = serde_json::json!({ "query": query }).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Reads the log until a line holds a text.
    fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ended before `{text}`");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn sighup_loads_the_files_again_and_sigterm_ends_it() {
    let folder = files(SCHEMA);
    let mut serving = Serving::start(folder.path());
    assert_eq!(serving.post("{ hello }"), r#"{"data":{"hello":"hello"}}"#);
    let file = folder.path().join("schema/users.graphql");
    fs::write(&file, SCHEMA.replace("'hello'", "'changed'")).unwrap();
    serving.signal("-HUP");
    serving.wait_for("reloaded");
    assert_eq!(serving.post("{ hello }"), r#"{"data":{"hello":"changed"}}"#);
    // A graph with faults is refused, the old one goes on.
    fs::write(&file, "type Query { hello: Strin }").unwrap();
    serving.signal("-HUP");
    serving.wait_for("not reloaded");
    assert_eq!(serving.post("{ hello }"), r#"{"data":{"hello":"changed"}}"#);
    serving.signal("-TERM");
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_import_is_written_beside_the_graph_and_never_over_it() {
    let folder = files(SCHEMA);
    let document = r##"{"openapi": "3.0.0", "servers": [{"url": "http://127.0.0.1:2"}], "paths": {
        "/owner": {"get": {"operationId": "getOwner", "responses": {"200": {"description": "", "content":
            {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}}}, "head": {"responses": {}}}},
        "components": {"schemas": {"User": {"type": "object", "properties": {"mail": {"type": "string"}}}}}}"##;
    fs::write(folder.path().join("My Shop.json"), document).unwrap();
    let command = ["import", "openapi", "My Shop.json", "--report", "left-out.json"];
    let (status, out, err) = run(folder.path(), &command);
    let written = "imported 1 of 2 operations: schema/My-Shop.graphql, connectors/My-Shop.yaml\n";
    assert_eq!((status, out.as_str()), (Some(0), written), "{err}");
    assert!(err.starts_with("skipped[UNSUPPORTED_METHOD] HEAD /owner: "), "{err}");
    let report = fs::read_to_string(folder.path().join("left-out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["imported"], &report["skipped"][0]["code"]),
        (&1.into(), &"UNSUPPORTED_METHOD".into())
    );
    let schema = fs::read_to_string(folder.path().join("schema/My-Shop.graphql")).unwrap();
    assert!(schema.contains("type MyShopUser {"), "{schema}");
    assert_eq!(run(folder.path(), &["check"]).1, "fine: 3 connectors, 2 sources\n");
    let connector = fs::read_to_string(folder.path().join("connectors/My-Shop.yaml")).unwrap();
    assert!(connector.starts_with("# yaml-language-server: $schema=.schema.json\n"), "{connector}");
    let editors = fs::read_to_string(folder.path().join("connectors/.schema.json")).unwrap();
    assert_eq!(editors, include_str!("../../connectors/.schema.json"));

    let (status, _, err) = run(folder.path(), &command);
    assert_eq!(status, Some(3));
    assert!(err.contains("schema/My-Shop.graphql is there already; --force writes over it"), "{err}");
    assert_eq!(run(folder.path(), &["import", "openapi", "My Shop.json", "--force"]).0, Some(0));

    for (name, text, fault) in
        [("a.json", &b"{"[..], "not JSON"), ("b.yaml", b"\xff", "not UTF-8"), ("c.yaml", b"a: 1", "OpenAPI")]
    {
        fs::write(folder.path().join(name), text).unwrap();
        let (status, out, err) = run(folder.path(), &["import", "openapi", name]);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{name}");
        assert!(err.starts_with(name) && err.contains(fault), "{err}");
    }
}
