//! The program as a person at a terminal has it.

mod auth;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn tickwire(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (Output, String, String) {
    let output = tickwire(args).output().expect("the program was built");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// `tickwire host` on a free port; killed if a test fails.
struct Host {
    child: Child,
    url: String,
}

impl Host {
    fn start(args: &[&str]) -> Self {
        Self::start_with_log(args, Stdio::null())
    }

    fn start_with_log(args: &[&str], log: impl Into<Stdio>) -> Self {
        Self::of(tickwire(&["host", "--addr", "127.0.0.1:0"]).args(args).stderr(log))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program was built");
        let mut url = String::new();
        let out = child.stdout.as_mut().expect("it is piped");
        BufReader::with_capacity(1, out).read_line(&mut url).expect("the first line is the URL");
        Self { child, url: url.trim().to_owned() }
    }

    fn socket(&self) -> String {
        self.url.replace("http", "ws")
    }

    /// Host and port.
    fn addr(&self) -> &str {
        self.url.split('/').nth(2).expect("a URL has them behind its scheme")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("there is a kill").success());
    }

    /// Ends it as the system would; what else it printed.
    fn stop(mut self) -> String {
        self.signal("-TERM");
        let mut rest = String::new();
        self.child.stdout.take().expect("it is piped").read_to_string(&mut rest).expect("it prints text");
        assert!(self.child.wait().expect("it was started").success());
        rest
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Stopped already, if all went well.
        let _ = self.child.kill();
    }
}

/// Awaits these words in a log.
fn logged(log: &Path, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(log).expect("it was made");
        if text.contains(words) {
            return;
        }
        assert!(Instant::now() < deadline, "not logged: {words}:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bots_report_one_json_object_with_exactly_these_names() {
    let host = Host::start(&["--bots", "2", "--hash-every", "8", "--seed", "3"]);
    let (output, out, _) = run(&["bots", "--url", &host.socket(), "--count", "5", "--seconds", "3", "--json"]);
    assert!(output.status.success(), "{out}");
    let report: serde_json::Map<String, Value> = serde_json::from_str(&out).expect("stdout is one JSON object");
    let mut names: Vec<&str> = report.keys().map(String::as_str).collect();
    let mut expected = [
        "bots",
        "joined",
        "seconds",
        "snapshots",
        "bytes_per_client_tick",
        "tick_interval_ms",
        "input_to_visible_ms",
        "rtt_ms",
        "staleness_ticks",
        "hash_checks",
        "hash_mismatches",
        "reconnects",
        "evicted",
        "errors",
    ];
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in ["tick_interval_ms", "input_to_visible_ms", "rtt_ms", "staleness_ticks"] {
        let quantiles = report[name].as_object().expect("quantiles are an object");
        assert_eq!(quantiles.len(), 3);
        let at = |quantile: &str| quantiles[quantile].as_f64().expect("a quantile is a number");
        assert!(0.0 <= at("p50") && at("p50") <= at("p99") && at("p99") <= at("max"), "{name}: {quantiles:?}");
    }
    let number = |name: &str| report[name].as_f64().expect("all else is a number");
    assert_eq!((number("bots"), number("joined"), number("hash_mismatches")), (5.0, 5.0, 0.0));
    assert!(number("hash_checks") >= 5.0 && number("snapshots") > 0.0 && number("bytes_per_client_tick") > 0.0);
    let rest = host.stop();
    assert!(rest.contains("arena in room lobby, 30 Hz, seed 3, 2 bots") && rest.ends_with("stopped\n"), "{rest}");
}

#[test]
fn bots_that_find_no_host_or_no_room_fail() {
    let (output, out, _) = run(&["bots", "--url", "ws://127.0.0.1:1", "--count", "1", "--seconds", "1"]);
    assert!(!output.status.success() && out.contains("0 of 1 bots joined"), "{out}");
    assert!(out.contains("first error: ") && out.contains("refused"), "{out}");
    let host = Host::start(&["--bots", "0"]);
    let socket = host.socket();
    let (output, out, _) = run(&["bots", "--url", &socket, "--room", "attic", "--count", "1", "--seconds", "1"]);
    assert!(!output.status.success() && out.contains("0 of 1 bots joined"), "{out}");
    assert!(out.contains("there is no room of that name"), "{out}");
    host.stop();
}

#[test]
fn bots_share_many_rooms_evenly() {
    // A seat for every bot, and none to spare: two in a room that should have one, and another is refused.
    let host = Host::start(&["--rooms", "3", "--seats", "3", "--bots", "3", "--seed", "3"]);
    let (output, out, _) = run(&["bots", "--url", &host.socket(), "--rooms", "3", "--count", "6", "--seconds", "1"]);
    assert!(output.status.success() && out.contains("6 of 6 bots joined") && out.contains("errors 0"), "{out}");
    let rest = host.stop();
    assert!(rest.starts_with("arena in 3 rooms, lobby to lobby-3, 30 Hz, seed 3, 3 bots"), "{rest}");
}

#[test]
fn over_tls_with_a_certificate_that_is_renewed() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| directory.join(name).to_str().expect("the path is text").to_owned();
    let (chain, key, log) = (file("chain.pem"), file("key.pem"), file("log"));
    let renew = || {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("it is a name");
        fs::write(&chain, made.cert.pem()).expect("tests may write there");
        fs::write(&key, made.signing_key.serialize_pem()).expect("tests may write there");
    };
    let logged = |words: &str| logged(Path::new(&log), words);
    renew();
    let args = ["--bots", "2", "--tls-cert", &chain, "--tls-key", &key];
    let host = Host::start_with_log(&args, fs::File::create(&log).expect("tests may write there"));
    assert!(host.url.starts_with("https://"), "{}", host.url);
    let bots = || run(&["bots", "--url", &host.socket(), "--tls-ca", &chain, "--count", "2", "--seconds", "1"]);
    let (output, out, err) = bots();
    assert!(output.status.success() && out.contains("2 of 2 bots joined"), "{out}{err}");
    renew();
    let (output, out, _) = bots();
    assert!(!output.status.success() && out.contains("certificate"), "{out}");
    host.signal("-HUP");
    logged("read again: new connections use them");
    let (output, out, err) = bots();
    assert!(output.status.success() && out.contains("2 of 2 bots joined"), "{out}{err}");
    fs::remove_file(&key).expect("it is there");
    host.signal("-HUP");
    logged(&format!("stay what they were: {key} can't be read"));
    let (output, out, err) = bots();
    assert!(output.status.success(), "{out}{err}");
    host.stop();
}

#[test]
fn an_address_in_use_is_told_with_a_way_out() {
    let host = Host::start(&["--bots", "0"]);
    let addr = host.addr();
    let (output, _, err) = run(&["host", "--addr", addr]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains(&format!("can't listen on {addr}")) && err.contains("--addr"), "{err}");
    host.stop();
}

#[test]
fn a_room_of_another_name_is_in_the_url() {
    let host = Host::start(&["--bots", "0", "--room", "Ä & B"]);
    assert!(host.url.ends_with("/?room=%C3%84%20%26%20B"), "{}", host.url);
    host.stop();
}

#[test]
fn what_makes_no_sense_is_told() {
    for (args, told) in [
        (&["--tick-rate", "0"][..], "1..=1000"),
        (&["bots", "--count", "none"], "invalid value 'none'"),
        (&["dance"], "unrecognized subcommand 'dance'"),
        (&["host", "--rooms", "1025"], "1..=1024"),
        (&["host", "--game", "chess"], "there is no game `chess`; known: arena"),
        (&["host", "--addr", "127.0.0.1:0", "--room", ""], "a room's name has 1 to 64 bytes"),
        (&["host", "--tls-cert", "chain.pem"], "--tls-key <FILE>"),
        (&["--tls-cert", "no.pem", "--tls-key", "no.pem"], "no.pem can't be read: No such file"),
        (&["bots", "--tls-ca", "no.pem"], "no.pem can't be read: No such file"),
        (&["--auth-key", "no.key"], "no.key can't be read: No such file"),
        (&["--auth-key", "Cargo.toml", "--auth-url", "http://127.0.0.1/"], "cannot be used with"),
        (&["--auth-secret", "Cargo.toml"], "--auth-url <URL>"),
        (&["--auth-url", "https://auth.example/"], "needs --auth-ca FILE"),
        (&["--auth-url", "https://auth.example/", "--auth-ca", "no.pem"], "no.pem can't be read: No such file"),
        (&["--auth-url", "https://auth.example/", "--auth-ca", "Cargo.toml"], "no certificate in Cargo.toml"),
        (&["--auth-url", "http://auth.example/", "--auth-ca", "Cargo.toml"], "plain http:// URL"),
        (&["--auth-url", "auth.example"], "not at an http:// or https:// URL"),
        (&["--auth-ca", "Cargo.toml"], "--auth-url <URL>"),
        (&["--auth-issuer", "login"], "--auth-key <FILE>"),
        (&["--auth-audience", "arena"], "--auth-key <FILE>"),
        (&["bots", "--key", "no.key"], "no.key can't be read: No such file"),
        (&["bots", "--audience", "arena"], "--key <FILE>"),
        (&["bots", "--issuer", "login"], "--key <FILE>"),
        (&["token", "--key", "/dev/null", "--player", "ada"], "at least 32 bytes, and this has 0"),
        (&["bots", "--url", "not a url"], "is not a WebSocket URL"),
        (&["bots", "--url", "http://127.0.0.1:7777"], "it begins with ws:// or wss://"),
    ] {
        let (output, _, err) = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(told), "{args:?}: {err}");
    }
}

#[test]
fn help_names_every_subcommand_and_flag() {
    let (output, out, _) = run(&["--help"]);
    assert!(output.status.success());
    for word in [
        "host",
        "bots",
        "key",
        "token",
        "--auth-key",
        "--auth-url",
        "--auth-ca",
        "--auth-issuer",
        "--auth-audience",
        "--url-tokens",
        "--addr",
        "--bots",
        "--rooms",
        "--seed",
        "--tick-rate",
        "--tls-cert",
        "--version",
    ] {
        assert!(out.contains(word), "{word} is missing:\n{out}");
    }
    let (_, out, _) = run(&["bots", "--help"]);
    for word in ["--url", "--room <", "--rooms", "--count", "--seconds", "--json", "--tls-ca", "--key"] {
        assert!(out.contains(word), "{word} is missing:\n{out}");
    }
}
