/**
 * Channels and who hears them, against a scripted relay in virtual time.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fake from "./fake.js";
import { cut, now, refusal } from "./fake.js";

const [RATE_LIMITED, RESUME_REFUSED, FORBIDDEN, NO_CHANNEL] = [1, 4, 9, 13];
const { ROOM, RELAY } = fake.Scope;
const BOB = { session: 70_000, seat: 4, name: "Bob" };

/** What was subscribed to on this connection. @param {fake.FakeSocket} socket */
function subscribed(socket) {
  return socket.all("Subscribe").map((body) => [body.unsigned(), body.string(), body.option(() => body.unsigned())]);
}

/** What was unsubscribed from. @param {fake.FakeSocket} socket */
function unsubscribed(socket) {
  return socket.all("Unsubscribe").map((body) => [body.unsigned(), body.string()]);
}

/** The ids of what was heard of a kind. @param {fake.FakeSocket} socket @param {string} kind */
function idsOf(socket, kind) {
  return socket.heard.filter((heard) => heard.kind === kind).map(({ id }) => String(id));
}

describe("a subscription", () => {
  test("is answered by who hears the channel", async (t) => {
    const { client, socket } = fake.start(t);
    const told = fake.record(client, "subscribed");
    socket.admit();
    const answer = client.subscribe("team");
    assert.deepEqual(subscribed(socket), [[ROOM, "team", null]]);
    socket.say(fake.subscribed(ROOM, "team"));
    assert.deepEqual(await answer, [BOB]);
    assert.deepEqual(told, [{ scope: "room", channel: "team", members: [BOB], count: 2 }]);
  });

  test("waits for the room, one of the relay for the token alone", (t) => {
    const { client, socket } = fake.start(t);
    client.subscribe("team");
    client.subscribe("news", { scope: "relay" });
    socket.open();
    assert.deepEqual(subscribed(socket), []);
    socket.say(fake.accepted());
    assert.deepEqual(subscribed(socket), [[RELAY, "news", null]]);
    socket.say(fake.welcome());
    assert.deepEqual(subscribed(socket).slice(1), [[ROOM, "team", null]]);
  });

  test("is refused by its id", async (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.admit();
    const answers = [client.subscribe("a"), client.subscribe("b"), client.subscribe("c")];
    const [, b, c] = idsOf(socket, "Subscribe");
    socket.say(fake.error(FORBIDDEN, null, c), fake.subscribed(ROOM, "a"), fake.error(NO_CHANNEL, null, b));
    assert.deepEqual(await answers[0], [BOB]);
    assert.deepEqual(await Promise.all(answers.slice(1).map(refusal)), ["NoChannel", "Forbidden"]);
    assert.deepEqual(errors, []);
  });

  test("without a name is the caller's mistake, and forgotten", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    await assert.rejects(relay.client.subscribe(""), RangeError);
    cut(relay);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED), fake.welcome());
    assert.deepEqual(subscribed(relay.socket), []);
  });

  test("is asked for once, however long the answer takes", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    client.subscribe("team");
    pass(9000);
    assert.equal(subscribed(socket).length, 1);
  });

  test("whose end is refused is at an end", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const [first, end, second] = [client.subscribe("a"), client.unsubscribe("b"), client.subscribe("c")];
    socket.say(fake.subscribed(ROOM, "a"), fake.refused("Unsubscribe", NO_CHANNEL), fake.refused("Subscribe", NO_CHANNEL));
    await Promise.all([first, end]);
    assert.equal(await refusal(second), "NoChannel");
  });

  test("that is taken back before its answer is superseded", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const first = client.subscribe("team");
    const end = client.unsubscribe("team");
    assert.equal(await refusal(first), "Superseded");
    const again = client.subscribe("team");
    assert.equal(await refusal(end), "Superseded");
    const [one, three] = idsOf(socket, "Subscribe");
    const errors = fake.record(client, "error");
    socket.say(fake.subscribed(ROOM, "team", one), fake.refused("Unsubscribe", NO_CHANNEL));
    assert.equal(await now(again), "waiting");
    assert.deepEqual(errors, [], "nobody waits for that any more");
    socket.say(fake.subscribed(ROOM, "team", three));
    assert.deepEqual(await again, [BOB]);
  });

  test("that is refused for now is asked for again, as the same, when the relay says", async (t) => {
    const { client, socket, pass } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.admit();
    const answer = client.subscribe("team");
    socket.say(fake.refused("Subscribe", RATE_LIMITED, 7000));
    pass(6999);
    assert.equal(subscribed(socket).length, 1);
    pass(1);
    assert.equal(subscribed(socket).length, 2);
    assert.equal(new Set(idsOf(socket, "Subscribe")).size, 1);
    assert.equal(await now(answer), "waiting");
    socket.say(fake.subscribed(ROOM, "team"));
    assert.deepEqual(await answer, [BOB]);
    assert.deepEqual(errors, []);
  });

  test("whose end is refused for now ends when the relay says", async (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    client.subscribe("team");
    socket.say(fake.subscribed(ROOM, "team"));
    const end = client.unsubscribe("team");
    socket.say(fake.refused("Unsubscribe", RATE_LIMITED, 300));
    pass(300);
    assert.equal(unsubscribed(socket).length, 2);
    socket.say(fake.unsubscribed(ROOM, "team"));
    await end;
  });

  test("is asked for again after the other, if many are refused for now", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    for (const name of ["a", "b", "c"]) client.subscribe(name);
    for (const id of idsOf(socket, "Subscribe")) socket.say(fake.error(RATE_LIMITED, 300, id));
    const again = () => subscribed(socket).slice(3).map(([, name]) => name);
    pass(300);
    assert.deepEqual(again(), ["a"]);
    pass(249);
    assert.deepEqual(again(), ["a"]);
    pass(1);
    assert.deepEqual(again(), ["a", "b"]);
    socket.say(fake.error(RATE_LIMITED, 600, idsOf(socket, "Subscribe")[1]));
    pass(599);
    assert.deepEqual(again(), ["a", "b"]);
    pass(1 + 250);
    assert.deepEqual(again(), ["a", "b", "b", "c"]);
  });

  test("ends", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("news", { scope: "relay" });
    relay.socket.say(fake.subscribed(RELAY, "news"));
    const end = relay.client.unsubscribe("news", { scope: "relay" });
    assert.deepEqual(unsubscribed(relay.socket), [[RELAY, "news"]]);
    assert.equal(await now(end), "waiting");
    relay.socket.say(fake.unsubscribed(RELAY, "news"));
    await end;
    cut(relay);
    assert.deepEqual(subscribed(relay.socket), []);
  });

  test("is refused when the client is closed", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const answer = client.subscribe("team");
    client.close();
    assert.equal(await refusal(answer), "Closed");
    assert.equal(await refusal(client.subscribe("team")), "Closed");
  });
});

describe("after a lost connection", () => {
  test("a channel of the relay is subscribed to after its newest message", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("news", { scope: "relay" });
    relay.socket.say(fake.subscribed(RELAY, "news"), fake.message(6, { scope: RELAY, channel: "news" }, "1"));
    cut(relay);
    assert.deepEqual(subscribed(relay.socket), [[RELAY, "news", 6]]);
  });

  test("a relay that was started again is heard, though it counts anew", (t) => {
    const relay = fake.start(t);
    const heard = fake.record(relay.client, "message");
    const news = { scope: RELAY, channel: "news" };
    relay.socket.admit();
    relay.client.subscribe("news", { scope: "relay" });
    relay.socket.say(fake.subscribed(RELAY, "news"), fake.message(6, news, "1"), fake.message(6, news, "1"));
    cut(relay);
    relay.socket.say(fake.subscribed(RELAY, "news"), fake.message(1, news, "2"), fake.message(2, news, "3"));
    assert.deepEqual(heard.map(({ content }) => content), [1, 2, 3]);
    cut(relay);
    assert.deepEqual(subscribed(relay.socket), [[RELAY, "news", 2]]);
  });

  test("a seat that is taken up again has its channels", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("team");
    relay.socket.say(fake.subscribed(ROOM, "team"));
    cut(relay);
    relay.socket.say(fake.welcome());
    assert.deepEqual(subscribed(relay.socket), []);
  });

  test("what had no answer is asked for again", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const answer = relay.client.subscribe("team");
    cut(relay);
    relay.socket.say(fake.welcome());
    assert.deepEqual(subscribed(relay.socket), [[ROOM, "team", null]]);
    relay.socket.say(fake.subscribed(ROOM, "team"));
    assert.deepEqual(await answer, [BOB]);
  });

  test("what was refused for now is asked for at once, and once", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("team");
    relay.socket.say(fake.refused("Subscribe", RATE_LIMITED, 2000));
    cut(relay);
    relay.socket.say(fake.welcome());
    assert.deepEqual(subscribed(relay.socket), [[ROOM, "team", null]]);
    relay.pass(3000);
    assert.equal(subscribed(relay.socket).length, 1);
  });

  test("a new seat gets them anew, with what was missed", (t) => {
    const relay = fake.start(t);
    const heard = fake.record(relay.client, "message");
    relay.socket.admit();
    relay.client.subscribe("team");
    relay.socket.say(fake.subscribed(ROOM, "team"), fake.message(6, { scope: ROOM, channel: "team" }, "1"));
    cut(relay);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED), fake.welcome({ received: 9 }));
    assert.deepEqual(subscribed(relay.socket), [[ROOM, "team", 6]]);
    relay.socket.say(fake.subscribed(ROOM, "team"), fake.message(8, { scope: ROOM, channel: "team" }, "2"));
    assert.deepEqual(heard.map(({ content }) => content), [1, 2]);
  });

  test("another room's channels are begun from their start", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("team");
    relay.socket.say(fake.subscribed(ROOM, "team"), fake.message(6, { scope: ROOM, channel: "team" }, "1"));
    cut(relay);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED), fake.welcome({ room: "lobby 2" }));
    assert.deepEqual(subscribed(relay.socket), [[ROOM, "team", null]]);
  });

  test("what was left while there was no connection is left then", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.subscribe("team");
    relay.socket.say(fake.subscribed(ROOM, "team"));
    relay.socket.end();
    const end = relay.client.unsubscribe("team");
    relay.pass(1);
    relay.socket.admit();
    assert.deepEqual(unsubscribed(relay.socket), [[ROOM, "team"]]);
    relay.socket.say(fake.unsubscribed(ROOM, "team"));
    await end;
  });
});

describe("a room's default channel", () => {
  const main = { scope: ROOM, channel: "main" };

  test("is heard without a subscription, with what was said before", (t) => {
    const { client, socket } = fake.start(t);
    const heard = fake.record(client, "message");
    socket.admit({ received: 9 });
    assert.deepEqual(subscribed(socket), []);
    socket.say(fake.subscribed(ROOM, "main"), fake.message(4, main, "1"), fake.message(8, main, "2"), fake.message(10, main, "3"));
    assert.deepEqual(heard.map(({ content }) => content), [1, 2, 3]);
    assert.equal(client.resume?.received, 10);
  });

  test("brings that again to a new seat and to a spectator, who hear it once", (t) => {
    const relay = fake.start(t, { role: "spectator" });
    const heard = fake.record(relay.client, "message");
    relay.socket.admit({ seat: null, received: 9 });
    relay.socket.say(fake.message(8, main, "1"), fake.message(10, main, "2"));
    cut(relay);
    relay.socket.say(fake.welcome({ seat: null, received: 11 }), ...[8, 10, 11].map((number) => fake.message(number, main, `${number}`)));
    assert.deepEqual(heard.map(({ content }) => content), [1, 2, 11]);
  });

  test("may be subscribed to for its members", async (t) => {
    const { client, socket } = fake.start(t);
    const answer = client.subscribe("main");
    socket.admit();
    assert.deepEqual(subscribed(socket), [[ROOM, "main", null]]);
    socket.say(fake.subscribed(ROOM, "main"));
    assert.deepEqual(await answer, [BOB]);
  });

  test("that was left is left in a new seat, too", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    relay.client.unsubscribe("main");
    relay.socket.say(fake.unsubscribed(ROOM, "main"));
    cut(relay);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED), fake.welcome());
    assert.deepEqual(unsubscribed(relay.socket), [[ROOM, "main"]]);
  });
});
