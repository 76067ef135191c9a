//! What comes before an execution: limits, validation, the plan, the variables, and what a request comes to without one.

use std::{future::Future, sync::Arc};

use http::StatusCode;
use serde_json::{Map, Value as Json};
use tracing::{Instrument as _, Span};

use super::{Begun, Deadline, Gateway, Served, Subscription, subscription::Written};
use crate::{
    error::{ClientError, Code},
    execute::{
        asked::Asked,
        request::{Request, Response, ResponseKind},
    },
    operation::{Refusal, coerce},
    telemetry::{self, OperationOutcome, trace},
};

/// What is to be done for a request that was looked at.
enum Next {
    /// Nothing more, here.
    Begun(Begun),
    /// It is executed.
    Execution { served: Arc<Served>, asked: Arc<Asked> },
}

/// A request of which only the execution is left to do.
pub(super) struct Admitted {
    pub(super) served: Arc<Served>,
    pub(super) asked: Asked,
    /// As they were sent.
    pub(super) query: String,
    pub(super) variables: Map<String, Json>,
}

impl Gateway {
    /// Runs one request as [`execute`](Self::execute) does, or finds out what a subscription is to be told. What comes before an
    /// execution is done at once, so that the future does not carry the request.
    pub fn begin(&self, request: Request) -> impl Future<Output = Begun> + Send + use<'_> {
        let deadline = Deadline::after(self.config.deadline);
        let span = trace::operation(request.headers.as_ref());
        let mut counted = self.meter.begin();
        let next = span.in_scope(|| self.prepare(request, &mut counted, deadline));
        async move {
            let begun = match next {
                Next::Begun(begun) => begun,
                Next::Execution { served, asked } => {
                    // Boxed: whoever awaits this moves it about, and has room for what is refused only.
                    let execution = Box::pin(self.executed(served, asked, deadline));
                    Begun::Once(if span.is_disabled() {
                        execution.await
                    } else {
                        execution.instrument(span.clone()).await
                    })
                }
            };
            let (outcome, errors) = match &begun {
                Begun::Subscription(_) => (OperationOutcome::Ok, 0),
                Begun::Once(Response { kind, errors, .. }) => match kind {
                    ResponseKind::Executed if *errors == 0 => (OperationOutcome::Ok, 0),
                    ResponseKind::Executed => (OperationOutcome::Errors, *errors),
                    _ => (OperationOutcome::Refused, *errors),
                },
            };
            counted.ended(outcome);
            trace::answered(&span, errors);
            begun
        }
    }

    /// What is to be done for a request.
    fn prepare(&self, request: Request, counted: &mut telemetry::Operation, deadline: Deadline) -> Next {
        let Admitted { served, asked, query, variables } = match self.admit(request, counted) {
            Ok(admitted) => admitted,
            Err(refused) => return Next::Begun(Begun::Once(*refused)),
        };
        if let Some(subscribe) = asked.planned.plan.subscribe.clone() {
            let written = Written { query, variables };
            let subscription = Subscription::new(self.clone(), served, asked, subscribe, written);
            return Next::Begun(Begun::Subscription(subscription));
        }
        if let Some(response) = asked.planned.constant()
            && !self.debugs(&asked)
        {
            asked.planned.ran(deadline.begun.elapsed());
            return Next::Begun(Begun::Once(response.clone()));
        }
        Next::Execution { served, asked: Arc::new(asked) }
    }

    /// Everything that comes before an execution: limits, validation, the plan, the variables.
    pub(super) fn admit(
        &self,
        request: Request,
        counted: &mut telemetry::Operation,
    ) -> Result<Admitted, Box<Response>> {
        let served = self.served.load_full();
        let name = request.operation_name.as_deref();
        let planned = match served.plans.get(&served.graph, &request.query, name, &served.rules) {
            Ok(planned) => planned,
            Err(refusal) => return Err(Box::new(self.refused(&refusal))),
        };
        let operation_type = planned.operation_type();
        counted.is_a(operation_type);
        let document = self.config.telemetry.documents.then_some(request.query.as_str());
        trace::is_a(&Span::current(), operation_type, planned.name(), document);
        if planned.plan.mutation && request.read_only {
            let error =
                ClientError::new(Code::MethodNotAllowed, "A mutation cannot be sent with GET: use POST.");
            let kind = ResponseKind::Refused(StatusCode::METHOD_NOT_ALLOWED);
            return Err(Box::new(Response { kind, ..self.refused(&Refusal::one(error, None)) }));
        }
        let document = planned.document.executable();
        let coerced = coerce(&served.graph.schema, document, &planned.operation, &request.variables);
        let variables = match coerced {
            Ok(variables) => variables,
            Err(refusal) => return Err(Box::new(self.refused(&refusal))),
        };
        let Request { headers, context, query, variables: sent, .. } = request;
        let asked = Asked { planned, variables, headers, context };
        Ok(Admitted { served, asked, query, variables: sent })
    }
}
