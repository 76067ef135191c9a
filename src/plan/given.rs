//! What a mapping gives at each level, as far as the text tells: which fields need no fetch of their own.

use crate::mapping::ast::{Expr, ExprKind, Head, Item, Mapping, Path, Root, Step, SubSelection};

/// What a mapping gives at one place. Lists are looked through: it speaks of their elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// An object of the body as it is: it may have any key.
    Anything,
    /// These keys, in the order written; none for a leaf.
    Keys(Vec<(String, Given)>),
}

impl Given {
    /// What a connector's selection gives.
    pub(super) fn of(mapping: &Mapping) -> Self {
        match &mapping.root {
            Root::Selection(selection) => Given::selection(selection),
            Root::Expression(expr) => Given::expr(expr),
        }
    }

    /// No key: the root, which no mapping gives.
    pub(super) fn nothing() -> Self {
        Given::Keys(Vec::new())
    }

    /// What is given for a field; none where it is not given.
    pub(super) fn field(&self, name: &str) -> Option<Given> {
        match self {
            Given::Anything => Some(Given::Anything),
            Given::Keys(keys) => keys.iter().find(|(key, _)| key == name).map(|(_, given)| given.clone()),
        }
    }

    /// Whether a value is given at the end of a path.
    pub(super) fn has_path(&self, path: &[String]) -> bool {
        match path {
            [] => true,
            [name, below @ ..] => self.field(name).is_some_and(|given| given.has_path(below)),
        }
    }

    /// All keys, where they are known.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        match self {
            Given::Anything => None,
            Given::Keys(keys) => Some(keys.iter().map(|(name, _)| name.clone()).collect()),
        }
    }

    fn selection(selection: &SubSelection) -> Self {
        let mut given = Given::nothing();
        for item in &selection.items {
            given = given.and(match item {
                Item::Named { name, value } => Given::Keys(vec![(name.name.clone(), Given::expr(value))]),
                Item::Spread { value, .. } => Given::expr(value),
            });
        }
        given
    }

    fn expr(expr: &Expr) -> Self {
        match &expr.kind {
            ExprKind::Object(selection) => Given::selection(selection),
            ExprKind::Array(items) | ExprKind::Chain { operands: items, .. } => Given::any_of(items.iter()),
            ExprKind::Path(path) => Given::path(path),
            _ => Given::nothing(),
        }
    }

    fn path(path: &Path) -> Self {
        match (path.steps.last(), &path.head) {
            (Some(Step::Select(selection)), _) => Given::selection(selection),
            (Some(Step::Method { name, arguments, .. }), _) => match name.name.as_str() {
                "map" | "echo" => Given::any_of(arguments.iter()),
                // Each argument is a pair: what it matches, and what it gives.
                "match" => Given::any_of(arguments.iter().filter_map(|pair| match &pair.kind {
                    ExprKind::Array(pair) => pair.get(1),
                    _ => None,
                })),
                // These pass on what they are applied to, or a part of it.
                "first" | "last" | "get" | "slice" | "filter" | "find" | "as" => Given::before(path),
                _ => Given::Anything,
            },
            (Some(Step::Optional(_)), _) => Given::before(path),
            (None, Head::Expr(expr)) => Given::expr(expr),
            _ => Given::Anything,
        }
    }

    /// What a path gives without its last step.
    fn before(path: &Path) -> Self {
        let mut shorter = path.clone();
        shorter.steps.pop();
        Given::path(&shorter)
    }

    fn any_of<'e>(exprs: impl Iterator<Item = &'e Expr>) -> Self {
        exprs.fold(Given::nothing(), |given, expr| given.and(Given::expr(expr)))
    }

    /// The keys of both.
    fn and(self, other: Given) -> Self {
        match (self, other) {
            (Given::Anything, _) | (_, Given::Anything) => Given::Anything,
            (Given::Keys(mut keys), Given::Keys(more)) => {
                for (name, given) in more {
                    match keys.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => *known = std::mem::replace(known, Given::Anything).and(given),
                        None => keys.push((name, given)),
                    }
                }
                Given::Keys(keys)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse};

    fn given(text: &str) -> Given {
        Given::of(&parse(text, Grammar::V0_4).unwrap())
    }

    #[test]
    fn a_selection_gives_its_keys_and_those_of_its_paths() {
        let given = given("id name: full_name address: { city } $.meta { total } lines { sku }");
        assert_eq!(given.names().unwrap(), ["id", "name", "address", "total", "lines"]);
        assert!(given.has_path(&["address".to_owned(), "city".to_owned()]));
        assert!(!given.has_path(&["lines".to_owned(), "price".to_owned()]));
    }

    #[test]
    fn a_path_without_selection_may_give_anything() {
        assert_eq!(given("$.data"), Given::Anything);
        assert_eq!(given("$.data->first { id }").names().unwrap(), ["id"]);
    }

    #[test]
    fn all_branches_count() {
        let given = given(r#"$.kind->match(["a", { id: 1 }], [@, { name: 2 }])"#);
        assert_eq!(given.names().unwrap(), ["id", "name"]);
    }
}
