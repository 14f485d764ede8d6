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
 * ```
 *
 * It connects at once, and again after a lost connection (full jitter from 100 ms to 5 s) for as long as the close code allows.
 * A room that is refused for now is asked for again when the relay says. Handlers that are attached right after it was made miss
 * nothing. Events:
 *
 * | name | value | when |
 * |---|---|---|
 * | `state` | `"connecting"`, `"authenticating"`, `"joining"`, `"playing"`, `"waiting"`, `"closed"` | it changes |
 * | `welcome` | the room's {@link Welcome} | it is in the room |
 * | `snapshot` | `{ tick }` | the replica is that of a new tick |
 * | `event` | `{ tick, name, value }` | the game says something |
 * | `error` | `{ code, message, retryMs }` | the relay refused something, or sent what can't be read (`"Malformed"`) |
 * | `close` | `{ code, reason, retry }` | the connection ended |
 * @module
 */

import { WireError } from "./bytes.js";
import { closeReason, mayRetry } from "./close.js";
import * as messages from "./messages.js";
import { readRecord, writeRecord } from "./schema.js";
import { GapError, Replica } from "./snapshot.js";

export { Replica } from "./snapshot.js";

/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {"connecting" | "authenticating" | "joining" | "playing" | "waiting" | "closed"} State */
/**
 * @typedef {object} Options
 * @property {string} url Such as `ws://127.0.0.1:7777`.
 * @property {string} token What the relay's authenticator knows the player by.
 * @property {string} room The room's name.
 * @property {Uint8Array | null} [resume] A token of an earlier welcome, to take its seat up again.
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {() => number} [now] Milliseconds from some start.
 * @property {() => number} [random] From 0 to 1.
 */

// All in milliseconds.
const PROBE_EVERY = 1000;
const RESYNC_EVERY = 500;
const FIRST_WAIT = 100;
const LONGEST_WAIT = 5000;
/** Without anything from the relay, which answers probes and sends snapshots (scripts don't see its pings). */
const SILENCE = 10_000;
/** Probes to choose from: the one with the shortest round trip says most about the room's clock. */
const SAMPLES = 8;
/** Inputs for one tick: one steers, a few more are a key pressed and released. A page that wakes up answers a heap of snapshots at once. */
const INPUTS_A_TICK = 4;

export class Client {
  /** @type {State} */
  state = "connecting";
  /** @type {Welcome | null} The room's last welcome. */
  welcome = null;
  /** The room's state; empty before the first snapshot. */
  replica = new Replica({ components: [], input: { name: "", fields: [] }, events: [], messages: [], requests: [] });
  /** What was counted since the client was made. */
  stats = { bytes: 0, snapshots: 0, hashChecks: 0, hashMismatches: 0, resyncs: 0, reconnects: 0, snapshotAt: 0 };
  /** Milliseconds of the last probe's round trip, or null. */
  roundTripMs = /** @type {number | null} */ (null);

  #options;
  /** @type {Map<string, Set<(value: any) => void>>} */
  #handlers = new Map();
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Uint8Array | null} */
  #resume;
  #sequence = 0;
  /** How many inputs were sent for the newest tick that had one. */
  #inputs = { tick: 0, count: 0 };
  #attempts = 0;
  #nonce = 0;
  /** @type {{ nonce: number, sent: number } | null} */
  #probe = null;
  /** @type {{ trip: number, at: number, tick: number }[]} */
  #samples = [];
  #resyncAsked = -Infinity;
  #heard = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #beat;

  /** @param {Options} options */
  constructor(options) {
    this.#options = {
      WebSocket: globalThis.WebSocket,
      now: () => performance.now(),
      random: Math.random,
      ...options,
    };
    this.#resume = options.resume ?? null;
    this.#connect();
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

  /** The player's seat, or null. */
  get seat() {
    return this.welcome?.seat ?? null;
  }

  /** The room's tick now, with its fraction: an estimate from probes, the last snapshot's before the first. */
  serverTick() {
    if (!this.#samples.length || !this.welcome) return this.replica.tick;
    const best = this.#samples.reduce((best, sample) => (sample.trip < best.trip ? sample : best));
    return best.tick + ((this.#options.now() - best.at) / 1000) * this.welcome.tickRate;
  }

  /**
   * Sends what the player wants for the next tick that can run with it. Fields that are left out are 0, false or empty.
   * @param {Record<string, unknown>} input
   * @returns {number | null} The input's sequence; null if it was not sent: outside the room, before its first snapshot, and beyond
   *   four inputs for one tick.
   */
  send(input) {
    // Only the first snapshot tells the room's tick and where a seat that was taken over has counted to.
    if (this.state !== "playing" || !this.welcome || !this.replica.tick) return null;
    const record = writeRecord(this.welcome.schema.input, input);
    const trip = ((this.roundTripMs ?? 0) / 2000) * this.welcome.tickRate;
    const tick = Math.floor(this.serverTick() + trip) + 1;
    if (tick !== this.#inputs.tick) this.#inputs = { tick, count: 0 };
    if (this.#inputs.count === INPUTS_A_TICK) return null;
    this.#inputs.count += 1;
    this.#sequence += 1;
    this.#send(messages.input(this.#sequence, tick, this.replica.tick, record));
    return this.#sequence;
  }

  /** Gives the seat up and closes. */
  leave() {
    if (this.state === "playing") this.#send(messages.leave());
    this.close();
  }

  /** Closes for good; the seat is held for a while unless the player left. */
  close() {
    // Without a code: 1000 says that the player left.
    this.#drop()?.close();
    this.#enter("closed");
  }

  #connect() {
    const socket = new this.#options.WebSocket(this.#options.url, messages.SUBPROTOCOL);
    this.#socket = socket;
    this.#heard = this.#options.now();
    this.#beat = setInterval(() => this.#check(), PROBE_EVERY);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#heard = this.#options.now();
      this.#send(messages.auth(this.#options.token));
      this.#enter("authenticating");
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    // The close that follows says it all; outside browsers an error that nobody listens to ends the program.
    socket.onerror = () => {};
    this.#enter("connecting");
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    const socket = this.#socket;
    this.#heard = this.#options.now();
    try {
      if (typeof data === "string") throw new WireError("text on a binary session");
      this.stats.bytes += data.byteLength;
      for (const message of messages.readMessages(new Uint8Array(data))) {
        this.#handle(message);
        // A handler may have closed the client: what is left of the message is for nobody.
        if (this.#socket !== socket) return;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#drop()?.close();
      this.#lost(1006, error.message);
      this.#emit("error", { code: "Malformed", message: error.message, retryMs: null });
    }
  }

  /** @param {import("./messages.js").ServerMessage} message */
  #handle(message) {
    switch (message.type) {
      case "accepted":
        this.#send(messages.join(this.#options.room, this.#resume));
        return this.#enter("joining");
      case "welcome":
        return this.#enterRoom(message.welcome);
      case "snapshot":
        return this.#snapshot(message.body);
      case "event": {
        const shape = this.replica.schema.events[message.event];
        if (!shape) throw new WireError(`event ${message.event} is not in the schema`);
        return this.#emit("event", { tick: message.tick, name: shape.name, value: readRecord(shape, message.record) });
      }
      case "error":
        if (message.code === "ResumeRefused" && this.state === "joining") {
          this.#resume = null;
          return this.#send(messages.join(this.#options.room, null));
        }
        if (this.state === "joining" && message.retryMs !== null) {
          this.#retry = setTimeout(() => this.#send(messages.join(this.#options.room, this.#resume)), message.retryMs);
        }
        return this.#emit("error", { code: message.code, message: message.message, retryMs: message.retryMs });
      case "probe":
        return this.#send(messages.probeReply(message.nonce, this.replica.tick));
      case "probeReply":
        return this.#clock(message);
    }
  }

  /** @param {Welcome} welcome */
  #enterRoom(welcome) {
    if (this.welcome) this.stats.reconnects += 1;
    if (!this.#resume) this.#sequence = 0;
    this.welcome = welcome;
    this.replica = new Replica(welcome.schema);
    this.#resume = welcome.resume;
    this.#attempts = 0;
    this.#samples = [];
    this.#resyncAsked = -Infinity;
    this.#ask();
    this.#enter("playing");
    this.#emit("welcome", welcome);
  }

  /** @param {Uint8Array} body */
  #snapshot(body) {
    try {
      const { fresh, hashMatched } = this.replica.apply(body);
      if (!fresh) return;
      this.stats.snapshots += 1;
      this.stats.snapshotAt = this.#options.now();
      if (hashMatched !== null) this.stats.hashChecks += 1;
      if (hashMatched === false) {
        this.stats.hashMismatches += 1;
        this.#resync(null, true);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const gap = error instanceof GapError;
      return this.#resync(gap && this.replica.tick ? this.replica.tick : null, !gap);
    }
    // A seat taken over from another client of the same player has counted on.
    for (const { seat, sequence } of this.replica.rows("Seat")) {
      if (seat === this.seat) this.#sequence = Math.max(this.#sequence, sequence);
    }
    this.#emit("snapshot", { tick: this.replica.tick });
  }

  /**
   * @param {number | null} base
   * @param {boolean} desync
   */
  #resync(base, desync) {
    const now = this.#options.now();
    if (now < this.#resyncAsked + RESYNC_EVERY) return;
    this.#resyncAsked = now;
    this.stats.resyncs += 1;
    this.#send(messages.resync(base, desync));
  }

  /** Gives the connection up if it has been silent for long, and probes it if it is up. */
  #check() {
    const now = this.#options.now();
    if (now - this.#heard > SILENCE) {
      this.#drop()?.close();
      return this.#lost(1006, "");
    }
    // On a slow route the answer to the last probe is still on its way; one that was dropped is not waited for forever.
    const waiting = this.#probe && now - this.#probe.sent < SILENCE;
    if (!waiting && (this.state === "joining" || this.state === "playing")) this.#ask();
  }

  /** Asks for the room's tick. */
  #ask() {
    this.#probe = { nonce: this.#nonce, sent: this.#options.now() };
    this.#send(messages.probe(this.#nonce));
    this.#nonce = (this.#nonce + 1) >>> 0;
  }

  /** @param {{ nonce: number, tick: number, phase: number }} reply */
  #clock({ nonce, tick, phase }) {
    if (this.#probe?.nonce !== nonce) return;
    const at = this.#options.now();
    const trip = at - this.#probe.sent;
    this.#probe = null;
    this.roundTripMs = trip;
    if (this.state !== "playing" || !this.welcome) return;
    const off = (trip / 2000) * this.welcome.tickRate;
    const told = tick + phase / 65536 + off;
    // A reply can be off by half its round trip. More than that, and the room has dropped time: what was known is of no use.
    if (this.#samples.length && Math.abs(this.serverTick() - told) > off + 1) this.#samples = [];
    this.#samples.push({ trip, at, tick: told });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#drop();
    const retry = mayRetry(code);
    // Before anyone is told, so that a handler can call it off by closing the client.
    if (retry) {
      const cap = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempts++);
      this.#retry = setTimeout(() => this.#connect(), this.#options.random() * cap);
    }
    this.#enter(retry ? "waiting" : "closed");
    this.#emit("close", { code, reason: reason || closeReason(code), retry });
  }

  /** Lets go of the connection and all that waits for it. */
  #drop() {
    clearInterval(this.#beat);
    clearTimeout(this.#retry);
    this.#probe = null;
    const socket = this.#socket;
    this.#socket = null;
    // Its errors stay taken care of.
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }

  /** @param {Uint8Array} bytes */
  #send(bytes) {
    if (this.#socket?.readyState === 1) this.#socket.send(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
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
