/**
 * What a client says to others and to the game, and what it hears, against a scripted relay in virtual time.
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fake from "./fake.js";
import { cut, now, refusal } from "./fake.js";

const [RATE_LIMITED, RESUME_REFUSED, NO_RECIPIENT, REQUEST_REFUSED] = [1, 4, 14, 15];
const MAIN = { scope: fake.Scope.ROOM, channel: "main" };
const NEWS = { scope: fake.Scope.RELAY, channel: "news" };
const BOB = { session: 70_000, seat: 4, name: "Bob" };

/** The ids of what was published on this connection. @param {fake.FakeSocket} socket */
function published(socket) {
  return socket.all("Publish").map((publish) => publish.option(() => publish.string()));
}

describe("what is published", () => {
  test("goes to everyone in the room, and is answered when it has arrived", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const answer = client.publish({ text: "hi" });
    const publish = socket.last("Publish");
    const id = publish.option(() => publish.string());
    assert.ok(id);
    assert.deepEqual([publish.unsigned(), publish.unsigned(), publish.string()], [0, 0, "main"]);
    assert.deepEqual([publish.unsigned(), publish.string()], [0, '{"text":"hi"}']);
    assert.equal(await now(answer), "waiting");
    socket.say(fake.acked(id));
    assert.equal(await answer, undefined);
  });

  test("may go to a channel, to seats and to the host", (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    client.publish(1, { channel: "team" });
    client.publish(1, { channel: "news", scope: "relay" });
    client.publish(1, { to: [2, 3] });
    client.publish(1, { to: "host" });
    const to = socket.all("Publish").map((publish) => {
      publish.option(() => publish.string());
      return [...publish.take(publish.left - 3)];
    });
    const name = (/** @type {string} */ text) => [text.length, ...new TextEncoder().encode(text)];
    assert.deepEqual(to, [[0, 0, ...name("team")], [0, 1, ...name("news")], [1, 2, 2, 3], [2]]);
  });

  test("waits for the room, in order", (t) => {
    const { client, socket } = fake.start(t);
    client.publish(1);
    socket.open();
    client.publish(2);
    socket.say(fake.accepted());
    assert.deepEqual(published(socket), []);
    socket.say(fake.welcome());
    assert.equal(published(socket).length, 2);
    assert.equal(new Set(published(socket)).size, 2);
  });

  test("in a channel of the relay waits for no room", (t) => {
    const { client, socket } = fake.start(t, { room: undefined });
    client.publish(1, { channel: "news", scope: "relay" });
    socket.open();
    assert.deepEqual(published(socket), []);
    socket.say(fake.accepted());
    assert.equal(published(socket).length, 1);
  });

  test("is sent again after a lost connection, as the same, until it is answered", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const answers = [relay.client.publish(1), relay.client.publish(2)];
    const ids = published(relay.socket);
    relay.socket.say(fake.acked(String(ids[0])));
    cut(relay);
    relay.socket.say(fake.welcome());
    assert.deepEqual(published(relay.socket), [ids[1]]);
    relay.socket.say(fake.acked(String(ids[1])));
    await Promise.all(answers);
    cut(relay);
    relay.socket.say(fake.welcome());
    assert.deepEqual(published(relay.socket), []);
  });

  test("is lost with the seat, as far as anyone knows; what was never sent is not", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const sent = relay.client.publish(1);
    const news = relay.client.publish(2, { channel: "news", scope: "relay" });
    relay.socket.end();
    const kept = relay.client.publish(3);
    relay.pass(1);
    relay.socket.open();
    relay.socket.say(fake.accepted(), fake.refused("Join", RESUME_REFUSED), fake.welcome());
    assert.equal(await refusal(sent), "Lost");
    assert.equal(await now(kept), "waiting");
    assert.equal(await now(news), "waiting");
    assert.equal(published(relay.socket).length, 2);
  });

  test("and refused is so by its id, and nothing else is told of it", async (t) => {
    const { client, socket } = fake.start(t);
    const errors = fake.record(client, "error");
    socket.admit();
    const [first, second] = [client.publish(1, { to: [9] }), client.publish(2)];
    const [id, other] = published(socket).map(String);
    socket.say(fake.error(NO_RECIPIENT, null, id), fake.error(RATE_LIMITED, 300, other));
    assert.equal(await refusal(first), "NoRecipient");
    await assert.rejects(second, { code: "RateLimited", message: "no", retryMs: 300 });
    assert.deepEqual(errors, []);
  });

  test("and can't be said is the caller's mistake", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    await assert.rejects(client.publish("x".repeat(3000)), RangeError);
    await assert.rejects(client.publish(() => {}), TypeError);
    assert.deepEqual(published(socket), []);
  });

  test("is kept within bounds while nobody answers", async (t) => {
    const { client, socket } = fake.start(t);
    for (let said = 0; said < 20; said++) client.publish(said);
    assert.equal(await refusal(client.publish("more")), "TooMany");
    socket.admit();
    assert.equal(published(socket).length, 20);
    socket.say(fake.acked(String(published(socket)[0])));
    client.publish("more");
    assert.equal(published(socket).length, 21);
  });

  test("is said once, however long the answer takes", (t) => {
    const { client, socket, pass } = fake.start(t);
    socket.admit();
    client.publish(1);
    pass(9000);
    assert.equal(published(socket).length, 1);
  });

  test("is refused when the client is closed, and after that", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const before = client.publish(1);
    client.close();
    assert.equal(await refusal(before), "Closed");
    assert.equal(await refusal(client.publish(2)), "Closed");
  });

  test("is refused when the relay ends it for good", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const answer = client.publish(1);
    socket.end(4410);
    assert.equal(await refusal(answer), "Closed");
  });
});

describe("the game", () => {
  test("is told by name and fields", async (t) => {
    const { client, socket } = fake.start(t);
    const answer = client.tell("Say", { text: "hi" });
    socket.admit();
    const tell = socket.last("Tell");
    const id = new TextDecoder().decode(tell.opaque());
    assert.deepEqual([tell.varint(), [...tell.take(tell.left)]], [1, [2, 104, 105]]);
    socket.say(fake.acked(id));
    await answer;
  });

  test("is asked by name and fields, and its reply read by the schema", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const answer = client.request("Ask", { text: "why" });
    const request = socket.last("Request");
    const id = new TextDecoder().decode(request.opaque());
    assert.deepEqual([request.varint(), [...request.take(request.left)]], [0, [3, 119, 104, 121]]);
    socket.say(fake.reply(1, id, "because"));
    assert.deepEqual(await answer, { text: "because" });
  });

  test("that refuses is heard", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    const answer = client.request("Ask");
    const id = new TextDecoder().decode(socket.last("Request").opaque());
    socket.say(fake.error(REQUEST_REFUSED, null, id));
    assert.equal(await refusal(answer), "RequestRefused");
  });

  test("may answer after a lost connection", async (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const answer = relay.client.request("Ask");
    const id = new TextDecoder().decode(relay.socket.last("Request").opaque());
    cut(relay);
    relay.socket.say(fake.welcome(), fake.reply(1, id, "late"));
    assert.equal(new TextDecoder().decode(relay.socket.last("Request").opaque()), id, "it is asked again, as the same");
    assert.deepEqual(await answer, { text: "late" });
  });

  test("has no ear for what is not in its schema", async (t) => {
    const { client, socket } = fake.start(t);
    socket.admit();
    await assert.rejects(client.tell("Whisper"), /message `Whisper` is not in the schema/);
    await assert.rejects(client.request("Beg"), /request `Beg` is not in the schema/);
  });
});

describe("what is heard", () => {
  test("is told with who said it and to whom", (t) => {
    const { client, socket } = fake.start(t);
    const heard = fake.record(client, "message");
    socket.admit();
    socket.say(fake.message(1, MAIN, '{"a":1}'), fake.message(2, [3], Uint8Array.of(7)), fake.message(1, NEWS, "2"));
    assert.deepEqual(heard, [
      { number: 1, from: BOB, scope: "room", channel: "main", to: null, content: { a: 1 } },
      { number: 2, from: BOB, scope: "room", channel: null, to: [3], content: Uint8Array.of(7) },
      { number: 1, from: BOB, scope: "relay", channel: "news", to: null, content: 2 },
    ]);
  });

  test("counts for the next resumption, whatever it is", (t) => {
    const relay = fake.start(t);
    relay.socket.admit();
    const says = [fake.event(0, "hi", 4), fake.message(7, MAIN, "1"), fake.message(8, "host", "1"), fake.reply(9, "gone", "x"), fake.message(900, NEWS, "1")];
    const received = says.map((say) => {
      relay.socket.say(say);
      return relay.client.resume?.received;
    });
    assert.deepEqual(received, [4, 7, 8, 9, 9]);
  });

  test("is not told twice", (t) => {
    const relay = fake.start(t);
    const heard = fake.record(relay.client, "message", "event");
    relay.socket.admit();
    const twice = [fake.event(0, "hi", 1), fake.message(2, MAIN, '"a"'), fake.message(3, [3], '"b"')];
    relay.socket.say(...twice);
    cut(relay);
    relay.socket.say(fake.welcome({ received: 0 }), ...twice, fake.message(4, MAIN, '"c"'), fake.message(5, [3], '"d"'));
    assert.deepEqual(heard.map((said) => said.content ?? said.value.text), ["hi", "a", "b", "c", "d"]);
  });

  test("in a new seat counts from where that begins", (t) => {
    const relay = fake.start(t);
    const heard = fake.record(relay.client, "message");
    relay.socket.admit();
    relay.socket.say(fake.message(50, MAIN, "1"));
    cut(relay);
    relay.socket.say(fake.refused("Join", RESUME_REFUSED), fake.welcome({ received: 3 }), fake.message(4, MAIN, "2"), fake.message(5, [3], "3"));
    assert.deepEqual(heard.map(({ content }) => content), [1, 2, 3]);
    assert.equal(relay.client.resume?.received, 5);
  });

  test("with something lost before it is so said", (t) => {
    const relay = fake.start(t);
    const lost = fake.record(relay.client, "lost");
    relay.socket.admit();
    relay.socket.say(fake.message(5, MAIN, "1"));
    cut(relay);
    relay.socket.say(fake.welcome({ received: 9, lost: true }));
    assert.deepEqual(lost, [{ received: 5 }]);
  });

  test("tells who comes and goes, and who is the host", (t) => {
    const { client, socket } = fake.start(t);
    const presence = fake.record(client, "presence");
    const hosts = fake.record(client, "host");
    socket.admit();
    assert.equal(client.host, 5);
    socket.say(fake.presence(fake.Scope.ROOM, "main", true), fake.presence(fake.Scope.ROOM, "main", false), fake.host(3), fake.host(null));
    assert.deepEqual(presence.map(({ member, here }) => [member.name, here]), [["Bob", true], ["Bob", false]]);
    assert.deepEqual(hosts, [3, null]);
    assert.equal(client.host, null);
  });
});
