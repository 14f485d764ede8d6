/**
 * The client in Node against a real host.
 * @module
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { WebSocket as NodeWebSocket } from "ws";
import { Client } from "../tickwire.js";
import { startHost } from "./host.js";

/** How long to wait for anything; the machine that tests may be busy. */
const PATIENCE = 15_000;

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;

before(async () => {
  host = await startHost("--bots", "2", "--seed", "11", "--hash-every", "1");
});

after(async () => {
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/**
 * A client, and its connections so that a test can cut them.
 * @param {import("node:test").TestContext} t
 * @param {string} token
 * @param {Partial<import("../tickwire.js").Options>} [options]
 */
function connect(t, token, options) {
  /** @type {NodeWebSocket[]} */
  const sockets = [];
  class Socket extends NodeWebSocket {
    /** @param {string} url @param {string} protocol */
    constructor(url, protocol) {
      super(url, protocol);
      sockets.push(this);
    }
  }
  const WebSocket = /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (Socket));
  const url = host.url.replace(/^http/, "ws");
  const client = new Client({ url, token, room: "lobby", WebSocket, ...options });
  t.after(() => client.leave());
  return { client, sockets };
}

/**
 * Waits for a value of an event that is good.
 * @param {Client} client
 * @param {string} name
 * @param {(value: any) => unknown} [good]
 * @returns {Promise<any>}
 */
function when(client, name, good = () => true) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no such ${name} in time; the client is ${client.state}`)), PATIENCE);
    const takeBack = client.on(name, (value) => {
      if (!good(value)) return;
      clearTimeout(late);
      takeBack();
      resolve(value);
    });
  });
}

/** The row of a seat, if somebody has it. @param {Client} client @param {number | null} seat */
function seatRow(client, seat) {
  return [...client.replica.rows("Seat")].find((row) => row.seat === seat) ?? null;
}

test("snapshots come, and every hash is the replica's", async (t) => {
  const { client } = connect(t, "Ada");
  await when(client, "snapshot", () => client.stats.snapshots === 30);
  assert.equal(client.stats.hashChecks, 30);
  assert.equal(client.stats.hashMismatches, 0);
  assert.equal(client.stats.resyncs, 0);
  assert.ok(client.roundTripMs !== null && client.roundTripMs < 1000);
  assert.ok(Math.abs(client.serverTick() - client.replica.tick) < 15);
});

test("inputs are consumed, and the ship goes where they say", async (t) => {
  const { client } = connect(t, "Bob");
  const errors = /** @type {unknown[]} */ ([]);
  client.on("error", (error) => errors.push(error));
  await when(client, "snapshot");
  const place = () => client.replica.get("Position", seatRow(client, client.seat)?.slot ?? -1);
  const from = place();
  const [bounds] = client.replica.rows("Bounds");
  assert.ok(from);
  // Away from the nearer wall.
  const x = from.x < bounds.size / 2 ? 1 : -1;
  /** @type {number | null} */
  let sent = null;
  client.on("snapshot", () => (sent = client.send({ x, aim: 1 })));
  await when(client, "snapshot", () => (place()?.x - from.x) * x > 60);
  const consumed = seatRow(client, client.seat)?.sequence;
  assert.ok(sent && consumed > 1 && consumed <= sent, `${consumed} of ${sent}`);
  assert.ok(sent - consumed < 15, `the ${consumed}th of ${sent} inputs is the last consumed`);
  assert.deepEqual(errors, []);
});

test("a connection that was cut is followed by one in the same seat", async (t) => {
  const { client, sockets } = connect(t, "Eve");
  await when(client, "snapshot");
  const { seat } = client;
  const sequence = client.send({});
  await when(client, "snapshot", () => seatRow(client, seat)?.sequence === sequence);
  sockets[0].terminate();
  assert.deepEqual(await when(client, "close"), { code: 1006, reason: "the connection was lost", retry: true });
  await when(client, "snapshot");
  assert.equal(sockets.length, 2);
  assert.equal(client.seat, seat);
  assert.equal(client.stats.reconnects, 1);
  const next = client.send({});
  assert.ok(sequence && next === sequence + 1);
  await when(client, "snapshot", () => seatRow(client, seat)?.sequence === next);
});

test("a seat that was left is gone for the others", async (t) => {
  const { client: leaver } = connect(t, "Mia");
  const { client: witness } = connect(t, "Leo");
  await when(leaver, "snapshot");
  const { seat } = leaver;
  await when(witness, "snapshot", () => seatRow(witness, seat)?.connected);
  leaver.leave();
  await when(witness, "snapshot", () => !seatRow(witness, seat));
});

test("a client that closes keeps its seat for one that resumes", async (t) => {
  const { client: first } = connect(t, "Kim");
  const { client: witness } = connect(t, "Lou");
  await when(first, "snapshot");
  const { seat } = first;
  const sequence = first.send({});
  await when(first, "snapshot", () => seatRow(first, seat)?.sequence === sequence);
  first.close();
  await when(witness, "snapshot", () => seatRow(witness, seat)?.connected === false);
  const { client: second } = connect(t, "Kim", { resume: first.resume });
  await when(second, "snapshot");
  assert.equal(second.seat, seat);
  assert.equal(second.send({}), sequence && sequence + 1);
});

test("a channel too many is refused by its id", async (t) => {
  const { client } = connect(t, "Pam");
  const errors = /** @type {unknown[]} */ ([]);
  client.on("error", (error) => errors.push(error));
  await when(client, "snapshot");
  // One may hear 32, of the room and of the relay apart.
  const refused = client.unsubscribe("nobody");
  const answers = Array.from({ length: 33 }, (_, index) => client.subscribe(`pam ${index}`, { scope: "relay" }));
  await refused;
  await Promise.all(answers.slice(0, 32));
  await assert.rejects(answers[32], { code: "NoChannel" });
  assert.deepEqual(errors, []);
});

test("channels that are too many at once are asked for again until all are heard", async (t) => {
  const { client } = connect(t, "Quinn");
  await when(client, "snapshot");
  // Thirty messages are taken at once; what is published is not said again.
  const scopes = /** @type {const} */ (["room", "relay"]);
  const answers = Array.from({ length: 40 }, (_, index) => client.subscribe(`quinn ${index}`, { scope: scopes[index % 2] }));
  await assert.rejects(client.publish("hello"), { code: "RateLimited" });
  for (const members of await Promise.all(answers)) assert.deepEqual(members.map(({ name }) => name), ["Quinn"]);
});

test("a refused token ends it", async (t) => {
  const { client } = connect(t, "<script>");
  assert.deepEqual(await when(client, "close"), { code: 4401, reason: "the token was refused", retry: false });
  assert.equal(client.state, "closed");
});

test("a host that is not there is tried again and again", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  const { client, sockets } = connect(t, "Zoe", { url: `ws://127.0.0.1:${port}` });
  await when(client, "close", () => sockets.length === 3);
  assert.equal(client.state, "waiting");
});
