//! Events in streams of Redis or Valkey, where all instances of the gateway find them: what `redis` is for events. Any instance
//! takes a delivery, and a script publishes it with its names as a whole; what is kept, and what comes before what, is Redis'
//! to say.
//!
//! An instance hears on one channel which topics have something new, and reads those that its own listeners listen to, once for
//! all of them, behind the last event it has. Wake-ups carry no events, so none is lost with one: after a broken connection all
//! topics are read again. (Reading all streams with a command that blocks would send all their names each time that one has an event,
//! and could not be told of another topic meanwhile.) A listener who is behind what the instance has reads by itself.

mod link;
mod page;
mod scripts;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use futures_util::{StreamExt as _, future::join_all};
use redis::{ScriptInvocation, aio::PubSub};
use tokio::{sync::mpsc, task::AbortHandle, time};

pub(super) use self::page::Page;
use self::{
    link::Link,
    page::{Purge, read_id},
};
use super::{
    EventId, HubError, NewEvent, OpenError, Published,
    event::milliseconds,
    figures::Counters,
    listener::{Listener, Seat},
    names::{FORGOTTEN_MAX, Memory, Name, name},
    shelf::{Bounds, QUIET_FOR, Shelf},
    topic::{Position, Topic},
};
use crate::{
    config::Redis,
    fetch::jittered,
    instances::{self, BACKOFF, BACKOFF_MAX},
};

/// Events that are read at once.
const PAGE: usize = 64;
/// Topics that are read at once.
const TOPICS_AT_ONCE: usize = 128;
/// Before a listener tries again to read.
const AGAIN: Duration = Duration::from_millis(100);

/// Purges tags, or everything.
type PurgeWith = Box<dyn Fn(Option<&[String]>) + Send + Sync>;

/// Events in Redis.
pub(super) struct Streams {
    link: Link,
    shelf: Arc<Shelf>,
    bounds: Bounds,
    memory: Memory,
    counters: Arc<Counters>,
    /// Tells the task of topics that are listened to for the first time.
    opened: mpsc::UnboundedSender<Arc<str>>,
    /// What is done before anybody hears of an event for which another instance purged.
    purge: OnceLock<PurgeWith>,
}

impl Streams {
    /// Connects in a task of its own, and connects again whenever that ends.
    ///
    /// # Errors
    /// When the URL or a certificate cannot be read, or outside of a tokio runtime.
    pub(super) fn open(
        redis: &Redis,
        bounds: Bounds,
        shelf: Arc<Shelf>,
        counters: Arc<Counters>,
        memory: Memory,
    ) -> Result<(Arc<Self>, AbortHandle), OpenError> {
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|error| OpenError::Redis(error.into()))?;
        let link = Link::new(redis).map_err(OpenError::Redis)?;
        let (opened, openings) = mpsc::unbounded_channel();
        let streams =
            Arc::new(Streams { link, shelf, bounds, memory, counters, opened, purge: OnceLock::new() });
        let task = runtime.spawn(Arc::clone(&streams).keep_open(openings));
        Ok((streams, task.abort_handle()))
    }

    /// Says what to do before anybody hears of an event for which another instance purged.
    pub(super) fn purge_with(&self, purge: PurgeWith) {
        // A second cache behind one hub would be a mistake of the program, and the first one is the gateway's.
        drop(self.purge.set(purge));
    }

    pub(super) async fn publish(
        &self,
        names: &[Name],
        events: &[NewEvent],
        purged: &[String],
    ) -> Result<Published, HubError> {
        let purged = Purge::of(purged).map_or_else(String::new, |purge| purge.to_string());
        let mut topics: Vec<&str> = Vec::new();
        let mut places = Vec::with_capacity(events.len());
        for event in events {
            let place = topics.iter().position(|known| **known == *event.topic);
            // Whoever hears of a later event of the topic has heard of the first.
            places.push((place.unwrap_or(topics.len()) + 1, if place.is_none() { &*purged } else { "" }));
            if place.is_none() {
                topics.push(&event.topic);
            }
        }
        let mut script = scripts::PUBLISH.key(format!("{}:events:names", self.link.prefix));
        for topic in &topics {
            let (stream, end) = self.keys(topic);
            script.key(stream).key(end);
        }
        script.arg(self.link.channel());
        script.arg(milliseconds(self.memory.age)).arg(self.memory.count).arg(FORGOTTEN_MAX);
        script.arg(self.bounds.events).arg(milliseconds(self.bounds.age));
        script.arg(milliseconds(QUIET_FOR.max(self.bounds.age)));
        script.arg(names.len());
        for name in names {
            script.arg(&name[..]);
        }
        script.arg(topics.len());
        for topic in &topics {
            script.arg(*topic);
        }
        for ((place, purged), event) in places.iter().zip(events) {
            script.arg(*place).arg(*purged).arg(&event.data[..]);
        }
        let answer: Option<Vec<redis::Value>> = self.link.ask(script).await?;
        let Some(answer) = answer else { return Ok(Published::Duplicate) };
        let mut answer = answer.into_iter();
        let unread = |_| HubError::Unavailable("redis answered with something else".to_owned());
        let forgotten = answer.next().map_or(Ok(0), redis::from_redis_value::<usize>).map_err(unread)?;
        self.counters.forgot(forgotten);
        let id = |value| read_id(value).map_err(unread);
        Ok(Published::Kept(answer.map(id).collect::<Result<_, _>>()?))
    }

    /// Listens from now on, or behind an event.
    pub(super) async fn listen(
        self: &Arc<Self>,
        seat: Seat,
        after: Option<EventId>,
    ) -> Result<Listener, HubError> {
        let mut script = scripts::END.prepare_invoke();
        script.key(self.keys(&seat.topic.name).1);
        let end: redis::Value = self.link.ask(script).await?;
        let end = read_id(end).map_err(|error| HubError::Unavailable(error.to_string()))?;
        let is_known = seat.topic.lock().is_known();
        if !is_known {
            // Whoever else has come first has the same in mind.
            self.shelf.begin(&seat.topic, end);
            // What was published between the answer and now was not read for want of a beginning.
            let _ = self.opened.send(Arc::clone(&seat.topic.name));
        }
        let life = seat.topic.lock().end().life;
        // Behind an event that is not the last one, the first look is into Redis, which says whether it is known.
        let other = after.filter(|after| *after != end);
        let position = other.map_or(Position { last: end, life }, |last| Position { last, life: 0 });
        Ok(Listener::reading(seat, Arc::clone(self), position))
    }

    /// Reads events behind one, however long Redis is away.
    pub(super) async fn read(&self, topic: &Topic, after: EventId) -> Page {
        loop {
            match self.link.ask(self.reading(&topic.name, after)).await {
                Ok(page) => return self.heard(Page::of(page, &topic.name), topic),
                Err(error) => tracing::debug!(%error, "a listener waits for redis"),
            }
            time::sleep(AGAIN).await;
            self.link.connected().await;
        }
    }

    /// Purges what was purged for the events of a page, but for those that came by the shelf, for which it was done then.
    fn heard(&self, mut page: Page, topic: &Topic) -> Page {
        for (id, purge) in page.purges.drain(..) {
            let is_done = topic.lock().had(id);
            if let Some(purge_with) = self.purge.get().filter(|_| !is_done) {
                purge_with(purge.tags());
            }
        }
        page
    }

    fn reading(&self, topic: &str, after: EventId) -> ScriptInvocation<'static> {
        let (stream, end) = self.keys(topic);
        let mut script = scripts::READ.key(stream);
        script.key(end).arg(after.to_string()).arg(PAGE).arg(milliseconds(self.bounds.age));
        script
    }

    /// The keys of a topic. Its name may hold what names of keys must not show, since they stand in logs and listings of Redis,
    /// and may be long.
    fn keys(&self, topic: &str) -> (String, String) {
        let digest = HEXLOWER.encode(&name(topic.as_bytes()));
        let prefix = &self.link.prefix;
        (format!("{prefix}:events:of:{digest}"), format!("{prefix}:events:end:{digest}"))
    }

    async fn keep_open(self: Arc<Self>, mut openings: mpsc::UnboundedReceiver<Arc<str>>) {
        let mut attempt = 1_u32;
        for number in 0.. {
            match self.link.connect(number).await {
                Ok(wake_ups) => {
                    attempt = 1;
                    tracing::info!("connected to redis, for events");
                    self.follow(wake_ups, &mut openings).await;
                    self.link.disconnect();
                }
                // Once for each time that it goes away; it may be away for days.
                Err(error) if attempt == 1 => {
                    tracing::warn!(%error, "redis is not reached; no events are taken until it is");
                    attempt += 1;
                }
                Err(_) => attempt = attempt.saturating_add(1),
            }
            time::sleep(BACKOFF.max(jittered(BACKOFF, BACKOFF_MAX, attempt))).await;
        }
    }

    /// Reads what is new until the connection ends.
    async fn follow(&self, wake_ups: PubSub, openings: &mut mpsc::UnboundedReceiver<Arc<str>>) {
        let (mut asking, mut wake_ups) = wake_ups.split();
        let mut ping = instances::pings();
        // There may be something new in any.
        let mut new: HashSet<Arc<str>> =
            self.shelf.topics().iter().map(|topic| Arc::clone(&topic.name)).collect();
        loop {
            if !self.catch_up(&mut new).await {
                return;
            }
            tokio::select! {
                message = wake_ups.next() => match message {
                    Some(message) => drop(new.insert(message.get_payload::<String>().unwrap_or_default().into())),
                    None => return,
                },
                Some(topic) = openings.recv() => drop(new.insert(topic)),
                () = self.link.broken.notified() => return,
                _ = ping.tick() => {
                    if !instances::answers(&mut asking).await {
                        return;
                    }
                }
            }
            // What else is there already is read along with it.
            while let Some(Some(message)) = futures_util::FutureExt::now_or_never(wake_ups.next()) {
                new.insert(message.get_payload::<String>().unwrap_or_default().into());
            }
            while let Ok(topic) = openings.try_recv() {
                new.insert(topic);
            }
        }
    }

    /// Reads all that is new in these topics. False where Redis did not answer.
    async fn catch_up(&self, new: &mut HashSet<Arc<str>>) -> bool {
        let topics: Vec<Arc<Topic>> = new.drain().filter_map(|name| self.shelf.topic(&name)).collect();
        for topics in topics.chunks(TOPICS_AT_ONCE) {
            let read = join_all(topics.iter().map(|topic| self.catch_up_topic(topic))).await;
            if !read.iter().all(|is_read| *is_read) {
                return false;
            }
        }
        true
    }

    async fn catch_up_topic(&self, topic: &Arc<Topic>) -> bool {
        loop {
            let after = {
                let buffer = topic.lock();
                if !buffer.is_known() {
                    return true;
                }
                buffer.last()
            };
            let Ok(page) = self.link.ask(self.reading(&topic.name, after)).await else { return false };
            let Page { is_joined, last, events, .. } = self.heard(Page::of(page, &topic.name), topic);
            if !is_joined {
                // Each listener finds out for itself what it missed.
                self.shelf.restart(topic, last);
                return true;
            }
            let is_all = events.len() < PAGE;
            self.shelf.push_to(topic, events);
            if is_all {
                return true;
            }
        }
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("link", &self.link).finish_non_exhaustive()
    }
}
