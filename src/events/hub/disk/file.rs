//! The file of events: its tables, what one transaction does, and what is said when it cannot be used.
//!
//! `events` holds each event under its id, which goes up over all topics, so that reading it in order is reading it in the order in
//! which it was written. `names` holds the names of deliveries with the time they came, `names by age` the same the other way
//! round. `about` holds the version of the format and the last id that was given.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageError, Table, TableDefinition, TableHandle as _, WriteTransaction,
};

use super::{
    super::{
        Event, EventId, NewEvent, Published,
        event::{milliseconds, since_1970},
        names::{FORGOTTEN_MAX, Memory, Name},
    },
    writer::Wanted,
};

type Id = (u64, u64);

const EVENTS: TableDefinition<'_, Id, (&str, &[u8])> = TableDefinition::new("events");
const NAMES: TableDefinition<'_, &Name, u64> = TableDefinition::new("names");
const NAMES_BY_AGE: TableDefinition<'_, (u64, &Name), ()> = TableDefinition::new("names by age");
const ABOUT: TableDefinition<'_, &str, Id> = TableDefinition::new("about");
/// Goes up with every change of the tables.
const FORMAT: Id = (1, 0);
/// What redb keeps of the file in memory. Events are read once, at the start; this is for the names.
const CACHE_BYTES: usize = 16 << 20;

/// How the file is opened, each time.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// An open file.
pub(super) struct File {
    database: Database,
    memory: Memory,
    /// The last event that is in it, or was.
    last: EventId,
    /// How many names are in it.
    names: u64,
}

/// What one transaction did.
pub(super) struct Appended {
    /// For each delivery.
    pub(super) published: Vec<Published>,
    /// In the order of their ids.
    pub(super) events: Vec<Event>,
    /// Names that were forgotten before their time.
    pub(super) forgotten: usize,
}

/// Opens or makes the file at a path.
pub(super) fn opener(path: &Path) -> Opener {
    let path: PathBuf = path.to_owned();
    Box::new(move || {
        let is_new = !path.exists();
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(&path)?;
        if is_new {
            // Its name is to be on the disk as well as what is in it.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())?;
        }
        Ok(database)
    })
}

impl File {
    /// Opens the file, and makes its tables where it is new.
    pub(super) fn open(open: &Opener, memory: Memory) -> Result<Self, String> {
        unless_damaged(|| {
            let database = open().map_err(|error| refusal(&error))?;
            let mut file = File { database, memory, last: EventId::default(), names: 0 };
            file.begin()?;
            Ok(file)
        })
    }

    fn begin(&mut self) -> Result<(), String> {
        let write = self.database.begin_write().map_err(told)?;
        let is_new = write.list_tables().map_err(told)?.next().is_none();
        if !is_new && !write.list_tables().map_err(told)?.any(|table| table.name() == ABOUT.name()) {
            return Err(FOREIGN.to_owned());
        }
        {
            let mut about = write.open_table(ABOUT).map_err(|_| FOREIGN)?;
            let read = |about: &Table<'_, &str, Id>, key| {
                about.get(key).map(|value| value.map(|value| value.value())).map_err(told)
            };
            let format = read(&about, "format")?;
            if is_new {
                about.insert("format", FORMAT).map_err(told)?;
            } else if format != Some(FORMAT) {
                return Err("another version of Ficus wrote it; move it away to begin anew".to_owned());
            }
            self.last = id(read(&about, "last")?.unwrap_or_default());
            write.open_table(EVENTS).map_err(told)?;
            write.open_table(NAMES_BY_AGE).map_err(told)?;
            self.names = write.open_table(NAMES).and_then(|names| Ok(names.len()?)).map_err(told)?;
        }
        write.commit().map_err(told)
    }

    /// Lets go of it. What was not committed is gone.
    pub(super) fn close(self) {
        // Damage that was met before may be met once more.
        let _ = unless_damaged(|| {
            drop(self);
            Ok(())
        });
    }

    pub(super) fn names(&self) -> usize {
        usize::try_from(self.names).unwrap_or(usize::MAX)
    }

    /// Reads all events behind one.
    pub(super) fn each_after(&self, after: EventId, mut each: impl FnMut(Event)) -> Result<(), String> {
        let mut read = || -> Result<(), redb::Error> {
            let events = self.database.begin_read()?.open_table(EVENTS)?;
            for entry in events.range((after.ms, after.number)..)? {
                let (key, value) = entry?;
                let (topic, data) = value.value();
                let id = id(key.value());
                if id > after {
                    each(Event { id, topic: Arc::from(topic), data: Bytes::copy_from_slice(data) });
                }
            }
            Ok(())
        };
        unless_damaged(|| read().map_err(told))
    }

    /// Writes deliveries and removes events, in one transaction. All of it is on the disk when it returns, or nothing is known of it.
    pub(super) fn append<'a>(
        &mut self,
        batch: &[Wanted],
        removed: impl Iterator<Item = &'a EventId>,
    ) -> Result<Appended, String> {
        let (appended, names) = unless_damaged(|| {
            let write = self.database.begin_write().map_err(told)?;
            let filled = self.fill(&write, batch, removed).map_err(told)?;
            write.commit().map_err(told)?;
            Ok(filled)
        })?;
        self.names = names;
        self.last = appended.events.last().map_or(self.last, |event| event.id);
        Ok(appended)
    }

    fn fill<'a>(
        &self,
        write: &WriteTransaction,
        batch: &[Wanted],
        removed: impl Iterator<Item = &'a EventId>,
    ) -> Result<(Appended, u64), redb::Error> {
        let mut events = write.open_table(EVENTS)?;
        for id in removed {
            events.remove((id.ms, id.number))?;
        }
        let mut names = NameTables::open(write, self.memory)?;
        let mut appended =
            Appended { published: Vec::with_capacity(batch.len()), events: Vec::new(), forgotten: 0 };
        let mut last = self.last;
        for wanted in batch {
            if names.has_any(&wanted.names)? {
                appended.published.push(Published::Duplicate);
                continue;
            }
            names.put(&wanted.names)?;
            let mut ids = Vec::with_capacity(wanted.events.len());
            for NewEvent { topic, data } in &wanted.events {
                last = EventId::next(last);
                events.insert((last.ms, last.number), (&**topic, &**data))?;
                ids.push(last);
                appended.events.push(Event { id: last, topic: Arc::clone(topic), data: data.clone() });
            }
            appended.published.push(Published::Kept(ids));
        }
        appended.forgotten = names.forget()?;
        write.open_table(ABOUT)?.insert("last", (last.ms, last.number))?;
        let count = names.by_name.len()?;
        Ok((appended, count))
    }
}

/// The names of deliveries within a transaction.
struct NameTables<'w> {
    by_name: Table<'w, &'static Name, u64>,
    by_age: Table<'w, (u64, &'static Name), ()>,
    memory: Memory,
    now: u64,
    /// How many were added.
    added: usize,
}

impl<'w> NameTables<'w> {
    fn open(write: &'w WriteTransaction, memory: Memory) -> Result<Self, redb::Error> {
        let by_name = write.open_table(NAMES)?;
        let by_age = write.open_table(NAMES_BY_AGE)?;
        Ok(NameTables { by_name, by_age, memory, now: milliseconds(since_1970()), added: 0 })
    }

    fn is_old(&self, came: u64) -> bool {
        came.saturating_add(milliseconds(self.memory.age)) <= self.now
    }

    fn came(&self, name: &Name) -> Result<Option<u64>, redb::Error> {
        Ok(self.by_name.get(name)?.map(|came| came.value()))
    }

    fn has_any(&self, names: &[Name]) -> Result<bool, redb::Error> {
        for name in names {
            if self.came(name)?.is_some_and(|came| !self.is_old(came)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn put(&mut self, names: &[Name]) -> Result<(), redb::Error> {
        for name in names {
            if let Some(came) = self.came(name)? {
                self.by_age.remove((came, name))?;
            }
            self.by_name.insert(name, self.now)?;
            self.by_age.insert((self.now, name), ())?;
            self.added += 1;
        }
        Ok(())
    }

    /// Forgets names that are too old or too many, a bounded number. Gives how many were too many.
    fn forget(&mut self) -> Result<usize, redb::Error> {
        let mut forgotten = 0;
        for _ in 0..self.added + FORGOTTEN_MAX {
            let oldest = self.by_age.first()?.map(|(key, _)| {
                let (came, name) = key.value();
                (came, *name)
            });
            let Some((came, name)) = oldest else { break };
            let is_old = self.is_old(came);
            if !is_old && self.by_name.len()? <= self.memory.count as u64 {
                break;
            }
            forgotten += usize::from(!is_old);
            self.by_age.remove((came, &name))?;
            self.by_name.remove(&name)?;
        }
        Ok(forgotten)
    }
}

/// The file may hold anything: where whoever reads its pages gives up, that is a damaged file and no end of the thread.
fn unless_damaged<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(DAMAGED.to_owned()))
}

const DAMAGED: &str =
    "it is damaged; move it away to begin anew (the events and the names of deliveries in it are lost)";
const FOREIGN: &str = "it is not a file of events; name another one";

fn id((ms, number): Id) -> EventId {
    EventId { ms, number }
}

/// What is said at the start.
fn refusal(error: &DatabaseError) -> String {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            "another process has it open: each needs a file of its own; instances that share events need `redis`"
                .to_owned()
        }
        DatabaseError::UpgradeRequired(_) => {
            "another version of Ficus wrote it; move it away to begin anew".to_owned()
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            FOREIGN.to_owned()
        }
        DatabaseError::Storage(StorageError::Corrupted(_)) => DAMAGED.to_owned(),
        DatabaseError::Storage(StorageError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}

/// For the log.
fn told(error: impl Into<redb::Error>) -> String {
    error.into().to_string()
}
