//! Prunes a mapping to what a plan reads of it: an item that nobody asked for is removed, an anonymous path stays and
//! its sub-selection is pruned, what stands inside method arguments is left alone (it decides values, not keys).

use super::{Content, Layout, LayoutId};
use crate::mapping::ast::{Expr, ExprKind, Head, Item, Path, Root, Step, SubSelection};

/// What is read of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These keys of it, or of its elements.
    Keys(Vec<(String, Wanted)>),
}

impl Wanted {
    pub(super) fn of(layouts: &[Layout], content: Content) -> Self {
        match content {
            Content::Leaf { .. } => Wanted::Whole,
            Content::Record { layout, .. } => Wanted::of_layout(layouts, layout),
        }
    }

    fn of_layout(layouts: &[Layout], layout: LayoutId) -> Self {
        let mut keys: Vec<(String, Wanted)> = Vec::new();
        for slot in layouts.get(layout.0 as usize).map_or(&[][..], |layout| &layout.slots) {
            let wanted = Wanted::of(layouts, slot.content);
            match keys.iter_mut().find(|(name, _)| *name == slot.name) {
                Some((_, known)) => known.merge(wanted),
                None => keys.push((slot.name.clone(), wanted)),
            }
        }
        Wanted::Keys(keys)
    }

    fn merge(&mut self, other: Wanted) {
        match (&mut *self, other) {
            (Wanted::Whole, _) => {}
            (_, Wanted::Whole) => *self = Wanted::Whole,
            (Wanted::Keys(known), Wanted::Keys(more)) => {
                for (name, wanted) in more {
                    match known.iter_mut().find(|(key, _)| *key == name) {
                        Some((_, nested)) => nested.merge(wanted),
                        None => known.push((name, wanted)),
                    }
                }
            }
        }
    }
}

pub(super) fn prune(root: &Root, wanted: &Wanted) -> Root {
    match root {
        Root::Selection(selection) => Root::Selection(prune_selection(selection, wanted)),
        Root::Expression(expr) => Root::Expression(prune_expr(expr, wanted)),
    }
}

fn prune_selection(selection: &SubSelection, wanted: &Wanted) -> SubSelection {
    let Wanted::Keys(keys) = wanted else { return selection.clone() };
    let items = selection
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Named { name, value } => {
                let (_, nested) = keys.iter().find(|(key, _)| *key == name.name)?;
                Some(Item::Named { name: name.clone(), value: prune_expr(value, nested) })
            }
            Item::Spread { value, explicit, span } => Some(Item::Spread {
                value: prune_expr(value, wanted),
                explicit: *explicit,
                span: span.clone(),
            }),
        })
        .collect();
    SubSelection { items, span: selection.span.clone() }
}

fn prune_expr(expr: &Expr, wanted: &Wanted) -> Expr {
    let kind = match &expr.kind {
        ExprKind::Object(selection) => ExprKind::Object(prune_selection(selection, wanted)),
        ExprKind::Array(items) => {
            ExprKind::Array(items.iter().map(|item| prune_expr(item, wanted)).collect())
        }
        ExprKind::Chain { operator, operands } => ExprKind::Chain {
            operator: *operator,
            operands: operands.iter().map(|operand| prune_expr(operand, wanted)).collect(),
        },
        ExprKind::Path(path) => ExprKind::Path(prune_path(path, wanted)),
        literal => literal.clone(),
    };
    Expr { kind, span: expr.span.clone() }
}

fn prune_path(path: &Path, wanted: &Wanted) -> Path {
    let mut pruned = path.clone();
    match (pruned.steps.last_mut(), &mut pruned.head) {
        (Some(Step::Select(selection)), _) => *selection = prune_selection(selection, wanted),
        (None, Head::Expr(expr)) => **expr = prune_expr(expr, wanted),
        _ => {}
    }
    pruned
}
