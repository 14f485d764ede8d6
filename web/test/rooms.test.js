/**
 * Which room the client goes to, as what, and which there are, against a scripted relay in virtual time.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Client } from "../tickwire.js";
import * as fake from "./fake.js";
import { cut, now, refusal } from "./fake.js";

const [RATE_LIMITED, ROOM_NOT_FOUND, RESUME_REFUSED, INPUT_REFUSED, FORBIDDEN, BANNED] = [1, 2, 4, 7, 9, 11];
const CREATE = /** @type {const} */ ({ findOrCreate: { kind: "duel" } });

/** Where every join on this connection led, by the number of its target, and whether it resumed. @param {fake.FakeSocket} socket */
function joins(socket) {
  return socket.all("Join").map((join) => {
    const target = join.unsigned();
    const name = target < 2 ? join.string() : null;
    if (name === null) return { target };
    return { target, name, role: join.unsigned(), resumes: join.u8() === 1 };
  });
}

describe("the room", () => {
  test("may be one that is found or created, and is come back to by its name", (t) => {
    const relay = fake.start(t, { room: undefined, target: CREATE });
    relay.socket.admit({ room: "duel 7" });
    assert.deepEqual(joins(relay.socket), [{ target: 3 }]);
    cut(relay);
    assert.deepEqual(joins(relay.socket), [{ target: 0, name: "duel 7", role: 0, resumes: true }]);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED));
    assert.deepEqual(joins(relay.socket).slice(1), [{ target: 0, name: "duel 7", role: 0, resumes: false }]);
  });

  test("may be private, and is come back to by its code", (t) => {
    const relay = fake.start(t, { room: undefined, target: { code: "XYZ" } });
    relay.socket.admit({ room: "secret", code: "XYZ" });
    cut(relay);
    assert.deepEqual(joins(relay.socket), [{ target: 1, name: "XYZ", role: 0, resumes: true }]);
  });

  test("that is gone is looked for as at first", (t) => {
    const relay = fake.start(t, { room: undefined, target: CREATE });
    const errors = fake.record(relay.client, "error");
    relay.socket.admit({ room: "duel 7" });
    cut(relay);
    relay.socket.say(fake.refused("Join", ROOM_NOT_FOUND));
    assert.deepEqual(joins(relay.socket).slice(1), [{ target: 3 }]);
    assert.deepEqual(errors, []);
    relay.socket.say(fake.refused("Join", ROOM_NOT_FOUND));
    assert.equal(errors.length, 1, "what is not there at first is told");
  });

  test("may be left for another, with all that was bound to it", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const [said, heard] = [client.publish(1), client.subscribe("team")];
    client.join({ room: "next" });
    assert.deepEqual(socket.kinds.slice(-2), ["Leave", "Join"]);
    assert.deepEqual(joins(socket).at(-1), { target: 0, name: "next", role: 0, resumes: false });
    assert.deepEqual([client.state, client.seat, client.host, client.resume], ["joining", null, null, null]);
    assert.equal(await refusal(said), "Lost");
    assert.equal(await refusal(heard), "Superseded");
    socket.say(fake.welcome({ room: "next", seat: 1 }));
    assert.deepEqual([client.state, client.welcome?.room, client.seat], ["playing", "next", 1]);
    assert.equal(client.stats.reconnects, 0);
  });

  test("that was left may speak on until it hears of it", (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    client.join({ room: "next" });
    const heard = fake.record(client, "snapshot", "event", "message", "presence", "host", "error", "close");
    const main = { scope: fake.Scope.ROOM, channel: "main" };
    const presence = fake.presence(fake.Scope.ROOM, "main", true);
    socket.say(fake.snapshot(), fake.event(0, "old"), fake.message(2, main, "1"), fake.reply(3, "q", "old"), presence, fake.host(1));
    assert.deepEqual(heard, []);
    assert.equal(socket.kinds.at(-1), "Join", "nothing is asked of it any more");
    socket.say(fake.welcome({ room: "next" }), fake.event(0, "new"));
    assert.deepEqual(heard, [{ tick: 104, name: "Said", value: { text: "new" } }]);
  });

  test("that was given up before it answered is not entered, and does not refuse the next", (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.open();
    socket.say(fake.accepted());
    const first = String(socket.idOf("Join"));
    client.join({ room: "next" });
    socket.say(fake.error(BANNED, null, first), fake.welcome({ room: "lobby" }, first));
    assert.deepEqual([client.state, client.welcome, errors], ["joining", null, []]);
    socket.say(fake.welcome({ room: "next" }));
    assert.deepEqual([client.state, client.welcome?.room], ["playing", "next"]);
  });

  test("is not refused by what refuses an input of the one before", (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.admit();
    client.join({ room: "next" });
    socket.say(fake.error(INPUT_REFUSED));
    assert.deepEqual([errors, client.state], [[{ code: "InputRefused", message: "no", retryMs: null, ofJoin: false }], "joining"]);
  });

  test("may be asked for later: until then the client is in the lobby", (t) => {
    const { client, socket, pass } = fake.start(t, { room: undefined });
    socket.open();
    socket.say(fake.accepted());
    assert.equal(client.state, "lobby");
    pass(1000);
    assert.deepEqual(socket.kinds, ["Auth", "Probe"], "it asks whether the relay is there");
    client.join({ queue: { players: 2 } });
    assert.deepEqual(joins(socket), [{ target: 5 }]);
    client.leave();
    assert.equal(socket.kinds.at(-1), "Leave", "the wait for a match is given up");
  });

  test("is asked for at once when the connection is there", (t) => {
    const { client, socket } = fake.start(t, { room: undefined });
    client.join({ room: "a" }, { role: "spectator" });
    assert.equal(client.state, "connecting");
    socket.open();
    socket.say(fake.accepted());
    assert.deepEqual(joins(socket), [{ target: 0, name: "a", role: 1, resumes: false }]);
  });

  test("that can't be asked for is told to who asks, and nothing is left for it", (t) => {
    assert.throws(() => new Client({ url: "ws://relay", token: "ada.1", room: "" }), RangeError);
    const { client, socket } = fake.start(t);
    socket.admit();
    assert.throws(() => client.join({ code: "X".repeat(65) }), RangeError);
    assert.deepEqual([client.state, client.welcome?.room, socket.kinds.includes("Leave")], ["playing", "lobby", false]);
  });

  test("that bans the player is told, and another may be asked for", (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.open();
    socket.say(fake.accepted(), fake.refused("Join", BANNED));
    assert.deepEqual(errors, [{ code: "Banned", message: "no", retryMs: null, ofJoin: true }]);
    client.join({ room: "next" });
    assert.deepEqual(socket.kinds, ["Auth", "Join", "Join"], "there is nothing to leave");
  });
});

test("a spectator has no seat, sends no inputs and resumes nothing", (t) => {
  const relay = fake.start(t, { role: "spectator" });
  relay.socket.admit({ seat: null });
  fake.standIn(relay.client, { tick: 104 });
  assert.deepEqual([relay.client.state, relay.client.seat, relay.client.resume], ["playing", null, null]);
  assert.equal(relay.client.send({ fire: true }), null);
  assert.equal(relay.socket.kinds.includes("Input"), false);
  cut(relay);
  assert.deepEqual(joins(relay.socket), [{ target: 0, name: "lobby", role: 1, resumes: false }]);
});

describe("the list of rooms", () => {
  /** The lists that were asked for: whether live. @param {fake.FakeSocket} socket */
  const asked = (socket) => socket.all("ListRooms").map((list) => [list.option(() => list.string()), list.unsigned(), list.u8()]);

  test("is had in the lobby", async (t) => {
    const { client, socket } = fake.start(t, { room: undefined });
    const answer = client.listRooms({ kind: "duel" });
    socket.open();
    assert.deepEqual(asked(socket), []);
    socket.say(fake.accepted());
    assert.deepEqual(asked(socket), [["duel", 0, 0]]);
    socket.say(fake.rooms(true, ["a", "b"]));
    assert.deepEqual((await answer).map(({ name }) => name), ["a", "b"]);
  });

  test("is asked for once at a time, and again after a lost connection", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const answers = [relay.client.listRooms(), relay.client.listRooms({ kind: "duel" })];
    assert.equal(asked(relay.socket).length, 1);
    relay.socket.say(fake.rooms(true, ["a"]));
    assert.deepEqual(asked(relay.socket), [[null, 0, 0], ["duel", 0, 0]]);
    cut(relay);
    assert.deepEqual(asked(relay.socket), [["duel", 0, 0]]);
    assert.equal(await now(answers[1]), "waiting");
    relay.socket.say(fake.rooms(true, ["b"]));
    assert.deepEqual((await answers[1]).map(({ name }) => name), ["b"]);
  });

  test("is asked for once, however long the answer takes", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    client.listRooms();
    pass(9000);
    assert.equal(asked(socket).length, 1);
  });

  test("that is refused for now is asked for again when the relay says", async (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    const answer = client.listRooms();
    socket.say(fake.refused("ListRooms", RATE_LIMITED, 7000));
    pass(6999);
    assert.equal(asked(socket).length, 1);
    pass(1);
    assert.equal(asked(socket).length, 2);
    socket.say(fake.rooms(true, ["a"]));
    assert.deepEqual((await answer).map(({ name }) => name), ["a"]);
  });

  test("that is refused for good is so, and the next is asked for", async (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.admit();
    const answers = [client.listRooms(), client.listRooms({ kind: "duel" })];
    socket.say(fake.refused("ListRooms", FORBIDDEN));
    assert.equal(await refusal(answers[0]), "Forbidden");
    socket.say(fake.rooms(true, ["a"]));
    assert.deepEqual((await answers[1]).map(({ name }) => name), ["a"]);
    assert.deepEqual(errors, []);
  });

  test("that is watched is told whole whenever it changes", (t) => {
    const { client, socket } = fake.start(t, { room: undefined });
    const told = fake.record(client, "rooms");
    const end = client.watchRooms();
    socket.open();
    socket.say(fake.accepted(), fake.rooms(true, ["b", "a"]), fake.rooms(false, ["c"], ["a"]));
    assert.deepEqual(told.map((rooms) => rooms.map((/** @type {{ name: string }} */ { name }) => name)), [["a", "b"], ["b", "c"]]);
    end();
    assert.deepEqual(asked(socket), [[null, 0, 1], [null, 0, 0]]);
    socket.say(fake.rooms(false, ["d"]), fake.rooms(true, []));
    assert.equal(told.length, 2);
  });

  test("that is watched is watched on after another and after a lost connection", async (t) => {
    const relay = fake.start(t);
    const told = fake.record(relay.client, "rooms");
    relay.socket.admit();
    relay.client.watchRooms({ kind: "duel" });
    relay.socket.say(fake.rooms(true, ["a"]));
    const once = relay.client.listRooms();
    relay.socket.say(fake.rooms(true, ["x"]));
    assert.deepEqual((await once).map(({ name }) => name), ["x"]);
    assert.deepEqual(asked(relay.socket), [["duel", 0, 1], [null, 0, 0], ["duel", 0, 1]]);
    relay.socket.say(fake.rooms(true, ["b"]));
    cut(relay);
    assert.deepEqual(asked(relay.socket), [["duel", 0, 1]]);
    relay.socket.say(fake.rooms(true, ["c"]));
    assert.deepEqual(told.map(([{ name }]) => name), ["a", "b", "c"]);
  });

  test("is refused when the client is closed", async (t) => {
    const { client } = fake.start(t);
    const answer = client.listRooms();
    client.close();
    assert.equal(await refusal(answer), "Closed");
    assert.equal(await refusal(client.listRooms()), "Closed");
  });
});
