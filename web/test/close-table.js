/**
 * The table of close codes as `protocol/src/close.rs` has it, for tests that hold the client to it.
 * @module
 */

import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../protocol/src/close.rs", import.meta.url), "utf8");

/** How many codes the enum has. */
export const variants = [...source.matchAll(/^    [A-Z]\w+,$/gm)].length;

/** Every row. */
export const rows = [...source.matchAll(/\(CloseCode::\w+, (\d+), (true|false), "(.*)"\)/g)].map(([, code, retry, reason]) => ({
  code: Number(code),
  retry: retry === "true",
  reason,
}));
