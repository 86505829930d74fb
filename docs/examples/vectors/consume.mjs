// Runs the test vectors that `redlark vectors fill` has written against a server: a consumer in another language, written
// from docs/reference/vectors.md alone, without a dependency.
//
//   node consume.mjs DIR HOST PORT [--server NAME] [--json]
//
// Without --server it runs the cases for a server as it comes; with it those for the set-up of that name, which it makes
// by CONFIG SET where the server is not like that already. Exit status: 0 all pass, 1 some fail, 2 it could not run.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

const TIMEOUT = 5000; // milliseconds
const AGAIN = 6; // times that a case is run which took too long
const bytes = (text) => Buffer.from(text, "latin1");
const text = (buffer) => buffer.toString("latin1");
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// ---- RESP2 and RESP3 ------------------------------------------------------------------------------------------------

// One frame from `data` at `start`, with where it ends; null where more bytes are needed.
function parse(data, start) {
  const end = data.indexOf("\r\n", start, "latin1");
  if (end < 0) return null;
  const kind = String.fromCharCode(data[start]);
  const line = data.toString("latin1", start + 1, end);
  let after = end + 2;
  let value = line;
  if ("$=!".includes(kind)) {
    const length = Number(line);
    value = null;
    if (length >= 0) {
      if (data.length < after + length + 2) return null;
      value = data.toString("latin1", after, after + length);
      after += length + 2;
    }
  } else if ("*~>%|".includes(kind)) {
    const count = Number(line) * ("%|".includes(kind) ? 2 : 1);
    value = count < 0 ? null : [];
    for (let number = 0; number < count; number += 1) {
      const item = parse(data, after);
      if (item === null) return null;
      value.push(item.frame);
      after = item.after;
    }
    if (kind === "|") { // attributes belong to the frame that follows them
      const item = parse(data, after);
      if (item === null) return null;
      after = item.after;
    }
  } else if (kind === "_") value = null;
  else if (!"+-:#,(".includes(kind)) throw new Error(`not RESP: ${JSON.stringify(data.toString("latin1", start, start + 40))}`);
  return { frame: { kind, value, raw: data.toString("latin1", start, after) }, after };
}

const encode = (words) =>
  Buffer.concat([bytes(`*${words.length}\r\n`), ...words.flatMap((word) => [bytes(`$${word.length}\r\n${word}\r\n`)])]);

class Client {
  constructor(socket) {
    Object.assign(this, { socket, data: Buffer.alloc(0), frames: [], waiting: null, ended: false });
    socket.setNoDelay(true);
    socket.on("data", (more) => {
      this.data = Buffer.concat([this.data, more]);
      for (let next = parse(this.data, 0); next; next = this.data.length ? parse(this.data, 0) : null) {
        this.frames.push(next.frame);
        this.data = this.data.subarray(next.after);
      }
      this.waiting?.();
    });
    for (const event of ["end", "close", "error"]) socket.on(event, () => { this.ended = true; this.waiting?.(); });
  }

  static open(host, port) {
    return new Promise((done, fail) => {
      const socket = connect(port, host, () => done(new Client(socket)));
      socket.once("error", fail);
    });
  }

  get address() { return `${this.socket.localAddress}:${this.socket.localPort}`; }

  // Waits until something holds; whether it does in time.
  async until(holds, milliseconds) {
    const deadline = Date.now() + milliseconds;
    while (!holds()) {
      if (Date.now() >= deadline) return false;
      await new Promise((done) => {
        const timer = setTimeout(done, Math.max(1, deadline - Date.now()));
        this.waiting = () => { clearTimeout(timer); done(); };
      });
      this.waiting = null;
    }
    return true;
  }

  async frame(milliseconds = TIMEOUT) {
    await this.until(() => this.frames.length || this.ended, milliseconds);
    if (this.frames.length) return this.frames.shift();
    throw new Wrong("a frame", this.ended ? "the connection was closed" : "nothing came");
  }

  async ask(...words) {
    this.socket.write(encode(words));
    return this.frame();
  }

  close() { this.socket.destroy(); }
}

// ---- patterns -------------------------------------------------------------------------------------------------------

class Wrong extends Error {
  constructor(allowed, seen) {
    super(seen);
    Object.assign(this, { allowed, seen });
  }
}

function holds(pattern, frame, known) {
  if (typeof pattern === "string") return frame.raw === pattern;
  if (pattern.either) return pattern.either.some((one) => holds(one, frame, known));
  if (pattern.any) return !"-!".includes(frame.kind);
  if (pattern.id) return frame.raw === known.ids[pattern.id].raw;
  if (frame.kind !== pattern.kind || frame.value === null) return false;
  if ("from" in pattern || "to" in pattern) {
    const base = { ms: known.began, s: Math.floor(known.began / 1000) }[pattern.clock] ?? 0;
    const value = BigInt(frame.value);
    return !(value < BigInt(base) + BigInt(pattern.from ?? Number.MIN_SAFE_INTEGER))
      && !("to" in pattern && value > BigInt(base) + BigInt(pattern.to));
  }
  if (pattern.matches !== undefined) return new RegExp(pattern.matches, "s").test(frame.value);
  if (pattern.each) return frame.value.every((one) => holds(pattern.each, one, known));
  if (pattern.items) return frame.value.length === pattern.items.length
    && pattern.items.every((one, place) => holds(one, frame.value[place], known));
  if (pattern.unordered) return inAnyOrder(pattern.unordered.map((one) => [one]), frame.value.map((one) => [one]), known);
  if (pattern.pairs) {
    const found = [];
    for (let place = 0; place < frame.value.length; place += 2) found.push(frame.value.slice(place, place + 2));
    return frame.value.length % 2 === 0 && inAnyOrder(pattern.pairs, found, known);
  }
  return true;
}

function inAnyOrder(rows, found, known) {
  const left = [...found];
  const loose = (row) => row.filter((one) => typeof one !== "string").length;
  for (const row of [...rows].sort((one, other) => loose(one) - loose(other))) {
    const place = left.findIndex((one) => row.every((pattern, number) => holds(pattern, one[number], known)));
    if (place < 0) return false;
    left.splice(place, 1);
  }
  return left.length === 0;
}

// ---- running --------------------------------------------------------------------------------------------------------

class Runner {
  constructor(host, port, index, setting) {
    Object.assign(this, { host, port, index, setting, control: null, password: setting.config.requirepass });
  }

  async enter(signIn = true) {
    const client = await Client.open(this.host, this.port);
    if (signIn && this.locked) await client.ask("AUTH", this.password);
    return client;
  }

  async ask(...words) { // a case may have killed the runner's own connection
    for (let tried = 0; ; tried += 1) {
      try {
        if (!this.control || this.control.ended) this.control = await this.enter();
        return await this.control.ask(...words);
      } catch (problem) {
        this.control = null;
        if (tried) throw problem;
      }
    }
  }

  async barrier() { for (let number = 0; number < 2; number += 1) await this.ask("ECHO"); }

  async pairs(pattern) {
    const flat = (await this.ask("CONFIG", "GET", pattern)).value ?? [];
    return Array.isArray(flat) ? flat.map((one) => one.value) : [];
  }

  // Makes the server as the set-up says; null, or why that cannot be done.
  async setUp() {
    this.before = [];
    for (const [name, value] of Object.entries(this.setting.config)) {
      const [known, old] = await this.pairs(name);
      if (known === undefined) return `CONFIG GET ${name} tells nothing`;
      if (old === value) { this.locked ||= name === "requirepass"; continue; }
      const said = await this.ask("CONFIG", "SET", name, value);
      if (said.kind === "-") return `CONFIG SET ${name}: ${said.value}`;
      this.before.push([name, old]);
      if (name === "requirepass") this.locked = true;
    }
    if (this.setting.slots) await this.serveAll();
    const told = await this.ask("COMMAND", "LIST");
    this.has = new Set(told.kind === "*" ? told.value.map((one) => one.value.toUpperCase()) : []);
    return null;
  }

  // Whether a case asks for a command that the server, by its own account, does not have.
  lacks(one) {
    return this.has.size > 0 && one.steps.some(({ send }) => {
      const words = (send ?? []).slice(0, 2).map((word) => String(word).toUpperCase());
      const name = [words.join("|"), words[0]].find((each) => this.index.commands.includes(each));
      return name !== undefined && !this.has.has(name);
    });
  }

  async serveAll() {
    await this.ask("FLUSHALL");
    await this.ask("CLUSTER", "FLUSHSLOTS");
    await this.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    for (let tried = 0; tried < 500; tried += 1) {
      if ((await this.ask("CLUSTER", "INFO")).value.includes("cluster_state:ok")) return;
      await sleep(20);
    }
    throw new Error("the node does not find its cluster whole");
  }

  async putBack() {
    for (const [name, value] of this.before) await this.ask("CONFIG", "SET", name, value);
    this.control?.close();
  }

  async run(one, protocol) {
    for (let tried = 0; tried < AGAIN; tried += 1) {
      for (const request of this.index.clear) await this.ask(...request);
      const kept = [];
      for (const name of one.restore ?? []) kept.push(await this.pairs(name));
      const clients = [];
      try {
        const found = await this.once(one, protocol, clients);
        if (found !== "slow") return found;
      } finally {
        clients.forEach((client) => client?.close());
        for (const flat of kept) for (let at = 0; at < flat.length; at += 2) await this.ask("CONFIG", "SET", flat[at], flat[at + 1]);
        await this.barrier();
        if (one.spoils) await this.serveAll();
      }
    }
    return "slow";
  }

  async once(one, protocol, clients) {
    const known = { ids: {} };
    const replies = {};
    const lines = [];
    const needsIds = JSON.stringify(one.steps).includes('{"id":');
    for (let client = 1; client <= (one.clients ?? 1); client += 1) clients[client] = await this.enter(!this.setting.unauthenticated);
    for (let client = 1; client < clients.length; client += 1) {
      if (protocol === 3 && (await clients[client].ask("HELLO", "3")).kind === "-") return "skipped";
      if (needsIds) known.ids[client] = await clients[client].ask("CLIENT", "ID");
    }
    const [seconds, micro] = (await this.ask("TIME")).value.map((part) => Number(part.value));
    known.began = seconds * 1000 + Math.floor(micro / 1000);
    const argument = (written) => {
      if (typeof written === "string") return written;
      if ("clock" in written) return String(known.began + written.plus);
      if ("reply" in written) return replies[written.reply].value;
      if ("id" in written) return known.ids[written.id].value;
      return clients[written.address].address;
    };
    let allowed = one.within;
    let wrong = null;
    const began = Date.now();
    try {
      for (const [number, step] of one.steps.entries()) {
        if (allowed !== undefined) allowed += (step.pause ?? 0) + (step.takes ?? 0);
        if (step.pause) { await sleep(step.pause); continue; }
        const client = clients[step.client];
        if (step.closed) {
          if (!(await client.until(() => client.ended, 2000))) throw new Wrong("the end of the connection", "it stays open");
          continue;
        }
        if (step.send) {
          const words = step.send.map(argument);
          lines.push(`${step.client}> ${words.map((word) => JSON.stringify(word)).join(" ")}`);
          client.socket.write(encode(words));
        }
        for (const pattern of step.expect) {
          let frame;
          try { frame = await client.frame(TIMEOUT + (step.takes ?? 0)); } catch (problem) { throw new Wrong(pattern, problem.seen ?? String(problem)); }
          lines.push(`${step.client}< ${JSON.stringify(frame.raw)}`);
          replies[number] = frame;
          if (!holds(pattern, frame, known)) throw new Wrong(pattern, frame.raw);
        }
        if (!step.expect.length) await this.nothing(client);
      }
      for (const client of clients.slice(1)) await this.nothing(client);
    } catch (problem) {
      if (!(problem instanceof Wrong)) throw problem;
      wrong = { case: one.name, protocol, transcript: lines, allowed: problem.allowed, seen: problem.seen };
    }
    return allowed !== undefined && Date.now() - began > allowed ? "slow" : wrong;
  }

  async nothing(client) {
    await this.barrier();
    await sleep(0); // what has come is then read
    if (client.frames.length) throw new Wrong("nothing more", client.frames[0].raw);
  }
}

async function main([folder, host, port, ...options]) {
  if (!(Number(port) >= 1)) throw new Error("give DIR HOST PORT: node consume.mjs vectors 127.0.0.1 6379");
  const name = options.includes("--server") ? options[options.indexOf("--server") + 1] : "as it comes";
  const read = (file) => JSON.parse(readFileSync(join(folder, file), "utf8"));
  const index = read("index.json");
  if (index.format !== 1) throw new Error(`vectors of format ${index.format}`);
  const cases = Object.keys(index.files).flatMap(read).filter((one) => (one.server ?? "as it comes") === name);
  const runner = new Runner(host, Number(port), index, index.servers[name] ?? { config: {} });
  const told = { server: name, passed: 0, failures: [], slow: [], skipped: 0, why: await runner.setUp() };
  try {
    for (const one of cases) for (const protocol of one.protocols) {
      const found = told.why || runner.lacks(one) ? "skipped" : await runner.run(one, protocol);
      if (found === null) told.passed += 1;
      else if (found === "skipped") told.skipped += 1;
      else if (found === "slow") told.slow.push(one.name);
      else told.failures.push(found);
    }
  } finally {
    await runner.putBack();
  }
  if (options.includes("--json")) console.log(JSON.stringify(told));
  else {
    for (const one of told.failures) console.log(`fails ${one.case} (RESP${one.protocol})\n  ${one.transcript.join("\n  ")}\n  allowed: ${JSON.stringify(one.allowed)}`);
    console.log(`${told.passed} passed, ${told.failures.length} failed, ${told.skipped + told.slow.length} skipped${told.why ? `: ${told.why}` : ""}`);
  }
  return told.failures.length ? 1 : 0;
}

main(process.argv.slice(2)).then((code) => process.exit(code), (problem) => {
  console.error(`consume.mjs: ${problem.message || problem.code || problem}`);
  process.exit(2);
});
