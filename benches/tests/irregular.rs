//! Irregular motion costs no more than the better of two simple predictions, nor than the plain form. Prints what it costs.

use tickwire_benches::MOTIONS;
use tickwire_cli::codec::{MeasureOptions, measure};
use tickwire_protocol::Predict;

/// Of the better of hold and velocity alone.
const MOST_OF_BETTER: f64 = 1.25;
/// Of masks and varints.
const MOST_OF_VARINT: f64 = 1.1;

#[test]
fn no_motion_costs_much_more_than_the_simplest_way_to_send_it() {
    println!(
        "{:18} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "bytes/tick", "auto", "hold", "velocity", "varint", "/better", "/varint"
    );
    let mut faults = Vec::new();
    for motion in MOTIONS {
        let trace = motion.trace();
        let bytes = |predict| {
            let options = MeasureOptions::new(trace.header.schema(predict).into());
            let report = measure(&trace, &options).expect("it is the trace's own schema");
            assert!(report.lossless, "{motion:?}");
            (report.bytes_per_tick.mean, report.bytes_varint)
        };
        let ((auto, varint), (hold, _), (velocity, _)) =
            (bytes(Predict::Auto), bytes(Predict::Hold), bytes(Predict::Velocity));
        let (of_better, of_varint) = (auto / hold.min(velocity), auto / varint);
        println!(
            "{:18} {auto:8.1} {hold:8.1} {velocity:8.1} {varint:8.1} {of_better:9.3} {of_varint:9.3}",
            motion.name
        );
        if of_better > MOST_OF_BETTER || of_varint > MOST_OF_VARINT {
            faults.push(motion.name);
        }
    }
    assert!(faults.is_empty(), "{faults:?}");
}
