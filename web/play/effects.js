/**
 * Sparks, flames, shock waves: what is drawn for a moment and means nothing to the game.
 * @module
 */

import { glow } from "./sprites.js";

/** More are not drawn: the oldest go. */
const MOST = 900;

/** Seconds that what a pilot says is seen, and of them those in which it comes, and goes. */
const SAID = 2;
const TURN = 0.2;

/** @typedef {{ text: string, shown: number }} Said What a pilot says, and how much of it is seen, from 0 to 1. */
/** @typedef {{ x: number, y: number, vx: number, vy: number, age: number, life: number, size: number, hue: number }} Spark */

export class Effects {
  /** Pixels by which the view shakes. */
  shake = 0;

  /** @type {Spark[]} */
  #sparks = [];
  /** @type {{ x: number, y: number, age: number, hue: number }[]} */
  #waves = [];
  /** @type {Map<number, { text: string, age: number }>} By seat. */
  #said = new Map();
  #calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} hue
   */
  hit(x, y, hue) {
    this.#burst(x, y, hue, 9, 190, 0.35);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} hue
   * @param {number} nearness From 0, far away, to 1, here.
   */
  wreck(x, y, hue, nearness) {
    this.#burst(x, y, hue, 46, 330, 1.1);
    this.#burst(x, y, 40, 26, 180, 0.8);
    this.#waves.push({ x, y, age: 0, hue });
    if (!this.#calm) this.shake = Math.max(this.shake, 16 * nearness);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} hue
   */
  pickup(x, y, hue) {
    this.#burst(x, y, hue, 18, 120, 0.7);
    this.#waves.push({ x, y, age: 0.35, hue });
  }

  /**
   * A pilot says something.
   * @param {number} seat
   * @param {string} text
   */
  say(seat, text) {
    this.#said.set(seat, { text, age: 0 });
  }

  /**
   * What the pilot says right now.
   * @param {number} seat
   * @returns {Said | null}
   */
  said(seat) {
    const said = this.#said.get(seat);
    return said ? { text: said.text, shown: Math.min(1, said.age / TURN, (SAID - said.age) / TURN) } : null;
  }

  /**
   * One puff of an engine.
   * @param {number} x
   * @param {number} y
   * @param {number} vx
   * @param {number} vy
   * @param {number} hue
   */
  puff(x, y, vx, vy, hue) {
    this.#add({ x, y, vx, vy, age: 0, life: 0.32, size: 9, hue });
  }

  /**
   * Moves and draws everything; the context is in units of the arena.
   * @param {CanvasRenderingContext2D} context
   * @param {number} seconds Since the last time.
   */
  draw(context, seconds) {
    this.shake *= Math.exp(-7 * seconds);
    for (const [seat, said] of this.#said) if ((said.age += seconds) >= SAID) this.#said.delete(seat);
    context.globalCompositeOperation = "lighter";
    this.#sparks = this.#sparks.filter((spark) => (spark.age += seconds) < spark.life);
    for (const spark of this.#sparks) {
      spark.x += spark.vx * seconds;
      spark.y += spark.vy * seconds;
      spark.vx *= 1 - 2.2 * seconds;
      spark.vy *= 1 - 2.2 * seconds;
      const left = 1 - spark.age / spark.life;
      const size = spark.size * (0.4 + left);
      context.globalAlpha = left;
      context.drawImage(glow(spark.hue), spark.x - size / 2, spark.y - size / 2, size, size);
    }
    this.#waves = this.#waves.filter((wave) => (wave.age += seconds) < 0.7);
    for (const wave of this.#waves) {
      const part = wave.age / 0.7;
      context.globalAlpha = (1 - part) ** 2;
      context.strokeStyle = `hsl(${wave.hue} 100% 75%)`;
      context.lineWidth = 9 * (1 - part) + 0.5;
      context.beginPath();
      context.arc(wave.x, wave.y, 20 + 130 * part, 0, 7);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} hue
   * @param {number} count
   * @param {number} speed
   * @param {number} life
   */
  #burst(x, y, hue, count, speed, life) {
    for (let spark = 0; spark < count; spark++) {
      const angle = Math.random() * 2 * Math.PI;
      const fast = speed * (0.25 + Math.random());
      const [vx, vy] = [Math.cos(angle) * fast, Math.sin(angle) * fast];
      this.#add({ x, y, vx, vy, age: 0, life: life * (0.5 + Math.random() * 0.5), size: 7 + Math.random() * 9, hue });
    }
  }

  /** @param {Spark} spark */
  #add(spark) {
    this.#sparks.push(spark);
    if (this.#sparks.length > MOST) this.#sparks.splice(0, this.#sparks.length - MOST);
  }
}
