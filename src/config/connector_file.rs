//! One `connectors/<source>.yaml`: where a backend is and how it is treated. Every key is optional here;
//! what the schema says about the same source and the defaults come in when the graph is bound.

use std::{collections::BTreeMap, time::Duration};

use super::{
    environment::{Lookup, Text},
    reader::{Reader, wait},
    yaml::{self, Node, NodeKind},
};
use crate::diagnostic::{Diagnostics, Place, TextFile};

/// Keys that are documented and not built.
const LATER: &[&str] = &[
    "retry",
    "circuit_breaker",
    "rate_limit",
    "hedge",
    "cache",
    "share_in_flight",
    "batch_window",
    "redirects",
    "http",
    "tls",
    "auth",
    "webhooks",
];

/// A connector file, read and checked by itself.
#[derive(Debug)]
pub struct ConnectorFile {
    /// The source's name: the file's name without `.yaml`.
    pub name: String,
    /// The file, for diagnostics.
    pub place: Place,
    /// Scheme, authority, path and query that every request begins with.
    pub base_url: Option<Placed<Text>>,
    /// Whether a `base_url` is written that could not be read: it is not missing then.
    pub faulty_base_url: bool,
    /// `$config`.
    pub config: Option<serde_json::Value>,
    /// Headers of every request.
    pub headers: Vec<FileHeader>,
    /// Of one attempt.
    pub timeout: Option<Duration>,
    /// Requests in flight at once.
    pub concurrency_max: Option<usize>,
    /// Requests that may wait for a place.
    pub queue_max: Option<usize>,
    /// How long one waits.
    pub queue_timeout: Option<Duration>,
    /// What a status means, where it is not the default meaning.
    pub statuses: BTreeMap<u16, StatusMeaning>,
    /// How a response body is read.
    pub format: Option<ResponseFormat>,
    /// Largest response body, decompressed, in bytes.
    pub body_bytes_max: Option<usize>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// `{ name, from | value }`.
#[derive(Debug)]
pub struct FileHeader {
    /// As it is written.
    pub name: Placed<Text>,
    /// Copied from this header of the client's request.
    pub from: Option<Placed<Text>>,
    /// A template.
    pub value: Option<Placed<Text>>,
    /// The whole entry.
    pub place: Place,
}

/// What a status means (`statuses` in a connector file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// The field is null, without an error.
    Null,
    /// The field is null, with an error.
    Error,
    /// The body is data.
    Data,
}

/// How a response body is read (`response.format` in a connector file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseFormat {
    /// By its content type. The default.
    #[default]
    Auto,
    /// As JSON, whatever its content type says: some old backends send JSON as `text/html`.
    Json,
    /// As one string.
    Text,
}

/// Reads a connector file. Faults are reported and leave their key unset, so that one run shows them all.
pub fn read_connector_file(
    name: &str,
    file: &TextFile,
    lookup: Lookup<'_>,
    diagnostics: &mut Diagnostics,
) -> ConnectorFile {
    let mut read = ConnectorFile {
        name: name.to_owned(),
        place: file.place(0..0),
        base_url: None,
        faulty_base_url: true,
        config: None,
        headers: Vec::new(),
        timeout: None,
        concurrency_max: None,
        queue_max: None,
        queue_timeout: None,
        statuses: BTreeMap::new(),
        format: None,
        body_bytes_max: None,
    };
    let before = diagnostics.errors();
    let Some(root) = yaml::parse(file, diagnostics) else {
        // An empty file says nothing; a broken one might say anything.
        read.faulty_base_url = diagnostics.errors() > before;
        return read;
    };
    let mut reader = Reader { file, lookup, diagnostics };
    let Some(mut fields) = reader.fields(&root, "") else { return read };
    let base_url = fields.take("base_url");
    read.base_url = base_url.and_then(|node| template(&mut reader, node));
    read.faulty_base_url = base_url.is_some() && read.base_url.is_none();
    read.config = fields.take("config").and_then(|node| {
        reader.fields(node, "config")?;
        reader.json(node)
    });
    if let Some(node) = fields.take("headers") {
        read.headers = reader.items(node).iter().filter_map(|item| header(&mut reader, item)).collect();
    }
    read.timeout = fields.take("timeout").and_then(|node| reader.duration(node, wait()));
    if let Some(node) = fields.take("concurrency") {
        concurrency(&mut reader, node, &mut read);
    }
    if let Some(node) = fields.take("statuses") {
        read.statuses = statuses(&mut reader, node);
    }
    if let Some(node) = fields.take("response") {
        response(&mut reader, node, &mut read);
    }
    reader.finish(fields, LATER);
    read
}

fn text(reader: &mut Reader<'_>, node: &Node) -> Option<Placed<Text>> {
    let value = reader.text(node)?;
    Some(Placed { value, place: reader.place(node) })
}

fn template(reader: &mut Reader<'_>, node: &Node) -> Option<Placed<Text>> {
    let value = reader.template(node)?;
    Some(Placed { value, place: reader.place(node) })
}

fn header(reader: &mut Reader<'_>, node: &Node) -> Option<FileHeader> {
    let mut fields = reader.fields(node, "headers")?;
    let name = fields.take("name").map(|node| text(reader, node));
    let from = fields.take("from").map(|node| text(reader, node));
    let value = fields.take("value").map(|node| template(reader, node));
    reader.finish(fields, &[]);
    let (Some(name), true) = (name, from.is_some() != value.is_some()) else {
        reader.invalid(
            node,
            "a header needs `name` and one of `from` and `value`",
            "example: `{ name: x-api-key, value: \"${API_KEY}\" }`",
        );
        return None;
    };
    // A fault inside an entry is already reported.
    let read =
        (name?, from.map_or(Some(None), |from| from.map(Some))?, value.map_or(Some(None), |v| v.map(Some))?);
    Some(FileHeader { name: read.0, from: read.1, value: read.2, place: reader.place(node) })
}

fn concurrency(reader: &mut Reader<'_>, node: &Node, read: &mut ConnectorFile) {
    let Some(mut fields) = reader.fields(node, "concurrency") else { return };
    read.concurrency_max = fields.take("max").and_then(|node| reader.integer(node, 1..=1_000_000));
    // No queue is a meaningful choice: fail at once when all places are taken.
    read.queue_max = fields.take("queue").and_then(|node| reader.integer(node, 0..=1_000_000));
    read.queue_timeout = fields.take("queue_timeout").and_then(|node| reader.duration(node, wait()));
    reader.finish(fields, &[]);
}

fn response(reader: &mut Reader<'_>, node: &Node, read: &mut ConnectorFile) {
    let Some(mut fields) = reader.fields(node, "response") else { return };
    read.format = fields.take("format").and_then(|node| {
        let formats =
            [("auto", ResponseFormat::Auto), ("json", ResponseFormat::Json), ("text", ResponseFormat::Text)];
        reader.word(node, &formats)
    });
    read.body_bytes_max = fields.take("max_body").and_then(|node| reader.size(node, 1..=4 << 30));
    reader.finish(fields, &[]);
}

fn statuses(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<u16, StatusMeaning> {
    let mut read = BTreeMap::new();
    if reader.fields(node, "statuses").is_none() {
        return read;
    }
    let NodeKind::Map(entries) = &node.kind else { return read };
    for (key, value) in entries {
        let words =
            [("null", StatusMeaning::Null), ("error", StatusMeaning::Error), ("data", StatusMeaning::Data)];
        let meaning = reader.word(value, &words);
        match key.text.parse::<u16>().ok().filter(|status| (200..=599).contains(status)) {
            Some(status) => read.extend(meaning.map(|meaning| (status, meaning))),
            None => {
                let key_node = Node {
                    kind: NodeKind::Scalar { text: String::new(), quoted: false },
                    range: key.range.clone(),
                };
                let message = format!("`{}` is not a status that a response can end with", key.text);
                reader.invalid(&key_node, message, "from 200 to 599");
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (ConnectorFile, Vec<String>) {
        let file = TextFile::new("orders.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let lookup = |name: &str| (name == "KEY").then(|| "hush".to_owned());
        let read = read_connector_file("orders", &file, &lookup, &mut diagnostics);
        let shown =
            diagnostics.into_sorted().iter().map(|d| format!("{} {}", d.place.line, d.message)).collect();
        (read, shown)
    }

    #[test]
    fn every_key() {
        let (file, faults) = read(
            "base_url: http://127.0.0.1:1/${KEY}\n\
             config: { region: eu, n: 2, key: '${KEY}' }\n\
             headers:\n  - { name: x-api-key, value: '${KEY}' }\n  - { name: authorization, from: authorization }\n\
             timeout: 2s\n\
             concurrency: { max: 2, queue: 0, queue_timeout: 10ms }\n\
             statuses: { 404: null, 409: error, 422: data }\n\
             response: { format: json, max_body: 1MiB }\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(file.config, Some(serde_json::json!({"region": "eu", "n": 2, "key": "hush"})));
        assert_eq!(file.headers.len(), 2);
        assert_eq!(file.timeout, Some(Duration::from_secs(2)));
        assert_eq!((file.concurrency_max, file.queue_max), (Some(2), Some(0)));
        assert_eq!(file.statuses.get(&404), Some(&StatusMeaning::Null));
        assert_eq!((file.format, file.body_bytes_max), (Some(ResponseFormat::Json), Some(1 << 20)));
        assert!(!format!("{:?}", file.base_url).contains("hush"));
    }

    #[test]
    fn all_faults_at_once() {
        let (_, faults) = read(
            "base_ur: x\ntimeout: 0s\nretry: { attempts: 2 }\nheaders: [{ name: a, value: '${NO}' }, { name: b }]\n\
             statuses: { 99: null, 404: gone }\nresponse: []\ntimeout: soon\n",
        );
        let expected = [
            "1 unknown key `base_ur`",
            "2 the value is too small",
            "3 `retry` is not supported yet",
            "4 the environment variable `NO` is not set",
            "4 a header needs `name` and one of `from` and `value`",
            "5 `99` is not a status that a response can end with",
            "5 `gone` is not one of `null`, `error`, `data`",
            "6 response must be a mapping, not a list",
            "7 the key `timeout` stands twice",
        ];
        assert_eq!(faults, expected);
    }

    proptest::proptest! {
        /// Whatever stands in a file, it is read or refused.
        #[test]
        fn odd_files_are_no_panic(text in r##"([a-z_]{1,8}: |headers|timeout|base_url|statuses|\$\{[A-Z]{0,3}(:-)?\}?|[\[\]{},:&*!|>'"#\n -]|[0-9]{1,3}[msh]|ü){0,40}"##) {
            let (_, faults) = read(&text);
            proptest::prop_assert!(faults.iter().all(|fault| !fault.is_empty()));
        }
    }
}
