/**
 * From room to room: the client goes, the address follows, and who is not let in comes back.
 * @module
 */

import { addressOf, destinationIn } from "./address.js";

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
  #client;
  #ends;

  /**
   * @param {import("../tickwire.js").Client} client
   * @param {Ends} ends
   */
  constructor(client, ends) {
    this.#client = client;
    this.#ends = ends;
    client.on("welcome", (welcome) => this.#arrive(welcome));
    client.on("error", (error) => this.#refuse(error));
    addEventListener("popstate", () => {
      const to = destinationIn(location.search);
      if (!this.#here || addressOf(to) !== addressOf(this.#here)) this.go(to);
    });
  }

  /** @param {Destination} to */
  go(to) {
    const from = this.#client.state === "playing" ? this.#here : null;
    try {
      this.#client.join(to.target, { role: to.role });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#ends.refused({ to, code: "TooLong", message: "no room has a name or a code as long as that", isBack: false });
    }
    this.#to = to;
    this.#from = from;
  }

  /** @param {Welcome} welcome */
  #arrive(welcome) {
    const { room, code, seat } = welcome;
    this.#here = { target: code === null ? { room } : { code }, role: seat === null ? "spectator" : "player" };
    const [address, shown] = [addressOf(this.#here), destinationIn(location.search)];
    // Whoever goes back through the history creates no room again.
    if ("create" in shown.target) history.replaceState(null, "", address);
    else if (addressOf(shown) !== address) history.pushState(null, "", address);
    if (this.#to) this.#ends.arrived(welcome, this.#from);
    this.#to = this.#from = null;
  }

  /** @param {{ code: string, message: string, retryMs: number | null }} error */
  #refuse({ code, message, retryMs }) {
    const [to, from] = [this.#to ?? this.#here, this.#from];
    if (this.#client.state !== "joining" || !to) return console.warn(code, message);
    // The client asks again by itself where that may help.
    const isBack = from !== null && retryMs === null;
    if (isBack) this.go(from);
    this.#ends.refused({ to, code, message, isBack });
  }
}
