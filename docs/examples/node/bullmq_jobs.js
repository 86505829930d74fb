// Jobs for other processes with BullMQ: progress, tries, delays, priorities, and a job that waits for others.
//
//     npm install
//     node bullmq_jobs.js work --url redis://localhost:6379      # a worker; Ctrl-C ends it when its job is done
//     node bullmq_jobs.js send                                   # in another terminal
//
// BullMQ does each of its steps in a script at the server, so that a job is never in two places or in none. Commands (by
// BullMQ): EVALSHA, BZPOPMIN, XADD and XREAD BLOCK (its events), hashes, lists and sorted sets from within the scripts.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import { Redis } from "ioredis";

import { fail, options, reach, shown } from "./connecting.js";

const QUEUE = "images";
const { url, wait, words } = options({ wait: { type: "string", default: "10" } });
await reach(url);
// A worker waits at the server for as long as nothing is to be done, so no request may be given up after some tries.
const connection = new Redis(url, { maxRetriesPerRequest: null });
connection.on("error", (problem) => console.error(`${shown(url)}: ${problem.message}`));
const place = { connection, prefix: "example:bullmq" };

async function resize(job) {
  for (const percent of [50, 100]) {
    await sleep(20); // where a real worker would resize
    await job.updateProgress(percent);
  }
  return `${job.data.name} at ${job.data.width}`;
}

async function fetchPage(job) {
  if (job.attemptsMade < 2) throw new Error(`${job.data.name} does not answer`);
  return `${job.data.name} fetched at try ${job.attemptsMade + 1}`;
}

async function album(job) {
  const parts = Object.values(await job.getChildrenValues());
  return `album of ${parts.sort().join(" and ")}`;
}

async function work() {
  const does = { resize, fetch: fetchPage, album };
  const worker = new Worker(QUEUE, (job) => does[job.name](job), place);
  worker.on("completed", (job) => console.log(`done: ${job.name}`));
  worker.on("failed", (job, problem) => console.log(`failed: ${job.name}, ${problem.message}`));
  await worker.waitUntilReady();
  console.log("waiting for jobs");
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, async () => {
      await worker.close(); // takes no more, and waits for what it is at
      await connection.quit();
    });
  }
}

async function send() {
  const queue = new Queue(QUEUE, { ...place, defaultJobOptions: { removeOnComplete: { age: 3600 }, removeOnFail: 100 } });
  // A stream that it reads: what became of every job. Whoever reads from now on may begin too late for the first.
  const events = new QueueEvents(QUEUE, { ...place, lastEventId: "0-0" });
  await events.waitUntilReady();
  const result = (job) => job.waitUntilFinished(events, Number(wait) * 1000);
  const jobId = randomUUID();
  let steps = 0;
  events.on("progress", (told) => (steps += told.jobId === jobId));
  const heard = new Promise((resolve) => events.on("completed", (told) => told.jobId === jobId && resolve()));
  try {
    const cat = await result(await queue.add("resize", { name: "cat", width: 100 }, { jobId }));
    await heard; // the result may have been asked for, ahead of what the stream tells
    console.log(`resize: ${cat} (${steps} steps)`);

    const again = { attempts: 3, backoff: { type: "fixed", delay: 50 } };
    console.log(`retry: ${await result(await queue.add("fetch", { name: "page" }, again))}`);

    const failing = await queue.add("fetch", { name: "nothing" }, { attempts: 1 });
    console.log(`failure: ${await result(failing).catch((problem) => problem.message)}`);

    const later = await queue.add("resize", { name: "dog", width: 5 }, { delay: 300 });
    console.log(`later: ${await later.getState()} at first, then ${await result(later)}`);

    // The parent is a job as well, but waits until its children are done, wherever they were done.
    const flow = await new FlowProducer(place).add({
      name: "album",
      queueName: QUEUE,
      children: ["ant", "bee"].map((name) => ({ name: "resize", queueName: QUEUE, data: { name, width: 7 } })),
    });
    console.log(`flow: ${await result(flow.job)}`);
    const counts = await queue.getJobCounts("waiting", "active", "delayed", "completed", "failed");
    console.log(Object.entries(counts).map(([state, count]) => `${count} ${state}`).join(", "));
  } catch (problem) {
    fail(`${problem.message}: does a worker run? (node bullmq_jobs.js work)`);
  }
  await Promise.all([events.close(), queue.close()]);
  await connection.quit();
}

const does = { work, send }[words[0]];
if (!does) fail("say what to do: work or send");
await does();
