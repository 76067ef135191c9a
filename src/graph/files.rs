//! The texts of a graph's schema files, and the way from apollo-compiler's spans to places in them.

use std::{collections::HashMap, ops::Range};

use apollo_compiler::parser::{SourceMap, SourceSpan};

use crate::diagnostic::{Place, TextFile};

/// The schema files by name.
#[derive(Debug, Default)]
pub(super) struct SchemaFiles {
    by_name: HashMap<String, TextFile>,
    /// From apollo-compiler's file ids to names; filled once all files are parsed.
    sources: SourceMap,
    /// Shown where there is no better place.
    fallback: String,
}

impl SchemaFiles {
    pub(super) fn new(files: &[(String, String)]) -> Self {
        let by_name = files
            .iter()
            .map(|(name, text)| (name.clone(), TextFile::new(name.as_str(), text.as_str())))
            .collect();
        let fallback = files.first().map_or_else(|| "schema".to_owned(), |(name, _)| name.clone());
        SchemaFiles { by_name, sources: SourceMap::default(), fallback }
    }

    /// Learns the ids of files that were parsed.
    pub(super) fn know(&mut self, sources: &SourceMap) {
        let known = std::sync::Arc::make_mut(&mut self.sources);
        known.extend(sources.iter().map(|(id, file)| (*id, file.clone())));
    }

    /// The file that a span is in, where it is one of ours.
    pub(super) fn file(&self, span: SourceSpan) -> Option<&TextFile> {
        let source = self.sources.get(&span.file_id())?;
        self.by_name.get(source.path().to_str()?)
    }

    /// The place of a span; the first file as a whole where there is none.
    pub(super) fn place(&self, span: Option<SourceSpan>) -> Place {
        let found = span.and_then(|span| Some((self.file(span)?, span)));
        match found {
            Some((file, span)) => file.place(trimmed(&file.text, span.offset()..span.end_offset())),
            None => Place::whole(self.fallback.as_str()),
        }
    }
}

/// Without blanks at the end, which the parser counts to some nodes.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    match text.get(range.clone()) {
        Some(inside) => {
            range.start..range.start + inside.trim_end_matches([' ', '\t', '\r', '\n', ',']).len()
        }
        None => range,
    }
}
