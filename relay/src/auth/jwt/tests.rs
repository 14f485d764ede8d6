//! Tokens good and bad, at times of our choice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";

/// When the tests begin.
const START: u64 = 1_800_000_000;

/// A checker of what `key` mints, and its clock.
fn at_start(key: &JwtKey) -> (JwtTokens, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(START));
    let clock = time.clone();
    let clock = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    (JwtTokens::of(key).clock(clock), time)
}

fn secret() -> JwtKey {
    JwtKey::hs256(SECRET).expect("it is long enough")
}

fn pair() -> (JwtKey, PemPair) {
    let pair = JwtKey::new_pair();
    (JwtKey::ed25519(pair.private.as_bytes()).expect("it is a key"), pair)
}

/// Good for a minute.
fn claims() -> Claims {
    Claims::new("ada", UNIX_EPOCH + Duration::from_secs(START + 60))
}

fn mint(key: &JwtKey, claims: &Claims) -> String {
    key.mint(claims).expect("the claims are sound")
}

/// A token of any header and claims, signed by HS256.
fn forge(header: &Value, claims: &str) -> String {
    let signed = URL_SAFE_NO_PAD.encode(header.to_string()) + "." + &URL_SAFE_NO_PAD.encode(claims);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    signed + "." + &URL_SAFE_NO_PAD.encode(signature)
}

#[test]
fn a_token_says_who_and_where() {
    for key in [secret(), pair().0] {
        let (tokens, _) = at_start(&key);
        let check = |claims: &Claims| tokens.check(&mint(&key, claims), Door::Socket).expect("it is good");
        let grant = check(&claims());
        assert_eq!((grant.player.id.as_str(), grant.player.name.as_str(), grant.room), ("ada", "ada", None));
        let grant = check(&Claims { name: Some("Ada L.".into()), room: Some("attic".into()), ..claims() });
        assert_eq!((grant.player.name.as_str(), grant.room.as_deref()), ("Ada L.", Some("attic")));
    }
}

#[test]
fn others_tokens_are_taken() {
    let (tokens, _) = at_start(&secret());
    let tokens = tokens.audience("arena");
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": "1" });
    for claims in [
        json!({ "sub": "ada", "exp": START + 60, "aud": "arena", "room": null, "scope": ["x"] }),
        json!({ "sub": "ada", "exp": START as f64 + 0.5, "aud": ["shop", "arena"], "nbf": START as f64 - 0.5 }),
        json!({ "sub": "ada", "exp": 1e300, "aud": "arena", "nbf": -1, "jti": "1" }),
    ] {
        assert!(tokens.check(&forge(&header, &claims.to_string()), Door::Socket).is_ok(), "{claims}");
    }
    // The sample of RFC 7515 §A.1, whose key is known to all, and which has expired; it names no player.
    let key = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .expect("it is base64");
    let tokens = JwtTokens::hs256(&key).expect("it is long enough");
    let sample = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
                  Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(tokens.check(sample, Door::Socket), Err(Flaw::Claims), "its signature is right");
    // The sample of RFC 8037 §A.4, which signs a sentence.
    let key = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
    let tokens = JwtTokens::ed25519(pem.as_bytes()).expect("it is a key");
    let sample = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWb\
                  hijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(tokens.check(sample, Door::Socket), Err(Flaw::Claims), "its signature is right");
}

#[test]
fn what_is_signed_and_still_wrong_is_refused() {
    let (tokens, _) = at_start(&secret());
    let (header, hs256) = (json!({ "alg": "HS256" }), Flaw::Header(Algorithm::Hs256));
    let long = "a".repeat(129);
    for (header, claims, flaw) in [
        (&header, json!({ "exp": START + 60 }), Flaw::Claims),
        (&header, json!({ "sub": "ada" }), Flaw::Claims),
        (&header, json!({ "sub": 7, "exp": START + 60 }), Flaw::Claims),
        (&header, json!({ "sub": "ada", "exp": "soon" }), Flaw::Claims),
        (&header, json!({ "sub": "ada", "exp": START + 60, "room": 7 }), Flaw::Claims),
        (&header, json!({ "sub": "ada", "exp": START + 60, "once": "yes", "jti": "1" }), Flaw::Claims),
        (&header, json!(["ada"]), Flaw::Claims),
        (&header, json!({ "sub": "", "exp": START + 60 }), Flaw::Bounds("sub")),
        (&header, json!({ "sub": long, "exp": START + 60 }), Flaw::Bounds("sub")),
        (&header, json!({ "sub": "a\0b", "exp": START + 60 }), Flaw::Bounds("sub")),
        (&header, json!({ "sub": "ada", "exp": START + 60, "name": "" }), Flaw::Bounds("name")),
        (&header, json!({ "sub": "ada", "exp": START + 60, "room": "a".repeat(65) }), Flaw::Bounds("room")),
        (&header, json!({ "sub": "ada", "exp": START + 60, "once": true }), Flaw::NoId),
        (&header, json!({ "sub": "ada", "exp": START + 60, "once": true, "jti": long }), Flaw::Bounds("jti")),
        (&header, json!({ "sub": "ada", "exp": START - 5 }), Flaw::Expired),
        (&header, json!({ "sub": "ada", "exp": -1 }), Flaw::Expired),
        (&header, json!({ "sub": "ada", "exp": START + 60, "nbf": START + 6 }), Flaw::Early),
        (&json!({ "alg": "none" }), json!({ "sub": "ada", "exp": START + 60 }), hs256),
        (&json!({ "alg": "EdDSA" }), json!({ "sub": "ada", "exp": START + 60 }), hs256),
        (&json!({ "typ": "JWT" }), json!({ "sub": "ada", "exp": START + 60 }), hs256),
        (&json!({ "alg": "HS256", "crit": ["b64"] }), json!({ "sub": "ada", "exp": START + 60 }), hs256),
    ] {
        let token = forge(header, &claims.to_string());
        assert_eq!(tokens.check(&token, Door::Socket), Err(flaw), "{header} {claims}");
    }
    let twice = r#"{"sub":"ada","sub":"eve","exp":1800000060}"#;
    assert_eq!(tokens.check(&forge(&header, twice), Door::Socket), Err(Flaw::Claims), "two ids");
}

#[test]
fn what_is_not_signed_by_the_key_is_refused() {
    let (tokens, _) = at_start(&secret());
    let token = mint(&secret(), &claims());
    let (signed, signature) = token.rsplit_once('.').expect("it has three parts");
    let other = JwtKey::hs256(b"another secret of 32 bytes, also").expect("it is long enough");
    let (header, payload) = signed.split_once('.').expect("it has three parts");
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let mut cut = URL_SAFE_NO_PAD.decode(signature).expect("it is base64");
    cut.pop();
    for (token, flaw) in [
        (mint(&other, &claims()), Flaw::Signature),
        (mint(&pair().0, &claims()), Flaw::Signature),
        (format!("{none}.{payload}."), Flaw::Signature),
        (format!("{none}.{payload}.{signature}"), Flaw::Signature),
        (format!("{signed}."), Flaw::Signature),
        (format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&cut)), Flaw::Signature),
        (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"sub":"eve","exp":1e300}"#)), Flaw::Signature),
        (format!("{token}="), Flaw::Form),
        (format!("{token}.{signature}"), Flaw::Form),
        (signed.to_owned(), Flaw::Form),
        (String::new(), Flaw::Form),
        ("..".to_owned(), Flaw::Signature),
        ("Ada".to_owned(), Flaw::Form),
        (format!("{header}.{}.{signature}", "A".repeat(2048)), Flaw::Form),
    ] {
        assert_eq!(tokens.check(&token, Door::Socket), Err(flaw), "{token}");
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let (key, pair) = pair();
    let (tokens, _) = at_start(&key);
    // What the attacker has is the public key: as the PEM, and as the bytes of the key itself.
    let spki = pair.public.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let spki = base64::engine::general_purpose::STANDARD.decode(spki).expect("it is base64");
    for known in [pair.public.as_bytes(), &spki, &spki[12..]] {
        let signed = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)
            + "."
            + &URL_SAFE_NO_PAD.encode(r#"{"sub":"eve","exp":1e300}"#);
        let signature = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, known), signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(tokens.check(&token, Door::Socket), Err(Flaw::Signature));
    }
    assert_eq!(JwtTokens::hs256(pair.public.as_bytes()).err(), Some(KeyError::Pem), "nor given as one by mistake");
    for before in ["# of the players\n", "\u{feff}", "Bag Attributes: <No Attributes>\n\n"] {
        let file = format!("{before}{}", pair.public);
        assert_eq!(JwtTokens::hs256(file.as_bytes()).err(), Some(KeyError::Pem), "{file}");
        assert_eq!(JwtKey::hs256(file.as_bytes()).err(), Some(KeyError::Pem), "{file}");
    }
}

#[test]
fn a_token_has_its_time() {
    let key = secret();
    let (tokens, time) = at_start(&key);
    let token = mint(&key, &Claims { not_before: Some(START + 30), ..claims() });
    let at = |seconds: u64| {
        time.store(START + seconds, Ordering::Relaxed);
        tokens.check(&token, Door::Socket).map(drop)
    };
    let verdicts = [at(24), at(25), at(64), at(65), at(1_000_000)];
    assert_eq!(verdicts, [Err(Flaw::Early), Ok(()), Ok(()), Err(Flaw::Expired), Err(Flaw::Expired)]);
    let tokens = tokens.clock(|| UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(tokens.check(&mint(&key, &claims()), Door::Socket), Err(Flaw::Expired), "a clock that is wrong");
}

#[test]
fn issuer_and_audience_count_if_they_are_asked_for() {
    let key = secret();
    let theirs = |issuer: Option<&str>, audience: &[&str]| {
        let audience = audience.iter().map(|&name| name.into()).collect();
        mint(&key, &Claims { issuer: issuer.map(Into::into), audience, ..claims() })
    };
    let (tokens, _) = at_start(&key);
    assert!(tokens.check(&theirs(Some("shop"), &["club"]), Door::Socket).is_ok(), "by default neither does");
    let (tokens, _) = at_start(&key);
    let tokens = tokens.issuer("shop").audience("arena");
    let check = |issuer, audience: &[&str]| tokens.check(&theirs(issuer, audience), Door::Socket).map(drop);
    assert_eq!(check(Some("shop"), &["club", "arena"]), Ok(()));
    assert_eq!(check(Some("shop"), &["club"]), Err(Flaw::Audience));
    assert_eq!(check(Some("shop"), &[]), Err(Flaw::Audience));
    assert_eq!(check(Some("pub"), &["arena"]), Err(Flaw::Issuer));
    assert_eq!(check(None, &["arena"]), Err(Flaw::Issuer));
}

#[test]
fn a_token_for_single_use_opens_one_connection() {
    let key = pair().0;
    let (tokens, time) = at_start(&key);
    let token = mint(&key, &claims().once());
    let another = mint(&key, &claims().once());
    assert!(tokens.check(&token, Door::Http).is_ok() && tokens.check(&token, Door::Http).is_ok(), "it only looks");
    assert!(tokens.check(&token, Door::Socket).is_ok());
    assert_eq!(tokens.check(&token, Door::Socket), Err(Flaw::Used));
    assert_eq!(tokens.check(&token, Door::Http), Err(Flaw::Used));
    assert!(tokens.check(&another, Door::Socket).is_ok());
    time.fetch_add(65, Ordering::Relaxed);
    assert_eq!(tokens.check(&token, Door::Socket), Err(Flaw::Expired));
    let many = mint(&key, &Claims { id: Some("1".into()), expires: START + 600, ..claims() });
    assert!(tokens.check(&many, Door::Socket).is_ok() && tokens.check(&many, Door::Socket).is_ok(), "an id alone");
}

#[test]
fn when_too_many_are_remembered_the_next_must_wait() {
    let key = secret();
    let (tokens, time) = at_start(&key);
    let tokens = tokens.used_tokens(1);
    assert!(tokens.check(&mint(&key, &claims().once()), Door::Socket).is_ok());
    let next = mint(&key, &Claims { expires: START + 600, ..claims() }.once());
    assert_eq!(tokens.check(&next, Door::Socket).map_err(AuthError::from), Err(AuthError::Unavailable));
    assert!(tokens.check(&mint(&key, &claims()), Door::Socket).is_ok(), "others need no memory");
    time.fetch_add(65, Ordering::Relaxed);
    assert!(tokens.check(&next, Door::Socket).is_ok());
}

#[test]
fn the_client_is_told_what_helps_an_honest_one() {
    for (flaw, told) in [
        (Flaw::Expired, AuthError::Expired),
        (Flaw::Early, AuthError::Early),
        (Flaw::Used, AuthError::Used),
        (Flaw::Full, AuthError::Unavailable),
        (Flaw::Signature, AuthError::Refused),
        (Flaw::Audience, AuthError::Refused),
    ] {
        assert_eq!(AuthError::from(flaw), told);
    }
}

#[test]
fn keys_are_read_from_files() {
    let (_, pair) = pair();
    let secret = JwtKey::new_secret();
    assert_eq!(secret.len(), 43);
    for (minting, checking) in [
        (secret.clone(), format!("{secret}\r\n")),
        (pair.private.clone(), pair.public.clone()),
        (pair.private.clone(), format!("\n{}", pair.private)),
    ] {
        let key = JwtKey::from_bytes(minting.as_bytes()).expect("it is a key");
        let tokens = JwtTokens::from_bytes(checking.as_bytes()).expect("it is a key");
        let tokens = tokens.clock(|| UNIX_EPOCH + Duration::from_secs(START));
        assert!(tokens.check(&mint(&key, &claims()), Door::Socket).is_ok());
    }
    for (file, error) in [
        (&b""[..], KeyError::Short(0)),
        (b"a secret\r\n", KeyError::Short(8)),
        (pair.public.as_bytes(), KeyError::NoPrivateKey),
        (b"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", KeyError::NoPrivateKey),
    ] {
        assert_eq!(JwtKey::from_bytes(file).err(), Some(error));
    }
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(JwtTokens::from_bytes(certificate.as_bytes()).err(), Some(KeyError::NoPublicKey));
    assert_eq!(JwtTokens::hs256(&SECRET[1..]).err(), Some(KeyError::Short(31)));
}

#[test]
fn a_pair_is_written_as_others_read_it() {
    // The sample of RFC 8410 §10.
    let private = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let der = base64::engine::general_purpose::STANDARD.decode(private).expect("it is base64");
    let pair = PemPair::of(der[16..].try_into().expect("a seed has 32 bytes"));
    assert_eq!(pair.private, format!("-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n"));
    assert_eq!(pair.public, format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"));
}

#[test]
fn claims_that_would_never_be_taken_are_not_minted() {
    let key = secret();
    for (claims, error) in [
        (Claims { player: String::new(), ..claims() }, ClaimsError::Bounds("sub")),
        (Claims { name: Some("a".repeat(129)), ..claims() }, ClaimsError::Bounds("name")),
        (Claims { room: Some("a\nb".into()), ..claims() }, ClaimsError::Bounds("room")),
        (Claims { once: true, ..claims() }, ClaimsError::NoId),
        (Claims { issuer: Some("a".repeat(2000)), ..claims() }, ClaimsError::TooLong),
    ] {
        assert_eq!(key.mint(&claims), Err(error));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (key, pair) = pair();
    let shown = format!("{key:?} {pair:?} {:?} {:?}", secret(), at_start(&secret()).0);
    let inner = pair.private.lines().nth(1).expect("a PEM has lines");
    assert!(!shown.contains(inner) && !shown.contains("thirty-two"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_minted_is_read(player in "[a-zä]{1,32}", name in prop::option::of("[ -~]{1,64}"), room in prop::option::of("[ -~]{1,64}"), expires in START + 1..1 << 50) {
        let key = secret();
        let (tokens, _) = at_start(&key);
        let claims = Claims { player, name, room, expires, audience: vec!["a".into()], ..claims() }.once();
        let token = mint(&key, &claims);
        prop_assert_eq!(tokens.open(&token), Ok(claims.clone()));
        prop_assert_eq!(tokens.check(&token, Door::Socket), Ok(claims.into_grant().expect("it is within bounds")));
    }

    #[test]
    fn no_text_panics(text in ".*", parts in "[A-Za-z0-9_.=-]{0,200}", key in prop::collection::vec(any::<u8>(), 0..200)) {
        for tokens in [at_start(&secret()).0, at_start(&pair().0).0] {
            prop_assert!(tokens.check(&text, Door::Socket).is_err() && tokens.check(&parts, Door::Http).is_err());
        }
        let _ = (JwtKey::from_bytes(&key), JwtTokens::from_bytes(&key));
    }

    #[test]
    fn no_signed_claims_panic(header in ".*", claims in ".*", number in any::<f64>()) {
        let (tokens, _) = at_start(&secret());
        let _ = tokens.check(&forge(&Value::from(header), &claims), Door::Socket);
        let claims = json!({ "sub": claims, "exp": number, "nbf": number, "jti": claims, "once": true }).to_string();
        let _ = tokens.check(&forge(&json!({ "alg": "HS256" }), &claims), Door::Socket);
    }
}
