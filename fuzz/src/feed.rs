//! What scanners, fixed readers and their cables may send: any bytes, in any pieces.

use tracegate_feed::frame::{Framer, Framing, Kind, Order, Piece, Width};
use tracegate_feed::modbus::{Answer, Inbox, MAX_FRAME, Request, exception};
use tracegate_feed::profile::profiles;
use tracegate_feed::ssi::{Host, Packet, Verb};
use tracegate_feed::telnet::Telnet;

/// A connection; its first byte chooses how frames are told apart, the second in what pieces the rest comes.
///
/// The pieces do not matter, and no byte is counted twice.
pub fn frames(data: &[u8]) {
    let [choice, size, rest @ ..] = data else {
        return;
    };
    let framing = framing(*choice);
    let cut = |size: usize| {
        let (mut framer, mut pieces) = (Framer::new(framing.clone()), Vec::new());
        for bytes in rest.chunks(size.max(1)) {
            framer.push(bytes, 0, &mut pieces);
        }
        framer.tick(u64::MAX, &mut pieces);
        framer.reset(&mut pieces);
        pieces
    };
    let pieces = cut(usize::from(*size));
    assert_eq!(pieces, cut(rest.len()));
    let len = |piece: &Piece| match piece {
        Piece::Frame(frame) => frame.len(),
        Piece::Junk { len, .. } => *len,
    };
    assert!(pieces.iter().map(len).sum::<usize>() <= rest.len());
    for piece in &pieces {
        if let Piece::Frame(frame) = piece {
            for profile in profiles() {
                let rules = profile.rules().expect("profiles have good rules");
                let _ = rules.classify(frame);
            }
        }
    }
}

/// What an I/O module answers; the first byte chooses what it was asked, the second in what pieces the rest comes.
///
/// The pieces do not matter, no more is held than a frame, and only an answer to what was asked says that it is done.
pub fn modbus(data: &[u8]) {
    let [choice, size, rest @ ..] = data else {
        return;
    };
    let coil = u16::from(choice >> 2);
    let request = match choice & 3 {
        0 => Request::Read(coil),
        1 => Request::Write(coil, true),
        2 => Request::Write(coil, false),
        _ => Request::WriteMany(coil, vec![true; usize::from(*size)]),
    };
    let cut = |size: usize| {
        let (mut inbox, mut replies) = (Inbox::default(), Vec::new());
        for bytes in rest.chunks(size.max(1)) {
            inbox.push(bytes);
            loop {
                match inbox.take() {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(error) => return (replies, Some(error)),
                }
            }
        }
        (replies, None)
    };
    let answers = cut(usize::from(*size));
    assert_eq!(answers, cut(rest.len()));
    for reply in &answers.0 {
        if let Answer::Refused(code) = request.judge(reply) {
            assert!(!exception(code).is_empty());
        }
    }
    // What is asked is a frame itself, and an echo is what a module answers when it has switched a coil.
    let sent = request.encode(7, 1);
    assert!(sent.len() <= MAX_FRAME);
    let mut inbox = Inbox::default();
    inbox.push(&sent);
    let echo = inbox.take().expect("it is Modbus").expect("it is whole");
    assert_eq!(echo.transaction, 7);
    if let Request::Write(..) = request {
        assert_eq!(request.judge(&echo), Answer::Done);
    }
}

fn framing(choice: u8) -> Framing {
    if let Some(profile) = profiles().nth(usize::from(choice)) {
        return profile.framing();
    }
    let wide = choice & 1 != 0;
    Framing {
        kind: match choice & 6 {
            0 => Kind::Fixed {
                len: usize::from(choice >> 3),
            },
            2 => Kind::IdleGap { gap_us: 1 },
            _ => Kind::LengthPrefixed {
                width: if wide { Width::Two } else { Width::One },
                order: if choice & 8 != 0 {
                    Order::Little
                } else {
                    Order::Big
                },
                counts_itself: choice & 16 != 0,
            },
        },
        max_len: 64,
    }
}

/// A dialogue in the Simple Serial Interface behind telnet: whatever the host says can be read again.
pub fn ssi(data: &[u8]) {
    let (mut telnet, mut text, mut answer) = (Telnet::default(), Vec::new(), Vec::new());
    telnet.push(data, &mut text, &mut answer);
    let framing = Framing {
        kind: Kind::Ssi,
        max_len: 64,
    };
    let (mut framer, mut pieces, mut events) = (Framer::new(framing), Vec::new(), Vec::new());
    let mut host = Host::default();
    framer.push(&text, 0, &mut pieces);
    for (now_us, piece) in (0..).step_by(500_000).zip(pieces) {
        if let Piece::Frame(frame) = piece {
            host.packet(&frame, now_us, &mut events);
            host.tell(Verb::BeepGood, now_us);
            host.tick(now_us, &mut events);
        }
        while let Some(bytes) = host.poll_transmit() {
            assert!(Packet::parse(&bytes).is_some());
        }
    }
}
