"""What Redis does in one step: small scripts, each on keys of one hash tag.

A queue of one lane has (see `keys.py`): the stream ``s`` of batches with one consumer group, the
hash ``p`` of their progress, the hash ``n`` of counters, the text ``o`` that names the owner, the
texts ``seen`` that make an append idempotent, the hash ``f`` and the sorted set ``fo`` of letters.

Who may settle: with a token, whoever the owner's text names; without one, the consumer on whose
list of pending entries the batch is. An entry is a batch: its key, bytes, number of events, size and
route, in this order.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    """A script, and the name under which a server keeps it."""

    text: str
    sha: str


def _script(*parts: str) -> Script:
    text = "\n".join(parts)
    # Redis names scripts so; nobody's safety hangs on it.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_MINE = """
local function mine(s, o, group, consumer, token, id)
  if token ~= '' then return redis.call('GET', o) == token end
  local found = redis.pcall('XPENDING', s, group, id, id, 1, consumer)
  return not found.err and #found > 0
end
"""

_BURY = """
local function bury(f, fo, n, most, most_bytes, first)
  local now = redis.call('TIME')
  local last = redis.call('ZRANGE', fo, -1, -1, 'WITHSCORES')
  local moment = math.max(now[1] * 1000000 + now[2], tonumber(last[2] or '0') + 1)
  for i = first, #ARGV, 2 do
    if redis.call('HSETNX', f, ARGV[i], ARGV[i + 1]) == 1 then
      redis.call('ZADD', fo, string.format('%.0f', moment), ARGV[i])
      moment = moment + 1
      redis.call('HINCRBY', n, 'letter_bytes', #ARGV[i + 1])
    end
  end
  local bytes = tonumber(redis.call('HGET', n, 'letter_bytes') or '0')
  local gone = 0
  while redis.call('ZCARD', fo) > most or bytes > most_bytes do
    local oldest = redis.call('ZPOPMIN', fo)[1]
    if not oldest then break end
    local size = redis.call('HSTRLEN', f, oldest)
    redis.call('HDEL', f, oldest)
    bytes = redis.call('HINCRBY', n, 'letter_bytes', 0 - size)
    gone = gone + 1
  end
  return gone
end
"""

# Answers of what changes a stock end with it.
_STOCK = """
local function stock(answer, s, n, fo, aside)
  local counts = redis.call('HMGET', n, 'events', 'bytes')
  local function known(at) return math.max(tonumber(counts[at] or '0') or 0, 0) end
  return {answer, redis.call('XLEN', s), known(1), known(2), redis.call('ZCARD', fo), redis.call('XLEN', aside)}
end
"""

_OPEN = """
local function open_of(p, key, count)
  local noted = redis.call('HGET', p, key)
  count = tonumber(count)
  return noted and math.min(tonumber(string.match(noted, '^%d+')) or count, count) or count
end
"""

# At maxmemory Redis refuses the first write of a script if it may need memory, and no later one:
# what frees memory in the end begins with a write that needs none.
_MUST = """
local function must(hash) redis.call('HDEL', hash, '') end
"""

#: Keys: any hash. A write that changes nothing: a replica, or a server with a full disk, refuses it.
PROBE: Script = _script(_MUST, "must(KEYS[1])")

_DROP = """
local function drop(s, p, n, group, id, key, count, size)
  redis.pcall('XACK', s, group, id)
  if redis.call('XDEL', s, id) == 0 then return 0 end
  redis.call('HINCRBY', n, 'bytes', 0 - size)
  redis.call('HINCRBY', n, 'events', 0 - open_of(p, key, count))
  redis.call('HDEL', p, key)
  if redis.call('XLEN', s) == 0 then redis.call('HDEL', n, 'bytes', 'events') end
  return 1
end
"""

_DROP_LETTER = """
local function drop_letter(f, fo, n, name)
  if redis.call('ZREM', fo, name) == 0 then return false end
  redis.call('HINCRBY', n, 'letter_bytes', 0 - redis.call('HSTRLEN', f, name))
  redis.call('HDEL', f, name)
  return true
end
"""

#: Keys: s n seen lanes f fo aside. Answers "new", "dup" or "full", and the stock. Letters that the batch was go with it.
#: A batch that was settled is a repeat whose answer was lost, unless it comes from letters.
#: What may fail on a key of a wrong type comes before the entry, or each attempt would leave one.
APPEND: Script = _script(
    _DROP_LETTER,
    _STOCK,
    """
local lane, key, data, count, size, route, age, formed = unpack(ARGV, 1, 8)
local most, most_bytes, remember, fresh = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11], ARGV[12]
local seen = redis.call('GET', KEYS[3])
if not seen or (fresh == '1' and string.sub(seen, 1, 4) == 'done') then
  local length = redis.call('XLEN', KEYS[1])
  local bytes = tonumber(redis.call('HGET', KEYS[2], 'bytes') or '0')
  if length >= most or (length > 0 and bytes + size > most_bytes) then
    return stock('full', KEYS[1], KEYS[2], KEYS[6], KEYS[7])
  end
  redis.call('SADD', KEYS[4], lane)
  redis.call('HINCRBY', KEYS[2], 'bytes', size)
  redis.call('HINCRBY', KEYS[2], 'events', count)
  local id = redis.call('XADD', KEYS[1], '*', 'k', key, 'd', data, 'n', count, 'b', size, 'r', route, 'a', age, 't', formed)
  redis.call('SET', KEYS[3], id, 'PX', remember)
  seen = nil
end
for i = 13, #ARGV do drop_letter(KEYS[5], KEYS[6], KEYS[2], ARGV[i]) end
return stock(seen and 'dup' or 'new', KEYS[1], KEYS[2], KEYS[6], KEYS[7])
""",
)

#: Keys: s p o. Answers [state, strays left, milliseconds now, entries]; a first answer of "lost"
#: stands alone. Strays are entries on the own list that nobody here holds: those of a process that
#: died, of an answer that got lost, or given back. They go before all others, oldest first.
TAKE: Script = _script(
    _MUST,
    """
must(KEYS[2])
local s, p, o = KEYS[1], KEYS[2], KEYS[3]
local group, consumer, token = ARGV[1], ARGV[2], ARGV[3]
local room, room_bytes, overhead, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local stray = ARGV[8] == '1'
if token ~= '' and redis.call('GET', o) ~= token then return {'lost'} end
local held = {}
for i = 9, #ARGV do held[ARGV[i]] = true end
local out, events, bytes, route = {}, 0, 0, nil

local function number(text)
  local found = tonumber(text)
  return found and found >= 0 and found < 1e9 and math.floor(found) or 0
end

local function read(fields)
  local found = {}
  for i = 1, #fields, 2 do found[fields[i]] = fields[i + 1] end
  return found.k or '', found.d or '', number(found.n or ''), number(found.b or ''), found.r or '', found.a or '', found.t or ''
end

local function fits(entry)
  local key, data, count, size, way, age, formed = read(entry[2])
  local more = size + count * overhead
  if #out > 0 and (#out >= most or way ~= route or events + count > room or bytes + more > room_bytes) then
    return false
  end
  events, bytes, route = events + count, bytes + more, way
  out[#out + 1] = {entry[1], key, data, tostring(count), tostring(size), way, age, formed, redis.call('HGET', p, key) or ''}
  return true
end

local function group_call(...)
  local answer = redis.pcall(...)
  if answer and answer.err then
    if not string.find(answer.err, 'NOGROUP') then return error(answer.err) end
    redis.call('XGROUP', 'CREATE', s, group, '0', 'MKSTREAM')
    answer = redis.call(...)
  end
  return answer
end

local function take_strays()
  local from = '-'
  while true do
    local page = group_call('XPENDING', s, group, from, '+', 100, consumer)
    for _, pending in ipairs(page) do
      local id = pending[1]
      if not held[id] then
        local entry = redis.call('XRANGE', s, id, id)[1]
        if not entry then
          redis.call('XACK', s, group, id)
        elseif not fits(entry) then
          return true
        end
      end
      from = '(' .. id
    end
    if #page < 100 then return false end
  end
end

local function give_back(entries, first)
  for i = first, #entries do redis.call('XACK', s, group, entries[i][1]) end
  redis.call('XGROUP', 'SETID', s, group, out[#out][1])
end

local function take_new()
  local count, fresh = 1, 0
  while #out < most do
    count = math.min(count, most - #out)
    local answer = group_call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', s, '>')
    if not answer then return false end
    local entries = answer[1][2]
    for i, entry in ipairs(entries) do
      if not fits(entry) then
        if fresh == 0 then return true end
        give_back(entries, i)
        return false
      end
      fresh = fresh + 1
    end
    if #entries < count then return false end
    count = math.min(count * 2, 64)
  end
  return false
end

local left = stray and take_strays()
if not left and not (#out >= most) then left = take_new() end
local now = redis.call('TIME')
return {'ok', left and 1 or 0, now[1] * 1000 + math.floor(now[2] / 1000), out}
""",
)

#: Keys: s p n seen o f fo aside. Answers 1, or 0 if the lease was lost, and the stock. The same
#: settling twice is one.
SETTLE: Script = _script(
    _MUST,
    _MINE,
    _STOCK,
    _OPEN,
    _DROP,
    _BURY,
    """
must(KEYS[3])
local group, consumer, token, id, key = unpack(ARGV, 1, 5)
local count, size, remember, most, most_bytes = unpack(ARGV, 6, 10)
local seen, done = redis.call('GET', KEYS[4]), 'done by ' .. consumer .. token
if seen == done then return stock(1, KEYS[1], KEYS[3], KEYS[7], KEYS[8]) end
if not mine(KEYS[1], KEYS[5], group, consumer, token, id) then return stock(0, KEYS[1], KEYS[3], KEYS[7], KEYS[8]) end
if #redis.call('XRANGE', KEYS[1], id, id, 'COUNT', 1) == 0 then
  redis.call('XACK', KEYS[1], group, id)
  return stock(0, KEYS[1], KEYS[3], KEYS[7], KEYS[8])
end
bury(KEYS[6], KEYS[7], KEYS[3], tonumber(most), tonumber(most_bytes), 11)
drop(KEYS[1], KEYS[2], KEYS[3], group, id, key, count, size)
redis.call('SET', KEYS[4], done, 'PX', remember)
return stock(1, KEYS[1], KEYS[3], KEYS[7], KEYS[8])
""",
)

#: Keys: s p n o f fo aside. Answers 1, or 0 if the lease was lost, and the stock. Progress begins
#: with what is open.
NOTE: Script = _script(
    _MUST,
    _MINE,
    _STOCK,
    _OPEN,
    _BURY,
    """
must(KEYS[3])
local group, consumer, token, id, key = unpack(ARGV, 1, 5)
local count, progress, most, most_bytes = unpack(ARGV, 6, 9)
if not mine(KEYS[1], KEYS[4], group, consumer, token, id) then return stock(0, KEYS[1], KEYS[3], KEYS[6], KEYS[7]) end
local before = open_of(KEYS[2], key, count)
redis.call('HSET', KEYS[2], key, progress)
redis.call('HINCRBY', KEYS[3], 'events', open_of(KEYS[2], key, count) - before)
bury(KEYS[5], KEYS[6], KEYS[3], tonumber(most), tonumber(most_bytes), 10)
return stock(1, KEYS[1], KEYS[3], KEYS[6], KEYS[7])
""",
)

#: Keys: s p n seen. Forget a batch that was delivered while its append was in doubt.
WITHDRAW: Script = _script(
    _OPEN,
    _DROP,
    """
local group, key, count, size = unpack(ARGV, 1, 4)
local id = redis.call('GET', KEYS[4])
if not id or not string.match(id, '^%d+%-%d+$') then return 0 end
return drop(KEYS[1], KEYS[2], KEYS[3], group, id, key, count, size)
""",
)

#: Keys: s p n o aside. Set an entry aside that this version cannot read; nothing of it is lost.
SET_ASIDE: Script = _script(
    _MUST,
    _MINE,
    _OPEN,
    _DROP,
    """
must(KEYS[3])
local group, consumer, token, id, key = unpack(ARGV, 1, 5)
if not mine(KEYS[1], KEYS[4], group, consumer, token, id) then return 0 end
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if entry then redis.call('XADD', KEYS[5], '*', unpack(entry[2])) end
return drop(KEYS[1], KEYS[2], KEYS[3], group, id, key, ARGV[6], ARGV[7])
""",
)

#: Keys: o n. Take the ownership, or renew it; from *dead*, whose process is known to be gone, at once.
#: Answers [1, ""], or [0, who has it].
HOLD: Script = _script(
    _MUST,
    """
must(KEYS[2])
local token, life, dead = ARGV[1], ARGV[2], ARGV[3]
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= token and owner ~= dead then return {0, owner} end
redis.call('SET', KEYS[1], token, 'PX', life)
return {1, ''}
""",
)

#: Keys: o. Let the ownership go.
RELEASE: Script = _script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")

#: Keys: alive. Say that a process lives; answers how many do.
ATTEND: Script = _script("""
local member, life = ARGV[1], tonumber(ARGV[2])
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - life)
if member ~= '' then redis.call('ZADD', KEYS[1], now, member) end
redis.call('EXPIRE', KEYS[1], 10 * math.ceil(life))
return redis.call('ZCARD', KEYS[1])
""")

#: Keys: s. Renew what a consumer holds; answers the ids that it has lost.
RENEW: Script = _script("""
local group, consumer = ARGV[1], ARGV[2]
local lost = {}
for i = 3, #ARGV do
  local found = redis.pcall('XPENDING', KEYS[1], group, ARGV[i], ARGV[i], 1, consumer)
  if found.err or #found == 0 then
    lost[#lost + 1] = ARGV[i]
  else
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, ARGV[i], 'JUSTID')
  end
end
return lost
""")

#: Keys: s. Claim what has been idle for too long; answers how many entries.
CLAIM: Script = _script("""
local answer = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0-0', 'COUNT', ARGV[4], 'JUSTID')
if answer.err then return 0 end
return #answer[2]
""")

#: Keys: s. Claim entries of *dead* whose process is gone, and forget it when it has none left.
INHERIT: Script = _script("""
local group, heir, dead, count = unpack(ARGV, 1, 4)
local found = redis.pcall('XPENDING', KEYS[1], group, '-', '+', count, dead)
if found.err then return 0 end
for _, pending in ipairs(found) do
  redis.call('XCLAIM', KEYS[1], group, heir, 0, pending[1], 'JUSTID')
end
if #redis.call('XPENDING', KEYS[1], group, '-', '+', 1, dead) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, dead)
end
return #found
""")

#: Keys: s n f fo aside lanes. Answers how many old letters had to go, and the stock.
BURY: Script = _script(
    _MUST,
    _BURY,
    _STOCK,
    """
must(KEYS[2])
redis.call('SADD', KEYS[6], ARGV[3])
local gone = bury(KEYS[3], KEYS[4], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]), 4)
return stock(gone, KEYS[1], KEYS[2], KEYS[4], KEYS[5])
""",
)

#: Keys: f fo. Answers a page of letters: [name, when, letter, name, when, letter, …].
LETTERS: Script = _script("""
local out = {}
local page = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'WITHSCORES')
for i = 1, #page, 2 do
  out[#out + 1] = page[i]
  out[#out + 1] = page[i + 1]
  out[#out + 1] = redis.call('HGET', KEYS[1], page[i]) or ''
end
return out
""")

#: Keys: s n f fo aside. Forget letters by name; answers how many were there, and the stock.
PURGE: Script = _script(
    _DROP_LETTER,
    _STOCK,
    """
local gone = 0
for _, name in ipairs(ARGV) do
  if drop_letter(KEYS[3], KEYS[4], KEYS[2], name) then gone = gone + 1 end
end
return stock(gone, KEYS[1], KEYS[2], KEYS[4], KEYS[5])
""",
)

#: Keys: s n fo aside. Answers 0 and the stock.
STOCK: Script = _script(_STOCK, "return stock(0, KEYS[1], KEYS[2], KEYS[3], KEYS[4])")
