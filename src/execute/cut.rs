//! The body of an answer to a batch cut into rows, each with its key, and rows put together to such a body again. Text stays
//! as the backend wrote it. Not for what rows mean: that is the mapping's.

use std::collections::HashMap;

use bumpalo::Bump;
use bytes::Bytes;

use super::key;
use crate::{
    connector::Rows,
    mapping::json::{
        self,
        scan::{Broken, Scanner},
        write_string,
    },
};

/// Rows by key. Rows without a key are nobody's.
pub(super) type RowsByKey<'t> = HashMap<Vec<u8>, Vec<&'t str>, ahash::RandomState>;

/// Cuts a body that is JSON. None where it is not of the form that rows can be cut out of: no list where it should be, or a
/// list in a row where its key should be.
pub(super) fn cut<'t>(text: &'t str, how: &Rows) -> Option<RowsByKey<'t>> {
    let mut list = text;
    for name in how.list.iter() {
        list = below(list, name)??;
    }
    let mut by_key = RowsByKey::default();
    for row in elements(list).ok()?? {
        let mut row_key = Vec::new();
        if key_of(row, how, &mut row_key)? {
            by_key.entry(row_key).or_default().push(row);
        }
    }
    Some(by_key)
}

/// Appends a row's key, as `key::part` writes it. False where a part of it is null or missing.
fn key_of(row: &str, how: &Rows, row_key: &mut Vec<u8>) -> Option<bool> {
    for path in &how.key {
        let mut value = row;
        for name in path {
            match below(value, name)? {
                Some(next) => value = next,
                None => return Some(false),
            }
        }
        let arena = Bump::new();
        if !key::part_of(json::read(value, &arena).ok()?, row_key)? {
            return Some(false);
        }
    }
    Some(true)
}

/// The text of a key's value; of duplicate keys the last counts. None for a list, and for what is not JSON.
fn below<'t>(text: &'t str, name: &str) -> Option<Option<&'t str>> {
    let mut scanner = Scanner::new(text);
    match scanner.peek().ok()? {
        b'[' => return None,
        b'{' => {}
        _ => return Some(None),
    }
    let mut found = None;
    let mut has_more = scanner.object().ok()?;
    while has_more {
        let key = scanner.key().ok()?;
        let value = skip(&mut scanner, text).ok()?;
        if key.characters() == name {
            found = Some(value);
        }
        has_more = scanner.next_entry().ok()?;
    }
    Some(found)
}

/// The texts of a list's elements; none for what is no list.
fn elements(text: &str) -> Result<Option<Vec<&str>>, Broken> {
    let mut scanner = Scanner::new(text);
    if scanner.peek()? != b'[' {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut next = scanner.list()?;
    while next.is_some() {
        found.push(skip(&mut scanner, text)?);
        next = scanner.next_element()?;
    }
    Ok(Some(found))
}

/// The text of the value at hand.
fn skip<'t>(scanner: &mut Scanner<'_>, text: &'t str) -> Result<&'t str, Broken> {
    let first = scanner.peek()?;
    let start = scanner.at();
    scanner.skip(first)?;
    Ok(text.get(start..scanner.at()).unwrap_or_default())
}

/// A body that holds these rows where they were cut out.
pub(super) fn join<'r>(rows: impl Iterator<Item = &'r Bytes>, how: &Rows) -> Bytes {
    let mut body = Vec::new();
    for name in how.list.iter() {
        body.push(b'{');
        write_string(name, &mut body);
        body.push(b':');
    }
    body.push(b'[');
    let first = body.len();
    for rows in rows.filter(|rows| !rows.is_empty()) {
        if body.len() > first {
            body.push(b',');
        }
        body.extend_from_slice(rows);
    }
    body.push(b']');
    body.extend(how.list.iter().map(|_| b'}'));
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(list: &[&str], key: &[&[&str]]) -> Rows {
        let path = |path: &[&str]| path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Rows { list: path(list).into(), key: key.iter().map(|key| path(key)).collect(), has_many: true }
    }

    fn key(parts: &[&str]) -> Vec<u8> {
        let parts = parts
            .iter()
            .map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), part.as_bytes()].concat());
        parts.collect::<Vec<_>>().concat()
    }

    #[test]
    fn rows_keep_their_text_and_are_found_by_what_their_key_is_worth() {
        let how = how(&["data", "rows"], &[&["of", "id"]]);
        let text = r#"{"data":{"rows":[],"rows":[{"of":{"id":7},"n":1.50},{"of":{"id":"7"} , "n":2}, {"of":null}, null, {"of":{"id":8e0}}]}}"#;
        let found = cut(text, &how).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&key(&["7"])], [r#"{"of":{"id":7},"n":1.50}"#, r#"{"of":{"id":"7"} , "n":2}"#]);
        assert_eq!(found[&key(&["8"])], [r#"{"of":{"id":8e0}}"#]);
    }

    #[test]
    fn what_evaluation_would_spread_over_lists_is_not_cut() {
        let rows = how(&["rows"], &[&["of", "id"]]);
        for text in [
            r#"[{"rows":[]}]"#,
            r#"{"rows":{"of":{"id":7}}}"#,
            r#"{"rows":[{"of":[{"id":7}]}]}"#,
            r#"{"rows":[{"of":{"id":[7]}}]}"#,
            r#"{"rows":[[{"of":{"id":7}}]]}"#,
            r#"{"rows":[{"of":{"id":7}}"#,
            r#"{"data":[]}"#,
            "<rows/>",
        ] {
            assert!(cut(text, &rows).is_none(), "{text}");
        }
    }

    #[test]
    fn rows_that_are_put_together_are_cut_the_same_way_again() {
        let how = how(&["data", "a \"b\""], &[&["id"], &["kind"]]);
        let rows = [r#"{"id":1,"kind":"x"},{"id":1,"kind":"x","n":2}"#, "", r#"{"id":2,"kind":"y"}"#]
            .map(Bytes::from);
        let body = join(rows.iter(), &how);
        let text = std::str::from_utf8(&body).unwrap();
        let found = cut(text, &how).unwrap();
        assert_eq!(found[&key(&["1", "x"])].join(","), rows[0]);
        assert_eq!(found[&key(&["2", "y"])].join(","), rows[2]);
        assert_eq!(found.len(), 2);
        assert_eq!(join([].into_iter(), &how), r#"{"data":{"a \"b\"":[]}}"#);
    }
}
