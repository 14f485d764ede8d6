//! How a connection ends, and whether the client comes back.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_client::{Client, ClientError, CloseCode, Update};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::peer::{Peer, listener_and_client, patiently};

/// Longer than the longest wait before the first attempt to come back.
const FIRST_WAIT: Duration = Duration::from_millis(100);

const WORDS: &str = "in the relay's words";

/// How far the client has come before.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Accepted,
    Welcomed,
}

/// How the relay ends it.
#[derive(Clone, Copy, Debug)]
enum End {
    Code(u16),
    NoCode,
    Cut,
}

/// Lets a client in as far as to a stage, and ends it.
async fn receive(listener: &TcpListener, stage: Stage, end: End) {
    let mut peer = match stage {
        Stage::Accepted => Peer::accept(listener).await,
        Stage::Welcomed => Peer::welcome(listener).await.0,
    };
    let frame = match end {
        End::Code(code) => Some(CloseFrame { code: code.into(), reason: WORDS.into() }),
        End::NoCode => None,
        End::Cut => return,
    };
    peer.0.send(Message::Close(frame)).await.expect("the client reads");
    while let Some(Ok(_)) = peer.0.next().await {}
}

/// What the client says of its end.
async fn end_of(client: &mut Client) -> Result<(Option<CloseCode>, String), ClientError> {
    loop {
        if let Update::Lost { code, reason } = client.next().await?.expect("it has not left") {
            return Ok((code, reason));
        }
    }
}

async fn comes_back(stage: Stage, end: End) {
    let (listener, mut client) = listener_and_client().await;
    let relay = async {
        receive(&listener, stage, end).await;
        Peer::welcome(&listener).await
    };
    let player = async {
        let ended = end_of(&mut client).await.expect("it may come back");
        loop {
            if let Some(Update::Joined { .. }) = client.next().await.expect("it may come back") {
                return ended;
            }
        }
    };
    let (_, (code, reason)) = patiently(async { tokio::join!(relay, player) }).await;
    match end {
        End::Code(number) => assert_eq!((code, reason.as_str()), (CloseCode::from_number(number), WORDS)),
        End::NoCode | End::Cut => assert_eq!(code, None, "{reason}"),
    }
}

async fn stays_away(stage: Stage, code: CloseCode) {
    let (listener, mut client) = listener_and_client().await;
    let relay = async {
        receive(&listener, stage, End::Code(code.number())).await;
        tokio::time::timeout(3 * FIRST_WAIT, listener.accept()).await.map(drop)
    };
    let player = async {
        let Err(ClientError::Closed { code: told, reason }) = end_of(&mut client).await else {
            panic!("{code} is the end")
        };
        assert_eq!((told, reason.as_str()), (code, WORDS));
        assert_eq!(client.next().await.expect("that was told"), None);
    };
    let (connected, ()) = patiently(async { tokio::join!(relay, player) }).await;
    assert!(connected.is_err(), "{code}: it has connected again");
}

#[tokio::test]
async fn every_code_of_the_table_is_the_end_or_tried_again() {
    let mut all = JoinSet::new();
    for code in CloseCode::all() {
        for stage in [Stage::Accepted, Stage::Welcomed] {
            match code.retry() {
                true => all.spawn(comes_back(stage, End::Code(code.number()))),
                false => all.spawn(stays_away(stage, code)),
            };
        }
    }
    while let Some(ended) = all.join_next().await {
        ended.expect("it went as the table says");
    }
}

#[tokio::test]
async fn what_is_in_no_table_is_tried_again() {
    for end in [End::Code(4999), End::NoCode, End::Cut] {
        for stage in [Stage::Accepted, Stage::Welcomed] {
            comes_back(stage, end).await;
        }
    }
}

#[tokio::test]
async fn each_attempt_waits_longer() {
    let (listener, mut client) = listener_and_client().await;
    let start = Instant::now();
    let relay = async {
        for _ in 0..4 {
            receive(&listener, Stage::Accepted, End::Code(CloseCode::Overloaded.number())).await;
        }
        Peer::accept(&listener).await
    };
    let player = async { while end_of(&mut client).await.is_ok() {} };
    patiently(async {
        tokio::select! {
            biased;
            _ = relay => {}
            () = player => panic!("it gives up"),
        }
    })
    .await;
    // Of at most 100, 200, 400 and 800 ms; the seed chooses so much of them.
    assert!(start.elapsed() > 2 * FIRST_WAIT, "after {:?}", start.elapsed());
}
