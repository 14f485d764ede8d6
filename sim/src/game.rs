//! What an author writes: a [`Game`], put together in a [`Setup`].

use bevy_ecs::component::Component;
use bevy_ecs::entity::Entity;
use bevy_ecs::schedule::{IntoScheduleConfigs, Schedule};
use bevy_ecs::system::ScheduleSystem;
use bevy_ecs::world::World;
use tickwire_protocol::{Shape, Wire};

use crate::arrival::Arrivals;
use crate::capture::Capture;
use crate::event::Events;
use crate::reply::Request;

/// A game that rooms can run. One value serves all its rooms; what belongs to one match lives in that room's world.
pub trait Game: Send + Sync + 'static {
    /// What a player asks for in one tick. The default is what a player does who has said nothing yet.
    type Input: Wire + Clone + Default + Send + Sync + 'static;

    /// Builds a match: components, events, systems, and the world as it is before the first tick. The world already has its
    /// [`Rng`](crate::Rng).
    fn setup(&self, setup: &mut Setup<'_>);

    /// A player takes a seat; systems see it among the next tick's [`Arrivals`]. The seat's entity has [`Seat`](crate::Seat) and
    /// [`Replicated`](crate::Replicated); put the game's own components beside them.
    ///
    /// # Errors
    /// A [`Refusal`] keeps the player out and is told to them; the entity is despawned.
    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        let _ = (world, seat, player);
        Ok(())
    }

    /// A player's seat is given up: they left, or did not come back in time; systems see it among the next tick's
    /// [`Arrivals`]. The seat's entity is despawned afterwards.
    fn leave(&self, world: &mut World, seat: Entity) {
        let _ = (world, seat);
    }
}

/// Who the authenticator says a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// Unique: two sessions with one id are the same player.
    pub id: String,
    /// For people to read; not unique.
    pub name: String,
}

/// Why a game keeps a player out, in words for the player.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Takes a game's parts while its match is built.
pub struct Setup<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) schedule: &'a mut Schedule,
    pub(crate) capture: &'a mut Capture,
    pub(crate) components: Vec<Shape>,
}

impl Setup<'_> {
    /// Components of type `T` travel to clients, on entities that are [`Replicated`](crate::Replicated).
    ///
    /// # Panics
    /// If a component of that name is there already.
    pub fn replicate<T: Component + Wire>(&mut self) -> &mut Self {
        let shape = T::shape();
        assert!(
            !self.components.iter().any(|other| other.name == shape.name),
            "two components are named `{}`",
            T::NAME
        );
        self.capture.add::<T>(self.components.len());
        self.components.push(shape);
        self
    }

    /// Events of type `E` can be sent to players by [`Events::send`].
    ///
    /// # Panics
    /// If an event of that name is there already.
    pub fn event<E: Wire>(&mut self) -> &mut Self {
        let mut events = self.world.resource_mut::<Events>();
        assert!(!events.shapes().iter().any(|other| other.name == E::NAME), "two events are named `{}`", E::NAME);
        events.register::<E>();
        self
    }

    /// Messages of type `M` can be sent by players; they come as [`Arrivals`].
    ///
    /// # Panics
    /// If a message of that name is there already.
    pub fn message<M: Wire>(&mut self) -> &mut Self {
        self.world.resource_mut::<Arrivals>().register_message::<M>();
        self
    }

    /// Requests of type `Q` can be sent by players; they come as [`Arrivals`], and [`Replies`](crate::Replies) answers them.
    ///
    /// # Panics
    /// If a request of that name is there already.
    pub fn request<Q: Request>(&mut self) -> &mut Self {
        self.world.resource_mut::<Arrivals>().register_request::<Q>();
        self
    }

    /// Adds systems to those that run every tick, one at a time. Systems that must run in a certain order need `.chain()`, `.before()` or `.after()`.
    pub fn systems<M>(&mut self, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self {
        self.schedule.add_systems(systems);
        self
    }

    /// The match's world, for resources and for the entities that are there from the start.
    pub fn world(&mut self) -> &mut World {
        self.world
    }
}
