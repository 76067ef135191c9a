//! `ficus dev` as whoever works on a graph meets it: a file that is saved is served, a fault is shown, and what helps is on.

use std::{fs, net::SocketAddr, path::Path, process::Stdio};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use crate::{
    http::client::{post, request, send, soon},
    support::process::address_in,
};

const SCHEMA: &str = "type Query { hello: String @connect(selection: \"$('hello')\") }\n";
const FAULTY: &str = "type Query { hello: String @connect(selection: \"$(\") }\n";

/// `ficus dev` in a folder; it ends with this.
struct Dev {
    said: Lines<BufReader<ChildStdout>>,
    reported: Lines<BufReader<ChildStderr>>,
    _child: Child,
}

fn folder(schema: &str, config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("schema")).unwrap();
    save(folder.path(), schema);
    fs::write(folder.path().join("ficus.yaml"), config).unwrap();
    folder
}

fn save(folder: &Path, schema: &str) {
    fs::write(folder.join("schema/schema.graphql"), schema).unwrap();
}

async fn until<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, text: &str) -> Vec<String> {
    let mut read = Vec::new();
    soon(text, async {
        loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .unwrap_or_else(|| panic!("an end before {text:?}: {read:#?}"));
            let is_it = line.contains(text);
            read.push(line);
            if is_it {
                return;
            }
        }
    })
    .await;
    read
}

impl Dev {
    fn start(folder: &Path) -> Dev {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ficus"))
            .args(["dev", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let reported = BufReader::new(child.stderr.take().unwrap()).lines();
        Dev { said, reported, _child: child }
    }

    async fn address(&mut self) -> SocketAddr {
        address_in(&until(&mut self.said, "GraphQL at").await.pop().unwrap())
    }

    /// What was reported until then, on lines.
    async fn reports(&mut self, text: &str) -> String {
        until(&mut self.reported, text).await.join("\n")
    }
}

async fn ask(address: SocketAddr, query: &str) -> serde_json::Value {
    send(address, post(), json!({ "query": query }).to_string()).await.json()
}

#[tokio::test]
async fn what_is_saved_is_served_and_what_is_faulty_is_shown() {
    let folder = folder(SCHEMA, "admin: { enabled: false }\n");
    let mut dev = Dev::start(folder.path());
    let address = dev.address().await;
    assert_eq!(ask(address, "{ hello }").await, json!({"data": {"hello": "hello"}}));
    // The open profile, and a line for each request.
    assert!(ask(address, "{ __schema { queryType { name } } }").await["data"]["__schema"].is_object());
    assert_eq!(send(address, request("GET", "/"), "").await.status, 200);
    dev.reports("ficus::access").await;

    save(folder.path(), FAULTY);
    let reported = dev.reports("not reloaded").await;
    assert!(reported.contains("error[INVALID_SELECTION]"), "{reported}");
    assert!(reported.contains("--> schema/schema.graphql:1:"), "{reported}");
    assert!(reported.contains("1 error, 0 warnings"), "{reported}");
    assert_eq!(ask(address, "{ hello }").await, json!({"data": {"hello": "hello"}}));

    save(folder.path(), &SCHEMA.replace("hello:", "mended:"));
    dev.reports("reloaded").await;
    assert_eq!(ask(address, "{ mended }").await, json!({"data": {"mended": "hello"}}));
    // A file that comes is a change too.
    let more = "extend type Query { more: String @connect(selection: \"$('more')\") }\n";
    fs::write(folder.path().join("schema/more.graphql"), more).unwrap();
    dev.reports("reloaded").await;
    assert_eq!(ask(address, "{ more }").await, json!({"data": {"more": "more"}}));
}

#[tokio::test]
async fn faults_at_the_start_are_waited_for() {
    let folder = folder(FAULTY, "admin: { enabled: false }\nprofile: hardened\nintrospection: false\n");
    let mut dev = Dev::start(folder.path());
    let reported = dev.reports("waiting for a change").await;
    assert!(reported.contains("error[INVALID_SELECTION]"), "{reported}");
    save(folder.path(), SCHEMA);
    let address = dev.address().await;
    assert_eq!(ask(address, "{ hello }").await, json!({"data": {"hello": "hello"}}));
    // What the file says by itself holds; its profile does not.
    assert!(ask(address, "{ __schema { queryType { name } } }").await["errors"].is_array());
    assert_eq!(send(address, request("GET", "/"), "").await.status, 200);
}
