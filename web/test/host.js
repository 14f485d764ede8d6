/**
 * A real host for tests: the program itself, on a free port.
 * @module
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const program = process.env.TICKWIRE ?? `${target}/release/tickwire`;

/**
 * Runs another subcommand to its end; what it printed.
 * @param {string[]} args
 */
export function run(...args) {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/**
 * Starts `tickwire host` and waits for its URL.
 * @param {string[]} args
 */
export async function startHost(...args) {
  const child = spawn(program, ["host", "--addr", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return {
    url: String(url),
    /** Ends it as the system would, and gives its exit status. */
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      return child.exitCode;
    },
  };
}
