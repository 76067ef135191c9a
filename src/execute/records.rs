//! The records and lists of a table while it is made, of whatever they are made.

use bytes::Bytes;

use crate::response::{Node, Table, fitted};

/// What stands in the table so far.
pub(super) struct Records {
    nodes: Vec<Node>,
    rows: Vec<Vec<u32>>,
    /// Elements of the lists that are not closed yet.
    elements: Vec<Node>,
}

impl Records {
    /// An empty table of something so many bytes long, with this many numbered positions. Its first node is there, and missing.
    pub(super) fn of(bytes: usize, numbered: usize) -> Self {
        // A value takes some 32 bytes; a first guess that is too small only costs a copy.
        let mut nodes = Vec::with_capacity(1 + bytes / 32);
        nodes.push(Node::Missing);
        Records { nodes, rows: vec![Vec::new(); numbered], elements: Vec::new() }
    }

    /// Opens a record of so many slots, all of them missing, as the next row of a numbered position. Gives its node, and where its
    /// slots begin.
    pub(super) fn open(&mut self, slots: usize, numbered: Option<u16>) -> (Node, u32) {
        let start = count(self.nodes.len());
        self.nodes.resize(self.nodes.len() + slots, Node::Missing);
        let mut row = 0;
        if let Some(rows) = numbered.and_then(|number| self.rows.get_mut(usize::from(number))) {
            row = count(rows.len());
            rows.push(start);
        }
        (Node::Record { start, row }, start)
    }

    /// Puts a node where another was.
    pub(super) fn set(&mut self, index: u32, node: Node) {
        if let Some(place) = self.nodes.get_mut(index as usize) {
            *place = node;
        }
    }

    /// Opens a list, which is to be closed with what this gives.
    pub(super) fn open_list(&self) -> usize {
        self.elements.len()
    }

    /// Adds an element to the list that was opened last.
    pub(super) fn push(&mut self, element: Node) {
        self.elements.push(element);
    }

    /// Closes the list that was opened last. Gives its node.
    pub(super) fn close_list(&mut self, opened: usize) -> Node {
        let start = count(self.nodes.len());
        let len = count(self.elements.len() - opened);
        self.nodes.extend(self.elements.drain(opened..));
        Node::List { start, len }
    }

    /// The table, whose slices point into this text.
    pub(super) fn table(self, text: Bytes) -> Table {
        Table { text, nodes: fitted(self.nodes), rows: self.rows }
    }
}

/// So many nodes as u32 does not count would take some fifty gigabytes.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
