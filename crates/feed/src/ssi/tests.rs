use super::*;

fn from_scanner(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    Packet {
        opcode,
        source: DECODER,
        status,
        data,
    }
    .bytes()
}

/// What happens, and what the host answers, as opcodes and statuses.
fn take(host: &mut Host, packet: &[u8], now_us: u64) -> (Vec<Event>, Vec<(u8, u8)>) {
    let mut events = Vec::new();
    host.packet(packet, now_us, &mut events);
    (events, sent(host))
}

fn scan(id: &'static str, data: &[u8]) -> Event {
    Event::Scan {
        id: (!id.is_empty()).then_some(id),
        data: data.to_vec(),
    }
}

fn sent(host: &mut Host) -> Vec<(u8, u8)> {
    let mut sent = Vec::new();
    while let Some(bytes) = host.poll_transmit() {
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.source, HOST);
        sent.push((packet.opcode, packet.status));
    }
    sent
}

const ACK: (u8, u8) = (CMD_ACK, 0);

#[test]
fn the_acknowledgement_is_the_published_one() {
    let mut host = Host::default();
    host.packet(&from_scanner(DECODE_DATA, 0, b"\x03A"), 0, &mut Vec::new());
    let ack = host.poll_transmit().unwrap();
    assert_eq!(ack, [0x04, 0xd0, 0x04, 0x00, 0xff, 0x28]);
}

#[test]
fn a_scan_is_acknowledged_and_named_by_its_code_type() {
    let mut host = Host::default();
    for (code_type, id) in [(0x0f, "]C1"), (0xc1, "]d2"), (0x03, "]C0"), (0x99, "")] {
        let data = [&[code_type], b"0104012345".as_slice()].concat();
        let (events, answer) = take(&mut host, &from_scanner(DECODE_DATA, 0, &data), 0);
        assert_eq!(events, [scan(id, b"0104012345")]);
        assert_eq!(answer, [ACK]);
    }
    let (events, _) = take(&mut host, &from_scanner(DECODE_DATA, 0, b"\x03]C1A"), 0);
    assert_eq!(events, [scan("", b"]C1A")]);
}

#[test]
fn a_retransmission_is_acknowledged_and_not_counted_twice() {
    let mut host = Host::default();
    let packet = |status, data| from_scanner(DECODE_DATA, status, data);
    let a = scan("]C0", b"A");
    assert_eq!(
        take(&mut host, &packet(0, b"\x03A"), 0).0,
        std::slice::from_ref(&a)
    );
    let again = take(&mut host, &packet(RETRANSMIT, b"\x03A"), 1);
    assert_eq!(again, (vec![Event::Repeated], vec![ACK]));
    // The operator scanned the same label again.
    assert_eq!(
        take(&mut host, &packet(0, b"\x03A"), 2).0,
        std::slice::from_ref(&a)
    );
    // The first transmission was lost on the way.
    let b = scan("]C0", b"B");
    assert_eq!(take(&mut host, &packet(RETRANSMIT, b"\x03B"), 3).0, [b]);
}

#[test]
fn packets_of_one_scan_are_joined() {
    let mut host = Host::default();
    let packet = |status, data| from_scanner(DECODE_DATA, status, data);
    assert_eq!(take(&mut host, &packet(CONTINUATION, b"\x1bAB"), 0).0, []);
    let repeated = packet(CONTINUATION | RETRANSMIT, b"\x1bAB");
    assert_eq!(take(&mut host, &repeated, 1).0, [Event::Repeated]);
    assert_eq!(take(&mut host, &packet(CONTINUATION, b"\x1bCD"), 2).0, []);
    let (events, answer) = take(&mut host, &packet(0, b"\x1bE"), 3);
    assert_eq!(events, [scan("]d1", b"ABCDE")]);
    assert_eq!(answer, [ACK]);
    assert_eq!(host.deadline_us(), None);
}

#[test]
fn a_scan_that_does_not_end_is_told_and_the_next_is_whole() {
    let mut host = Host::default();
    let packet = |status, data: &[u8]| from_scanner(DECODE_DATA, status, data);
    take(&mut host, &packet(CONTINUATION, b"\x1bAB"), 0);
    let mut events = Vec::new();
    host.tick(host.deadline_us().unwrap(), &mut events);
    assert_eq!(events, [Event::Lost { len: 2 }]);
    let next = take(&mut host, &packet(0, b"\x1bC"), 9_000_000);
    assert_eq!(next.0, [scan("]d1", b"C")]);
    let long = [b"\x1b".as_slice(), &[b'x'; 250]].concat();
    for time in 0..100 {
        take(&mut host, &packet(CONTINUATION, &long), time);
    }
    let end = take(&mut host, &packet(0, b"\x1bC"), 101).0;
    assert!(
        matches!(end.as_slice(), [Event::Lost { len: 8000.. }]),
        "{end:?}"
    );
}

#[test]
fn commands_go_one_after_the_other_and_are_repeated_without_an_answer() {
    let mut host = Host::default();
    host.tell(Verb::BeepGood, 0);
    host.tell(Verb::LedOn, 0);
    assert_eq!(sent(&mut host), [(BEEP, 0)]);
    let (events, next) = take(&mut host, &from_scanner(CMD_ACK, 0, &[]), 1);
    assert_eq!((events, next), (vec![], vec![(LED_ON, 0)]));
    let (events, next) = take(&mut host, &from_scanner(CMD_NAK, 0, &[NAK_RESEND]), 2);
    assert_eq!((events, next), (vec![], vec![(LED_ON, RETRANSMIT)]));
    let mut events = Vec::new();
    for _ in 0..2 {
        host.tick(host.deadline_us().unwrap(), &mut events);
    }
    assert_eq!(events, [Event::NoAnswer { opcode: LED_ON }]);
    assert_eq!(host.deadline_us(), None);
    host.tell(Verb::Disable, 10_000_000);
    let (events, _) = take(&mut host, &from_scanner(CMD_NAK, 0, &[6]), 10_000_001);
    let opcode = SCAN_DISABLE;
    assert_eq!(events, [Event::Refused { opcode, reason: 6 }]);
}

#[test]
fn waiting_commands_are_bounded_and_the_oldest_go() {
    let mut host = Host::default();
    for _ in 0..MAX_WAITING + 4 {
        host.tell(Verb::BeepGood, 0);
    }
    assert_eq!(host.take_dropped(), 3, "one is under way");
}

#[test]
fn verbs_are_words() {
    assert_eq!(
        Verb::parse(" beep_bad  led_on"),
        Ok(vec![Verb::BeepBad, Verb::LedOn])
    );
    assert_eq!(Verb::parse("beep_good sing"), Err("sing"));
}
