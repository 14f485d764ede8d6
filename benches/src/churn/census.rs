//! What there is in a relay and in its process: counts that return to what they were when everyone has gone.

use serde::Serialize;
use tickwire::Relay;
use tokio::runtime::Handle;

use crate::load::threads;

/// Counted at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Rooms.
    pub rooms: usize,
    /// Seats taken or reserved, as the lobby has it.
    pub players: usize,
    /// Seats taken, as the rooms have it.
    pub occupants: usize,
    /// Sessions that watch.
    pub spectators: usize,
    /// Sessions in rooms.
    pub sessions: usize,
    /// Entities in the rooms' worlds.
    pub entities: u32,
    /// Channels of the relay.
    pub channels: usize,
    /// Players who wait for a match.
    pub queued: usize,
    /// Connections.
    pub connections: usize,
    /// Tasks that have not ended, of the relay's threads and of the runtime.
    pub tasks: usize,
    /// Threads of the process.
    pub threads: u64,
}

impl Census {
    /// Of this relay and the process that it runs in.
    pub(crate) async fn take(relay: &Relay) -> Self {
        let (mut occupants, mut entities) = (0, 0);
        for room in relay.rooms() {
            occupants += room.occupants().await.map_or(0, |seats| seats.len());
            entities += room.call(|world| world.entity_count()).await.unwrap_or(0);
        }
        let stats = relay.stats();
        let of_rooms = |part: fn(&tickwire::RoomStats) -> usize| stats.rooms.iter().map(part).sum();
        Self {
            rooms: stats.rooms.len(),
            players: of_rooms(|room| room.players),
            occupants,
            spectators: of_rooms(|room| room.spectators),
            sessions: of_rooms(|room| room.sessions),
            entities,
            channels: stats.channels,
            queued: stats.queued,
            connections: stats.connections,
            tasks: stats.tasks + Handle::current().metrics().num_alive_tasks(),
            threads: threads(),
        }
    }
}
