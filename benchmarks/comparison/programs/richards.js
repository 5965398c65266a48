function hold(s) {
  s.holds++;
  s.tasks[s.current].held = true;
  s.current--;
}

function suspend(s) {
  s.tasks[s.current].waiting = true;
}

function release(s, target) {
  s.tasks[target].held = false;
  if (target > s.current) s.current = target;
}

function send(s, packet) {
  s.sent++;
  const target = packet.to;
  packet.to = s.current;
  const receiver = s.tasks[target];
  receiver.queue.push(packet);
  if (receiver.queue.length === 1) {
    receiver.ready = true;
    if (target > s.current) s.current = target;
  }
}

function runIdle(s) {
  s.count--;
  if (s.count === 0) return hold(s);
  s.seed = (s.seed * 75 + 74) % 65537;
  return release(s, s.seed % 2 === 0 ? 4 : 5);
}

function runWorker(s, packet) {
  if (packet === null) return suspend(s);
  s.handler = 5 - s.handler;
  packet.to = s.handler;
  packet.at = 0;
  for (let i = 0; i < 4; i++) {
    s.letter = s.letter % 26 + 1;
    packet.data[i] = s.letter;
  }
  return send(s, packet);
}

function runHandler(s, packet) {
  const me = s.tasks[s.current];
  if (packet !== null) (packet.kind === "work" ? me.work : me.devices).push(packet);
  if (me.work.length > 0) {
    const first = me.work[0];
    if (first.at === 4) {
      me.work.shift();
      return send(s, first);
    }
    if (me.devices.length > 0) {
      const device = me.devices.shift();
      device.at = first.data[first.at];
      first.at++;
      return send(s, device);
    }
  }
  return suspend(s);
}

function runDevice(s, packet) {
  const me = s.tasks[s.current];
  if (packet !== null) {
    me.pending = packet;
    return hold(s);
  }
  const pending = me.pending;
  if (pending === null) return suspend(s);
  me.pending = null;
  return send(s, pending);
}

function packets(count, target, kind) {
  return Array.from({length: count}, () => ({to: target, kind: kind, at: 0, data: [0, 0, 0, 0]}));
}

function task(kind, queue) {
  return {
    kind: kind, queue: queue, held: false, waiting: kind !== "idle", ready: queue.length > 0, work: [], devices: [],
    pending: null,
  };
}

function richards(count) {
  const s = {count: count, seed: 1, handler: 2, letter: 0, sent: 0, holds: 0, current: 5};
  s.tasks = [
    task("idle", []),
    task("worker", packets(2, 1, "work")),
    task("handler", packets(3, 4, "device")),
    task("handler", packets(3, 5, "device")),
    task("device", []),
    task("device", []),
  ];
  while (s.current >= 0) {
    const running = s.tasks[s.current];
    if (running.held || running.waiting && !running.ready) {
      s.current--;
      continue;
    }
    let packet = null;
    if (running.waiting) {
      packet = running.queue.shift();
      running.waiting = false;
      running.ready = running.queue.length > 0;
    }
    if (running.kind === "idle") runIdle(s);
    else if (running.kind === "worker") runWorker(s, packet);
    else if (running.kind === "handler") runHandler(s, packet);
    else runDevice(s, packet);
  }
  return [s.sent, s.holds];
}
