/**
 * The list of open rooms: who plays in each, and the ways in.
 * @module
 */

/** @typedef {import("../messages/rooms.js").RoomListing} RoomListing */
/** @typedef {import("../tickwire.js").Role} Role */
/** @typedef {{ line: HTMLLIElement, name: HTMLElement, people: HTMLElement, play: HTMLButtonElement, watch: HTMLButtonElement }} Row */

/** The tenth of a name comes after the second. */
const { compare } = new Intl.Collator(undefined, { numeric: true });

export class Listing {
  /** @type {Map<string, Row>} By the room's name. */
  #rows = new Map();
  #list;
  #enter;

  /**
   * @param {HTMLElement} list
   * @param {(room: string, role: Role) => void} enter
   */
  constructor(list, enter) {
    this.#list = list;
    this.#enter = enter;
  }

  /**
   * Shows these rooms. Lines that stay are the ones from before: who has the focus on one keeps it.
   * @param {RoomListing[]} rooms
   * @param {{ room: string, role: Role } | null} here Where the player is.
   */
  show(rooms, here) {
    const names = new Set(rooms.map(({ name }) => name));
    for (const [name, { line }] of this.#rows) {
      if (names.has(name)) continue;
      line.remove();
      this.#rows.delete(name);
    }
    const ordered = [...rooms].sort((one, other) => compare(one.name, other.name));
    ordered.forEach((room, index) => {
      const row = this.#rows.get(room.name) ?? this.#add(room.name);
      if (this.#list.children[index] !== row.line) this.#list.insertBefore(row.line, this.#list.children[index] ?? null);
      fill(row, room, here?.room === room.name ? here.role : null);
    });
  }

  /** @param {string} room */
  #add(room) {
    const [name, people] = ["b", "span"].map((tag) => document.createElement(tag));
    const [play, watch] = /** @type {const} */ (["player", "spectator"]).map((role) => {
      const button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", () => this.#enter(room, role));
      return button;
    });
    const line = document.createElement("li");
    line.append(name, people, watch, play);
    name.textContent = room;
    play.className = "main";
    watch.textContent = "Watch";
    watch.setAttribute("aria-label", `Watch ${room}`);
    const row = { line, name, people, play, watch };
    this.#rows.set(room, row);
    return row;
  }
}

/**
 * @param {Row} row
 * @param {RoomListing} room
 * @param {Role | null} own As what the player is there.
 */
function fill({ line, people, play, watch }, { name, players, seats, spectators, locked }, own) {
  const isFull = players >= seats;
  people.textContent = `${players} of ${seats} seats${spectators ? ` · ${spectators} watching` : ""}`;
  line.classList.toggle("here", own !== null);
  play.textContent = own === "player" ? "Flying" : locked ? "Locked" : isFull ? "Full" : "Join";
  play.setAttribute("aria-label", `${play.textContent}: ${name}`);
  play.disabled = own === "player" || locked || isFull;
  watch.textContent = own === "spectator" ? "Watching" : "Watch";
  watch.disabled = own === "spectator" || locked;
}
