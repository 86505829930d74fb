// BullMQ, most of whose steps are scripts at the server: `node bullmq.js URL 2|3`. What the examples do not use is here.

import assert from "node:assert/strict";

import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import { Redis } from "ioredis";

import { run, until } from "./checks.js";

const [url, protocol] = [process.argv[2], Number(process.argv[3])];
const connection = new Redis(url, { protocol, maxRetriesPerRequest: null });
const place = { connection, prefix: "test" };
const queue = new Queue("q", place);
const events = new QueueEvents("q", place);
await events.waitUntilReady();

// Work with one worker until `count` jobs have ended, and give their names in that order.
async function work(count, does = async () => {}, more = {}) {
  const ended = [];
  const worker = new Worker("q", does, { ...place, ...more });
  worker.on("completed", (job) => ended.push(job.name));
  worker.on("failed", (job) => job.attemptsMade >= (job.opts.attempts ?? 1) && ended.push(`${job.name} failed`));
  worker.on("error", () => {});
  await until(() => ended.length >= count);
  await worker.close();
  return ended;
}

const checks = {
  async priorities() {
    await queue.addBulk([
      { name: "low", data: {}, opts: { priority: 10 } },
      { name: "high", data: {}, opts: { priority: 1 } },
      { name: "plain", data: {} }, // without a priority a job goes before those that have one
      { name: "low too", data: {}, opts: { priority: 10 } },
    ]);
    assert.deepEqual(await queue.getCountsPerPriority([1, 10]), { 1: 1, 10: 2 });
    assert.deepEqual(await work(4), ["plain", "high", "low", "low too"]);
  },

  async pausing() {
    await queue.pause();
    await queue.add("waits", {});
    assert.equal(await queue.isPaused(), true);
    const worker = new Worker("q", async () => "done", place);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await queue.getJobCounts("completed")).completed, 0);
    await queue.resume();
    await until(async () => (await queue.getJobCounts("completed")).completed === 1);
    await worker.close();
  },

  async a_limit() {
    const began = Date.now();
    await queue.addBulk(Array.from({ length: 5 }, (_, n) => ({ name: `n${n}`, data: {} })));
    await work(5, async () => {}, { limiter: { max: 2, duration: 200 } });
    assert.ok(Date.now() - began >= 400, `${Date.now() - began} ms`);
  },

  async a_schedule() {
    await queue.upsertJobScheduler("beat", { every: 100 }, { name: "tick", data: {} });
    assert.equal(await queue.getJobSchedulersCount(), 1);
    const ended = await work(3);
    assert.deepEqual(ended.slice(0, 3), ["tick", "tick", "tick"]);
    assert.equal(await queue.removeJobScheduler("beat"), true);
    assert.equal(await queue.getJobSchedulersCount(), 0);
  },

  async backing_off() {
    const times = [];
    await queue.add("flaky", {}, { attempts: 3, backoff: { type: "exponential", delay: 50 } });
    await work(1, async () => {
      times.push(Date.now());
      throw new Error("again");
    });
    assert.equal(times.length, 3);
    assert.ok(times[1] - times[0] >= 50 && times[2] - times[1] >= 100, String(times));
    const [job] = await queue.getFailed();
    assert.deepEqual([job.failedReason, job.attemptsMade, job.stacktrace.length], ["again", 3, 3]);
    await job.retry();
    assert.deepEqual(await work(1), ["flaky"]);
  },

  async duplicates() {
    const once = { deduplication: { id: "the same" } };
    const [first, second] = [await queue.add("one", {}, once), await queue.add("two", {}, once)];
    assert.equal(first.id, second.id);
    for (const name of ["named", "again"]) assert.equal((await queue.add(name, {}, { jobId: "mine" })).id, "mine");
    assert.equal((await queue.getJobCounts("waiting")).waiting, 2);
  },

  async moving_about() {
    const later = await queue.add("later", { n: 1 }, { delay: 100_000 });
    assert.equal(await later.getState(), "delayed");
    await later.promote();
    assert.equal(await later.getState(), "waiting");
    await later.updateData({ n: 2 });
    await later.log("a line");
    assert.deepEqual((await queue.getJob(later.id)).data, { n: 2 });
    assert.deepEqual(await queue.getJobLogs(later.id), { logs: ["a line"], count: 1 });
    await queue.add("other", {});
    assert.deepEqual((await queue.getWaiting()).map((job) => job.name).sort(), ["later", "other"]);
    await later.remove();
    assert.deepEqual((await queue.getWaiting()).map((job) => job.name), ["other"]);
    await queue.drain();
    assert.equal(await queue.count(), 0);
  },

  async flows() {
    const flow = new FlowProducer(place);
    const child = (name) => ({ name, queueName: "q", data: {}, opts: { failParentOnFailure: true } });
    const tree = await flow.add({ name: "parent", queueName: "q", children: [child("good"), child("bad")] });
    assert.equal(await tree.job.getState(), "waiting-children");
    const does = async (job) => {
      if (job.name === "bad") throw new Error("no");
      return job.name;
    };
    const worker = new Worker("q", does, place);
    await until(async () => (await tree.job.getState()) === "failed");
    await worker.close();
    const whole = await flow.getFlow({ id: tree.job.id, queueName: "q" });
    assert.equal(whole.children.length, 2);
  },

  async many_workers() {
    const jobs = await queue.addBulk(Array.from({ length: 300 }, (_, n) => ({ name: "job", data: { n } })));
    const seen = [];
    const workers = [1, 2, 3, 4].map(
      () => new Worker("q", async (job) => seen.push(job.data.n), { ...place, concurrency: 5 }),
    );
    await until(async () => (await queue.getCompletedCount()) === jobs.length);
    await Promise.all(workers.map((worker) => worker.close()));
    assert.deepEqual(seen.sort((a, b) => a - b), jobs.map((_, n) => n)); // each once
    assert.equal((await queue.clean(0, 1000, "completed")).length, jobs.length);
    await queue.obliterate();
    assert.deepEqual(await connection.keys("test:q:*"), []);
  },

  async a_worker_that_dies() {
    // The lock of a job is a key with a deadline; a job that is at work without one has been left by its worker. This one
    // never ends, and so holds up nobody but itself until the process ends.
    const job = await queue.add("orphan", {});
    new Worker("q", () => new Promise(() => {}), { ...place, skipLockRenewal: true, skipStalledCheck: true }).on("error", () => {});
    await until(async () => (await queue.getActiveCount()) === 1);
    assert.equal(await connection.del(`test:q:${job.id}:lock`), 1);
    await connection.del("test:q:stalled-check"); // by which workers agree to look only now and then
    const heir = new Worker("q", async () => "done by another", { ...place, stalledInterval: 100 });
    await until(async () => (await queue.getCompletedCount()) === 1);
    assert.equal((await queue.getCompleted())[0].returnvalue, "done by another");
    await heir.close();
  },
};

await run(checks, async () => {
  await queue.obliterate({ force: true });
  await queue.resume();
});
await Promise.all([events.close(), queue.close()]);
connection.disconnect();
process.exit(0); // clients that BullMQ has made for itself may still be closing
