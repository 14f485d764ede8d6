//! A match behind one face, whatever its game.

use std::sync::Arc;

use bevy_ecs::world::World;
use tickwire_protocol::snapshot::Tables;
use tickwire_protocol::{Schema, SeatId, Sequence, Tick, wire};

use crate::arrival::Unheard;
use crate::event::SentEvent;
use crate::game::{Game, Player};
use crate::input::InputRefused;
use crate::reply::{Answer, RequestId};
use crate::seat::JoinError;
use crate::sim::{Sim, SimOptions};
use crate::stream::{Delta, Every};

/// A match of a game that is not known at compile time: what a room runs. See the methods of [`Sim`].
pub trait AnySim: Send + std::fmt::Debug {
    /// See [`Sim::schema`].
    fn schema(&self) -> &Arc<Schema>;
    /// See [`Sim::options`].
    fn options(&self) -> &SimOptions;
    /// See [`Sim::tick`].
    fn tick(&self) -> Tick;
    /// See [`Sim::world_mut`].
    fn world_mut(&mut self) -> &mut World;
    /// See [`Sim::join`].
    ///
    /// # Errors
    /// As there.
    fn join(&mut self, player: &Player) -> Result<SeatId, JoinError>;
    /// See [`Sim::leave`].
    fn leave(&mut self, seat: SeatId);
    /// See [`Sim::set_connected`].
    fn set_connected(&mut self, seat: SeatId, connected: bool);
    /// See [`Sim::input`]; the input as a record.
    ///
    /// # Errors
    /// As there.
    fn input_record(&mut self, seat: SeatId, sequence: Sequence, tick: Tick, record: &[u8])
    -> Result<(), InputRefused>;
    /// See [`Sim::next_input`]; the input as a record.
    ///
    /// # Errors
    /// As there.
    fn next_input(&mut self, seat: SeatId, record: &[u8]) -> Result<(), InputRefused>;
    /// See [`Sim::message`].
    ///
    /// # Errors
    /// As there.
    fn message(&mut self, seat: SeatId, message: u32, record: &[u8]) -> Result<(), Unheard>;
    /// See [`Sim::request`].
    ///
    /// # Errors
    /// As there.
    fn request(&mut self, seat: SeatId, id: RequestId, request: u32, record: &[u8]) -> Result<(), Unheard>;
    /// See [`Sim::forget_request`].
    fn forget_request(&mut self, id: RequestId);
    /// See [`Sim::step`].
    fn step(&mut self) -> Option<Delta<'_>>;
    /// See [`Sim::tables`].
    fn tables(&self) -> &Tables;
    /// See [`Sim::open_stream`].
    fn open_stream(&mut self, every: Every);
    /// See [`Sim::close_stream`].
    fn close_stream(&mut self, every: Every);
    /// See [`Sim::delta`].
    fn delta(&self, every: Every) -> Option<Delta<'_>>;
    /// See [`Sim::resync`].
    fn resync(&mut self, every: Every, base: Option<Tick>, give: &mut dyn FnMut(&[u8])) -> Option<Tick>;
    /// See [`Sim::resync_base`].
    fn resync_base(&mut self, every: Every, base: Option<Tick>) -> Option<Tick>;
    /// See [`Sim::events`].
    fn each_event(&self, visit: &mut dyn FnMut(SentEvent, &[u8]));
    /// See [`Sim::replies`].
    fn each_reply(&self, visit: &mut dyn FnMut(RequestId, Answer<'_>));
}

impl<G: Game> AnySim for Sim<G> {
    fn schema(&self) -> &Arc<Schema> {
        self.schema()
    }
    fn options(&self) -> &SimOptions {
        self.options()
    }
    fn tick(&self) -> Tick {
        self.tick()
    }
    fn world_mut(&mut self) -> &mut World {
        self.world_mut()
    }
    fn join(&mut self, player: &Player) -> Result<SeatId, JoinError> {
        self.join(player)
    }
    fn leave(&mut self, seat: SeatId) {
        self.leave(seat);
    }
    fn set_connected(&mut self, seat: SeatId, connected: bool) {
        self.set_connected(seat, connected);
    }
    fn input_record(
        &mut self,
        seat: SeatId,
        sequence: Sequence,
        tick: Tick,
        record: &[u8],
    ) -> Result<(), InputRefused> {
        let input = wire::from_record(record).map_err(|_| InputRefused::Malformed)?;
        self.input(seat, sequence, tick, input)
    }
    fn next_input(&mut self, seat: SeatId, record: &[u8]) -> Result<(), InputRefused> {
        let input = wire::from_record(record).map_err(|_| InputRefused::Malformed)?;
        self.next_input(seat, input)
    }
    fn message(&mut self, seat: SeatId, message: u32, record: &[u8]) -> Result<(), Unheard> {
        self.message(seat, message, record)
    }
    fn request(&mut self, seat: SeatId, id: RequestId, request: u32, record: &[u8]) -> Result<(), Unheard> {
        self.request(seat, id, request, record)
    }
    fn forget_request(&mut self, id: RequestId) {
        self.forget_request(id);
    }
    fn step(&mut self) -> Option<Delta<'_>> {
        self.step()
    }
    fn tables(&self) -> &Tables {
        self.tables()
    }
    fn open_stream(&mut self, every: Every) {
        self.open_stream(every);
    }
    fn close_stream(&mut self, every: Every) {
        self.close_stream(every);
    }
    fn delta(&self, every: Every) -> Option<Delta<'_>> {
        self.delta(every)
    }
    fn resync(&mut self, every: Every, base: Option<Tick>, give: &mut dyn FnMut(&[u8])) -> Option<Tick> {
        self.resync(every, base, give)
    }
    fn resync_base(&mut self, every: Every, base: Option<Tick>) -> Option<Tick> {
        self.resync_base(every, base)
    }
    fn each_event(&self, visit: &mut dyn FnMut(SentEvent, &[u8])) {
        self.events().for_each(|(sent, record)| visit(sent, record));
    }
    fn each_reply(&self, visit: &mut dyn FnMut(RequestId, Answer<'_>)) {
        self.replies().for_each(|(id, answer)| visit(id, answer));
    }
}
