//! Players come and go in every way there is, and a relay has nothing left of them.

use tickwire_benches::churn::Venue;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_those_who_have_gone() {
    let venue = Venue::open().await;
    let empty = venue.census().await;
    for round in 0..2 {
        let turnout = venue.receive(7, round * 300..(round + 1) * 300).await;
        assert_eq!((turnout.visits, turnout.unanswered), (300, 0), "{turnout:?}");
        assert_eq!(turnout.untrodden(), [], "{turnout:?}");
        assert_eq!(venue.settle(&empty).await, empty);
    }
    venue.close().await;
}
