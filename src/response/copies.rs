//! Values that stand in a response several times: the first time they are written, and then copied. Ten users of a hundred posts
//! are written ten times.

use super::table::Node;

/// How many places are kept at most.
const PLACES_MAX: usize = 4096;

/// Where values stand in the output. A place may be forgotten for another one.
#[derive(Debug, Default)]
pub(super) struct Copies {
    places: Vec<Option<Place>>,
}

/// Which value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    /// The field that it is a value of, by its address in the plan.
    pub(super) field: usize,
    /// Which table of the field's step.
    pub(super) table: u32,
    /// The value in it.
    pub(super) node: Node,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    of: Shared,
    from: usize,
    to: usize,
}

impl Copies {
    /// Appends what was written for this value before; whether it was.
    pub(super) fn append(&self, of: &Shared, out: &mut Vec<u8>) -> bool {
        let known = self.places.get(self.index(of)).copied().flatten();
        let Some(place) =
            known.filter(|place| place.of == *of && place.from <= place.to && place.to <= out.len())
        else {
            return false;
        };
        out.extend_from_within(place.from..place.to);
        true
    }

    /// Notes what was written for a value, from here to the end. `values` is how many there are about.
    pub(super) fn note(&mut self, of: Shared, from: usize, out: &[u8], values: usize) {
        if self.places.is_empty() {
            self.places = vec![None; values.next_power_of_two().clamp(16, PLACES_MAX)];
        }
        let index = self.index(&of);
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(Place { of, from, to: out.len() });
        }
    }

    /// Values lie at even distances in their table: the multiplication strews them.
    fn index(&self, of: &Shared) -> usize {
        let at = match of.node {
            Node::Record { start, .. } | Node::List { start, .. } => start as usize,
            _ => 0,
        };
        let strewn = (at ^ (of.field >> 4)).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize);
        (strewn >> (usize::BITS / 2)) & self.places.len().saturating_sub(1)
    }
}
