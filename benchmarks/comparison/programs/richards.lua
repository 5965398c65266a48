local function hold(s)
  s.holds = s.holds + 1
  s.tasks[s.current].held = true
  s.current = s.current - 1
end

local function suspend(s)
  s.tasks[s.current].waiting = true
end

local function release(s, target)
  s.tasks[target].held = false
  if target > s.current then s.current = target end
end

local function send(s, packet)
  s.sent = s.sent + 1
  local target = packet.to
  packet.to = s.current
  local receiver = s.tasks[target]
  receiver.queue[#receiver.queue + 1] = packet
  if #receiver.queue == 1 then
    receiver.ready = true
    if target > s.current then s.current = target end
  end
end

local function run_idle(s)
  s.count = s.count - 1
  if s.count == 0 then return hold(s) end
  s.seed = (s.seed * 75 + 74) % 65537
  if s.seed % 2 == 0 then return release(s, 4) end
  return release(s, 5)
end

local function run_worker(s, packet)
  if not packet then return suspend(s) end
  s.handler = 5 - s.handler
  packet.to = s.handler
  packet.at = 0
  for i = 1, 4 do
    s.letter = s.letter % 26 + 1
    packet.data[i] = s.letter
  end
  return send(s, packet)
end

local function run_handler(s, packet)
  local me = s.tasks[s.current]
  if packet then
    local list = packet.kind == "work" and me.work or me.devices
    list[#list + 1] = packet
  end
  local first = me.work[1]
  if first then
    if first.at == 4 then
      table.remove(me.work, 1)
      return send(s, first)
    end
    if me.devices[1] then
      local device = table.remove(me.devices, 1)
      device.at = first.data[first.at + 1]
      first.at = first.at + 1
      return send(s, device)
    end
  end
  return suspend(s)
end

local function run_device(s, packet)
  local me = s.tasks[s.current]
  if packet then
    me.pending = packet
    return hold(s)
  end
  local pending = me.pending
  if not pending then return suspend(s) end
  me.pending = nil
  return send(s, pending)
end

local function packets(count, target, kind)
  local queue = {}
  for i = 1, count do queue[i] = {to = target, kind = kind, at = 0, data = {0, 0, 0, 0}} end
  return queue
end

local function task(kind, queue)
  return {
    kind = kind, queue = queue, held = false, waiting = kind ~= "idle", ready = #queue > 0, work = {}, devices = {},
  }
end

function richards(count)
  local s = {count = count, seed = 1, handler = 2, letter = 0, sent = 0, holds = 0, current = 5}
  s.tasks = {
    [0] = task("idle", {}),
    task("worker", packets(2, 1, "work")),
    task("handler", packets(3, 4, "device")),
    task("handler", packets(3, 5, "device")),
    task("device", {}),
    task("device", {}),
  }
  while s.current >= 0 do
    local running = s.tasks[s.current]
    if running.held or (running.waiting and not running.ready) then
      s.current = s.current - 1
    else
      local packet
      if running.waiting then
        packet = table.remove(running.queue, 1)
        running.waiting = false
        running.ready = #running.queue > 0
      end
      if running.kind == "idle" then
        run_idle(s)
      elseif running.kind == "worker" then
        run_worker(s, packet)
      elseif running.kind == "handler" then
        run_handler(s, packet)
      else
        run_device(s, packet)
      end
    end
  end
  return {s.sent, s.holds}
end
