//! A mapping that makes rows, extended by further keys that are read of each row as the backend gave it: by these, rows
//! of a batch find their parents. Also where in a body rows stand, and where in a row a key stands. What is done with them is
//! not known here.

use super::ast::{Expr, ExprKind, Head, Item, Key, Path, Root, Span, Step, SubSelection};

/// The selection that is applied to each row of a list: the mapping's own, or that of its one path.
/// None where rows are made in another way (a method's argument, say).
pub fn row_selection(root: &mut Root) -> Option<&mut SubSelection> {
    match root {
        Root::Selection(selection) => Some(selection),
        Root::Expression(Expr { kind: ExprKind::Path(path), .. }) => match path.steps.last_mut() {
            Some(Step::Select(selection)) => Some(selection),
            _ => None,
        },
        Root::Expression(_) => None,
    }
}

/// An item `name: $.path.below`. The name may be one that no mapping could write.
#[must_use]
pub fn row_item(name: &str, path: &[String]) -> Item {
    const NOWHERE: Span = 0..0;
    let key = |name: &str| Key { name: name.to_owned(), span: NOWHERE };
    let steps = path.iter().map(|step| Step::Key(key(step))).collect();
    let value = Expr { kind: ExprKind::Path(Path { head: Head::Dollar, steps }), span: NOWHERE };
    Item::Named { name: key(name), value }
}

/// The keys that lead to what a selection is applied to, a list of rows or one object. None where only evaluation tells.
#[must_use]
pub fn rows_at(root: &Root) -> Option<Vec<String>> {
    let path = match root {
        Root::Selection(_) => return Some(Vec::new()),
        Root::Expression(Expr { kind: ExprKind::Path(path), .. }) => path,
        Root::Expression(_) => return None,
    };
    let (keys, selection) = plain(path)?;
    selection.map(|_| keys)
}

/// Where in a row as the backend gave it the value stands that a selection gives at a path. None where it is not passed on as
/// it is, or where only evaluation tells.
#[must_use]
pub fn raw_path(selection: &SubSelection, path: &[String]) -> Option<Vec<String>> {
    let (name, below) = path.split_first()?;
    let mut found = None;
    for item in &selection.items {
        match item {
            Item::Named { name: key, value } if key.name == *name && found.is_none() => found = Some(value),
            Item::Named { name: key, .. } if key.name != *name => {}
            // Given twice, or perhaps by what is spread.
            _ => return None,
        }
    }
    match &found?.kind {
        ExprKind::Path(value) => {
            let (mut keys, nested) = plain(value)?;
            match (nested, below) {
                (None, below) => keys.extend_from_slice(below),
                (Some(nested), [_, ..]) => keys.extend(raw_path(nested, below)?),
                (Some(_), []) => return None,
            }
            Some(keys)
        }
        ExprKind::Object(group) => raw_path(group, below),
        _ => None,
    }
}

/// The keys of a path that only goes down from `$`, and the selection at its end.
fn plain(path: &Path) -> Option<(Vec<String>, Option<&SubSelection>)> {
    let mut keys = Vec::new();
    match &path.head {
        Head::Dollar => {}
        Head::Key(key) => keys.push(key.name.clone()),
        _ => return None,
    }
    let mut selection = None;
    for step in &path.steps {
        match step {
            Step::Key(key) => keys.push(key.name.clone()),
            Step::Select(nested) => selection = Some(nested),
            Step::Method { .. } | Step::Optional(_) => return None,
        }
    }
    Some((keys, selection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse};

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn rows_stand_where_a_plain_path_leads() {
        let at = |text: &str| rows_at(&parse(text, Grammar::V0_4).unwrap().root);
        assert_eq!(at("id name"), Some(keys(&[])));
        assert_eq!(at("$ { id }"), Some(keys(&[])));
        assert_eq!(at("$.data.rows { id }"), Some(keys(&["data", "rows"])));
        for evaluated in
            ["$.rows->first { id }", "$.rows", "$args.rows { id }", "$.a ?? $.b", "$.rows?.x { id }"]
        {
            assert_eq!(at(evaluated), None, "{evaluated}");
        }
    }

    #[test]
    fn a_key_stands_where_it_is_passed_on_from() {
        let raw = |text: &str, path: &[&str]| match parse(text, Grammar::V0_4).unwrap().root {
            Root::Selection(selection) => raw_path(&selection, &keys(path)),
            Root::Expression(_) => panic!("{text} is no selection"),
        };
        assert_eq!(raw("id name", &["id"]), Some(keys(&["id"])));
        assert_eq!(raw("name id: $.user.number", &["id"]), Some(keys(&["user", "number"])));
        assert_eq!(raw("tenant { id: key }", &["tenant", "id"]), Some(keys(&["tenant", "key"])));
        assert_eq!(raw("tenant", &["tenant", "id"]), Some(keys(&["tenant", "id"])));
        assert_eq!(raw("tenant: { id: tenantId }", &["tenant", "id"]), Some(keys(&["tenantId"])));
        for evaluated in
            ["name", "id: number->toString", "id: $args.id", "...rest { id }", "id { x }", "id: a id: b"]
        {
            assert_eq!(raw(evaluated, &["id"]), None, "{evaluated}");
        }
    }
}
