//! The requests that one event leads to. Executions of the same event, for subscribers who asked for different things, send
//! each of them once; where a request would differ in a header, it is another request.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt as _, future::Shared};

use super::calls::{Answered, fetch};
use crate::{
    connector::Connector,
    fetch::{Deadline, Upstream, UpstreamRequest},
};

type Call = Shared<Pin<Box<dyn Future<Output = Answered> + Send>>>;

/// The requests that were made for one event. It is dropped with the last execution of the event.
#[derive(Default)]
pub struct EventCalls {
    made: Mutex<HashMap<UpstreamRequest, Call, ahash::RandomState>>,
}

impl EventCalls {
    /// Sends a request, or joins the one that another execution of the event sent.
    pub(super) fn send(
        &self,
        upstream: &Arc<dyn Upstream>,
        connector: &Arc<Connector>,
        mut request: UpstreamRequest,
    ) -> impl Future<Output = Answered> + Send + use<> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = made.get(&request) {
            return call.clone();
        }
        // One execution's deadline is not another's; the source's own timeout ends it.
        request.deadline = Deadline::default();
        let (upstream, connector, sent) = (Arc::clone(upstream), Arc::clone(connector), request.clone());
        let call = async move { fetch(&*upstream, &connector, sent).await }.boxed().shared();
        made.insert(request, call.clone());
        call
    }
}
