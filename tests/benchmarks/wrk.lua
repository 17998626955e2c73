-- Sends the requests of a file, one after the other and round again; prints what came of it as JSON.
-- A line of the file: method, path, headers (name=value, joined by \1), body; with tabs between.

local ready = {}

local function split(text, by)
  local parts = {}
  for part in (text .. by):gmatch("(.-)" .. by) do parts[#parts + 1] = part end
  return parts
end

function init(args)
  local single
  for line in io.lines(args[1]) do
    local parts, headers = split(line, "\t"), {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    for _, pair in ipairs(split(parts[3], "\1")) do
      local name, value = pair:match("^([^=]+)=(.*)$")
      if name then headers[name] = value end
    end
    single = { parts[1], parts[2], headers, parts[4] ~= "" and parts[4] or nil }
    ready[#ready + 1] = wrk.format(unpack(single, 1, 4))
  end
  if #ready == 1 then -- wrk is faster without a question for each request
    wrk.method, wrk.path, wrk.headers, wrk.body = unpack(single, 1, 4)
    return
  end
  local last = 0
  request = function()
    last = last % #ready + 1
    return ready[last]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
