//! What a visitor does, in each of the ways.

use rand::RngExt as _;
use tickwire::{CloseCode, Content, Creation, ErrorCode, Labels, SeatId, Target, Wanted, wire};
use tickwire_protocol::{
    Ack, Address, ClientMessage, Input, ListRooms, Publish, Queueing, Request, ResumeToken, Role, Scope, ServerMessage,
    Subscribe, Tell, Unsubscribe, Welcome,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::caller::{Caller, Outcome, Trouble, dial, patiently};
use super::game::{Ask, Shout, Steer, UNWELCOME, Wish};
use super::venue::{BALCONY, BOOTH, CELLAR, FORGED, HALL};
use super::visit::{Visit, Way};

/// Labels, maps, channels and messages' ids that visitors choose from.
const CHOICES: u32 = 6;

impl Visit {
    pub(super) async fn go(&mut self, way: Way) -> Outcome {
        match way {
            Way::Dial => self.only_dial().await,
            Way::ForgedToken => {
                let mut caller = self.connect().await?;
                caller.show(FORGED).await;
                caller.closed(CloseCode::Unauthorized).await
            }
            Way::NoRoom => {
                let caller = self.come(&self.token('a')).await?;
                self.part(caller).await
            }
            Way::Play => {
                let room = if self.happens(0.3) { BOOTH } else { HALL };
                self.play_in(Target::Room(room.into()), Role::Player).await
            }
            Way::FindOrCreate => {
                let creation = self.creation();
                self.play_in(Target::FindOrCreate(creation), Role::Player).await
            }
            Way::CreatePrivate => self.create_private().await,
            Way::Find => self.find().await,
            Way::Watch => {
                let room = if self.happens(0.7) { BALCONY } else { HALL };
                self.play_in(Target::Room(room.into()), Role::Spectator).await
            }
            Way::Resume => {
                let (seat, token) = self.be_cut_off().await?;
                let mut caller = self.come(&self.token('a')).await?;
                let welcome = caller.enter(hall(), Role::Player, Some(token)).await?;
                self.bustle(&mut caller, &welcome).await?;
                self.part(caller).await?;
                if welcome.seat == seat { Ok(()) } else { Err(Trouble::Unforeseen) }
            }
            Way::WrongResume => {
                let (_, token) = self.be_cut_off().await?;
                let mut caller = self.come(&self.token('a')).await?;
                caller.ask(hall(), Role::Player, Some(token.map(|byte| !byte))).await;
                caller.refused(ErrorCode::ResumeRefused).await?;
                if self.happens(0.5) {
                    caller.enter(hall(), Role::Player, None).await?;
                }
                self.part(caller).await
            }
            Way::StolenResume => {
                let (_, token) = self.be_cut_off().await?;
                let mut caller = self.come(&self.token('b')).await?;
                caller.ask(hall(), Role::Player, Some(token)).await;
                caller.refused(ErrorCode::ResumeRefused).await?;
                self.part(caller).await
            }
            Way::CutWhileJoining => {
                let mut caller = self.connect().await?;
                caller.show(&self.token('a')).await;
                let target = if self.happens(0.5) { hall() } else { Target::FindOrCreate(self.creation()) };
                caller.ask(target, self.role(), None).await;
                self.dawdle(20).await;
                Ok(())
            }
            Way::LeaveWhileJoining => {
                let mut caller = self.come(&self.token('a')).await?;
                caller.ask(hall(), Role::Player, None).await;
                caller.say(ClientMessage::Leave).await;
                self.dawdle(50).await;
                self.part(caller).await
            }
            Way::CutInQueue => {
                let mut caller = self.come(&self.token('a')).await?;
                caller.ask(self.queue(5), Role::Player, None).await;
                self.dawdle(300).await;
                Ok(())
            }
            Way::LeaveQueue => {
                let mut caller = self.come(&self.token('a')).await?;
                caller.ask(self.queue(5), Role::Player, None).await;
                self.dawdle(100).await;
                caller.say(ClientMessage::Leave).await;
                caller.enter(hall(), Role::Player, None).await?;
                self.part(caller).await
            }
            Way::Match => {
                let target = self.queue(2);
                self.play_in(target, Role::Player).await
            }
            Way::Replaced => {
                let mut first = self.come(&self.token('a')).await?;
                first.enter(hall(), Role::Player, None).await?;
                let mut second = self.come(&self.token('a')).await?;
                let welcome = second.enter(hall(), Role::Player, None).await?;
                first.closed(CloseCode::Replaced).await?;
                self.bustle(&mut second, &welcome).await?;
                self.part(second).await
            }
            Way::Move => {
                let mut caller = self.come(&self.token('a')).await?;
                for target in [hall(), Target::FindOrCreate(self.creation()), hall()] {
                    let welcome = caller.enter(target, Role::Player, None).await?;
                    self.bustle(&mut caller, &welcome).await?;
                    caller.say(ClientMessage::Leave).await;
                }
                self.part(caller).await
            }
            Way::Talk => self.talk().await,
            Way::Reserve => self.reserve().await,
            Way::WatchRooms => {
                let mut caller = self.come(&self.token('a')).await?;
                caller
                    .say(ClientMessage::ListRooms(ListRooms { id: None, wanted: Wanted::default(), live: true }))
                    .await;
                caller.hear(|message| matches!(message, ServerMessage::RoomList(_)).then_some(())).await?;
                self.dawdle(100).await;
                self.part(caller).await
            }
            Way::Unwelcome => {
                let mut caller = self.come(&format!("{UNWELCOME}.{}", self.number)).await?;
                caller.ask(hall(), Role::Player, None).await;
                caller.refused(ErrorCode::JoinRefused).await?;
                self.part(caller).await
            }
            Way::Kicked => {
                let mut caller = self.come(&self.token('a')).await?;
                let welcome = caller.enter(hall(), Role::Player, None).await?;
                self.bustle(&mut caller, &welcome).await?;
                let (Some(room), Some(seat)) = (self.relay.room(HALL), welcome.seat) else {
                    return Err(Trouble::Unforeseen);
                };
                room.kick(seat, "out");
                caller.closed(CloseCode::Kicked).await
            }
            Way::RoomEnds => self.see_a_room_end().await,
            Way::Malformed => {
                let mut caller = self.come(&self.token('a')).await?;
                if self.happens(0.5) {
                    caller.enter(hall(), Role::Player, None).await?;
                }
                caller.say_bytes(vec![1, 200, 0]).await;
                caller.closed(CloseCode::Malformed).await
            }
        }
    }

    async fn only_dial(&mut self) -> Outcome {
        self.connections += 1;
        let mut stream = dial(self.addr, self.from).await?;
        match self.rng.random_range(0..3) {
            0 => {}
            1 => drop(stream.write_all(b"GET / HTTP/1.1\r\nhost: re").await),
            _ => {
                let mut caller = self.connect().await?;
                self.dawdle(50).await;
                // Two bytes of a frame that has more.
                caller.say_bytes(vec![1]).await;
            }
        }
        self.dawdle(50).await;
        Ok(())
    }

    /// Gets into a room, does something there, and leaves it somehow.
    async fn play_in(&mut self, target: Target, role: Role) -> Outcome {
        let mut caller = self.come(&self.token('a')).await?;
        let welcome = caller.enter(target, role, None).await?;
        self.bustle(&mut caller, &welcome).await?;
        self.part(caller).await
    }

    async fn create_private(&mut self) -> Outcome {
        let mut caller = self.come(&self.token('a')).await?;
        let creation = Creation { private: true, ..self.creation() };
        let welcome = caller.enter(Target::Create(creation), Role::Player, None).await?;
        let code = welcome.code.clone().ok_or(Trouble::Unforeseen)?;
        let mut friend = self.come(&self.token('b')).await?;
        let role = self.role();
        let friends = friend.enter(Target::Code(code), role, None).await?;
        self.bustle(&mut friend, &friends).await?;
        self.bustle(&mut caller, &welcome).await?;
        self.part(friend).await?;
        self.part(caller).await
    }

    async fn find(&mut self) -> Outcome {
        let mut caller = self.come(&self.token('a')).await?;
        let target = match self.rng.random_range(0..4) {
            0 => Target::Find(Wanted { kind: Some("stays".into()), labels: Labels::new() }),
            1 => Target::Find(Wanted { kind: None, labels: self.labels() }),
            2 => Target::Code("ABCDEF".into()),
            _ => Target::Room(CELLAR.into()),
        };
        match caller.enter(target, Role::Player, None).await {
            Ok(welcome) => self.bustle(&mut caller, &welcome).await?,
            Err(Trouble::Refused(ErrorCode::RoomNotFound)) => {}
            Err(trouble) => return Err(trouble),
        }
        self.part(caller).await
    }

    /// Plays, and loses the connection. The seat and what takes it up again.
    async fn be_cut_off(&mut self) -> Outcome<(Option<SeatId>, ResumeToken)> {
        let mut caller = self.come(&self.token('a')).await?;
        let welcome = caller.enter(hall(), Role::Player, None).await?;
        self.bustle(&mut caller, &welcome).await?;
        Ok((welcome.seat, welcome.resume))
    }

    async fn talk(&mut self) -> Outcome {
        let mut caller = self.come(&self.token('a')).await?;
        let channel = self.choose("channel");
        let subscribe = Subscribe { id: None, scope: Scope::Relay, channel: channel.clone(), after: None };
        caller.say(ClientMessage::Subscribe(subscribe)).await;
        granted(&mut caller, |message| matches!(message, ServerMessage::Subscribed(_))).await?;
        let to = Address::Channel { scope: Scope::Relay, channel: channel.clone() };
        for _ in 0..self.rng.random_range(1..4) {
            publish_twice(&mut caller, to.clone(), self.choose("id")).await?;
        }
        if self.happens(0.3) {
            caller.say(ClientMessage::Unsubscribe(Unsubscribe { id: None, scope: Scope::Relay, channel })).await;
            granted(&mut caller, |message| matches!(message, ServerMessage::Unsubscribed(_))).await?;
        }
        self.part(caller).await
    }

    /// Asks for a seat by HTTP. Who comes for it knows the room's name.
    async fn reserve(&mut self) -> Outcome {
        self.connections += 1;
        let (room, token) = (if self.happens(0.5) { HALL } else { BALCONY }, self.token('a'));
        let mut stream = dial(self.addr, self.from).await?;
        let body = format!("{{\"room\":\"{room}\"}}");
        let request = format!(
            "POST /match HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            self.addr,
            body.len()
        );
        let mut answer = String::new();
        let asked = async {
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        patiently(asked).await?.map_err(|_| Trouble::Gone)?;
        match answer.split(' ').nth(1) {
            Some("200") if self.happens(0.5) => self.play_in(Target::Room(room.into()), Role::Player).await,
            Some("200") => Ok(()),
            Some("409") => Err(Trouble::Refused(ErrorCode::RoomFull)),
            _ => Err(Trouble::Barred),
        }
    }

    async fn see_a_room_end(&mut self) -> Outcome {
        let mut caller = self.come(&self.token('a')).await?;
        let mut late = self.come(&self.token('b')).await?;
        let name = format!("short.{}", self.number);
        let creation = Creation { name: Some(name.clone()), ..self.creation() };
        let welcome = caller.enter(Target::Create(creation), Role::Player, None).await?;
        self.bustle(&mut caller, &welcome).await?;
        let room = self.relay.room(&name).ok_or(Trouble::Unforeseen)?;
        // Before or after the room hears that it ends.
        if self.happens(0.5) {
            room.close("over");
            late.ask(Target::Room(name), Role::Player, None).await;
        } else {
            late.ask(Target::Room(name), Role::Player, None).await;
            room.close("over");
        }
        caller.closed(CloseCode::Left).await?;
        self.part(late).await
    }

    /// Does some of what there is to do in a room.
    async fn bustle(&mut self, caller: &mut Caller, welcome: &Welcome) -> Outcome {
        let in_room = |channel: String| Address::Channel { scope: Scope::Room, channel };
        for _ in 0..self.rng.random_range(0..4) {
            let id = self.choose("id");
            match (self.rng.random_range(0..8), welcome.seat) {
                (0, _) => {
                    let channel = self.choose("channel");
                    let subscribe =
                        Subscribe { id: None, scope: Scope::Room, channel: channel.clone(), after: Some(0) };
                    caller.say(ClientMessage::Subscribe(subscribe)).await;
                    publish_twice(caller, in_room(channel), id).await?;
                }
                (1, _) => publish_twice(caller, in_room("main".into()), id).await?,
                (2, Some(seat)) => publish_twice(caller, Address::Seats(vec![seat]), id).await?,
                (3, Some(_)) => {
                    let record = wire::to_record(&Shout { loud: self.happens(0.5) }).into();
                    caller.say(ClientMessage::Tell(Tell { id: Some(id.clone()), message: 0, record })).await;
                    answered(caller, &id).await?;
                }
                (4, Some(_)) => {
                    let wish = [Wish::Granted, Wish::Refused][usize::from(self.happens(0.5))];
                    self.request(caller, &id, wish).await;
                    answered(caller, &id).await?;
                }
                (5, Some(_)) => self.request(caller, &id, Wish::Ignored).await,
                (6, Some(_)) => {
                    for sequence in 1..=self.rng.random_range(1..6) {
                        let record = wire::to_record(&Steer { left: self.happens(0.5) }).into();
                        let tick = welcome.tick + 2 + sequence;
                        caller.say(ClientMessage::Input(Input { sequence, tick, acked: 0, record })).await;
                    }
                }
                _ => caller.say(ClientMessage::Ack(Ack { number: welcome.received })).await,
            }
        }
        self.dawdle(60).await;
        Ok(())
    }

    async fn request(&mut self, caller: &mut Caller, id: &str, wish: Wish) {
        let record = wire::to_record(&Ask { wish }).into();
        caller.say(ClientMessage::Request(Request { id: id.to_owned(), request: 0, record })).await;
    }

    /// Goes in good order, in half of it, or without a word.
    async fn part(&mut self, mut caller: Caller) -> Outcome {
        match self.rng.random_range(0..4) {
            0 => {
                caller.say(ClientMessage::Leave).await;
                caller.close().await
            }
            1 => caller.close().await,
            2 => {
                caller.say(ClientMessage::Leave).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn choose(&mut self, what: &str) -> String {
        format!("{what}.{}", self.rng.random_range(0..CHOICES))
    }

    fn labels(&mut self) -> Labels {
        [("map".to_owned(), self.choose("map"))].into()
    }

    fn role(&mut self) -> Role {
        if self.happens(0.3) { Role::Spectator } else { Role::Player }
    }

    fn creation(&mut self) -> Creation {
        let labels = if self.happens(0.5) { self.labels() } else { Labels::new() };
        let seats = self.happens(0.5).then(|| self.rng.random_range(1..4));
        Creation { kind: Some("bustle".into()), labels, seats, private: self.happens(0.2), ..Creation::default() }
    }

    fn queue(&mut self, players: u16) -> Target {
        Target::Queue(Queueing { kind: None, labels: self.labels(), players, rank: self.rng.random_range(0..300) })
    }
}

fn hall() -> Target {
    Target::Room(HALL.into())
}

/// Says the same twice, as one does who has not heard that it has come.
async fn publish_twice(caller: &mut Caller, to: Address, id: String) -> Outcome {
    for _ in 0..2 {
        let publish = Publish { id: Some(id.clone()), to: to.clone(), content: Content::Json("[1,2]".into()) };
        caller.say(ClientMessage::Publish(publish)).await;
        answered(caller, &id).await?;
    }
    Ok(())
}

/// Awaits what was asked for, or why it is refused.
async fn granted(caller: &mut Caller, is_it: fn(&ServerMessage) -> bool) -> Outcome {
    let answer = caller.hear(|message| match message {
        ServerMessage::Error(error) => Some(Err(Trouble::Refused(error.code))),
        message => is_it(&message).then_some(Ok(())),
    });
    answer.await?
}

/// Awaits the answer to what has this id, whatever it is.
async fn answered(caller: &mut Caller, id: &str) -> Outcome {
    let is_answer = |message: ServerMessage| match message {
        ServerMessage::Acked(acked) => acked.id == id,
        ServerMessage::Reply(reply) => reply.id == id,
        ServerMessage::Error(error) => error.id.as_deref() == Some(id),
        _ => false,
    };
    caller.hear(|message| is_answer(message).then_some(())).await
}
