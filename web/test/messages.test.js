/**
 * What travels, byte by byte as the protocol has it.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WireError } from "../bytes.js";
import * as messages from "../messages.js";
import * as fake from "./fake.js";

const TOKEN = Array(16).fill(9);

/** The bytes of a text, with its length before it. @param {string} value */
function text(value) {
  const bytes = new TextEncoder().encode(value);
  return [bytes.length, ...bytes];
}

/** The one message of a frame, where nothing was heard before it. @param {Uint8Array | fake.Answer} frame */
function read(frame) {
  const bytes = typeof frame === "function" ? frame({ idOf: () => null }) : frame;
  const [message, ...more] = messages.readMessages(bytes);
  assert.deepEqual(more, []);
  return message;
}

/** @param {number} kind @param {number[]} body */
function frame(kind, ...body) {
  return Uint8Array.of(kind, body.length, ...body);
}

const BOB = { session: 70_000, seat: 4, name: "Bob" };
const MAIN = /** @type {const} */ ({ scope: "room", channel: "main", to: null });
const everything = { kind: "duel", name: "mine", labels: { mode: "ffa", map: "dust" }, metadata: "é", seats: 300, seed: 2n ** 60n, private: true };

/** @type {[string, Uint8Array, Uint8Array][]} */
const SAID = [
  ["a join by name", messages.join(null, { room: "a" }, "player", null), frame(2, 0, 0, ...text("a"), 0, 0)],
  ["a join by code", messages.join(null, { code: "XY" }, "spectator", null), frame(2, 0, 1, ...text("XY"), 1, 0)],
  [
    "a join that resumes",
    messages.join(null, { room: "a" }, "player", { token: fake.token(9), received: 300 }),
    frame(2, 0, 0, ...text("a"), 0, 1, ...TOKEN, 251, 44, 1),
  ],
  ["a join of any room", messages.join(null, { find: {} }, "player", null), frame(2, 0, 2, 0, 0, 0, 0)],
  [
    "a join of a kind with labels",
    messages.join(null, { find: { kind: "duel", labels: { map: "dust" } } }, "player", null),
    frame(2, 0, 2, 1, ...text("duel"), 1, ...text("map"), ...text("dust"), 0, 0),
  ],
  ["a join that creates what it can't find", messages.join(null, { findOrCreate: {} }, "player", null), frame(2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  [
    "a join that creates, with labels by name",
    messages.join(null, { create: everything }, "player", null),
    frame(
      2, 0, 4, 1, ...text("duel"), 1, ...text("mine"), 2, ...text("map"), ...text("dust"), ...text("mode"), ...text("ffa"), ...text("é"),
      1, 251, 44, 1, 1, 253, 0, 0, 0, 0, 0, 0, 0, 16, 1, 0, 0,
    ),
  ],
  ["a join that waits for a match", messages.join(null, { queue: { players: 4, rank: -3 } }, "player", null), frame(2, 0, 5, 0, 0, 4, 5, 0, 0)],
  ["a subscription", messages.subscribe(null, "room", "team", null), frame(8, 0, 0, ...text("team"), 0)],
  ["a subscription after a number", messages.subscribe(null, "relay", "news", 70_000), frame(8, 0, 1, ...text("news"), 1, 252, 112, 17, 1, 0)],
  ["its end", messages.unsubscribe(null, "relay", "news"), frame(9, 0, 1, ...text("news"))],
  ["a join with an id", messages.join("j1", { room: "a" }, "player", null), frame(2, 1, ...text("j1"), 0, ...text("a"), 0, 0)],
  ["a subscription with an id", messages.subscribe("s1", "room", "team", 7), frame(8, 1, ...text("s1"), 0, ...text("team"), 1, 7)],
  ["its end with an id", messages.unsubscribe("s2", "relay", "news"), frame(9, 1, ...text("s2"), 1, ...text("news"))],
  ["a look at the rooms with an id", messages.listRooms("l1", {}, true), frame(14, 1, ...text("l1"), 0, 0, 1)],
  ["JSON", messages.publish("m1", MAIN, { a: [1, "é"] }), frame(10, 1, ...text("m1"), 0, 0, ...text("main"), 0, ...text('{"a":[1,"é"]}'))],
  ["bytes", messages.publish(null, MAIN, Uint8Array.of(1, 255)), frame(10, 0, 0, 0, ...text("main"), 1, 2, 1, 255)],
  ["words for seats", messages.publish(null, { scope: "room", channel: null, to: [0, 300] }, 1), frame(10, 0, 1, 2, 0, 251, 44, 1, 0, ...text("1"))],
  ["words for the host", messages.publish(null, { scope: "room", channel: null, to: "host" }, null), frame(10, 0, 2, 0, ...text("null"))],
  ["an acknowledgement", messages.ack(5), frame(11, 5)],
  ["a message to the game", messages.tell("i", 200, Uint8Array.of(7)), frame(12, ...text("i"), 200, 1, 7)],
  ["a message without an id", messages.tell(null, 1, Uint8Array.of(7)), frame(12, 0, 1, 7)],
  ["a request", messages.request("i", 2, Uint8Array.of(7)), frame(13, ...text("i"), 2, 7)],
  ["a look at the rooms", messages.listRooms(null, {}, false), frame(14, 0, 0, 0, 0)],
  ["a longer one", messages.listRooms(null, { kind: "duel" }, true), frame(14, 0, 1, ...text("duel"), 0, 1)],
];

describe("a client says", () => {
  for (const [name, said, expected] of SAID) test(name, () => assert.deepEqual(said, expected));
});

/** @type {[string, Uint8Array | fake.Answer, object][]} */
const HEARD = [
  ["an event", fake.event(0, "hi", 300), { type: "event", number: 300, tick: 104, event: 0, record: Uint8Array.of(...text("hi")) }],
  ["an error", fake.error(16, 900, "m1"), { type: "error", code: "TimedOut", message: "no", retryMs: 900, id: "m1" }],
  ["who hears a channel", fake.subscribed(1, "news", "s1"), { type: "subscribed", id: "s1", scope: "relay", channel: "news", members: [BOB], count: 2 }],
  ["the end of a channel", fake.unsubscribed(0, "team", "s2"), { type: "unsubscribed", id: "s2", scope: "room", channel: "team" }],
  ["JSON", fake.message(7, { scope: 0, channel: "main" }, '{"a":1}'), { type: "message", number: 7, from: BOB, ...MAIN, content: { a: 1 } }],
  [
    "bytes for seats",
    fake.message(7, [3, 300], Uint8Array.of(1, 2)),
    { type: "message", number: 7, from: BOB, scope: "room", channel: null, to: [3, 300], content: Uint8Array.of(1, 2) },
  ],
  ["words for the host", fake.message(7, "host", "1"), { type: "message", number: 7, from: BOB, scope: "room", channel: null, to: "host", content: 1 }],
  [
    "the embedder's words",
    frame(0x4a, 1, 0, 0, 1, ...text("news"), 0, ...text("null")),
    { type: "message", number: 1, from: null, scope: "relay", channel: "news", to: null, content: null },
  ],
  ["who comes", fake.presence(0, "main", true), { type: "presence", scope: "room", channel: "main", member: BOB, here: true }],
  ["what has arrived", fake.acked("m1"), { type: "acked", id: "m1" }],
  ["a reply", fake.reply(300, "r1", "yes"), { type: "reply", number: 300, id: "r1", request: 0, record: Uint8Array.of(...text("yes")) }],
  [
    "rooms",
    fake.rooms(true, ["a"], ["b"], "l1"),
    {
      type: "rooms",
      id: "l1",
      whole: true,
      rooms: [{ name: "a", kind: "arena", labels: { map: "dust" }, metadata: "come in", players: 2, seats: 8, spectators: 1, locked: false }],
      gone: ["b"],
    },
  ],
  ["another host", fake.host(300), { type: "host", host: 300 }],
  ["no host", fake.host(null), { type: "host", host: null }],
];

describe("a server says", () => {
  for (const [name, heard, expected] of HEARD) test(name, () => assert.deepEqual(read(heard), expected));

  test("what nobody asked for, without an id", () => {
    for (const said of [fake.welcome(), fake.subscribed(0, "a"), fake.unsubscribed(0, "a"), fake.rooms(true, [])]) {
      const message = read(said);
      assert.ok("id" in message && message.id === null);
    }
  });

  test("a welcome", () => {
    const message = read(fake.welcome({ code: "XY", seat: null, received: 300, lost: true }, "j1"));
    assert.equal(message.type, "welcome");
    assert.equal(message.id, "j1");
    const { schema, ...welcome } = message.welcome;
    assert.deepEqual(welcome, {
      room: "lobby", code: "XY", session: 41, seat: null, host: 5, tick: 100, tickRate: 10, snapshotEvery: 1, inputAhead: 8, inputBehind: 16,
      resume: fake.token(7), resumeMs: 20_000, received: 300, lost: true,
    });
    assert.deepEqual(schema.requests.map(({ request, reply }) => [request.name, reply.name]), [["Ask", "Answer"]]);
  });
});

describe("what is malformed is refused", () => {
  /** @type {[string, Uint8Array][]} */
  const MALFORMED = [
    ["an unknown code", frame(0x45, 17, 0, 0, 0)],
    ["an unknown scope", frame(0x49, 0, 2, ...text("a"))],
    ["an unknown address", frame(0x4a, 1, 0, 3, 0, ...text("1"))],
    ["unknown content", frame(0x4a, 1, 0, 2, 2, 0)],
    ["content that is not JSON", frame(0x4a, 1, 0, 2, 0, ...text("{"))],
    ["a boolean of two", frame(0x4b, 0, ...text("a"), 1, 0, ...text("b"), 2)],
    ["a list longer than its bytes", frame(0x4e, 0, 1, 200)],
    ["bytes left over", frame(0x4c, ...text("a"), 0)],
  ];
  for (const [name, bytes] of MALFORMED) test(name, () => assert.throws(() => [...messages.readMessages(bytes)], WireError));
});

describe("what a relay would not take is the caller's mistake", () => {
  const long = "é".repeat(33);
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`label ${index}`, "x"]));
  /** @type {[string, () => Uint8Array, RegExp][]} */
  const MISTAKES = [
    ["a channel without a name", () => messages.subscribe(null, "room", "", null), /channel: 0 is not in 1..=64/],
    ["a long name", () => messages.join(null, { room: long }, "player", null), /room: 66 is not in 1..=64/],
    ["too many labels", () => messages.listRooms(null, { labels: many }, false), /labels: 17/],
    ["long content", () => messages.publish(null, MAIN, "x".repeat(2047)), /content: 2049 is not in 0..=2048/],
    ["content that JSON can't say", () => messages.publish(null, MAIN, undefined), /JSON has no word for undefined/],
    ["too many recipients", () => messages.publish(null, { scope: "room", channel: null, to: Array(65).fill(1) }, 1), /recipients: 65/],
  ];
  for (const [name, say, reason] of MISTAKES) test(name, () => assert.throws(say, reason));
});
