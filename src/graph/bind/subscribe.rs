//! `@subscribe`: the connector that an event or an answer goes through, the topic with its filter and who may listen, or the
//! time between two polls. What its selection gives is checked with all others.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use apollo_compiler::{Name, ast::FieldDefinition, schema::Component};

use super::{
    BoundConnector, Pass,
    connectors::{Binder, Element, WrittenBeside, in_request},
    expect::Expect,
    inputs::inputs,
    mappings::{Mappings, Stands},
    reads::Readable,
    request::request,
    topic::topic,
};
use crate::{
    config::duration,
    connector::{Authorize, Caching, Connector, ConnectorId, ErrorMapping, Kind, Source, Subscribe, Topic},
    diagnostic::{Code, Diagnostic, Place},
    graph::{
        literal::SchemaText,
        written::{DirectiveReader, WrittenAuthorize, WrittenConnect, WrittenSubscribe},
    },
    mapping::{parse, references::Reference},
    telemetry::ConnectorMeter,
};

/// How often a backend may be asked: oftener would be a load of its own, more seldom is no live data.
const EVERY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
/// How long an answer of `authorize` holds.
const AUTHORIZED: Duration = Duration::from_secs(60);

impl<'a> Pass<'a> {
    /// A field of `Subscription`.
    pub(super) fn subscription(
        &mut self,
        binder: &mut Binder<'a>,
        parent: &'a Name,
        field: &'a Component<FieldDefinition>,
    ) {
        if self.composed.taken_out.fields.contains(&(parent.clone(), field.name.clone())) {
            return;
        }
        let coordinate = format!("{parent}.{}", field.name);
        if let Some(directive) = self.connects(field.directives.iter()).first() {
            let place = self.composed.files.place(directive.location());
            let message = "`@connect` on a field of `Subscription`";
            let diagnostic = Diagnostic::new(Code::SubscriptionInConnectors, place, message).on(coordinate);
            let help =
                "write `@subscribe(topic: …)` for events, or `@subscribe(poll: …)` with the same request";
            binder.diagnostics.push(diagnostic.help(help));
            return;
        }
        self.refuse_beside(binder, parent, field);
        let mut directives = field.directives.get_all("subscribe");
        let Some(directive) = directives.next() else { return };
        let mut reader =
            DirectiveReader { files: &self.composed.files, diagnostics: binder.diagnostics, coordinate };
        let written = reader.subscribe(directive);
        let element = Element::Field { parent, field, root: true };
        let Some((mut connector, subscribe)) = binder.subscribe(element, &written) else { return };
        if let Some(authorize) = subscribe.topic().and_then(|topic| topic.authorize.as_ref()) {
            connector.inputs.read_of_client_too(&authorize.connector.inputs);
        }
        let Ok(index) = u32::try_from(self.bound.connectors.len()) else { return };
        self.bound.by_field.insert((parent.clone(), field.name.clone()), ConnectorId(index));
        self.bound.subscribes.insert(field.name.clone(), Arc::new(subscribe));
        let written = written.connect;
        self.bound.connectors.push(BoundConnector { connector: Arc::new(connector), written });
    }
}

impl<'a> Binder<'a> {
    fn subscribe(
        &mut self,
        element: Element<'a>,
        written: &WrittenSubscribe,
    ) -> Option<(Connector, Subscribe)> {
        let fault = |binder: &mut Self, place: &Place, message: &str, help: &str| {
            let diagnostic = Diagnostic::new(Code::InvalidSubscribe, place.clone(), message);
            binder.diagnostics.push(diagnostic.on(element.coordinate()).help(help));
        };
        let place = &written.connect.place;
        let either = "write `topic: \"…\"` for events, or `poll: \"2s\"` with `http` for a backend that is asked again and again";
        match (&written.topic, &written.poll) {
            (None, None) => fault(self, place, "`@subscribe` has neither a topic nor `poll`", either),
            (Some(_), Some(poll)) => fault(self, &poll.place, "`@subscribe` has a topic and `poll`", either),
            (Some(topic), None) => {
                let source = written.connect.source.as_ref().map(|text| (&text.place, "source"));
                let http = written.connect.http.as_ref().map(|http| (&http.place, "http"));
                for (place, name) in source.into_iter().chain(http) {
                    let message = format!("`{name}` beside a topic, whose events nobody asks for");
                    fault(self, place, &message, "remove it, or write `poll` instead of `topic`");
                }
                return self.heard(element, written, topic);
            }
            (None, Some(poll)) => {
                if let Some(filter) = &written.filter {
                    let help = "remove it: what is polled is told when it changed";
                    fault(self, &filter.place, "`where` beside `poll`", help);
                }
                if written.authorize.is_some() {
                    let help = "remove it: what is polled is asked for with the subscriber's own headers";
                    fault(self, place, "`authorize` beside `poll`", help);
                }
                if written.connect.http.is_none() {
                    fault(
                        self,
                        place,
                        "`poll` without `http`",
                        "say what is asked for: `http: {GET: \"…\"}`",
                    );
                    return None;
                }
                let every = self.time(element, poll, "poll");
                let connector = self.bind(element, 0, &written.connect, &WrittenBeside::default());
                return Some((connector?, Subscribe::Poll { every: every? }));
            }
        }
        None
    }

    fn heard(
        &mut self,
        element: Element<'a>,
        written: &WrittenSubscribe,
        text: &SchemaText,
    ) -> Option<(Connector, Subscribe)> {
        let authorize = self.authorize(element, written);
        let source = Source::named("");
        let mut mappings = self.mappings(element, &source);
        let readable = Readable { place: "a topic", ..in_request(element) };
        let name = topic(&mut mappings, &text.value, Stands::Schema(text), Code::InvalidSubscribe, readable);
        let readable = Readable { place: "`where`", data: true, ..in_request(element) };
        let filter =
            mappings.mapping(written.filter.as_ref(), Code::InvalidSubscribe, Expect::Filter, readable);
        let read: Vec<Reference> = std::mem::take(&mut mappings.read);
        let connector = self.bind(element, 0, &written.connect, &WrittenBeside::default());
        let mut connector = connector?;
        let heard = inputs(&read, &[], None, &connector.source);
        connector.inputs.read_of_client_too(&heard);
        connector.inputs.env.extend(heard.env);
        connector.inputs.config |= heard.config;
        if written.filter.is_some() && filter.is_none() {
            return None;
        }
        let topic = Topic { name: name?, filter, authorize: authorize? };
        Some((connector, Subscribe::Topic(topic)))
    }

    /// Who may listen. None for what has a fault.
    #[allow(clippy::option_option, reason = "a fault, everybody, or who is asked")]
    fn authorize(&mut self, element: Element<'a>, written: &WrittenSubscribe) -> Option<Option<Authorize>> {
        let (connect, every) = match &written.authorize {
            Some(WrittenAuthorize::Asked { connect, every }) => (connect, every),
            Some(WrittenAuthorize::Everybody) => return Some(None),
            Some(WrittenAuthorize::Unknown) => return None,
            None => {
                let message = "everybody may listen to this topic";
                let code = Code::SubscriptionWithoutAuthorize;
                let diagnostic = Diagnostic::new(code, written.connect.place.clone(), message);
                let help = "say which request allows it: `authorize: {source: \"…\", http: {GET: \"…\"}}`, or \
                            `authorize: NONE` where it is meant";
                self.diagnostics.push(diagnostic.on(element.coordinate()).help(help));
                return Some(None);
            }
        };
        let every = match every {
            Some(every) => self.time(element, every, "authorize.every")?,
            None => AUTHORIZED,
        };
        let connector = Arc::new(self.authorizing(element, connect)?);
        Some(Some(Authorize { connector, every }))
    }

    /// The request of `authorize`, as a connector of the same field.
    fn authorizing(&mut self, element: Element<'a>, written: &WrittenConnect) -> Option<Connector> {
        let (source, of_source) = self.source(written, &format!("{}[0]", element.coordinate()))?;
        let mut mappings = self.mappings(element, &source);
        let request = request(&mut mappings, element, written, &source).ok()??;
        let selection = parse("$", mappings.grammar).ok()?;
        let inputs = inputs(&mappings.read, &of_source, Some(&request), &source);
        let Element::Field { parent, field, .. } = element else { return None };
        Some(Connector {
            coordinate: format!("{}.authorize", element.coordinate()),
            place: written.place.clone(),
            id: None,
            kind: Kind::Root { parent: parent.clone(), field: field.name.clone() },
            request: Some(request),
            selection,
            errors: ErrorMapping::default(),
            is_success: None,
            batch: None,
            inputs,
            // Whom a backend lets listen is nobody else's answer.
            caching: Caching { is_private: true, ..Caching::default() },
            invalidates: Vec::new(),
            meter: ConnectorMeter::default(),
            source,
        })
    }

    fn mappings<'m>(&'m mut self, element: Element<'_>, source: &'m Source) -> Mappings<'m> {
        Mappings {
            schema: &self.composed.schema,
            grammar: self.composed.links.grammar,
            diagnostics: self.diagnostics,
            coordinate: element.coordinate(),
            source: &source.name,
            config: &source.config,
            read: Vec::new(),
        }
    }

    fn time(&mut self, element: Element<'_>, text: &SchemaText, what: &str) -> Option<Duration> {
        let found = duration(&text.value).filter(|time| EVERY.contains(time));
        if found.is_none() {
            let message = format!("`{}` is not a time for `{what}`", text.value);
            let diagnostic = Diagnostic::new(Code::InvalidSubscribe, text.place.clone(), message);
            let help = "write a number with its unit, from 1 s to a day: `2s`, `1m`";
            self.diagnostics.push(diagnostic.on(element.coordinate()).help(help));
        }
        found
    }
}
