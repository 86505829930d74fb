// What the examples of this folder share: the address of the server, and one clear line where it cannot be had.

import net from "node:net";
import tls from "node:tls";
import { parseArgs } from "node:util";

// The command line: --url, or REDIS_URL in the environment, and what the example knows of its own.
export function options(own = {}) {
  const url = { type: "string", default: process.env.REDIS_URL ?? "redis://localhost:6379" };
  try {
    const { values, positionals } = parseArgs({ options: { url, ...own }, allowPositionals: true });
    return { ...values, words: positionals };
  } catch (problem) {
    return fail(problem.message);
  }
}

// The address as it may be printed: a password belongs in no log.
export function shown(url) {
  return url.replace(/^(\w+:\/\/[^:@/]*):[^@/]*@/, "$1:***@");
}

export function fail(text) {
  console.error(`error: ${text}`);
  process.exit(1);
}

// Ends with one line where nothing listens there. The libraries would try again for ever, which is right for a service,
// but not for somebody who waits at a prompt.
export async function reach(url) {
  let address;
  try {
    address = new URL(url);
  } catch {
    fail(`${shown(url)} is no address of a server`);
  }
  const { connect } = address.protocol === "rediss:" ? tls : net;
  const [host, port] = [address.hostname.replace(/^\[|\]$/g, "") || "localhost", Number(address.port || 6379)];
  try {
    await new Promise((resolve, reject) => {
      const probe = connect({ host, port, timeout: 5000, servername: host }, () => resolve(probe.destroy()));
      probe.on("error", reject);
      probe.on("timeout", () => reject(new Error("no answer within 5 s")));
    });
  } catch (problem) {
    // For a name with several addresses, the reasons are in `errors`.
    const why = problem.message || problem.errors?.map((one) => one.message).join(", ");
    fail(`cannot reach ${shown(url)}: ${why}; is a server running there? (redlark serve)`);
  }
}
