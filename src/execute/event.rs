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
    fetch::{Upstream, UpstreamRequest},
};

type Call = Shared<Pin<Box<dyn Future<Output = Answered> + Send>>>;

/// The requests that were made for one event. It is dropped with the last execution of the event.
#[derive(Default)]
pub struct EventCalls {
    made: Mutex<HashMap<Arc<UpstreamRequest>, Call, ahash::RandomState>>,
}

impl EventCalls {
    /// Sends a request, or joins the one that another execution of the event sent. It has no deadline: one execution's is not another's,
    /// and the source's own timeout ends it.
    pub(super) fn send(
        &self,
        upstream: &Arc<dyn Upstream>,
        connector: &Arc<Connector>,
        request: Arc<UpstreamRequest>,
    ) -> impl Future<Output = Answered> + Send + use<> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = made.get(&request) {
            return call.clone();
        }
        let (upstream, connector, sent) = (Arc::clone(upstream), Arc::clone(connector), Arc::clone(&request));
        let call = async move { fetch(&*upstream, &connector, sent).await }.boxed().shared();
        made.insert(request, call.clone());
        call
    }
}
