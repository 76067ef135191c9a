//! The mapping language (`JSONSelection`): parse, know its shape, evaluate.
//!
//! `parse` turns text into the tree of `ast`, `template` does so for text with `{ expression }` in it. Without running a
//! mapping, `check` tells what cannot work, `references` which variables it reads and `shape` what it gives. `evaluate`
//! applies it to a value, with `methods` and within a `budget`, and `problems` keeps what went wrong. `show` makes text of a
//! mapping again, `rows` has rows carry more than their selection. `json` reads bodies into values and writes values.
//! Pure: no I/O, no clock, no knowledge of HTTP or GraphQL.

pub mod ast;
mod budget;
pub mod check;
pub mod evaluate;
pub mod json;
mod lex;
mod merge;
pub mod methods;
pub mod parse;
pub mod problems;
pub mod references;
pub mod rows;
mod scope;
pub mod shape;
mod show;
pub mod template;
pub mod value;

pub use evaluate::{Variables, evaluate};
pub use parse::{ParseError, parse};
pub use problems::Problems;
pub use value::Value;
