//! What is written is read back, whatever pieces it comes in; and no bytes make a decoder panic.

use proptest::collection::vec;
use proptest::prelude::*;

use rickhouse_wire::response::{self, Head};
use rickhouse_wire::{
    Body, Flags, MAX_ATTACHED, MAX_REQUEST, Reload, RequestFrame, RequestHead, RequestWriter,
    Value, WireError, body, frame_length,
};

/// A value of an environ entry that owns its bytes.
#[derive(Debug, Clone)]
enum Owned {
    Text(Vec<u8>),
    FileSystem(Vec<u8>),
    Float(f64),
    Int(i64),
    Version(u32, u32, u32),
    None,
}

impl Owned {
    fn lend(&self) -> Value<'_> {
        match self {
            Owned::Text(bytes) => Value::Text(bytes),
            Owned::FileSystem(bytes) => Value::FileSystem(bytes),
            Owned::Float(number) => Value::Float(*number),
            Owned::Int(number) => Value::Int(*number),
            Owned::Version(a, b, c) => Value::Version(*a, *b, *c),
            Owned::None => Value::None,
        }
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        bytes().prop_map(Owned::Text),
        bytes().prop_map(Owned::FileSystem),
        (-1e12..1e12).prop_map(Owned::Float),
        any::<i64>().prop_map(Owned::Int),
        any::<(u32, u32, u32)>().prop_map(|(a, b, c)| Owned::Version(a, b, c)),
        Just(Owned::None),
    ]
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::None),
        (0..=MAX_ATTACHED).prop_map(Body::Attached),
        any::<u64>().prop_map(|length| Body::Framed(Some(length))),
        Just(Body::Framed(None)),
    ]
}

fn reload() -> impl Strategy<Value = Reload> {
    prop_oneof![
        Just(Reload::Off),
        Just(Reload::InPlace),
        Just(Reload::Reject)
    ]
}

/// Feeds `stream` in pieces of the given sizes, over and over.
fn pieces<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at(stream.len().min(*size));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

/// The events of a response, data joined, as text.
fn response_story(stream: &[u8], sizes: &[usize]) -> Result<Vec<String>, WireError> {
    let mut decoder = response::Decoder::default();
    let (mut story, mut data) = (Vec::new(), Vec::new());
    for mut piece in pieces(stream, sizes) {
        while let Some(event) = decoder.next(&mut piece)? {
            if let response::Event::Data(bytes) = event {
                assert!(!bytes.is_empty());
                data.extend_from_slice(bytes);
                continue;
            }
            story.push(format!("{:?}", std::mem::take(&mut data)));
            story.push(match event {
                response::Event::Head(head) => {
                    let headers: Vec<_> = head.headers.collect();
                    format!(
                        "{} {:?} {:?} {} {headers:?}",
                        head.status, head.reason, head.length, head.length_declared
                    )
                }
                other => format!("{other:?}"),
            });
        }
        assert!(piece.is_empty(), "everything is taken");
    }
    if !data.is_empty() {
        story.push(format!("{data:?}"));
    }
    Ok(story)
}

fn body_story(stream: &[u8], sizes: &[usize]) -> Result<(Vec<u8>, Vec<String>), WireError> {
    let mut decoder = body::Decoder::default();
    let (mut data, mut story) = (Vec::new(), Vec::new());
    for mut piece in pieces(stream, sizes) {
        while let Some(event) = decoder.next(&mut piece)? {
            match event {
                body::Event::Data(bytes) => data.extend_from_slice(bytes),
                other => story.push(format!("{other:?}")),
            }
        }
    }
    Ok((data, story))
}

proptest! {
    #[test]
    fn requests(
        (token, server, received, queued) in any::<([u8; 32], u32, i64, i64)>(),
        (connects, restarts) in any::<(u32, u32)>(),
        flags in any::<(bool, bool, bool)>(),
        body in any_body(),
        reload in reload(),
        texts in vec(bytes(), 6),
        names in vec("\\PC{0,20}", 2),
        environ in vec((bytes(), value()), 0..20),
    ) {
        let head = RequestHead {
            token, server, body, reload, received, queued, connects, restarts,
            flags: Flags { https: flags.0, ignore_activity: flags.1, accepts_files: flags.2 },
            script: &texts[0],
            handler_script: &texts[1],
            application_group: &names[0],
            callable: &names[1],
            request_id: &texts[2],
            connection_id: &texts[3],
            method: &texts[4],
            target: &texts[5],
        };
        let mut buffer = vec![1, 2, 3];
        let mut writer = RequestWriter::new(&mut buffer, &head);
        environ.iter().for_each(|(name, value)| writer.environ(name, value.lend()));
        writer.finish().expect("within the bounds");
        for known in 0..8 {
            prop_assert_eq!(frame_length(&buffer[..known]), Ok(None));
        }
        prop_assert_eq!(frame_length(&buffer), Ok(Some(buffer.len())));
        let frame = RequestFrame::parse(&buffer).expect("well-formed");
        prop_assert_eq!(&frame.head, &head);
        let read: Vec<_> = frame.environ.collect();
        let written: Vec<_> = environ.iter().map(|(name, value)| (&name[..], value.lend())).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn any_bytes_end_a_request_in_an_error_at_worst(
        mut bytes in vec(any::<u8>(), 0..300),
        honest in any::<bool>(),
    ) {
        if honest && bytes.len() > 80 {
            bytes[..4].copy_from_slice(b"RKW1");
            let length = u32::try_from(bytes.len()).expect("short").to_le_bytes();
            bytes[4..8].copy_from_slice(&length);
            bytes[44..48].copy_from_slice(&[0; 4]);
            bytes[48..56].copy_from_slice(&[0; 8]);
            // Lengths that have a chance to fit.
            bytes[80..].iter_mut().skip(1).for_each(|byte| *byte &= if *byte & 3 == 0 { 15 } else { 0 });
        }
        if let Ok(frame) = RequestFrame::parse(&bytes) {
            prop_assert!(frame.environ.count() <= bytes.len());
        }
        let _any = frame_length(&bytes);
    }

    #[test]
    fn one_changed_byte_of_a_request_panics_nowhere(place in 0usize..140, byte in any::<u8>()) {
        let mut buffer = Vec::new();
        let mut writer = RequestWriter::new(&mut buffer, &hello());
        writer.environ(b"REQUEST_METHOD", Value::Text(b"GET"));
        writer.environ(b"start", Value::Float(1.5));
        writer.finish().expect("small");
        let place = place % buffer.len();
        buffer[place] = byte;
        if let Ok(frame) = RequestFrame::parse(&buffer) {
            prop_assert!(frame.environ.count() <= buffer.len());
        }
    }

    #[test]
    fn responses_in_any_pieces(
        status in 200u16..=999,
        reason in bytes(),
        length in prop_oneof![Just(None), (0..u64::MAX).prop_map(Some)],
        length_declared in any::<bool>(),
        headers in vec((bytes(), bytes()), 0..10),
        chunks in vec(vec(any::<u8>(), 1..200), 0..5),
        file in any::<(u64, u64)>(),
        sizes in vec(1usize..70, 1..6),
    ) {
        let mut stream = Vec::new();
        response::write_continue(&mut stream);
        let fields = headers.iter().map(|(name, value)| (&name[..], &value[..]));
        response::write_head(
            &mut stream,
            Head { status, reason: &reason, length, length_declared, headers: fields.clone() },
        ).expect("small");
        for chunk in &chunks {
            let size = u32::try_from(chunk.len()).expect("short");
            stream.extend_from_slice(&response::data(size));
            stream.extend_from_slice(chunk);
        }
        response::write_file(&mut stream, file.0, file.1);
        stream.extend_from_slice(&response::end());
        let headers: Vec<_> = fields.collect();
        let expected = vec![
            "[]".into(), "Continue".into(),
            "[]".into(), format!("{status} {reason:?} {length:?} {length_declared} {headers:?}"),
            format!("{:?}", chunks.concat()), format!("File {{ offset: {}, length: {} }}", file.0, file.1),
            "[]".into(), "End".to_owned(),
        ];
        prop_assert_eq!(response_story(&stream, &sizes).expect("well-formed"), expected.clone());
        prop_assert_eq!(response_story(&stream, &[usize::MAX]).expect("well-formed"), expected);
    }

    #[test]
    fn bodies_in_any_pieces(
        chunks in vec(vec(any::<u8>(), 0..200), 0..5),
        complete in any::<bool>(),
        sizes in vec(1usize..70, 1..6),
    ) {
        let mut stream = Vec::new();
        for chunk in &chunks {
            stream.extend_from_slice(&body::data(u32::try_from(chunk.len()).expect("short")));
            stream.extend_from_slice(chunk);
        }
        stream.extend_from_slice(&if complete { body::end() } else { body::abort() });
        let last = if complete { "End" } else { "Abort" };
        let expected = (chunks.concat(), vec![last.to_owned()]);
        prop_assert_eq!(body_story(&stream, &sizes).expect("well-formed"), expected);
    }

    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(
        mut stream in vec(any::<u8>(), 0..400),
        sizes in vec(1usize..70, 1..6),
        honest in any::<bool>(),
    ) {
        if honest {
            // Headers with a chance to be right, wherever they fall.
            stream.chunks_mut(8).for_each(|header| header.iter_mut().enumerate().for_each(|(place, byte)| match place {
                0 => *byte %= 10,
                4 => *byte %= 20,
                _ => *byte = 0,
            }));
        }
        prop_assert_eq!(response_story(&stream, &sizes), response_story(&stream, &[usize::MAX]));
        prop_assert_eq!(body_story(&stream, &sizes), body_story(&stream, &[usize::MAX]));
    }
}

fn hello() -> RequestHead<'static> {
    RequestHead {
        token: [9; 32],
        server: 0,
        body: Body::None,
        reload: Reload::Reject,
        flags: Flags::default(),
        received: 1,
        queued: 2,
        connects: 1,
        restarts: 0,
        script: b"/srv/hello.wsgi",
        handler_script: b"",
        application_group: "",
        callable: "application",
        request_id: b"",
        connection_id: b"",
        method: b"GET",
        target: b"/",
    }
}

#[test]
fn a_frame_above_its_bound_is_refused_by_both_ends() {
    let mut buffer = Vec::new();
    let mut writer = RequestWriter::new(&mut buffer, &hello());
    let big = vec![0; MAX_REQUEST / 2];
    for _ in 0..3 {
        writer.environ(b"BIG", Value::Text(&big));
    }
    assert!(matches!(writer.finish(), Err(WireError::Length { .. })));
    let above = u32::try_from(MAX_REQUEST + 1).expect("fits").to_le_bytes();
    let claimed = [&b"RKW1"[..], &above].concat();
    assert!(matches!(
        frame_length(&claimed),
        Err(WireError::Length { .. })
    ));
    let body = Body::Attached(MAX_ATTACHED + 1);
    let writer = RequestWriter::new(&mut buffer, &RequestHead { body, ..hello() });
    assert!(matches!(writer.finish(), Err(WireError::Length { .. })));
}

#[test]
fn another_version_is_refused_at_its_first_wrong_byte() {
    assert_eq!(frame_length(b"RKW"), Ok(None));
    assert_eq!(frame_length(b"RKW2"), Err(WireError::Magic));
    assert_eq!(frame_length(b"GET"), Err(WireError::Magic));
}

#[test]
fn a_head_above_its_bound_leaves_the_buffer_as_it_was() {
    let mut buffer = b"before".to_vec();
    let big = vec![b'x'; response::MAX_HEAD as usize];
    let written = response::write_head(
        &mut buffer,
        Head {
            status: 200,
            reason: b"OK",
            length: None,
            length_declared: false,
            headers: [(&b"X"[..], &big[..])],
        },
    );
    assert!(matches!(written, Err(WireError::Length { .. })));
    assert_eq!(buffer, b"before");
}

#[test]
fn a_claimed_length_takes_no_memory_before_its_bytes_come() {
    let mut decoder = response::Decoder::default();
    // HEAD of 16 MiB, END with a payload, and HEAD one byte above the bound.
    let claim = |kind: u8, length: u32| {
        let [a, b, c, d] = length.to_le_bytes();
        [kind, 0, 0, 0, a, b, c, d]
    };
    assert!(matches!(
        decoder.next(&mut &claim(7, response::MAX_HEAD)[..]),
        Ok(None)
    ));
    for refused in [claim(2, 1), claim(7, response::MAX_HEAD + 1), claim(9, 3)] {
        let mut decoder = response::Decoder::default();
        assert!(matches!(
            decoder.next(&mut &refused[..]),
            Err(WireError::Length { .. })
        ));
    }
}

#[test]
fn data_may_be_received_past_the_decoder() {
    let mut decoder = body::Decoder::default();
    assert_eq!(decoder.next(&mut &body::data(10)[..]), Ok(None));
    assert_eq!(decoder.data_left(), 10);
    decoder.skip(7);
    let rest = [&b"xyz"[..], &body::end()].concat();
    let mut rest = &rest[..];
    let two = decoder.next_up_to(&mut rest, 2);
    assert_eq!(two, Ok(Some(body::Event::Data(b"xy"))));
    assert_eq!(decoder.next(&mut rest), Ok(Some(body::Event::Data(b"z"))));
    assert_eq!(decoder.next(&mut rest), Ok(Some(body::Event::End)));
}

#[test]
fn a_status_that_is_none_is_refused() {
    let head = |status| {
        let mut stream = Vec::new();
        let head = Head {
            status,
            reason: b"",
            length: None,
            length_declared: false,
            headers: [],
        };
        response::write_head(&mut stream, head).expect("small");
        response_story(&stream, &[usize::MAX])
    };
    let fail = |status| {
        let mut stream = Vec::new();
        response::write_fail(&mut stream, status);
        response_story(&stream, &[usize::MAX])
    };
    for (status, is_head, is_failure) in [
        (0, true, false),
        (99, true, false),
        (100, false, false),
        (199, false, false),
        (200, true, false),
        (399, true, false),
        (400, true, true),
        (599, true, true),
        (600, true, false),
        (999, true, false),
        (1000, false, false),
        (u16::MAX, false, false),
    ] {
        assert_eq!(head(status).is_ok(), is_head, "{status}");
        assert_eq!(fail(status).is_ok(), is_failure, "{status}");
    }
}

#[test]
fn a_head_above_its_readers_bound_is_refused_by_its_header() {
    let mut stream = Vec::new();
    let value = [b'x'; 100];
    let head = Head {
        status: 200,
        reason: b"",
        length: None,
        length_declared: false,
        headers: [(&b"X"[..], &value[..])],
    };
    response::write_head(&mut stream, head).expect("small");
    let most = u32::try_from(stream.len() - response::HEADER).expect("small");
    let mut decoder = response::Decoder::up_to(most);
    assert!(matches!(
        decoder.next(&mut &stream[..]),
        Ok(Some(response::Event::Head(_)))
    ));
    let mut decoder = response::Decoder::up_to(most - 1);
    assert!(matches!(
        decoder.next(&mut &stream[..response::HEADER]),
        Err(WireError::Length { .. })
    ));
}
