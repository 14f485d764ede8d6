/**
 * The vectors that Rust writes (`tests/tests/golden.rs` tells their form), read by this client; runs in Node and in a page.
 * @module
 */

import { readMessages } from "../messages.js";
import { Replica } from "../snapshot.js";

/**
 * Plays snapshots to three clients: one from the start, one that loses some and comes back by resyncs, and one that is always new.
 * Throws at the first difference.
 * @param {Uint8Array} bytes
 * @returns {number} Snapshots whose hash was compared.
 */
export function checkSnapshots(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Replica | undefined} */
  let steady;
  /** @type {Replica | undefined} */
  let lossy;
  /** @type {import("../schema.js").Schema | undefined} */
  let schema;
  let losing = false;
  let compared = 0;
  for (let at = 0; at < bytes.length; ) {
    const [kind, length, hash] = [bytes[at], view.getUint32(at + 1, true), view.getUint32(at + 5, true)];
    const body = bytes.subarray(at + 9, at + 9 + length);
    at += 9 + length;
    const apply = (/** @type {Replica | undefined} */ replica) => {
      if (!replica) throw new Error("the schema comes first");
      const { fresh, hashMatched } = replica.apply(body);
      if (!fresh || hashMatched === false || replica.hash() !== hash) throw new Error(`tick ${replica.tick} differs`);
      compared += 1;
    };
    if (kind === 0) {
      const [message] = readMessages(body);
      if (message?.type !== "welcome") throw new Error("a welcome holds the schema");
      schema = message.welcome.schema;
      [steady, lossy] = [new Replica(schema), new Replica(schema)];
    } else if (kind === 1) {
      apply(steady);
      if (!losing) apply(lossy);
    } else if (kind === 2) {
      if (schema) apply(new Replica(schema));
    } else if (kind === 3) {
      apply(lossy);
      losing = false;
    } else {
      losing = true;
    }
  }
  return compared;
}
