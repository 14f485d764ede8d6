/**
 * Draws the arena: space, rocks, orbs, bullets, ships, and a map of it all.
 * @module
 */

import { clouds, glow, rockOutline, stars } from "./sprites.js";

/** @typedef {import("../tickwire.js").Replica} Replica */
/** @typedef {import("./motion.js").Motion} Motion */
/** @typedef {import("./motion.js").Place} Place */
/**
 * @typedef {{ slot: number, seat: number, own: boolean, name: string, hue: number, health: number, state: string,
 *   connected: boolean, x: number, y: number, angle: number }} Ship
 */

const SHIP_RADIUS = 14;

/** Units across the shorter side of the view. */
const VIEW = 900;

/** Units of a pixel of text: smaller views have small ships, but their names are read. */
const MOST_TEXT = 1.8;

const ORBS = /** @type {Record<string, { hue: number, sign: string }>} */ ({
  Repair: { hue: 140, sign: "+" },
  Overdrive: { hue: 48, sign: "»" },
});

export class Scene {
  /** The middle of the view, in units. */
  camera = { x: 800, y: 800 };

  #context;
  #layers = [stars(0), stars(1), stars(2)];
  #clouds = clouds();
  /** @type {Map<number, { x: number, y: number }[]>} */
  #outlines = new Map();
  /** @type {Map<number, { x: number, y: number }>} */
  #before = new Map();

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.size = 1600;
  }

  /**
   * Every ship, where it is at this tick.
   * @param {Replica} replica
   * @param {Motion} motion
   * @param {number} tick
   * @param {number | null} own The player's seat.
   * @returns {Ship[]}
   */
  ships(replica, motion, tick, own) {
    const ships = [];
    for (const { slot, seat, connected } of replica.rows("Seat")) {
      const [ship, pilot, place] = [replica.get("Ship", slot), replica.get("Pilot", slot), motion.at(slot, tick)];
      if (!ship || !pilot || !place) continue;
      const hue = (pilot.hue * 360) / 256;
      const { health, state } = ship;
      ships.push({ slot, seat, own: seat === own, name: pilot.name, hue, health, state, connected, ...place });
    }
    return ships;
  }

  /**
   * One frame.
   * @param {Replica} replica
   * @param {Motion} motion
   * @param {number} tick
   * @param {Ship[]} ships
   * @param {import("./effects.js").Effects} effects
   * @param {{ x: number, y: number }} pointer In pixels from the middle.
   * @param {number} seconds Since the last frame.
   */
  draw(replica, motion, tick, ships, effects, pointer, seconds) {
    const { canvas } = this;
    const context = this.#context;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    for (const { size } of replica.rows("Bounds")) this.size = size;
    const scale = Math.max(Math.min(width, height) / VIEW, 0.35 * ratio);
    const followed = ships.find((ship) => ship.own) ?? best(ships, replica);
    if (followed) this.#follow(followed, pointer, scale / ratio, seconds);

    context.setTransform(1, 0, 0, 1, 0, 0);
    this.#space(context, width, height, scale);
    const shake = () => (Math.random() - 0.5) * effects.shake;
    context.setTransform(scale, 0, 0, scale, width / 2 - (this.camera.x + shake()) * scale, height / 2 - (this.camera.y + shake()) * scale);
    this.#walls(context);
    const seen = this.#window(width / scale, height / scale);
    for (const { slot, size } of replica.rows("Rock")) this.#rock(context, slot, size, motion.at(slot, tick), seen);
    for (const { slot, kind } of replica.rows("Orb")) this.#orb(context, kind, motion.at(slot, tick), seen);
    const hues = new Map(ships.map(({ seat, hue }) => [seat, hue]));
    for (const { slot, owner } of replica.rows("Bullet")) {
      this.#bullet(context, hues.get(owner) ?? 50, motion.at(slot, tick), seen);
    }
    for (const ship of ships) if (ship.state !== "Wrecked" && seen(ship, 80)) this.#ship(context, ship, effects, seconds);
    effects.draw(context, seconds);
    const text = Math.min(Math.max(ratio / scale, 1), MOST_TEXT);
    for (const ship of ships) if (ship.state !== "Wrecked" && seen(ship, 80)) label(context, ship, text, effects.said(ship.seat));
    this.#before = new Map(ships.map(({ slot, x, y }) => [slot, { x, y }]));
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Ship[]} ships
   * @param {Replica} replica
   */
  drawMap(canvas, ships, replica) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const scale = canvas.width / this.size;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "rgb(130 150 200 / 35%)";
    for (const { slot, size } of replica.rows("Rock")) {
      const place = replica.get("Position", slot);
      if (place) dot(context, place.x * scale, place.y * scale, Math.max(size * scale, 1));
    }
    for (const { slot, kind } of replica.rows("Orb")) {
      const place = replica.get("Position", slot);
      context.fillStyle = `hsl(${ORBS[kind]?.hue ?? 0} 100% 65%)`;
      if (place) dot(context, place.x * scale, place.y * scale, 1.6);
    }
    for (const { x, y, hue, own, state } of ships) {
      if (state === "Wrecked") continue;
      context.fillStyle = own ? "#fff" : `hsl(${hue} 100% 65%)`;
      dot(context, x * scale, y * scale, own ? 3.2 : 2.2);
    }
  }

  /**
   * Moves the camera after a ship, a little towards where the player aims.
   * @param {Ship} ship
   * @param {{ x: number, y: number }} pointer
   * @param {number} scale
   * @param {number} seconds
   */
  #follow({ x, y }, pointer, scale, seconds) {
    const goal = { x: x + (pointer.x / scale) * 0.16, y: y + (pointer.y / scale) * 0.16 };
    const far = Math.hypot(goal.x - this.camera.x, goal.y - this.camera.y) > 700;
    const part = far ? 1 : 1 - Math.exp(-7 * seconds);
    this.camera.x += (goal.x - this.camera.x) * part;
    this.camera.y += (goal.y - this.camera.y) * part;
  }

  /**
   * Whether something is in the view.
   * @param {number} width
   * @param {number} height
   */
  #window(width, height) {
    const { x, y } = this.camera;
    return (/** @type {{ x: number, y: number }} */ place, /** @type {number} */ radius) =>
      Math.abs(place.x - x) < width / 2 + radius && Math.abs(place.y - y) < height / 2 + radius;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {number} scale
   */
  #space(context, width, height, scale) {
    context.fillStyle = "#05060f";
    context.fillRect(0, 0, width, height);
    const tile = (/** @type {HTMLCanvasElement} */ picture, /** @type {number} */ depth) => {
      const side = picture.width;
      const left = -((((this.camera.x * depth * scale) % side) + side) % side);
      const top = -((((this.camera.y * depth * scale) % side) + side) % side);
      for (let x = left; x < width; x += side) for (let y = top; y < height; y += side) context.drawImage(picture, x, y);
    };
    tile(this.#clouds, 0.08);
    this.#layers.forEach((layer, depth) => tile(layer, [0.12, 0.26, 0.48][depth]));
  }

  /** @param {CanvasRenderingContext2D} context */
  #walls(context) {
    const { size } = this;
    context.strokeStyle = "rgb(110 150 255 / 7%)";
    context.lineWidth = 1;
    context.beginPath();
    for (let at = 100; at < size; at += 100) {
      context.moveTo(at, 0);
      context.lineTo(at, size);
      context.moveTo(0, at);
      context.lineTo(size, at);
    }
    context.stroke();
    for (const [line, alpha] of [[22, 0.05], [12, 0.1], [5, 0.28], [1.6, 1]]) {
      context.strokeStyle = `hsl(205 100% 68% / ${alpha})`;
      context.lineWidth = line;
      context.strokeRect(0, 0, size, size);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} slot
   * @param {number} size
   * @param {Place | null} place
   * @param {(place: Place, radius: number) => boolean} seen
   */
  #rock(context, slot, size, place, seen) {
    if (!place || !seen(place, size)) return;
    let outline = this.#outlines.get(slot);
    if (!outline) this.#outlines.set(slot, (outline = rockOutline(slot)));
    context.save();
    context.translate(place.x, place.y);
    // The light comes from the upper left, however the rock has turned.
    const light = context.createLinearGradient(-size, -size, size, size);
    light.addColorStop(0, "#454d70");
    light.addColorStop(0.55, "#242a45");
    light.addColorStop(1, "#12152a");
    context.rotate(place.angle);
    context.beginPath();
    for (const { x, y } of outline) context.lineTo(x * size, y * size);
    context.closePath();
    context.rotate(-place.angle);
    context.fillStyle = light;
    context.fill();
    context.strokeStyle = "rgb(150 170 230 / 55%)";
    context.lineWidth = 1.5;
    context.stroke();
    context.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} kind
   * @param {Place | null} place
   * @param {(place: Place, radius: number) => boolean} seen
   */
  #orb(context, kind, place, seen) {
    const orb = ORBS[kind];
    if (!place || !orb || !seen(place, 40)) return;
    const pulse = 1 + 0.12 * Math.sin(performance.now() / 220 + place.x);
    light(context, place, orb.hue, 34 * pulse);
    context.fillStyle = `hsl(${orb.hue} 100% 80%)`;
    dot(context, place.x, place.y, 8);
    context.fillStyle = "#05060f";
    context.font = "bold 14px system-ui";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(orb.sign, place.x, place.y + 0.5);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} hue
   * @param {Place | null} place
   * @param {(place: Place, radius: number) => boolean} seen
   */
  #bullet(context, hue, place, seen) {
    if (!place || !seen(place, 30)) return;
    const [dx, dy] = [Math.cos(place.angle) * 16, Math.sin(place.angle) * 16];
    light(context, place, hue, 13);
    context.strokeStyle = `hsl(${hue} 100% 82%)`;
    context.lineWidth = 2.6;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(place.x - dx, place.y - dy);
    context.lineTo(place.x, place.y);
    context.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Ship} ship
   * @param {import("./effects.js").Effects} effects
   * @param {number} seconds
   */
  #ship(context, ship, effects, seconds) {
    const { x, y, angle, hue, own, state } = ship;
    const before = this.#before.get(ship.slot) ?? ship;
    const [vx, vy] = seconds > 0 ? [(x - before.x) / seconds, (y - before.y) / seconds] : [0, 0];
    const speed = Math.hypot(vx, vy);
    if (speed > 40 && speed < 1000) {
      const spread = () => (Math.random() - 0.5) * 50;
      const flame = state === "Boosting" ? 190 : hue;
      const [backX, backY] = [-vx / speed, -vy / speed];
      const puffs = state === "Boosting" ? 3 : 1;
      for (let puff = 0; puff < puffs; puff++) {
        effects.puff(x + backX * 12, y + backY * 12, backX * 90 + spread(), backY * 90 + spread(), flame);
      }
    }
    context.globalAlpha = ship.connected ? 1 : 0.4;
    light(context, ship, hue, own ? 52 : 40);
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.beginPath();
    context.moveTo(SHIP_RADIUS + 4, 0);
    context.lineTo(-SHIP_RADIUS + 2, SHIP_RADIUS - 3);
    context.lineTo(-SHIP_RADIUS + 7, 0);
    context.lineTo(-SHIP_RADIUS + 2, -SHIP_RADIUS + 3);
    context.closePath();
    context.fillStyle = `hsl(${hue} 75% ${own ? 26 : 18}%)`;
    context.fill();
    context.lineJoin = "round";
    context.lineWidth = own ? 2.6 : 2;
    context.strokeStyle = `hsl(${hue} 100% ${own ? 78 : 66}%)`;
    context.stroke();
    context.fillStyle = "#fff";
    dot(context, 2, 0, 2.2);
    context.restore();
    context.globalAlpha = 1;
  }
}

/**
 * The ship of the best pilot, of several the one who was there first; none if there are none.
 * @param {Ship[]} ships
 * @param {Replica} replica
 */
function best(ships, replica) {
  const score = (/** @type {Ship} */ { slot }) => replica.get("Pilot", slot)?.score ?? 0;
  return ships.reduce((best, ship) => (best && score(best) >= score(ship) ? best : ship), /** @type {Ship | undefined} */ (undefined));
}

/**
 * A ship's name and health, and what its pilot says.
 * @param {CanvasRenderingContext2D} context
 * @param {Ship} ship
 * @param {number} size Units of a pixel of text.
 * @param {import("./effects.js").Said | null} said
 */
function label(context, { x, y, name, hue, health, own, connected }, size, said) {
  context.globalAlpha = connected ? 1 : 0.4;
  const part = health / 100;
  context.fillStyle = "rgb(10 14 34 / 70%)";
  context.fillRect(x - 18, y - 27, 36, 4);
  context.fillStyle = `hsl(${part * 130} 90% 58%)`;
  context.fillRect(x - 18, y - 27, 36 * part, 4);
  context.font = `${own ? "bold " : ""}${11 * size}px system-ui`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillStyle = own ? "#fff" : `hsl(${hue} 80% 82% / 0.85)`;
  context.fillText(name, x, y - 32);
  if (said) bubble(context, { x, y: y - 32 - 17 * size }, size, hue, said);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number }} foot
 * @param {number} size Units of a pixel of text.
 * @param {number} hue
 * @param {import("./effects.js").Said} said
 */
function bubble(context, foot, size, hue, { text, shown }) {
  context.globalAlpha = shown;
  context.font = `bold ${14 * size}px system-ui`;
  const half = context.measureText(text).width / 2 + 11 * size;
  const top = foot.y - (24 + 6 * shown) * size;
  context.beginPath();
  context.roundRect(foot.x - half, top, 2 * half, 25 * size, 12.5 * size);
  context.fillStyle = "rgb(10 14 34 / 80%)";
  context.fill();
  context.lineWidth = 1.2 * size;
  context.strokeStyle = `hsl(${hue} 90% 72% / 0.7)`;
  context.stroke();
  context.fillStyle = `hsl(${hue} 90% 84%)`;
  context.fillText(text, foot.x, top + 17.5 * size);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number }} place
 * @param {number} hue
 * @param {number} radius
 */
function light(context, { x, y }, hue, radius) {
  context.globalCompositeOperation = "lighter";
  context.drawImage(glow(hue), x - radius, y - radius, 2 * radius, 2 * radius);
  context.globalCompositeOperation = "source-over";
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
}
