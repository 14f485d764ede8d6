/**
 * The room's clock, as probes tell it.
 * @module
 */

/** Probes to choose from: the one with the shortest round trip says most about the room's clock. */
const SAMPLES = 8;

export class Clock {
  /** Milliseconds of the last probe's round trip, or null. */
  roundTripMs = /** @type {number | null} */ (null);

  #now;
  #nonce = 0;
  /** @type {{ nonce: number, sent: number } | null} */
  #probe = null;
  /** @type {{ trip: number, at: number, tick: number }[]} */
  #samples = [];

  /** @param {() => number} now Milliseconds from some start. */
  constructor(now) {
    this.#now = now;
  }

  /** Begins a probe. Returns its nonce. */
  ask() {
    this.#probe = { nonce: this.#nonce, sent: this.#now() };
    this.#nonce = (this.#nonce + 1) >>> 0;
    return this.#probe.nonce;
  }

  /** Whether a probe not older than this is still without an answer. @param {number} ms */
  asks(ms) {
    return this.#probe !== null && this.#now() - this.#probe.sent < ms;
  }

  /**
   * Takes an answer in.
   * @param {{ nonce: number, tick: number, phase: number }} reply
   * @param {number | null} tickRate The room's, or null outside.
   */
  take({ nonce, tick, phase }, tickRate) {
    if (this.#probe?.nonce !== nonce) return;
    const at = this.#now();
    const trip = at - this.#probe.sent;
    this.#probe = null;
    this.roundTripMs = trip;
    if (tickRate === null) return;
    const off = (trip / 2000) * tickRate;
    const told = tick + phase / 65536 + off;
    // A reply can be off by half its round trip. More than that, and the room has dropped time: what was known is of no use.
    const known = this.tick(tickRate);
    if (known !== null && Math.abs(known - told) > off + 1) this.#samples = [];
    this.#samples.push({ trip, at, tick: told });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** The room's tick now, with its fraction; null if no probe has told it. @param {number} tickRate */
  tick(tickRate) {
    if (!this.#samples.length) return null;
    const best = this.#samples.reduce((best, sample) => (sample.trip < best.trip ? sample : best));
    return best.tick + ((this.#now() - best.at) / 1000) * tickRate;
  }

  /** Forgets the room. */
  forget() {
    this.#samples = [];
  }

  /** Waits for no answer: the connection is gone. */
  shut() {
    this.#probe = null;
  }
}
