//! Applies a projection to a body: one pass over its bytes, records made on the way, scalars kept as slices.
//! A body of another shape than the projection handles is left to evaluation.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::records::Records;
use crate::{
    mapping::json::scan::{Broken, KeySeen, Scanner},
    plan::{Capture, Destination, Keys, Place, Projection, RecordCapture, RecordShape},
    response::{Node, Table},
};

/// Lists nested deeper than this are refused, as deeply nested JSON is.
const NESTING_MAX: u8 = 100;
/// How many keys of the objects at one place are remembered in their order.
const ORDER_MAX: usize = 256;
/// There is room for so many of them at once, which is enough for most objects.
const ORDER_COMMON: usize = 16;
/// How many keys of that order an object may leave out one after another and still be read by it.
const LEFT_OUT_MAX: usize = 4;

/// Why a projection made nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The body has a list where the projection goes down: evaluation knows what that means.
    Shape,
    /// The body is not JSON.
    Json(String),
}

/// Why reading stops; what is wrong with the text, the scanner knows.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Broken,
    Shape,
    TooDeep,
}

impl From<Broken> for Stop {
    fn from(Broken: Broken) -> Self {
        Stop::Broken
    }
}

/// Makes a table of a body; `text` is all of it as text. The result is the table's first node.
pub(super) fn project(
    projection: &Projection,
    text: &str,
    body: Bytes,
    numbered: usize,
) -> Result<Table, Misfit> {
    if u32::try_from(text.len()).is_err() {
        return Err(Misfit::Json("longer than 4 GiB".to_owned()));
    }
    let records = Records::of(text.len(), numbered);
    let orders = vec![Vec::new(); usize::from(projection.objects)];
    let mut reader = Reader { scanner: Scanner::new(text), orders, records };
    reader.all(&projection.place).map_err(|stop| match stop {
        Stop::Shape => Misfit::Shape,
        Stop::TooDeep => Misfit::Json("nested too deeply".to_owned()),
        Stop::Broken => Misfit::Json(reader.scanner.error().to_string()),
    })?;
    Ok(reader.records.table(body))
}

/// A key as objects at one place have it, and which of the wanted ones it is.
#[derive(Clone, Copy)]
struct Known {
    key: KeySeen,
    wanted: Option<u16>,
}

struct Reader<'b> {
    scanner: Scanner<'b>,
    /// For each place of objects, their keys in the order in which they mostly stand: a key that is where it was before need not
    /// be looked for.
    orders: Vec<Vec<Known>>,
    records: Records,
}

impl Reader<'_> {
    fn all(&mut self, place: &Place) -> Result<(), Stop> {
        let first = self.scanner.peek()?;
        self.place(place, first, &[0])?;
        Ok(self.scanner.finish()?)
    }

    fn place(&mut self, place: &Place, first: u8, frames: &[u32]) -> Result<(), Stop> {
        match (place.only, place.leaves.as_slice(), place.records.as_slice()) {
            (Some(leaf), ..) => {
                let node = self.leaf(first, leaf.lists)?;
                self.set(frames, leaf.to, node);
            }
            (None, [], [record]) if place.keys.wanted.is_empty() => {
                let node = self.record(record, first, 0)?;
                self.set(frames, record.to, node);
            }
            (None, [], []) => self.below(&place.keys, first, frames)?,
            _ => self.several(place, first, frames)?,
        }
        Ok(())
    }

    /// Several things are wanted of one value: it is read once for each.
    fn several(&mut self, place: &Place, first: u8, frames: &[u32]) -> Result<(), Stop> {
        let start = self.scanner.at();
        for Capture { to, lists } in &place.leaves {
            self.scanner.go_back(start);
            let node = self.leaf(first, *lists)?;
            self.set(frames, *to, node);
        }
        for record in &place.records {
            self.scanner.go_back(start);
            let node = self.record(record, first, 0)?;
            self.set(frames, record.to, node);
        }
        if !place.keys.wanted.is_empty() {
            self.scanner.go_back(start);
            self.below(&place.keys, first, frames)?;
        }
        Ok(())
    }

    /// A path goes on below this value. Scalars have nothing below; a list means "of each element".
    fn below(&mut self, keys: &Keys, first: u8, frames: &[u32]) -> Result<(), Stop> {
        match first {
            b'{' => self.object(keys, frames),
            b'[' if !keys.wanted.is_empty() => Err(Stop::Shape),
            _ => Ok(self.scanner.skip(first)?),
        }
    }

    fn object(&mut self, keys: &Keys, frames: &[u32]) -> Result<(), Stop> {
        let mut position = 0;
        let mut has_more = self.scanner.object()?;
        while has_more {
            let wanted = self.key(keys, &mut position)?;
            let first = self.scanner.peek()?;
            match wanted.and_then(|index| keys.wanted.get(usize::from(index))) {
                Some((_, Place { only: Some(leaf), .. })) => {
                    let node = self.leaf(first, leaf.lists)?;
                    self.set(frames, leaf.to, node);
                }
                Some((_, place)) => self.place(place, first, frames)?,
                None => self.scanner.skip(first)?,
            }
            has_more = self.scanner.next_entry()?;
        }
        Ok(())
    }

    /// Goes behind the key at hand; which of the wanted ones it is. `position` is where in the known order it should be.
    #[inline(always)]
    fn key(&mut self, keys: &Keys, position: &mut usize) -> Result<Option<u16>, Stop> {
        if let Some(known) = self.orders.get(usize::from(keys.object)).and_then(|order| order.get(*position))
            && self.scanner.pass_again(&known.key)
        {
            *position += 1;
            return Ok(known.wanted);
        }
        self.other_key(keys, position)
    }

    /// A key that is not the next one of the known order: keys were left out, or it is new.
    #[inline(never)]
    fn other_key(&mut self, keys: &Keys, position: &mut usize) -> Result<Option<u16>, Stop> {
        if let Some(order) = self.orders.get(usize::from(keys.object)) {
            for (known, index) in order.iter().zip(1..).skip(*position + 1).take(LEFT_OUT_MAX) {
                if self.scanner.pass_again(&known.key) {
                    *position = index;
                    return Ok(known.wanted);
                }
            }
        }
        self.new_key(keys, position)
    }

    fn new_key(&mut self, keys: &Keys, position: &mut usize) -> Result<Option<u16>, Stop> {
        let start = self.scanner.at();
        let characters = self.scanner.key()?.characters();
        let wanted = keys.wanted.iter().position(|(known, _)| **known == *characters);
        let wanted = wanted.and_then(|index| u16::try_from(index).ok());
        if let Some(order) = self.orders.get_mut(usize::from(keys.object))
            && order.len() < ORDER_MAX
        {
            if order.is_empty() {
                order.reserve(ORDER_COMMON);
            }
            order.insert(*position, Known { key: self.scanner.seen(start), wanted });
            *position += 1;
        }
        Ok(wanted)
    }

    fn record(&mut self, capture: &RecordCapture, first: u8, depth: u8) -> Result<Node, Stop> {
        match first {
            b'{' if capture.groups.is_empty() => {
                let (node, start) = self.open(&capture.record);
                self.object(&capture.keys, &[start])?;
                Ok(node)
            }
            b'{' => {
                let (node, start) = self.open(&capture.record);
                let mut frames: SmallVec<[u32; 8]> = smallvec![start];
                for (to, group) in &capture.groups {
                    let (node, start) = self.open(group);
                    self.set(&frames, *to, node);
                    frames.push(start);
                }
                self.object(&capture.keys, &frames)?;
                Ok(node)
            }
            b'[' if depth >= NESTING_MAX => Err(Stop::TooDeep),
            b'[' => {
                let list = self.records.open_list();
                let mut next = self.scanner.list()?;
                while let Some(first) = next {
                    let node = self.record(capture, first, depth + 1)?;
                    self.records.push(node);
                    next = self.scanner.next_element()?;
                }
                Ok(self.records.close_list(list))
            }
            // Of a scalar a selection gives the scalar itself, unless a group makes an object in its place.
            scalar if capture.groups.is_empty() => self.leaf(scalar, 0),
            _ => Err(Stop::Shape),
        }
    }

    #[inline(always)]
    fn leaf(&mut self, first: u8, lists: u8) -> Result<Node, Stop> {
        if first == b'[' && lists > 0 {
            return self.leaves(lists - 1);
        }
        let from = self.scanner.at();
        self.scanner.skip(first)?;
        #[allow(clippy::cast_possible_truncation, reason = "project refuses bodies that u32 cannot count")]
        let (start, end) = (from as u32, self.scanner.at() as u32);
        Ok(match first {
            b'n' => Node::Null,
            b't' => Node::Bool(true),
            b'f' => Node::Bool(false),
            b'"' => Node::String { start, end },
            b'[' | b'{' => Node::Json { start, end },
            _ => Node::Number { start, end },
        })
    }

    /// A list of leaves, each a list nested so deep.
    fn leaves(&mut self, lists: u8) -> Result<Node, Stop> {
        let list = self.records.open_list();
        let mut next = self.scanner.list()?;
        while let Some(first) = next {
            let node = self.leaf(first, lists)?;
            self.records.push(node);
            next = self.scanner.next_element()?;
        }
        Ok(self.records.close_list(list))
    }

    fn open(&mut self, record: &RecordShape) -> (Node, u32) {
        self.records.open(usize::from(record.slots), record.numbered)
    }

    fn set(&mut self, frames: &[u32], to: Destination, node: Node) {
        let start = frames.get(usize::from(to.frame)).copied().unwrap_or(0);
        self.records.set(start.saturating_add(u32::from(to.slot)), node);
    }
}

#[cfg(test)]
mod tests;
