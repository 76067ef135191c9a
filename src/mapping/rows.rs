//! A mapping that makes rows, extended by further keys that are read of each row as the backend gave it: by these, rows
//! of a batch find their parents. What is done with them is not known here.

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
