//! What the frames of a marker mean: a list of patterns, the first that fits counts.
//!
//! A named profile is such a list with the framing that belongs to it; every part can be replaced by the configuration.
//! Named groups of a pattern are details: `(?<serial>…)`, see [`DETAILS`].

use regex_lite::Regex;

use super::{DETAILS, Details, Step};
use crate::rules::groups;

/// Patterns of one marker at most.
pub const MAX_RULES: usize = 64;

/// One pattern as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What a frame means that fits.
    pub step: Step,
    /// A regular expression, not anchored.
    pub pattern: &'static str,
}

/// A kind of marker by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// As in the configuration.
    pub name: &'static str,
    /// For whom it is.
    pub about: &'static str,
    /// What frames begin with, if anything; what stands before it is thrown away.
    pub starts: &'static [&'static [u8]],
    /// What frames end with.
    pub ends: &'static [&'static [u8]],
    /// Ends of marks are answers to commands, in their order.
    pub replies: bool,
    /// What asks it for its state, if it has to be asked.
    pub poll: &'static [u8],
    /// Its patterns.
    pub rules: &'static [Rule],
}

const fn rule(step: Step, pattern: &'static str) -> Rule {
    Rule { step, pattern }
}

/// All profiles.
///
/// Keyence MD answers `WX,StartMarking` with `WX,OK` once marking is complete, and every other command with `WX,OK` too;
/// `RX,Ready` with `RX,OK,0` ready, `1` error, `2` marking. Panasonic LP tells the end of a mark by itself, once its response is
/// permitted (`MSTS1`): `STX MST A 0000`, or an error code `E001` to `E999` (command manuals LP-GS ME-LP-GS-SR-COMP-3 §3-3-8,
/// LP-M ME-LPMSZ-SR-9 p. 41, where an energy may follow). Gravotech tells `GO M` and `GO F`. Telesis extended protocol:
/// `SOH type [##] STX [data] ETX BCC CR`, `G` begins a print cycle, `V`, `1` and `Q` are texts (data sheet TMP3200/090,
/// 37061 rev. J p. 6); its message at the end of a print is the site's own text, `DONE` here. Videojet is asked and
/// commanded as in *Ultimate Protocol* V1.7 §2; the words of its answers there were not at hand.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "keyence_md",
        about: "Keyence MD-X, MD-F, MD-U, ML-Z: its dialogue with a host, or asked for its state",
        starts: &[],
        ends: &[b"\r", b"\n"],
        replies: true,
        poll: b"RX,Ready\r",
        rules: &[
            rule(Step::Busy, r"^RX,OK,2\b"),
            rule(Step::Ready, r"^RX,OK,0\s*$"),
            rule(Step::Fault, r"^RX,OK,(?<error>1)\s*$"),
            rule(Step::Ignore, r"^RX,"),
            rule(Step::Done, r"^WX,OK\b"),
            rule(Step::Failed, r"^WX,NG(?:,(?<error>.*))?$"),
            rule(Step::Start, r"^WX,StartMarking\b"),
            rule(Step::Data, r"^WX,.*\bCharacterString=(?<code>.*)$"),
            rule(Step::Command, r"^WX,"),
        ],
    },
    Profile {
        name: "gravotech",
        about: "Gravotech and Technifor TL, LW (LaserStyle)",
        starts: &[],
        ends: &[b"\r", b"\n"],
        replies: false,
        poll: b"",
        rules: &[
            rule(Step::Start, r"^GO M\b"),
            rule(Step::Done, r"^GO F\b"),
            rule(Step::Failed, r"^ER(?:ROR)?\b[ :,]*(?<error>.*)$"),
            rule(Step::Data, r#"^VS \d+ "(?<code>[^"]*)""#),
            rule(Step::Ignore, r"^(?:GO|LD|VS)\b"),
        ],
    },
    Profile {
        name: "panasonic_lp",
        about: "Panasonic LP-GS, LP-RC, LP-M, LP-S: end of marking permitted by MSTS1",
        starts: &[],
        ends: &[b"\r"],
        replies: false,
        poll: b"",
        rules: &[
            rule(Step::Done, r"^\x02MSTA0000"),
            rule(Step::Failed, r"^\x02MSTA(?<error>E\d{3})"),
            rule(Step::Start, r"^\x02MRKS"),
            rule(Step::Data, r"^\x02STRS\d{3}(?<code>[^\x03]*)$"),
            rule(Step::Ignore, r"^(?:\x06|\x15|\x02)"),
        ],
    },
    Profile {
        name: "telesis",
        about: "Telesis Merlin and Zenith, extended protocol, with DONE as message at the end of a print",
        starts: &[],
        ends: &[b"\r"],
        replies: false,
        poll: b"",
        rules: &[
            rule(Step::Start, r"^\x01G(?:\d\d)?\x02\x03"),
            rule(
                Step::Data,
                r"^\x01[V1Q](?:\d\d)?\x02\d\d(?<code>[^\x03]*)\x03",
            ),
            rule(
                Step::Done,
                r"^(?:\x01.*\x02)?(?i:(?:PRINT )?DONE)\b[ :,]*(?<code>[^\x03]*)",
            ),
            rule(
                Step::Failed,
                r"^(?:\x01.*\x02)?(?i:ERROR|ABORT)[ :,]*(?<error>[^\x03]*)",
            ),
            rule(Step::Ignore, r"^(?:\x01|\x06|\x15)"),
        ],
    },
    Profile {
        name: "videojet",
        about: "Videojet and Alltec, Ultimate protocol: asked for its state",
        starts: &[],
        ends: &[b";", b"\r", b"\n"],
        replies: false,
        poll: b"GetStatus;",
        rules: &[
            rule(
                Step::Busy,
                r"^(?i:(?:Status[=:, ]*)?(?:marking|printing|busy))\b",
            ),
            rule(
                Step::Ready,
                r"^(?i:(?:Status[=:, ]*)?(?:ready|waiting|started|standby|idle|stopped))\b",
            ),
            rule(
                Step::Fault,
                r"^(?i:(?:Status[=:, ]*)?(?:error|fault|alarm))\b[=:, ]*(?<error>.*)$",
            ),
            rule(Step::Data, r"^(?i:SetVars?)[ =:(]+[^=]*=(?<code>.*)$"),
            rule(Step::Ignore, r"^(?i:Get|Start|Stop|OK|Status)"),
        ],
    },
    Profile {
        name: "generic",
        about: "Lines: START code, DONE code, FAIL code reason; or OK and NG",
        starts: &[],
        ends: &[b"\r", b"\n"],
        replies: false,
        poll: b"",
        rules: &[
            rule(Step::Start, r"^(?i:START|BEGIN)\b[ ,;:\t]*(?<code>\S*)"),
            rule(Step::Done, r"^(?i:DONE|END|OK|PASS)\b[ ,;:\t]*(?<code>\S*)"),
            rule(
                Step::Failed,
                r"^(?i:FAIL(?:ED)?|NG|ERROR)\b[ ,;:\t]*(?<code>[^\s,;]*)[ ,;\t]*(?<error>.*)$",
            ),
            rule(Step::Busy, r"^(?i:BUSY|MARKING)\b"),
            rule(Step::Ready, r"^(?i:READY|IDLE)\b"),
        ],
    },
];

/// The profile of a name.
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// It is no regular expression.
    #[error("{0}")]
    Pattern(String),
    /// It has a group of a name that is no detail.
    #[error("there is no detail `{0}`; details: {all}", all = DETAILS.join(", "))]
    Group(String),
}

/// Patterns, ready to use.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<(Step, Regex)>);

impl Rules {
    /// Those of a profile.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let rules = profile.rules.iter();
        // The tests compile every profile.
        Self(
            rules
                .filter_map(|rule| Some((rule.step, Regex::new(rule.pattern).ok()?)))
                .collect(),
        )
    }

    /// Adds a pattern behind the others.
    ///
    /// # Errors
    /// It is none, or has a group that means nothing.
    pub fn add(&mut self, step: Step, pattern: &str) -> Result<(), BadRule> {
        let regex = compile(pattern)?;
        self.0.push((step, regex));
        Ok(())
    }

    /// Adds others behind its own.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Without the patterns of this step.
    pub fn remove(&mut self, step: Step) {
        self.0.retain(|(own, _)| *own != step);
    }

    /// What a frame means; `None` for one that fits nothing.
    #[must_use]
    pub fn classify(&self, frame: &str) -> Option<(Step, Details)> {
        let mut fitting = self.0.iter();
        let (step, found) =
            fitting.find_map(|(step, regex)| Some((*step, groups(regex, frame)?)))?;
        let mut details = Details::default();
        for (name, text) in found {
            details.set(name, text);
        }
        Some((step, details))
    }
}

/// A pattern with groups that are details.
///
/// # Errors
/// It is none, or has a group that means nothing.
pub fn compile(pattern: &str) -> Result<Regex, BadRule> {
    let regex = Regex::new(pattern).map_err(|error| BadRule::Pattern(error.to_string()))?;
    match regex
        .capture_names()
        .flatten()
        .find(|name| !DETAILS.contains(name))
    {
        Some(name) => Err(BadRule::Group(name.to_owned())),
        None => Ok(regex),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_compiles_and_its_groups_are_details() {
        for profile in PROFILES {
            assert_eq!(
                Rules::of(profile).0.len(),
                profile.rules.len(),
                "{}",
                profile.name
            );
            for rule in profile.rules {
                compile(rule.pattern).unwrap_or_else(|error| panic!("{}: {error}", profile.name));
            }
            assert!(!profile.ends.is_empty() && profile.rules.len() <= MAX_RULES);
        }
    }

    fn check(name: &str, cases: &[(&str, Option<Step>, &str)]) {
        let rules = Rules::of(profile(name).unwrap());
        for (frame, step, said) in cases {
            let told = rules.classify(frame);
            assert_eq!(told.as_ref().map(|it| it.0), *step, "{name}: {frame:?}");
            let details = told.map(|it| it.1).unwrap_or_default();
            let text = details.code.or(details.error).unwrap_or_default();
            assert_eq!(text, *said, "{name}: {frame:?}");
        }
    }

    #[test]
    fn frames_as_markers_send_them() {
        check(
            "keyence_md",
            &[
                ("WX,JobNo=0007", Some(Step::Command), ""),
                (
                    "WX,JOB=0007,BLK=000,CharacterString=ABC,1",
                    Some(Step::Data),
                    "ABC,1",
                ),
                ("WX,StartMarking", Some(Step::Start), ""),
                ("WX,StartMarking=1", Some(Step::Start), ""),
                ("WX,OK", Some(Step::Done), ""),
                ("WX,NG,012,Laser off", Some(Step::Failed), "012,Laser off"),
                ("RX,Ready", Some(Step::Ignore), ""),
                ("RX,OK,0", Some(Step::Ready), ""),
                ("RX,OK,1", Some(Step::Fault), "1"),
                ("RX,OK,2", Some(Step::Busy), ""),
                ("hello", None, ""),
            ],
        );
        check(
            "gravotech",
            &[
                (r#"LD "file.t2l" 1 N"#, Some(Step::Ignore), ""),
                ("LD 1", Some(Step::Ignore), ""),
                (r#"VS 0 "SN 17""#, Some(Step::Data), "SN 17"),
                ("VS 1", Some(Step::Ignore), ""),
                ("GO", Some(Step::Ignore), ""),
                ("GO M", Some(Step::Start), ""),
                ("GO F", Some(Step::Done), ""),
                ("ER 12", Some(Step::Failed), "12"),
            ],
        );
        check(
            "panasonic_lp",
            &[
                ("\x02MSTA0000", Some(Step::Done), ""),
                ("\x02MSTA00005F", Some(Step::Done), ""),
                ("\x02MSTAE400", Some(Step::Failed), "E400"),
                ("\x0600", Some(Step::Ignore), ""),
                ("\x02STRS001SN17", Some(Step::Data), "SN17"),
            ],
        );
        check(
            "telesis",
            &[
                ("\x01V\x0200SN17\x03A1", Some(Step::Data), "SN17"),
                ("\x01G\x02\x03A1", Some(Step::Start), ""),
                ("DONE", Some(Step::Done), ""),
                ("PRINT DONE SN17", Some(Step::Done), "SN17"),
                ("ERROR 5", Some(Step::Failed), "5"),
            ],
        );
        check(
            "videojet",
            &[
                ("Status=Marking", Some(Step::Busy), ""),
                ("Ready", Some(Step::Ready), ""),
                ("Error 17", Some(Step::Fault), "17"),
                ("SetVars serial=SN17", Some(Step::Data), "SN17"),
            ],
        );
        check(
            "generic",
            &[
                ("START SN17", Some(Step::Start), "SN17"),
                ("DONE;SN17", Some(Step::Done), "SN17"),
                ("ok", Some(Step::Done), ""),
                ("FAIL SN17 laser off", Some(Step::Failed), "SN17"),
            ],
        );
    }

    #[test]
    fn a_pattern_with_a_group_that_means_nothing_is_refused() {
        assert_eq!(
            compile("(?<colour>x)").unwrap_err(),
            BadRule::Group("colour".to_owned())
        );
        assert!(matches!(compile("("), Err(BadRule::Pattern(_))));
        let mut rules = Rules::of(profile("generic").unwrap());
        rules.remove(Step::Done);
        rules.add(Step::Done, "^fertig (?<serial>.*)$").unwrap();
        let (step, details) = rules.classify("fertig 17").unwrap();
        assert_eq!((step, details.serial.as_deref()), (Step::Done, Some("17")));
        assert_eq!(rules.classify("DONE 17"), None);
    }
}
