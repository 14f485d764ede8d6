/**
 * The golden vectors that Rust writes (`tests/tests/golden` tells their form), taken apart; runs in Node and in a page.
 * @module
 */

import { readMessages } from "../messages.js";

/** What a record is: the schema, a delta, a keyframe for someone new, a resync after a loss, the start of a loss. */
export const Kind = Object.freeze({ SCHEMA: 0, DELTA: 1, KEYFRAME: 2, RESYNC: 3, LOSS: 4 });

/**
 * The records of a file: kind, snapshot hash afterwards, body.
 * @param {Uint8Array} bytes
 * @returns {Generator<{ kind: number, hash: number, body: Uint8Array }>}
 */
export function* records(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const [kind, length, hash] = [bytes[at], view.getUint32(at + 1, true), view.getUint32(at + 5, true)];
    yield { kind, hash, body: bytes.subarray(at + 9, at + 9 + length) };
    at += 9 + length;
  }
}

/** The schema in a welcome's frame. @param {Uint8Array} body */
export function schemaOf(body) {
  const [message] = readMessages(body);
  if (message?.type !== "welcome") throw new Error("a welcome holds the schema");
  return message.welcome.schema;
}
