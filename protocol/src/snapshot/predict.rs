//! How a field's next value is guessed from those before, and what is remembered for it.
//!
//! Positions are the sums of velocities that a game keeps more exactly than it shows, so a predictor keeps fractions too: quarters
//! of a unit. Three guesses compete: *hold* (it stays), *velocity* (it goes on, and its velocity goes on changing as it did), and
//! *fade* (it slows down, as what approaches a target does). Two scores say which of them has been better lately, one for holding
//! or moving and one for the two ways to move, so no side information is sent. The first is kept while a slot is settled: what
//! moves by fits and starts is known to.
//!
//! All arithmetic is on wrapping 32-bit integers (`| 0` in JavaScript), shifts of negative numbers round down.

use crate::schema::{Field, Kind, Predict};

/// Binary digits of the fractions.
const FRACTION: u32 = 2;
/// Half a unit.
const HALF: i32 = 1 << (FRACTION - 1);
/// Up to this far off a straight course is noise around it; farther begins a new course.
const NOISE: u32 = 2;
/// An acceleration that is off by more than this, in quarters, was none: the motion began at once.
const START: i32 = 8;
/// Values that move this far in a tick jump: there is no velocity to speak of.
const JUMP: u32 = 1 << 26;
/// A velocity is within this of 0, in quarters: what is just not a jump.
const MAX_VELOCITY: i32 = (JUMP as i32) << FRACTION;
/// A change of velocity is within this of 0, in quarters.
const MAX_ACCELERATION: i32 = 2 * MAX_VELOCITY;
/// An offset is within this of 0, in quarters.
const MAX_OFFSET: i32 = 1 << 6;
/// [`Predictor::lean`] is within this of 0.
pub(super) const MAX_LEAN: i32 = 4;
/// A tick moves [`Predictor::lean`] by at most this.
const LEAN_STEP: i32 = 3;
/// What a settled predictor's lean is, if it is not 0, up to the sign.
pub(super) const SETTLED_LEAN: i32 = 4;
/// The most [`Predictor::fading`] is.
const MAX_FADING: u32 = 2;
/// Residuals above this count as this much when their magnitude is remembered.
const MAX_RESIDUAL: u32 = 1 << 16;

/// A guess at the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Hold,
    Velocity,
    Fade,
}

/// What a numeric field is, for its predictor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Bits of an i32 above the field's: 0 but for angles.
    spare: u32,
    /// Which guess the schema allows.
    pub(super) predict: Predict,
}

impl Rule {
    /// The rule of a field, none for an opaque one.
    pub(super) fn new(field: &Field) -> Option<Self> {
        let spare = match field.kind {
            Kind::Text { .. } | Kind::Bytes { .. } => return None,
            Kind::Angle { bits } => 32 - u32::from(bits),
            _ => 0,
        };
        Some(Self { spare, predict: field.predict })
    }

    /// What has to be added to `from` to get `to`; for an angle, the shorter way round.
    #[inline]
    pub(super) fn difference(self, from: i32, to: i32) -> i32 {
        to.wrapping_sub(from) << self.spare >> self.spare
    }

    /// `value` after a move; an angle wraps.
    #[inline]
    pub(super) fn moved(self, value: i32, by: i32) -> i32 {
        ((value.wrapping_add(by) as u32) << self.spare >> self.spare) as i32
    }
}

/// What is expected of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forecast {
    /// The value.
    pub(super) value: i32,
    /// How far the exact guess lies above the value, in quarters: -2 to 1.
    pub(super) fraction: i32,
}

impl Forecast {
    /// How near the exact guess is to the next value: 0 to 2.
    #[inline]
    pub(super) fn edge(self) -> u32 {
        self.fraction.unsigned_abs()
    }
}

/// What is remembered of a field's past, beside its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Predictor {
    /// A tick's move, in quarters; within [`MAX_VELOCITY`] of 0.
    pub(super) velocity: i32,
    /// What the velocity changes by in a tick, in quarters; within [`MAX_ACCELERATION`] of 0.
    pub(super) acceleration: i32,
    /// Where the course runs, seen from the value, in quarters; within [`MAX_OFFSET`] of 0.
    pub(super) offset: i32,
    /// Of past residuals, decaying, in sixteenths; a power of two, or 0.
    pub(super) magnitude: u32,
    /// How much better it has been to hold than to move: holds if it is not below 0. Within [`MAX_LEAN`] of 0.
    pub(super) lean: i32,
    /// How much better it has been to fade than to go on: fades at [`MAX_FADING`], the most.
    pub(super) fading: u32,
}

impl Predictor {
    /// Without a past.
    pub(super) fn new(rule: Rule) -> Self {
        let lean = match rule.predict {
            Predict::Auto => 0,
            Predict::Hold => SETTLED_LEAN,
            Predict::Velocity => -SETTLED_LEAN,
        };
        Self { lean, ..Self::default() }
    }

    /// The guess that has been better lately.
    #[inline]
    pub(super) fn guess(&self) -> Guess {
        if self.lean >= 0 { Guess::Hold } else { self.way() }
    }

    /// The better of the two that move.
    #[inline]
    fn way(&self) -> Guess {
        if self.fading < MAX_FADING { Guess::Velocity } else { Guess::Fade }
    }

    /// The same, if all of it is within its bounds.
    pub(super) fn sound(self) -> Option<Self> {
        let bounded = |value: i32, most: i32| (-most..=most).contains(&value);
        let sound = bounded(self.velocity, MAX_VELOCITY)
            && bounded(self.acceleration, MAX_ACCELERATION)
            && bounded(self.offset, MAX_OFFSET)
            && bounded(self.lean, MAX_LEAN)
            && digits(self.magnitude) <= MAX_MAGNITUDE_DIGITS
            && self.fading <= MAX_FADING;
        sound.then_some(self)
    }

    /// What the field will be if it goes on as guessed.
    #[inline]
    pub(super) fn forecast(&self, rule: Rule, value: i32) -> Forecast {
        let way = match self.guess() {
            Guess::Hold => return Forecast { value, fraction: 0 },
            Guess::Velocity => self.course(),
            Guess::Fade => self.fade(),
        };
        Forecast { value: rule.moved(value, whole(way)), fraction: ((way + HALF) & (2 * HALF - 1)) - HALF }
    }

    /// Takes in that the value went from `old` to `new`.
    #[inline]
    pub(super) fn update(&mut self, rule: Rule, old: i32, new: i32) {
        let moved = rule.difference(old, new);
        if moved | self.velocity | self.acceleration | self.offset | self.magnitude as i32 == 0 {
            // At rest, every guess is right and nothing changes.
            return;
        }
        let error = |way: i32| rule.difference(whole(way), moved);
        let (velocity, fade) = (error(self.course()), error(self.fade()));
        let residual = match self.guess() {
            Guess::Hold => moved,
            Guess::Velocity => velocity,
            Guess::Fade => fade,
        };
        let residual = residual.unsigned_abs().min(MAX_RESIDUAL) as i32;
        let magnitude = self.magnitude as i32;
        self.magnitude = one_digit((magnitude + (((residual << 4) - magnitude) >> 2)) as u32);
        if rule.predict == Predict::Auto {
            self.judge(level(moved), level(velocity), level(fade));
        }

        let before = self.velocity;
        let straight = self.offset + before;
        let astray = error(straight);
        if astray.unsigned_abs() <= NOISE {
            // The same, exactly, in quarters.
            let off = ((astray + whole(straight)) << FRACTION) - straight;
            self.offset = -(off >> 2);
            self.velocity = (before + ((off * 3) >> 2)).clamp(-MAX_VELOCITY, MAX_VELOCITY);
            let surprise = self.velocity - before - self.acceleration;
            let part = (surprise.abs() + 3) >> 2;
            self.acceleration += if surprise.abs() > START { surprise } else { surprise.signum() * part };
        } else if moved.unsigned_abs() < JUMP {
            self.offset = 0;
            self.velocity = moved << FRACTION;
            let change = self.velocity - before;
            self.acceleration = if moved == 0 { 0 } else { change - (change >> 2) };
        } else {
            (self.offset, self.velocity, self.acceleration) = (0, 0, 0);
        }
    }

    /// The digits of the magnitude, at most 9: how far off the next guess may be.
    #[inline]
    pub(super) fn weight(&self) -> u32 {
        digits(self.magnitude).min(9)
    }

    /// Forgets what does not matter while nothing happens; the value has just `moved`.
    pub(super) fn settle(&mut self, moved: i32) {
        let by_unit = moved << FRACTION;
        if moved.unsigned_abs() <= NOISE && (self.velocity - by_unit).abs() <= 1 {
            // What counts up by one or two: quarters come close to it, but not always to rest on it.
            (self.velocity, self.offset) = (by_unit, 0);
        }
        let goes_on = match self.guess() {
            Guess::Hold => false,
            Guess::Velocity => self.velocity != 0,
            // What is still moving was too slow to be seen slowing down.
            Guess::Fade => self.velocity != 0 && moved != 0,
        };
        let lean = self.lean.signum() * SETTLED_LEAN;
        *self = if goes_on {
            Self { velocity: self.velocity, offset: self.offset, lean, ..Self::default() }
        } else {
            Self { lean, ..Self::default() }
        };
    }

    /// Whether a settled field moves.
    pub(super) fn coasts(&self) -> bool {
        self.velocity != 0
    }

    /// Where a settled field is after so many steps, at most 2^16.
    #[inline]
    pub(super) fn coast(&mut self, rule: Rule, value: i32, steps: u32) -> i32 {
        // Whole units and quarters apart, so that nothing overflows.
        let (units, quarters) = (self.velocity >> FRACTION, self.velocity & (2 * HALF - 1));
        let way = self.offset + HALF + steps as i32 * quarters;
        self.offset = (way & (2 * HALF - 1)) - HALF;
        rule.moved(value, (steps as i32).wrapping_mul(units).wrapping_add(way >> FRACTION))
    }

    /// The move to expect if the velocity goes on changing, in quarters from the value.
    #[inline]
    fn course(&self) -> i32 {
        self.offset + self.velocity + self.acceleration
    }

    /// The move to expect if it slows down to 11/16, in quarters from the value.
    #[inline]
    fn fade(&self) -> i32 {
        self.offset + self.velocity - (self.velocity >> 2) - (self.velocity >> 4)
    }

    /// Compares how wrong each guess was, by [`level`].
    #[inline]
    fn judge(&mut self, hold: i32, velocity: i32, fade: i32) {
        let moving = if self.way() == Guess::Velocity { velocity } else { fade };
        let better = moving - hold;
        let step = ((better.abs() + 2) / 3).min(LEAN_STEP);
        self.lean = (self.lean + step * better.signum()).clamp(-MAX_LEAN, MAX_LEAN);
        let (up, down) = (u32::from(fade < velocity), u32::from(velocity < fade));
        self.fading = (self.fading + up).saturating_sub(down).min(MAX_FADING);
    }
}

/// The nearest whole number of units.
#[inline]
fn whole(quarters: i32) -> i32 {
    (quarters + HALF) >> FRACTION
}

/// Binary digits of `value`, none for 0.
#[inline]
pub(super) fn digits(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// `value` with all but its leading binary digit cleared.
#[inline]
fn one_digit(value: u32) -> u32 {
    ((1u64 << 31) >> value.leading_zeros()) as u32
}

/// The most digits that a magnitude has.
const MAX_MAGNITUDE_DIGITS: u32 = 21;

/// The magnitude of so many digits.
pub(super) fn magnitude(digits: u32) -> u32 {
    if digits == 0 { 0 } else { 1 << (digits - 1) }
}

/// An error on a scale of half octaves, as equal ratios cost equal bits: 0, 1, 3, 4, 5, 5, 6, 6, 7 …
#[inline]
fn level(error: i32) -> i32 {
    let size = error.unsigned_abs();
    match LEVELS.get(size as usize) {
        Some(&level) => level.into(),
        None => i32::from(half_octave(size)),
    }
}

/// The levels of small errors, which are most: no branch to guess wrong.
static LEVELS: [u8; 256] = {
    let mut levels = [0; 256];
    let mut size = 1;
    while size < levels.len() {
        levels[size] = half_octave(size as u32);
        size += 1;
    }
    levels
};

/// Twice the digits of `size`, which is not 0, less 1, and one more if the digit after the first is 1.
const fn half_octave(size: u32) -> u8 {
    let digits = u32::BITS - size.leading_zeros();
    (2 * digits - 1 + ((size << 1) >> (digits - 1) & 1)) as u8
}

#[cfg(test)]
mod tests;
