//! `$batch` and `@groupBy`: how one request serves many parents.

use apollo_compiler::Name;

use super::{connectors::Element, mappings::Mappings, reads::undefined_field};
use crate::{
    connector::{Batch, Inputs, Join},
    diagnostic::{Code, Diagnostic, suggest},
    graph::{
        literal::SchemaText,
        written::{WrittenConnect, WrittenGroupBy, WrittenNumber},
    },
};

/// How rows find their parents; none when the connector serves one parent at a time.
pub(super) fn join(
    mappings: &mut Mappings<'_>,
    element: Element<'_>,
    written: &WrittenConnect,
    group_by: Option<&WrittenGroupBy>,
    uses_batch: bool,
) -> Option<Join> {
    let sizes = [written.batch_size_max.as_ref(), group_by.and_then(|group_by| group_by.size_max.as_ref())];
    sizes.into_iter().flatten().for_each(|size| check_size(mappings, size));
    match (element, group_by, uses_batch) {
        (Element::Type { .. }, _, true) => Some(Join::Entity { key: Vec::new() }),
        (Element::Field { root: true, .. }, Some(group_by), _) => {
            let message = "`@groupBy` on a field of a root type, which has no parents";
            mappings.report(Diagnostic::new(Code::InvalidGroupBy, group_by.place.clone(), message));
            None
        }
        (Element::Field { parent, root: false, .. }, Some(group_by), true) => {
            grouped(mappings, parent, group_by)
        }
        (Element::Field { root: false, .. }, Some(group_by), false) => {
            let message = "`@groupBy` groups the rows of a batch, and the request does not read `$batch`";
            let diagnostic = Diagnostic::new(Code::InvalidGroupBy, group_by.place.clone(), message);
            mappings.report(diagnostic.help("send the parents' keys: `queryParams: \"userId: $batch.id\"`"));
            None
        }
        (Element::Field { root: false, .. }, None, true) => {
            let message = "a field that reads `$batch` must say how rows find their parents";
            let help = "add `@groupBy(item: \"userId\", parent: \"id\")`, or read `$this` for one request per parent";
            mappings.report(Diagnostic::new(Code::InvalidGroupBy, written.place.clone(), message).help(help));
            None
        }
        _ => None,
    }
}

/// The batch of a join; what rows are matched by is read of each parent too.
pub(super) fn batch(
    join: Join,
    written: &WrittenConnect,
    group_by: Option<&WrittenGroupBy>,
    inputs: &mut Inputs,
) -> Batch {
    let size = group_by.and_then(|group_by| group_by.size_max.as_ref()).or(written.batch_size_max.as_ref());
    let size_max = size.and_then(|size| usize::try_from(size.value).ok());
    let join = match join {
        Join::Entity { .. } => Join::Entity { key: inputs.batch.clone() },
        Join::GroupBy { item, parent } => {
            inputs.batch.extend(parent.iter().cloned());
            inputs.batch.sort();
            inputs.batch.dedup();
            Join::GroupBy { item, parent }
        }
    };
    Batch { size_max, join }
}

fn check_size(mappings: &mut Mappings<'_>, size: &WrittenNumber) {
    if size.value < 1 {
        let diagnostic =
            Diagnostic::new(Code::InvalidValue, size.place.clone(), "`maxSize` must be at least 1");
        mappings.report(diagnostic.help("leave it out for batches without a bound"));
    }
}

fn grouped(mappings: &mut Mappings<'_>, owner: &Name, group_by: &WrittenGroupBy) -> Option<Join> {
    let item = paths(mappings, &group_by.item)?;
    let parent = paths(mappings, &group_by.parent)?;
    if item.len() != parent.len() || item.is_empty() {
        let message = format!("`item` has {} parts and `parent` has {}", item.len(), parent.len());
        let diagnostic = Diagnostic::new(Code::InvalidGroupBy, group_by.place.clone(), message);
        mappings.report(diagnostic.help("each part of `item` is compared with the same part of `parent`"));
        return None;
    }
    for (path, text) in parent.iter().zip(&group_by.parent) {
        if let Some((owner, key, known)) = undefined_field(mappings.schema, owner, path) {
            let message = format!("`parent` is a path in `{owner}`, which has no field `{key}`");
            let diagnostic = Diagnostic::new(Code::InvalidGroupBy, text.place.clone(), message);
            mappings.report(match suggest(&key, known.into_iter().map(Name::as_str)) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
    }
    Some(Join::GroupBy { item, parent })
}

/// `"a.b"` as `["a", "b"]`.
fn paths(mappings: &mut Mappings<'_>, texts: &[SchemaText]) -> Option<Vec<Vec<String>>> {
    let mut paths = Vec::new();
    for text in texts {
        let path: Vec<String> = text.value.split('.').map(|key| key.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            let message = "this is not a path";
            let diagnostic = Diagnostic::new(Code::InvalidGroupBy, text.place.clone(), message);
            mappings
                .report(diagnostic.help("example: `user.id`; of a composite key: `[\"tenant\", \"id\"]`"));
            return None;
        }
        paths.push(path);
    }
    Some(paths)
}
