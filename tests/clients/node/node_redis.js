// node-redis as applications use it: `node node_redis.js URL 2|3`. The protocol is the second argument.

import assert from "node:assert/strict";

import { createClient, createClientPool, RESP_TYPES, WatchError } from "redis";

import { run, until } from "./checks.js";

const [url, protocol] = [process.argv[2], Number(process.argv[3])];
const open = async (more = {}) => {
  const client = createClient({ url, RESP: protocol, ...more });
  client.on("error", () => {}); // a lost connection is made anew; what is in flight is told to who asked
  await client.connect();
  return client;
};
const db = await open();
const other = await open();

const checks = {
  async strings() {
    assert.equal(await db.set("a", "1", { EX: 100 }), "OK");
    assert.equal(await db.set("a", "2", { NX: true }), null);
    assert.equal(await db.set("a", "2", { GET: true, KEEPTTL: true }), "1");
    assert.equal(await db.incr("a"), 3);
    assert.equal(Number(await db.incrByFloat("a", 0.5)), 3.5);
    assert.ok((await db.ttl("a")) > 90);
    assert.equal(await db.mSet({ b: "x", c: "\u2603" }), "OK");
    assert.deepEqual(await db.mGet(["b", "c", "nokey"]), ["x", "\u2603", null]);
    assert.equal(await db.getDel("b"), "x");
    assert.equal(await db.exists(["a", "b"]), 1);
    await assert.rejects(db.incr("c"), /ERR value is not an integer/);
    const keys = [];
    for await (const some of db.scanIterator({ COUNT: 1 })) keys.push(...some);
    assert.deepEqual(keys.sort(), ["a", "c"]);
  },

  async buffers() {
    const raw = db.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const value = Buffer.from([0, 13, 10, 255, 36]);
    await raw.set("bytes", value);
    assert.deepEqual(await raw.get("bytes"), value);
    const dump = await raw.dump("bytes");
    assert.equal(await raw.restore("copy", 0, dump), "OK");
    assert.deepEqual(await raw.get("copy"), value);
    const long = "x".repeat(3_000_000);
    await db.set("long", long);
    assert.equal(await db.get("long"), long);
  },

  async collections() {
    assert.equal(await db.hSet("h", { name: "ada", age: "36" }), 2);
    assert.deepEqual({ ...(await db.hGetAll("h")) }, { name: "ada", age: "36" });
    assert.deepEqual(await db.hExpire("h", ["age", "nofield"], 100), [1, -2]);
    assert.equal(await db.rPush("l", ["a", "b", "c"]), 3);
    assert.deepEqual(await db.lRange("l", 0, -1), ["a", "b", "c"]);
    assert.equal(await db.lMove("l", "m", "LEFT", "RIGHT"), "a");
    assert.equal(await db.sAdd("s", ["x", "y", "x"]), 2);
    assert.deepEqual((await db.sMembers("s")).sort(), ["x", "y"]);
    assert.deepEqual(await db.smIsMember("s", ["x", "z"]), [1, 0]);
    const scores = [{ score: 1.5, value: "a" }, { score: Infinity, value: "b" }];
    assert.equal(await db.zAdd("z", scores), 2);
    const back = await db.zRangeWithScores("z", 0, -1);
    assert.deepEqual(back.map(({ value, score }) => ({ score, value })), scores);
    assert.equal(await db.zScore("z", "a"), 1.5);
    assert.equal(await db.zScore("z", "nobody"), null);
    assert.equal(await db.geoAdd("g", { longitude: 13.361389, latitude: 38.115556, member: "Palermo" }), 1);
    assert.deepEqual(await db.geoSearch("g", { longitude: 15, latitude: 37 }, { radius: 200, unit: "km" }), ["Palermo"]);
    assert.equal(await db.pfAdd("p", ["1", "2", "2"]), 1);
    assert.equal(await db.pfCount("p"), 2);
    await assert.rejects(db.get("h"), /^.*WRONGTYPE/);
  },

  async pipelines() {
    // What is asked for within one turn of the loop goes out in one write.
    const replies = await Promise.all(Array.from({ length: 2000 }, (_, n) => db.incrBy("n", n)));
    assert.equal(replies.at(-1), (1999 * 2000) / 2);
    const mixed = await Promise.allSettled([db.set("a", "x"), db.incr("a"), db.get("a")]);
    assert.deepEqual(mixed.map((one) => one.status), ["fulfilled", "rejected", "fulfilled"]);
  },

  async transactions() {
    const all = await db.multi().set("a", "1").incr("a").hSet("h", "f", "v").hGetAll("h").exec();
    assert.deepEqual([all[0], all[1], all[2], { ...all[3] }], ["OK", 2, 1, { f: "v" }]);
    await assert.rejects(db.multi().addCommand(["NOSUCH"]).exec(), /ERR unknown command/);
    const partly = await db.multi().set("a", "x").incr("a").get("a").exec().catch((problem) => problem);
    assert.deepEqual([partly.replies[0], partly.replies[2], partly.errorIndexes], ["OK", "x", [1]]);
    assert.match(partly.replies[1].message, /ERR value is not an integer/);
    const pool = createClientPool({ url, RESP: protocol });
    pool.on("error", () => {});
    await pool.connect();
    await pool.execute(async (own) => {
      await own.watch("a");
      await db.set("a", "changed");
      await assert.rejects(own.multi().set("a", "mine").exec(), WatchError);
      await own.watch("a");
      assert.deepEqual(await own.multi().get("a").exec(), ["changed"]);
    });
    await pool.close();
  },

  async publish_and_subscribe() {
    const ears = await open();
    const heard = [];
    await ears.subscribe("news", (message, channel) => heard.push([channel, message]));
    await ears.pSubscribe("n*", (message, channel) => heard.push(["by pattern", channel, message]));
    await ears.sSubscribe("shard", (message, channel) => heard.push(["of a shard", channel, message]));
    assert.equal(await db.publish("news", "hello"), 2);
    assert.equal(await db.sPublish("shard", "there"), 1);
    await until(() => heard.length === 3);
    assert.deepEqual(heard.sort(), [["by pattern", "news", "hello"], ["news", "hello"], ["of a shard", "shard", "there"]]);
    assert.deepEqual(await db.pubSubChannels(), ["news"]);
    await ears.unsubscribe("news");
    await ears.pUnsubscribe();
    await ears.sUnsubscribe();
    assert.equal(await db.publish("news", "nobody"), 0);
    if (protocol === 3) assert.equal(await ears.get("nokey"), null); // subscribed or not, it may ask
    ears.destroy();
  },

  async blocking() {
    const waits = other.blPop(["q1", "q2"], 10);
    await until(async () => (await db.clientList()).some((one) => one.flags.includes("b")));
    await db.rPush("q2", "job");
    assert.deepEqual({ ...(await waits) }, { key: "q2", element: "job" });
    assert.equal(await other.blPop("q1", 0.05), null);
    const moved = other.blMove("from", "to", "LEFT", "RIGHT", 10);
    await until(async () => (await db.clientList()).some((one) => one.flags.includes("b")));
    await db.rPush("from", "x");
    assert.equal(await moved, "x");
    const popped = other.bzPopMin("zq", 10);
    await until(async () => (await db.clientList()).some((one) => one.flags.includes("b")));
    await db.zAdd("zq", { score: 2, value: "m" });
    assert.deepEqual({ ...(await popped) }, { key: "zq", value: "m", score: 2 });
  },

  async scripts() {
    assert.equal(await db.eval("return KEYS[1] .. ARGV[1]", { keys: ["k"], arguments: ["v"] }), "kv");
    assert.deepEqual(await db.eval("return {1, 2.9, 'x', false, {ok = 'fine'}}"), [1, 2, "x", null, "fine"]);
    await assert.rejects(db.eval("return redis.error_reply('MINE of my own')"), /MINE of my own/);
    const sha = await db.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    assert.equal(await db.evalSha(sha, { keys: ["n"], arguments: ["5"] }), 5);
    await db.scriptFlush();
    await assert.rejects(db.evalSha(sha, { keys: ["n"], arguments: ["5"] }), /NOSCRIPT/);
    const code = "#!lua name=mine\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)";
    assert.equal(await db.functionLoad(code, { REPLACE: true }), "mine");
    assert.equal(await db.fCall("twice", { arguments: ["21"] }), 42);
    const [library] = await db.functionList();
    assert.deepEqual([library.library_name, library.engine, library.functions.length], ["mine", "LUA", 1]);
    await db.functionDelete("mine");
  },

  async streams() {
    const first = await db.xAdd("s", "*", { n: "1" });
    await db.xAdd("s", "*", { n: "2" }, { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 1000 } });
    assert.equal(await db.xGroupCreate("s", "g", "0"), "OK");
    await assert.rejects(db.xGroupCreate("s", "g", "0"), /BUSYGROUP/);
    const read = await db.xReadGroup("g", "me", { key: "s", id: ">" }, { COUNT: 1 });
    assert.equal(read[0].name, "s");
    assert.deepEqual(read[0].messages.map(({ id, message }) => [id, { ...message }]), [[first, { n: "1" }]]);
    const claimed = await db.xAutoClaim("s", "g", "you", 0, "0-0");
    assert.deepEqual([claimed.nextId, claimed.messages.length, claimed.deletedMessages], ["0-0", 1, []]);
    assert.equal((await db.xPending("s", "g")).pending, 1);
    assert.equal(await db.xAck("s", "g", first), 1);
    const [group] = await db.xInfoGroups("s");
    assert.deepEqual([group.name, group.consumers, group.pending, group.lag], ["g", 2, 0, 1]);
    const waits = other.xRead({ key: "s", id: "$" }, { BLOCK: 10_000 });
    await until(async () => (await db.clientList()).some((one) => one.flags.includes("b")));
    await db.xAdd("s", "*", { n: "3" });
    assert.equal((await waits)[0].messages[0].message.n, "3");
    assert.equal(await other.xRead({ key: "s", id: "$" }, { BLOCK: 20 }), null);
    assert.equal((await db.xRange("s", "-", "+")).length, 3);
    assert.equal((await db.xInfoStream("s")).length, 3);
  },

  async the_server() {
    assert.equal(await db.ping(), "PONG");
    assert.match(await db.info("server"), /redis_version:8\.2\.3/);
    assert.deepEqual({ ...(await db.configGet("maxmemory")) }, { maxmemory: "0" });
    const me = await db.clientInfo();
    assert.equal(me.libName, "node-redis");
    const own = await open({ name: "me", database: 2 });
    await own.set("there", "1");
    assert.equal(await own.clientGetName(), "me");
    assert.equal(await db.exists("there"), 0);
    own.destroy();
    assert.equal((await db.command()).find((one) => one.name === "get").arity, 2);
    const seen = [];
    const spy = await open();
    await spy.monitor((line) => seen.push(String(line)));
    await db.set("watched", "x");
    await until(() => seen.some((line) => /"set" "watched" "x"/i.test(line)));
    spy.destroy();
  },

  async reconnecting() {
    const own = await open({ name: "own" });
    const ears = await open();
    const heard = [];
    await ears.subscribe("news", (message) => heard.push(message));
    const before = await own.clientId();
    assert.equal(await db.sendCommand(["CLIENT", "KILL", "ID", String(before)]), 1);
    assert.equal(await db.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]), 1);
    // The first request may be the one that finds the connection dead; those behind it are sent on the next.
    await own.set("a", "1").catch(() => {});
    await own.set("a", "2");
    assert.ok((await own.clientId()) > before);
    assert.equal(await own.clientGetName(), "own");
    await until(async () => (await db.publish("news", "again")) === 1);
    await until(() => heard.includes("again"));
    own.destroy();
    ears.destroy();
  },
};

if (protocol === 3) {
  checks.client_side_caching = async () => {
    const caching = await open({ clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: "LRU" } });
    const { clientSideCache: cache } = caching;
    await db.set("cached", "1");
    assert.equal(await caching.get("cached"), "1");
    assert.equal(await caching.get("cached"), "1");
    assert.equal(cache.stats().hitCount, 1);
    await db.set("cached", "2");
    await until(() => cache.size() === 0);
    assert.equal(await caching.get("cached"), "2");
    await db.hSet("hash", "f", "v");
    await caching.hGetAll("hash");
    await caching.hGetAll("hash");
    assert.equal(cache.stats().hitCount, 2);
    assert.equal(cache.size(), 2);
    await db.flushDb(); // told by a push that names no keys
    await until(() => cache.size() === 0);
    assert.equal(await caching.get("cached"), null);
    caching.destroy();
    const told = await open({ emitInvalidate: true });
    const names = [];
    told.on("invalidate", (key) => names.push(String(key)));
    await told.get("k");
    await db.set("k", "v");
    await until(() => names.length);
    assert.deepEqual(names, ["k"]);
    told.destroy();
  };
}

await run(checks, () => db.flushAll());
db.destroy();
other.destroy();
