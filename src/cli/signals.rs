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
            let reload = reload.clone();
            // Reading and checking files would hold up requests.
            let reloaded = tokio::task::spawn_blocking(move || reload()).await;
            if let Err(error) = reloaded {
                tracing::error!(%error, "reloading ended early");
            }
        }
    }))
}

/// What serves the files as they are then; a graph with faults is refused and the old one goes on.
/// `on_reload` sees a graph before it is served.
pub(super) fn reload(
    gateway: Gateway,
    paths: Paths,
    on_reload: impl Fn(&Graph) + Send + Sync + 'static,
) -> Reload {
    Arc::new(move || reload_once(&gateway, &paths, &on_reload))
}

fn reload_once(gateway: &Gateway, paths: &Paths, on_reload: &dyn Fn(&Graph)) -> Vec<Diagnostic> {
    let (found, message) = match load(paths) {
        Ok(loaded) => {
            on_reload(&loaded.graph);
            gateway.reload(loaded.graph);
            (loaded.warnings, "reloaded")
        }
        Err(diagnostics) => (diagnostics, "not reloaded: the files have faults, the old graph goes on"),
    };
    tracing::info!("{message}");
    for diagnostic in &found {
        let place = &diagnostic.place;
        let code = diagnostic.code.as_str();
        tracing::warn!(code, file = %place.file, line = place.line, "{}", diagnostic.message);
    }
    found
}
