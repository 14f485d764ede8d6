//! From inputs that arrive when they like to inputs that belong to ticks.

use std::collections::VecDeque;

use bevy_ecs::resource::Resource;
use tickwire_protocol::{SeatId, Sequence, Tick};

/// Inputs that may wait for a seat. One a tick for the widest sensible window; a seat that sends more is told so.
pub(crate) const MAX_WAITING: usize = 64;

/// Why an input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputRefused {
    /// Nobody sits there.
    #[error("the seat is empty")]
    NoSeat,
    /// Its sequence is not above the last one's.
    #[error("input {sequence} is not newer than {last}")]
    NotNewer {
        /// Its sequence.
        sequence: Sequence,
        /// The last one taken.
        last: Sequence,
    },
    /// It is meant for a tick outside the window.
    #[error("tick {tick} is outside {first}..={last}")]
    Window {
        /// The tick it is meant for.
        tick: Tick,
        /// The first one allowed now.
        first: Tick,
        /// The last one allowed now.
        last: Tick,
    },
    /// Too many are waiting.
    #[error("{MAX_WAITING} inputs are waiting already")]
    TooMany,
    /// The record is not one of the game's inputs.
    #[error("the input is malformed or out of range")]
    Malformed,
}

/// How far from the next tick an input may be, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) ahead: u32,
    pub(crate) behind: u32,
}

impl Window {
    fn check(self, tick: Tick, next: Tick) -> Result<(), InputRefused> {
        let (first, last) = (next.saturating_sub(self.behind), next.saturating_add(self.ahead));
        if (first..=last).contains(&tick) { Ok(()) } else { Err(InputRefused::Window { tick, first, last }) }
    }
}

/// What every seat's player wants this tick. A resource, filled before the game's systems run.
#[derive(Debug, Resource)]
pub struct Inputs<I> {
    seats: Vec<SeatInputs<I>>,
    /// Those with something waiting or consumed: a silent seat costs a tick nothing.
    busy: Vec<SeatId>,
    nothing: I,
}

#[derive(Debug)]
struct SeatInputs<I> {
    taken: bool,
    busy: bool,
    waiting: VecDeque<(Tick, Sequence, I)>,
    last: Sequence,
    consumed: Vec<I>,
    held: I,
}

impl<I: Clone + Default> Inputs<I> {
    pub(crate) fn new(seats: u16) -> Self {
        let seats = std::iter::repeat_with(SeatInputs::empty).take(seats.into()).collect();
        Self { seats, busy: Vec::new(), nothing: I::default() }
    }

    /// The newest input consumed, held until the next, also of a player whose connection is lost (see
    /// [`Seat::connected`](crate::Seat::connected)); the default before the first and for an empty seat.
    pub fn get(&self, seat: SeatId) -> &I {
        self.seats.get(usize::from(seat.0)).map_or(&self.nothing, |seat| &seat.held)
    }

    /// The inputs consumed this tick, oldest first: usually one, none if the player's network hiccups, several after a hiccup. For
    /// what must not be missed, such as a key pressed and released.
    pub fn consumed(&self, seat: SeatId) -> &[I] {
        self.seats.get(usize::from(seat.0)).map_or(&[], |seat| &seat.consumed)
    }

    pub(crate) fn open(&mut self, seat: SeatId) {
        let seat = &mut self.seats[usize::from(seat.0)];
        *seat = SeatInputs { taken: true, busy: seat.busy, ..SeatInputs::empty() };
    }

    pub(crate) fn close(&mut self, seat: SeatId) {
        let seat = &mut self.seats[usize::from(seat.0)];
        seat.taken = false;
        seat.waiting.clear();
        seat.consumed.clear();
        seat.held = I::default();
    }

    /// The player is back, with no memory of what was sent and not consumed: the next input follows the last one consumed.
    pub(crate) fn resume(&mut self, seat: SeatId, consumed: Sequence) {
        let seat = &mut self.seats[usize::from(seat.0)];
        seat.waiting.clear();
        seat.last = consumed;
    }

    /// The sequence of the last one taken; none if nobody sits there.
    pub(crate) fn last(&self, seat: SeatId) -> Option<Sequence> {
        self.seats.get(usize::from(seat.0)).filter(|seat| seat.taken).map(|seat| seat.last)
    }

    /// Takes an input for `tick`, `next` being the tick that runs next.
    pub(crate) fn push(
        &mut self,
        seat: SeatId,
        (sequence, tick, next): (Sequence, Tick, Tick),
        window: Window,
        input: I,
    ) -> Result<(), InputRefused> {
        let (id, seat) = (seat, self.seats.get_mut(usize::from(seat.0)));
        let seat = seat.filter(|seat| seat.taken).ok_or(InputRefused::NoSeat)?;
        if sequence <= seat.last {
            return Err(InputRefused::NotNewer { sequence, last: seat.last });
        }
        window.check(tick, next)?;
        if seat.waiting.len() == MAX_WAITING {
            return Err(InputRefused::TooMany);
        }
        seat.last = sequence;
        seat.waiting.push_back((tick, sequence, input));
        if !std::mem::replace(&mut seat.busy, true) {
            self.busy.push(id);
        }
        Ok(())
    }

    /// Consumes what is due at `tick`, and gives the newest sequence of each seat for which that is something.
    pub(crate) fn consume(&mut self, tick: Tick, mut give: impl FnMut(SeatId, Sequence)) {
        let Self { seats, busy, .. } = self;
        busy.retain(|&id| {
            let seat = &mut seats[usize::from(id.0)];
            if let Some(sequence) = seat.consume(tick) {
                give(id, sequence);
            }
            seat.busy = !(seat.waiting.is_empty() && seat.consumed.is_empty());
            seat.busy
        });
    }
}

impl<I: Clone + Default> SeatInputs<I> {
    fn empty() -> Self {
        let (waiting, consumed, held) = Default::default();
        Self { taken: false, busy: false, waiting, last: 0, consumed, held }
    }

    /// The newest sequence consumed, if any.
    fn consume(&mut self, tick: Tick) -> Option<Sequence> {
        self.consumed.clear();
        let mut newest = None;
        while let Some((_, sequence, input)) = self.waiting.pop_front_if(|(due, ..)| *due <= tick) {
            newest = Some(sequence);
            self.consumed.push(input);
        }
        if let Some(last) = self.consumed.last() {
            self.held.clone_from(last);
        }
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAT: SeatId = SeatId(0);
    const WINDOW: Window = Window { ahead: 4, behind: 8 };

    /// The newest sequence consumed.
    fn consume(inputs: &mut Inputs<u32>, tick: Tick) -> Option<Sequence> {
        let mut newest = None;
        inputs.consume(tick, |seat, sequence| {
            assert_eq!(seat, SEAT);
            newest = Some(sequence);
        });
        newest
    }

    fn inputs() -> Inputs<u32> {
        let mut inputs = Inputs::new(1);
        inputs.open(SEAT);
        inputs
    }

    #[test]
    fn each_waits_for_its_tick_and_the_last_is_held() {
        let mut inputs = inputs();
        for (sequence, tick) in [(1, 9), (2, 11), (3, 11)] {
            inputs.push(SEAT, (sequence, tick, 10), WINDOW, sequence * 10).expect("within the window");
        }
        assert_eq!((consume(&mut inputs, 10), inputs.consumed(SEAT), *inputs.get(SEAT)), (Some(1), &[10][..], 10));
        assert_eq!((consume(&mut inputs, 11), inputs.consumed(SEAT), *inputs.get(SEAT)), (Some(3), &[20, 30][..], 30));
        assert_eq!((consume(&mut inputs, 12), inputs.consumed(SEAT), *inputs.get(SEAT)), (None, &[][..], 30));
    }

    #[test]
    fn the_window_has_two_ends() {
        let mut inputs = inputs();
        let mut push = |sequence, tick| inputs.push(SEAT, (sequence, tick, 10), WINDOW, 0);
        let refused = |tick| Err(InputRefused::Window { tick, first: 2, last: 14 });
        assert_eq!((push(1, 1), push(1, 15), push(1, u32::MAX)), (refused(1), refused(15), refused(u32::MAX)));
        assert_eq!((push(1, 2), push(2, 14)), (Ok(()), Ok(())));
        assert_eq!(push(2, 14), Err(InputRefused::NotNewer { sequence: 2, last: 2 }));
    }

    #[test]
    fn who_comes_back_goes_on_after_what_was_consumed() {
        let mut inputs = inputs();
        for sequence in 1..=5 {
            inputs.push(SEAT, (sequence, 9 + sequence, 10), WINDOW, sequence).expect("within the window");
        }
        assert_eq!(consume(&mut inputs, 11), Some(2));
        inputs.resume(SEAT, 2);
        assert_eq!(inputs.push(SEAT, (3, 12, 12), WINDOW, 30), Ok(()));
        assert_eq!((consume(&mut inputs, 20), *inputs.get(SEAT)), (Some(3), 30));
    }

    #[test]
    fn waiting_inputs_are_bounded() {
        let mut inputs = inputs();
        let results = (1..=65).map(|sequence| inputs.push(SEAT, (sequence, 10, 10), WINDOW, 0));
        let refused: Vec<_> = results.filter_map(Result::err).collect();
        assert_eq!(refused, [InputRefused::TooMany]);
        assert_eq!(inputs.push(SeatId(7), (1, 10, 10), WINDOW, 0), Err(InputRefused::NoSeat));
    }
}
