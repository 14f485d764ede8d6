//! What happens in the world arrives in a replica, and nothing else does.

mod dots;

use dots::{Dots, Go, Jumped, Label, Position, player, sim};
use tickwire_protocol::snapshot::{Applied, Decoder};
use tickwire_protocol::wire;
use tickwire_sim::{InputRefused, JoinError, Replicated, Seat, SeatId, Sim, SimOptions, To, Wire};

/// A match and a replica of it.
struct Watched {
    sim: Sim<Dots>,
    replica: Decoder,
    bytes: usize,
}

impl Watched {
    fn new(options: SimOptions) -> Self {
        let sim = sim(options);
        let replica = Decoder::new(sim.schema().clone());
        Self { sim, replica, bytes: 0 }
    }

    fn step(&mut self) {
        if let Some(delta) = self.sim.step() {
            self.bytes = delta.body.len();
            let applied = self.replica.apply(delta.body).expect("every delta follows the last");
            assert!(matches!(applied, Applied::Fresh { hash_matched: None | Some(true), .. }));
            assert_eq!(self.replica.hash(), self.sim.hash());
        }
    }

    fn rows<T: Wire>(&self) -> Vec<T> {
        let table = self.replica.schema().component(T::NAME).expect("the game replicates it");
        let rows = self.replica.rows(table).expect("the schema has it");
        rows.slots().filter_map(|slot| T::read(&mut rows.get(slot)?).ok()).collect()
    }
}

#[test]
fn a_player_joins_moves_and_leaves() {
    let mut room = Watched::new(SimOptions::default());
    room.step();
    let seat = room.sim.join(&player("ada")).expect("there is a seat");
    room.sim.input(seat, 1, 2, Go { x: 1, ..Go::default() }).expect("in time");
    room.step();
    room.step();
    assert_eq!(room.rows::<Seat>(), [Seat { seat, sequence: 1, connected: true }]);
    assert_eq!(room.rows::<Position>(), [Position { x: 0.0 }, Position { x: 2.0 }]);
    assert_eq!(room.rows::<Label>(), [Label { text: "ada".into() }]);
    room.sim.leave(seat);
    room.step();
    assert_eq!((room.rows::<Seat>().len(), room.rows::<Position>().len(), room.rows::<Label>().len()), (0, 1, 0));
    assert_eq!(room.sim.input(seat, 2, 5, Go::default()), Err(InputRefused::NoSeat));
}

#[test]
fn a_touched_component_costs_nothing() {
    let mut room = Watched::new(SimOptions::default());
    room.step();
    let idle = {
        room.step();
        room.bytes
    };
    room.sim.join(&player("ada")).expect("there is a seat");
    room.step();
    room.step();
    assert_eq!(room.bytes, idle, "`go` writes every position every tick");
}

#[test]
fn components_come_and_go() {
    let mut room = Watched::new(SimOptions { snapshot_every: 5, ..SimOptions::default() });
    let entity = room.sim.world_mut().spawn((Position { x: 3.0 }, Label { text: "late".into() })).id();
    (0..5).for_each(|_| room.step());
    assert_eq!(room.rows::<Position>().len(), 1, "it is not marked");
    // Components that were there before the marker travel too.
    room.sim.world_mut().entity_mut(entity).insert(Replicated);
    (0..5).for_each(|_| room.step());
    assert_eq!((room.rows::<Position>().len(), room.rows::<Label>().len()), (2, 1));
    // A removal is noted on the tick on which it happens, four ticks before the snapshot.
    room.sim.world_mut().entity_mut(entity).remove::<Label>();
    (0..5).for_each(|_| room.step());
    assert_eq!((room.rows::<Position>().len(), room.rows::<Label>().len()), (2, 0));
    room.sim.world_mut().entity_mut(entity).remove::<Position>().insert(Position { x: 4.0 });
    (0..5).for_each(|_| room.step());
    assert!(room.rows::<Position>().contains(&Position { x: 4.0 }));
    room.sim.world_mut().entity_mut(entity).remove::<Replicated>();
    (0..5).for_each(|_| room.step());
    assert_eq!(room.rows::<Position>().len(), 1);
}

#[test]
fn what_lives_between_two_snapshots_never_existed() {
    let mut room = Watched::new(SimOptions { snapshot_every: 2, ..SimOptions::default() });
    (0..4).for_each(|_| room.step());
    let idle = room.bytes;
    let entity = room.sim.world_mut().spawn((Replicated, Position { x: 1.0 })).id();
    room.step();
    room.sim.world_mut().despawn(entity);
    room.step();
    assert_eq!(room.bytes, idle);
}

#[test]
fn a_slot_rests_before_it_is_used_again() {
    let mut room = Watched::new(SimOptions::default());
    let mut highest = 0;
    for _ in 0..600 {
        let entity = room.sim.world_mut().spawn((Replicated, Position { x: 1.0 })).id();
        room.step();
        highest = highest.max(room.replica.rows(1).and_then(|rows| rows.slots().max()).expect("two entities"));
        room.sim.world_mut().despawn(entity);
        room.step();
    }
    // Every second tick one is taken, and it rests for 257.
    assert!((128..135).contains(&highest), "slots are used again, but not too soon: {highest}");
}

#[test]
fn seats_run_out_and_games_refuse() {
    let mut room = Watched::new(SimOptions { seats: 2, ..SimOptions::default() });
    assert!(matches!(room.sim.join(&player("nobody")), Err(JoinError::Refused(_))));
    let seats: Vec<_> = ["ada", "bob"].map(|name| room.sim.join(&player(name)).expect("two seats")).into();
    assert_eq!(room.sim.join(&player("eve")), Err(JoinError::Full(2)));
    room.sim.leave(seats[0]);
    assert_eq!(room.sim.join(&player("eve")), Ok(seats[0]));
    room.step();
    assert_eq!(room.rows::<Seat>().len(), 2);
}

#[test]
fn events_go_with_their_tick() {
    let mut room = Watched::new(SimOptions::default());
    let seat = room.sim.join(&player("ada")).expect("there is a seat");
    room.sim.input(seat, 1, 1, Go { jump: true, ..Go::default() }).expect("in time");
    room.step();
    let events: Vec<_> = room.sim.events().map(|(sent, record)| (sent.to, wire::from_record(record))).collect();
    assert_eq!(events, [(To::All, Ok(Jumped { seat }))]);
    room.step();
    assert_eq!(room.sim.events().count(), 0);
    room.sim.join(&player("herald")).expect("there is a seat");
    assert_eq!(room.sim.events().count(), 0);
    room.step();
    assert_eq!(room.sim.events().count(), 1, "what is sent between two ticks goes with the next");
}

#[test]
fn the_hash_is_a_function_of_seed_and_inputs() {
    let play = |seed, late| {
        let mut room = Watched::new(SimOptions { seed, ..SimOptions::default() });
        (0..late).for_each(|_| room.step());
        let seat = room.sim.join(&player("ada")).expect("there is a seat");
        let mut hashes = Vec::new();
        for tick in late + 1..200 {
            let input = Go { x: (tick / 10 % 3) as i8 - 1, ..Go::default() };
            room.sim.input(seat, tick, tick, input).expect("in time");
            room.step();
            hashes.push(room.sim.hash());
        }
        hashes
    };
    assert_eq!(play(7, 0), play(7, 0));
    assert_ne!(play(7, 0).last(), play(8, 0).last());
    assert_ne!(play(7, 0).last(), play(7, 5).last());
    assert_eq!(SeatId(0), SeatId::default());
}
