//! What the integration tests stand on: a gateway made from strings, an upstream that answers from mocks and
//! writes down every call, the judge of what mappings give, and cases written in Markdown; the binary as a process, backends over
//! sockets, the faults between the two, and load. Knows nothing of what is tested.

pub(crate) mod case;
pub(crate) mod certificates;
pub(crate) mod conforms;
pub(crate) mod faults;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod json_schema;
pub(crate) mod load;
pub(crate) mod openmetrics;
pub(crate) mod process;
pub(crate) mod recorder;
pub(crate) mod redis;
pub(crate) mod stub;
pub(crate) mod upstream;
pub(crate) mod webhook;
