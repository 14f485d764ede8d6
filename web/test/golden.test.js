/**
 * What Rust writes, this client reads: thousands of ticks from several seeds, compared by hash at every one; and records, byte by byte.
 * @module
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { readMessages } from "../messages.js";
import { readRecord, writeRecord } from "../schema.js";
import { checkSnapshots } from "./golden.js";

/** @param {string} name */
function golden(name) {
  return readFile(new URL(`../../tests/out/${name}`, import.meta.url));
}

test("snapshots of a recorded swarm", async () => {
  const compared = checkSnapshots(await golden("swarm.bin"));
  assert.ok(compared > 500, `${compared} compared`);
});

test("snapshots of every kind of field", async () => {
  const compared = checkSnapshots(await golden("edges.bin"));
  assert.ok(compared > 2300, `${compared} compared`);
});

for (const seed of [1, 2, 3]) {
  test(`snapshots of seed ${seed}`, async () => {
    const compared = checkSnapshots(await golden(`snapshots-${seed}.bin`));
    assert.ok(compared > 2400, `${compared} compared`);
  });
}

test("records", async () => {
  const { welcome, values, records } = JSON.parse(String(await golden("records.json")));
  const [message] = readMessages(Buffer.from(welcome, "hex"));
  assert.equal(message?.type, "welcome");
  const { input, messages, requests } = message.welcome.schema;
  assert.deepEqual([messages, requests], [[input], [{ request: input, reply: input }]]);
  assert.ok(values.length > 80);
  values.forEach((/** @type {Record<string, any>} */ value, /** @type {number} */ index) => {
    const record = writeRecord(input, { ...value, bytes: Buffer.from(value.bytes, "hex") });
    assert.equal(Buffer.from(record).toString("hex"), records[index], JSON.stringify(value));
    // What was quantised once stays as it is.
    assert.deepEqual(writeRecord(input, readRecord(input, record)), record);
  });
});
