//! Diagnostics as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change. Files are named relative to
//! where Ficus runs, and columns count characters (`unicodeCodePoints`).

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Code, Diagnostic, Place};

/// What stands in the path of a URI as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// One run with its rules, each with its page as help, and its results; also when there are none.
#[must_use]
pub fn to_sarif(diagnostics: &[Diagnostic]) -> String {
    let mut codes: Vec<Code> = Vec::new();
    for diagnostic in diagnostics {
        if !codes.contains(&diagnostic.code) {
            codes.push(diagnostic.code);
        }
    }
    let mut seen = HashMap::new();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            let rule = codes.iter().position(|code| *code == diagnostic.code).unwrap_or(0);
            result(diagnostic, rule, &mut seen)
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ficus",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.into_iter().map(rule).collect::<Vec<_>>()
            } },
            "columnKind": "unicodeCodePoints",
            "results": results
        }]
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": code.page(), "markdown": code.page() },
        "defaultConfiguration": { "level": code.severity().as_str() }
    })
}

fn result(diagnostic: &Diagnostic, rule: usize, seen: &mut HashMap<u64, usize>) -> Value {
    let mut text = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        text = format!("{text}; {help}");
    }
    for note in &diagnostic.notes {
        text = format!("{text}\n{note}");
    }
    let mut location = json!({ "physicalLocation": physical(&diagnostic.place) });
    if let (Some(coordinate), Some(location)) = (&diagnostic.coordinate, location.as_object_mut()) {
        location.insert("logicalLocations".to_owned(), json!([{ "fullyQualifiedName": coordinate }]));
    }
    let further = diagnostic.further.iter().zip(1..).map(|((place, label), id)| {
        json!({ "id": id, "physicalLocation": physical(place), "message": { "text": label } })
    });
    json!({
        "ruleId": diagnostic.code.as_str(),
        "ruleIndex": rule,
        "level": diagnostic.severity.as_str(),
        "message": { "text": text },
        "locations": [location],
        "relatedLocations": further.collect::<Vec<_>>(),
        "partialFingerprints": { "ficusDiagnostic/v1": fingerprint(diagnostic, seen) }
    })
}

fn physical(place: &Place) -> Value {
    let path = utf8_percent_encode(&place.file, PATH).to_string();
    let artifact = match place.file.starts_with('/') {
        true => json!({ "uri": format!("file://{path}") }),
        false => json!({ "uri": path, "uriBaseId": "%SRCROOT%" }),
    };
    json!({
        "artifactLocation": artifact,
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column
        }
    })
}

/// What stays the same when lines are added above: code, file, coordinate and message; equal ones are counted.
fn fingerprint(diagnostic: &Diagnostic, seen: &mut HashMap<u64, usize>) -> String {
    let coordinate = diagnostic.coordinate.as_deref().unwrap_or_default();
    let parts = [diagnostic.code.as_str(), &diagnostic.place.file, coordinate, &diagnostic.message];
    let hash = fnv1a(parts.join("\0").as_bytes());
    let count = seen.entry(hash).or_insert(0);
    *count += 1;
    format!("{hash:016x}:{count}")
}

/// FNV-1a, 64 bits: a hash that no release of a library changes.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::super::TextFile;
    use super::*;

    fn unknown(text: &str, at: usize) -> Diagnostic {
        let file = TextFile::new("my files/a.yaml", text);
        Diagnostic::new(Code::UnknownKey, file.place(at..at + 1), "unknown key")
    }

    fn sarif(diagnostics: &[Diagnostic]) -> Value {
        serde_json::from_str(&to_sarif(diagnostics)).unwrap()
    }

    #[test]
    fn a_fingerprint_survives_lines_above_and_tells_equal_ones_apart() {
        let print = |json: &Value, index: usize| {
            json["runs"][0]["results"][index]["partialFingerprints"]["ficusDiagnostic/v1"].clone()
        };
        let before = sarif(&[unknown("a\nb", 0), unknown("a\nb", 2)]);
        let after = sarif(&[unknown("# new\na\nb", 6), unknown("# new\na\nb", 8)]);
        assert_ne!(print(&before, 0), print(&before, 1));
        assert_eq!((print(&before, 0), print(&before, 1)), (print(&after, 0), print(&after, 1)));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn files_are_relative_uris_unless_they_are_absolute() {
        let json = sarif(&[unknown("a", 0)]);
        let artifact = &json["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(*artifact, json!({ "uri": "my%20files/a.yaml", "uriBaseId": "%SRCROOT%" }));
        assert_eq!(physical(&Place::whole("/a b"))["artifactLocation"], json!({ "uri": "file:///a%20b" }));
    }
}
