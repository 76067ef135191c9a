//! The demo: its backends, and the graph of `schema/` and `connectors/` over them.

mod backends;
