//! Attacks through a client's values and through what a backend answers. `tests/attacks/*.md` are tables: what is tried, what comes of
//! it, and what the backend really received, byte for byte, on a socket that only writes down. `UPDATE_EXPECT=1` rewrites them.
//!
//! A file has `graphql schema` and `yaml connectors/api.yaml` blocks, in which `{upstream}` is the backend's address, and a `graphql
//! request`. The words at the head of a table say what its cells are:
//!
//! - `$v`: the variable as JSON; `client sends`: its headers, with ` / ` between them.
//! - `upstream sends`: `keep`, `close`, `silent` or `endless`, then bytes with Rust's escapes; `endless` repeats what stands
//!   behind ` ... `; `gzip{TEXT}` and `br{TEXT}` are compressed; `a{2000}` is that many letters. `nothing` where it must not be asked.
//! - `answer`: `data`, or the message of the first error. `received`: the request line, the headers that are not always
//!   there, and the body. `again`: the answer to the same request sent once more, while the backend answers `"again"`.
//! - `covered by`: a test elsewhere, which must be there.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ficus::{Gateway, config::Config, execute::Request, fetch};
use serde_json::{Value, json};

use crate::support::{
    case::{contract, expand},
    gateway,
    recorder::{self, Recorder, Reply},
};

/// What every request has, so that the tables show the rest.
const ALWAYS: [&str; 6] =
    ["host", "accept", "accept-encoding", "user-agent", "x-envoy-expected-rq-timeout-ms", "content-length"];

#[tokio::test]
async fn attacks_come_to_what_the_tables_show() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut paths: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut wrong = String::new();
    let mut rows = 0;
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let rewritten = run(&text, &mut rows).await;
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &rewritten).unwrap();
            continue;
        }
        for (was, is) in text.lines().zip(rewritten.lines()).filter(|(was, is)| was != is) {
            writeln!(wrong, "{}\nexpected {was}\ngot      {is}\n", path.display()).unwrap();
        }
    }
    assert!(rows > 100, "{rows} rows");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What a file says so far.
#[derive(Default)]
struct File {
    files: Vec<(String, String)>,
    query: String,
    stand: Option<Stand>,
    head: Vec<String>,
}

/// A gateway before a backend whose next answer is set.
struct Stand {
    gateway: Gateway,
    backend: Recorder,
    next: Arc<Mutex<Reply>>,
}

async fn run(text: &str, rows: &mut usize) -> String {
    let mut file = File::default();
    let mut block: Option<(String, String)> = None;
    let mut rewritten = String::new();
    for line in text.lines() {
        let mut written = line.to_owned();
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(info)) => block = Some((info.to_owned(), String::new())),
            (Some(_), Some("")) => file.take(block.take().unwrap()),
            (Some((_, text)), _) => *text += &format!("{line}\n"),
            (None, None) if !line.starts_with('|') => file.head.clear(),
            (None, None) if line.starts_with("|--") => {}
            (None, None) => {
                let cells: Vec<String> = cells(line);
                if file.head.is_empty() {
                    file.head = cells;
                } else {
                    written = file.row(&cells).await;
                    *rows += 1;
                }
            }
        }
        rewritten += &format!("{written}\n");
    }
    rewritten
}

fn cells(line: &str) -> Vec<String> {
    let inside = line.trim().trim_start_matches('|').trim_end_matches('|');
    inside.split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

impl File {
    fn take(&mut self, (info, text): (String, String)) {
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["graphql", "schema"] => self.files = vec![("schema/a.graphql".to_owned(), text)],
            ["graphql", "request"] => self.query = text,
            ["yaml", name] => self.files.push((name.to_owned(), text)),
            _ => panic!("no such kind of block: {info}"),
        }
        if !info.ends_with("request") {
            self.stand = None;
        }
    }

    /// Runs a row, and writes it anew.
    async fn row(&mut self, cells: &[String]) -> String {
        if self.stand.is_none() && !self.files.is_empty() {
            self.stand = Some(Stand::start(&self.files).await);
        }
        let cell = |name: &str| self.head.iter().position(|head| head == name).map(|at| cells[at].as_str());
        if let Some(test) = cell("covered by") {
            assert!(is_there(test), "no such test: {test}");
            return written(cells);
        }
        let stand = self.stand.as_ref().expect("a graph stands before the table");
        let request = || self.request(cell("$v"), cell("client sends"));
        let sends = cell("upstream sends").filter(|sends| *sends != "nothing");
        stand.set(sends.map_or_else(|| recorder::json("\"ok\""), reply));
        let answer = stand.ask(request()).await;
        let received: Vec<String> = stand.backend.take().iter().map(|request| shown(request)).collect();
        let again = match cell("again") {
            Some(_) => {
                stand.set(recorder::json("\"again\""));
                let again = stand.ask(request()).await;
                stand.backend.take();
                again
            }
            None => String::new(),
        };
        let received = if received.is_empty() { "nothing".to_owned() } else { received.join(" + ") };
        let new = self.head.iter().zip(cells).map(|(head, cell)| match head.as_str() {
            "answer" => answer.clone(),
            "received" => received.clone(),
            "again" => again.clone(),
            _ => cell.clone(),
        });
        written(&new.collect::<Vec<_>>())
    }

    fn request(&self, value: Option<&str>, headers: Option<&str>) -> Request {
        let mut request = Request { query: self.query.clone(), ..Request::default() };
        if let Some(value) = value {
            let value =
                serde_json::from_str(&expand(value)).unwrap_or_else(|error| panic!("{value}: {error}"));
            request.variables.insert("v".to_owned(), value);
        }
        let mut map = http::HeaderMap::new();
        for (name, value) in headers
            .into_iter()
            .flat_map(|headers| headers.split(" / "))
            .filter_map(|line| line.split_once(": "))
        {
            map.append(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        request.headers = Some(map);
        request
    }
}

fn written(cells: &[String]) -> String {
    let cells: Vec<String> =
        cells.iter().map(|cell| if cell.is_empty() { String::new() } else { format!("`{cell}`") }).collect();
    format!("| {} |", cells.join(" | "))
}

/// A request as it came, as far as it differs from any other.
fn shown(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let mut shown = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers: Vec<&str> = lines
        .filter(|line| !ALWAYS.contains(&line.split(':').next().unwrap().to_lowercase().as_str()))
        .collect();
    headers.sort_unstable();
    for part in headers.into_iter().chain(Some(body).filter(|body| !body.is_empty())) {
        shown += &format!(" / {part}");
    }
    contract(&shown.escape_debug().to_string())
}

/// `path::to.rs name_of_a_test`
fn is_there(test: &str) -> bool {
    let (file, name) = test.split_once(' ').unwrap_or_else(|| panic!("write `FILE TEST`: {test}"));
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
    match file.ends_with(".rs") {
        true => text.contains(&format!("fn {name}(")),
        false => text.contains(name),
    }
}

impl Stand {
    async fn start(files: &[(String, String)]) -> Stand {
        let next = Arc::new(Mutex::new(recorder::json("\"ok\"")));
        let answer = Arc::clone(&next);
        let backend = Recorder::start(move |_| answer.lock().unwrap().clone()).await;
        let address = backend.address.to_string();
        let files: Vec<_> =
            files.iter().map(|(name, text)| (name.clone(), text.replace("{upstream}", &address))).collect();
        let upstream = fetch::upstream(&Config::default()).unwrap();
        let gateway = gateway::from_files(&files, &[], upstream).unwrap_or_else(|found| panic!("{found}"));
        Stand { gateway, backend, next }
    }

    fn set(&self, reply: Reply) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    async fn ask(&self, request: Request) -> String {
        let answer = tokio::time::timeout(Duration::from_secs(20), self.gateway.execute(request)).await;
        let body = answer.expect("an answer within the deadline").body;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(!answer.to_string().contains(&self.backend.address.to_string()), "{answer}");
        let shown = match answer.get("errors") {
            None => answer["data"].to_string(),
            Some(errors) => {
                let code = errors[0]["extensions"]["code"].as_str().unwrap_or_default();
                format!("{code}: {}", errors[0]["message"].as_str().unwrap())
            }
        };
        // A cell is code already.
        contract(&shown.replace('`', "'"))
    }
}

/// Reads `upstream sends`.
fn reply(text: &str) -> Reply {
    let (kind, bytes) = text.split_once(' ').unwrap_or((text, ""));
    let (head, more) = bytes.split_once(" ... ").unwrap_or((bytes, ""));
    match kind {
        "keep" => Reply::Keep(message(head)),
        "close" => Reply::Close(message(head)),
        "silent" => Reply::Silent(message(head)),
        "endless" => Reply::Endless(message(head), message(more).repeat(64)),
        _ => panic!("{text}"),
    }
}

/// Bytes; where they have neither a length nor an end of their own, `CL` becomes the length of what stands behind the head.
fn message(text: &str) -> Vec<u8> {
    let (head, body) = match text.split_once("\\r\\n\\r\\n") {
        Some((head, body)) => (format!("{head}\\r\\n\\r\\n"), body),
        None => (text.to_owned(), ""),
    };
    let body = body_bytes(body);
    let mut message = unescape(&expand(&head.replace("CL", &format!("content-length: {}", body.len()))));
    message.extend(body);
    message
}

fn body_bytes(text: &str) -> Vec<u8> {
    for (name, compress) in [("gzip{", gzip as fn(&[u8]) -> Vec<u8>), ("br{", brotli)] {
        if let Some(inside) = text.strip_prefix(name).and_then(|rest| rest.strip_suffix('}')) {
            return compress(&body_bytes(inside));
        }
    }
    unescape(&expand(text))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 4096, 9, 22).write_all(bytes).unwrap();
    out
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match after {
            [b'r', ..] => bytes.push(b'\r'),
            [b'n', ..] => bytes.push(b'\n'),
            [b'0', ..] => bytes.push(0),
            [b'x', high, low, ..] => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                rest = &after[2..];
            }
            [other, ..] => bytes.push(*other),
            [] => panic!("{text}"),
        }
        rest = &rest[1..];
    }
    bytes
}

/// The environment's proxies are what an attacker sets who may set a variable (or a `Proxy` header of a CGI script, long ago).
#[tokio::test]
async fn no_proxy_of_the_environment_is_used() {
    let backend = Recorder::start(|_| recorder::json("\"ok\"")).await;
    let proxy = Recorder::start(|_| recorder::json("\"taken\"")).await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("schema")).unwrap();
    let url = format!("http://{}/x", backend.address);
    let schema = format!("type Query {{ v: String @connect(http: {{GET: \"{url}\"}}, selection: \"$\") }}\n");
    fs::write(folder.path().join("schema/a.graphql"), schema).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ficus"));
    command.args(["run", "Query.v", "--format", "json"]).current_dir(folder.path());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        command.env(name, format!("http://{}", proxy.address));
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().await.unwrap();
    let shown: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(shown["result"], json!("ok"), "{shown}");
    assert_eq!((backend.requests().len(), proxy.connections()), (1, 0));
}

/// Where a request goes is configuration: what could let a client choose the host is refused when the graph is loaded.
#[test]
fn no_value_of_a_client_may_name_a_host() {
    let nowhere = || Arc::new(crate::support::upstream::MockUpstream::new());
    let rows = [
        "{$args.v}",
        "{$this.v}",
        "{$request.headers.v->first}",
        "{$context.v}",
        "a.{$args.v}.b",
        "a:{$args.v}",
        "{$args.v}@a",
    ];
    for host in rows {
        for schema in [
            format!(
                "type Query {{ v(v: String): String @connect(http: {{GET: \"http://{host}/x\"}}, selection: \"$\") }}"
            ),
            format!(
                "extend schema @source(name: \"api\", http: {{baseURL: \"http://{host}/x\"}}) type Query {{ v(v: String): String @connect(source: \"api\", http: {{GET: \"/\"}}, selection: \"$\") }}"
            ),
        ] {
            let files = vec![("schema/a.graphql".to_owned(), schema.clone())];
            let found = gateway::from_files(&files, &[], nowhere())
                .err()
                .unwrap_or_else(|| panic!("loads: {schema}"));
            assert!(found.contains("error"), "{found}");
        }
    }
}
