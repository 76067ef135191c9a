//! Mappings that only project and rename, compiled so that a body is read once: what is wanted of each place of the
//! body, and which slot of which record it goes to. What this form cannot say is evaluated instead.

use super::{Content, Layout, LayoutId, PositionId, SlotIndex};
use crate::mapping::ast::{Expr, ExprKind, Head, Item, Key, Path, Root, Step, SubSelection};

/// A compiled mapping. Its result goes to slot 0 of frame 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// What is wanted of the body.
    pub place: Place,
    /// How many places with objects there are ([`Keys::object`]).
    pub objects: u16,
}

/// A slot of one of the records that are open: frame 0 is the innermost record made of the object at hand, further
/// frames are groups (`alias: { … }`) made of the same object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// Which record.
    pub frame: u8,
    /// Which slot of it.
    pub slot: SlotIndex,
}

/// What is wanted of the value at one place of a body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Place {
    /// The one leaf that is wanted, where nothing else is: what most places are.
    pub only: Option<Capture>,
    /// The value as it stands.
    pub leaves: Vec<Capture>,
    /// Records made of it.
    pub records: Vec<RecordCapture>,
    /// What is wanted below it for records that are open already.
    pub keys: Keys,
}

/// What is wanted of an object, by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Keys {
    /// Keys and what is wanted of their values, in no particular order.
    pub wanted: Vec<(Box<str>, Place)>,
    /// Tells places with objects from each other: the number of this one.
    pub object: u16,
}

/// A value that is kept as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Where it goes.
    pub to: Destination,
    /// Lists nested so deep are taken apart; what is below is kept as text.
    pub lists: u8,
}

/// A record that is made of an object, or one of each element of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordCapture {
    /// Where it goes.
    pub to: Destination,
    /// Slots, and the number of the position.
    pub record: RecordShape,
    /// Further records made of the same object: groups.
    pub groups: Vec<(Destination, RecordShape)>,
    /// What is wanted below the object.
    pub keys: Keys,
}

/// How a record is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordShape {
    /// How many slots it has.
    pub slots: SlotIndex,
    /// Where its number is kept, if its position is numbered.
    pub numbered: Option<u16>,
}

/// Compiles a mapping, if it only projects and renames.
pub(super) fn compile(
    root: &Root,
    content: Content,
    layouts: &[Layout],
    numbered: impl Fn(PositionId) -> Option<u16>,
) -> Option<Projection> {
    let compiler = Compiler { layouts, numbered };
    let to = Destination { frame: 0, slot: 0 };
    let mut body = Body { place: Place::default(), groups: Vec::new() };
    match root {
        Root::Selection(selection) => {
            let record = compiler.record(Some(selection), content, to)?;
            body.place.records.push(record);
        }
        Root::Expression(expr) => compiler.expr(expr, content, to, &[], &mut body)?,
    }
    // A group at the top would need a record of its own around it: left to evaluation.
    let mut place = body.place;
    let mut objects = 0;
    place.number(&mut objects)?;
    body.groups.is_empty().then_some(Projection { place, objects })
}

/// Compiles a mapping whose records stand at no position.
#[cfg(test)]
pub(crate) fn compile_projection(root: &Root, content: Content, layouts: &[Layout]) -> Option<Projection> {
    compile(root, content, layouts, |_| None)
}

struct Compiler<'a, F> {
    layouts: &'a [Layout],
    numbered: F,
}

/// The captures below one object, while they are collected.
struct Body {
    place: Place,
    groups: Vec<(Destination, RecordShape)>,
}

impl<F: Fn(PositionId) -> Option<u16>> Compiler<'_, F> {
    /// Adds the capture of an expression that is relative to `prefix` below the object at hand.
    fn expr(
        &self,
        expr: &Expr,
        content: Content,
        to: Destination,
        prefix: &[&Key],
        body: &mut Body,
    ) -> Option<()> {
        match &expr.kind {
            ExprKind::Path(path) => {
                let (keys, selection) = projected(path)?;
                let place = body.place.descend(prefix.iter().copied().chain(keys));
                match (content, selection) {
                    (Content::Leaf { lists }, None) => place.leaves.push(Capture { to, lists }),
                    (Content::Leaf { .. }, Some(_)) => return None,
                    (Content::Record { .. }, _) => place.records.push(self.record(selection, content, to)?),
                }
                Some(())
            }
            ExprKind::Object(selection) => {
                let Content::Record { layout, position } = content else { return None };
                let frame = u8::try_from(body.groups.len() + 1).ok()?;
                body.groups.push((to, self.shape(layout, position)?));
                self.slots(Some(selection), layout, frame, prefix, body)
            }
            _ => None,
        }
    }

    fn record(
        &self,
        selection: Option<&SubSelection>,
        content: Content,
        to: Destination,
    ) -> Option<RecordCapture> {
        let Content::Record { layout, position } = content else { return None };
        let mut body = Body { place: Place::default(), groups: Vec::new() };
        self.slots(selection, layout, 0, &[], &mut body)?;
        // `x: $` inside a sub-selection keeps the object itself: rare, and evaluated.
        if !body.place.leaves.is_empty() || !body.place.records.is_empty() {
            return None;
        }
        Some(RecordCapture {
            to,
            record: self.shape(layout, position)?,
            groups: body.groups,
            keys: body.place.keys,
        })
    }

    /// Adds the captures of a layout's slots. Without a selection the body's own keys are the slots' names.
    fn slots(
        &self,
        selection: Option<&SubSelection>,
        layout: LayoutId,
        frame: u8,
        prefix: &[&Key],
        body: &mut Body,
    ) -> Option<()> {
        for (index, slot) in self.layouts.get(layout.0 as usize)?.slots.iter().enumerate() {
            let to = Destination { frame, slot: SlotIndex::try_from(index).ok()? };
            let Some(selection) = selection else {
                let key = Key { name: slot.name.clone(), span: 0..0 };
                let place = body.place.descend(prefix.iter().copied().chain([&key]));
                match slot.content {
                    Content::Leaf { lists } => place.leaves.push(Capture { to, lists }),
                    Content::Record { .. } => place.records.push(self.record(None, slot.content, to)?),
                }
                continue;
            };
            let mut found = Vec::new();
            producers(selection, &slot.name, prefix, &mut found)?;
            match found.as_slice() {
                [] => {}
                [(value, prefix)] => self.expr(value, slot.content, to, prefix, body)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn shape(&self, layout: LayoutId, position: Option<PositionId>) -> Option<RecordShape> {
        let slots = SlotIndex::try_from(self.layouts.get(layout.0 as usize)?.slots.len()).ok()?;
        Some(RecordShape { slots, numbered: position.and_then(&self.numbered) })
    }
}

/// The items that give a key, each with the keys that lead to the object it is relative to.
/// None where an item's keys cannot be known.
fn producers<'m>(
    selection: &'m SubSelection,
    name: &str,
    prefix: &[&'m Key],
    found: &mut Vec<(&'m Expr, Vec<&'m Key>)>,
) -> Option<()> {
    for item in &selection.items {
        match item {
            Item::Named { name: key, value } if key.name == name => found.push((value, prefix.to_vec())),
            Item::Named { .. } => {}
            // `...null` nullifies the object around it: evaluated.
            Item::Spread { explicit: true, .. } => return None,
            Item::Spread { value, .. } => {
                let ExprKind::Path(path) = &value.kind else { return None };
                let (keys, Some(nested)) = projected(path)? else { return None };
                let longer: Vec<&Key> = prefix.iter().copied().chain(keys).collect();
                producers(nested, name, &longer, found)?;
            }
        }
    }
    Some(())
}

/// The keys of a path that only goes down, and the selection at its end.
fn projected(path: &Path) -> Option<(impl Iterator<Item = &Key>, Option<&SubSelection>)> {
    let first = match &path.head {
        Head::Dollar => None,
        Head::Key(key) => Some(key),
        _ => return None,
    };
    let mut selection = None;
    for step in &path.steps {
        match step {
            Step::Key(_) | Step::Optional(_) => {}
            Step::Select(nested) => selection = Some(nested),
            Step::Method { .. } => return None,
        }
    }
    let keys = path.steps.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key),
        _ => None,
    });
    Some((first.into_iter().chain(keys), selection))
}

impl Place {
    fn descend<'k>(&mut self, keys: impl Iterator<Item = &'k Key>) -> &mut Place {
        let mut place = self;
        for key in keys {
            let index = match place.keys.wanted.iter().position(|(known, _)| **known == *key.name) {
                Some(index) => index,
                None => {
                    place.keys.wanted.push((key.name.as_str().into(), Place::default()));
                    place.keys.wanted.len() - 1
                }
            };
            #[allow(clippy::indexing_slicing, reason = "the index was just found or made")]
            let (_, next) = &mut place.keys.wanted[index];
            place = next;
        }
        place
    }

    /// Numbers the places with objects, and notes those of one leaf. None where there are too many to count.
    fn number(&mut self, next: &mut u16) -> Option<()> {
        if let ([leaf], [], []) = (&*self.leaves, &*self.records, &*self.keys.wanted) {
            self.only = Some(*leaf);
            return Some(());
        }
        let records = self.records.iter_mut().map(|record| &mut record.keys);
        for keys in records.chain([&mut self.keys]) {
            keys.object = *next;
            *next = next.checked_add(1)?;
            keys.wanted.iter_mut().try_for_each(|(_, place)| place.number(next))?;
        }
        Some(())
    }
}
