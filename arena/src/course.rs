//! Flying blind: controls that depend on nothing but the pilot's number and the tick, for benches and tests that must repeat.

use std::f32::consts::TAU;

use tickwire::Tick;

use crate::components::Controls;

/// Ticks for which a pilot keeps a course.
const KEPT: u32 = 25;

/// What this pilot wants at this tick: changes course now and then, turns its aim all the time, and fires two ticks in three.
pub fn course(pilot: u32, tick: Tick) -> Controls {
    let leg = (tick + 11 * pilot) / KEPT;
    let axis = |shift: u32| (leg.wrapping_mul(0x9E37_79B9) >> shift) as i8 % 2;
    let aim = ((tick + 40 * pilot) as f32 / 20.0) % TAU;
    Controls { x: axis(8), y: axis(16), aim, fire: !tick.is_multiple_of(3), boost: leg.is_multiple_of(4) }
}
