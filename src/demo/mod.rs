//! The demo: a shop behind one monolith and three microservices, as a company that is halfway out of its monolith has it.
//!
//! `data` fills the shop; `monolith`, `products`, `orders` and `reviews` are its backends, real HTTP servers
//! that share nothing but `http`, their common habits; `webhooks` sends what orders tells by itself; `backends` starts and stops them. The graph over them is in
//! `schema/` and `connectors/`; `files` has it inside the binary, and `run` puts it all together.

mod backends;
pub mod data;
mod files;
mod http;
mod monolith;
mod orders;
mod products;
mod reviews;
mod run;
mod webhooks;

pub use backends::{Options as BackendOptions, Running, StartError, start};
pub use files::{SHOWCASE, sources};
pub use run::{Demo, DemoError, Options};
pub use webhooks::Target;
