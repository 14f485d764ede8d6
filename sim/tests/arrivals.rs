//! What comes between two ticks reaches the game in order, once, and answers find their way back.

use bevy_ecs::prelude::*;
use rand::RngExt as _;
use tickwire_sim::{
    Arrival, Arrivals, Events, Game, JoinError, Nothing, Player, Refusal, Relayed, Replicated, Replies, Request,
    RequestId, Rng, Seat, SeatId, Setup, Sim, SimOptions, TickTime, To, Unheard, Wire, wire,
};

/// Moves the stone.
#[derive(Debug, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
struct Push {
    #[wire(range = 1..=9)]
    by: u8,
}

#[derive(Debug, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
struct Wave;

/// Asks where the stone is, to be told in so many ticks.
#[derive(Debug, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
struct Where {
    #[wire(range = 0..=100)]
    ticks: u32,
}

#[derive(Debug, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
struct There {
    at: u32,
}

impl Request for Where {
    type Reply = There;
}

#[derive(Debug, PartialEq, Component, Wire)]
#[wire(crate = tickwire_sim)]
struct Stone {
    at: u32,
}

/// What the systems have seen, in words, one list a tick.
#[derive(Default, Resource)]
struct Log(Vec<Vec<String>>);

/// Requests that wait for their tick.
#[derive(Default, Resource)]
struct Waiting(Vec<(u32, RequestId)>);

struct Quarry;

impl Game for Quarry {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup
            .replicate::<Stone>()
            .event::<Push>()
            .message::<Wave>()
            .message::<Push>()
            .request::<Where>()
            .systems((note, push, tell).chain());
        let world = setup.world();
        world.insert_resource(Log::default());
        world.insert_resource(Waiting::default());
        world.spawn((Replicated, Stone { at: 0 }));
    }

    fn join(&self, _: &mut World, _: Entity, player: &Player) -> Result<(), Refusal> {
        if player.name == "nobody" { Err(Refusal("nobody is not welcome".into())) } else { Ok(()) }
    }
}

fn note(arrivals: Res<Arrivals>, mut log: ResMut<Log>) {
    let words = |arrival: &Arrival| match arrival {
        Arrival::Joined(seat) => format!("{seat} joined"),
        Arrival::Left(seat) => format!("{seat} left"),
        Arrival::Lost(seat) => format!("{seat} lost"),
        Arrival::Back(seat) => format!("{seat} back"),
        Arrival::Message(seat, said) => match said.get::<Push>() {
            Some(push) => format!("{seat} pushes by {}", push.by),
            None => format!("{seat} waves: {}", arrival.message::<Wave>().is_some()),
        },
        Arrival::Request(seat, id, _) => {
            let ticks = arrival.request::<Where>().map(|(_, request)| request.ticks);
            format!("{seat} asks {} of {}", ticks.unwrap_or_default(), id.0)
        }
    };
    log.0.push(arrivals.iter().map(words).collect());
}

fn push(arrivals: Res<Arrivals>, mut rng: ResMut<Rng>, mut stone: Single<&mut Stone>) {
    for (seat, push) in arrivals.messages::<Push>() {
        // Not the same in another order.
        stone.at = stone.at.wrapping_mul(31) + u32::from(push.by) * u32::from(seat.0 + 1) + rng.random_range(0..9);
    }
}

fn tell(
    (arrivals, time, stone): (Res<Arrivals>, Res<TickTime>, Single<&Stone>),
    mut waiting: ResMut<Waiting>,
    mut replies: ResMut<Replies>,
) {
    for (id, _, request) in arrivals.requests::<Where>() {
        if request.ticks == 100 {
            replies.refuse(id, "too late");
        } else {
            waiting.0.push((time.tick + request.ticks, id));
        }
    }
    for (_, id) in waiting.0.extract_if(.., |(due, _)| *due <= time.tick) {
        replies.reply::<Where>(id, &There { at: stone.at });
        replies.refuse(id, "it is answered already");
    }
}

fn player(name: &str) -> Player {
    Player { id: name.into(), name: name.into() }
}

/// A match in which two players sit.
fn quarry() -> (Sim<Quarry>, [SeatId; 2]) {
    let mut sim = Sim::new(Quarry, SimOptions { seats: 4, ..SimOptions::default() });
    let seats = ["ada", "bob"].map(|name| sim.join(&player(name)).expect("there is a seat"));
    sim.step();
    (sim, seats)
}

fn say<M: Wire>(sim: &mut Sim<Quarry>, seat: SeatId, message: &M) -> Result<(), Unheard> {
    let index = sim.schema().message(M::NAME).expect("it is registered");
    sim.message(seat, index as u32, &wire::to_record(message))
}

fn ask(sim: &mut Sim<Quarry>, seat: SeatId, id: u64, ticks: u32) -> Result<(), Unheard> {
    sim.request(seat, RequestId(id), 0, &wire::to_record(&Where { ticks }))
}

/// What the systems saw in the last tick.
fn seen(sim: &Sim<Quarry>) -> &[String] {
    sim.world().resource::<Log>().0.last().expect("a tick was run")
}

/// The answers of the last tick.
fn answers(sim: &Sim<Quarry>) -> Vec<(u64, Result<There, String>)> {
    let read = |record| wire::from_record(record).expect("a reply is one of the schema's");
    sim.replies().map(|(id, answer)| (id.0, answer.map(read).map_err(str::to_owned))).collect()
}

#[test]
fn all_kinds_come_in_one_order_and_once() {
    let (mut sim, [ada, bob]) = quarry();
    assert_eq!(seen(&sim), ["0 joined", "1 joined"]);
    say(&mut sim, bob, &Push { by: 3 }).expect("it is heard");
    sim.set_connected(ada, false);
    say(&mut sim, bob, &Wave).expect("it is heard");
    ask(&mut sim, bob, 7, 2).expect("it is heard");
    sim.set_connected(ada, true);
    // A newer session of who was not away.
    sim.set_connected(ada, true);
    sim.leave(bob);
    sim.leave(bob);
    let eve = sim.join(&player("eve")).expect("there is a seat");
    assert_eq!(say(&mut sim, bob, &Wave), Err(Unheard::NoSeat));
    assert_eq!(ask(&mut sim, bob, 8, 0), Err(Unheard::NoSeat));
    say(&mut sim, eve, &Push { by: 1 }).expect("it is heard");
    sim.step();
    let order =
        ["1 pushes by 3", "0 lost", "1 waves: true", "1 asks 2 of 7", "0 back", "1 left", "2 joined", "2 pushes by 1"];
    assert_eq!(seen(&sim), order);
    sim.step();
    assert!(seen(&sim).is_empty());
}

#[test]
fn who_is_refused_does_not_arrive() {
    let (mut sim, _) = quarry();
    assert_eq!(sim.join(&player("nobody")), Err(JoinError::Refused(Refusal("nobody is not welcome".into()))));
    sim.step();
    assert!(seen(&sim).is_empty());
}

#[test]
fn hostile_records_are_errors() {
    let (mut sim, [ada, _]) = quarry();
    let push = sim.schema().message("Push").expect("it is registered") as u32;
    let hostile: [&[u8]; 6] = [&[], &[0], &[20], &[2, 2], &[0x80], &[0xFF; 40]];
    for record in hostile {
        assert!(matches!(sim.message(ada, push, record), Err(Unheard::Malformed(_))), "{record:?}");
        assert!(matches!(
            sim.request(ada, RequestId(1), 0, &[&[250, 250], record].concat()),
            Err(Unheard::Malformed(_))
        ));
    }
    for index in [2, u32::MAX] {
        assert_eq!(sim.message(ada, index, &[2]), Err(Unheard::Unknown(index)));
        assert_eq!(sim.request(ada, RequestId(1), index, &[2]), Err(Unheard::Unknown(index)));
    }
    for seat in [3, u16::MAX] {
        assert_eq!(sim.message(SeatId(seat), push, &[2]), Err(Unheard::NoSeat));
    }
    sim.step();
    assert!(seen(&sim).is_empty());
    assert_eq!(ask(&mut sim, ada, 1, 0), Ok(()), "what was not heard is not open");
}

#[test]
fn the_same_arrivals_give_the_same_match() {
    let play = |swapped: bool| {
        let (mut sim, [ada, bob]) = quarry();
        let hashes: Vec<u32> = (2..60u32)
            .map(|tick| {
                let pair = if swapped && tick == 30 { [bob, ada] } else { [ada, bob] };
                for seat in pair.into_iter().filter(|_| tick.is_multiple_of(3)) {
                    say(&mut sim, seat, &Push { by: (tick % 9 + 1) as u8 }).expect("it is heard");
                }
                sim.step();
                sim.hash()
            })
            .collect();
        hashes
    };
    assert_eq!(play(false), play(false));
    assert_eq!(play(false)[..28], play(true)[..28]);
    assert_ne!(play(false)[28], play(true)[28], "their order counts");
}

#[test]
fn requests_are_answered_at_once_later_or_not_as_asked() {
    let (mut sim, [ada, bob]) = quarry();
    for (id, ticks) in [(10, 0), (11, 2), (12, 100), (13, 0)] {
        ask(&mut sim, ada, id, ticks).expect("it is heard");
    }
    ask(&mut sim, bob, 14, 2).expect("it is heard");
    assert!(answers(&sim).is_empty());
    sim.step();
    let there = || Ok(There { at: 0 });
    assert_eq!(answers(&sim), [(12, Err("too late".into())), (10, there()), (13, there())]);
    sim.step();
    assert!(answers(&sim).is_empty());
    sim.step();
    assert_eq!(answers(&sim), [(11, there()), (14, there())]);
}

#[test]
fn who_has_left_is_not_answered() {
    let (mut sim, [ada, bob]) = quarry();
    for (id, seat) in [(1, ada), (2, bob)] {
        ask(&mut sim, seat, id, 1).expect("it is heard");
    }
    sim.step();
    sim.leave(ada);
    // Someone else takes a seat and gets no answer that is not theirs.
    assert!(["eve", "dan", "kim"].map(|name| sim.join(&player(name))).contains(&Ok(ada)));
    assert!(!sim.world().resource::<Replies>().is_open(RequestId(1)));
    sim.step();
    assert_eq!(answers(&sim), [(2, Ok(There { at: 0 }))]);
    // One who asks and leaves before the tick: the request comes, its answer goes nowhere.
    ask(&mut sim, bob, 3, 0).expect("it is heard");
    sim.leave(bob);
    sim.step();
    assert_eq!(seen(&sim), ["1 asks 0 of 3", "1 left"]);
    assert!(answers(&sim).is_empty());
}

#[test]
fn what_is_answered_between_ticks_goes_with_the_next() {
    let (mut sim, [ada, _]) = quarry();
    ask(&mut sim, ada, 1, 50).expect("it is heard");
    sim.step();
    sim.world_mut().resource_mut::<Replies>().refuse(RequestId(1), "closed");
    assert!(answers(&sim).is_empty());
    sim.step();
    assert_eq!(answers(&sim), [(1, Err("closed".into()))]);
}

#[test]
fn an_event_to_some_seats_is_one_record() {
    let (mut sim, [ada, bob]) = quarry();
    let mut events = sim.world_mut().resource_mut::<Events>();
    events.send_to(&[bob, ada], &Push { by: 4 });
    events.send_to(&[], &Push { by: 5 });
    events.send(To::All, &Push { by: 6 });
    sim.step();
    let sent: Vec<_> = sim.events().map(|(sent, record)| (sent.to, record)).collect();
    assert_eq!(sent, [(To::Seat(bob), &[8][..]), (To::Seat(ada), &[8]), (To::All, &[12])]);
    assert_eq!(sent[0].1.as_ptr(), sent[1].1.as_ptr());
}

/// Registers what it is told to.
struct Setups(fn(&mut Setup<'_>));

impl Game for Setups {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        (self.0)(setup);
    }
}

fn set_up(setup: fn(&mut Setup<'_>)) -> Sim<Setups> {
    Sim::new(Setups(setup), SimOptions::default())
}

#[test]
#[should_panic(expected = "two messages are named `Push`")]
fn a_message_has_a_name_of_its_own() {
    set_up(|setup| _ = setup.message::<Push>().message::<Wave>().message::<Push>());
}

#[test]
#[should_panic(expected = "two requests are named `Where`")]
fn a_request_has_a_name_of_its_own() {
    set_up(|setup| _ = setup.request::<Where>().request::<Where>());
}

#[test]
#[should_panic(expected = "the message `Push` is not registered: call Setup::message")]
fn who_listens_must_register() {
    set_up(|setup| _ = setup.systems(|arrivals: Res<'_, Arrivals>| _ = arrivals.messages::<Push>().count())).step();
}

#[test]
#[should_panic(expected = "two open requests have the id 1")]
fn an_open_request_has_an_id_of_its_own() {
    let (mut sim, [ada, bob]) = quarry();
    let _ = (ask(&mut sim, ada, 1, 0), ask(&mut sim, bob, 1, 0));
}

#[test]
fn a_relayed_match_is_its_seats() {
    let mut sim = Sim::new(Relayed, SimOptions::default());
    let names: Vec<_> = sim.schema().components.iter().map(|shape| shape.name.as_str()).collect();
    assert_eq!(names, ["Seat"]);
    let seat = sim.join(&player("ada")).expect("there is a seat");
    sim.input(seat, 1, 1, Nothing).expect("in time");
    sim.step();
    let rows: Vec<_> = sim.world_mut().query::<&Seat>().iter(sim.world()).cloned().collect();
    assert_eq!(rows, [Seat { seat, sequence: 1, connected: true }]);
    let idle = (0..8).map(|_| sim.step().expect("every tick has a snapshot").body.len()).last();
    assert!(idle.is_some_and(|bytes| bytes <= 6), "{idle:?} bytes say that nothing has changed");
}
