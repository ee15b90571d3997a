-- Asks for predictions, and counts those that succeeded. One thread has one connection (`wrk -tN -cN`), so the time
-- from one success to the next on a thread is what a client waits that asks again at once when it is refused.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]
local MONOTONIC = 1
local moment = ffi.new("moment")

local function microseconds()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"input":{"text":"x"}}'

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  succeeded, refused, other, last = 0, 0, 0, microseconds()
  waits = {} -- how often the wait was so long, in steps of 2 %
end

function response(status, headers, body)
  if status == 200 and body:find('"status":"succeeded"', 1, true) then
    succeeded = succeeded + 1
    local now = microseconds()
    local step = math.floor(math.log(math.max(now - last, 1)) / math.log(1.02))
    waits[step] = (waits[step] or 0) + 1
    last = now
  elseif status == 409 or status == 503 then
    refused = refused + 1
  else
    other = other + 1
  end
end

function done(summary)
  local sums = { succeeded = 0, refused = 0, other = 0 }
  local all, highest = {}, 0
  for _, thread in ipairs(threads) do
    for name, sum in pairs(sums) do
      sums[name] = sum + thread:get(name)
    end
    for step, count in pairs(thread:get("waits")) do
      all[step] = (all[step] or 0) + count
      highest = math.max(highest, step)
    end
  end
  local p99, seen = 0, 0
  for step = 0, highest do
    seen = seen + (all[step] or 0)
    if seen >= sums.succeeded * 0.99 then
      p99 = 1.02 ^ (step + 0.5)
      break
    end
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"succeeded": %d, "refused": %d, "other": %d, "broken": %d, "seconds": %.6f, "p99": %.6f}',
    sums.succeeded, sums.refused, sums.other, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, p99 / 1e6
  ))
end
