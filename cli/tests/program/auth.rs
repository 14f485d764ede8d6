//! Who may play, as the program has it: keys, tokens, services, and what is logged of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;

use super::{Host, logged, run, tickwire};

/// A new key in a file of this name: where it is, and what was printed.
fn new_key(name: &str, kind: &[&str]) -> (String, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Of an earlier run.
    let _ = fs::remove_file(&file);
    let file = file.to_str().expect("the path is text").to_owned();
    let (output, out, err) = run(&[&["key", &file], kind].concat());
    assert!(output.status.success() && err.contains("keep it secret"), "{err}");
    (file, out)
}

/// Asks for a WebSocket with a token in the URL.
fn upgrade(host: &Host, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(host.addr()).expect("the host listens");
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: tickwire.v1\r\n";
    write!(stream, "GET /?token={} HTTP/1.1\r\nhost: x\r\n{upgrade}\r\n", token.trim()).expect("the host reads");
    stream
}

fn bots(host: &Host, more: &[&str]) -> (Output, String, String) {
    run(&[&["bots", "--url", &host.socket(), "--count", "2", "--seconds", "1"], more].concat())
}

#[test]
fn a_key_is_its_owners_and_is_not_overwritten() {
    for (name, kind) in [("secret.key", &[][..]), ("pair.key", &["--ed25519"])] {
        let (file, _) = new_key(name, kind);
        let before = fs::read(&file).expect("it was written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).expect("it was written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let (output, _, err) = run(&["key", &file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("can't be written: File exists"), "{err}");
        assert_eq!(fs::read(&file).expect("it is there"), before);
    }
}

#[test]
fn a_token_is_printed_alone() {
    for kind in [&[][..], &["--ed25519"]] {
        let (file, _) = new_key("minting.key", kind);
        let mint = |more: &[&str]| run(&[&["token", "--key", &file, "--player", "ada"], more].concat());
        let (output, out, err) = mint(&["--name", "Ada L.", "--room", "attic", "--minutes", "5", "--once"]);
        assert!(output.status.success() && err.is_empty(), "{err}");
        let parts: Vec<usize> = out.trim_end().split('.').map(str::len).collect();
        assert!(parts.len() == 3 && out.ends_with('\n') && out.lines().count() == 1, "{out}");
        assert_ne!(out, mint(&["--once"]).1, "each has an id of its own");
        let (output, _, err) = mint(&["--audience", &"x".repeat(2000)]);
        assert!(output.status.code() == Some(2) && err.contains("the token would be too long"), "{err}");
        let (output, _, err) = mint(&["--room", ""]);
        assert!(output.status.code() == Some(2) && err.contains("--room <ROOM>"), "{err}");
    }
}

#[test]
fn a_host_with_a_key_lets_in_who_has_a_token_and_its_own_bots() {
    let (secret, _) = new_key("host-secret.key", &[]);
    let (private, public) = new_key("host-pair.key", &["--ed25519"]);
    let public_file = format!("{private}.pub");
    fs::write(&public_file, public).expect("tests may write there");
    for (key, theirs) in [(&secret, &secret), (&private, &public_file)] {
        let host = Host::start(&["--bots", "2", "--auth-key", theirs]);
        let (output, out, err) = bots(&host, &["--key", key]);
        assert!(output.status.success() && out.contains("2 of 2 bots joined"), "{out}{err}");
        let (output, out, _) = bots(&host, &[]);
        assert!(!output.status.success() && out.contains("the token was refused"), "{out}");
        let (other, _) = new_key("other.key", &[]);
        let (output, out, _) = bots(&host, &["--key", &other]);
        assert!(!output.status.success() && out.contains("the token was refused"), "{out}");
        let rest = host.stop();
        assert!(!rest.contains("Every token is believed"), "{rest}");
    }
}

#[test]
fn a_host_may_ask_who_minted_a_token_and_for_whom() {
    let (key, _) = new_key("asking.key", &[]);
    let args = ["--bots", "2", "--auth-key", &key, "--auth-issuer", "login", "--auth-audience", "arena"];
    let host = Host::start(&args);
    let asked = ["--key", &key, "--issuer", "login", "--audience", "chess", "--audience", "arena"];
    let (output, out, err) = bots(&host, &asked);
    assert!(output.status.success() && out.contains("2 of 2 bots joined"), "{out}{err}");
    for (missing, others) in [("issuer", &asked[4..]), ("audience", &asked[2..6]), ("both", &[])] {
        let (output, out, _) = bots(&host, &[&asked[..2], others].concat());
        assert!(!output.status.success() && out.contains("the token was refused"), "{missing}: {out}");
    }
    host.stop();
}

#[test]
fn a_host_takes_a_token_in_the_url_where_that_is_switched_on() {
    let (key, _) = new_key("url.key", &[]);
    let host = Host::start(&["--bots", "0", "--auth-key", &key, "--auth-audience", "arena", "--url-tokens"]);
    let (_, token, _) = run(&["token", "--key", &key, "--player", "ada", "--audience", "arena"]);
    let mut stream = upgrade(&host, &token);
    let mut answer = Vec::new();
    // Its name is told as soon as the token is accepted.
    while !answer.windows(3).any(|bytes| bytes == b"ada") {
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).expect("the host answers");
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&bytes[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    host.stop();
}

#[test]
fn a_service_is_asked_over_tls_if_it_can_be_believed() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str| directory.join(name).to_str().expect("the path is text").to_owned();
    let certify = |host: &str| {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).expect("it is a name");
        let (chain, key) = (file(&format!("{host}-chain.pem")), file(&format!("{host}-key.pem")));
        fs::write(&chain, made.cert.pem()).expect("tests may write there");
        fs::write(&key, made.signing_key.serialize_pem()).expect("tests may write there");
        (chain, key)
    };
    let ((chain, key), (other, _)) = (certify("127.0.0.1"), certify("localhost"));
    // Another host is as good as any server: it says at least that this is nothing to post to.
    let service = Host::start(&["--bots", "0", "--tls-cert", &chain, "--tls-key", &key]);
    let plain = Host::start(&["--bots", "0"]);
    for (addr, believed, told) in [
        (service.addr(), &chain, "its status is 405"),
        (service.addr(), &other, "not to be believed, or speaks no TLS: invalid peer certificate: "),
        (
            &service.addr().replace("127.0.0.1", "localhost"),
            &chain,
            "invalid peer certificate: certificate not valid for",
        ),
        (plain.addr(), &chain, "not to be believed, or speaks no TLS: received corrupt message"),
    ] {
        let log = directory.join("webhook-tls.log");
        let args = ["--bots", "0", "--auth-url", &format!("https://{addr}/who"), "--auth-ca", believed];
        let host = Host::start_with_log(&args, fs::File::create(&log).expect("tests may write there"));
        let (_, out, _) = bots(&host, &[]);
        assert!(out.contains("the token could not be looked up"), "{out}");
        logged(&log, told);
        host.stop();
    }
    service.stop();
    plain.stop();
}

#[test]
fn a_host_whose_service_is_gone_has_its_own_bots_and_says_to_others_that_they_may_try_again() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhook.log");
    let args = ["--bots", "2", "--auth-url", "http://127.0.0.1:1/who"];
    let host = Host::start_with_log(&args, fs::File::create(&log).expect("tests may write there"));
    let (_, out, _) = bots(&host, &[]);
    assert!(out.contains("the token could not be looked up"), "{out}");
    logged(&log, " · 2 clients");
    logged(&log, "of no help: it can't be reached");
    host.stop();
}

#[test]
fn no_token_is_logged_however_much_is() {
    let (key, _) = new_key("logged.key", &[]);
    let (_, token, _) = run(&["token", "--key", &key, "--player", "ada"]);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("everything.log");
    let log = fs::File::create(&file).expect("tests may write there");
    let mut command = tickwire(&["host", "--addr", "127.0.0.1:0", "--bots", "1", "--auth-key", &key]);
    let host = Host::of(command.env("RUST_LOG", "trace").stderr(log));
    let mut answer = String::new();
    upgrade(&host, &token).read_to_string(&mut answer).expect("the host answers");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("not taken here"), "{answer}");
    assert!(bots(&host, &["--key", &key]).0.status.success() && !bots(&host, &[]).0.status.success());
    host.stop();
    let log = fs::read_to_string(&file).expect("it was made");
    assert!(log.contains("a token was refused: it is not three parts"), "{log}");
    // As every signed token begins; and a bot's.
    assert!(token.starts_with("eyJhbGciOi") && !log.contains("eyJhbGciOi") && !log.contains("Vega"), "{log}");
}

#[test]
fn a_host_that_believes_everyone_says_so() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("believing.log");
    let host = Host::start_with_log(&["--bots", "0"], fs::File::create(&log).expect("tests may write there"));
    let rest = host.stop();
    assert!(rest.contains("Every token is believed"), "{rest}");
    let log = fs::read_to_string(&log).expect("it was made");
    assert!(log.contains("WARN") && log.contains("every token is believed"), "{log}");
}
