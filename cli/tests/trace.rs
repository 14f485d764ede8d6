//! Traces are read with care, written as they are read, and measured by the program.

use std::path::PathBuf;
use std::process::Command;

use tickwire_cli::trace::{Header, Set, Tick, Trace, TraceWriter};

const HEADER: &str = r#"{"trace":1,"name":"t","tick_rate":30,"components":[{"name":"body","fields":[{"name":"x","kind":"int"},{"name":"a","kind":"angle","bits":10}]},{"name":"mark","fields":[]}]}"#;

fn read(lines: &[&str]) -> Result<Trace, String> {
    Trace::read(lines.join("\n").as_bytes()).map_err(|error| error.to_string())
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn what_may_be_said_is_read() {
    let trace = read(&[
        HEADER,
        r#"{"tick":1,"set":[[7,0,[-5,1023]],[7,1,[]]]}"#,
        r#"{"tick":3,"unset":[[7,1]]}"#,
        r#"{"tick":4,"despawn":[7],"set":[[7,0,[1,2]]]}"#,
    ]);
    let ticks = trace.expect("it is well formed").ticks;
    assert_eq!(ticks[0].set, [Set(7, 0, vec![-5, 1023]), Set(7, 1, vec![])]);
    assert_eq!((ticks[1].unset.as_slice(), ticks[2].despawn.as_slice()), (&[(7, 1)][..], &[7][..]));
}

#[test]
fn whatever_else_is_an_error_that_names_the_line() {
    let cases = [
        (r#"{"tick":1,"colour":3}"#, "unknown field `colour`"),
        (r#"{"set":[]}"#, "missing field `tick`"),
        (r#"{"tick":1,"set":[[0,0,[1]]]}"#, "1 values for the 2 fields of `body`"),
        (r#"{"tick":1,"set":[[0,0,[1,1024]]]}"#, "1024 is not an angle of 10 bits"),
        (r#"{"tick":1,"set":[[0,2,[]]]}"#, "component 2 is not in the header"),
        (r#"{"tick":1,"set":[[0,0,[3000000000,1]]]}"#, "invalid value"),
        (r#"{"tick":0}"#, "tick 0 does not follow tick 0"),
        (r#"{"tick":1,"despawn":[4]}"#, "entity 4 is not there"),
        (r#"{"tick":1,"unset":[[4,0]]}"#, "entity 4 is not there"),
        ("nonsense", "expected"),
    ];
    for (line, told) in cases {
        let error = read(&[HEADER, line]).expect_err(line);
        assert!(error.starts_with("line 2 of the trace: ") && error.contains(told), "{line}: {error}");
    }
    for (header, told) in [
        ("", "the header is missing"),
        (r#"{"trace":2,"name":"t","tick_rate":30,"components":[]}"#, "version 2 is not known"),
        (&HEADER.replace("\"bits\":10", "\"bits\":17"), "the kind of `body.a` makes no sense"),
        (&HEADER.replace("\"name\":\"t\"", "\"nom\":\"t\""), "unknown field `nom`"),
    ] {
        let error = read(&[header]).expect_err(header);
        assert!(error.starts_with("line 1 of the trace: ") && error.contains(told), "{header}: {error}");
    }
}

#[test]
fn what_is_written_is_read_again_plain_and_compressed() {
    let header: Header = serde_json::from_str(HEADER).expect("it is well formed");
    let ticks: Vec<Tick> = (1..200)
        .map(|tick| Tick { tick, set: vec![Set(tick % 9, 0, vec![tick as i32, 3])], ..Tick::default() })
        .collect();
    for name in ["written.trace", "written.trace.zst"] {
        let path = scratch(name);
        let mut writer = TraceWriter::create(&path, &header).expect("the folder can be written to");
        ticks.iter().for_each(|tick| writer.tick(tick).expect("the file can be written to"));
        writer.finish().expect("the file can be written to");
        let read = Trace::open(&path).expect("it was written well");
        assert_eq!((read.header, &read.ticks), (header.clone(), &ticks));
    }
}

#[test]
fn the_program_measures_a_trace_and_reports_exactly_these_names() {
    let header: Header = serde_json::from_str(HEADER).expect("it is well formed");
    let path = scratch("measured.trace");
    let mut writer = TraceWriter::create(&path, &header).expect("the folder can be written to");
    for tick in 1..=200u32 {
        let moved = (0..40).map(|id| Set(id, 0, vec![(tick * (id + 1)) as i32, (tick * id % 1024) as i32]));
        let (mut set, mut despawn, mut unset): (Vec<Set>, _, _) = (moved.collect(), vec![], vec![]);
        if tick > 1 && tick.is_multiple_of(10) {
            despawn.push(39);
            unset.push((3, 1));
        }
        set.push(Set(3, 1, vec![]));
        writer.tick(&Tick { tick, set, despawn, unset }).expect("the file can be written to");
    }
    writer.finish().expect("the file can be written to");
    let output = Command::new(env!("CARGO_BIN_EXE_tickwire"))
        .args(["codec", "--json", "--trace"])
        .arg(&path)
        .output()
        .expect("the program was built");
    assert!(output.status.success());
    let report: serde_json::Map<_, _> = serde_json::from_slice(&output.stdout).expect("stdout is one JSON object");
    let names: Vec<&str> = report.keys().map(String::as_str).collect();
    let mut expected = vec![
        "name",
        "ticks",
        "live",
        "changed",
        "bytes_per_tick",
        "bits_per_changed",
        "keyframe_bytes",
        "bytes_full",
        "bytes_varint",
        "encode_ns_per_entity",
        "decode_ns_per_entity",
        "lossless",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!((&report["lossless"], &report["live"]), (&true.into(), &40.0.into()));
    assert!(report["bytes_per_tick"]["mean"].as_f64() < report["bytes_full"].as_f64());

    let output = Command::new(env!("CARGO_BIN_EXE_tickwire")).args(["codec", "--trace", "no such file"]).output();
    let output = output.expect("the program was built");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such file: the trace can't be read"));
}

#[test]
fn priors_are_trained_and_taken_up_and_those_of_another_game_are_refused() {
    let swarm = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/data/swarm-30hz.trace.zst");
    let priors = scratch("swarm.priors");
    let tickwire = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tickwire")).args(args).output().expect("the program was built");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let file = priors.to_str().expect("the folder's name is UTF-8");
    let (code, _, err) = tickwire(&["train", "--trace", swarm, "--until", "330", "-o", file]);
    assert_eq!(code, Some(0), "{err}");
    let mean = |args: &[&str]| {
        let (code, out, err) = tickwire(&[&["codec", "--json", "--trace", swarm, "--after", "330"], args].concat());
        assert_eq!(code, Some(0), "{err}");
        let report: serde_json::Value = serde_json::from_str(&out).expect("stdout is one JSON object");
        report["bytes_per_tick"]["mean"].as_f64().expect("it is a number")
    };
    assert!(mean(&["--priors", file]) <= mean(&[]));
    let (code, _, err) = tickwire(&["host", "--addr", "127.0.0.1:0", "--priors", file]);
    assert_eq!(code, Some(2));
    assert!(err.contains("swarm.priors: "), "{err}");
    let (code, _, err) = tickwire(&["train", "--trace", swarm, "--game", "arena", "-o", file]);
    assert_eq!((code, err.trim()), (Some(2), "tickwire: the game has no component `ents`"));
}
