/**
 * One list of error codes on both sides, and what the client makes of each.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WireError } from "../bytes.js";
import { readMessages } from "../messages.js";
import { names } from "./error-table.js";
import * as fake from "./fake.js";

test("the client has every code of the protocol, and no more", () => {
  assert.equal(names.length, 17);
  const read = (/** @type {number} */ code) => [...readMessages(fake.error(code))].map((message) => message.type === "error" && message.code);
  assert.deepEqual(names.map((_, code) => read(code)), names.map((name) => [name]));
  assert.throws(() => read(names.length), WireError);
});

describe("every code has its name", () => {
  for (const [code, name] of names.entries()) {
    test(`${name}, for what was said`, async (t) => {
      const { client, socket } = fake.start(t);
      const errors = fake.record(client, "error");
      socket.admit();
      const answer = client.publish("hello");
      const publish = socket.last("Publish");
      socket.say(fake.error(code, 250, publish.option(() => publish.string())));
      assert.equal(await fake.refusal(answer), name);
      assert.deepEqual(errors, []);
    });

    test(`${name}, for what has no promise`, (t) => {
      const { client, socket } = fake.start(t);
      const errors = fake.record(client, "error");
      socket.admit();
      socket.say(fake.error(code, 250));
      assert.deepEqual(errors, [{ code: name, message: "no", retryMs: 250, ofJoin: false }]);
      assert.equal(socket.closed, false);
      assert.equal(client.state, "playing");
    });

    test(`${name}, for a join`, (t) => {
      const { client, socket } = fake.start(t);
      const errors = fake.record(client, "error");
      socket.open();
      socket.say(fake.accepted(), fake.refused("Join", code));
      assert.deepEqual(errors, [{ code: name, message: "no", retryMs: null, ofJoin: true }]);
      assert.equal(socket.closed, false);
    });
  }
});
