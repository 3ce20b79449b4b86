-- Adds events to a stream, each once, and numbers them without holes: one step for every other program.
-- Redis 6.2 or newer, replicated and logged by its effects.
--
-- KEYS   1 the stream   2 a hash beside it:  n -> entries ever added    PRODUCER -> "NUMBER ORDINAL" of its last one
-- ARGV   1 producer, empty where nobody remembers what was added   2 number up to which the producer believes that
--        all is added   3 entries to keep, about   then for each event, in order:
--        number, ordinal, count of channels, event, type, camera, identity, watchlists, the channels
-- Returns   number of the last that is added, how many were added, why one was not, why a copy was not published;
--           -1 added: Redis has not all that the producer believes added, and nothing was done.
--
-- The number is stored before the event is added, and taken back where that fails. Redis (to 7.0 at least), when it
-- starts with an append-only file that breaks off within a transaction, leaves that transaction open in the file, and
-- carries out what is there of it at the next start. A number that is stored again then does no harm; an event would
-- be there twice.

local PRODUCERS = 256  -- remembered; of more the one goes that is silent for longest: numbers are times

-- As redis.call, but what is refused is told in the words of the server, in every version.
local function ask(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then error(reply) end
  return reply
end

local function whole(number)
  return string.format('%.0f', number)
end

local function add()
  local producer, longest = ARGV[1], ARGV[3]
  local last, ordinal = '0', nil
  if producer ~= '' then
    local kept = ask('HGET', KEYS[2], producer)
    if kept then
      last, ordinal = string.match(kept, '^(%d+) (%d+)$')
      ordinal = tonumber(ordinal)
    elseif ask('HLEN', KEYS[2]) > PRODUCERS then
      local oldest, when = nil, nil
      local all = ask('HGETALL', KEYS[2])
      for at = 1, #all, 2 do
        local number = all[at] ~= 'n' and tonumber(string.match(all[at + 1], '^%d+'))
        if number and (not when or number < when) then oldest, when = all[at], number end
      end
      if oldest then ask('HDEL', KEYS[2], oldest) end
    end
    if tonumber(last) < tonumber(ARGV[2]) then return {last, -1, '', ''} end
  end

  local n = tonumber(ask('HGET', KEYS[2], 'n') or '0')
  local function remember(of_stream, number, of_producer)
    if producer == '' then return ask('HSET', KEYS[2], 'n', whole(of_stream)) end
    if not of_producer then
      ask('HDEL', KEYS[2], producer)
      return ask('HSET', KEYS[2], 'n', whole(of_stream))
    end
    ask('HSET', KEYS[2], 'n', whole(of_stream), producer, number .. ' ' .. whole(of_producer))
  end

  -- Without an event it is only asked how far this is, and shown whether it could be written.
  if #ARGV < 4 then remember(n, last, ordinal) end

  local added, refused, unheard = 0, '', ''
  local at = 4
  while at <= #ARGV do
    local number, this, channels = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    if producer == '' or tonumber(number) > tonumber(last) then
      -- What the producer had to drop is a hole in the numbers, by which readers know how many they miss.
      local missed = ordinal and math.max(this - ordinal - 1, 0) or 0
      remember(n + missed + 1, number, this)
      local reply = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', longest, '*',
        'event', ARGV[at + 3], 'type', ARGV[at + 4], 'camera', ARGV[at + 5],
        'identity', ARGV[at + 6], 'watchlists', ARGV[at + 7], 'n', whole(n + missed + 1))
      if type(reply) == 'table' and reply.err then
        remember(n, last, ordinal)
        refused = reply.err
        break
      end
      n, last, ordinal, added = n + missed + 1, number, this, added + 1
      for channel = at + 8, at + 7 + channels do
        local heard = redis.pcall('PUBLISH', ARGV[channel], ARGV[at + 3])
        if type(heard) == 'table' and heard.err then unheard = heard.err end
      end
    end
    at = at + 8 + channels
  end
  return {last, added, refused, unheard}
end

local done, reply = pcall(add)
if done or type(reply) == 'table' then return reply end
return redis.error_reply(tostring(reply))
