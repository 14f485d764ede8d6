//! The way into a room: for sessions, for the lobby, and for embedders.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;
use tickwire_protocol::{CloseCode, Content, Labels, RoomListing, SeatId};
use tickwire_sim::{AnySim, World};
use tokio::sync::oneshot;

use crate::command::{Command, Occupant, Order};
use crate::stats::{RoomInfo, RoomStats};

/// An open room. Cheap to clone. What it is told to do happens before its next tick; when the room has ended, nothing happens.
#[derive(Clone, Debug)]
pub struct RoomHandle {
    pub(crate) info: Arc<RoomInfo>,
    pub(crate) commands: Sender<Command>,
}

impl RoomHandle {
    /// Hands a command over; false if the room is gone. Few enough to need no bound: what sessions ask for is rate limited, the lag policy asks
    /// once for what it awaits, and inputs need a permit.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// The join code, if it is private.
    pub fn code(&self) -> Option<&str> {
        self.info.code.as_deref()
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        !self.info.closed.load(Ordering::Relaxed)
    }

    /// As the lobby shows it.
    pub fn listing(&self) -> RoomListing {
        self.info.listing()
    }

    /// How it is.
    pub fn stats(&self) -> RoomStats {
        self.info.stats()
    }

    /// Who sits there, by seat; none if the room has ended.
    pub async fn occupants(&self) -> Option<Vec<Occupant>> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Order(Order::List { reply }));
        answer.await.ok()
    }

    /// Changes its labels, which filters look at.
    pub fn set_labels(&self, labels: Labels) {
        self.info.details().labels = labels;
    }

    /// Changes what others may want to know.
    pub fn set_metadata(&self, metadata: impl Into<String>) {
        self.info.details().metadata = metadata.into();
    }

    /// Lets nobody in any more but those who hold a seat or a reservation, or lets all in again.
    pub fn lock(&self, locked: bool) {
        self.info.details().locked = locked;
    }

    /// Says something to all who hear a channel of the room. Nobody does if it is not there.
    pub fn publish(&self, channel: impl Into<String>, content: Content) {
        self.order(Order::Publish { channel: channel.into(), content });
    }

    /// Says something to one seat.
    pub fn whisper(&self, seat: SeatId, content: Content) {
        self.order(Order::Whisper { seat, content });
    }

    /// Puts a player out, who is told `reason`, at most 123 bytes; they may come again.
    pub fn kick(&self, seat: SeatId, reason: impl Into<String>) {
        self.order(Order::Kick { seat, reason: reason.into() });
    }

    /// Keeps the player of this id out for the life of the room, and puts them out if they are in.
    pub fn ban(&self, player: impl Into<String>, reason: impl Into<String>) {
        self.order(Order::Ban { player: player.into(), reason: reason.into() });
    }

    /// Calls into the match's world between two ticks; none if the room has ended. A panic in the call ends the room, as one in the game does. A match that others must be able to repeat changes by its
    /// inputs and messages alone.
    pub async fn call<T: Send + 'static>(&self, call: impl FnOnce(&mut World) -> T + Send + 'static) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let call = move |sim: &mut dyn AnySim| drop(reply.send(call(sim.world_mut())));
        self.order(Order::Call(Box::new(call)));
        answer.await.ok()
    }

    /// Ends it; its players are told `reason`, at most 123 bytes.
    pub fn close(&self, reason: impl Into<String>) {
        self.send(Command::Close { code: CloseCode::Left, reason: reason.into() });
    }

    fn order(&self, order: Order) {
        self.send(Command::Order(order));
    }
}
