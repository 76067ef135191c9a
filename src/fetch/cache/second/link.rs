//! The connection to Redis: made, watched, and made again, in one task. While it is broken nobody waits for it, and purges are
//! kept to be sent when it is back. The other instances' purges come in over it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures_util::StreamExt as _;
use redis::{
    Client, ErrorKind, FromRedisValue, RedisError, RedisResult, ScriptInvocation,
    aio::{MultiplexedConnection, PubSub},
};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time,
};

use super::{codec, scripts};
use crate::{
    config::Redis,
    fetch::{
        SetUpError, SharedState,
        cache::{
            epochs::{Epochs, Mark},
            store::{Entry, Key, Marks},
        },
        resilience::jittered,
    },
    instances::{self, BACKOFF, BACKOFF_MAX},
};

/// Redis takes no longer time; a month is longer than any response is of use.
const KEPT_MAX_MS: u64 = 31 * 86_400_000;
/// The way to Redis, there or not.
pub(super) struct Link {
    client: Client,
    settings: Redis,
    epochs: Arc<Epochs>,
    /// Tells this instance's purges from others'.
    instance: String,
    ready: ArcSwapOption<Ready>,
    /// Purges that Redis has not confirmed, each with its number. Marks are few, so that an outage of any length fits.
    purging: Mutex<BTreeMap<Mark, u64>>,
    purges: AtomicU64,
    /// So many purges Redis has confirmed.
    confirmed: AtomicU64,
    /// Tells that there are purges to send.
    wake: Notify,
    /// Tells that a command failed: the connection is given up.
    broken: Notify,
    /// Goes up with each change that somebody may wait for.
    settled: watch::Sender<u64>,
    /// For people to look at.
    state: Mutex<SharedState>,
}

/// A connection, and what goes with it.
pub(super) struct Ready {
    connection: MultiplexedConnection,
    secret: hmac::Key,
    prefix: String,
}

/// What a look-up gives.
pub(super) struct Read {
    /// The count of purges.
    pub(super) now: String,
    /// The marks and bytes of each entry that was looked up; none where there is no entry that holds.
    pub(super) entries: Vec<Option<(Marks, Bytes)>>,
}

impl Link {
    /// The link, and the task that keeps it.
    pub(super) fn open(
        settings: &Redis,
        epochs: Arc<Epochs>,
    ) -> Result<(Arc<Self>, AbortHandle), SetUpError> {
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|error| SetUpError::Redis(error.into()))?;
        let client = instances::client(settings).map_err(SetUpError::Redis)?;
        let instance = random_hex().map_err(|_| SetUpError::Redis("no random bytes".into()))?;
        let link = Arc::new(Link {
            client,
            settings: settings.clone(),
            epochs,
            instance,
            ready: ArcSwapOption::empty(),
            purging: Mutex::default(),
            purges: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            wake: Notify::new(),
            broken: Notify::new(),
            settled: watch::Sender::new(0),
            state: Mutex::new(SharedState { is_connected: false, since: SystemTime::now(), failures: 0 }),
        });
        let task = runtime.spawn(Arc::clone(&link).keep_open());
        Ok((link, task.abort_handle()))
    }

    /// The connection, where it is known to work.
    pub(super) fn ready(&self) -> Option<Arc<Ready>> {
        self.ready.load_full()
    }

    /// Runs a script within the timeout. A failure gives the connection up: one that does not answer once costs its next
    /// callers nothing.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        ready: &Ready,
        script: ScriptInvocation<'static>,
    ) -> Option<T> {
        let mut connection = ready.connection.clone();
        let answered = time::timeout(self.settings.timeout, script.invoke_async(&mut connection)).await;
        match answered {
            Ok(Ok(answer)) => return Some(answer),
            // Redis itself refused (a full memory, a lost script): the connection is sound.
            Ok(Err(error)) if error.code().is_some() => tracing::debug!(%error, "redis refused a command"),
            Ok(Err(error)) => self.give_up(ready, &error.to_string()),
            Err(_) => self.give_up(ready, "no answer in time"),
        }
        None
    }

    /// Keeps purges until Redis has confirmed them.
    pub(super) fn purge(&self, marks: &[Mark]) {
        let mut purging = self.lock_purging();
        let number = self.purges.fetch_add(1, Ordering::SeqCst);
        purging.extend(marks.iter().map(|mark| (*mark, number)));
        drop(purging);
        self.wake.notify_one();
    }

    /// What was purged here and Redis may not know.
    pub(super) fn purging(&self) -> Vec<Mark> {
        self.lock_purging().keys().copied().collect()
    }

    /// Waits until the purges so far are confirmed, or the connection is known to be broken, at most the timeout. Whether they are
    /// confirmed: those that come meanwhile are others' to wait for.
    pub(super) async fn purged(&self) -> bool {
        let count = self.purges.load(Ordering::SeqCst);
        let is_confirmed = || self.confirmed.load(Ordering::SeqCst) >= count;
        let mut settled = self.settled.subscribe();
        let is_done = |_: &u64| is_confirmed() || self.ready().is_none();
        let _ = time::timeout(self.settings.timeout, settled.wait_for(is_done)).await;
        is_confirmed()
    }

    /// Waits for a connection.
    pub(super) async fn connected(&self) {
        let _ = self.settled.subscribe().wait_for(|_| self.ready().is_some()).await;
    }

    /// How it is doing.
    pub(super) fn state(&self) -> SharedState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a connection stands, or that there is none.
    fn turned(&self, is_connected: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_connected != is_connected {
            (state.is_connected, state.since) = (is_connected, SystemTime::now());
        }
        state.failures += u64::from(!is_connected);
    }

    fn lock_purging(&self) -> MutexGuard<'_, BTreeMap<Mark, u64>> {
        self.purging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, failed: &Ready, why: &str) {
        // Others may have seen the same failure, and a new connection may be there already.
        if self.ready().is_some_and(|ready| std::ptr::eq(&*ready, failed)) {
            self.ready.store(None);
            self.turned(false);
            tracing::warn!(
                reason = why,
                "the connection to redis is given up; this instance caches by itself"
            );
            self.broken.notify_one();
            self.settle();
        }
    }

    fn settle(&self) {
        self.settled.send_modify(|count| *count = count.wrapping_add(1));
    }

    async fn keep_open(self: Arc<Self>) {
        let mut attempt = 1_u32;
        loop {
            match self.connect().await {
                Ok((ready, purges)) => {
                    attempt = 1;
                    self.watch(Arc::new(ready), purges).await;
                    self.ready.store(None);
                    self.settle();
                }
                // Once for each time that it goes away; it may be away for days.
                Err(error) => {
                    if attempt == 1 {
                        tracing::warn!(%error, "redis is not reached; this instance caches by itself until it is");
                    }
                    self.turned(false);
                    attempt = attempt.saturating_add(1);
                }
            }
            time::sleep(BACKOFF.max(jittered(BACKOFF, BACKOFF_MAX, attempt))).await;
        }
    }

    /// A connection for commands, and one that others' purges come in over.
    async fn connect(&self) -> RedisResult<(Ready, PubSub)> {
        let prefix = instances::prefix(&self.settings);
        let (purges, mut connection) =
            instances::connect(&self.client, channel(&prefix), self.settings.timeout).await?;
        let proposed = random_hex().map_err(|_| RedisError::from((ErrorKind::Client, "no random bytes")))?;
        let mut secret = scripts::SECRET.key(format!("{prefix}:secret"));
        let secret: String = secret.arg(proposed).invoke_async(&mut connection).await?;
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Ok((Ready { connection, secret, prefix }, purges))
    }

    /// Uses a connection until it ends.
    async fn watch(&self, ready: Arc<Ready>, purges: PubSub) {
        // Purges of others may have been missed while there was no connection.
        self.epochs.purge_all();
        if !self.send_purges(&ready).await {
            return;
        }
        let (mut asking, mut purges) = purges.split();
        self.ready.store(Some(Arc::clone(&ready)));
        self.turned(true);
        self.settle();
        tracing::info!("connected to redis");
        let mut ping = instances::pings();
        loop {
            tokio::select! {
                message = purges.next() => match message {
                    Some(message) => self.take_purges(&message.get_payload::<String>().unwrap_or_default()),
                    None => return self.give_up(&ready, "it was closed"),
                },
                () = self.wake.notified() => drop(self.send_purges(&ready).await),
                () = self.broken.notified() => {}
                _ = ping.tick() => {
                    if !instances::answers(&mut asking).await {
                        self.give_up(&ready, "no answer to a ping");
                    }
                    // Those that Redis refused.
                    self.send_purges(&ready).await;
                }
            }
            if !self.ready().is_some_and(|known| Arc::ptr_eq(&known, &ready)) {
                return;
            }
        }
    }

    /// Tells Redis and the other instances what was purged here; whether that went well.
    async fn send_purges(&self, ready: &Ready) -> bool {
        let (sent, count): (Vec<(Mark, u64)>, u64) = {
            let purging = self.lock_purging();
            let sent = purging.iter().map(|(mark, number)| (*mark, *number)).collect();
            (sent, self.purges.load(Ordering::SeqCst))
        };
        if !sent.is_empty() {
            let script = ready.purge(&self.instance, sent.iter().map(|(mark, _)| *mark));
            if self.ask::<redis::Value>(ready, script).await.is_none() {
                return false;
            }
            let mut purging = self.lock_purging();
            for (mark, number) in sent {
                // One that was purged again meanwhile is sent again.
                if purging.get(&mark) == Some(&number) {
                    purging.remove(&mark);
                }
            }
        }
        self.confirmed.fetch_max(count, Ordering::SeqCst);
        self.settle();
        true
    }

    /// What another instance purged is not used here either.
    fn take_purges(&self, message: &str) {
        let Some((instance, marks)) = message.split_once(':') else { return };
        if instance == self.instance {
            return;
        }
        match codec::read_marks(marks) {
            Some(marks) => marks.iter().for_each(|mark| self.epochs.purge(*mark)),
            // Not understood, so it may be anything.
            None => self.epochs.purge_all(),
        }
    }
}

impl Ready {
    pub(super) fn secret(&self) -> &hmac::Key {
        &self.secret
    }

    /// Looks entries up.
    pub(super) fn read<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> ScriptInvocation<'static> {
        self.script(&scripts::READ, keys)
    }

    /// Keeps entries whose fetch began at one time.
    pub(super) fn write(&self, begun: &str, entries: &[(&Key, &Entry)]) -> ScriptInvocation<'static> {
        let mut script = self.script(&scripts::WRITE, entries.iter().map(|(key, _)| *key));
        script.arg(begun);
        for (_, entry) in entries {
            let milliseconds = u64::try_from(entry.kept_for().as_millis()).unwrap_or(u64::MAX);
            script.arg(codec::write_marks(&entry.marks)).arg(codec::encode(entry, &self.secret));
            script.arg(milliseconds.clamp(1, KEPT_MAX_MS));
        }
        script
    }

    /// Forgets entries.
    pub(super) fn forget<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> ScriptInvocation<'static> {
        self.script(&scripts::FORGET, keys)
    }

    fn purge(&self, instance: &str, marks: impl Iterator<Item = Mark>) -> ScriptInvocation<'static> {
        let mut script = self.script(&scripts::PURGE, []);
        script.arg(channel(&self.prefix)).arg(instance);
        for mark in marks {
            script.arg(mark.number());
        }
        script
    }

    fn script<'k>(
        &self,
        script: &'static redis::Script,
        entries: impl IntoIterator<Item = &'k Key>,
    ) -> ScriptInvocation<'static> {
        let mut invocation = script.prepare_invoke();
        invocation.key(format!("{}:now", self.prefix)).key(format!("{}:purged", self.prefix));
        for key in entries {
            invocation.key(self.name_of(key));
        }
        invocation
    }

    /// Under which name an entry stands: nothing of what was asked can be read in it, and no two requests have the same.
    fn name_of(&self, key: &Key) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.secret);
        key.each_part(|part| codec::put(&mut context, part));
        let mut name = format!("{}:entry:", self.prefix).into_bytes();
        name.extend_from_slice(context.sign().as_ref());
        name
    }
}

impl FromRedisValue for Read {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let mut parts = <Vec<redis::Value>>::from_redis_value(value)?.into_iter();
        let now = redis::from_redis_value(parts.next().unwrap_or(redis::Value::Nil))?;
        let mut entries = Vec::new();
        while let (Some(marks), Some(bytes)) = (parts.next(), parts.next()) {
            let marks: Option<String> = redis::from_redis_value(marks)?;
            let bytes: Option<Vec<u8>> = redis::from_redis_value(bytes)?;
            let marks = marks.as_deref().and_then(codec::read_marks);
            entries.push(marks.zip(bytes.map(Bytes::from)));
        }
        Ok(Read { now, entries })
    }
}

/// Nothing of the connection, which knows a password.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("ready", &self.ready().is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

fn channel(prefix: &str) -> String {
    format!("{prefix}:purges")
}

/// A name that nobody else has.
fn random_hex() -> Result<String, ring::error::Unspecified> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
