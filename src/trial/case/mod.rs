//! Cases of `ficus test`: files that name a connector, what its mappings see, what its backend answers, and what is expected
//! of all that. `yaml` and `markdown` read them, `run` runs one, `expect` compares, `update` writes what came out back
//! into the file, in the place of what was expected. Nothing here opens a connection.

mod expect;
mod markdown;
mod markdown_update;
mod run;
mod update;
mod yaml;
mod yaml_update;
mod yaml_write;

use std::path::Path;

use bytes::Bytes;
use serde_json::Value as Json;

use super::inputs::Inputs;
use crate::{
    config::yaml::Node,
    diagnostic::{Diagnostics, Place, TextFile},
};

pub use expect::{Difference, Part};
pub use run::{Ran, run};
pub use update::update;

/// A file of cases.
#[derive(Debug)]
pub struct CaseFile {
    /// Its text.
    pub file: TextFile,
    /// In the order of the file.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Unique in its file.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// Coordinate or id.
    pub connector: String,
    /// What the mappings see.
    pub inputs: Inputs,
    /// What the backend answers, in the order of the requests.
    pub responses: Vec<MockResponse>,
    /// What is expected, by part.
    pub expected: Vec<(Part, Json)>,
    /// Parts that are spoken of and left open: `--update` fills them.
    pub open: Vec<Part>,
    /// Where that is written.
    written: Written,
}

/// What a backend answers in a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockResponse {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body as it is sent.
    pub body: Bytes,
}

/// Where the expectations of a case stand in their file.
#[derive(Debug)]
enum Written {
    /// The value of `expect`, and where the colon of its key ends.
    Yaml { colon: usize, node: Node },
    /// Blocks, each with its part and the bytes between its fences.
    Markdown(Vec<(Part, std::ops::Range<usize>)>),
}

impl Case {
    /// What is expected of one part.
    #[must_use]
    pub fn expects(&self, part: Part) -> Option<&Json> {
        self.expected.iter().find(|(known, _)| *known == part).map(|(_, json)| json)
    }
}

/// Whether a file in a folder holds cases: `*.test.yaml`, `*.test.yml` and `*.test.md`.
#[must_use]
pub fn is_case_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    [".test.yaml", ".test.yml", ".test.md"].iter().any(|end| name.ends_with(end))
}

/// Reads a file of cases: Markdown where its name ends in `.md`, else YAML. What is wrong with it is reported; the cases that
/// can be read are there nevertheless.
pub fn read(name: &str, text: &str, diagnostics: &mut Diagnostics) -> CaseFile {
    let file = TextFile::new(name, text);
    let cases = if name.ends_with(".md") {
        markdown::read(&file, diagnostics)
    } else {
        yaml::read(&file, diagnostics)
    };
    CaseFile { file, cases }
}

impl MockResponse {
    /// A response whose body is JSON unless its headers say otherwise.
    fn new(status: http::StatusCode, mut headers: http::HeaderMap, body: Bytes) -> Self {
        let json = http::HeaderValue::from_static("application/json");
        if !body.is_empty() {
            headers.entry(http::header::CONTENT_TYPE).or_insert(json);
        }
        MockResponse { status, headers, body }
    }
}
