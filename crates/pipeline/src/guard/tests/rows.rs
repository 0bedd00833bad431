//! What is asked, what is known, and what is told while data is current, stale and absent.

use super::*;

#[derive(Debug)]
pub(super) struct Row {
    pub scan: Scan,
    pub records: Vec<(String, Facts)>,
    pub current: &'static [&'static str],
    pub stale: &'static [&'static str],
    pub absent: &'static [&'static str],
}

const UNKNOWN: &[&str] = &["warn lot_unknown?: nothing is known of lot L1"];
const NO_ORDER: &[&str] = &[
    "warn order_unknown?: nothing is known of order PO-77",
    "warn lot_unknown?: nothing is known of lot L1",
];

pub(super) fn rows() -> Vec<Row> {
    let good = || lot("L1", "released", "");
    let mut rows = Vec::new();
    let mut row = |scan, records, verdicts: [&'static [&'static str]; 3]| {
        let [current, stale, absent] = verdicts;
        rows.push(Row {
            scan,
            records,
            current,
            stale,
            absent,
        });
    };
    row(Scan::lot("L1"), vec![good()], [&[], &[], UNKNOWN]);
    row(
        Scan::lot("L1"),
        vec![lot("L1", "", "271231")],
        [&[], &[], UNKNOWN],
    );
    for word in [
        "hold",
        "Blocked",
        "rejected",
        "on hold",
        "Quarantined",
        "QUALITY-HOLD",
    ] {
        let why: &'static str = format!("refuse lot_hold: lot L1 is not released ({word})").leak();
        let verdict: &'static [&'static str] = vec![why].leak();
        row(
            Scan::lot("L1"),
            vec![lot("L1", word, "")],
            [verdict, verdict, UNKNOWN],
        );
    }
    const NOT_RELEASED: &[&str] =
        &["refuse lot_hold: lot L1 is not released (hold): take lot L2 (at A) -> L2"];
    row(
        Scan::lot("L1"),
        vec![lot("L1", "hold", ""), usable(&["L2 - - A"])],
        [NOT_RELEASED, NOT_RELEASED, UNKNOWN],
    );
    const ODD: &[&str] = &[
        "warn lot_unknown?: lot L1 is \"gesperrt\", and nobody said here whether that may be used",
    ];
    row(
        Scan::lot("L1"),
        vec![lot("L1", "gesperrt", "")],
        [ODD, ODD, UNKNOWN],
    );
    const EXPIRED: &[&str] = &["refuse lot_expired: lot L1 expired on 2026-11-21"];
    row(
        Scan::lot("L1"),
        vec![lot("L1", "released", "261121")],
        [EXPIRED, EXPIRED, UNKNOWN],
    );
    const TODAY: &[&str] = &["warn min_remaining: lot L1 expires today"];
    const TODAY_UNKNOWN: &[&str] = &[
        "warn lot_unknown?: nothing is known of lot L1",
        "warn min_remaining: lot L1 expires today",
    ];
    const EXPIRED_CODE: &[&str] = &[
        "refuse lot_expired: lot L1 expired on 2026-11-21",
        "warn lot_unknown?: nothing is known of lot L1",
    ];
    row(
        Scan::lot("L1").expires("261121"),
        vec![lot("L1", "released", "271121")],
        [EXPIRED, EXPIRED, EXPIRED_CODE],
    );
    row(
        Scan::lot("L1").expires("261122"),
        vec![good()],
        [TODAY, TODAY, TODAY_UNKNOWN],
    );
    const BOTH: &[&str] = &[
        "refuse lot_hold: lot L1 is not released (hold)",
        "refuse lot_expired: lot L1 expired on 2026-10-31",
    ];
    row(
        Scan::lot("L1").expires("271100"),
        vec![lot("L1", "hold", "261000")],
        [BOTH, BOTH, UNKNOWN],
    );
    const SOON: &[&str] = &["warn min_remaining: lot L1 expires on 2026-12-21, in 29 days"];
    row(
        Scan::lot("L1"),
        vec![lot("L1", "released", "261221")],
        [SOON, SOON, UNKNOWN],
    );
    row(
        Scan::lot("L1"),
        vec![lot("L1", "released", "261222")],
        [&[], &[], UNKNOWN],
    );
    const NO_LOT: &[&str] = &["warn lot_unknown?: nothing says which lot this is of"];
    row(
        Scan {
            lot: None,
            ..Scan::lot("")
        },
        vec![good()],
        [NO_LOT, NO_LOT, NO_LOT],
    );
    let issued = Scan {
        issued: true,
        ..Scan::lot("L1")
    };
    const ISSUED: &[&str] = &["refuse already_issued: this was issued already: take another"];
    row(
        issued,
        vec![good()],
        [
            ISSUED,
            ISSUED,
            &[
                "refuse already_issued: this was issued already: take another",
                "warn lot_unknown?: nothing is known of lot L1",
            ],
        ],
    );
    row(
        Scan::serial(SERIAL),
        vec![batch(SERIAL, "L1", ""), lot("L1", "hold", "")],
        [BOTH.split_at(1).0, BOTH.split_at(1).0, NO_LOT],
    );
    row(
        Scan {
            serial: Some(SERIAL),
            ..Scan::lot("L3")
        },
        vec![batch(SERIAL, "L1", ""), lot("L1", "hold", "")],
        [
            BOTH.split_at(1).0,
            BOTH.split_at(1).0,
            &["warn lot_unknown?: nothing is known of lot L3"],
        ],
    );
    // Orders.
    let line = |open, lots| order("open", &[(OTHER, "1", &[]), (ITEM, open, lots)]);
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), line("10", &[])],
        [&[], &[], NO_ORDER],
    );
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), order("open", &[(OTHER, "1", &[])])],
        [
            &["refuse wrong_material: wrong material: order PO-77 needs none of it"],
            &["warn wrong_material: wrong material: order PO-77 needs none of it"],
            NO_ORDER,
        ],
    );
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), line("10", &["L2", "L3"])],
        [
            &["refuse not_on_order: order PO-77 needs lot L2 or L3, not lot L1 -> L2"],
            &["warn not_on_order: order PO-77 needs lot L2 or L3, not lot L1 -> L2"],
            NO_ORDER,
        ],
    );
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), line("10", &["L2", "L1"])],
        [&[], &[], NO_ORDER],
    );
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), order("Closed", &[(ITEM, "10", &[])])],
        [
            &["refuse order_closed: order PO-77 is Closed: nothing is issued to it"],
            &["warn order_closed: order PO-77 is Closed: nothing is issued to it"],
            NO_ORDER,
        ],
    );
    const NO_LINES: &[&str] =
        &["warn order_unknown?: order PO-77 does not say which material it needs"];
    row(
        Scan::lot("L1").for_order("10"),
        vec![good(), order("open", &[])],
        [NO_LINES, NO_LINES, NO_ORDER],
    );
    row(
        Scan::lot("L1").for_order("10.5"),
        vec![good(), line("10", &[])],
        [&[], &[], NO_ORDER],
    );
    const TOO_MUCH: &[&str] = &["warn over_quantity: 10.51 is too much: order PO-77 has 10 open"];
    row(
        Scan::lot("L1").for_order("10.51"),
        vec![good(), line("10", &[])],
        [TOO_MUCH, TOO_MUCH, NO_ORDER],
    );
    row(
        Scan::lot("L1").for_order("10.51"),
        vec![good(), line("", &[])],
        [&[], &[], NO_ORDER],
    );
    row(
        Scan::lot("L1").for_order("21"),
        vec![
            good(),
            order("open", &[(ITEM, "10", &[]), (ITEM, "10", &["L1"])]),
        ],
        [&[], &[], NO_ORDER],
    );
    const UNITS: &[&str] = &[
        "warn over_quantity?: 3 is a number of pieces, and order PO-77 has 10 KGM open, a mass: scan the quantity with its unit",
    ];
    row(
        Scan::lot("L1").for_order("3"),
        vec![good(), line("10 KGM", &[])],
        [UNITS, UNITS, NO_ORDER],
    );
    const KILOWATT_HOURS: &[&str] = &[
        "warn over_quantity?: 3 KWH cannot be compared, order PO-77 has 10 KGM open: check the quantity and its unit",
    ];
    row(
        Scan::lot("L1").for_order("3 KWH"),
        vec![good(), line("10 KGM", &[])],
        [KILOWATT_HOURS, KILOWATT_HOURS, NO_ORDER],
    );
    const LITRES: &[&str] = &[
        "refuse over_quantity: 3 LTR is a volume, and order PO-77 has 10 KGM open, a mass: scan a mass",
    ];
    row(
        Scan::lot("L1").for_order("3 LTR"),
        vec![good(), line("10 KGM", &[])],
        [LITRES, LITRES, NO_ORDER],
    );
    // The order in kilograms, the label in grams.
    const GRAMS: &[&str] =
        &["warn over_quantity: 12000 GRM is too much: order PO-77 has 10 KGM open"];
    for (amount, expected) in [("10000 GRM", &[] as &[&str]), ("12000 GRM", GRAMS)] {
        row(
            Scan::lot("L1").for_order(amount),
            vec![good(), line("10 KGM", &[])],
            [expected, expected, NO_ORDER],
        );
    }
    // Which lot goes first.
    const FEFO: &[&str] = &["warn fefo: take lot L3 (at A) first: it expires on 2027-05-01 -> L3"];
    let lots = || {
        usable(&[
            "L2 270601 - A",
            "L3 270501 - A",
            "L4 270401 - B",
            "L5 261001 - A",
            "L1 270701 - A",
        ])
    };
    row(
        Scan::lot("L1"),
        vec![lot("L1", "released", "270701"), lots()],
        [FEFO, FEFO, UNKNOWN],
    );
    row(
        Scan::lot("L3"),
        vec![lot("L3", "released", "270501"), lots()],
        [&[], &[], &["warn lot_unknown?: nothing is known of lot L3"]],
    );
    const FEFO_ON_ORDER: &[&str] =
        &["warn fefo: take lot L2 (at A) first: it expires on 2027-06-01 -> L2"];
    row(
        Scan::lot("L1").for_order(""),
        vec![
            lot("L1", "released", "270701"),
            lots(),
            line("10", &["L1", "L2"]),
        ],
        [FEFO_ON_ORDER, FEFO_ON_ORDER, NO_ORDER],
    );
    const FIFO: &[&str] = &["warn fifo: take lot L2 first: it was received on 2026-01-02 -> L2"];
    let by_receipt = || usable(&["L1 - 260301", "L2 - 260102", "L3 - 260103"]);
    row(
        Scan::lot("L1"),
        vec![good(), by_receipt()],
        [FIFO, FIFO, UNKNOWN],
    );
    row(
        Scan::lot("L1"),
        vec![received("L1", "251231"), by_receipt()],
        [&[], &[], UNKNOWN],
    );
    // Pallets.
    const MIXED: &[&str] = &[
        "refuse lot_hold: lot L2 is not released (hold)",
        "refuse lot_expired: lot L3 expired on 2026-11-21",
    ];
    const UNKNOWN_PALLET: &[&str] = &["warn lot_unknown?: nothing is known of what is in this"];
    row(
        Scan::serial(PALLET),
        vec![
            contents(&[
                (SERIAL, None),
                ("https://id.gs1.org/01/04012345001006/10/L2", None),
                ("https://id.gs1.org/01/04012345001006/21/8", Some("L3")),
                ("https://id.gs1.org/01/04012345001006/21/9", Some("L3")),
            ]),
            batch(SERIAL, "L1", ""),
            good(),
            lot("L2", "hold", ""),
            lot("L3", "released", "261121"),
        ],
        [MIXED, MIXED, UNKNOWN_PALLET],
    );
    rows
}
