//! What the system tells a running gateway: SIGTERM and Ctrl-C stop it, SIGHUP reloads its files.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

use crate::{
    admin::Reload,
    diagnostic::Diagnostic,
    execute::Gateway,
    graph::{Graph, Paths, load},
};

/// Says once that it is time to stop. A second signal ends the process at once, as an impatient operator means it.
///
/// # Errors
/// When the system gives no signals.
pub(super) fn on_stop(stop: watch::Sender<bool>) -> io::Result<JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: requests in flight may end");
        stop.send_replace(true);
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(3);
    }))
}

/// Ready when it is time to stop.
pub(super) async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: a reason to stop, too.
    drop(stopped.wait_for(|stop| *stop).await);
}

/// Loads the files again at every SIGHUP.
///
/// # Errors
/// When the system gives no signals.
pub(super) fn on_hangup(reload: Reload) -> io::Result<JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload_now(&reload).await;
        }
    }))
}

/// Loads the files again, beside the requests: reading and checking would hold them up.
pub(super) async fn reload_now(reload: &Reload) {
    let reload = reload.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || reload()).await {
        tracing::error!(%error, "reloading ended early");
    }
}

/// Says what a reload found, and whether what it loaded is served.
pub(super) type Report = fn(&[Diagnostic], bool);

/// What serves the files as they are then; a graph with faults is refused and the old one goes on.
/// `on_reload` sees a graph before it is served.
pub(super) fn reload(
    gateway: Gateway,
    paths: Paths,
    on_reload: impl Fn(&Graph) + Send + Sync + 'static,
    report: Report,
) -> Reload {
    Arc::new(move || {
        let (found, is_served) = match load(&paths) {
            Ok(loaded) => {
                on_reload(&loaded.graph);
                gateway.reload(loaded.graph);
                (loaded.warnings, true)
            }
            Err(diagnostics) => (diagnostics, false),
        };
        report(&found, is_served);
        found
    })
}

/// The report that goes to the log.
pub(super) fn log(found: &[Diagnostic], is_served: bool) {
    let faults = "not reloaded: the files have faults, the old graph goes on";
    tracing::info!("{}", if is_served { "reloaded" } else { faults });
    for diagnostic in found {
        let place = &diagnostic.place;
        let code = diagnostic.code.as_str();
        tracing::warn!(code, file = %place.file, line = place.line, "{}", diagnostic.message);
    }
}
