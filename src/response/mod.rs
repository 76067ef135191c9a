//! (see the module's files)

mod refusal;

pub use refusal::refusal;
