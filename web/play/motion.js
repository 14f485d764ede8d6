/**
 * Where things are between two snapshots: the last few places of everything that has one.
 * @module
 */

/** @typedef {{ x: number, y: number, angle: number }} Place */

/** Snapshots that are kept: enough to draw two back with one more lost. */
const KEPT = 5;

/** Units that nothing flies from one snapshot to the next: a longer way is a jump. */
const JUMP = 160;

export class Motion {
  /** @type {{ tick: number, places: Map<number, Place> }[]} */
  #snapshots = [];

  /**
   * Takes the places of a new snapshot.
   * @param {import("../tickwire.js").Replica} replica
   */
  take(replica) {
    if (replica.tick <= (this.#snapshots.at(-1)?.tick ?? 0)) this.#snapshots = [];
    const places = new Map();
    for (const { slot, x, y } of replica.rows("Position")) places.set(slot, { x, y, angle: 0 });
    for (const { slot, angle } of replica.rows("Heading")) {
      const place = places.get(slot);
      if (place) place.angle = angle;
    }
    this.#snapshots.push({ tick: replica.tick, places });
    if (this.#snapshots.length > KEPT) this.#snapshots.shift();
  }

  /** Forgets the room. */
  forget() {
    this.#snapshots = [];
  }

  /** The most ticks from one snapshot to the next, of those kept: more than usual for a page that is behind. 1 before the second. */
  get gap() {
    const gaps = this.#snapshots.slice(1).map(({ tick }, index) => tick - this.#snapshots[index].tick);
    return Math.max(1, ...gaps);
  }

  /**
   * Where the thing in this slot is at a tick with its fraction, or null if it has no place.
   * @param {number} slot
   * @param {number} tick
   * @returns {Place | null}
   */
  at(slot, tick) {
    const snapshots = this.#snapshots;
    let after = snapshots.length - 1;
    while (after > 0 && snapshots[after - 1].tick >= tick) after--;
    const to = snapshots[after]?.places.get(slot) ?? snapshots.at(-1)?.places.get(slot);
    const from = snapshots[after - 1]?.places.get(slot);
    if (!to) return null;
    if (!from || Math.abs(to.x - from.x) > JUMP || Math.abs(to.y - from.y) > JUMP) return to;
    const span = snapshots[after].tick - snapshots[after - 1].tick;
    const part = Math.min(Math.max((tick - snapshots[after - 1].tick) / span, 0), 1.5);
    return {
      x: from.x + (to.x - from.x) * part,
      y: from.y + (to.y - from.y) * part,
      angle: from.angle + shorterWay(to.angle - from.angle) * part,
    };
  }
}

/** @param {number} turn */
function shorterWay(turn) {
  return turn - Math.round(turn / (2 * Math.PI)) * 2 * Math.PI;
}
