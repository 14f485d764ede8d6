/**
 * The built-in priors as a module; run by itself, writes it from the room's.
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const MODULE = new URL("../snapshot/generic.js", import.meta.url);
export const LEVELS = new URL("../../protocol/src/snapshot/generic.priors", import.meta.url);

/** Characters of base64 in a line. */
const LINE = 120;

/** @param {Buffer} levels */
export function moduleOf(levels) {
  const lines = levels.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `/**
 * The built-in levels: a table's block, a number's and an opaque field's. \`npm run generic\` makes this file of the protocol's \`generic.priors\`.
 * @module
 */

const BASE64 = \`
${lines.join("\n")}
\`;

export const GENERIC = Uint8Array.from(atob(BASE64), (byte) => byte.charCodeAt(0));
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(MODULE, moduleOf(await readFile(LEVELS)));
