// ioredis as applications use it: `node ioredis.js URL 2|3`. The protocol is the second argument.

import assert from "node:assert/strict";

import { Redis } from "ioredis";

import { run, until } from "./checks.js";

const [url, protocol] = [process.argv[2], Number(process.argv[3])];
const open = (more = {}) => {
  const client = new Redis(url, { protocol, retryStrategy: () => 20, ...more });
  client.on("error", () => {});
  return client;
};
const db = open();
const other = open();
const blocked = () => until(async () => /flags=b/.test(await db.client("LIST")));

const checks = {
  async strings() {
    assert.equal(await db.set("a", 1, "EX", 100), "OK");
    assert.equal(await db.set("a", 2, "NX"), null);
    assert.equal(await db.set("a", 2, "KEEPTTL", "GET"), "1");
    assert.equal(await db.incr("a"), 3);
    assert.equal(await db.incrbyfloat("a", 0.5), "3.5");
    assert.ok((await db.ttl("a")) > 90);
    assert.equal(await db.mset(new Map([["b", "x"], ["c", "\u2603"]])), "OK");
    assert.deepEqual(await db.mget("b", "c", "nokey"), ["x", "\u2603", null]);
    assert.equal(await db.getdel("b"), "x");
    await assert.rejects(db.incr("c"), /ERR value is not an integer/);
    const bytes = Buffer.from([0, 13, 10, 255, 36]);
    await db.set("bytes", bytes);
    assert.deepEqual(await db.getBuffer("bytes"), bytes);
    const keys = [];
    for await (const some of db.scanStream({ count: 1 })) keys.push(...some);
    assert.deepEqual([...new Set(keys)].sort(), ["a", "bytes", "c"]);
    const long = "x".repeat(3_000_000);
    await db.set("long", long);
    assert.equal(await db.get("long"), long);
  },

  async collections() {
    assert.equal(await db.hset("h", { name: "ada", age: 36 }), 2);
    assert.deepEqual({ ...(await db.hgetall("h")) }, { name: "ada", age: "36" });
    assert.deepEqual(await db.hexpire("h", 100, "FIELDS", 2, "age", "nofield"), [1, -2]);
    assert.equal(await db.rpush("l", "a", "b", "c"), 3);
    assert.equal(await db.lmove("l", "m", "LEFT", "RIGHT"), "a");
    assert.deepEqual(await db.lrange("l", 0, -1), ["b", "c"]);
    assert.equal(await db.sadd("s", "x", "y", "x"), 2);
    assert.deepEqual((await db.smembers("s")).sort(), ["x", "y"]);
    assert.equal(await db.zadd("z", 1.5, "a", "+inf", "b"), 2);
    assert.deepEqual((await db.zrange("z", 0, -1, "WITHSCORES")).flat(), ["a", "1.5", "b", "inf"]);
    assert.equal(await db.zscore("z", "a"), "1.5");
    assert.equal(await db.geoadd("g", 13.361389, 38.115556, "Palermo"), 1);
    assert.deepEqual(await db.geosearch("g", "FROMLONLAT", 15, 37, "BYRADIUS", 200, "km"), ["Palermo"]);
    assert.equal(await db.pfadd("p", 1, 2, 2), 1);
    assert.equal(await db.bitcount("l").catch((problem) => problem.message.split(" ")[0]), "WRONGTYPE");
  },

  async pipelines() {
    const replies = await db.pipeline().set("a", "x").incr("a").get("a").exec();
    assert.deepEqual(replies.map(([problem, value]) => (problem ? "error" : value)), ["OK", "error", "x"]);
    const automatic = open({ enableAutoPipelining: true });
    const all = await Promise.all(Array.from({ length: 2000 }, (_, n) => automatic.incrby("n", n)));
    assert.equal(all.at(-1), (1999 * 2000) / 2);
    automatic.disconnect();
  },

  async transactions() {
    assert.deepEqual(await db.multi().set("a", 1).incr("a").exec(), [[null, "OK"], [null, 2]]);
    await db.multi({ pipeline: false }); // one command at a time, as at a prompt
    assert.equal(await db.set("a", 5), "QUEUED");
    assert.deepEqual(await db.exec(), [[null, "OK"]]);
    const broken = db.multi();
    broken.call("NOSUCH");
    await assert.rejects(broken.exec(), /EXECABORT/);
    const partly = await db.multi().set("a", "x").incr("a").get("a").exec();
    assert.deepEqual(partly.map(([problem, value]) => (problem ? "error" : value)), ["OK", "error", "x"]);
    await other.watch("a");
    await db.set("a", "changed");
    assert.equal(await other.multi().set("a", "mine").exec(), null);
    assert.equal(await db.get("a"), "changed");
  },

  async publish_and_subscribe() {
    const ears = open();
    const heard = [];
    ears.on("message", (channel, message) => heard.push([channel, message]));
    ears.on("pmessage", (pattern, channel, message) => heard.push([pattern, channel, message]));
    assert.equal(await ears.subscribe("news", "more"), 2);
    assert.equal(await ears.psubscribe("n*"), 3);
    // ioredis loses count where channels of shards share a connection with others, and they need not: a client is cheap.
    const shards = open();
    shards.on("smessage", (channel, message) => heard.push(["of a shard", channel, message]));
    assert.equal(await shards.ssubscribe("shard"), 1);
    assert.equal(await db.publish("news", "hello"), 2);
    assert.equal(await db.spublish("shard", "there"), 1);
    await until(() => heard.length === 3);
    assert.deepEqual(heard.sort(), [["n*", "news", "hello"], ["news", "hello"], ["of a shard", "shard", "there"]]);
    assert.equal(await ears.unsubscribe("news", "more"), 1);
    assert.equal(await ears.punsubscribe("n*"), 0);
    assert.equal(await shards.sunsubscribe("shard"), 0);
    shards.disconnect();
    assert.equal(await db.publish("news", "nobody"), 0);
    assert.equal(await ears.get("nokey"), null); // no longer subscribed, it may ask in either protocol
    ears.disconnect();
  },

  async blocking() {
    const waits = other.blpop("q1", "q2", 10);
    await blocked();
    await db.rpush("q2", "job");
    assert.deepEqual(await waits, ["q2", "job"]);
    assert.equal(await other.blpop("q1", 0.05), null);
    const moved = other.blmove("from", "to", "LEFT", "RIGHT", 10);
    await blocked();
    await db.rpush("from", "x");
    assert.equal(await moved, "x");
    const popped = other.bzpopmin("zq", 10);
    await blocked();
    await db.zadd("zq", 2, "m");
    assert.deepEqual(await popped, ["zq", "m", "2"]);
  },

  async scripts() {
    // A command of one's own goes as EVALSHA, and as EVAL where the server does not know it (any more).
    db.defineCommand("addTo", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    assert.equal(await db.addTo("n", 5), 5);
    assert.equal(await db.addTo("n", 5), 10);
    await db.script("FLUSH");
    assert.equal(await db.addTo("n", 5), 15);
    assert.deepEqual(await db.pipeline().addTo("n", 1).addTo("n", 1).exec(), [[null, 16], [null, 17]]);
    assert.deepEqual(await db.eval("return {1, 2.9, 'x', false}", 0), [1, 2, "x", null]);
    await assert.rejects(db.eval("return redis.error_reply('MINE of my own')", 0), /MINE of my own/);
    const code = "#!lua name=mine\nredis.register_function('twice', function(keys, args) return args[1] * 2 end)";
    assert.equal(await db.function("LOAD", "REPLACE", code), "mine");
    assert.equal(await db.fcall("twice", 0, 21), 42);
    await db.function("DELETE", "mine");
  },

  async streams() {
    const first = await db.xadd("s", "*", "n", 1);
    await db.xadd("s", "MAXLEN", "~", 1000, "*", "n", 2);
    assert.equal(await db.xgroup("CREATE", "s", "g", "0"), "OK");
    await assert.rejects(db.xgroup("CREATE", "s", "g", "0"), /BUSYGROUP/);
    const read = await db.xreadgroup("GROUP", "g", "me", "COUNT", 1, "STREAMS", "s", ">");
    // The outermost is a map in RESP3, which comes as pairs, or flat, as this version of the client has it.
    assert.deepEqual(read.flat(1).filter((one) => one !== "s").flat(Infinity), [first, "n", "1"]);
    assert.deepEqual(await db.xautoclaim("s", "g", "you", 0, "0-0"), ["0-0", [[first, ["n", "1"]]], []]);
    assert.deepEqual(await db.xpending("s", "g"), [1, first, first, [["you", "1"]]]);
    assert.equal(await db.xack("s", "g", first), 1);
    const waits = other.xread("BLOCK", 10_000, "STREAMS", "s", "$");
    await blocked();
    await db.xadd("s", "*", "n", 3);
    assert.ok((await waits).flat(Infinity).includes("3"));
    assert.equal(await other.xread("BLOCK", 20, "STREAMS", "s", "$"), null);
    assert.equal((await db.xrange("s", "-", "+")).length, 3);
  },

  async the_server() {
    assert.match(await db.info(), /redis_version:8\.2\.3/);
    assert.deepEqual(await db.config("GET", "maxmemory"), ["maxmemory", "0"]);
    assert.match(await db.client("INFO"), new RegExp(`lib-name=ioredis.* lib-ver=\\d.*`));
    assert.match(await db.client("INFO"), new RegExp(`resp=${protocol} `));
    const own = open({ db: 2, connectionName: "me", keyPrefix: "mine:" });
    await own.set("there", 1);
    assert.deepEqual(await own.keys("*"), ["mine:there"]);
    assert.equal(await own.client("GETNAME"), "me");
    own.disconnect();
    const spy = await other.monitor();
    const seen = [];
    spy.on("monitor", (time, words) => seen.push(words));
    await db.set("watched", "x");
    await until(() => seen.some((words) => words.join(" ") === "set watched x"));
    spy.disconnect();
  },

  async reconnecting() {
    const own = open({ connectionName: "own" });
    const ears = open();
    const heard = [];
    ears.on("message", (channel, message) => heard.push(message));
    await ears.subscribe("news");
    const before = await own.client("ID");
    const waits = own.blpop("q", 10); // in flight, so it is sent again on the next connection
    await blocked();
    assert.equal(await db.client("KILL", "ID", before), 1);
    assert.equal(await db.client("KILL", "TYPE", "pubsub"), 1);
    await until(async () => /name=own .*flags=b/.test(await db.client("LIST")));
    await db.rpush("q", "job");
    assert.deepEqual(await waits, ["q", "job"]);
    assert.ok((await own.client("ID")) > before);
    await until(async () => (await db.publish("news", "again")) === 1);
    await until(() => heard.includes("again"));
    own.disconnect();
    ears.disconnect();
  },
};

await run(checks, () => db.flushall());
db.disconnect();
other.disconnect();
