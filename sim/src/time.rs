//! What a match has instead of a clock and of chance: its tick, and a random number generator that starts from its seed.

use std::ops::{Deref, DerefMut};

use bevy_ecs::resource::Resource;
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use tickwire_protocol::Tick;

/// The match's randomness, a resource: `ChaCha12Rng`, whose numbers are the same on every machine. Its methods are those of
/// [`rand::RngExt`].
#[derive(Debug, Resource)]
pub struct Rng(ChaCha12Rng);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }
}

impl Deref for Rng {
    type Target = ChaCha12Rng;
    fn deref(&self) -> &ChaCha12Rng {
        &self.0
    }
}

impl DerefMut for Rng {
    fn deref_mut(&mut self) -> &mut ChaCha12Rng {
        &mut self.0
    }
}

/// Which tick is running. A resource.
#[derive(Clone, Copy, Debug, Resource)]
pub struct TickTime {
    /// The tick; during setup and between ticks the last one.
    pub tick: Tick,
    /// Ticks a second.
    pub rate: u32,
}

impl TickTime {
    /// Seconds from one tick to the next.
    pub fn delta(&self) -> f32 {
        1.0 / self.rate as f32
    }
}
