//! A room's sessions by what they hear: players or spectators, who may hear it later; in binary or as text.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tickwire_protocol::{CloseCode, Role, Tick};

use crate::fanout::{Audience, Fanout, Publication, RoomId};
use crate::form::Form;
use crate::link::{Link, SessionId};
use crate::stats::RoomInfo;

/// Those who hear the same bytes at the same time.
#[derive(Debug)]
struct Gallery {
    role: Role,
    form: Form,
    audience: Audience,
    /// Ticks by which it hears everything later.
    delay: u32,
    /// What it has not heard yet.
    waiting: VecDeque<(Tick, Arc<Publication>)>,
    /// Who has come since: they hear what is said from the tick of their coming on.
    newcomers: VecDeque<(Tick, Link)>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Galleries {
    galleries: Vec<Gallery>,
    /// The gallery of each session.
    places: HashMap<SessionId, usize>,
}

impl Galleries {
    /// Those of a room whose spectators hear everything so many ticks later.
    pub(crate) fn new(room: RoomId, fanout: &Fanout, delay: u32) -> Self {
        let kinds = [Role::Player, Role::Spectator].into_iter().flat_map(|role| Form::ALL.map(|form| (role, form)));
        let gallery = |(part, (role, form)): (u64, (Role, Form))| Gallery {
            role,
            form,
            audience: Audience::new(room.part(part), fanout.clone()),
            delay: if role == Role::Spectator { delay } else { 0 },
            waiting: VecDeque::new(),
            newcomers: VecDeque::new(),
        };
        Self { galleries: (0..).zip(kinds).map(gallery).collect(), places: HashMap::new() }
    }

    /// The session hears what is published from the tick after `tick` on.
    pub(crate) fn add(&mut self, role: Role, link: Link, tick: Tick) {
        let is_its = |gallery: &Gallery| (gallery.role, gallery.form) == (role, link.form);
        let place = self.galleries.iter().position(is_its).expect("there is one of every role and form");
        self.places.insert(link.session, place);
        self.galleries[place].newcomers.push_back((tick, link));
    }

    /// The session hears no more; nothing happens if it did not.
    pub(crate) fn remove(&mut self, session: SessionId) {
        if let Some(place) = self.places.remove(&session) {
            let gallery = &mut self.galleries[place];
            gallery.audience.remove(session);
            gallery.newcomers.retain(|(_, link)| link.session != session);
            if gallery.is_empty() {
                // Who comes next does not wait for it.
                gallery.waiting.clear();
            }
        }
    }

    /// How the session hears; none if it does not.
    pub(crate) fn form(&self, session: SessionId) -> Option<Form> {
        self.places.get(&session).map(|&place| self.galleries[place].form)
    }

    /// Whether anyone hears in this form.
    pub(crate) fn has(&self, form: Form) -> bool {
        self.galleries.iter().any(|gallery| gallery.form == form && !gallery.is_empty())
    }

    /// See [`Audience::is_behind`].
    pub(crate) fn is_behind(&self) -> bool {
        self.galleries.iter().any(|gallery| gallery.audience.is_behind())
    }

    /// Hands what the tick says in a form to those who hear it.
    pub(crate) fn publish(&mut self, form: Form, tick: Tick, publication: &Arc<Publication>, info: &Arc<RoomInfo>) {
        for gallery in self.galleries.iter_mut().filter(|gallery| gallery.form == form) {
            gallery.publish(tick, publication, info);
        }
    }

    /// Ends the sessions of audiences that can't be sent even what must not be lost.
    pub(crate) fn end_swamped(&mut self) {
        for gallery in self.galleries.iter_mut().filter(|gallery| gallery.audience.is_swamped()) {
            gallery.audience.end(CloseCode::Overloaded, "the server can't send what the room says");
        }
    }

    /// Ends all sessions, after what was published before: who hears it later hears it now.
    pub(crate) fn end(&mut self, code: CloseCode, reason: &str, info: &Arc<RoomInfo>) {
        for gallery in &mut self.galleries {
            gallery.hear_until(Tick::MAX, info);
            gallery.audience.end(code, reason);
        }
        self.places.clear();
    }
}

impl Gallery {
    fn is_empty(&self) -> bool {
        self.audience.is_empty() && self.newcomers.is_empty()
    }

    fn publish(&mut self, tick: Tick, publication: &Arc<Publication>, info: &Arc<RoomInfo>) {
        if !self.is_empty() {
            self.waiting.push_back((tick, publication.clone()));
            self.hear_until(tick.saturating_sub(self.delay), info);
        }
    }

    /// Hears what was said up to a tick.
    fn hear_until(&mut self, tick: Tick, info: &Arc<RoomInfo>) {
        while let Some((said, publication)) = self.waiting.pop_front_if(|(said, _)| *said <= tick) {
            while let Some((_, link)) = self.newcomers.pop_front_if(|(came, _)| *came < said) {
                self.audience.add(link);
            }
            self.audience.publish(publication, info);
        }
        if tick == Tick::MAX {
            self.newcomers.drain(..).for_each(|(_, link)| self.audience.add(link));
        }
    }
}
