//! What Redis does by itself, in Lua, so that it is done whole or not at all.
//!
//! Keys: `{prefix}:events:names` holds the names of deliveries by the time they came. For each topic, under a digest of its name,
//! `{prefix}:events:of:…` is the stream of what is kept (`data`, behind what was `purged` for it), and `{prefix}:events:end:…` knows the last id that was given (`id`) and the last one
//! that is no longer kept (`floor`), longer than the stream lives: ids go up also when all events are gone and the clock went
//! back, and a reader can tell whether it missed any. Whatever could fail is read before anything is written.

use std::sync::LazyLock;

use redis::Script;

/// The milliseconds of now, and what takes events from a stream that are older than others of that time.
const TRIM: &str = "
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function trim(stream, ending, age)
  local oldest = string.format('%.0f-0', math.max(now - age, 0))
  local gone = redis.call('XREVRANGE', stream, '(' .. oldest, '-', 'COUNT', 1)[1]
  if gone then
    redis.call('XTRIM', stream, 'MINID', oldest)
    redis.call('HSET', ending, 'floor', gone[1])
  end
end
";

/// Publishes a delivery. `KEYS`: the names, then the stream and the end of each topic. `ARGV`: the channel, how long and how many names
/// are kept, how many names one delivery forgets at most beside its own, how many events a topic keeps and how long, how long its
/// end is known, the number of names and the names, the number of topics and their names; then for each event the number of its topic, what was
/// purged for it, where anything was, and its data. Times are milliseconds. Gives nothing for a duplicate, else how many names were forgotten early, and the ids.
pub(super) static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{TRIM}
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local channel, window, names_max, forget_max = take(), tonumber(take()), tonumber(take()), tonumber(take())
local keep, age, known_for = tonumber(take()), tonumber(take()), take()
local names = {{}}
for i = 1, tonumber(take()) do
  local name = take()
  local came = redis.call('ZSCORE', KEYS[1], name)
  if came and tonumber(came) > now - window then return false end
  names[i] = name
end
local topics = {{}}
for i = 1, tonumber(take()) do
  local topic = {{name = take(), stream = KEYS[2 * i], ending = KEYS[2 * i + 1]}}
  local is_empty = redis.call('XLEN', topic.stream) == 0
  topic.last = redis.call('HGET', topic.ending, 'id')
  if is_empty then topic.floor = topic.last end
  topics[i] = topic
end
for _, name in ipairs(names) do redis.call('ZADD', KEYS[1], now, name) end
local answer = {{0}}
while at < #ARGV do
  local topic = topics[tonumber(take())]
  local id = '*'
  if topic.last then
    local ms, number = string.match(topic.last, '(%d+)-(%d+)')
    if now > tonumber(ms) then id = string.format('%.0f-0', now)
    else id = string.format('%s-%.0f', ms, tonumber(number) + 1) end
  end
  local purged, data = take(), take()
  if purged == '' then topic.last = redis.call('XADD', topic.stream, id, 'data', data)
  else topic.last = redis.call('XADD', topic.stream, id, 'purged', purged, 'data', data) end
  answer[#answer + 1] = topic.last
end
for _, topic in ipairs(topics) do
  local excess = redis.call('XLEN', topic.stream) - keep
  if excess > 0 then
    local gone = redis.call('XRANGE', topic.stream, '-', '+', 'COUNT', excess)
    topic.floor = gone[#gone][1]
    redis.call('XTRIM', topic.stream, 'MAXLEN', keep)
  end
  redis.call('HSET', topic.ending, 'id', topic.last)
  if topic.floor then redis.call('HSET', topic.ending, 'floor', topic.floor) end
  trim(topic.stream, topic.ending, age)
  redis.call('PEXPIRE', topic.stream, age)
  redis.call('PEXPIRE', topic.ending, known_for)
  redis.call('PUBLISH', channel, topic.name)
end
forget_max = forget_max + #names
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - window, 'LIMIT', 0, forget_max)
for _, name in ipairs(old) do redis.call('ZREM', KEYS[1], name) end
local excess = math.min(redis.call('ZCARD', KEYS[1]) - names_max, forget_max)
if #names > 0 and excess > 0 then
  answer[1] = redis.call('ZREMRANGEBYRANK', KEYS[1], 0, excess - 1)
end
return answer"
    ))
});

/// Reads behind an event. `KEYS`: the stream and the end of a topic. `ARGV`: the id of the event, how many events at most, and how many
/// milliseconds events are kept. Gives whether all that followed the event is there, the last id that was given, and the
/// events, from the first one that is kept where something is missing. An id that was never given is not known.
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{TRIM}
local stream, ending, after = KEYS[1], KEYS[2], ARGV[1]
trim(stream, ending, tonumber(ARGV[3]))
local known = redis.call('HMGET', ending, 'id', 'floor')
local last, floor = known[1] or '0-0', known[2] or '0-0'
if redis.call('XLEN', stream) == 0 then floor = last end
local is_joined = after == last or after == floor or #redis.call('XRANGE', stream, after, after) == 1
local from = is_joined and '(' .. after or '-'
return {{is_joined and 1 or 0, last, redis.call('XRANGE', stream, from, '+', 'COUNT', ARGV[2])}}"
    ))
});

/// The last id that was given in a topic. `KEYS`: the end of the topic.
pub(super) static END: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('HGET', KEYS[1], 'id') or '0-0'"));
