//! Drives a plan: steps, keys, batches, entities, lists. `Gateway` is the way of one request through it all.
//!
//! `request` is what comes in and goes out. `plans` keeps plans by the text of the document; `run` starts each step when its inputs are there; `step` is one
//! step: `key` reads what it needs of each object, `send` builds its requests and `calls` sends each once, `respond`
//! makes `records` of the responses, by `project` (one pass over the bytes) or by evaluation and `record`. `rows` takes rows of
//! batches from the cache and gives them to it, cut by `cut`; `invalidate` purges what mutations say. `watch` writes down
//! what people want to see of it, and `debugger` shows it.
//! `window` lets keys of several operations wait for each other.
//! `asked` is what a request's answer depends on: equal ones `share` an execution, or one of the `answers` that are kept; `caching` says
//! how a client may keep one.
//! `event` lets the executions of one event share their requests, and `gateway/subscription` is what a subscription is given.
//! `executor` lets a Rust service mount the gateway in its own server.

mod answers;
mod arguments;
mod asked;
mod caching;
mod calls;
mod cut;
mod debugger;
mod event;
pub mod executor;
mod gateway;
mod introspection;
mod invalidate;
mod key;
mod packed;
mod plans;
mod project;
mod record;
mod records;
mod request;
mod respond;
mod rows;
mod run;
mod send;
mod share;
mod step;
mod watch;
mod window;

pub use answers::KeptAnswers;
pub(crate) use arguments::coerce_arguments;
pub use caching::Caching;
pub use event::EventCalls;
pub(crate) use gateway::DEBUGGING;
pub use gateway::{Authorized, Begun, Gateway, Subscription, SubscriptionAnswer};
pub use packed::Packed;
pub(crate) use record::record;
pub use request::{OperationSummary, Request, Response, ResponseKind};
pub(crate) use respond::{not_a_list, too_much_work};
