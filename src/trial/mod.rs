//! One connector by itself, without a server and without an operation: its requests are built, sent and understood as in
//! a gateway, but the whole of its selection is mapped, and whatever its mappings had to say is kept.
//!
//! `find` finds the connector that is meant, `inputs` reads what its mappings are to see, `run` asks and maps, `shown` is what may
//! be read of it.
//! `case` holds files that say what is expected of connectors. Not for what is printed of all this.

pub mod case;
mod find;
mod inputs;
mod run;
pub mod shown;

pub use find::{Unknown, find};
pub use inputs::{InputError, Inputs};
pub use run::{Trial, requests, run};
