/**
 * The client in a room, against a scripted relay in virtual time: its clock, its inputs, its replica.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GapError } from "../snapshot.js";
import * as fake from "./fake.js";

const RESUME_REFUSED = 4;

describe("probes", () => {
  test("of the relay are answered at once, with the newest tick", (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    fake.standIn(client, { tick: 123 });
    socket.say(fake.probe(77));
    const reply = socket.last("ProbeReply");
    assert.deepEqual([reply.unsigned(), reply.unsigned()], [77, 123]);
  });

  test("of the client tell the round trip and the room's tick", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    const nonce = socket.last("Probe").unsigned();
    pass(200);
    // Half of the way back has passed since: one tick of 100 ms.
    socket.say(fake.probeReply(nonce, 150, 32_768));
    assert.equal(client.roundTripMs, 200);
    assert.equal(client.serverTick(), 151.5);
    pass(250);
    assert.equal(client.serverTick(), 154);
  });

  test("with the shortest round trip are believed", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    pass(100);
    socket.say(fake.probeReply(socket.last("Probe").unsigned(), 150, 0));
    pass(900);
    const second = socket.last("Probe").unsigned();
    pass(800);
    // The way back took longer than the way there: this one says 166.
    socket.say(fake.probeReply(second, 162, 0));
    assert.equal(client.roundTripMs, 800);
    assert.equal(client.serverTick(), 150.5 + 17);
  });

  test("tell the round trip alone before the room is reached again", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.socket.end();
    relay.pass(1);
    relay.socket.open();
    relay.socket.say(fake.accepted());
    relay.pass(1000);
    relay.socket.say(fake.probeReply(relay.socket.last("Probe").unsigned(), 0, 0));
    assert.equal(relay.client.roundTripMs, 0);
    fake.standIn(relay.client, { tick: 104 });
    assert.equal(relay.client.serverTick(), 104);
  });

  test("of an earlier connection say nothing about the room's tick", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.socket.say(fake.probeReply(relay.socket.last("Probe").unsigned(), 150, 0));
    relay.socket.end();
    relay.pass(1);
    relay.socket.admit();
    fake.standIn(relay.client, { tick: 104 });
    assert.equal(relay.client.serverTick(), 104);
  });

  test("go out once a second, and wait for an answer that takes longer", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    const first = socket.last("Probe").unsigned();
    pass(1200);
    socket.say(fake.probeReply(first, 150, 0));
    assert.equal(client.roundTripMs, 1200);
    pass(800);
    assert.equal(socket.last("Probe").unsigned(), first + 1);
  });

  test("that nobody answers are followed by others", (t) => {
    const { socket, pass } = fake.start(t);
    socket.admit();
    for (let second = 0; second < 11; second++) {
      pass(1000);
      socket.say(fake.snapshot());
    }
    assert.deepEqual(socket.kinds.filter((kind) => kind === "Probe").length, 2);
  });

  test("tell at once that the room has dropped time", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    pass(10);
    socket.say(fake.probeReply(socket.last("Probe").unsigned(), 150, 0));
    pass(990);
    pass(10);
    // A second later it is ten ticks on, and not thirty.
    socket.say(fake.probeReply(socket.last("Probe").unsigned(), 160, 0));
    assert.ok(Math.abs(client.serverTick() - 160) < 1, `${client.serverTick()}`);
  });

  test("are answered once, by their nonce", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    const nonce = socket.last("Probe").unsigned();
    socket.say(fake.probeReply(nonce + 1, 500, 0));
    assert.equal(client.roundTripMs, null);
    pass(50);
    socket.say(fake.probeReply(nonce, 500, 0));
    pass(50);
    socket.say(fake.probeReply(nonce, 500, 0));
    assert.equal(client.roundTripMs, 50);
  });
});

describe("inputs", () => {
  /** @param {import("./fake.js").FakeSocket} socket */
  const last = (socket) => {
    const input = socket.last("Input");
    return { sequence: input.varint(), tick: input.varint(), acked: input.varint(), record: [...input.take(input.left)] };
  };

  test("wait for the room's first snapshot", (t) => {
    const { client, socket } = fake.start(t);
    assert.equal(client.send({ fire: true }), null);
    socket.admit();
    assert.equal(client.send({ fire: true }), null);
    assert.equal(socket.kinds.includes("Input"), false);
  });

  test("count from 1 and acknowledge the newest tick", (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    fake.standIn(client, { tick: 104 });
    assert.equal(client.send({ fire: true }), 1);
    assert.equal(client.send({}), 2);
    assert.deepEqual(last(socket), { sequence: 2, tick: 105, acked: 104, record: [0] });
  });

  test("are meant for the tick that runs when they arrive", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    pass(200);
    socket.say(fake.probeReply(socket.last("Probe").unsigned(), 150, 0));
    fake.standIn(client, { tick: 148 });
    client.send({ fire: true });
    // Tick 151 is now, 152 when the input is there: the next that can run with it is 153.
    assert.deepEqual(last(socket), { sequence: 1, tick: 153, acked: 148, record: [2] });
  });

  test("are sent in no burst, however many there are at once", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    socket.say(fake.probeReply(socket.last("Probe").unsigned(), 150, 0));
    fake.standIn(client, { tick: 148 });
    assert.deepEqual(Array.from({ length: 6 }, () => client.send({})), [1, 2, 3, 4, null, null]);
    pass(100);
    assert.equal(client.send({}), 5, "the next tick has its own");
  });

  test("count on from where the seat has counted to", (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    fake.standIn(client, { tick: 104, sequence: 41 });
    socket.say(fake.snapshot());
    assert.equal(client.send({}), 42);
  });

  test("count on in a seat that was taken up again, and anew in a new one", (t) => {
    const relay = fake.start(t);
    const admitted = () => {
      relay.socket.say(fake.welcome());
      fake.standIn(relay.client, { tick: 104 });
    };
    relay.socket.open();
    relay.socket.say(fake.accepted());
    admitted();
    assert.equal(relay.client.send({}), 1);
    relay.socket.end();
    relay.pass(1);
    relay.socket.open();
    relay.socket.say(fake.accepted());
    admitted();
    assert.equal(relay.client.send({}), 2);
    relay.socket.end();
    relay.pass(1);
    relay.socket.open();
    relay.socket.say(fake.accepted());
    relay.socket.say(fake.refused("Join", RESUME_REFUSED));
    admitted();
    assert.equal(relay.client.send({}), 1);
  });
});

describe("snapshots", () => {
  test("are told with their tick", (t) => {
    const { client, socket } = fake.start(t);
    const snapshots = fake.record(client, "snapshot");
    socket.admit();
    fake.standIn(client, { tick: 104 });
    socket.say(fake.snapshot());
    assert.deepEqual(snapshots, [{ tick: 104 }]);
    assert.equal(client.stats.snapshots, 1);
  });

  test("that are old are not told", (t) => {
    const { client, socket } = fake.start(t);
    const snapshots = fake.record(client, "snapshot");
    socket.admit();
    fake.standIn(client, { tick: 104, apply: () => ({ fresh: false, hashMatched: null }) });
    socket.say(fake.snapshot());
    assert.deepEqual(snapshots, []);
  });

  test("with a gap before them ask for what is missing, twice a second at most", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    const gap = () => {
      throw new GapError("a gap");
    };
    fake.standIn(client, { tick: 104, apply: gap });
    for (const _ of Array(5)) {
      socket.say(fake.snapshot());
      pass(100);
    }
    assert.equal(client.stats.resyncs, 1);
    const resync = socket.last("Resync");
    assert.equal(resync.option(() => resync.unsigned()), 104);
    assert.equal(resync.u8(), 0, "nothing is broken");
    socket.say(fake.snapshot());
    assert.equal(client.stats.resyncs, 2);
  });

  test("whose hash is another ask for a keyframe, twice a second at most", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    fake.standIn(client, { tick: 104, apply: () => ({ fresh: true, hashMatched: false }) });
    for (const _ of Array(5)) {
      socket.say(fake.snapshot());
      pass(100);
    }
    assert.deepEqual([...socket.last("Resync").bytes], [0, 1]);
    assert.equal(client.stats.hashMismatches, 5);
    assert.equal(client.stats.resyncs, 1);
  });
});

test("an event is told by its name and fields", (t) => {
  const { client, socket } = fake.start(t);
  const events = fake.record(client, "event");
  socket.admit();
  socket.say(fake.event(0, "hi"));
  assert.deepEqual(events, [{ tick: 104, name: "Said", value: { text: "hi" } }]);
});
