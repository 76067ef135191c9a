//! Batches: what rows are matched by must be had of them.

use super::{selections::variables, ways::gives};
use crate::{
    connector::{Join, Kind},
    diagnostic::{Code, Diagnostic, Diagnostics, Place},
    graph::{
        bind::{Bound, BoundConnector, undefined_field},
        compose::Composed,
    },
    mapping::{
        rows::{row_item, row_selection},
        shape::{ObjectShape, Shape, infer, shape},
    },
};

/// Checks the keys of all batches.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) {
    for found in &bound.connectors {
        let Some(batch) = &found.connector.batch else { continue };
        let faults = match &batch.join {
            Join::Entity { key } => of_entity(composed, found, key),
            Join::GroupBy { item, .. } => of_group(composed, found, item),
        };
        faults.into_iter().for_each(|fault| diagnostics.push(fault.on(found.connector.coordinate.as_str())));
    }
}

fn selection_place(found: &BoundConnector) -> Place {
    match &found.written.selection {
        Some(text) => text.place(0..text.value.len()),
        None => found.written.place.clone(),
    }
}

/// The rows of a batch are matched by key, so the selection must give it.
fn of_entity(composed: &Composed, found: &BoundConnector, key: &[Vec<String>]) -> Vec<Diagnostic> {
    let given = shape(&found.connector.selection);
    // That the type has no such field is told already.
    let is_field = |path: &[String]| match &found.connector.kind {
        Kind::Type { name } => undefined_field(&composed.schema, name, path).is_none(),
        _ => true,
    };
    let missing = key.iter().filter(|path| !gives(&given, path) && is_field(path));
    missing
        .map(|path| {
            let key = path.join(".");
            let message =
                format!("the rows of the batch are matched by `{key}`, which the selection does not give");
            Diagnostic::new(Code::ConnectorsBatchKeyNotInSelection, selection_place(found), message)
                .help(format!("select it too: `{key}`"))
        })
        .collect()
}

/// The key that a row is asked for; no selection can write it.
const ROW_KEY: &str = "0 row key";

/// The rows of a group are matched by what the backend says in them, so they must be rows that a selection is applied to,
/// and what they are matched by must not be known to be missing.
fn of_group(composed: &Composed, found: &BoundConnector, item: &[Vec<String>]) -> Vec<Diagnostic> {
    let mut root = found.connector.selection.root.clone();
    if let Shape::Object(ObjectShape { maybe_list: false, .. }) = shape(&found.connector.selection) {
        // One object and no rows, which is told where the selection is compared with its type.
        return Vec::new();
    }
    if row_selection(&mut root).is_none() {
        let keys: Vec<String> = item.iter().map(|path| format!("`{}`", path.join("."))).collect();
        let message =
            format!("rows are matched by {}, which cannot be read of rows made like this", keys.join(", "));
        let help = "end the selection with `{ … }` that is applied to each row: `$.rows { id … }`";
        return vec![Diagnostic::new(Code::InvalidGroupBy, selection_place(found), message).help(help)];
    }
    let missing = item.iter().filter(|path| {
        let mut root = found.connector.selection.root.clone();
        if let Some(rows) = row_selection(&mut root) {
            rows.items.push(row_item(ROW_KEY, path));
        }
        is_never_there(&infer(&root, &variables(&composed.schema, &found.connector)).shape)
    });
    missing
        .map(|path| {
            let message = format!("rows are matched by `{}`, which these rows never have", path.join("."));
            Diagnostic::new(Code::InvalidGroupBy, selection_place(found), message)
                .help("`item` is a path in a row as it stands before `{ … }` is applied to it")
        })
        .collect()
}

/// Whether every object that is made lacks the key of its row.
fn is_never_there(shape: &Shape) -> bool {
    let lacks = |object: &ObjectShape| {
        object.field(ROW_KEY).is_some_and(|field| match &field.shape {
            Shape::List(element) => **element == Shape::Missing,
            shape => *shape == Shape::Missing,
        })
    };
    match shape {
        Shape::List(element) => is_never_there(element),
        Shape::OneOf(shapes) => shapes.iter().all(is_never_there),
        Shape::Object(object) => lacks(object),
        _ => false,
    }
}
