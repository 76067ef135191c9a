//! The values that mappings are evaluated over: JSON in an arena, borrowed from the body it was read from.
//! Copying a value copies two words. Not for values that live longer than one evaluation.

/// A JSON value. Lists and objects live in an arena, strings there or in the body.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string, without escapes.
    String(&'a str),
    /// A list.
    List(&'a [Value<'a>]),
    /// An object: keys in order, each once (of duplicate keys in a body the last one's value counts, at the first one's place).
    Object(&'a [(&'a str, Value<'a>)]),
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub enum Number<'a> {
    /// As it stands in a body or in the text of a mapping: valid JSON, any size.
    Text(&'a str),
    /// Computed.
    Int(i64),
    /// Computed; always finite.
    Float(f64),
}
