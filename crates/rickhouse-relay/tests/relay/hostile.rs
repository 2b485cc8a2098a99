//! A daemon that has been taken over: whatever it sends, the client gets a well-formed response or none, and can tell whether
//! it is whole.

use proptest::collection::vec;
use proptest::prelude::*;

use rickhouse_relay::{Answer, Daemon, Failure};
use rickhouse_wire::response::{self, Head};
use rickhouse_wire::{Body, body};

use crate::support::{LIMITS, LONG, Recorder, Stub, data, frame, plain, request, script};

/// One frame, more or less.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let mostly_text = || prop_oneof![4 => "[a-zA-Z-]{1,9}".prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..9)];
    let field = (mostly_text(), mostly_text());
    let length = prop_oneof![
        Just(None),
        (0..20_u64).prop_map(Some),
        any::<u64>().prop_map(Some)
    ];
    let head = (
        190..1010_u16,
        mostly_text(),
        length,
        any::<bool>(),
        vec(field, 0..5),
    );
    prop_oneof![
        6 => head.prop_map(|(status, reason, length, length_declared, fields)| {
            let headers = fields.iter().map(|(name, value)| (&name[..], &value[..]));
            let head = Head { status, reason: &reason, length, length_declared, headers };
            let mut bytes = Vec::new();
            response::write_head(&mut bytes, head).expect("a short head");
            bytes
        }),
        6 => vec(any::<u8>(), 0..30).prop_map(|bytes| data(&bytes)),
        4 => Just(response::end().to_vec()),
        1 => Just(response::abort().to_vec()),
        1 => any::<u16>().prop_map(|status| {
            let mut bytes = Vec::new();
            response::write_fail(&mut bytes, status);
            bytes
        }),
        1 => any::<(u64, u64)>().prop_map(|(offset, length)| {
            let mut bytes = Vec::new();
            response::write_file(&mut bytes, offset, length);
            bytes
        }),
        1 => Just(frame(response::write_continue)),
        1 => Just(frame(response::write_rejected)),
        1 => Just(frame(response::write_timeout)),
        1 => any::<u32>().prop_map(|length| body::data(length).to_vec()),
        1 => vec(any::<u8>(), 0..30),
    ]
}

/// What a client that sees only this can rely on.
fn check(client: &Recorder, answer: &Result<Answer<u16>, Failure>) -> Result<(), TestCaseError> {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    for (name, value) in &client.headers {
        prop_assert!(rickhouse_wsgi::header::is_token(name), "{name:?}");
        prop_assert!(!value.iter().any(is_control), "{value:?}");
    }
    let has_head = client.status != 0;
    prop_assert!(!has_head || (200..=999).contains(&client.status));
    prop_assert!(has_head || client.body.is_empty());
    let sent = client.body.len() as u64;
    prop_assert!(client.length.is_none_or(|length| sent <= length));
    let (complete, truncated) = match answer {
        Ok(Answer::Complete) => {
            let is_bodyless = matches!(client.status, 204 | 304);
            let is_whole = client.length.is_none_or(|length| sent == length);
            prop_assert!(is_whole || is_bodyless);
            (true, false)
        }
        Ok(Answer::Truncated(_)) => (false, true),
        Ok(Answer::Status(status)) => {
            prop_assert!((400..=599).contains(status));
            (false, false)
        }
        Ok(Answer::QueueTimeout) | Err(_) => (false, false),
        Ok(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    prop_assert_eq!((client.ended, client.truncated), (complete, truncated));
    prop_assert_eq!(has_head, complete || truncated);
    Ok(())
}

proptest! {
    #[test]
    fn the_client_gets_a_sound_response_or_none(parts in vec(part(), 0..8)) {
        let bytes = parts.concat();
        let stub = Stub::new([script(move |daemon| {
            daemon.request();
            daemon.send(&bytes);
        })]);
        let mut client = Recorder::default();
        let path = stub.path();
        let daemon = Daemon { socket: &path, connect_timeout: LONG, rejections: 1 };
        let answer = rickhouse_relay::relay(
            &mut client,
            &daemon,
            &mut plain(&mut request(Body::None)),
            &LIMITS,
        );
        check(&client, &answer)?;
        stub.finish();
    }
}
