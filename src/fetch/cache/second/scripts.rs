//! What Redis decides by itself, in Lua: whether an entry was purged since its fetch began, and what time it is.
//!
//! Keys: `{prefix}:now` counts purges, `{prefix}:purged` holds the count at the last purge of each mark, and `since` when that list
//! was begun. Where Redis lost one of them (a restart, an eviction), the count begins again at the clock's microseconds, which
//! is more than any count before, and what was stored before the list counts as purged.

use std::sync::LazyLock;

use redis::Script;

/// The count of now, in `now`; begun anew where it was lost. `KEYS[1]` is the count, `KEYS[2]` the list of purges.
const NOW: &str = r"
local function renew()
  local time = redis.call('TIME')
  local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local last = tonumber(redis.call('GET', KEYS[1]) or 0)
  clock = string.format('%.0f', math.max(clock, last + 1))
  redis.call('SET', KEYS[1], clock)
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'since', clock)
  return clock
end
local now = redis.call('GET', KEYS[1])
if not now or redis.call('EXISTS', KEYS[2]) == 0 then now = renew() end
local function holds(begun, marks)
  if tonumber(begun) < tonumber(redis.call('HGET', KEYS[2], 'since')) then return false end
  for mark in string.gmatch(marks, '%d+') do
    local purged = redis.call('HGET', KEYS[2], mark)
    if purged and tonumber(purged) > tonumber(begun) then return false end
  end
  return true
end
";

/// `KEYS[3]` and on: entries. Gives the count of now, and each entry's marks and its bytes; these only where it holds.
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW}
local found = {{now}}
for i = 3, #KEYS do
  local entry = redis.call('HMGET', KEYS[i], 'begun', 'marks', 'response')
  local is_used = entry[1] and holds(entry[1], entry[2])
  if entry[1] and not is_used then redis.call('DEL', KEYS[i]) end
  found[#found + 1] = is_used and entry[2] or false
  found[#found + 1] = is_used and entry[3] or false
end
return found"
    ))
});

/// `KEYS[3]` and on: entries; `ARGV`: when their fetch began, then of each its marks, its bytes, and the milliseconds it is
/// kept. Gives how many are.
pub(super) static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW}
local kept = 0
for i = 3, #KEYS do
  local marks = 3 * (i - 3) + 2
  if holds(ARGV[1], ARGV[marks]) then
    redis.call('HSET', KEYS[i], 'begun', ARGV[1], 'marks', ARGV[marks], 'response', ARGV[marks + 1])
    redis.call('PEXPIRE', KEYS[i], ARGV[marks + 2])
    kept = kept + 1
  end
end
return kept"
    ))
});

/// `ARGV`: the channel, who purges, and the marks.
pub(super) static PURGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW}
now = redis.call('INCR', KEYS[1])
local marks = {{}}
for i = 3, #ARGV do
  redis.call('HSET', KEYS[2], ARGV[i], now)
  marks[i - 2] = ARGV[i]
end
redis.call('PUBLISH', ARGV[1], ARGV[2] .. ':' .. table.concat(marks, ','))
return now"
    ))
});

/// `KEYS[1]`: the secret that all instances make keys with; `ARGV[1]`: the one to begin with.
pub(super) static SECRET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]",
    )
});

/// `KEYS[3]` and on: entries that are forgotten.
pub(super) static FORGET: LazyLock<Script> =
    LazyLock::new(|| Script::new("for i = 3, #KEYS do redis.call('DEL', KEYS[i]) end"));
