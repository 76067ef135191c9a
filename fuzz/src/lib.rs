//! What the targets share: an input is text in sections, so that a seed can be read, written by hand, and crossed with
//! another; and a generator of mappings that are mostly right, for the places that noise does not reach.

#[path = "../../tests/support/conforms.rs"]
mod judge;

use ficus::mapping::{Value, ast::Mapping, shape::Shape};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Stands alone on a line between two sections.
const SEPARATOR: &str = "\n====\n";

/// Inputs longer than this say nothing that shorter ones do not.
pub const BYTES_MAX: usize = 16 << 10;

/// The sections of an input; those that are not there are empty. None where it is no text, or too long.
pub fn sections<const N: usize>(input: &[u8]) -> Option<[&str; N]> {
    if input.len() > BYTES_MAX {
        return None;
    }
    let mut pieces = std::str::from_utf8(input).ok()?.split(SEPARATOR);
    Some(std::array::from_fn(|_| pieces.next().unwrap_or_default()))
}

/// Whether a value is one that the shape foretells: the judge is that of the property tests.
pub fn conforms(value: &Value<'_>, shape: &Shape) -> bool {
    judge::conforms(value, shape)
}

/// What a mapping's shape foretells.
pub fn foretold(mapping: &Mapping) -> Option<Shape> {
    judge::foretold(mapping)
}

/// JSON of a section; null where it is none.
pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A mapping that is mostly right, made of whatever bytes.
pub fn mapping(bytes: &[u8]) -> String {
    let mut text = String::new();
    // Bytes that run out end the text early; that is an input, too.
    let _ = selection(&mut Unstructured::new(bytes), 5, &mut text);
    text
}

fn pick<'a>(bytes: &mut Unstructured<'_>, words: &[&'a str]) -> Result<&'a str> {
    bytes.choose(words).copied()
}

const KEYS: &[&str] = &["a", "b", "c", "id", "'x y'", "null", "true"];

fn selection(bytes: &mut Unstructured<'_>, depth: usize, out: &mut String) -> Result<()> {
    let separator = pick(bytes, &[" ", ", ", "\n"])?;
    for position in 0..bytes.int_in_range(1..=4)? {
        if position > 0 {
            out.push_str(separator);
        }
        match bytes.int_in_range(0..=6)? {
            0 => out.push_str(pick(bytes, KEYS)?),
            1 => {
                out.push_str(pick(bytes, &["...", "... "])?);
                expression(bytes, depth, out)?;
            }
            2 => {
                path(bytes, depth, out)?;
                braces(bytes, depth, out)?;
            }
            3 => expression(bytes, depth, out)?,
            _ => {
                out.push_str(pick(bytes, KEYS)?);
                out.push_str(": ");
                expression(bytes, depth, out)?;
            }
        }
    }
    Ok(())
}

fn braces(bytes: &mut Unstructured<'_>, depth: usize, out: &mut String) -> Result<()> {
    out.push_str(" { ");
    if depth > 0 {
        selection(bytes, depth - 1, out)?;
    }
    out.push_str(" }");
    Ok(())
}

fn expression(bytes: &mut Unstructured<'_>, depth: usize, out: &mut String) -> Result<()> {
    let literals =
        ["null", "true", "false", "1", "-2.5", "0", ".5", "9223372036854775807", "'ä€'", "''", "[]", "{}"];
    if depth == 0 {
        out.push_str(pick(bytes, &literals)?);
        return Ok(());
    }
    match bytes.int_in_range(0..=9)? {
        0 => out.push_str(pick(bytes, &literals)?),
        1 => {
            out.push('[');
            list(bytes, depth - 1, ", ", out)?;
            out.push(']');
        }
        2 => braces(bytes, depth, out)?,
        3 => {
            out.push_str("$(");
            let operator = pick(bytes, &[" ?? ", " ?! "])?;
            list(bytes, depth - 1, operator, out)?;
            out.push(')');
            steps(bytes, depth - 1, out)?;
        }
        4 => {
            path(bytes, depth, out)?;
            braces(bytes, depth, out)?;
        }
        _ => path(bytes, depth, out)?,
    }
    Ok(())
}

fn list(bytes: &mut Unstructured<'_>, depth: usize, separator: &str, out: &mut String) -> Result<()> {
    for position in 0..bytes.int_in_range(1..=3)? {
        if position > 0 {
            out.push_str(separator);
        }
        expression(bytes, depth, out)?;
    }
    Ok(())
}

fn path(bytes: &mut Unstructured<'_>, depth: usize, out: &mut String) -> Result<()> {
    let heads = [
        "$",
        "@",
        "a",
        "$.b",
        "$args",
        "$args.a",
        "$this",
        "$config",
        "$env",
        "$x",
        "$status",
        "$response.headers",
    ];
    out.push_str(pick(bytes, &heads)?);
    steps(bytes, depth, out)
}

fn steps(bytes: &mut Unstructured<'_>, depth: usize, out: &mut String) -> Result<()> {
    for _ in 0..bytes.int_in_range(0..=3)? {
        match bytes.int_in_range(0..=5)? {
            0 | 1 => {
                out.push('.');
                out.push_str(pick(bytes, KEYS)?);
            }
            2 => out.push('?'),
            3 if depth > 0 => {
                out.push_str("->as($x");
                if bytes.arbitrary()? {
                    out.push_str(", ");
                    expression(bytes, depth - 1, out)?;
                }
                out.push(')');
            }
            _ => {
                let names: Vec<&str> = ficus::mapping::methods::names().collect();
                out.push_str("->");
                out.push_str(pick(bytes, &names)?);
                if depth > 0 && bytes.arbitrary()? {
                    out.push('(');
                    list(bytes, depth - 1, ", ", out)?;
                    out.push(')');
                }
            }
        }
    }
    Ok(())
}
