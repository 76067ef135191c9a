//! How the items of a selection come together in one value: objects merge by key, lists by index.

use super::{
    ast::{Item, SubSelection},
    evaluate::Evaluator,
    parse::lone_path,
    scope::{Scope, Trail},
    value::Value,
};

/// The items of a selection, looked through once for all the objects that they are applied to.
#[derive(Clone, Copy)]
pub(super) struct Items<'a> {
    items: &'a [Item],
    /// Whether no two of them can give the same key, so that nothing has to merge.
    is_plain: bool,
}

impl<'a> Items<'a> {
    pub(super) fn of(selection: &'a SubSelection) -> Self {
        Items { items: &selection.items, is_plain: has_only_distinct_names(&selection.items) }
    }
}

/// What the items so far have made.
enum Made<'a> {
    Nothing,
    /// An object; its entries are at the end of the evaluator's.
    Object,
    /// What an anonymous path gave that is no object.
    Other(Value<'a>),
}

impl<'a> Evaluator<'a> {
    /// What the items give: none if they gave nothing at all. A lone path without `{ … }` is the value itself,
    /// `Some(None)` where that is missing.
    pub(super) fn items(&mut self, items: Items<'a>, scope: &Scope<'_, 'a>) -> Option<Option<Value<'a>>> {
        if let Some(value) = lone_path(items.items) {
            return Some(self.expr(value, scope));
        }
        let mark = self.entries.len();
        let made = self.collect(items, scope, mark);
        let value = match made {
            None => Some(None),
            Some(Made::Nothing) => None,
            Some(Made::Other(value)) => Some(Some(value)),
            Some(Made::Object) => {
                let entries = self.entries.get(mark..).unwrap_or_default();
                Some(Some(Value::Object(self.arena.alloc_slice_copy(entries))))
            }
        };
        self.entries.truncate(mark);
        value
    }

    /// Evaluates the items in order; none when the work ran out.
    fn collect(&mut self, items: Items<'a>, scope: &Scope<'_, 'a>, mark: usize) -> Option<Made<'a>> {
        let mut made = Made::Nothing;
        for item in items.items {
            match item {
                Item::Named { name, value } => {
                    let Some(value) = self.expr(value, scope) else { continue };
                    self.spend(1)?;
                    made = self.object_from(made, scope);
                    if items.is_plain {
                        self.entries.push((&name.name, value));
                    } else {
                        let end = self.entries.len();
                        self.put(mark, end, &name.name, value, scope.trail)?;
                    }
                }
                Item::Spread { value, explicit, .. } => {
                    let Some(value) = self.expr(value, scope) else { continue };
                    made = match value {
                        Value::Object([]) => made,
                        Value::Object(entries) => {
                            made = self.object_from(made, scope);
                            self.put_all(mark, entries, scope.trail)?;
                            made
                        }
                        Value::Null if *explicit => return Some(Made::Other(Value::Null)),
                        Value::Null => made,
                        value if *explicit => {
                            self.problem(scope.trail, format_args!("`...` of {} adds nothing", value.kind()));
                            made
                        }
                        value => self.replace(made, mark, value, scope)?,
                    };
                }
            }
        }
        Some(made)
    }

    /// Makes room for keys: what is no object gives way.
    fn object_from(&mut self, made: Made<'a>, scope: &Scope<'_, 'a>) -> Made<'a> {
        if let Made::Other(value) = made {
            self.lossy(scope.trail, value.kind(), "object");
        }
        Made::Object
    }

    /// An anonymous path gave what is no object: lists merge with lists, everything else gives way.
    fn replace(
        &mut self,
        made: Made<'a>,
        mark: usize,
        value: Value<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Option<Made<'a>> {
        Some(Made::Other(match made {
            Made::Nothing => value,
            Made::Other(earlier) => self.merge(earlier, value, scope.trail)?,
            Made::Object => {
                self.lossy(scope.trail, "object", value.kind());
                self.entries.truncate(mark);
                value
            }
        }))
    }

    /// What two values of different kinds merge to is the later one.
    fn lossy(&mut self, trail: Option<&Trail<'_, 'a>>, from: &str, to: &str) {
        self.problem(trail, format_args!("Lossy merge: {to} replaces {from}"));
    }

    /// Adds the entries of an object to the object whose entries begin at `mark`.
    fn put_all(
        &mut self,
        mark: usize,
        entries: &'a [(&'a str, Value<'a>)],
        trail: Option<&Trail<'_, 'a>>,
    ) -> Option<()> {
        self.spend(entries.len())?;
        // Its own keys are distinct, so they are compared with the earlier ones alone.
        let end = self.entries.len();
        for (key, value) in entries {
            self.put(mark, end, key, *value, trail)?;
        }
        Some(())
    }

    /// Adds one entry; a key that stands between `mark` and `end` merges.
    fn put(
        &mut self,
        mark: usize,
        end: usize,
        key: &'a str,
        value: Value<'a>,
        trail: Option<&Trail<'_, 'a>>,
    ) -> Option<()> {
        self.spend(end.saturating_sub(mark) / 16)?;
        let earlier = self.entries.get(mark..end).unwrap_or_default();
        match earlier.iter().position(|(name, _)| *name == key) {
            None => self.entries.push((key, value)),
            Some(position) => {
                let before = earlier.get(position).map_or(Value::Null, |(_, before)| *before);
                let merged = self.merge(before, value, Some(&Trail::key(trail, key)))?;
                if let Some((_, place)) = self.entries.get_mut(mark + position) {
                    *place = merged;
                }
            }
        }
        Some(())
    }

    /// Merges two values of one key; none when the work ran out, or the values are too deep.
    fn merge(
        &mut self,
        earlier: Value<'a>,
        later: Value<'a>,
        trail: Option<&Trail<'_, 'a>>,
    ) -> Option<Value<'a>> {
        match (earlier, later) {
            (Value::Null, _) | (_, Value::Null) => Some(Value::Null),
            (Value::Object(a), Value::Object(b)) => self.deeper(trail, |evaluator| {
                let mark = evaluator.entries.len();
                evaluator.spend(a.len())?;
                evaluator.entries.extend_from_slice(a);
                evaluator.put_all(mark, b, trail)?;
                let entries = evaluator.entries.get(mark..).unwrap_or_default();
                let merged = evaluator.arena.alloc_slice_copy(entries);
                evaluator.entries.truncate(mark);
                Some(Value::Object(merged))
            }),
            (Value::List(a), Value::List(b)) => self.deeper(trail, |evaluator| {
                let trail = Trail::element(trail);
                evaluator.list(a.len().max(b.len()), |evaluator, index| match (a.get(index), b.get(index)) {
                    (Some(a), Some(b)) => evaluator.merge(*a, *b, Some(&trail)),
                    (one, other) => one.or(other).copied(),
                })
            }),
            (a, b) => {
                if a.kind() != b.kind() {
                    self.lossy(trail, a.kind(), b.kind());
                }
                Some(b)
            }
        }
    }
}

fn has_only_distinct_names(items: &[Item]) -> bool {
    let mut rest = items;
    while let Some((Item::Named { name, .. }, after)) = rest.split_first() {
        let is_repeated =
            |item: &Item| matches!(item, Item::Named { name: other, .. } if other.name == name.name);
        if after.iter().any(is_repeated) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}
