//! What may stand in a YAML file of Ficus, as data: every key with its kind, bounds, default and documentation. `reader` checks
//! files against such a table and `json_schema` prints it for editors, so the two cannot differ. The tables themselves
//! stand in `connector_file` and `gateway_file`, beside what is made of the values.

use std::time::Duration;

/// The keys of one mapping.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) keys: &'static [Key],
    pub(super) rule: Option<Rule>,
}

/// What a mapping must have: some keys, and exactly one of two others.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) required: &'static [&'static str],
    pub(super) one_of: Option<[&'static str; 2]>,
    /// What is said where it does not hold, and what to do.
    pub(super) message: &'static str,
    pub(super) help: &'static str,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// For people, in Markdown: what it does, beyond its name.
    pub(super) doc: &'static str,
    /// As it would be written; none where nothing is the default.
    pub(super) default: Option<&'static str>,
    /// As they would be written.
    pub(super) examples: &'static [&'static str],
}

/// What a value may be. Bounds are inclusive.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Text with `{ expression }` in it.
    Template,
    /// A mapping, or a template whose values come from mappings: nothing is read from the environment.
    Mapping,
    Boolean,
    Integer(usize, usize),
    Duration(Duration, Duration),
    /// A part of one: more than 0, at most 1.
    Ratio,
    /// In bytes.
    Size(usize, usize),
    Word(&'static [&'static str]),
    /// Address and port.
    Address,
    /// Text of a form.
    Form(&'static Form),
    /// A mapping of anything.
    Anything,
    Group(&'static Group),
    /// A mapping, or `off`.
    OffOr(&'static Group),
    /// A list, or one item alone.
    List(&'static Kind),
    /// A mapping from HTTP statuses.
    ByStatus(&'static Kind),
    /// A mapping from names that the file gives.
    ByName(&'static Kind),
}

/// Text of a form: for people, for editors (a regular expression that may let more pass), and to the letter.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) expected: &'static str,
    pub(super) pattern: &'static str,
    /// Whole numbers that hold too, where YAML reads some texts of the form as such.
    pub(super) integers: Option<(usize, usize)>,
    pub(super) holds: fn(&str) -> bool,
}

impl Key {
    /// A key.
    pub(super) const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Key { name, kind, doc, default: None, examples: &[] }
    }

    /// Says what holds where the key is not written.
    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Shows values.
    pub(super) const fn examples(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }
}

/// A duration that waits for something: never zero, at most a day.
pub(super) const WAIT: Kind = Kind::Duration(Duration::from_millis(1), Duration::from_secs(86_400));

/// The HTTP statuses that a response can end with.
pub(super) const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
