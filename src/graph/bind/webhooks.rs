//! `webhooks` of a connector file: names that make a path, mappings that read what a delivery has, entries that do something.
//! How deliveries are verified is `verification`'s.

use std::sync::Arc;

use super::{
    expect::Expect,
    inputs::add,
    mappings::{Mappings, Stands},
    reads::Readable,
    topic::topic,
    verification::{Checked, verification},
};
use crate::{
    config::{ConnectorFile, MappingText, PublicationFile, WebhookFile},
    connector::{Inputs, Publication, TopicTemplate, Verification, Webhook},
    diagnostic::{Code, Diagnostic, Place},
    mapping::{
        ast::Mapping,
        parse,
        references::{Reference, references},
    },
    telemetry::WebhookMeterSlot,
};

/// Bytes of a delivery at most, where the file says nothing: what a sender tells of an event; larger things are fetched.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Reads the webhooks of a source. Those with a fault, which is reported, are left out.
pub(super) fn webhooks(mappings: &mut Mappings<'_>, file: &ConnectorFile) -> Vec<Arc<Webhook>> {
    // What they read is no part of what requests to the source read.
    let of_source = std::mem::take(&mut mappings.read);
    let read = file.webhooks.iter().filter_map(|written| webhook(mappings, written));
    let mut found: Vec<Arc<Webhook>> = read.map(Arc::new).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    mappings.read = of_source;
    found
}

fn webhook(mappings: &mut Mappings<'_>, written: &WebhookFile) -> Option<Webhook> {
    let before = mappings.diagnostics.errors();
    mappings.read.clear();
    check_name(mappings, &written.name.value, &written.name.place);
    let checked = verification(mappings, &written.verify);
    if written.publish.is_empty() {
        let message = "`publish` is empty, so nothing would come of a delivery";
        report(mappings, written.name.place.clone(), message, "write an entry with a `topic`");
    }
    let publish: Vec<Publication> =
        written.publish.iter().map(|written| publication(mappings, written)).collect();
    let id = id(mappings, written.id.as_ref(), checked.as_ref());
    let mut inputs = Inputs::default();
    mappings.read.iter().for_each(|reference| add(&mut inputs, reference));
    let checked = checked.filter(|_| mappings.diagnostics.errors() == before)?;
    Some(Webhook {
        name: written.name.value.clone(),
        id_is_signed: id.as_ref().is_some_and(|id| is_signed(id, &checked)),
        id,
        verification: checked.verification,
        handshake: checked.handshake,
        body_bytes_max: written.body_bytes_max.unwrap_or(BODY_BYTES_MAX),
        publish,
        inputs,
        meter: WebhookMeterSlot::default(),
    })
}

/// The name is the last segment of a path.
fn check_name(mappings: &mut Mappings<'_>, name: &str, place: &Place) {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !letters || name.is_empty() || name.len() > 64 {
        let message = format!("`{name}` cannot be the name of a webhook, which is a part of its path");
        report(mappings, place.clone(), message, "1 to 64 letters, digits, `_` and `-`");
    }
}

fn publication(mappings: &mut Mappings<'_>, written: &PublicationFile) -> Publication {
    let in_entry = |place| Readable { place, sent: true, data: true, ..Readable::NOTHING };
    let (message, help) = match (written.does_something, written.topic.is_some(), written.has_event) {
        (false, ..) => (
            "an entry of `publish` has neither `topic` nor `invalidate`, so it does nothing",
            "add a `topic` such as `order/{$.id}`",
        ),
        (true, false, true) if !written.invalidate.is_empty() => {
            ("`event` without `topic`: it is published nowhere", "add a `topic`, or remove `event`")
        }
        _ => ("", ""),
    };
    if !message.is_empty() {
        report(mappings, written.place.clone(), message, help);
    }
    let mut mapping = |text: Option<&MappingText>, expect, place| {
        let text = text?;
        let stands = Stands::FileMapping(text);
        mappings.mapping_at(&text.value, stands, Code::InvalidWebhook, expect, in_entry(place))
    };
    Publication {
        each: mapping(written.each.as_ref(), Expect::Anything, "`each` of a webhook"),
        when: mapping(written.when.as_ref(), Expect::When, "`when` of a webhook"),
        event: mapping(written.event.as_ref(), Expect::Anything, "`event` of a webhook"),
        topic: written.topic.as_ref().and_then(|text| name(mappings, text, in_entry("a topic"))),
        invalidate: written
            .invalidate
            .iter()
            .filter_map(|text| name(mappings, text, in_entry("a tag")))
            .collect(),
    }
}

fn name(mappings: &mut Mappings<'_>, text: &MappingText, readable: Readable<'_>) -> Option<TopicTemplate> {
    topic(mappings, &text.value, Stands::FileMapping(text), Code::InvalidWebhook, readable)
}

/// What tells deliveries apart: as it is written, or as the scheme has it.
fn id(
    mappings: &mut Mappings<'_>,
    written: Option<&MappingText>,
    checked: Option<&Checked>,
) -> Option<Mapping> {
    let readable = Readable { place: "`id` of a webhook", sent: true, data: true, ..Readable::NOTHING };
    if let Some(text) = written {
        let stands = Stands::FileMapping(text);
        return mappings.mapping_at(&text.value, stands, Code::InvalidWebhook, Expect::Id, readable);
    }
    let mapping = parse(checked?.id?, mappings.grammar).ok()?;
    mappings.read.extend(references(&mapping));
    Some(mapping)
}

/// Whether whoever changes what the id reads breaks the signature.
fn is_signed(id: &Mapping, checked: &Checked) -> bool {
    let is_covered = |read: &Reference| match (read.variable.as_str(), read.path.as_slice()) {
        ("request", [_, header, ..]) => checked.signed_headers.iter().any(|name| name.as_str() == header),
        ("request", _) => false,
        _ => true,
    };
    !matches!(checked.verification, Verification::None) && references(id).iter().all(is_covered)
}

pub(super) fn report(
    mappings: &mut Mappings<'_>,
    place: Place,
    message: impl Into<String>,
    help: impl Into<String>,
) {
    mappings.report(Diagnostic::new(Code::InvalidWebhook, place, message).help(help));
}
