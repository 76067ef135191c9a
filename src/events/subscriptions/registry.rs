//! The groups of equal subscriptions and the topics that they hear, in one place under one lock: joining, leaving, moving and
//! handing out an event are short and exclude each other, so that nobody misses an event in between. Whoever leaves last ends
//! the group's task, and the last group the topic's.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::{
    Bounds, EventId, SubscriptionFigures,
    figures::Meters,
    group::{End, Feed, Group, Handed},
    queue::{Listening, Subscriber},
};
use crate::{
    connector::Subscribe,
    error::{ClientError, Code},
    events::{Heard, Hub, Listener},
    execute::{EventCalls, Gateway, Response, Subscription},
};

/// What tells groups apart.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::events) struct Key {
    pub(super) subscription: Subscription,
    /// Of one that catches up: the event behind which it began, and a number that tells it from others that began there.
    pub(super) behind: Option<(EventId, u64)>,
}

/// All subscriptions of a gateway.
pub(in crate::events) struct Registry {
    hub: Hub,
    bounds: Bounds,
    state: Mutex<State>,
    meters: Meters,
    subscribers: AtomicUsize,
    numbers: AtomicU64,
}

#[derive(Default)]
struct State {
    groups: HashMap<Key, Running, ahash::RandomState>,
    topics: HashMap<Arc<str>, Topic, ahash::RandomState>,
}

struct Running {
    group: Arc<Group>,
    task: AbortHandle,
}

struct Topic {
    /// The groups that are handed its events, in the order in which they came.
    following: BTreeMap<u64, Arc<Group>>,
    /// Those that catch up, too.
    members: usize,
    /// The last event that was handed out.
    told: Option<EventId>,
    task: AbortHandle,
}

/// What must be listened to before a group may begin, so that it misses nothing.
struct Ahead {
    topic: Option<Arc<str>>,
    /// Where nobody listens to the topic yet.
    live: Option<Listener>,
    behind: Option<Listener>,
}

/// What came of moving a group to another graph.
pub(super) enum Moved {
    Yes,
    /// There are events for it still.
    NotYet,
    /// It ends.
    Ended(Response),
}

impl Registry {
    pub(in crate::events) fn new(hub: Hub, gateway: &Gateway) -> Self {
        Registry {
            hub,
            bounds: Bounds::of(gateway.config()),
            state: Mutex::default(),
            meters: Meters::default(),
            subscribers: AtomicUsize::new(0),
            numbers: AtomicU64::new(0),
        }
    }

    /// What is counted, of this moment.
    pub(in crate::events) fn figures(&self) -> SubscriptionFigures {
        let state = self.state();
        let (topics, tasks) = (state.topics.len(), state.topics.len() + state.groups.len());
        drop(state);
        SubscriptionFigures {
            topics,
            tasks,
            subscribers: self.subscribers.load(Relaxed),
            fields: self.meters.read(),
        }
    }

    /// How many hear each of these topics.
    pub(in crate::events) fn subscribers_of<'t>(&self, topics: impl Iterator<Item = &'t str>) -> Vec<usize> {
        let mut by_topic: HashMap<Arc<str>, usize> = HashMap::new();
        for running in self.state().groups.values() {
            if let Some(topic) = &running.group.topic {
                *by_topic.entry(Arc::clone(topic)).or_default() += running.group.len();
            }
        }
        topics.map(|topic| by_topic.get(topic).copied().unwrap_or_default()).collect()
    }

    // ---- coming and going ------------------------------------------------------------------------------------

    /// Begins to listen, from now on or behind an event that was heard before.
    pub(in crate::events) async fn start(
        self: &Arc<Self>,
        subscription: Subscription,
        after: Option<EventId>,
    ) -> Result<Listening, Response> {
        let refuse = |code, why: &str| Err(subscription.gateway().refuse(ClientError::new(code, why)));
        let meter = self.meters.of(subscription.field());
        let number = self.numbers.fetch_add(1, SeqCst);
        let subscriber = Arc::new(Subscriber::new(number, Arc::clone(&meter)));
        let group = loop {
            let mut ahead = self.ahead(&subscription, after).await?;
            let mut state = self.state();
            if self.subscribers.load(Relaxed) >= self.bounds.subscribers_max {
                let most = self.bounds.subscribers_max;
                let why = format!("There are {most} subscriptions already: come again later.");
                return refuse(Code::LimitSubscriptions, &why);
            }
            let behind = after.filter(|_| ahead.topic.is_some());
            let join = |group: &Arc<Group>| group.add_behind(&subscriber, behind);
            let Some(group) = self.group(&mut state, &subscription, behind, &mut ahead, join) else {
                continue;
            };
            self.subscribers.fetch_add(1, Relaxed);
            meter.subscribers.fetch_add(1, Relaxed);
            break group;
        };
        let listening = Listening { subscriber, registry: Arc::clone(self) };
        group.admitted().await?;
        Ok(listening)
    }

    /// A subscriber goes. `group` gives where it is by then.
    pub(super) fn leave(&self, subscriber: &Subscriber, group: impl Fn() -> Option<Arc<Group>>) {
        let mut state = self.state();
        self.subscribers.fetch_sub(1, Relaxed);
        subscriber.meter().subscribers.fetch_sub(1, Relaxed);
        if let Some(group) = group()
            && !group.remove(subscriber.number)
        {
            take_out(&mut state, &group);
        }
    }

    /// Ends subscribers that read too slowly.
    pub(super) fn end_slow(&self, group: &Arc<Group>, slow: &[Arc<Subscriber>], last: &Bytes) {
        let mut state = self.state();
        let mut is_left = true;
        for subscriber in slow {
            group.meter.ended.count();
            is_left = group.remove(subscriber.number);
            subscriber.end(last, true);
        }
        if !is_left {
            take_out(&mut state, group);
        }
    }

    /// A group's task came to its end.
    pub(super) fn ended(&self, group: &Arc<Group>, end: &End) {
        let mut state = self.state();
        take_out(&mut state, group);
        if let End::Told(response) = end {
            group.meter.ended.add(group.end(&response.body) as u64);
        }
    }

    // ---- topics ----------------------------------------------------------------------------------------------

    /// Listens to what a group needs, where nobody does yet.
    async fn ahead(&self, subscription: &Subscription, after: Option<EventId>) -> Result<Ahead, Response> {
        let Some(name) = subscription.topic()? else {
            return Ok(Ahead { topic: None, live: None, behind: None });
        };
        let listen = async |after| {
            self.hub.listen(&name, after).await.map_err(|error| {
                tracing::warn!(%error, "a topic cannot be listened to");
                subscription.gateway().ended("Events cannot be read now: try again later.")
            })
        };
        let known = self.state().topics.get_key_value(name.as_str()).map(|(name, _)| Arc::clone(name));
        let live = if known.is_none() { Some(listen(None).await?) } else { None };
        let behind = match after {
            Some(after) => Some(listen(Some(after)).await?),
            None => None,
        };
        Ok(Ahead { topic: Some(known.unwrap_or_else(|| name.into())), live, behind })
    }

    /// The group of equal subscriptions behind an event, or from now on. One is made where there is none that whoever wants it may
    /// `join`, and joined before it begins: what it reads first must find them there. None where the topic came to its end meanwhile.
    fn group(
        self: &Arc<Self>,
        state: &mut State,
        subscription: &Subscription,
        behind: Option<EventId>,
        ahead: &mut Ahead,
        join: impl Fn(&Arc<Group>) -> bool,
    ) -> Option<Arc<Group>> {
        let mut number = 0;
        let key = loop {
            let key = Key { subscription: subscription.clone(), behind: behind.map(|id| (id, number)) };
            match state.groups.get(&key) {
                Some(running) if join(&running.group) => return Some(Arc::clone(&running.group)),
                Some(_) => number += 1,
                None => break key,
            }
        };
        if let Some(name) = &ahead.topic
            && !state.topics.contains_key(name)
        {
            let listener = ahead.live.take()?;
            let task = tokio::spawn(Arc::clone(self).follow(Arc::clone(name), listener)).abort_handle();
            let topic = Topic { following: BTreeMap::new(), members: 0, told: None, task };
            state.topics.insert(Arc::clone(name), topic);
        }
        let feed = match (&key.behind, key.subscription.subscribe()) {
            (Some(_), _) => Feed::Behind(ahead.behind.take()?),
            (None, Subscribe::Topic(_)) => Feed::Topic,
            (None, Subscribe::Poll { every }) => Feed::Poll(*every),
        };
        let meter = self.meters.of(key.subscription.field());
        meter.groups.fetch_add(1, Relaxed);
        let number = self.numbers.fetch_add(1, SeqCst);
        let group = Arc::new(Group::new(key.clone(), number, ahead.topic.clone(), meter, self.bounds));
        if let Some(topic) = ahead.topic.as_ref().and_then(|name| state.topics.get_mut(name)) {
            topic.members += 1;
            if matches!(feed, Feed::Topic) {
                topic.following.insert(group.number, Arc::clone(&group));
            }
        }
        // It has told nothing, so it takes whoever comes.
        join(&group);
        let task = tokio::spawn(Arc::clone(&group).run(Arc::clone(self), feed)).abort_handle();
        state.groups.insert(key, Running { group: Arc::clone(&group), task });
        Some(group)
    }

    /// The task of a topic: hands out its events, as long as anybody is there.
    async fn follow(self: Arc<Self>, name: Arc<str>, mut listener: Listener) {
        loop {
            let heard = listener.next().await;
            let mut state = self.state();
            let Some(topic) = state.topics.get_mut(&name) else { return };
            let handed = match heard {
                Heard::Event(event) => {
                    topic.told = Some(event.id);
                    Handed::Event(event, Arc::<EventCalls>::default())
                }
                Heard::Gap => Handed::Gap,
            };
            topic.following.values().for_each(|group| group.hand(handed.clone()));
        }
    }

    // ---- moving ----------------------------------------------------------------------------------------------

    /// A group that caught up hands its subscribers to the one that follows the topic. False where it has not caught up.
    pub(super) fn join_the_others(self: &Arc<Self>, group: &Arc<Group>) -> bool {
        let mut state = self.state();
        let Some(topic) = group.topic.as_ref().and_then(|name| state.topics.get(name)) else { return false };
        let heard = group.heard();
        // Everything later will be handed to the others; nothing that was handed to them is missing here.
        if topic.told.is_none() || heard < topic.told {
            return false;
        }
        let mut ahead = Ahead { topic: group.topic.clone(), live: None, behind: None };
        let join = |others: &Arc<Group>| group.hand_over(others, true);
        let is_joined = self.group(&mut state, &group.key.subscription, None, &mut ahead, join).is_some();
        if is_joined {
            take_out(&mut state, group);
        }
        is_joined
    }

    /// Moves the subscribers of a group to one of the graph that is served now.
    pub(super) async fn move_to_new_graph(self: &Arc<Self>, group: &Arc<Group>) -> Moved {
        let subscription = match group.key.subscription.over_new_graph() {
            Ok(subscription) => subscription,
            Err(ended) => return Moved::Ended(ended),
        };
        let behind = group.key.behind.map(|(id, _)| group.heard().unwrap_or(id));
        loop {
            let mut ahead = match self.ahead(&subscription, behind).await {
                Ok(ahead) => ahead,
                Err(ended) => return Moved::Ended(ended),
            };
            let mut state = self.state();
            if group.has_news() {
                return Moved::NotYet;
            }
            let behind = behind.filter(|_| ahead.topic.is_some());
            let join = |others: &Arc<Group>| group.hand_over(others, group.topic == others.topic);
            if self.group(&mut state, &subscription, behind, &mut ahead, join).is_some() {
                take_out(&mut state, group);
                return Moved::Yes;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a group that has no subscribers, and its topic with the last group. Once: it may be gone already.
fn take_out(state: &mut State, group: &Arc<Group>) {
    if !state.groups.get(&group.key).is_some_and(|running| Arc::ptr_eq(&running.group, group)) {
        return;
    }
    if let Some(running) = state.groups.remove(&group.key) {
        running.task.abort();
        group.meter.groups.fetch_sub(1, Relaxed);
    }
    let Some(name) = &group.topic else { return };
    let Some(topic) = state.topics.get_mut(name) else { return };
    topic.following.remove(&group.number);
    topic.members = topic.members.saturating_sub(1);
    if topic.members == 0
        && let Some(topic) = state.topics.remove(name)
    {
        topic.task.abort();
    }
}
