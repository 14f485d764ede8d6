/**
 * One table of close codes on both sides.
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { closeReason, mayRetry } from "../close.js";
import { rows, variants } from "./close-table.js";

test("every code of the relay's table is in the client's, and means the same", () => {
  assert.equal(rows.length, variants, "no row was overlooked");
  for (const row of rows) {
    assert.deepEqual({ code: row.code, retry: mayRetry(row.code), reason: closeReason(row.code) }, row);
  }
});

test("the client's table has no more codes but the one that a lost connection gives", () => {
  const codes = Array.from({ length: 4000 }, (_, index) => 1000 + index);
  const known = codes.filter((code) => closeReason(code) !== `closed with ${code}`);
  assert.deepEqual(known.filter((code) => !rows.some((row) => row.code === code)), [1006]);
});

test("a code that is in no table is worth another try", () => {
  assert.equal(mayRetry(4999), true);
  assert.equal(closeReason(4999), "closed with 4999");
});
