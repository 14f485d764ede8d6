/**
 * The match that the client sees: its replica, its clock, and the inputs of its own seat.
 * @module
 */

import { WireError } from "../bytes.js";
import { input, probe, resync } from "../messages.js";
import { writeRecord } from "../schema.js";
import { GapError, Replica } from "../snapshot.js";
import { Clock } from "./clock.js";
import { SILENCE } from "./connection.js";

/** Milliseconds. */
const RESYNC_EVERY = 500;
/** Inputs for one tick: one steers, a few more are a key pressed and released. A page that wakes up answers a heap of snapshots at once. */
const INPUTS_A_TICK = 4;

export class Match {
  /** @type {import("../messages/server.js").Welcome | null} The room's last welcome. */
  welcome = null;
  /** The room's state; empty before the first snapshot. */
  replica = nothing();
  stats = { snapshots: 0, hashChecks: 0, hashMismatches: 0, resyncs: 0, reconnects: 0, snapshotAt: 0 };
  clock;

  #now;
  #send;
  #sequence = 0;
  /** How many inputs were sent for the newest tick that had one. */
  #inputs = { tick: 0, count: 0 };
  #resyncAsked = -Infinity;

  /**
   * @param {(bytes: Uint8Array) => void} send
   * @param {() => number} now Milliseconds from some start.
   */
  constructor(send, now) {
    this.#send = send;
    this.#now = now;
    this.clock = new Clock(now);
  }

  /**
   * @param {import("../messages/server.js").Welcome} welcome
   * @param {boolean} resumed Whether the seat is the one from before, which counts on.
   */
  enter(welcome, resumed) {
    if (this.welcome) this.stats.reconnects += 1;
    if (!resumed) this.#sequence = 0;
    this.welcome = welcome;
    this.replica = new Replica(welcome.schema);
    this.#resyncAsked = -Infinity;
    this.clock.forget();
    this.#probe();
  }

  leave() {
    this.welcome = null;
    this.replica = nothing();
  }

  /** The room's tick now, with its fraction: an estimate from probes, the last snapshot's before the first. */
  tick() {
    return (this.welcome && this.clock.tick(this.welcome.tickRate)) ?? this.replica.tick;
  }

  /**
   * Sends an input.
   * @param {Record<string, unknown>} fields
   * @returns {number | null} Its sequence, if it was sent.
   */
  play(fields) {
    // Only the first snapshot tells the room's tick and where a seat that was taken over has counted to.
    if (!this.welcome || this.welcome.seat === null || !this.replica.tick) return null;
    const record = writeRecord(this.welcome.schema.input, fields);
    const trip = ((this.clock.roundTripMs ?? 0) / 2000) * this.welcome.tickRate;
    const tick = Math.floor(this.tick() + trip) + 1;
    if (tick !== this.#inputs.tick) this.#inputs = { tick, count: 0 };
    if (this.#inputs.count === INPUTS_A_TICK) return null;
    this.#inputs.count += 1;
    this.#sequence += 1;
    this.#send(input(this.#sequence, tick, this.replica.tick, record));
    return this.#sequence;
  }

  /** Asks for the room's tick, unless an answer is on its way. */
  beat() {
    // On a slow route the answer to the last probe is still on its way; one that was dropped is not waited for forever.
    if (!this.clock.asks(SILENCE)) this.#probe();
  }

  /**
   * Whether the replica is that of a new tick.
   * @param {Uint8Array} body
   */
  snapshot(body) {
    try {
      const { fresh, hashMatched } = this.replica.apply(body);
      if (!fresh) return false;
      this.stats.snapshots += 1;
      this.stats.snapshotAt = this.#now();
      if (hashMatched !== null) this.stats.hashChecks += 1;
      if (hashMatched === false) {
        this.stats.hashMismatches += 1;
        this.#resync(null, true);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const gap = error instanceof GapError;
      this.#resync(gap && this.replica.tick ? this.replica.tick : null, !gap);
      return false;
    }
    // A seat taken over from another client of the same player has counted on.
    for (const { seat, sequence } of this.replica.rows("Seat")) {
      if (seat === this.welcome?.seat) this.#sequence = Math.max(this.#sequence, sequence);
    }
    return true;
  }

  /**
   * @param {number | null} base
   * @param {boolean} desync
   */
  #resync(base, desync) {
    const now = this.#now();
    if (now < this.#resyncAsked + RESYNC_EVERY) return;
    this.#resyncAsked = now;
    this.stats.resyncs += 1;
    this.#send(resync(base, desync));
  }

  #probe() {
    this.#send(probe(this.clock.ask()));
  }
}

function nothing() {
  return new Replica({ components: [], input: { name: "", fields: [] }, events: [], messages: [], requests: [] });
}
