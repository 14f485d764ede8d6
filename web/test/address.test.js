/**
 * Where addresses of the arena's page lead.
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, destinationIn } from "../play/address.js";

test("an address leads where it was made for", () => {
  for (const role of /** @type {const} */ (["player", "spectator"])) {
    for (const target of [{ room: "lobby" }, { room: "a&b=c d#é" }, { code: "X7KQ2M" }]) {
      const address = addressOf({ target, role });
      assert.deepEqual(destinationIn(new URL(address, "http://host").search), { target, role }, address);
    }
  }
});

test("the lobby's is the plain one, and a new room's says no more than that it is private", () => {
  assert.equal(addressOf(destinationIn("")), "/");
  assert.equal(addressOf(destinationIn("?room=&name=Ada")), "/");
  assert.equal(addressOf(destinationIn("?private&spectate")), "/?private=&spectate=");
  assert.deepEqual(destinationIn("?private").target, { create: { kind: "arena", private: true } });
});
