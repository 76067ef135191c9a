//! Makes records of evaluated values, as a layout says.

use super::records::Records;
use crate::{
    mapping::{
        json,
        value::{Number, Value},
    },
    plan::{Content, LayoutId, Plan, PositionId},
    response::{Node, Table, fitted},
};

/// Makes a table of a value that was made of so many bytes. The result is the table's first node.
pub(crate) fn record(
    plan: &Plan,
    value: Option<Value<'_>>,
    content: Content,
    numbered: usize,
    bytes: usize,
) -> Table {
    // A first guess: what is too small costs a copy.
    let text = Vec::with_capacity(bytes / 2);
    let mut maker = Maker { plan, text, records: Records::of(bytes, numbered) };
    let node = maker.node(value, content);
    maker.records.set(0, node);
    maker.records.table(fitted(maker.text).into())
}

struct Maker<'p> {
    plan: &'p Plan,
    text: Vec<u8>,
    records: Records,
}

impl Maker<'_> {
    fn node(&mut self, value: Option<Value<'_>>, content: Content) -> Node {
        let Some(value) = value else { return Node::Missing };
        match (value, content) {
            (Value::Null, _) => Node::Null,
            (Value::Bool(value), _) => Node::Bool(value),
            (Value::Number(number), _) => {
                let (start, end) = self.write(&Value::Number(number));
                Node::Number { start, end }
            }
            (Value::String(_), _) => {
                let (start, end) = self.write(&value);
                Node::String { start, end }
            }
            (Value::List(items), Content::Leaf { lists: 1.. } | Content::Record { .. }) => {
                let below = match content {
                    Content::Leaf { lists } => Content::Leaf { lists: lists.saturating_sub(1) },
                    record => record,
                };
                let list = self.records.open_list();
                for item in items {
                    let node = self.node(Some(*item), below);
                    self.records.push(node);
                }
                self.records.close_list(list)
            }
            (Value::Object(entries), Content::Record { layout, position }) => {
                self.object(entries, layout, position)
            }
            (Value::List(_) | Value::Object(_), Content::Leaf { .. }) => {
                let (start, end) = self.write(&value);
                Node::Json { start, end }
            }
        }
    }

    fn object(
        &mut self,
        entries: &[(&str, Value<'_>)],
        layout: LayoutId,
        position: Option<PositionId>,
    ) -> Node {
        let plan = self.plan;
        let slots = &plan.layout(layout).slots;
        let numbered = position.and_then(|position| plan.position(position).numbered);
        let (record, start) = self.records.open(slots.len(), numbered);
        let mut entries = Entries { entries, next: 0 };
        for (slot, index) in slots.iter().zip(start..) {
            let node = self.node(entries.get(&slot.name), slot.content);
            self.records.set(index, node);
        }
        record
    }

    fn write(&mut self, value: &Value<'_>) -> (u32, u32) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        match value {
            // A number of the body keeps its text.
            Value::Number(Number::Text(text)) => self.text.extend_from_slice(text.as_bytes()),
            other => json::write(other, &mut self.text),
        }
        (start, u32::try_from(self.text.len()).unwrap_or(u32::MAX))
    }
}

/// The entries of an object, looked through from where the last one was found: they mostly stand in the order of the slots.
struct Entries<'v, 'a> {
    entries: &'v [(&'a str, Value<'a>)],
    next: usize,
}

impl<'a> Entries<'_, 'a> {
    fn get(&mut self, key: &str) -> Option<Value<'a>> {
        let (before, after) = self.entries.split_at_checked(self.next)?;
        let place = |entries: &[(&str, Value<'_>)]| entries.iter().position(|(name, _)| *name == key);
        let found = place(after).map(|at| at + before.len()).or_else(|| place(before))?;
        self.next = found + 1;
        self.entries.get(found).map(|(_, value)| *value)
    }
}
