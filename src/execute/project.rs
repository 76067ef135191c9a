//! Applies a projection to a body: one pass over its bytes, records made on the way, scalars kept as slices.
//! A body of another shape than the projection handles is left to evaluation.

use bytes::Bytes;
use jiter::{Jiter, JiterError, Peek};
use smallvec::{SmallVec, smallvec};

use crate::{
    plan::{Capture, Destination, Place, Projection, RecordCapture},
    response::{Node, Table},
};

/// Lists nested deeper than this are refused, as deeply nested JSON is.
const NESTING_MAX: u8 = 100;

/// Why a projection made nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The body has a list where the projection goes down: evaluation knows what that means.
    Shape,
    /// The body is not JSON.
    Json(String),
}

impl From<JiterError> for Misfit {
    fn from(error: JiterError) -> Self {
        Misfit::Json(error.to_string())
    }
}

/// Makes a table of a body that is UTF-8. The result is the table's first node.
pub(super) fn project(projection: &Projection, text: Bytes, numbered: usize) -> Result<Table, Misfit> {
    if u32::try_from(text.len()).is_err() {
        return Err(Misfit::Json("longer than 4 GiB".to_owned()));
    }
    // A value that is read takes some 32 bytes of a body; a first guess that is too small only costs a copy.
    let mut nodes = Vec::with_capacity(1 + text.len() / 32);
    nodes.push(Node::Missing);
    let mut records = Records { nodes, rows: vec![Vec::new(); numbered], scratch: Vec::with_capacity(64) };
    let mut reader = Reader { jiter: Jiter::new(&text), bytes: &text, base: 0, records: &mut records };
    let peek = reader.jiter.peek()?;
    reader.place(&projection.place, peek, &[0])?;
    reader.jiter.finish()?;
    let Records { nodes, rows, .. } = records;
    Ok(Table { text, nodes, rows })
}

/// What is made.
struct Records {
    nodes: Vec<Node>,
    rows: Vec<Vec<u32>>,
    /// Elements of the lists that are being read.
    scratch: Vec<Node>,
}

struct Reader<'b, 'r> {
    jiter: Jiter<'b>,
    bytes: &'b [u8],
    /// Where `bytes` begins in the body.
    base: usize,
    records: &'r mut Records,
}

impl<'b> Reader<'b, '_> {
    fn place(&mut self, place: &Place, peek: Peek, frames: &[u32]) -> Result<(), Misfit> {
        match (place.leaves.as_slice(), place.records.as_slice(), place.keys.as_slice()) {
            ([leaf], [], []) => {
                let node = self.leaf(peek, leaf.lists)?;
                self.records.set(frames, leaf.to, node);
            }
            ([], [record], []) => {
                let node = self.record(record, peek, 0)?;
                self.records.set(frames, record.to, node);
            }
            ([], [], keys) => self.below(keys, peek, frames)?,
            _ => self.several(place, peek, frames)?,
        }
        Ok(())
    }

    /// Several things are wanted of one value: it is skipped once, and read once for each.
    fn several(&mut self, place: &Place, peek: Peek, frames: &[u32]) -> Result<(), Misfit> {
        let start = self.jiter.current_index();
        self.jiter.known_skip(peek)?;
        let slice = self.bytes.get(start..self.jiter.current_index()).unwrap_or_default();
        let base = self.base + start;
        for Capture { to, lists } in &place.leaves {
            let mut again = Reader { jiter: Jiter::new(slice), bytes: slice, base, records: self.records };
            let peek = again.jiter.peek()?;
            let node = again.leaf(peek, *lists)?;
            self.records.set(frames, *to, node);
        }
        for record in &place.records {
            let mut again = Reader { jiter: Jiter::new(slice), bytes: slice, base, records: self.records };
            let peek = again.jiter.peek()?;
            let node = again.record(record, peek, 0)?;
            self.records.set(frames, record.to, node);
        }
        if !place.keys.is_empty() {
            let mut again = Reader { jiter: Jiter::new(slice), bytes: slice, base, records: self.records };
            let peek = again.jiter.peek()?;
            again.below(&place.keys, peek, frames)?;
        }
        Ok(())
    }

    /// A path goes on below this value. Scalars have nothing below; a list means "of each element".
    fn below(&mut self, keys: &[(Box<str>, Place)], peek: Peek, frames: &[u32]) -> Result<(), Misfit> {
        match peek {
            Peek::Object => self.object(keys, frames),
            Peek::Array if !keys.is_empty() => Err(Misfit::Shape),
            _ => Ok(self.jiter.known_skip(peek)?),
        }
    }

    fn object(&mut self, keys: &[(Box<str>, Place)], frames: &[u32]) -> Result<(), Misfit> {
        let mut expected = 0;
        let mut found = self.jiter.known_object()?.map(|key| find(keys, key, &mut expected));
        while let Some(wanted) = found {
            let peek = self.jiter.peek()?;
            match wanted {
                Some(place) => self.place(place, peek, frames)?,
                None => self.jiter.known_skip(peek)?,
            }
            found = self.jiter.next_key()?.map(|key| find(keys, key, &mut expected));
        }
        Ok(())
    }

    fn record(&mut self, capture: &RecordCapture, peek: Peek, depth: u8) -> Result<Node, Misfit> {
        match peek {
            Peek::Object if capture.groups.is_empty() => {
                let (node, start) = self.records.open(capture.record.slots, capture.record.numbered);
                self.object(&capture.keys, &[start])?;
                Ok(node)
            }
            Peek::Object => {
                let (node, start) = self.records.open(capture.record.slots, capture.record.numbered);
                let mut frames: SmallVec<[u32; 8]> = smallvec![start];
                for (to, group) in &capture.groups {
                    let (node, start) = self.records.open(group.slots, group.numbered);
                    self.records.set(&frames, *to, node);
                    frames.push(start);
                }
                self.object(&capture.keys, &frames)?;
                Ok(node)
            }
            Peek::Array if depth >= NESTING_MAX => Err(Misfit::Json("nested too deeply".to_owned())),
            Peek::Array => {
                let mark = self.records.scratch.len();
                let mut next = self.jiter.known_array()?;
                while let Some(peek) = next {
                    let node = self.record(capture, peek, depth + 1)?;
                    self.records.scratch.push(node);
                    next = self.jiter.array_step()?;
                }
                Ok(self.records.list(mark))
            }
            // Of a scalar a selection gives the scalar itself, unless a group makes an object in its place.
            scalar if capture.groups.is_empty() => self.leaf(scalar, 0),
            _ => Err(Misfit::Shape),
        }
    }

    fn leaf(&mut self, peek: Peek, lists: u8) -> Result<Node, Misfit> {
        if peek == Peek::Array && lists > 0 {
            let mark = self.records.scratch.len();
            let mut next = self.jiter.known_array()?;
            while let Some(peek) = next {
                let node = self.leaf(peek, lists - 1)?;
                self.records.scratch.push(node);
                next = self.jiter.array_step()?;
            }
            return Ok(self.records.list(mark));
        }
        let from = self.jiter.current_index();
        self.jiter.known_skip(peek)?;
        #[allow(clippy::cast_possible_truncation, reason = "project refuses bodies that u32 cannot count")]
        let (start, end) = ((self.base + from) as u32, (self.base + self.jiter.current_index()) as u32);
        Ok(match peek {
            Peek::Null => Node::Null,
            Peek::True => Node::Bool(true),
            Peek::False => Node::Bool(false),
            Peek::String => Node::String { start, end },
            Peek::Array | Peek::Object => Node::Json { start, end },
            _ => Node::Number { start, end },
        })
    }
}

/// The place of a key. Bodies mostly repeat one order of keys: the search begins behind the last one found.
fn find<'k>(keys: &'k [(Box<str>, Place)], key: &str, expected: &mut usize) -> Option<&'k Place> {
    let (before, after) = keys.split_at_checked(*expected).unwrap_or((keys, &[]));
    let found = after.iter().chain(before).position(|(known, _)| **known == *key)?;
    let index = (*expected + found) % keys.len();
    *expected = index + 1;
    keys.get(index).map(|(_, place)| place)
}

impl Records {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "fewer nodes than bytes in the body, which u32 counts"
    )]
    fn open(&mut self, slots: u16, numbered: Option<u16>) -> (Node, u32) {
        let start = self.nodes.len() as u32;
        self.nodes.resize(self.nodes.len() + usize::from(slots), Node::Missing);
        let mut row = 0;
        if let Some(rows) = numbered.and_then(|number| self.rows.get_mut(usize::from(number))) {
            row = rows.len() as u32;
            rows.push(start);
        }
        (Node::Record { start, row }, start)
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "fewer nodes than bytes in the body, which u32 counts"
    )]
    fn list(&mut self, mark: usize) -> Node {
        let start = self.nodes.len() as u32;
        let len = (self.scratch.len() - mark) as u32;
        self.nodes.extend(self.scratch.drain(mark..));
        Node::List { start, len }
    }

    fn set(&mut self, frames: &[u32], to: Destination, node: Node) {
        let start = frames.get(usize::from(to.frame)).copied().unwrap_or(0);
        if let Some(slot) = self.nodes.get_mut(start as usize + usize::from(to.slot)) {
            *slot = node;
        }
    }
}

#[cfg(test)]
mod tests;
