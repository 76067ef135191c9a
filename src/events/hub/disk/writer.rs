//! The thread that writes events: takes deliveries that wait, as many as there are, and commits them together. After a failure the
//! file is opened again at the next delivery, and the shelf gets what turns out to be in it after all.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    super::{
        EventId, HubError, NewEvent, Published,
        figures::Counters,
        names::{Memory, Name},
        shelf::Shelf,
    },
    file::{Appended, File, Opener},
};

/// What one commit holds at most: deliveries, and bytes of their events.
const BATCH_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Events that one commit removes at most beside as many as it adds.
const REMOVED_MAX: usize = 1_000;
/// Events that are put on the shelf at once at the start.
const LOADED_AT_ONCE: usize = 1_000;

/// A delivery that waits to be written.
pub(super) struct Wanted {
    pub(super) names: Vec<Name>,
    pub(super) events: Vec<NewEvent>,
    pub(super) answer: oneshot::Sender<Result<Published, HubError>>,
}

/// Who writes the file.
pub(super) struct Writer {
    open: Opener,
    /// None after a failure.
    file: Option<File>,
    shelf: Arc<Shelf>,
    counters: Arc<Counters>,
    memory: Memory,
    /// The last event that is on the shelf, or was.
    last: EventId,
    /// What is in the file and no longer on the shelf.
    dropped: VecDeque<EventId>,
}

impl Writer {
    pub(super) fn open(
        open: Opener,
        shelf: Arc<Shelf>,
        counters: Arc<Counters>,
        memory: Memory,
    ) -> Result<Self, String> {
        let (last, dropped) = (EventId::default(), VecDeque::new());
        let mut writer = Writer { open, file: None, shelf, counters, memory, last, dropped };
        writer.reopen()?;
        Ok(writer)
    }

    pub(super) fn run(&mut self, mut waiting: mpsc::Receiver<Wanted>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut bytes = first.bytes();
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
                let Ok(next) = waiting.try_recv() else { break };
                bytes += next.bytes();
                batch.push(next);
            }
            match self.write(&batch) {
                Ok(published) => self.answer(batch, published),
                Err(why) => self.refuse(batch, &why),
            }
        }
    }

    /// Opens the file, and puts on the shelf what is not there yet.
    fn reopen(&mut self) -> Result<(), String> {
        // Two must not have it open.
        self.let_go();
        let file = File::open(&self.open, self.memory)?;
        let mut loaded = Vec::new();
        file.each_after(self.last, |event| {
            self.last = event.id;
            loaded.push(event);
            if loaded.len() == LOADED_AT_ONCE {
                self.dropped.extend(self.shelf.push(loaded.drain(..)));
            }
        })?;
        self.dropped.extend(self.shelf.push(loaded));
        self.counters.set_names(file.names());
        self.file = Some(file);
        Ok(())
    }

    fn write(&mut self, batch: &[Wanted]) -> Result<Vec<Published>, String> {
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Err("it is not open".to_owned()) };
        let added: usize = batch.iter().map(|wanted| wanted.events.len()).sum();
        let removed = self.dropped.len().min(REMOVED_MAX + added);
        match file.append(batch, self.dropped.range(..removed)) {
            Ok(Appended { published, events, forgotten }) => {
                self.dropped.drain(..removed);
                self.counters.forgot(forgotten);
                self.counters.set_names(file.names());
                self.last = events.last().map_or(self.last, |event| event.id);
                self.dropped.extend(self.shelf.push(events));
                Ok(published)
            }
            Err(why) => {
                // Whether it is on the disk is not known until it is read again.
                self.let_go();
                Err(why)
            }
        }
    }

    fn let_go(&mut self) {
        if let Some(file) = self.file.take() {
            file.close();
        }
    }

    fn answer(&self, batch: Vec<Wanted>, published: Vec<Published>) {
        for (wanted, published) in batch.into_iter().zip(published) {
            // Who does not wait any more will hear that it is a duplicate.
            let _ = wanted.answer.send(Ok(published));
        }
    }

    fn refuse(&self, batch: Vec<Wanted>, why: &str) {
        tracing::error!(why, "events cannot be written to disk");
        for wanted in batch {
            let _ = wanted.answer.send(Err(HubError::Unavailable(why.to_owned())));
        }
    }
}

impl Wanted {
    fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.topic.len() + event.data.len()).sum()
    }
}
