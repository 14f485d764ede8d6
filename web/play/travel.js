/**
 * From room to room: the client goes as soon as a seat is kept there, the address follows, and who is not let in stays, or comes back.
 * @module
 */

import { Refusal } from "../tickwire.js";
import { addressOf, destinationIn, isTooLong } from "./address.js";
import { Reservations } from "./reservations.js";

/** @typedef {import("./address.js").Destination} Destination */
/** @typedef {import("../tickwire.js").Welcome} Welcome */
/**
 * @typedef {object} Ends
 * @property {(welcome: Welcome, from: Destination | null) => void} arrived The player is in another room, and was in one before or not.
 * @property {(refusal: Refused) => void} refused
 * @typedef {object} Refused The player is not let in.
 * @property {Destination} to
 * @property {string} code
 * @property {string} message For people.
 * @property {boolean} isBack Whether the player goes back to the room before.
 */

export class Travel {
  /** @type {Destination | null} Where the player is on the way to. */
  #to = null;
  /** @type {Destination | null} From where. */
  #from = null;
  /** @type {Destination | null} Where the player was last. */
  #here = null;
  /** Ways that were begun: the last one counts. */
  #ways = 0;
  #client;
  #reservations;
  #ends;

  /**
   * @param {import("../tickwire.js").Client} client
   * @param {string} token The player's.
   * @param {Ends} ends
   */
  constructor(client, token, ends) {
    this.#client = client;
    this.#reservations = new Reservations(token);
    this.#ends = ends;
    client.on("welcome", (welcome) => this.#arrive(welcome));
    client.on("error", (error) => this.#refuse(error));
    addEventListener("popstate", () => {
      const to = destinationIn(location.search);
      if (!this.#here || addressOf(to) !== addressOf(this.#here)) this.go(to);
    });
  }

  /** Goes there; out of a room only when the next one has a place, as far as that can be known. @param {Destination} to */
  async go(to) {
    const way = ++this.#ways;
    const from = this.#client.state === "playing" ? this.#here : null;
    if (isTooLong(to)) return this.#stay(to, new Refusal("TooLong", "no room has a name or a code as long as that"));
    // There is nothing to lose, or nothing that could be kept: only players have seats.
    if (!from || to.role === "spectator") return this.#leave(to, from);
    try {
      const found = await this.#reservations.ask(to.target);
      if (way !== this.#ways) return;
      const { welcome, seat } = this.#client;
      if (found && found.room === welcome?.room && seat !== null) throw new Refusal("Busy", "you are there already");
      this.#leave({ ...to, target: found ? targetOf(found) : to.target }, from);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (way === this.#ways) this.#stay(to, refusal);
    }
  }

  /** Takes a seat in the room that the player watches. */
  play() {
    if (this.#here) this.go({ ...this.#here, role: "player" });
  }

  /** @param {Destination} to @param {Destination | null} from */
  #leave(to, from) {
    this.#to = to;
    this.#from = from;
    this.#client.join(to.target, { role: to.role });
  }

  /** @param {Destination} to @param {Refusal} refusal */
  #stay(to, { code, message }) {
    // The history has led elsewhere.
    if (this.#here) show(this.#here);
    this.#ends.refused({ to, code, message, isBack: false });
  }

  /** @param {Welcome} welcome */
  #arrive(welcome) {
    const before = this.#here;
    this.#here = { target: targetOf(welcome), role: welcome.seat === null ? "spectator" : "player" };
    show(this.#here);
    // A client whose room is gone may find itself elsewhere.
    const moved = before !== null && addressOf(before) !== addressOf(this.#here);
    if (this.#to || moved) this.#ends.arrived(welcome, this.#from ?? (moved ? before : null));
    this.#to = this.#from = null;
  }

  /** @param {{ code: string, message: string, retryMs: number | null, ofJoin: boolean }} error */
  #refuse({ code, message, retryMs, ofJoin }) {
    const [to, from] = [this.#to ?? this.#here, this.#from];
    // It may be an input for the room before that came too late.
    if (!ofJoin || !to) return console.warn(code, message);
    // The client asks again by itself where that may help.
    const isBack = from !== null && retryMs === null;
    if (isBack) this.#leave(from, null);
    this.#ends.refused({ to, code, message, isBack });
  }
}

/** What leads to a room. @param {{ room: string, code: string | null }} room */
function targetOf({ room, code }) {
  return code === null ? { room } : { code };
}

/** Lets the address say where the player is. @param {Destination} here */
function show(here) {
  const [address, shown] = [addressOf(here), destinationIn(location.search)];
  // Whoever goes back through the history creates no room again.
  if ("create" in shown.target) history.replaceState(null, "", address);
  else if (addressOf(shown) !== address) history.pushState(null, "", address);
}
