/**
 * A client that knows nothing of this one: JSON over a WebSocket, in Node, against a real host.
 * @module
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { startHost } from "./host.js";

/** How long to wait for anything; the machine that tests may be busy. */
const PATIENCE = 15_000;

/** How long nothing has to come for it to be taken that nothing will. */
const SILENCE = 300;

/** @typedef {{ type: string, payload: any, id?: string, timestamp: number }} Message */
/** @typedef {Record<string, any>} Entity By component, its fields. */

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;

before(async () => {
  host = await startHost("--bots", "2", "--seed", "11");
});

after(async () => {
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/** One connection. */
class Peer {
  /** @type {Message[]} What came and was not waited for yet. */
  heard = [];
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
    socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false, "text is answered by text");
      const message = JSON.parse(String(data));
      // A relay sends no more to who doesn't say that it came.
      if (message.type === "ping") this.say("pong", { nonce: message.payload.nonce });
      this.heard.push(message);
      this.#waiting.splice(0).forEach((wake) => wake());
    });
  }

  /** @param {import("node:test").TestContext} t */
  static async connect(t) {
    const socket = new WebSocket(host.url.replace(/^http/, "ws"), "tickwire.v1.json");
    t.after(() => socket.terminate());
    const peer = new Peer(socket);
    await once(socket, "open");
    assert.equal(socket.protocol, "tickwire.v1.json");
    return peer;
  }

  /** Connects, and shows a token. @param {import("node:test").TestContext} t @param {string} token */
  static async accepted(t, token) {
    const peer = await Peer.connect(t);
    peer.say("auth", { token });
    await peer.hear("accepted");
    return peer;
  }

  /**
   * @param {string} type
   * @param {object} [payload]
   * @param {string} [id]
   */
  say(type, payload, id) {
    this.socket.send(JSON.stringify({ type, payload, id }));
  }

  /**
   * The next message of this type that is good; those of other types are left for later, those before it are not.
   * @param {string} type
   * @param {(message: Message) => unknown} [good]
   */
  async hear(type, good = () => true) {
    const late = sleep(PATIENCE, "late", { ref: false });
    for (;;) {
      const found = this.heard.find((message) => message.type === type && good(message));
      if (found) {
        const index = this.heard.indexOf(found);
        this.heard = this.heard.filter((message, at) => at > index || message.type !== type);
        return found;
      }
      const woken = new Promise((/** @type {(value: void) => void} */ resolve) => this.#waiting.push(resolve));
      if ((await Promise.race([woken, late])) === "late") assert.fail(`no such ${type} in time, but ${this.heard.map(({ type }) => type)}`);
    }
  }

  /** That nothing of this type comes. @param {string} type */
  async silent(type) {
    await sleep(SILENCE);
    assert.deepEqual(this.heard.filter((message) => message.type === type), []);
  }

  /** Goes into the lobby, the room of all these tests. @param {object} [more] */
  async join(more) {
    this.say("join", { room: "lobby", ...more });
    return (await this.hear("welcome")).payload;
  }
}

describe("a conversation", () => {
  test("from the token to the end of a channel", async (t) => {
    const ada = await Peer.connect(t);
    ada.say("auth", { token: "Ada" });
    const accepted = await ada.hear("accepted");
    assert.equal(accepted.payload.player, "Ada");
    assert.equal(accepted.payload.protocol, 1);
    assert.ok(Math.abs(accepted.timestamp - Date.now()) < 60_000, `${accepted.timestamp}`);

    const bob = await Peer.accepted(t, "Bob");
    bob.say("subscribe", { channel: "updates" });
    assert.equal((await bob.hear("subscribed")).id, undefined);
    ada.say("subscribe", { channel: "updates" }, "s1");
    const { payload, id } = await ada.hear("subscribed");
    assert.equal(id, "s1");
    assert.deepEqual([payload.channel, payload.scope, payload.count], ["updates", "relay", 2]);
    assert.deepEqual(payload.members.map((/** @type {{ name: string }} */ { name }) => name).sort(), ["Ada", "Bob"]);
    const presence = await bob.hear("presence", ({ payload }) => payload.member.name === "Ada");
    assert.equal(presence.payload.here, true);

    ada.say("message", { channel: "updates", text: "Hello" }, "m1");
    assert.deepEqual((await ada.hear("ack")).payload, { id: "m1" });
    for (const peer of [ada, bob]) {
      const { payload, id } = await peer.hear("message");
      assert.deepEqual([payload.text, payload.channel, payload.scope, payload.from.name, id], ["Hello", "updates", "relay", "Ada", "updates:1"]);
    }

    ada.say("unsubscribe", { channel: "updates" }, "u1");
    await ada.hear("unsubscribed", ({ payload, id }) => payload.channel === "updates" && id === "u1");
    ada.say("unsubscribe", { channel: "updates" }, "u2");
    assert.equal((await ada.hear("error", ({ id }) => id === "u2")).payload.code, "NO_CHANNEL");
    bob.say("message", { channel: "updates", text: "Gone?" }, "m2");
    await bob.hear("ack");
    await ada.silent("message");
  });

  test("without the name of a channel goes to the one that is called main", async (t) => {
    const [cid, dan] = [await Peer.accepted(t, "Cid"), await Peer.accepted(t, "Dan")];
    for (const peer of [cid, dan]) {
      peer.say("subscribe", { channel: "main" });
      await peer.hear("subscribed");
    }
    cid.say("message", { text: "Hello" }, "m1");
    assert.deepEqual((await cid.hear("ack")).payload, { id: "m1" });
    assert.equal((await dan.hear("message")).payload.text, "Hello");
  });

  test("in a room reaches everyone there", async (t) => {
    const [eva, fay] = [await Peer.accepted(t, "Eva"), await Peer.accepted(t, "Fay")];
    const { seat } = await eva.join();
    await fay.join({ role: "spectator" });
    eva.say("message", { text: "Hello" }, "m1");
    await eva.hear("ack");
    const { payload } = await fay.hear("message");
    assert.deepEqual([payload.text, payload.channel, payload.scope, payload.from.name, payload.from.seat], ["Hello", "main", "room", "Eva", seat]);
  });

  test("said twice is acknowledged twice and heard once", async (t) => {
    const [gus, hal] = [await Peer.accepted(t, "Gus"), await Peer.accepted(t, "Hal")];
    await gus.join();
    await hal.join();
    for (const _ of Array(2)) {
      gus.say("message", { text: "once" }, "same");
      await gus.hear("ack");
    }
    await hal.hear("message", ({ payload }) => payload.text === "once");
    await hal.silent("message");
  });
});

describe("signs of life", () => {
  test("a ping is answered by a pong", async (t) => {
    const peer = await Peer.accepted(t, "Ian");
    peer.say("ping");
    await peer.hear("pong");
    peer.say("ping", { nonce: 77 });
    assert.equal((await peer.hear("pong")).payload.nonce, 77);
  });

  test("so is the WebSocket's own, with what it carries", async (t) => {
    const peer = await Peer.accepted(t, "Jim");
    peer.socket.ping("are you there");
    const [data] = await once(peer.socket, "pong");
    assert.equal(String(data), "are you there");
  });
});

describe("what is wrong", () => {
  const WRONG = { "no object": "[]", "no type": "{}", "an unknown type": '{"type":"dance"}', "no channel": '{"type":"subscribe","payload":{},"id":"w1"}' };
  for (const [name, text] of Object.entries(WRONG)) {
    test(`with ${name} is told, and the connection stays`, async (t) => {
      const peer = await Peer.accepted(t, "Kit");
      peer.socket.send(text);
      const { payload, id } = await peer.hear("error");
      assert.equal(payload.code, "INVALID");
      assert.ok(payload.message.length > 0);
      assert.equal(id, text.includes("w1") ? "w1" : undefined);
      peer.say("ping");
      await peer.hear("pong");
    });
  }

  test("and not even JSON ends the connection", async (t) => {
    const peer = await Peer.accepted(t, "Lea");
    peer.socket.send("{");
    assert.equal((await peer.closed).code, 1003);
  });

  test("and binary ends it, too", async (t) => {
    const peer = await Peer.accepted(t, "Moe");
    peer.socket.send(Uint8Array.of(1));
    assert.equal((await peer.closed).code, 1003);
  });

  test("before the token ends the connection", async (t) => {
    const peer = await Peer.connect(t);
    peer.say("subscribe", { channel: "updates" });
    assert.equal((await peer.closed).code, 4400);
  });

  test("with the token ends the connection", async (t) => {
    const peer = await Peer.connect(t);
    peer.say("auth", { token: "<script>" });
    assert.equal((await peer.closed).code, 4401);
  });
});

describe("after a cut", () => {
  test("a channel brings what was missed", async (t) => {
    const ned = await Peer.accepted(t, "Ned");
    const first = await Peer.accepted(t, "Max");
    for (const peer of [ned, first]) {
      peer.say("subscribe", { channel: "news" });
      await peer.hear("subscribed");
    }
    ned.say("message", { channel: "news", text: "one" }, "n1");
    const { id } = await first.hear("message");
    first.socket.terminate();
    await first.closed;
    ned.say("message", { channel: "news", text: "two" }, "n2");
    await ned.hear("ack", ({ payload }) => payload.id === "n2");
    const second = await Peer.accepted(t, "Max");
    second.say("subscribe", { channel: "news", after: Number(String(id).split(":")[1]) });
    assert.equal((await second.hear("message")).payload.text, "two");
    await second.silent("message");
  });

  test("a seat is taken up again, with what was missed", async (t) => {
    const pia = await Peer.accepted(t, "Pia");
    await pia.join();
    const first = await Peer.accepted(t, "Ole");
    const before = await first.join();
    pia.say("message", { text: "one" }, "p1");
    const { id } = await first.hear("message", ({ payload }) => payload.text === "one");
    first.socket.terminate();
    await first.closed;
    for (const text of ["two", "three"]) pia.say("message", { text }, text);
    await pia.hear("ack", ({ payload }) => payload.id === "three");
    const second = await Peer.accepted(t, "Ole");
    const welcome = await second.join({ resume: before.resume, received: Number(id) });
    assert.equal(welcome.seat, before.seat);
    assert.equal(welcome.received, Number(id));
    assert.equal(welcome.lost, false);
    assert.notEqual(welcome.resume, before.resume);
    for (const text of ["two", "three"]) assert.equal((await second.hear("message")).payload.text, text);
  });
});

describe("a match", () => {
  /** Every entity after a snapshot. @param {Map<number, Entity>} known @param {any} payload */
  function fold(known, { base, entities, gone }) {
    if (base === null) known.clear();
    for (const slot of gone) known.delete(slot);
    for (const { slot, ...components } of entities) {
      const entity = { ...known.get(slot), ...components };
      for (const [name, component] of Object.entries(entity)) if (component === null) delete entity[name];
      known.set(slot, entity);
    }
  }

  /** All there is, in the order of slots. @param {Map<number, Entity>} known */
  function whole(known) {
    return [...known].sort(([one], [other]) => one - other);
  }

  test("is watched as JSON: who follows the changes knows what a full snapshot says", async (t) => {
    const [follower, checker] = [await Peer.accepted(t, "Ray"), await Peer.accepted(t, "Sue")];
    const { schema } = await follower.join({ role: "spectator" });
    const names = new Set(schema.components.map((/** @type {{ name: string }} */ { name }) => name));
    await checker.join({ role: "spectator" });
    /** @type {Map<number, Entity>} */
    const known = new Map();
    let [at, compared, followed] = [0, 0, 0];
    while (compared < 3) {
      // More often it may not be asked.
      await sleep(700);
      checker.say("resync");
      const full = (await checker.hear("snapshot", ({ payload }) => payload.base === null)).payload;
      const expected = new Map();
      fold(expected, full);
      assert.ok(expected.size > 10, `${expected.size} entities`);
      while (at < full.tick) {
        const { payload } = await follower.hear("snapshot");
        assert.ok(payload.base === null || payload.base === at, `a change since ${payload.base} for one who is at ${at}`);
        fold(known, payload);
        at = payload.tick;
        followed += 1;
      }
      if (at !== full.tick) continue;
      assert.deepEqual(whole(known), whole(expected));
      compared += 1;
    }
    assert.ok(followed > 10, `${followed} snapshots`);
    for (const [, entity] of known) for (const name of Object.keys(entity)) assert.ok(names.has(name), name);
  });

  test("is played as JSON", async (t) => {
    const peer = await Peer.accepted(t, "Tim");
    const { seat, schema } = await peer.join();
    assert.deepEqual(schema.input.fields.map((/** @type {{ name: string }} */ { name }) => name), ["x", "y", "aim", "fire", "boost"]);
    await peer.hear("snapshot");
    const fields = { x: 1, y: 0, aim: 0.5, fire: false, boost: false };
    for (const _ of Array(3)) peer.say("input", { fields });
    const consumed = (/** @type {Message} */ { payload }) =>
      payload.entities.some((/** @type {Entity} */ { Seat }) => Seat?.seat === seat && Seat.sequence === 3);
    await peer.hear("snapshot", consumed);
    assert.deepEqual(peer.heard.filter(({ type }) => type === "error"), []);
  });

  test("tells which rooms there are", async (t) => {
    const peer = await Peer.accepted(t, "Uma");
    peer.say("list_rooms");
    const { payload } = await peer.hear("room_list");
    assert.equal(payload.whole, true);
    const lobby = payload.rooms.find((/** @type {{ name: string }} */ { name }) => name === "lobby");
    assert.equal(lobby?.locked, false);
    assert.ok(lobby.players >= 2 && lobby.seats > 2, JSON.stringify(lobby));
  });
});
