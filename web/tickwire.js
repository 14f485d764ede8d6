/**
 * The browser client: a player at a relay, for as long as the relay wants one.
 *
 * ```js
 * import { Client } from "./tickwire.js";
 *
 * const client = new Client({ url: "ws://127.0.0.1:7777", token: "ada", room: "lobby" });
 * client.on("welcome", () => client.replica.expect("Position", ["x", "y"]));
 * client.on("snapshot", ({ tick }) => {
 *   for (const { slot, x, y } of client.replica.rows("Position")) draw(slot, x, y);
 *   client.send({ x: 1, fire: true });
 * });
 * client.on("message", ({ from, content }) => print(from?.name, content));
 * client.publish("hello");
 * ```
 *
 * It connects at once, and again after a lost connection (full jitter from 100 ms to 5 s) for as long as the close code allows: into the
 * room that it was in, to its seat if that is still held, and if the room is gone, to where it went at first. A room that is refused for now is
 * asked for again when the relay says, and so is a channel, or a list of rooms. What it hears, it hears again after that; what it said is sent again until it is answered. Handlers that
 * are attached right after it was made miss nothing. Events:
 *
 * | name | value | when |
 * |---|---|---|
 * | `state` | `"connecting"`, `"authenticating"`, `"lobby"`, `"joining"`, `"playing"`, `"waiting"`, `"closed"` | it changes |
 * | `welcome` | the room's {@link Welcome} | it is in the room |
 * | `snapshot` | `{ tick }` | the replica is that of a new tick |
 * | `event` | `{ tick, name, value }` | the game says something |
 * | `message` | `{ number, from, scope, channel, to, content }` | someone says something: in a channel, or `to` these seats or the `"host"`; `from` null: the embedder |
 * | `presence` | `{ scope, channel, member, here }` | someone came to a channel, or went |
 * | `subscribed` | `{ scope, channel, members, count }` | a channel is heard from now on |
 * | `unsubscribed` | `{ scope, channel }` | it is heard no more |
 * | `rooms` | the rooms that are watched, by name | they changed |
 * | `host` | a seat or null | the room has another host |
 * | `lost` | `{ received }` | after a reconnection: the room no longer had all that was said after that number |
 * | `error` | `{ code, message, retryMs, ofJoin }` | the relay refused something that no promise stands for, such as the room that was asked for (`ofJoin`), or sent what can't be read (`"Malformed"`) |
 * | `close` | `{ code, reason, retry }` | the connection ended |
 *
 * Promises that are rejected are so with a {@link Refusal}, or with a `TypeError` or `RangeError` for what can't be said; it is no fault to ignore
 * them.
 * @module
 */

import { Destination } from "./client/destination.js";
import { Events } from "./client/events.js";
import { Session } from "./client/session.js";

export { Refusal } from "./client/answers.js";
export { Replica } from "./snapshot.js";

/** @typedef {import("./messages/server.js").Welcome} Welcome */
/** @typedef {import("./messages/rooms.js").Target} Target */
/** @typedef {import("./messages/rooms.js").Role} Role */
/** @typedef {import("./messages/rooms.js").Scope} Scope */
/** @typedef {import("./messages/rooms.js").Wanted} Wanted */
/** @typedef {import("./messages/client.js").Resume} Resume */
/** @typedef {import("./client/session.js").State} State */
/**
 * @typedef {object} Options
 * @property {string} url Such as `ws://127.0.0.1:7777`.
 * @property {string} token What the relay's authenticator knows the player by.
 * @property {string} [room] The room's name: short for `target: { room }`.
 * @property {Target} [target] Where to. Without it and a room the client stays in the lobby until it is told to {@link Client.join}.
 * @property {Role} [role] As what; a player if nothing is said.
 * @property {Resume | null} [resume] An earlier client's {@link Client.resume}, to take its seat up again.
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {() => number} [now] Milliseconds from some start.
 * @property {() => number} [random] From 0 to 1.
 */

export class Client {
  #events = new Events();
  #session;

  /** @param {Options} options */
  constructor(options) {
    const { url, token, WebSocket = globalThis.WebSocket, now = () => performance.now(), random = Math.random } = options;
    const { room, target = room === undefined ? null : { room }, role = "player", resume = null } = options;
    const destination = new Destination(target, role, resume);
    this.#session = new Session({ url, token, WebSocket, now, random }, destination, (name, value) => this.#events.emit(name, value));
  }

  /**
   * Calls `handler` with every value of this event. Returns what takes it back.
   * @param {string} name
   * @param {(value: any) => void} handler
   */
  on(name, handler) {
    return this.#events.on(name, handler);
  }

  /** @type {State} */
  get state() {
    return this.#session.state;
  }

  /** The seat of the room's host. @type {number | null} */
  get host() {
    return this.#session.host;
  }

  /** The room's last welcome; null before the first. */
  get welcome() {
    return this.#session.match.welcome;
  }

  /** The room's state; empty before the first snapshot. */
  get replica() {
    return this.#session.match.replica;
  }

  /** What was counted since the client was made. */
  get stats() {
    return { ...this.#session.match.stats, bytes: this.#session.bytes };
  }

  /** The player's seat; null outside a room, and for a spectator. */
  get seat() {
    return this.welcome?.seat ?? null;
  }

  /** What takes the seat up again for another client of the same player, such as the page's next; null without a seat. @type {Resume | null} */
  get resume() {
    return this.#session.resume;
  }

  /** Milliseconds of the last probe's round trip, or null. */
  get roundTripMs() {
    return this.#session.match.clock.roundTripMs;
  }

  /** The room's tick now, with its fraction: an estimate from probes, the last snapshot's before the first. */
  serverTick() {
    return this.#session.match.tick();
  }

  /**
   * Sends what the player wants for the next tick that can run with it. Fields that are left out are 0, false or empty.
   * @param {Record<string, unknown>} input
   * @returns {number | null} The input's sequence; null if it was not sent: without a seat, before the room's first snapshot, and beyond
   *   four inputs for one tick.
   */
  send(input) {
    return this.state === "playing" ? this.#session.match.play(input) : null;
  }

  /**
   * Hears a channel from now on, after what was said in it before as far as the relay has it. A room's is heard in the next room if the client is
   * in none yet.
   * @param {string} channel
   * @param {{ scope?: Scope }} [options]
   * @returns Who hears it; the first 256.
   */
  subscribe(channel, { scope = "room" } = {}) {
    return this.#session.channels.subscribe(scope, channel);
  }

  /**
   * @param {string} channel
   * @param {{ scope?: Scope }} [options]
   */
  unsubscribe(channel, { scope = "room" } = {}) {
    return this.#session.channels.unsubscribe(scope, channel);
  }

  /**
   * Says something in a channel, or to seats or the host of the room: bytes, or what JSON can say, of 2,048 bytes at most. It is sent again after a
   * lost connection. Resolves when it has arrived.
   * @param {unknown} content
   * @param {{ channel?: string, scope?: Scope, to?: number[] | "host" }} [options]
   * @returns {Promise<void>}
   */
  publish(content, options = {}) {
    return this.#session.talk.publish(content, options);
  }

  /**
   * Says something to the game: a message of its schema, by its name and fields. It is sent again after a lost connection. Resolves when it has
   * arrived.
   * @param {string} name
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<void>}
   */
  tell(name, fields = {}) {
    return this.#session.talk.tell(name, fields);
  }

  /**
   * Asks the game something: a request of its schema, by its name and fields. Resolves with the fields of the reply, which may come after a lost
   * connection.
   * @param {string} name
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<Record<string, import("./schema.js").Value>>}
   */
  request(name, fields = {}) {
    return this.#session.talk.request(name, fields);
  }

  /** The relay's rooms that are open to all, of a kind and with labels if that is said. @param {Wanted} [wanted] */
  listRooms(wanted = {}) {
    return this.#session.listings.list(wanted);
  }

  /**
   * Tells by the event `rooms` which these are, now and whenever that changes; in place of those that were watched before. Returns what ends it.
   * @param {Wanted} [wanted]
   */
  watchRooms(wanted = {}) {
    return this.#session.listings.watch(wanted);
  }

  /**
   * Goes there, out of the room that the client is in. Throws what a target that can't be said is at fault for, and stays.
   * @param {Target} target
   * @param {{ role?: Role }} [options]
   */
  join(target, { role = "player" } = {}) {
    if (this.state !== "closed") this.#session.join(new Destination(target, role, null));
  }

  /** Gives the seat up, or the wait for one, and closes. */
  leave() {
    this.#session.leave();
  }

  /** Closes for good; the seat is held for a while unless the player left. */
  close() {
    this.#session.close();
  }
}
