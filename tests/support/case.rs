//! Cases: Markdown files that hold prose, inputs and the expected answers. Reads them, compares, and rewrites the
//! expected blocks when `UPDATE_EXPECT` is set. What is done with the inputs is the business of each kind of case.
//!
//! Blocks, by the words after the fence, in the order a reader meets them:
//!
//! - `graphql schema [NAME]`, `yaml connectors/NAME.yaml`, `yaml ficus.yaml`, `sh env`: the files of the graph.
//! - `yaml openapi`: a document that `ficus import openapi` makes the source `api` of.
//! - `http upstream`: mocks, each `METHOD URL [BODY] -> OUTCOME [after CALL]`, then header lines, then the body.
//!   OUTCOME is a status, `timeout`, `unreachable`, `busy` or `never`. One call mocked twice in one block answers in
//!   turn; a later block replaces what an earlier one said of a call. `a{2000}` is that many letters.
//! - `text wait`: a time such as `20s` that passes before the next request.
//! - `graphql request [get] [operation=NAME]`, `json variables`, `http headers`, `json context`: one request.
//! - `graphql request as=NAME`, `json extensions`: a request that may be a subscription, whose answers are told under the name.
//!   `"event 2"` stands for the id of the second event that was published.
//! - `http webhook PATH`: a delivery: header lines, an empty line, the body. `sign: standard SECRET ID`, `sign: hub SECRET`
//!   (GitHub, Meta) and `sign: slack SECRET` sign it; `minutes ago` behind a number makes it old. `get` before the path is a GET.
//! - `text hub closes`: from now on no event can be kept.
//! - `json event TOPIC`, `text leave NAME`, `text passes` (a time), `graphql reload [NAME]`: what happens to subscriptions.
//! - `json answered STATUS`, `text answered STATUS`: what the sender reads.
//! - `json told NAME`, `text ended NAME`: what is expected of that.
//! - `json response`, `json request error`, `json refused STATUS`, `text calls`, `text cache-control`, `text problems`,
//!   `text plan`: what is expected of it.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ficus::{
    error::Code,
    execute::Request,
    fetch::{FetchError, Trouble},
    import::{Options, import},
};

use super::{
    json,
    upstream::{Answer, Outcome},
};

/// Prose, or a fenced block with the words after its fence.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    info: Option<String>,
    text: String,
}

/// A step of a case, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The mocks of one block.
    Mocks(Vec<(String, Vec<Answer>)>),
    Request(Box<Request>),
    Wait(Duration),
    /// Under a name.
    Subscribe(String, Box<Request>),
    /// Method, path, and all that is below.
    Webhook(http::Method, String, String),
    HubCloses,
    /// Topic, JSON.
    Event(String, String),
    Leave(String),
    /// As `Wait`, with something expected of it.
    Passes(Duration),
    /// The name of a schema file, and its text from now on.
    Reload(String, String),
}

/// A file read.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    path: PathBuf,
    pieces: Vec<Piece>,
    /// `(name, text)`: `schema/…`, `connectors/…`, `ficus.yaml`.
    pub(crate) files: Vec<(String, String)>,
    /// `(name, value)`
    pub(crate) env: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

/// An answer to compare with a block of the case: the words after the fence, and the text.
pub(crate) type Expected = (String, String);

/// Runs every case below a folder of `tests/`, reports all that fail. `FICUS_CASE=part-of-a-name` picks some.
pub(crate) fn check_folder(folder: &str, run: impl Fn(&Case) -> Result<Vec<Vec<Expected>>, String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let wanted = std::env::var("FICUS_CASE").unwrap_or_default();
    let mut report = String::new();
    let mut paths = markdown_files(&root);
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {}", root.display());
    for path in paths.iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        let outcome = Case::read(path).and_then(|case| case.settle(&run(&case)?));
        if let Err(problem) = outcome {
            writeln!(report, "---- {}\n{problem}\n", path.display()).unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { markdown_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

impl Case {
    fn read(path: &Path) -> Result<Case, String> {
        let pieces = pieces(&fs::read_to_string(path).unwrap());
        let mut case =
            Case { path: path.to_owned(), pieces, files: Vec::new(), env: Vec::new(), steps: Vec::new() };
        for piece in case.pieces.clone() {
            let Some(info) = &piece.info else { continue };
            case.take(info, piece.text).map_err(|problem| format!("```{info}: {problem}"))?;
        }
        Ok(case)
    }

    /// The same case, its requests asking for the debugger.
    pub(crate) fn debugged(&self) -> Case {
        let mut case = self.clone();
        case.files.push(("ficus.yaml".to_owned(), "debugger: true".to_owned()));
        for step in &mut case.steps {
            if let Step::Request(request) = step {
                let header = http::HeaderName::from_static("apollo-connectors-debugging");
                let headers = request.headers.get_or_insert_default();
                headers.insert(header, http::HeaderValue::from_static("true"));
            }
        }
        case
    }

    fn take(&mut self, info: &str, text: String) -> Result<(), String> {
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["graphql", "schema"] => self.files.push(("schema/schema.graphql".to_owned(), text)),
            ["graphql", "schema", name] => self.files.push((format!("schema/{name}.graphql"), text)),
            ["yaml", "openapi"] => self.files.extend(imported(&text)?),
            ["yaml", name] => self.files.push((name.to_owned(), text)),
            ["sh", "env"] => self.env.extend(pairs(&text, '=')),
            ["http", "upstream"] => self.steps.push(Step::Mocks(mocks(&expand(&text))?)),
            ["graphql", "request", ref options @ ..] => {
                let option = |name| options.iter().find_map(|option| option.strip_prefix(name));
                let operation = option("operation=");
                let request = Box::new(Request {
                    query: expand(&text),
                    operation_name: operation.map(str::to_owned),
                    headers: Some(http::HeaderMap::new()),
                    read_only: options.contains(&"get"),
                    ..Request::default()
                });
                self.steps.push(match option("as=") {
                    Some(name) => Step::Subscribe(name.to_owned(), request),
                    None => Step::Request(request),
                });
            }
            ["text", "wait"] => {
                let time = ficus::config::duration(text.trim()).ok_or("no such time")?;
                self.steps.push(Step::Wait(time));
            }
            ["text", "passes"] => {
                let time = ficus::config::duration(text.trim()).ok_or("no such time")?;
                self.steps.push(Step::Passes(time));
            }
            ["http", "webhook", path] => {
                self.steps.push(Step::Webhook(http::Method::POST, path.to_owned(), expand(&text)));
            }
            ["http", "webhook", "get", path] => {
                self.steps.push(Step::Webhook(http::Method::GET, path.to_owned(), text));
            }
            ["text", "hub", "closes"] => self.steps.push(Step::HubCloses),
            ["json", "event", topic] => self.steps.push(Step::Event(topic.to_owned(), expand(&text))),
            ["text", "leave", name] => self.steps.push(Step::Leave(name.to_owned())),
            ["graphql", "reload"] => self.steps.push(Step::Reload("schema/schema.graphql".to_owned(), text)),
            ["graphql", "reload", name] => {
                self.steps.push(Step::Reload(format!("schema/{name}.graphql"), text));
            }
            ["json", "extensions"] => {
                self.request()?.extensions =
                    serde_json::from_str(&text).map_err(|error| error.to_string())?;
            }
            ["json", "variables"] => {
                self.request()?.variables =
                    serde_json::from_str(&expand(&text)).map_err(|error| error.to_string())?;
            }
            ["json", "context"] => {
                self.request()?.context = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            }
            ["http", "headers"] => {
                let headers = self.request()?.headers.get_or_insert_default();
                for (name, value) in pairs(&text, ':') {
                    headers.append(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
                }
            }
            _ if is_expected(info) => {
                if !self.pieces.iter().any(Piece::is_request) {
                    return Err("stands behind no request".to_owned());
                }
            }
            _ => return Err("no such kind of block".to_owned()),
        }
        Ok(())
    }

    fn request(&mut self) -> Result<&mut Request, String> {
        match self.steps.last_mut() {
            Some(Step::Request(request) | Step::Subscribe(_, request)) => Ok(request),
            _ => Err("stands behind no request".to_owned()),
        }
    }

    /// Compares what came out of each request with its expected blocks, or writes it there.
    fn settle(&self, actual: &[Vec<Expected>]) -> Result<(), String> {
        let first = self.pieces.iter().position(Piece::is_request).unwrap_or(self.pieces.len());
        let (before, exchanges) = self.pieces.split_at(first);
        let mut written = before.to_vec();
        let mut differences = Vec::new();
        for (exchange, actual) in exchanges.chunk_by(|_, next| !next.is_request()).zip(actual) {
            let (settled, different) = settled(exchange, actual);
            written.extend(settled);
            differences.extend(different);
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&self.path, written.iter().map(Piece::to_markdown).collect::<String>()).unwrap();
            return Ok(());
        }
        if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
    }
}

/// A request with its expected blocks replaced by what came out, and what of it differs.
fn settled(exchange: &[Piece], actual: &[Expected]) -> (Vec<Piece>, Vec<String>) {
    let mut settled = Vec::new();
    let mut differences = Vec::new();
    let request = &exchange[0].text;
    let mut actual =
        actual.iter().map(|(info, text)| Piece { info: Some(info.clone()), text: contract(text) });
    for piece in exchange {
        if !piece.is_expected() {
            settled.push(piece.clone());
            continue;
        }
        let block = actual.next();
        if block.as_ref().map(Piece::laid_out) != Some(piece.laid_out()) {
            let got =
                block.as_ref().map_or_else(|| "nothing".to_owned(), |block| block.laid_out().to_markdown());
            differences.push(format!("{request}\nexpected\n{}got\n{got}", piece.laid_out().to_markdown()));
        }
        settled.extend(block);
    }
    // Mocks at the end are those of the next request.
    let is_own = |piece: &Piece| {
        let of_next = ["http upstream", "text wait", "text hub closes"];
        piece.info.as_deref().is_some_and(|info| !of_next.contains(&info))
    };
    let end = settled.iter().rposition(is_own).map_or(0, |last| last + 1);
    let unexpected: Vec<Piece> = actual.collect();
    differences.extend(
        unexpected.iter().map(|block| format!("{request}\nexpected nothing, got\n{}", block.to_markdown())),
    );
    settled.splice(end..end, unexpected);
    (settled, differences)
}

impl Piece {
    fn is_request(&self) -> bool {
        let begins =
            ["graphql request", "http webhook", "json event", "text leave", "text passes", "graphql reload"];
        self.info.as_deref().is_some_and(|info| begins.iter().any(|begins| info.starts_with(begins)))
    }

    fn is_expected(&self) -> bool {
        self.info.as_deref().is_some_and(is_expected)
    }

    /// With JSON in the layout that comparing needs.
    fn laid_out(&self) -> Piece {
        let is_json = self.info.as_deref().is_some_and(|info| info.starts_with("json"));
        let text = if is_json {
            json::layout(&self.text).unwrap_or_else(|_| self.text.clone())
        } else {
            self.text.clone()
        };
        Piece { info: self.info.clone(), text }
    }

    fn to_markdown(&self) -> String {
        match &self.info {
            None => format!("{}\n", self.text),
            Some(info) if self.text.is_empty() => format!("```{info}\n```\n"),
            Some(info) => format!("```{info}\n{}\n```\n", self.text),
        }
    }
}

fn is_expected(info: &str) -> bool {
    [
        "json response",
        "json request error",
        "json refused",
        "json answered",
        "text answered",
        "json told",
        "text ended",
        "text calls",
        "text cache-control",
        "text problems",
        "text plan",
    ]
    .iter()
    .any(|expected| info.starts_with(expected))
}

/// The files that an import makes.
fn imported(document: &str) -> Result<Vec<(String, String)>, String> {
    let options =
        Options { source: "api".to_owned(), document: "api.yaml".to_owned(), taken: Default::default() };
    let imported = import(document, &options).map_err(|error| error.to_string())?;
    Ok(vec![
        ("schema/api.graphql".to_owned(), imported.schema),
        ("connectors/api.yaml".to_owned(), imported.connector),
    ])
}

/// Cuts a file at its fences; what `to_markdown` makes of the pieces is the file again.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut open: Option<(String, Vec<&str>)> = None;
    let mut prose: Vec<&str> = Vec::new();
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                if !prose.is_empty() {
                    pieces.push(Piece { info: None, text: std::mem::take(&mut prose).join("\n") });
                }
                open = Some((info.to_owned(), Vec::new()));
            }
            (Some((info, lines)), Some("")) => {
                pieces.push(Piece { info: Some(std::mem::take(info)), text: lines.join("\n") });
                open = None;
            }
            (Some((_, lines)), _) => lines.push(line),
            (None, None) => prose.push(line),
        }
    }
    if !prose.is_empty() {
        pieces.push(Piece { info: None, text: prose.join("\n") });
    }
    pieces
}

/// `a{2000}` stands for two thousand letters.
pub(crate) fn expand(text: &str) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let digits = after.find('}').and_then(|end| after.get(..end)).unwrap_or_default();
        let times = if digits.len() > 2 { digits.parse::<usize>().ok() } else { None };
        expanded.push_str(before);
        rest = match (times, before.chars().last()) {
            (Some(times), Some(letter)) => {
                (1..times).for_each(|_| expanded.push(letter));
                &after[digits.len() + 1..]
            }
            _ => {
                expanded.push('{');
                after
            }
        };
    }
    expanded + rest
}

/// Writes a hundred and more equal letters in a row as `expand` reads them.
pub(crate) fn contract(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let runs = letters.chunk_by(|a, b| a == b);
    runs.map(
        |run| if run.len() < 100 { run.iter().collect() } else { format!("{}{{{}}}", run[0], run.len()) },
    )
    .collect()
}

/// `name: value` lines.
fn pairs(text: &str, separator: char) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once(separator));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The mocks of one block, those of one call together.
fn mocks(text: &str) -> Result<Vec<(String, Vec<Answer>)>, String> {
    let mut mocks: Vec<(String, Vec<Answer>)> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &str| line.starts_with(|c: char| c.is_ascii_uppercase()) && line.contains(" -> ");
    for mock in lines.chunk_by(|_, next| !begins(next)) {
        let (call, outcome) =
            mock[0].rsplit_once(" -> ").ok_or_else(|| format!("no outcome in {:?}", mock[0]))?;
        let answer = answer(outcome, &mock[1..])?;
        match mocks.iter_mut().find(|(mocked, _)| mocked == call) {
            Some((_, answers)) => answers.push(answer),
            None => mocks.push((call.to_owned(), vec![answer])),
        }
    }
    Ok(mocks)
}

/// `OUTCOME [after CALL]`, header lines, a body.
fn answer(outcome: &str, lines: &[&str]) -> Result<Answer, String> {
    let (outcome, after) =
        outcome.split_once(" after ").map_or((outcome, None), |(outcome, call)| (outcome, Some(call)));
    let failure =
        |code, message, trouble| Outcome::Failure(FetchError { trouble, ..FetchError::new(code, message) });
    let outcome = match outcome {
        "timeout" => {
            failure(Code::GatewayTimeout, "The source took too long to answer", Some(Trouble::Timeout))
        }
        "unreachable" => failure(
            Code::HttpClientError,
            "Connector error: the source could not be reached",
            Some(Trouble::Connection),
        ),
        "busy" => failure(Code::RequestLimitExceeded, "Too many requests wait for the source", None),
        "never" => Outcome::Never,
        status => {
            let status = status.parse().map_err(|_| format!("no such outcome: {status}"))?;
            response(status, lines)
        }
    };
    Ok(Answer { outcome, after: after.map(str::to_owned) })
}

/// A body without a `content-type` line is JSON; an empty `content-type:` sends none.
fn response(status: u16, lines: &[&str]) -> Outcome {
    let is_header = |line: &&&str| {
        line.split_once(':')
            .is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
    };
    let headers: Vec<(&str, &str)> = lines
        .iter()
        .take_while(is_header)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let body = lines[headers.len()..].join("\n");
    let body = body.trim();
    let mut sent: Vec<_> = headers.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
        sent.push(("content-type", "application/json"));
    }
    Answer::response(status, &sent, body).outcome
}
