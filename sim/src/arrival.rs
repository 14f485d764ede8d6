//! What comes to a match between two ticks beside inputs: who came and went, and what they said and asked.

use std::any::{Any, TypeId};

use bevy_ecs::resource::Resource;
use tickwire_protocol::wire::FieldError;
use tickwire_protocol::{Exchange, SeatId, Shape, Wire, wire};

use crate::reply::{Request, RequestId};

/// What has come since the last tick, in the order in which it came, for the systems of the tick that follows; after it everything is
/// cleared. A resource.
///
/// ```
/// use bevy_ecs::prelude::*;
/// use tickwire_sim::{Arrivals, Events, Game, Setup, To, Wire};
///
/// /// What a player sends.
/// #[derive(Wire)]
/// #[wire(crate = tickwire_sim)]
/// struct Say {
///     #[wire(max = 80)]
///     text: String,
/// }
///
/// /// What everyone hears.
/// #[derive(Wire)]
/// #[wire(crate = tickwire_sim)]
/// struct Heard {
///     seat: u16,
///     #[wire(max = 80)]
///     text: String,
/// }
///
/// struct Salon;
///
/// impl Game for Salon {
///     type Input = tickwire_sim::Nothing;
///
///     fn setup(&self, setup: &mut Setup<'_>) {
///         setup.message::<Say>().event::<Heard>().systems(listen);
///     }
/// }
///
/// fn listen(arrivals: Res<Arrivals>, mut events: ResMut<Events>) {
///     for (seat, say) in arrivals.messages::<Say>() {
///         events.send(To::All, &Heard { seat: seat.0, text: say.text.clone() });
///     }
/// }
/// # let mut sim = tickwire_sim::Sim::new(Salon, tickwire_sim::SimOptions::default());
/// # let seat = sim.join(&tickwire_sim::Player { id: "a".into(), name: "a".into() }).unwrap();
/// # sim.message(seat, 0, &tickwire_sim::wire::to_record(&Say { text: "hi".into() })).unwrap();
/// # sim.step();
/// # assert_eq!(sim.events().count(), 1);
/// ```
#[derive(Debug, Default, Resource)]
pub struct Arrivals {
    messages: Vec<Heard<Shape>>,
    requests: Vec<Heard<Exchange>>,
    waiting: Vec<Arrival>,
}

/// One thing that came.
#[derive(Debug)]
pub enum Arrival {
    /// A player has taken a seat.
    Joined(SeatId),
    /// The seat was given up: its entity is gone, and the seat may be taken anew by a later arrival.
    Left(SeatId),
    /// The player's connection is lost; the seat is held.
    Lost(SeatId),
    /// The player of a held seat is connected again.
    Back(SeatId),
    /// The player has said something.
    Message(SeatId, Said),
    /// The player asks for something; [`Replies`](crate::Replies) answers.
    Request(SeatId, RequestId, Said),
}

/// A value of one of the types that the game's setup has registered.
#[derive(Debug)]
pub struct Said(Box<dyn Any + Send + Sync>);

/// A type of what players say, and how a record becomes a value of it.
#[derive(Debug)]
struct Heard<S> {
    shape: S,
    id: TypeId,
    read: fn(&[u8]) -> Result<Said, FieldError>,
}

/// Why something that a player says does not reach the game.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Nobody sits there.
    #[error("the seat is empty")]
    NoSeat,
    /// The schema has no message or request of this index.
    #[error("{0} is not in the schema")]
    Unknown(u32),
    /// The record is not what the schema says.
    #[error(transparent)]
    Malformed(#[from] FieldError),
}

impl Arrivals {
    /// Everything, in the order in which it came.
    pub fn iter(&self) -> impl Iterator<Item = &Arrival> {
        self.waiting.iter()
    }

    /// The messages of type `M`, with who sent them.
    ///
    /// # Panics
    /// If the game's setup has not registered the type.
    pub fn messages<M: Wire>(&self) -> impl Iterator<Item = (SeatId, &M)> {
        let known = self.messages.iter().any(|heard| heard.id == TypeId::of::<M>());
        assert!(known, "the message `{}` is not registered: call Setup::message", M::NAME);
        self.iter().filter_map(|arrival| Some((arrival.seat(), arrival.message()?)))
    }

    /// The requests of type `Q`, with who asks.
    ///
    /// # Panics
    /// If the game's setup has not registered the type.
    pub fn requests<Q: Request>(&self) -> impl Iterator<Item = (RequestId, SeatId, &Q)> {
        let known = self.requests.iter().any(|heard| heard.id == TypeId::of::<Q>());
        assert!(known, "the request `{}` is not registered: call Setup::request", Q::NAME);
        self.iter().filter_map(|arrival| {
            let (id, request) = arrival.request()?;
            Some((id, arrival.seat(), request))
        })
    }

    pub(crate) fn register_message<M: Wire>(&mut self) {
        assert!(!self.messages.iter().any(|heard| heard.shape.name == M::NAME), "two messages are named `{}`", M::NAME);
        self.messages.push(Heard { shape: M::shape(), id: TypeId::of::<M>(), read: read::<M> });
    }

    pub(crate) fn register_request<Q: Request>(&mut self) {
        let named = |heard: &Heard<Exchange>| heard.shape.request.name == Q::NAME;
        assert!(!self.requests.iter().any(named), "two requests are named `{}`", Q::NAME);
        let shape = Exchange { request: Q::shape(), reply: Q::Reply::shape() };
        self.requests.push(Heard { shape, id: TypeId::of::<Q>(), read: read::<Q> });
    }

    pub(crate) fn message_shapes(&self) -> impl Iterator<Item = &Shape> {
        self.messages.iter().map(|heard| &heard.shape)
    }

    pub(crate) fn request_shapes(&self) -> impl Iterator<Item = &Exchange> {
        self.requests.iter().map(|heard| &heard.shape)
    }

    pub(crate) fn push(&mut self, arrival: Arrival) {
        self.waiting.push(arrival);
    }

    pub(crate) fn push_message(&mut self, seat: SeatId, message: u32, record: &[u8]) -> Result<(), Unheard> {
        let heard = self.messages.get(message as usize).ok_or(Unheard::Unknown(message))?;
        self.waiting.push(Arrival::Message(seat, (heard.read)(record)?));
        Ok(())
    }

    /// The type of the request, so that the answer is one to it.
    pub(crate) fn push_request(
        &mut self,
        seat: SeatId,
        id: RequestId,
        request: u32,
        record: &[u8],
    ) -> Result<TypeId, Unheard> {
        let heard = self.requests.get(request as usize).ok_or(Unheard::Unknown(request))?;
        self.waiting.push(Arrival::Request(seat, id, (heard.read)(record)?));
        Ok(heard.id)
    }

    /// The tick is over.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

fn read<T: Wire>(record: &[u8]) -> Result<Said, FieldError> {
    Ok(Said(Box::new(wire::from_record::<T>(record)?)))
}

impl Arrival {
    /// Whom it is about.
    pub fn seat(&self) -> SeatId {
        match *self {
            Self::Joined(seat) | Self::Left(seat) | Self::Lost(seat) | Self::Back(seat) => seat,
            Self::Message(seat, _) | Self::Request(seat, ..) => seat,
        }
    }

    /// The message, if it is one of type `M`.
    pub fn message<M: Wire>(&self) -> Option<&M> {
        match self {
            Self::Message(_, said) => said.get(),
            _ => None,
        }
    }

    /// The request, if it is one of type `Q`.
    pub fn request<Q: Request>(&self) -> Option<(RequestId, &Q)> {
        match self {
            Self::Request(_, id, said) => Some((*id, said.get()?)),
            _ => None,
        }
    }
}

impl Said {
    /// The value, if it is one of type `T`.
    pub fn get<T: Wire>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}
