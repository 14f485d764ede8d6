//! What players ask of a game, and its answers, in the same tick or later.

use std::any::TypeId;
use std::collections::BTreeMap;

use bevy_ecs::resource::Resource;
use tickwire_protocol::{SeatId, Wire, wire};

/// Something that a player asks of the game and that has an answer.
pub trait Request: Wire {
    /// What is answered, unless the game refuses.
    type Reply: Wire;
}

/// Names a request that waits for its answer; given by the caller of [`Sim::request`](crate::Sim::request), and to a game just a name. Keep
/// it in a component or resource to answer in a later tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// An answer to a request: the record of its [`Request::Reply`], or why the game refuses.
pub type Answer<'a> = Result<&'a [u8], &'a str>;

/// The game's answers, in the order in which they are given. They travel reliably, with the tick they belong to: what is answered between two
/// ticks goes with the next. A resource.
///
/// A request of a seat that was given up since is forgotten: an answer to it goes nowhere. Every other wants one, sooner or later.
///
/// ```
/// use bevy_ecs::prelude::*;
/// use tickwire_sim::{Arrivals, Game, Replies, Request, Setup, Wire};
///
/// #[derive(Wire)]
/// #[wire(crate = tickwire_sim)]
/// struct Buy {
///     coins: u32,
/// }
///
/// #[derive(Wire)]
/// #[wire(crate = tickwire_sim)]
/// struct Bought {
///     left: u32,
/// }
///
/// impl Request for Buy {
///     type Reply = Bought;
/// }
///
/// #[derive(Resource)]
/// struct Stock(u32);
///
/// struct Shop;
///
/// impl Game for Shop {
///     type Input = tickwire_sim::Nothing;
///
///     fn setup(&self, setup: &mut Setup<'_>) {
///         setup.request::<Buy>().systems(sell).world().insert_resource(Stock(10));
///     }
/// }
///
/// fn sell(arrivals: Res<Arrivals>, mut replies: ResMut<Replies>, mut stock: ResMut<Stock>) {
///     for (id, _, buy) in arrivals.requests::<Buy>() {
///         match stock.0.checked_sub(buy.coins) {
///             Some(left) => {
///                 stock.0 = left;
///                 replies.reply::<Buy>(id, &Bought { left });
///             }
///             None => replies.refuse(id, "sold out"),
///         }
///     }
/// }
/// # use tickwire_sim::{Player, RequestId, Sim, SimOptions, wire};
/// # let mut sim = Sim::new(Shop, SimOptions::default());
/// # let seat = sim.join(&Player { id: "a".into(), name: "a".into() }).unwrap();
/// # sim.request(seat, RequestId(1), 0, &wire::to_record(&Buy { coins: 7 })).unwrap();
/// # sim.request(seat, RequestId(2), 0, &wire::to_record(&Buy { coins: 7 })).unwrap();
/// # sim.step();
/// # let bought = wire::to_record(&Bought { left: 3 });
/// # let replies: Vec<_> = sim.replies().collect();
/// # assert_eq!(replies, [(RequestId(1), Ok(&bought[..])), (RequestId(2), Err("sold out"))]);
/// ```
#[derive(Debug, Default, Resource)]
pub struct Replies {
    open: BTreeMap<RequestId, Open>,
    /// Of the tick that runs, or the next.
    next: Vec<Given>,
    /// Of the last tick.
    last: Vec<Given>,
}

/// A request that waits.
#[derive(Debug)]
struct Open {
    seat: SeatId,
    /// The type of the request.
    request: TypeId,
}

/// An answer that waits for delivery.
#[derive(Debug)]
struct Given {
    id: RequestId,
    seat: SeatId,
    /// The reply's record, or why there is none.
    answer: Result<Vec<u8>, String>,
}

impl Replies {
    /// Answers a request; nothing happens if it was answered before, or if its seat was given up.
    ///
    /// # Panics
    /// If it is not a request of type `Q`.
    pub fn reply<Q: Request>(&mut self, id: RequestId, reply: &Q::Reply) {
        if let Some(open) = self.open.remove(&id) {
            assert!(open.request == TypeId::of::<Q>(), "the request is answered as a `{}`, and is another", Q::NAME);
            self.next.push(Given { id, seat: open.seat, answer: Ok(wire::to_record(reply)) });
        }
    }

    /// Refuses a request, with a reason for the player; nothing happens if it was answered before, or if its seat was given up.
    pub fn refuse(&mut self, id: RequestId, reason: impl Into<String>) {
        if let Some(open) = self.open.remove(&id) {
            self.next.push(Given { id, seat: open.seat, answer: Err(reason.into()) });
        }
    }

    /// Whether a request waits for its answer still.
    pub fn is_open(&self, id: RequestId) -> bool {
        self.open.contains_key(&id)
    }

    pub(crate) fn open(&mut self, seat: SeatId, id: RequestId, request: TypeId) {
        let before = self.open.insert(id, Open { seat, request });
        assert!(before.is_none(), "two open requests have the id {}", id.0);
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn drop_request(&mut self, id: RequestId) {
        self.open.remove(&id);
    }

    /// The seat was given up.
    pub(crate) fn forget(&mut self, seat: SeatId) {
        self.open.retain(|_, open| open.seat != seat);
        self.next.retain(|given| given.seat != seat);
        self.last.retain(|given| given.seat != seat);
    }

    pub(crate) fn given(&self) -> impl Iterator<Item = (RequestId, Answer<'_>)> {
        self.last.iter().map(|given| (given.id, given.answer.as_deref().map_err(String::as_str)))
    }

    /// The tick is over: the answers that were given belong to it.
    pub(crate) fn publish(&mut self) {
        std::mem::swap(&mut self.next, &mut self.last);
        self.next.clear();
    }
}
