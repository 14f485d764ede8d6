/**
 * What is written over the arena: scores, who wrecked whom, the match's health, and what the player must know.
 * @module
 */

import { element } from "./page.js";

/** @typedef {import("../tickwire.js").Client} Client */
/** @typedef {import("./scene.js").Ship} Ship */

const SHOWN = 8;

export class Hud {
  #scores = element("scores", HTMLElement);
  #feed = element("feed", HTMLElement);
  #health = element("health", HTMLElement);
  #notice = element("notice", HTMLElement);
  #frames = 0;
  #last = { at: 0, bytes: 0, frames: 0 };

  constructor() {
    setTimeout(() => element("hint", HTMLElement).classList.add("gone"), 9000);
    addEventListener("keydown", ({ code }) => {
      if (code === "Backquote") this.#health.hidden = !this.#health.hidden;
    });
  }

  /** Counts a frame. */
  frame() {
    this.#frames += 1;
  }

  /**
   * The best pilots, and the player wherever they are.
   * @param {Ship[]} ships
   * @param {import("../tickwire.js").Replica} replica
   */
  scores(ships, replica) {
    const score = (/** @type {Ship} */ ship) => replica.get("Pilot", ship.slot)?.score ?? 0;
    const ranked = ships
      .map((ship) => ({ ship, score: score(ship) }))
      .sort((one, other) => other.score - one.score || one.ship.seat - other.ship.seat)
      .map((entry, index) => ({ ...entry, rank: index + 1 }));
    const shown = ranked.filter(({ ship, rank }) => rank <= SHOWN || ship.own);
    this.#scores.replaceChildren(
      ...shown.map(({ ship, score, rank }) => {
        const line = document.createElement("li");
        line.className = `${ship.own ? "own" : ""} ${ship.connected ? "" : "away"}`;
        line.style.color = ship.own ? "#fff" : `hsl(${ship.hue} 85% 76%)`;
        for (const text of [rank, ship.name, score]) {
          const cell = document.createElement("span");
          cell.textContent = String(text);
          line.append(cell);
        }
        return line;
      }),
    );
  }

  /**
   * Someone wrecked someone.
   * @param {{ name: string, hue: number }} by
   * @param {{ name: string, hue: number }} wrecked
   */
  wrecked(by, wrecked) {
    const line = document.createElement("li");
    const [winner, loser] = [by, wrecked].map(({ name, hue }) => {
      const who = document.createElement("b");
      who.textContent = name;
      who.style.color = `hsl(${hue} 90% 72%)`;
      return who;
    });
    line.append(winner, "wrecked", loser);
    line.addEventListener("animationend", () => line.remove());
    this.#feed.append(line);
    while (this.#feed.childElementCount > 5) this.#feed.firstElementChild?.remove();
  }

  /** Nobody was wrecked yet: the player is in another room. */
  forget() {
    this.#feed.replaceChildren();
  }

  /**
   * The match's health, refreshed twice a second.
   * @param {Client} client
   * @param {number} players
   */
  health(client, players) {
    const now = performance.now();
    const seconds = (now - this.#last.at) / 1000;
    if (seconds < 0.5) return;
    const { stats } = client;
    const trip = client.roundTripMs;
    const lines = [
      `tick   ${client.replica.tick}`,
      `rtt    ${trip === null ? "–" : `${trip.toFixed(1)} ms`}`,
      `down   ${((stats.bytes - this.#last.bytes) / seconds / 1024).toFixed(1)} KiB/s`,
      `age    ${stats.snapshots ? `${(now - stats.snapshotAt).toFixed(0)} ms` : "–"}`,
      `ships  ${players}`,
      `fps    ${((this.#frames - this.#last.frames) / seconds).toFixed(0)}`,
    ];
    if (stats.hashMismatches) lines.push(`DESYNC ${stats.hashMismatches}`);
    this.#health.textContent = lines.join("\n");
    this.#last = { at: now, bytes: stats.bytes, frames: this.#frames };
  }

  /**
   * Tells the player something, with ways out if there are any; nothing takes it away again.
   * @param {string | null} text
   * @param {{ label: string, act: () => void }[]} ways
   */
  notice(text, ...ways) {
    if (this.#notice.dataset.text === (text ?? "")) return;
    this.#notice.dataset.text = text ?? "";
    this.#notice.hidden = text === null;
    this.#notice.textContent = text;
    for (const way of ways) {
      const button = document.createElement("button");
      button.textContent = way.label;
      button.addEventListener("click", way.act);
      this.#notice.append(button);
    }
  }
}
