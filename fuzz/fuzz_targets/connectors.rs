//! Files that are no schema: `connectors/*.yaml` and `ficus.yaml`, with their environment.
//!
//! Input: a connector file, a `ficus.yaml`, and `NAME=value` lines.
//!
//! What must hold: nothing panics; every fault has its place within its file; no value from the environment is shown.

#![no_main]

use std::collections::HashMap;

use ficus::{
    config::{environment::interpolate, read_connector_file, read_gateway_file},
    diagnostic::{Diagnostics, TextFile, render, to_json},
};
use libfuzzer_sys::fuzz_target;

/// Stands in every value of the environment.
const SECRET: &str = "hush-hush";

fuzz_target!(|input: &[u8]| {
    let Some([connector, gateway, lines]) = ficus_fuzz::sections(input) else { return };
    let env: HashMap<&str, String> = lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name, format!("{SECRET}{value}")))
        .collect();
    let lookup = |name: &str| env.get(name).cloned();
    let mut diagnostics = Diagnostics::default();
    let file = TextFile::new("connectors/shop.yaml", connector);
    let read = read_connector_file("shop", &file, &lookup, &mut diagnostics);
    if let Some(url) = &read.base_url {
        assert!(!url.value.written.contains(SECRET) || connector.contains(SECRET));
    }
    let _ = read_gateway_file(&TextFile::new("ficus.yaml", gateway), &lookup, &mut diagnostics);
    for template in [false, true] {
        let _ = interpolate(connector, template, &lookup);
    }
    let found = diagnostics.into_sorted();
    for diagnostic in &found {
        let text = if &*diagnostic.place.file == "ficus.yaml" { gateway } else { connector };
        let lines = text.lines().count().max(1) + 1;
        let line = usize::try_from(diagnostic.place.line).expect("a line");
        assert!(line <= lines, "line {line} of {lines}: {diagnostic:?}");
    }
    let shown = render(&found, false) + &to_json(&found);
    assert!(!shown.contains(SECRET) || input_has_secret(input), "{shown}");
});

fn input_has_secret(input: &[u8]) -> bool {
    // A file may spell it out, whole or through an escape of YAML.
    input.windows(4).any(|window| window == b"hush") || input.contains(&b'\\')
}
