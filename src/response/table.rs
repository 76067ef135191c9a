//! What steps leave behind: records in flat tables, their scalars as slices of the body they came from.

use bytes::Bytes;

use crate::error::ClientError;

/// A value of a record. Slices count bytes of the table's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The mapping gave nothing.
    Missing,
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number's JSON text.
    Number {
        /// First byte.
        start: u32,
        /// Behind the last.
        end: u32,
    },
    /// A string's JSON text, with its quotes and escapes.
    String {
        /// First byte.
        start: u32,
        /// Behind the last.
        end: u32,
    },
    /// The JSON text of an object or list that nothing looks into.
    Json {
        /// First byte.
        start: u32,
        /// Behind the last.
        end: u32,
    },
    /// A list of nodes.
    List {
        /// Index of the first.
        start: u32,
        /// How many.
        len: u32,
    },
    /// A record: as many nodes as its layout has slots.
    Record {
        /// Index of the first.
        start: u32,
        /// Its number among the records of its position in this table; 0 where they are not numbered.
        row: u32,
    },
}

/// The records made of one response.
#[derive(Debug, Default)]
pub struct Table {
    /// What slices point into.
    pub text: Bytes,
    /// All nodes; those of a record or list lie side by side.
    pub nodes: Vec<Node>,
    /// For each numbered position: the first node of each of its records, in the order of the response.
    pub rows: Vec<Vec<u32>>,
}

/// Gives back the room that a first guess at how long it gets took too much of: a step may have a table for each of its objects, all
/// of them read of one large body.
pub(crate) fn fitted<T>(mut made: Vec<T>) -> Vec<T> {
    if made.capacity() / 8 > made.len() {
        made.shrink_to_fit();
    }
    made
}

impl Table {
    /// The node at an index; missing where there is none.
    #[must_use]
    pub fn node(&self, index: u32) -> Node {
        self.nodes.get(index as usize).copied().unwrap_or(Node::Missing)
    }

    /// A slot of a record.
    #[must_use]
    pub fn slot(&self, record: u32, slot: u16) -> Node {
        self.node(record + u32::from(slot))
    }

    /// Bytes of the text.
    #[must_use]
    pub fn slice(&self, start: u32, end: u32) -> &[u8] {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The nodes of a list.
    #[must_use]
    pub fn list(&self, start: u32, len: u32) -> &[Node] {
        self.nodes.get(start as usize..(start + len) as usize).unwrap_or_default()
    }
}

/// What a step found for one object of its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The step did not run for it: another concrete type, a condition, a parent that is not there.
    NotRun,
    /// Nothing: no row, a null key, or an answer that means null.
    Null,
    /// A value.
    Node {
        /// Which table.
        table: u32,
        /// The value in it.
        node: Node,
    },
    /// The fetch failed: an index of the step's errors.
    Error(u32),
}

/// What a step leaves behind.
#[derive(Debug, Default)]
pub struct StepResult {
    /// One for each response that it mapped.
    pub tables: Vec<Table>,
    /// One for each object of its position, in order.
    pub links: Vec<Link>,
    /// What failed.
    pub errors: Vec<ClientError>,
    /// Whether it found most of its values for several objects.
    pub is_shared: bool,
    /// For each numbered position, the number of the first record of each table.
    bases: Vec<Vec<u32>>,
}

/// A record that a step runs for: where it is and its number among all objects of its position.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which table of the owner.
    pub table: u32,
    /// Its first node.
    pub record: u32,
}

impl StepResult {
    /// A result; numbers the records of all tables through.
    #[must_use]
    pub fn new(tables: Vec<Table>, links: Vec<Link>, errors: Vec<ClientError>, numbered: usize) -> Self {
        let bases = (0..numbered)
            .map(|position| {
                let mut next = 0;
                let mut base_of = |table: &Table| {
                    let base = next;
                    next += table.rows.get(position).map_or(0, |rows| rows.len() as u32);
                    base
                };
                tables.iter().map(&mut base_of).collect()
            })
            .collect();
        StepResult { tables, links, errors, is_shared: false, bases }
    }

    /// What the step found for the object with this number.
    #[must_use]
    pub fn link(&self, row: u32) -> Link {
        self.links.get(row as usize).copied().unwrap_or(Link::NotRun)
    }

    /// The table at an index.
    #[must_use]
    pub fn table(&self, index: u32) -> Option<&Table> {
        self.tables.get(index as usize)
    }

    /// The number of a record among all objects of its position.
    #[must_use]
    pub fn row(&self, position: u16, table: u32, row: u32) -> u32 {
        self.bases
            .get(usize::from(position))
            .and_then(|bases| bases.get(table as usize))
            .map_or(u32::MAX, |base| base + row)
    }

    /// How many objects there are of a numbered position.
    #[must_use]
    pub fn count(&self, position: u16) -> usize {
        self.tables.iter().filter_map(|table| table.rows.get(usize::from(position))).map(Vec::len).sum()
    }

    /// All objects of a numbered position, in the order of their numbers.
    pub fn rows(&self, position: u16) -> impl Iterator<Item = Row> {
        self.tables.iter().zip(0..).flat_map(move |(table, index)| {
            let rows = table.rows.get(usize::from(position)).map_or(&[][..], Vec::as_slice);
            rows.iter().map(move |record| Row { table: index, record: *record })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn what_was_guessed_too_high_is_given_back() {
        let mut little = Vec::with_capacity(1 << 20);
        little.extend_from_slice(b"little");
        assert_eq!(fitted(little).capacity(), 6);
        let mut half = Vec::with_capacity(64);
        half.resize(32, b'.');
        assert_eq!(fitted(half).capacity(), 64, "is not copied for that");
    }
}
