//! Equal subscriptions: one task that waits for the next event, or for the time of the next poll, executes it once, and tells
//! all subscribers the same bytes. It asks `authorize` before it tells anything, and again every so often.
//!
//! A group that follows a topic is handed its events by the topic's task. One that catches up behind an event (clients that
//! came back) reads the topic by itself, until it has reached what the others heard last; then its subscribers join theirs.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use super::{
    Bounds, EventId,
    body::GAP,
    figures::FieldMeter,
    queue::{Pushed, Subscriber, Told},
    registry::{Key, Moved, Registry},
};
use crate::{
    connector::Subscribe,
    error::{ClientError, Code},
    events::{Event, Heard, Listener},
    execute::{Authorized, EventCalls, Response, SubscriptionAnswer},
};

/// So many times in a row `authorize` may go unanswered; who listens has been allowed once, and then nobody knows any more.
const UNANSWERED_MAX: u32 = 3;

/// Equal subscriptions.
pub(super) struct Group {
    pub(super) key: Key,
    /// In the order in which groups are made.
    pub(super) number: u64,
    /// Of a topic; none for what polls.
    pub(super) topic: Option<Arc<str>>,
    pub(super) meter: Arc<FieldMeter>,
    bounds: Bounds,
    state: Mutex<State>,
    news: Notify,
    /// Whether it may listen: none while nobody knows, an error where it may not.
    admitted: watch::Sender<Option<Result<(), Response>>>,
}

#[derive(Default)]
struct State {
    subscribers: HashMap<u64, Arc<Subscriber>, ahash::RandomState>,
    inbox: VecDeque<Handed>,
    /// Of what polls: what was told last.
    latest: Option<Told>,
    /// The last event that was told, or that `where` left out.
    heard: Option<EventId>,
    /// Whether anything was told: who joins now lacks it.
    has_begun: bool,
}

/// What the task of a topic hands to its groups.
#[derive(Clone)]
pub(super) enum Handed {
    /// An event, and the requests of all who are told of it.
    Event(Arc<Event>, Arc<EventCalls>),
    /// Events are missing.
    Gap,
}

/// Where a group has its events from.
pub(super) enum Feed {
    /// The topic's task hands them over.
    Topic,
    /// It reads them itself, behind an event.
    Behind(Listener),
    /// There are none: it polls.
    Poll(Duration),
}

/// What a group has to do next.
enum Next {
    Tell(Arc<Event>, Arc<EventCalls>),
    Gap,
    Poll,
}

/// How a group comes to its end.
pub(super) enum End {
    /// Its subscribers were told why.
    Told(Response),
    /// They are in another group now.
    Moved,
}

impl Group {
    pub(super) fn new(
        key: Key,
        number: u64,
        topic: Option<Arc<str>>,
        meter: Arc<FieldMeter>,
        bounds: Bounds,
    ) -> Self {
        let (state, news, admitted) = (Mutex::default(), Notify::new(), watch::Sender::new(None));
        Group { key, number, topic, meter, bounds, state, news, admitted }
    }

    // ---- subscribers -----------------------------------------------------------------------------------------

    /// Adds a subscriber who begins here, behind an event or from now on. False where the group catches up and has begun: then
    /// the subscriber would miss something.
    pub(super) fn add_behind(self: &Arc<Self>, subscriber: &Arc<Subscriber>, heard: Option<EventId>) -> bool {
        let mut state = self.state();
        let takes = self.takes(&state);
        if takes {
            self.add(&mut state, subscriber, heard);
        }
        takes
    }

    /// Whether who joins now misses nothing.
    fn takes(&self, state: &State) -> bool {
        self.key.behind.is_none() || !state.has_begun
    }

    /// Adds a subscriber, who heard all events up to `heard`.
    fn add(self: &Arc<Self>, state: &mut State, subscriber: &Arc<Subscriber>, heard: Option<EventId>) {
        subscriber.moved(self, heard);
        if let Some(latest) = &state.latest {
            // A poll has its first answer at once; who moved has it already.
            subscriber.push_first(latest, self.bounds);
        }
        state.subscribers.insert(subscriber.number, Arc::clone(subscriber));
    }

    /// Takes a subscriber out. Gives whether there are others.
    pub(super) fn remove(&self, number: u64) -> bool {
        let mut state = self.state();
        state.subscribers.remove(&number);
        !state.subscribers.is_empty()
    }

    /// How many subscribers it has.
    pub(super) fn len(&self) -> usize {
        self.state().subscribers.len()
    }

    /// Whether there are events that it was handed and did not tell yet.
    pub(super) fn has_news(&self) -> bool {
        !self.state().inbox.is_empty()
    }

    /// Its subscribers go over to another group, of the same topic or not. What was told here is not told again there. False where
    /// the other one catches up and has begun.
    pub(super) fn hand_over(&self, others: &Arc<Group>, same_topic: bool) -> bool {
        let mut theirs = others.state();
        if !others.takes(&theirs) {
            return false;
        }
        let mut state = self.state();
        let heard = state.heard.or(self.key.behind.map(|(id, _)| id)).filter(|_| same_topic);
        let subscribers = std::mem::take(&mut state.subscribers);
        let latest = state.latest.take();
        drop(state);
        let missed = theirs.latest.is_some()
            && theirs.latest.as_ref().map(|told| &told.body) != latest.as_ref().map(|told| &told.body);
        theirs.latest = theirs.latest.take().or(latest);
        for subscriber in subscribers.values() {
            if missed {
                subscriber.lacks_latest();
            }
            others.add(&mut theirs, subscriber, heard);
        }
        true
    }

    /// The last event that was told here.
    pub(super) fn heard(&self) -> Option<EventId> {
        self.state().heard
    }

    /// Ends all, with a last answer; gives how many they were.
    pub(super) fn end(&self, last: &Bytes) -> usize {
        let mut state = self.state();
        let count = state.subscribers.len();
        state.subscribers.drain().for_each(|(_, subscriber)| subscriber.end(last, false));
        state.subscribers = HashMap::default();
        self.admitted.send_if_modified(|admitted| admitted.is_none() && admitted.replace(Ok(())).is_none());
        count
    }

    /// Waits until it is known whether it may listen.
    pub(super) async fn admitted(&self) -> Result<(), Response> {
        let mut admitted = self.admitted.subscribe();
        match admitted.wait_for(Option::is_some).await {
            Ok(known) => known.clone().unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }

    /// The topic's task hands something over. What does not fit is a gap: the others do not wait.
    pub(super) fn hand(&self, handed: Handed) {
        let mut state = self.state();
        if state.inbox.len() >= self.bounds.queue_max {
            state.inbox.pop_front();
            match state.inbox.front_mut() {
                Some(front) => *front = Handed::Gap,
                None => state.inbox.push_back(Handed::Gap),
            }
        }
        state.inbox.push_back(handed);
        drop(state);
        self.news.notify_one();
    }

    fn tell(&self, told: &Told) -> Vec<Arc<Subscriber>> {
        let mut state = self.state();
        state.has_begun = true;
        let mut slow = Vec::new();
        for subscriber in state.subscribers.values() {
            if subscriber.push(told, self.bounds) == Pushed::TooSlow {
                slow.push(Arc::clone(subscriber));
            }
        }
        if told.event.is_none() && !told.is_gap {
            state.latest = Some(told.clone());
        }
        slow
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the task --------------------------------------------------------------------------------------------

    /// Tells subscribers what there is to tell, until there is no more.
    pub(super) async fn run(self: Arc<Self>, registry: Arc<Registry>, mut feed: Feed) {
        let end = self.go(&registry, &mut feed).await;
        if let End::Told(response) = &end {
            self.admitted.send_if_modified(|admitted| {
                admitted.is_none() && admitted.replace(Err(response.clone())).is_none()
            });
        }
        registry.ended(&self, &end);
    }

    async fn go(self: &Arc<Self>, registry: &Arc<Registry>, feed: &mut Feed) -> End {
        let subscription = &self.key.subscription;
        let mut reloads = subscription.gateway().reloads();
        let mut check = match self.authorize(None).await {
            Ok(check) => check,
            Err(refused) => return End::Told(refused),
        };
        self.admitted.send_replace(Some(Ok(())));
        let mut poll = Instant::now();
        loop {
            if !subscription.is_current() {
                match registry.move_to_new_graph(self).await {
                    Moved::Yes => return End::Moved,
                    Moved::Ended(why) => return End::Told(why),
                    Moved::NotYet => {}
                }
            }
            tokio::select! {
                biased;
                _ = reloads.changed() => continue,
                () = until(check.as_ref().map(|check| check.due)) => {
                    check = match self.authorize(check).await {
                        Ok(check) => check,
                        Err(refused) => return End::Told(refused),
                    };
                }
                next = self.next(feed, poll) => {
                    if let Feed::Poll(every) = feed {
                        poll = Instant::now() + *every;
                    }
                    self.act(registry, next).await;
                }
            }
            if matches!(feed, Feed::Behind(_)) && registry.join_the_others(self) {
                return End::Moved;
            }
        }
    }

    /// What comes next. Nothing is lost when the future is dropped.
    async fn next(&self, feed: &mut Feed, poll: Instant) -> Next {
        match feed {
            Feed::Poll(_) => {
                sleep_until(poll).await;
                Next::Poll
            }
            Feed::Behind(listener) => match listener.next().await {
                Heard::Event(event) => Next::Tell(event, Arc::default()),
                Heard::Gap => Next::Gap,
            },
            Feed::Topic => loop {
                let handed = self.state().inbox.pop_front();
                match handed {
                    Some(Handed::Event(event, calls)) => return Next::Tell(event, calls),
                    Some(Handed::Gap) => return Next::Gap,
                    None => self.news.notified().await,
                }
            },
        }
    }

    async fn act(self: &Arc<Self>, registry: &Arc<Registry>, next: Next) {
        let subscription = &self.key.subscription;
        let told = match next {
            Next::Gap => {
                self.meter.gaps.count();
                let body = Bytes::from_static(GAP);
                Told { body, event: None, has_extensions: true, is_gap: true }
            }
            Next::Tell(event, calls) => {
                self.state().heard = Some(event.id);
                if !subscription.hears(&event.data) {
                    return;
                }
                let mut extensions = Map::new();
                extensions.insert("eventId".to_owned(), Json::from(event.id.to_string()));
                let answer = subscription.told(&event.data, &calls, extensions).await;
                self.meter.executed.count();
                Told { body: answer.body, event: Some(event.id), has_extensions: true, is_gap: false }
            }
            Next::Poll => {
                let SubscriptionAnswer { body, has_extensions } = subscription.polled().await;
                self.meter.executed.count();
                // Errors too are told once, and not at every poll.
                if self.state().latest.as_ref().is_some_and(|latest| latest.body == body) {
                    return;
                }
                Told { body, event: None, has_extensions, is_gap: false }
            }
        };
        let slow = self.tell(&told);
        if !slow.is_empty() {
            let why = "This subscription's answers are read too slowly.";
            let last = subscription.gateway().ended(why).body;
            registry.end_slow(self, &slow, &last);
        }
    }

    // ---- authorization ---------------------------------------------------------------------------------------

    /// Asks who may listen; gives when to ask again. A backend that gives no answer is believed to have said what it said before, for
    /// a while.
    async fn authorize(&self, before: Option<Check>) -> Result<Option<Check>, Response> {
        let subscription = &self.key.subscription;
        let Subscribe::Topic(topic) = subscription.subscribe() else { return Ok(None) };
        let Some(authorize) = &topic.authorize else { return Ok(None) };
        let answer = subscription.authorize().await;
        let due = Instant::now() + authorize.every;
        let refuse = |why: String| {
            self.meter.refused.count();
            Err(subscription.gateway().refuse(ClientError::new(Code::SubscriptionRefused, why)))
        };
        let field = subscription.field();
        match (answer, before) {
            (Authorized::Yes, _) => Ok(Some(Check { due, unanswered: 0 })),
            (Authorized::No, None) => refuse(format!("{field}: you may not listen to this.")),
            (Authorized::No, Some(_)) => refuse(format!("{field}: you may not listen to this any more.")),
            (Authorized::Unknown, Some(Check { unanswered, .. })) if unanswered + 1 < UNANSWERED_MAX => {
                Ok(Some(Check { due, unanswered: unanswered + 1 }))
            }
            (Authorized::Unknown, _) => {
                refuse(format!("{field}: whether you may listen could not be found out. Try again later."))
            }
        }
    }
}

/// The next time to ask who may listen.
struct Check {
    due: Instant,
    /// How often in a row there was no answer.
    unanswered: u32,
}

/// Waits until then; for ever where there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
