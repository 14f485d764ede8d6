/**
 * The error codes as `protocol/PROTOCOL.md` has them, for tests that hold the client to them.
 * @module
 */

import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../protocol/PROTOCOL.md", import.meta.url), "utf8");
const section = source.split("\n## ").find((section) => section.startsWith("Error codes\n")) ?? "";

/** Every name; its place is its number. */
export const names = [...section.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(([, number, name], index) => {
  if (Number(number) !== index) throw new Error(`${name} is out of order`);
  return name;
});
