/**
 * The client's connection, against a scripted relay in virtual time.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rows } from "./close-table.js";
import * as fake from "./fake.js";

const text = new TextDecoder();
const RESUME_REFUSED = 4;
const ROOM_FULL = 3;

/** @param {import("./fake.js").FakeSocket} socket */
function resumeOf(socket) {
  const join = socket.last("Join");
  assert.deepEqual([join.unsigned(), join.string(), join.unsigned()], [0, "lobby", 0]);
  const resume = join.option(() => ({ token: join.take(16)[0], received: join.unsigned() }));
  join.end();
  return resume;
}

describe("joining", () => {
  test("shows the token, asks for the room, and plays", (t) => {
    const { client, socket } = fake.start(t);
    assert.deepEqual([socket.url, socket.protocol, socket.binaryType], ["ws://relay", "tickwire.v1", "arraybuffer"]);
    assert.deepEqual(socket.kinds, []);
    socket.open();
    assert.equal(client.state, "authenticating");
    assert.equal(text.decode(socket.last("Auth").bytes), "\x01\x05ada.1");
    socket.say(fake.accepted());
    assert.equal(client.state, "joining");
    assert.equal(text.decode(socket.last("Join").bytes), "\0\x05lobby\0\0");
    socket.say(fake.welcome());
    assert.equal(client.state, "playing");
    assert.equal(client.seat, 3);
    assert.deepEqual(socket.kinds, ["Auth", "Join", "Probe"]);
  });

  test("handlers that are attached right after construction miss nothing", (t) => {
    const { client, socket } = fake.start(t);
    assert.equal(client.state, "connecting");
    const states = fake.record(client, "state");
    const welcomes = fake.record(client, "welcome");
    socket.admit();
    assert.deepEqual(states, ["authenticating", "joining", "playing"]);
    assert.deepEqual(welcomes, [client.welcome]);
    assert.equal(client.welcome?.tickRate, 10);
  });

  test("says nothing but the token before it is accepted", (t) => {
    const { socket, pass } = fake.start(t);
    socket.open();
    pass(5000);
    assert.deepEqual(socket.kinds, ["Auth"]);
  });

  test("a handler that is taken back hears no more", (t) => {
    const { client, socket } = fake.start(t);
    /** @type {string[]} */
    const states = [];
    const takeBack = client.on("state", (state) => states.push(state));
    socket.open();
    takeBack();
    socket.say(fake.accepted());
    assert.deepEqual(states, ["authenticating"]);
  });

  test("a full room is told and the connection stays", (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.open();
    socket.say(fake.accepted(), fake.refused("Join", ROOM_FULL, 1500));
    assert.deepEqual(errors, [{ code: "RoomFull", message: "no", retryMs: 1500, ofJoin: true }]);
    assert.equal(client.state, "joining");
    assert.equal(socket.closed, false);
  });
});

describe("a lost connection", () => {
  test("is tried again after waits that grow from 100 ms to 5 s", (t) => {
    const relay = fake.start(t, { random: () => 0.999 });
    for (const cap of [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]) {
      const before = relay.sockets.length;
      relay.socket.end();
      assert.equal(relay.client.state, "waiting");
      relay.pass(Math.floor(cap * 0.999) - 1);
      assert.equal(relay.sockets.length, before, `not yet, of ${cap} ms`);
      relay.pass(2);
      assert.equal(relay.sockets.length, before + 1, `now, of ${cap} ms`);
      assert.equal(relay.client.state, "connecting");
    }
  });

  test("is tried again after any part of the wait", (t) => {
    let chance = 0.25;
    const relay = fake.start(t, { random: () => chance });
    for (const [part, wait] of [[0.25, 25], [0.5, 100], [0, 0]]) {
      chance = part;
      const before = relay.sockets.length;
      relay.socket.end();
      if (wait) relay.pass(wait - 1);
      assert.equal(relay.sockets.length, before);
      relay.pass(1);
      assert.equal(relay.sockets.length, before + 1);
    }
  });

  test("is tried again soon once the room was reached", (t) => {
    const relay = fake.start(t, { random: () => 0.5 });
    for (let attempt = 0; attempt < 6; attempt++) {
      relay.socket.end();
      relay.pass(5000);
    }
    relay.socket.open();
    relay.socket.end();
    relay.pass(100);
    assert.equal(relay.client.state, "waiting", "to be connected is not enough");
    relay.pass(5000);
    relay.socket.admit();
    relay.socket.end();
    relay.pass(50);
    assert.equal(relay.client.state, "connecting");
  });

  test("is followed by one that takes the seat up again", (t) => {
    const relay = fake.start(t);
    relay.socket.admit({ resume: 7 });
    assert.equal(resumeOf(relay.sockets[0]), null);
    relay.socket.end();
    relay.pass(1);
    relay.socket.admit({ resume: 8 });
    assert.deepEqual(resumeOf(relay.sockets[1]), { token: 7, received: 0 });
    relay.socket.say(fake.event(0, "hi", 300));
    relay.socket.end();
    relay.pass(1);
    relay.socket.admit();
    assert.deepEqual(resumeOf(relay.sockets[2]), { token: 8, received: 300 }, "each welcome brings a new token");
    assert.equal(relay.client.stats.reconnects, 2);
  });

  test("leaves no timer behind", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.socket.end();
    relay.pass(1);
    relay.socket.admit();
    relay.pass(1000);
    assert.deepEqual(relay.sockets[1].kinds, ["Auth", "Join", "Probe"], "the first connection's beat has stopped");
  });
});

test("a seat of an earlier client is asked for with the first join", (t) => {
  const resume = { token: fake.token(9), received: 12 };
  const { client, socket } = fake.start(t, { resume });
  assert.deepEqual(client.resume, resume);
  socket.admit({ resume: 10, received: 15 });
  assert.deepEqual(resumeOf(socket), { token: 9, received: 12 });
  assert.deepEqual(client.resume, { token: fake.token(10), received: 15 });
});

test("a refused resume joins anew on the same connection", (t) => {
  const { client, socket, sockets } = fake.start(t, { resume: { token: fake.token(9), received: 0 } });
  const errors = fake.record(client, "error");
  socket.open();
  socket.say(fake.accepted());
  socket.say(fake.refused("Join", RESUME_REFUSED));
  assert.deepEqual(socket.kinds, ["Auth", "Join", "Join"]);
  assert.equal(resumeOf(socket), null);
  socket.say(fake.welcome());
  assert.equal(client.state, "playing");
  assert.deepEqual(errors, []);
  assert.equal(sockets.length, 1);
});

test("a room that refuses for now is asked again in time", (t) => {
  const relay = fake.start(t);
  relay.socket.open();
  relay.socket.say(fake.accepted(), fake.refused("Join", ROOM_FULL, 1500));
  const joins = () => relay.socket.kinds.filter((kind) => kind === "Join").length;
  relay.pass(1499);
  assert.equal(joins(), 1);
  relay.pass(1);
  assert.equal(joins(), 2);
  relay.socket.say(fake.refused("Join", ROOM_FULL));
  relay.pass(3000);
  assert.equal(joins(), 2, "refused for good");
});

describe("a close of the relay", () => {
  for (const { code, retry, reason } of rows) {
    test(`${code} is ${retry ? "tried again" : "the end"}`, (t) => {
      const relay = fake.start(t);
      const closes = fake.record(relay.client, "close");
      relay.socket.admit();
      relay.socket.end(code);
      assert.deepEqual(closes, [{ code, reason, retry }]);
      assert.equal(relay.client.state, retry ? "waiting" : "closed");
      relay.pass(60_000);
      assert.equal(relay.sockets.length > 1, retry);
    });
  }

  for (const [what, code] of /** @type {const} */ ([["a code that is in no table", 4999], ["no code", 1005], ["a cut", 1006]])) {
    test(`with ${what} is tried again`, (t) => {
      const relay = fake.start(t);
      const closes = fake.record(relay.client, "close");
      relay.socket.admit();
      relay.socket.end(code);
      assert.deepEqual(closes.map(({ code, retry }) => [code, retry]), [[code, true]]);
      assert.equal(relay.client.state, "waiting");
      relay.pass(100);
      assert.equal(relay.sockets.length, 2);
    });
  }

  test("is told in the relay's words where it has some", (t) => {
    const { client, socket } = fake.start(t);
    const closes = fake.record(client, "close");
    socket.end(4410, "cheating");
    assert.deepEqual(closes, [{ code: 4410, reason: "cheating", retry: false }]);
  });
});

describe("a silence of ten seconds", () => {
  /** How far the connection has come before. */
  const STAGES = /** @type {Record<string, (socket: fake.FakeSocket) => void>} */ ({
    connecting: () => {},
    authenticating: (socket) => socket.open(),
    joining: (socket) => {
      socket.open();
      socket.say(fake.accepted());
    },
    playing: (socket) => socket.admit(),
  });

  for (const [state, reach] of Object.entries(STAGES)) {
    test(`ends the connection while ${state}`, (t) => {
      const relay = fake.start(t);
      reach(relay.socket);
      assert.equal(relay.client.state, state);
      relay.pass(10_000);
      assert.equal(relay.sockets[0].closed, false);
      relay.pass(1001);
      assert.equal(relay.sockets[0].closed, true);
      assert.equal(relay.sockets.length, 2);
      assert.equal(relay.client.state, "connecting");
      relay.pass(9000);
      assert.equal(relay.sockets.length, 2, "the next one has ten seconds of its own");
    });
  }

  test("leaves nothing to hear from that connection", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.pass(11_001);
    relay.sockets[0].end(4410);
    relay.sockets[0].say(fake.welcome({ seat: 9 }));
    assert.equal(relay.client.state, "connecting");
    assert.equal(relay.client.seat, 3);
  });

  test("is broken by the opening and by any message", (t) => {
    const relay = fake.start(t);
    relay.pass(9000);
    relay.socket.open();
    relay.pass(9000);
    relay.socket.say(fake.accepted());
    relay.socket.say(fake.welcome());
    for (let second = 0; second < 60; second += 9) {
      relay.pass(9000);
      relay.socket.say(fake.probe(1));
    }
    assert.equal(relay.sockets.length, 1);
    assert.equal(relay.client.state, "playing");
  });
});

describe("what can't be read", () => {
  const FAULTS = /** @type {Record<string, (socket: fake.FakeSocket) => void>} */ ({
    "a frame that ends too soon": (socket) => socket.say(Uint8Array.of(0x46, 5, 1)),
    "a message with bytes left over": (socket) => socket.say(Uint8Array.of(0x46, 2, 1, 1)),
    "an event that is not in the schema": (socket) => socket.say(fake.event(1, "hi")),
    text: (socket) => socket.onmessage?.({ data: "{}" }),
  });

  for (const [name, say] of Object.entries(FAULTS)) {
    test(`${name} is told, and the client connects again`, (t) => {
      const relay = fake.start(t);
      const errors = fake.record(relay.client, "error");
      relay.socket.admit();
      say(relay.socket);
      assert.deepEqual(errors.map(({ code }) => code), ["Malformed"]);
      assert.equal(relay.socket.closed, true);
      assert.equal(relay.client.state, "waiting");
      relay.pass(1);
      relay.socket.admit();
      assert.equal(relay.client.state, "playing");
    });
  }

  test("a frame of an unknown kind is skipped", (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.open();
    socket.say(Uint8Array.of(0x7f, 3, 1, 2, 3), fake.accepted());
    assert.equal(client.state, "joining");
    assert.deepEqual(errors, []);
  });
});

describe("the player", () => {
  test("leaves: the seat is given up, the connection closed for good", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.leave();
    assert.equal(relay.socket.kinds.at(-1), "Leave");
    assert.equal(relay.socket.closed, true);
    assert.equal(relay.client.state, "closed");
    relay.pass(60_000);
    assert.equal(relay.sockets.length, 1);
  });

  test("closes while waiting: nothing is tried again", (t) => {
    const relay = fake.start(t, { random: () => 0.5 });
    relay.socket.end();
    relay.client.close();
    relay.pass(60_000);
    assert.equal(relay.sockets.length, 1);
    assert.equal(relay.client.state, "closed");
  });

  const MOMENTS = /** @type {Record<string, (socket: fake.FakeSocket) => void>} */ ({
    state: (socket) => socket.open(),
    welcome: (socket) => socket.admit(),
    close: (socket) => socket.end(),
    error: (socket) => {
      socket.open();
      socket.say(Uint8Array.of(0x46));
    },
  });

  for (const [name, happen] of Object.entries(MOMENTS)) {
    test(`closes from a handler of \`${name}\`: the client stays closed`, (t) => {
      const relay = fake.start(t, { random: () => 0.5 });
      relay.client.on(name, () => relay.client.close());
      happen(relay.socket);
      relay.pass(60_000);
      assert.equal(relay.client.state, "closed");
      assert.equal(relay.sockets.length, 1);
    });
  }

  test("closes in the middle of a message: the rest of it is for nobody", (t) => {
    const relay = fake.start(t);
    const errors = fake.record(relay.client, "error");
    relay.client.on("state", (state) => state === "joining" && relay.client.close());
    relay.socket.open();
    relay.socket.sayAtOnce(fake.accepted(), fake.error(ROOM_FULL));
    assert.equal(relay.client.state, "closed");
    assert.deepEqual(errors, []);
  });
});
