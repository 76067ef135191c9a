//! Diagnostics as JSON, for scripts and editors.

use serde::Serialize;

use super::Diagnostic;

#[derive(Serialize)]
struct Document<'a> {
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    help: Option<&'a str>,
    notes: &'a [String],
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    coordinate: Option<&'a str>,
}

/// `{"diagnostics": […]}`, also when there are none.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic]) -> String {
    let entries = diagnostics
        .iter()
        .map(|d| Entry {
            code: d.code.as_str(),
            severity: d.severity.as_str(),
            message: &d.message,
            help: d.help.as_deref(),
            notes: &d.notes,
            file: &d.place.file,
            line: d.place.line,
            column: d.place.column,
            end_line: d.place.end_line,
            end_column: d.place.end_column,
            coordinate: d.coordinate.as_deref(),
        })
        .collect();
    serde_json::to_string_pretty(&Document { diagnostics: entries }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Code, TextFile};
    use super::*;

    #[test]
    fn every_field_is_there_also_when_it_is_empty() {
        let file = TextFile::new("connectors/orders.yaml", "base_url: x\ntimeot: 2s\n");
        let full = Diagnostic::new(Code::UnknownKey, file.place(12..18), "unknown key `timeot`")
            .on("Query.orders")
            .note("an example")
            .help("did you mean `timeout`?");
        let bare = Diagnostic::new(Code::UnusedConnectorFile, file.place(0..0), "unused");
        let json: serde_json::Value = serde_json::from_str(&to_json(&[full, bare])).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"diagnostics": [
                {
                    "code": "UNKNOWN_KEY", "severity": "error", "message": "unknown key `timeot`",
                    "help": "did you mean `timeout`?", "notes": ["an example"], "file": "connectors/orders.yaml",
                    "line": 2, "column": 1, "end_line": 2, "end_column": 7, "coordinate": "Query.orders"
                },
                {
                    "code": "UNUSED_CONNECTOR_FILE", "severity": "warning", "message": "unused",
                    "help": null, "notes": [], "file": "connectors/orders.yaml",
                    "line": 1, "column": 1, "end_line": 1, "end_column": 1, "coordinate": null
                }
            ]})
        );
        let empty: serde_json::Value = serde_json::from_str(&to_json(&[])).unwrap();
        assert_eq!(empty, serde_json::json!({"diagnostics": []}));
    }
}
