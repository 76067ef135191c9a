//! Connectors without `http`: there is no response that their mappings could read.

use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{
        bind::{Bound, data_reads},
        literal::SchemaText,
    },
    mapping::{ast::Mapping, references::references},
};

/// Reports reads of a response that there will not be.
pub(super) fn check(bound: &Bound, diagnostics: &mut Diagnostics) {
    for found in bound.connectors.iter().filter(|found| found.connector.request.is_none()) {
        let (connector, written) = (&found.connector, &found.written);
        let mappings: [(Option<&Mapping>, &Option<SchemaText>); 4] = [
            (Some(&connector.selection), &written.selection),
            (connector.is_success.as_ref(), &written.is_success),
            (connector.errors.message.as_ref(), &written.errors.message),
            (connector.errors.extensions.as_ref(), &written.errors.extensions),
        ];
        for (mapping, text) in mappings {
            let (Some(mapping), Some(text)) = (mapping, text) else { continue };
            // An event stands in the place of a response's body, and has nothing else of one.
            let hears = found.written.hears;
            let of_data = data_reads(mapping).into_iter().filter(|_| !hears).map(|read| read.span);
            let of_response = references(mapping)
                .into_iter()
                .filter(|reference| ["status", "response"].contains(&reference.variable.as_str()))
                .map(|reference| reference.span);
            for span in of_data.chain(of_response) {
                let message = match hears {
                    true => "this reads a response, and an event is none",
                    false => "this reads a response, and a connector without `http` has none",
                };
                let code = Code::RequestlessSelectionUsesRequestData;
                let diagnostic = Diagnostic::new(code, text.place(span), message)
                    .on(connector.coordinate.as_str())
                    .help(match hears {
                        true => "read the event: `$.status`",
                        false => "read `$args`, `$this` or `$config`, write the value out, or add `http`",
                    });
                diagnostics.push(diagnostic);
            }
        }
    }
}
