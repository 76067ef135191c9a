//! What the integration tests stand on: a gateway made from strings, an upstream that answers from mocks and
//! writes down every call, the judge of what mappings give, and cases written in Markdown. Knows nothing of what is tested.

pub(crate) mod case;
pub(crate) mod conforms;
pub(crate) mod gateway;
pub(crate) mod json;
pub(crate) mod json_schema;
pub(crate) mod redis;
pub(crate) mod upstream;
