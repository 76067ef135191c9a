//! The mapping language (`JSONSelection`): parse, know its shape, evaluate.
//!
//! `parse` turns text into the tree of `ast`; `references` lists the variables a mapping reads; `shape` says what a
//! mapping gives without running it; `evaluate` applies it to a value; `json` reads bodies into values and writes values.
//! Pure: no I/O, no clock, no knowledge of HTTP or GraphQL.

pub mod ast;
pub mod evaluate;
pub mod json;
mod lex;
mod merge;
pub mod methods;
pub mod parse;
pub mod problems;
pub mod references;
pub mod render;
pub mod template;
pub mod value;

pub use parse::{ParseError, parse};
