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
 * | `error` | `{ code, message, retryMs }` | the relay refused something that no promise stands for, or sent what can't be read (`"Malformed"`) |
 * | `close` | `{ code, reason, retry }` | the connection ended |
 *
 * Promises that are rejected are so with a {@link Refusal}, or with a `TypeError` or `RangeError` for what can't be said; it is no fault to ignore
 * them.
 * @module
 */

import { WireError } from "./bytes.js";
import { Channels } from "./client/channels.js";
import { Connection } from "./client/connection.js";
import { Destination } from "./client/destination.js";
import { Errands } from "./client/errands.js";
import { ids } from "./client/ids.js";
import { Listings } from "./client/listings.js";
import { Match } from "./client/match.js";
import * as messages from "./messages.js";
import { at, named, readRecord, writeRecord } from "./schema.js";

export { Refusal } from "./client/answers.js";
export { Replica } from "./snapshot.js";

/** @typedef {import("./messages/server.js").Welcome} Welcome */
/** @typedef {import("./messages/server.js").ServerMessage} ServerMessage */
/** @typedef {import("./messages/rooms.js").Target} Target */
/** @typedef {import("./messages/rooms.js").Role} Role */
/** @typedef {import("./messages/rooms.js").Scope} Scope */
/** @typedef {import("./messages/rooms.js").Wanted} Wanted */
/** @typedef {import("./messages/client.js").Resume} Resume */
/** @typedef {"connecting" | "authenticating" | "lobby" | "joining" | "playing" | "waiting" | "closed"} State */
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
  /** @type {State} */
  state = "connecting";
  /** @type {number | null} The seat of the room's host. */
  host = null;

  #token;
  /** @type {Map<string, Set<(value: any) => void>>} */
  #handlers = new Map();
  #connection;
  #match;
  #errands;
  #channels;
  #listings;
  #destination;
  #nextId;
  /** Until a room that was refused for now is asked for again. */
  #retry = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);

  /** @param {Options} options */
  constructor(options) {
    const { url, token, WebSocket = globalThis.WebSocket, now = () => performance.now(), random = Math.random } = options;
    this.#token = token;
    const { room, target = room === undefined ? null : { room }, role = "player", resume = null } = options;
    this.#destination = new Destination(target, role, resume);
    const send = (/** @type {Uint8Array} */ bytes) => this.#send(bytes);
    this.#match = new Match(send, now);
    this.#nextId = ids(random);
    this.#errands = new Errands(send, this.#nextId);
    this.#channels = new Channels(send, this.#nextId);
    this.#listings = new Listings(send, this.#nextId, (rooms) => this.#emit("rooms", rooms));
    this.#connection = new Connection({ url, WebSocket, now, random }, {
      connecting: () => this.#enter("connecting"),
      opened: () => this.#opened(),
      heard: (message) => this.#handle(message),
      beat: () => this.#beat(),
      lost: (close) => this.#lost(close),
      malformed: (message) => this.#emit("error", { code: "Malformed", message, retryMs: null }),
    });
  }

  /**
   * Calls `handler` with every value of this event. Returns what takes it back.
   * @param {string} name
   * @param {(value: any) => void} handler
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** The room's last welcome; null before the first. */
  get welcome() {
    return this.#match.welcome;
  }

  /** The room's state; empty before the first snapshot. */
  get replica() {
    return this.#match.replica;
  }

  /** What was counted since the client was made. */
  get stats() {
    return { ...this.#match.stats, bytes: this.#connection.bytes };
  }

  /** The player's seat; null outside a room, and for a spectator. */
  get seat() {
    return this.welcome?.seat ?? null;
  }

  /** What takes the seat up again for another client of the same player, such as the page's next; null without a seat. @type {Resume | null} */
  get resume() {
    return this.#destination.resume;
  }

  /** Milliseconds of the last probe's round trip, or null. */
  get roundTripMs() {
    return this.#match.clock.roundTripMs;
  }

  /** The room's tick now, with its fraction: an estimate from probes, the last snapshot's before the first. */
  serverTick() {
    return this.#match.tick();
  }

  /**
   * Sends what the player wants for the next tick that can run with it. Fields that are left out are 0, false or empty.
   * @param {Record<string, unknown>} input
   * @returns {number | null} The input's sequence; null if it was not sent: without a seat, before the room's first snapshot, and beyond
   *   four inputs for one tick.
   */
  send(input) {
    return this.state === "playing" ? this.#match.play(input) : null;
  }

  /**
   * Hears a channel from now on, after what was said in it before as far as the relay has it. A room's is heard in the next room if the client is
   * in none yet.
   * @param {string} channel
   * @param {{ scope?: Scope }} [options]
   * @returns Who hears it; the first 256.
   */
  subscribe(channel, { scope = "room" } = {}) {
    return this.#channels.subscribe(scope, channel);
  }

  /**
   * @param {string} channel
   * @param {{ scope?: Scope }} [options]
   */
  unsubscribe(channel, { scope = "room" } = {}) {
    return this.#channels.unsubscribe(scope, channel);
  }

  /**
   * Says something in a channel, or to seats or the host of the room: bytes, or what JSON can say, of 2,048 bytes at most. It is sent again after a
   * lost connection. Resolves when it has arrived.
   * @param {unknown} content
   * @param {{ channel?: string, scope?: Scope, to?: number[] | "host" }} [options]
   * @returns {Promise<void>}
   */
  publish(content, { channel = messages.DEFAULT_CHANNEL, scope = "room", to } = {}) {
    if (to === undefined) return this.#errands.run(scope, (id) => messages.publish(id, { scope, channel, to: null }, content));
    return this.#errands.run("room", (id) => messages.publish(id, { scope: "room", channel: null, to }, content));
  }

  /**
   * Says something to the game: a message of its schema, by its name and fields. It is sent again after a lost connection. Resolves when it has
   * arrived.
   * @param {string} name
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<void>}
   */
  tell(name, fields = {}) {
    return this.#errands.run("room", (id) => {
      const { index, found } = named("message", this.replica.schema.messages, name, (shape) => shape);
      return messages.tell(id, index, writeRecord(found, fields));
    });
  }

  /**
   * Asks the game something: a request of its schema, by its name and fields. Resolves with the fields of the reply, which may come after a lost
   * connection.
   * @param {string} name
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<Record<string, import("./schema.js").Value>>}
   */
  request(name, fields = {}) {
    return this.#errands.run("room", (id) => {
      const { index, found } = named("request", this.replica.schema.requests, name, ({ request }) => request);
      return messages.request(id, index, writeRecord(found.request, fields));
    });
  }

  /** The relay's rooms that are open to all, of a kind and with labels if that is said. @param {Wanted} [wanted] */
  listRooms(wanted = {}) {
    return this.#listings.list(wanted);
  }

  /**
   * Tells by the event `rooms` which these are, now and whenever that changes; in place of those that were watched before. Returns what ends it.
   * @param {Wanted} [wanted]
   */
  watchRooms(wanted = {}) {
    return this.#listings.watch(wanted);
  }

  /**
   * Goes there, out of the room that the client is in. Throws what a target that can't be said is at fault for, and stays.
   * @param {Target} target
   * @param {{ role?: Role }} [options]
   */
  join(target, { role = "player" } = {}) {
    if (this.state === "closed") return;
    const destination = new Destination(target, role, null);
    clearTimeout(this.#retry);
    this.#giveUp();
    if (this.welcome) this.#channels.leave();
    this.#errands.leave();
    this.#destination = destination;
    this.host = null;
    this.#match.leave();
    if (this.#isUp) this.#ask();
  }

  /** Gives the seat up, or the wait for one, and closes. */
  leave() {
    this.#giveUp();
    this.close();
  }

  /** Closes for good; the seat is held for a while unless the player left. */
  close() {
    this.#connection.close();
    this.#end();
  }

  /** Leaves the room, or ends the wait for one. */
  #giveUp() {
    if (this.#destination.isAwaited || this.state === "playing") this.#send(messages.leave());
  }

  /** Whether the relay has accepted the token and listens. */
  get #isUp() {
    return this.state === "lobby" || this.state === "joining" || this.state === "playing";
  }

  #opened() {
    this.#send(messages.auth(this.#token));
    this.#enter("authenticating");
  }

  /** @param {ServerMessage} message */
  #handle(message) {
    // What a room said before it heard that the client has left is not of the next one.
    if (this.state !== "playing" && isOfRoom(message)) return;
    const { type, id, ...value } = /** @type {{ type: string, id?: unknown }} */ (message);
    switch (message.type) {
      case "accepted":
        return this.#accepted();
      case "welcome":
        // The one of a room that was given up before it came is of no use.
        if (this.#destination.awaits(message.id)) this.#welcomed(message.welcome);
        return;
      case "snapshot":
        if (this.#match.snapshot(message.body)) this.#emit("snapshot", { tick: this.replica.tick });
        return;
      case "event": {
        const shape = at("event", this.replica.schema.events, message.event);
        const value = readRecord(shape, message.record);
        if (this.#destination.count(message.number)) this.#emit("event", { tick: message.tick, name: shape.name, value });
        return;
      }
      case "message": {
        const { received } = this.#destination;
        const isNew = message.channel === null ? message.number > received : this.#channels.hear(message, received);
        if (message.scope === "room") this.#destination.count(message.number);
        if (isNew) this.#emit("message", value);
        return;
      }
      case "reply": {
        const { reply } = at("request", this.replica.schema.requests, message.request);
        this.#errands.answered(message.id, readRecord(reply, message.record));
        return void this.#destination.count(message.number);
      }
      case "acked":
        return this.#errands.answered(message.id, undefined);
      case "subscribed":
        this.#channels.subscribed(message);
        return this.#emit("subscribed", value);
      case "unsubscribed":
        this.#channels.unsubscribed(message);
        return this.#emit("unsubscribed", value);
      case "presence":
        return this.#emit("presence", value);
      case "rooms":
        return this.#listings.take(message);
      case "host":
        this.host = message.host;
        return this.#emit("host", message.host);
      case "error":
        return this.#refused(message);
      case "probe":
        return this.#send(messages.probeReply(message.nonce, this.replica.tick));
      case "probeReply":
        return this.#match.clock.take(message, this.state === "playing" && this.welcome ? this.welcome.tickRate : null);
    }
  }

  #accepted() {
    this.#channels.accept();
    this.#errands.open("relay");
    this.#listings.accept();
    this.#ask();
  }

  /** Asks for the room, if there is one to ask for. */
  #ask() {
    const join = this.#destination.ask(this.#nextId());
    if (!join) return this.#enter("lobby");
    this.#send(join);
    this.#enter("joining");
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const { received } = this.#destination;
    const { resumed, same } = this.#destination.reach(welcome);
    this.host = welcome.host;
    this.#connection.reached();
    this.#match.enter(welcome, resumed);
    this.#channels.enter(resumed, same);
    if (!resumed) this.#errands.leave();
    this.#errands.open("room");
    this.#enter("playing");
    this.#emit("welcome", welcome);
    if (welcome.lost) this.#emit("lost", { received });
  }

  /** @param {import("./messages/server.js").ErrorReply} error */
  #refused(error) {
    const { code, message, retryMs, id } = error;
    if ([this.#errands, this.#channels, this.#listings].some((part) => part.refused(error))) return;
    if (this.#destination.awaits(id)) {
      if (this.#destination.refuse(code)) return this.#ask();
      if (retryMs !== null) this.#retry = setTimeout(() => this.#ask(), retryMs);
    } else if (id !== null) {
      // Nobody waits for it any more.
      return;
    }
    this.#emit("error", { code, message, retryMs });
  }

  /** @param {{ code: number, reason: string, retry: boolean }} close */
  #lost(close) {
    this.#shut();
    if (close.retry) this.#enter("waiting");
    else this.#end();
    this.#emit("close", close);
  }

  /** A second has passed. */
  #beat() {
    if (!this.#isUp) return;
    for (const part of [this.#match, this.#channels, this.#errands, this.#listings]) part.beat();
  }

  /** Nothing is heard or said until the next connection. */
  #shut() {
    clearTimeout(this.#retry);
    for (const part of [this.#destination, this.#channels, this.#errands, this.#listings, this.#match.clock]) part.shut();
  }

  /** Nothing comes any more. */
  #end() {
    this.#shut();
    for (const part of [this.#channels, this.#errands, this.#listings]) part.close();
    this.#enter("closed");
  }

  /** @param {Uint8Array} bytes */
  #send(bytes) {
    this.#connection.send(bytes);
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#emit("state", state);
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  #emit(name, value) {
    this.#handlers.get(name)?.forEach((handler) => handler(value));
  }
}

/** Whether only who is in a room hears this. @param {ServerMessage} message */
function isOfRoom(message) {
  if ("scope" in message) return message.scope === "room";
  return message.type === "snapshot" || message.type === "event" || message.type === "reply" || message.type === "host";
}
