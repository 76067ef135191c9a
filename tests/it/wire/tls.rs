//! `tls`: whom a source trusts, and who Ficus is there.

use std::fs;

use super::{VALUE, ask, error, gateway, value};
use crate::support::{
    certificates::Authority,
    recorder::{Recorder, json},
};

/// Writes files and gives a connector file that names them.
fn connector(folder: &tempfile::TempDir, recorder: &Recorder, files: &[(&str, &str)]) -> String {
    let mut connector = format!("base_url: https://127.0.0.1:{}\n", recorder.address.port());
    if !files.is_empty() {
        connector.push_str("tls:\n");
    }
    for (key, text) in files {
        let path = folder.path().join(format!("{key}.pem"));
        fs::write(&path, text).unwrap();
        connector.push_str(&format!("  {key}: {}\n", path.display()));
    }
    connector
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let backend = Recorder::start_tls(ours.server("127.0.0.1", None, &[]), |_| json(VALUE)).await;
    let cases = [(vec![], false), (vec![("ca", theirs.pem())], false), (vec![("ca", ours.pem())], true)];
    for (files, is_trusted) in cases {
        let files: Vec<_> = files.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let answer = ask(&gateway(&connector(&folder, &backend, &files)), "{ value }").await;
        match is_trusted {
            true => assert_eq!(answer, value()),
            false => assert_eq!(error(&answer), "Connector error: cannot connect"),
        }
    }
    assert_eq!(backend.requests().len(), 1, "nothing is sent to whom nobody knows");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_the_backends() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let backend = Recorder::start_tls(authority.server("orders.internal", None, &[]), |_| json(VALUE)).await;
    let gateway = gateway(&connector(&folder, &backend, &[("ca", &authority.pem())]));
    assert_eq!(error(&ask(&gateway, "{ value }").await), "Connector error: cannot connect");
    assert!(backend.requests().is_empty());
}

#[tokio::test]
async fn a_client_certificate_opens_what_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let backend =
        Recorder::start_tls(servers.server("127.0.0.1", Some(&clients), &[]), |_| json(VALUE)).await;
    let ca = servers.pem();
    let (known, unknown) = (clients.certify("ficus"), strangers.certify("ficus"));
    let with = |identity: Option<&crate::support::certificates::Certified>| {
        let mut files = vec![("ca", ca.as_str())];
        if let Some(identity) = identity {
            files.extend([("cert", identity.cert.as_str()), ("key", identity.key.as_str())]);
        }
        gateway(&connector(&folder, &backend, &files))
    };
    for identity in [None, Some(&unknown)] {
        let answer = ask(&with(identity), "{ value }").await;
        assert!(error(&answer).starts_with("Connector error: "), "{answer}");
        assert!(backend.requests().is_empty());
    }
    assert_eq!(ask(&with(Some(&known)), "{ value }").await, value());
}
