/**
 * How a field's next value is guessed from those before, and what is remembered for it: the same arithmetic as the room's, bit for bit.
 *
 * Three guesses compete: *hold* (it stays), *velocity* (it goes on, and its velocity goes on changing as it did), and *fade* (it slows
 * down, as what approaches a target does). Two scores say which of them has been better lately, one for holding or moving and one for the
 * two ways to move. All numbers are 32-bit integers; moves, and what is remembered of them, are in quarters of a unit.
 * @module
 */

import { digits } from "./bits.js";

/** @typedef {import("../schema.js").Field} Field */

/** What a predictor remembers, each a number of it: a tick's move, */
export const VELOCITY = 0;
/** what the velocity changes by in a tick, */
export const ACCELERATION = 1;
/** where the course runs, seen from the value, */
export const OFFSET = 2;
/** the size of past residuals, decaying, in sixteenths: a power of two, or 0, */
export const MAGNITUDE = 3;
/** how much better it has been to hold than to move: holds if it is not below 0, */
export const LEAN = 4;
/** and how much better it has been to fade than to go on: fades at {@link MAX_FADING}. */
export const FADING = 5;
/** Numbers of a predictor. */
export const PREDICTOR = 6;

/** The guesses. */
export const Guess = Object.freeze({ HOLD: 0, VELOCITY: 1, FADE: 2 });

/** Binary digits of the fractions. */
const FRACTION = 2;
/** Half a unit. */
const HALF = 2;
const QUARTERS = 3;
/** Up to this far off a straight course is noise around it; farther begins a new course. */
const NOISE = 2;
/** An acceleration that is off by more than this was none: the motion began at once. */
const START = 8;
/** Values that move this many units in a tick jump: there is no velocity to speak of. */
const JUMP = 2 ** 26;
/** A velocity is within this of 0, */
const MAX_VELOCITY = 2 ** 28;
/** an acceleration within this, */
const MAX_ACCELERATION = 2 ** 29;
/** an offset within this, */
const MAX_OFFSET = 64;
/** and a lean within this. */
export const MAX_LEAN = 4;
/** A tick moves it by at most this. */
const LEAN_STEP = 3;
/** What the lean of a settled predictor is, if it is not 0, up to the sign. */
export const SETTLED_LEAN = 4;
/** The most that counts. */
const MAX_FADING = 2;
/** Residuals above this count as this much when their magnitude is remembered. */
const MAX_RESIDUAL = 2 ** 16;
/** The most digits that a magnitude has. */
const MAX_MAGNITUDE_DIGITS = 21;

/** The lean without a past, by what the schema allows. */
const FIRST_LEANS = { auto: 0, hold: SETTLED_LEAN, velocity: -SETTLED_LEAN };

/** What a numeric field is, for its predictor. */
export class Rule {
  /** @param {Field} field */
  constructor({ kind, predict }) {
    /** Bits of 32 above the field's: 0 but for angles. */
    this.spare = kind.type === "Angle" ? 32 - kind.bits : 0;
    this.firstLean = FIRST_LEANS[predict];
    /** Whether the guesses compete. */
    this.free = predict === "auto";
  }
}

/**
 * What has to be added to get from one value to another; for an angle, the shorter way round.
 * @param {Rule} rule
 * @param {number} from
 * @param {number} to
 */
function difference(rule, from, to) {
  return ((to - from) << rule.spare) >> rule.spare;
}

/**
 * A value after a move in units; an angle wraps.
 * @param {Rule} rule
 * @param {number} value
 * @param {number} by
 */
export function moved(rule, value, by) {
  return (((value + by) << rule.spare) >>> rule.spare) | 0;
}

/** The nearest whole number of units. @param {number} quarters */
export function whole(quarters) {
  return (quarters + HALF) >> FRACTION;
}

/** How far a move lies above the whole number that is nearest, in quarters: -2 to 1. @param {number} quarters */
export function fraction(quarters) {
  return ((quarters + HALF) & QUARTERS) - HALF;
}

/**
 * Whether all of a predictor is within its bounds.
 * @param {Int32Array} predictors
 * @param {number} at
 */
export function sound(predictors, at) {
  return (
    Math.abs(predictors[at + VELOCITY]) <= MAX_VELOCITY &&
    Math.abs(predictors[at + ACCELERATION]) <= MAX_ACCELERATION &&
    Math.abs(predictors[at + OFFSET]) <= MAX_OFFSET &&
    Math.abs(predictors[at + LEAN]) <= MAX_LEAN &&
    digits(predictors[at + MAGNITUDE]) <= MAX_MAGNITUDE_DIGITS &&
    predictors[at + FADING] <= MAX_FADING
  );
}

/**
 * The guess that has been better lately.
 * @param {Int32Array} predictors
 * @param {number} at
 */
export function guessOf(predictors, at) {
  if (predictors[at + LEAN] >= 0) return Guess.HOLD;
  return predictors[at + FADING] < MAX_FADING ? Guess.VELOCITY : Guess.FADE;
}

/**
 * The move that is guessed, in quarters from the value.
 * @param {Int32Array} predictors
 * @param {number} at
 */
export function way(predictors, at) {
  if (predictors[at + LEAN] >= 0) return 0;
  const velocity = predictors[at + VELOCITY];
  const straight = predictors[at + OFFSET] + velocity;
  return predictors[at + FADING] < MAX_FADING ? straight + predictors[at + ACCELERATION] : straight - faded(velocity);
}

/** What a velocity loses in a tick when it fades to 11/16. @param {number} velocity */
function faded(velocity) {
  return (velocity >> 2) + (velocity >> 4);
}

/**
 * Takes in that the value went from `old` to `now`.
 * @param {Int32Array} predictors
 * @param {number} at
 * @param {Rule} rule
 * @param {number} old
 * @param {number} now
 */
export function update(predictors, at, rule, old, now) {
  const before = predictors[at + VELOCITY];
  const acceleration = predictors[at + ACCELERATION];
  const offset = predictors[at + OFFSET];
  const magnitude = predictors[at + MAGNITUDE];
  const move = difference(rule, old, now);
  // At rest, every guess is right and nothing changes.
  if ((move | before | acceleration | offset | magnitude) === 0) return;
  const straight = offset + before;
  const ofCourse = difference(rule, whole(straight + acceleration), move);
  const ofFade = difference(rule, whole(straight - faded(before)), move);
  const guess = guessOf(predictors, at);
  const residual = Math.min(Math.abs(guess === Guess.HOLD ? move : guess === Guess.VELOCITY ? ofCourse : ofFade), MAX_RESIDUAL);
  predictors[at + MAGNITUDE] = power(digits(magnitude + (((residual << 4) - magnitude) >> 2)));
  if (rule.free) judge(predictors, at, level(Math.abs(move)), level(Math.abs(ofCourse)), level(Math.abs(ofFade)));

  const astray = difference(rule, whole(straight), move);
  if (Math.abs(astray) <= NOISE) {
    // The same, exactly, in quarters.
    const off = (astray << FRACTION) + (whole(straight) << FRACTION) - straight;
    predictors[at + OFFSET] = -(off >> 2);
    const velocity = Math.min(Math.max(before + ((off * 3) >> 2), -MAX_VELOCITY), MAX_VELOCITY);
    predictors[at + VELOCITY] = velocity;
    const surprise = velocity - before - acceleration;
    const size = Math.abs(surprise);
    const part = (size + 3) >> 2;
    predictors[at + ACCELERATION] = acceleration + (size > START ? surprise : surprise < 0 ? -part : part);
  } else if (Math.abs(move) < JUMP) {
    const change = (move << FRACTION) - before;
    predictors[at + OFFSET] = 0;
    predictors[at + VELOCITY] = move << FRACTION;
    predictors[at + ACCELERATION] = move === 0 ? 0 : change - (change >> 2);
  } else {
    predictors.fill(0, at, at + OFFSET + 1);
  }
}

/**
 * Compares how wrong each guess was, by {@link level}.
 * @param {Int32Array} predictors
 * @param {number} at
 * @param {number} hold
 * @param {number} velocity
 * @param {number} fade
 */
function judge(predictors, at, hold, velocity, fade) {
  const fading = predictors[at + FADING];
  const better = (fading < MAX_FADING ? velocity : fade) - hold;
  const step = Math.min(((Math.abs(better) + 2) / 3) | 0, LEAN_STEP);
  const lean = predictors[at + LEAN] + (better < 0 ? -step : step);
  predictors[at + LEAN] = Math.min(Math.max(lean, -MAX_LEAN), MAX_LEAN);
  if (fade < velocity) predictors[at + FADING] = Math.min(fading + 1, MAX_FADING);
  else if (velocity < fade) predictors[at + FADING] = Math.max(fading - 1, 0);
}

/** The digits of a magnitude, at most 9: how far off the next guess may be. @param {number} magnitude */
export function weight(magnitude) {
  return Math.min(digits(magnitude), 9);
}

/**
 * Forgets what does not matter while nothing happens.
 * @param {Int32Array} predictors
 * @param {number} at
 * @param {Rule} rule
 * @param {number} old What the value just was,
 * @param {number} now and what it is.
 */
export function settle(predictors, at, rule, old, now) {
  const move = difference(rule, old, now);
  const byUnit = move << FRACTION;
  let velocity = predictors[at + VELOCITY];
  let offset = predictors[at + OFFSET];
  if (Math.abs(move) <= NOISE && Math.abs(velocity - byUnit) <= 1) {
    // What counts up by one or two: quarters come close to it, but not always to rest on it.
    velocity = byUnit;
    offset = 0;
  }
  const guess = guessOf(predictors, at);
  const lean = Math.sign(predictors[at + LEAN]) * SETTLED_LEAN;
  predictors.fill(0, at, at + PREDICTOR);
  predictors[at + LEAN] = lean;
  // What fades and still moves was too slow to be seen slowing down.
  if (velocity !== 0 && (guess === Guess.VELOCITY || (guess === Guess.FADE && move !== 0))) {
    predictors[at + VELOCITY] = velocity;
    predictors[at + OFFSET] = offset;
  }
}

/**
 * Where a settled field is after so many steps, at most 2¹⁶.
 * @param {Int32Array} predictors
 * @param {number} at
 * @param {Rule} rule
 * @param {number} value
 * @param {number} steps
 */
export function coast(predictors, at, rule, value, steps) {
  // Whole units and quarters apart, so that nothing overflows.
  const velocity = predictors[at + VELOCITY];
  const quarters = predictors[at + OFFSET] + steps * (velocity & QUARTERS);
  predictors[at + OFFSET] = fraction(quarters);
  return moved(rule, value, (Math.imul(steps, velocity >> FRACTION) + whole(quarters)) | 0);
}

/** The magnitude of so many digits. @param {number} digits */
export function power(digits) {
  return digits === 0 ? 0 : 1 << (digits - 1);
}

/** An error on a scale of half octaves: equal steps for equal ratios, as its cost in bits. @param {number} error */
function level(error) {
  const size = digits(error);
  return size < 2 ? size : 2 * size - 1 + ((error >>> (size - 2)) & 1);
}
