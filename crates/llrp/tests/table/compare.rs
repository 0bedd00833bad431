//! One row of our table against one definition.

use std::collections::{BTreeMap, BTreeSet};

use tracegate_llrp::codec::schema::{Body, Row};

use super::defs::{Def, Defs, Member};

/// Fields that we call otherwise than the definition files: row, ours, theirs.
const ALIASES: &[(&str, &str, &str)] = &[
    ("CUSTOM_MESSAGE", "vendor", "vendoridentifier"),
    ("CUSTOM_MESSAGE", "subtype", "messagesubtype"),
    ("AISpecStopTrigger", "triggertype", "aispecstoptriggertype"),
    ("AISpecStopTrigger", "durationms", "durationtrigger"),
    ("AccessReportSpec", "trigger", "accessreporttrigger"),
    ("AccessSpec", "active", "currentstate"),
    (
        "AccessSpecStopTrigger",
        "triggertype",
        "accessspecstoptrigger",
    ),
    ("C1G2TargetTag", "matchtag", "match"),
    ("Custom", "vendor", "vendoridentifier"),
    ("Custom", "subtype", "parametersubtype"),
    ("EventNotificationState", "enabled", "notificationstate"),
    ("FixedFrequencyTable", "frequencies", "frequency"),
    ("FrequencyHopTable", "frequencies", "frequency"),
    ("GPIEvent", "high", "gpievent"),
    ("KeepaliveSpec", "triggertype", "keepalivetriggertype"),
    ("KeepaliveSpec", "periodms", "periodictriggervalue"),
    (
        "LLRPConfigurationStateValue",
        "value",
        "llrpconfigurationstatevalue",
    ),
    ("PerAntennaAirProtocol", "protocolids", "protocolid"),
    ("RFSurveySpecStopTrigger", "triggertype", "stoptriggertype"),
    ("RFSurveySpecStopTrigger", "durationms", "durationperiod"),
    ("ROReportSpec", "trigger", "roreporttrigger"),
    (
        "ROSpecStartTrigger",
        "triggertype",
        "rospecstarttriggertype",
    ),
    ("ROSpecStopTrigger", "triggertype", "rospecstoptriggertype"),
    ("ROSpecStopTrigger", "durationms", "durationtriggervalue"),
    (
        "ReportBufferLevelWarningEvent",
        "percentagefull",
        "reportbufferpercentagefull",
    ),
];

/// A field by place: number of variable fields before it, bits since the last of them.
type Place = (u32, u32);

/// Bits of a kind of field; `None` if its length varies.
fn bits(kind: &str) -> Option<u32> {
    let number = kind.strip_prefix(['u', 's'])?;
    number.parse().ok()
}

fn normal(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

struct Layout {
    fields: BTreeMap<Place, (String, String, BTreeSet<u16>)>,
    end: Place,
}

fn ours(row: &Row) -> Layout {
    let mut fields = BTreeMap::new();
    let mut end = (0, u32::from(row.body.leading_reserved));
    for field in row.body.fields {
        // Two exceptions to one field being one field there: flags of LLRP 2.0 in a struct, a number in six flags.
        let parts: Vec<(String, String)> = match field.kind {
            "gen2v2" => GEN2V2
                .iter()
                .map(|name| ((*name).to_owned(), "u1".to_owned()))
                .collect(),
            "u6" => (0..6)
                .rev()
                .map(|bit| (format!("epcbit{bit}"), "u1".to_owned()))
                .collect(),
            kind => vec![(normal(field.name), kind.to_owned())],
        };
        for (name, kind) in parts {
            let alias = ALIASES
                .iter()
                .find(|(r, o, _)| *r == row.name && normal(o) == name);
            let name = alias.map_or(name, |(_, _, theirs)| normal(theirs));
            let codes = field.codes.iter().copied().collect();
            let width = bits(&kind);
            fields.insert(end, (name, kind, codes));
            end = width.map_or((end.0 + 1, 0), |width| (end.0, end.1 + width));
        }
        end.1 += u32::from(field.reserved_after);
        if field.kind == "gen2v2" {
            end.1 += 7;
        }
    }
    Layout { fields, end }
}

const GEN2V2: &[&str] = &[
    "cansupportuntraceable",
    "cansupportchallenge",
    "cansupportauthenticate",
    "cansupportauthcomm",
    "cansupportsecurecomm",
    "cansupportkeyupdate",
    "cansupporttagprivilege",
    "cansupportreadbuffer",
    "cansupportextendedpoweronperiod",
];

fn theirs(defs: &Defs, def: &Def) -> Layout {
    let mut fields = BTreeMap::new();
    let mut end = (0, 0);
    for member in &def.members {
        match member {
            Member::Field { name, kind, codes } => {
                let codes = codes.as_ref().and_then(|name| defs.enums.get(name));
                fields.insert(
                    end,
                    (
                        normal(name),
                        kind.clone(),
                        codes.cloned().unwrap_or_default(),
                    ),
                );
                end = bits(kind).map_or((end.0 + 1, 0), |width| (end.0, end.1 + width));
            }
            Member::Reserved(bits) => end.1 += bits,
            Member::Part { .. } => {}
        }
    }
    Layout { fields, end }
}

/// What is wrong with `rows`, one line each. With `older`, `all` is of an older version: rows may have more.
pub fn rows(defs: &Defs, rows: &[Row], all: &BTreeMap<String, Def>, older: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, def) in all {
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        if row.number != def.number {
            wrong.push(format!("{name}: number {} for {}", row.number, def.number));
        }
        fields(defs, row, def, older, &mut wrong);
        parts(defs, row, def, older, &mut wrong);
    }
    if !older {
        let extra = rows.iter().filter(|row| !all.contains_key(row.name));
        wrong.extend(extra.map(|row| format!("{} is in no definition", row.name)));
    }
    wrong
}

fn fields(defs: &Defs, row: &Row, def: &Def, older: bool, wrong: &mut Vec<String>) {
    let (mut ours, theirs) = (ours(row), theirs(defs, def));
    for (place, (name, kind, codes)) in &theirs.fields {
        let Some((our_name, our_kind, our_codes)) = ours.fields.remove(place) else {
            wrong.push(format!("{}: no field {name} at {place:?}", row.name));
            continue;
        };
        if our_name != *name {
            wrong.push(format!(
                "{}: field {our_name} is {name} in the definition",
                row.name
            ));
        }
        if our_kind != *kind {
            wrong.push(format!("{}: {name} is {our_kind} for {kind}", row.name));
        }
        // A flag for two values; a field of few bits with a name for every value.
        let flag = our_kind == "u1" && codes.iter().eq([&0, &1]);
        let whole = codes.is_empty()
            && bits(kind).is_some_and(|bits| bits < 8 && our_codes.len() == 1 << bits);
        let fits = if older {
            codes.is_subset(&our_codes)
        } else {
            *codes == our_codes
        };
        if !(fits || flag || whole) {
            wrong.push(format!(
                "{}: {name} has {our_codes:?} for {codes:?}",
                row.name
            ));
        }
    }
    if older {
        if theirs.end > ours.end {
            wrong.push(format!(
                "{}: ends at {:?} for {:?}",
                row.name, ours.end, theirs.end
            ));
        }
    } else {
        let added: Vec<_> = ours.fields.into_values().map(|field| field.0).collect();
        // LLRP 1.1 §17.2.7.3.1; the definition files leave it out, EdgeX has it.
        let xpc = row.name == "C1G2EPCMemorySelector" && added == ["enablexpcbits"];
        if theirs.end != ours.end || !(added.is_empty() || xpc) {
            wrong.push(format!(
                "{}: ends at {:?} for {:?}, has {added:?}",
                row.name, ours.end, theirs.end
            ));
        }
    }
}

fn parts(defs: &Defs, row: &Row, def: &Def, older: bool, wrong: &mut Vec<String>) {
    let mut any = false;
    let mut expected: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for member in &def.members {
        if let Member::Part { name, mandatory } = member {
            any = true;
            let one_of = defs.choices.get(name).cloned();
            if *mandatory {
                expected.insert(one_of.unwrap_or_else(|| [name.replace('_', "")].into()));
            }
        }
    }
    if any != row.body.has_params {
        wrong.push(format!(
            "{}: may have parts: {} for {any}",
            row.name, row.body.has_params
        ));
    }
    let ours: BTreeSet<BTreeSet<String>> = row
        .body
        .mandatory
        .iter()
        .map(|one_of| one_of.iter().map(|name| (*name).to_owned()).collect())
        .collect();
    // A later version may add to a choice.
    let fits = |part: &BTreeSet<String>| {
        ours.iter().any(|our| {
            if older {
                part.is_subset(our)
            } else {
                part == our
            }
        })
    };
    if expected.len() != ours.len() || !expected.iter().all(fits) {
        wrong.push(format!("{}: mandatory {ours:?} for {expected:?}", row.name));
    }
}

/// Kinds and reserved bits of a row in order, without some of its fields; neighbouring reserved bits as one.
pub fn widths(body: &Body, without: &[&str]) -> Vec<String> {
    let mut list = Vec::new();
    reserve(&mut list, u32::from(body.leading_reserved));
    for field in body
        .fields
        .iter()
        .filter(|field| !without.contains(&field.name))
    {
        list.push(field.kind.to_owned());
        reserve(&mut list, u32::from(field.reserved_after));
    }
    list
}

/// The same of a definition.
pub fn def_widths(def: &Def) -> Vec<String> {
    let mut list = Vec::new();
    for member in &def.members {
        match member {
            Member::Field { kind, .. } => list.push(kind.clone()),
            Member::Reserved(bits) => reserve(&mut list, *bits),
            Member::Part { .. } => {}
        }
    }
    list
}

fn reserve(list: &mut Vec<String>, bits: u32) {
    if bits > 0 {
        list.push(format!("-{bits}"));
    }
}
