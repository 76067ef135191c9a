//! XML as the values that mappings read. An element with nothing but text is a string, any other an object: its attributes under
//! `@name`, its children under their names (several of one name are a list), its text under `#text`. Names are local names.
//! Nothing is ever looked up: a document type, and entities beyond the five of XML itself, are refused.

use std::borrow::Cow;

use ahash::AHashMap;
use bumpalo::{Bump, collections::String as ArenaString};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
};

use crate::mapping::value::Value;

/// How deep elements may stand in each other: each may become an object in a list, of which 200 levels are read.
const NESTING_MAX: usize = 100;
/// Elements, attributes and pieces of text in one document. Each is a few bytes there and a hundred here.
const NODES_MAX: usize = 1_000_000;
/// Names of one element that are looked for one after the other; beyond it they are hashed.
const LISTED_MAX: usize = 16;

/// Why a text is not read as XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    /// It breaks off or breaks XML's grammar.
    #[error("{what} (byte {at})")]
    Syntax {
        /// What is wrong.
        what: String,
        /// Where, in bytes.
        at: u64,
    },
    /// It declares a document type, or uses an entity of one.
    #[error("a document type or an entity of its own (byte {at})")]
    DocumentType {
        /// Where, in bytes.
        at: u64,
    },
    /// Elements stand too deep in each other.
    #[error("nested more than {NESTING_MAX} levels deep")]
    TooDeep,
    /// There is too much of it.
    #[error("more than {NODES_MAX} elements, attributes and pieces of text")]
    TooMuch,
}

/// Reads a document.
///
/// # Errors
/// Where the text is no well-formed document, has a document type or an entity of its own, or is nested too deep.
pub(super) fn read<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>, XmlError> {
    let mut document =
        Document { arena, reader: Reader::from_str(text), open: Vec::new(), root: None, nodes: 0 };
    while document.step()? {}
    match document.root {
        Some((name, value)) => Ok(Value::Object(arena.alloc_slice_copy(&[(name, value)]))),
        None => Err(document.syntax("there is no element")),
    }
}

struct Document<'a> {
    arena: &'a Bump,
    reader: Reader<&'a [u8]>,
    /// From the root inwards.
    open: Vec<Element<'a>>,
    root: Option<(&'a str, Value<'a>)>,
    nodes: usize,
}

/// An element that is not closed yet.
struct Element<'a> {
    name: &'a str,
    /// Attributes and children, by name, in the order in which the names first stand.
    entries: Vec<(&'a str, Entry<'a>)>,
    /// Where a name stands in `entries`, where there are many.
    places: AHashMap<&'a str, usize>,
    text: Vec<&'a str>,
    /// Whether it says that it is null (`xsi:nil`).
    is_nil: bool,
}

enum Entry<'a> {
    One(Value<'a>),
    Several(Vec<Value<'a>>),
}

impl<'a> Document<'a> {
    /// Reads on; false at the end.
    fn step(&mut self) -> Result<bool, XmlError> {
        let event = self.reader.read_event().map_err(|error| self.syntax(&error.to_string()))?;
        match event {
            Event::Start(start) => self.begin(&start)?,
            Event::Empty(start) => {
                self.begin(&start)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(text.xml10_content())?,
            Event::CData(text) => self.text(text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let letter = self.letter(&reference)?;
                self.text(Cow::Owned(letter.to_string()))?;
            }
            Event::DocType(_) => return Err(self.document_type()),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => match self.open.last() {
                None => return Ok(false),
                Some(element) => {
                    return Err(self.syntax(&format!("`{}` is not closed", start_of(element.name))));
                }
            },
        }
        Ok(true)
    }

    fn begin(&mut self, start: &BytesStart<'a>) -> Result<(), XmlError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.syntax("there are two elements at the top"));
        }
        if self.open.len() == NESTING_MAX {
            return Err(XmlError::TooDeep);
        }
        self.count()?;
        let name = self.arena.alloc_str(start.local_name().as_ref());
        let mut element =
            Element { name, entries: Vec::new(), places: AHashMap::new(), text: Vec::new(), is_nil: false };
        // The library's own check for duplicates takes time by the square of their number.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.syntax(&error.to_string()))?;
            let (prefix, local) = (attribute.key.prefix(), attribute.key.local_name());
            if attribute.key.as_ref() == "xmlns" || prefix.is_some_and(|prefix| prefix.as_ref() == "xmlns") {
                continue;
            }
            self.count()?;
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => self.arena.alloc_str(&value),
                Err(quick_xml::Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(..))) => {
                    return Err(self.document_type());
                }
                Err(error) => return Err(self.syntax(&error.to_string())),
            };
            if prefix.is_some() && local.as_ref() == "nil" && matches!(&*value, "true" | "1") {
                element.is_nil = true;
                continue;
            }
            let mut name = ArenaString::from_str_in("@", self.arena);
            name.push_str(local.as_ref());
            element.add(name.into_bump_str(), Value::String(value));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        let name = element.name;
        let value = element.into_value(self.arena);
        match self.open.last_mut() {
            Some(parent) => parent.add(name, value),
            None => self.root = Some((name, value)),
        }
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), XmlError> {
        if text.is_empty() {
            return Ok(());
        }
        self.count()?;
        let arena = self.arena;
        match self.open.last_mut() {
            Some(element) => element.text.push(match text {
                Cow::Borrowed(text) => text,
                Cow::Owned(text) => arena.alloc_str(&text),
            }),
            None if is_blank(&text) => {}
            None => return Err(self.syntax("there is text beside the element")),
        }
        Ok(())
    }

    /// The character that a reference stands for.
    fn letter(&self, reference: &BytesRef<'_>) -> Result<char, XmlError> {
        let letter = match &**reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            _ => match reference.resolve_char_ref() {
                Ok(Some(letter)) => letter,
                Ok(None) => return Err(self.document_type()),
                Err(error) => return Err(self.syntax(&error.to_string())),
            },
        };
        Ok(letter)
    }

    fn count(&mut self) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(XmlError::TooMuch) } else { Ok(()) }
    }

    fn syntax(&self, what: &str) -> XmlError {
        XmlError::Syntax { what: start_of(what).to_owned(), at: self.reader.buffer_position() }
    }

    fn document_type(&self) -> XmlError {
        XmlError::DocumentType { at: self.reader.buffer_position() }
    }
}

impl<'a> Element<'a> {
    fn add(&mut self, name: &'a str, value: Value<'a>) {
        let known = match self.entries.len() {
            0..=LISTED_MAX => self.entries.iter().position(|(known, _)| *known == name),
            _ => self.places.get(name).copied(),
        };
        match known.and_then(|place| self.entries.get_mut(place)) {
            Some((_, Entry::Several(values))) => values.push(value),
            Some((_, entry)) => {
                if let Entry::One(first) = *entry {
                    *entry = Entry::Several(vec![first, value]);
                }
            }
            None => {
                self.entries.push((name, Entry::One(value)));
                match self.entries.len() {
                    0..=LISTED_MAX => {}
                    many if many == LISTED_MAX + 1 => {
                        self.places =
                            self.entries.iter().zip(0..).map(|((name, _), place)| (*name, place)).collect();
                    }
                    many => drop(self.places.insert(name, many - 1)),
                }
            }
        }
    }

    fn into_value(self, arena: &'a Bump) -> Value<'a> {
        if self.is_nil {
            return Value::Null;
        }
        let text = match self.text.as_slice() {
            [] => "",
            [only] => only,
            pieces => {
                let mut text = ArenaString::new_in(arena);
                pieces.iter().for_each(|piece| text.push_str(piece));
                text.into_bump_str()
            }
        };
        if self.entries.is_empty() {
            return Value::String(text);
        }
        let entries = self.entries.into_iter().map(|(name, entry)| match entry {
            Entry::One(value) => (name, value),
            Entry::Several(values) => (name, Value::List(arena.alloc_slice_copy(&values))),
        });
        let text = (!is_blank(text)).then_some(("#text", Value::String(text)));
        let entries: Vec<_> = entries.chain(text).collect();
        Value::Object(arena.alloc_slice_copy(&entries))
    }
}

/// XML's white space, which pretty-printing puts between elements.
fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// As much of a text as a log should hold.
fn start_of(text: &str) -> &str {
    text.char_indices().nth(200).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
