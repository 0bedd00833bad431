//! What a station is there for: its task, as configured.

use serde::{Deserialize, Serialize};

use crate::config::Step;
use crate::guard::Rule;
use crate::time::Span;

/// The task of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskConfig {
    /// Which.
    pub kind: TaskKind,
    /// The event of what is booked.
    pub step: Step,
    /// What the site's own codes look like.
    pub codes: CodeRules,
    /// When a complete issue or return is booked.
    pub confirm: Confirm,
    /// Without a scanned quantity the order's open quantity counts.
    pub as_planned: bool,
    /// Issued material is used up: an input of the order's transformation.
    pub consume: bool,
    /// What is commissioned is scanned twice.
    pub verify: bool,
    /// Marks of the station's markers join the order that is open, as scans do.
    pub join_marks: bool,
    /// CBV word or URI for the order as business transaction.
    pub order_type: String,
    /// Which of the guard's rules a supervisor may override where they refuse; warnings always.
    pub overridable: Vec<Rule>,
    /// Which verdicts are events of their own.
    pub verdicts: Verdicts,
    /// After so long without a scan what is open is cancelled.
    pub idle: Span,
    /// So long after the last scan a badge counts.
    pub badge_timeout: Span,
    /// The same code within this is one scan.
    pub duplicate: Span,
}

/// The kinds of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskKind {
    /// Material goes to an order.
    Issue,
    /// A lot or thing is found conformant or not.
    Inspection,
    /// Things go into a pallet or box, or out of it.
    Packing,
    /// A marked or labelled thing comes to be.
    Commissioning,
    /// Material goes back.
    Return,
}

impl TaskKind {
    /// The word used in configuration, events and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Inspection => "inspection",
            Self::Packing => "packing",
            Self::Commissioning => "commissioning",
            Self::Return => "return",
        }
    }
}

/// When something complete is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirm {
    /// With the scan of the code that confirms.
    Scan,
    /// With the scan of the next order as well.
    NextOrder,
    /// At once.
    Auto,
}

/// Which verdicts are events of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdicts {
    /// Refusals, warnings, overrides and cancellations.
    All,
    /// Refusals and cancellations.
    Refused,
    /// None.
    None,
}

/// What the site's own codes look like: regular expressions for the whole code, and texts of command codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRules {
    /// Orders; a group `order`, else the first group, else all of it is the order's number.
    pub order: Vec<String>,
    /// An order's URI; `{order}` stands for its number.
    pub order_uri: String,
    /// Badges of operators; a group is the badge's number, as above.
    pub badge: Vec<String>,
    /// Badges of supervisors, the same.
    pub supervisor: Vec<String>,
    /// Quantities; a group is the number, as above.
    pub quantity: Vec<String>,
    /// Unit of these quantities by UN/ECE recommendation 20; pieces without one.
    pub unit: Option<String>,
    /// Plain codes that name goods; their groups are the parts of the name, `lot` and `serial` among them.
    pub goods: Vec<String>,
    /// Texts of commands, in any case of letters.
    pub commands: Vec<(String, Command)>,
    /// Texts of inspection results, with the disposition that each means.
    pub results: Vec<(String, String)>,
}

/// What a command code tells a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Command {
    /// Book it, or: go on in spite of the warning.
    Confirm,
    /// Take the last scan back.
    Cancel,
    /// Nothing more goes in.
    Close,
    /// It goes out instead of in.
    Unpack,
    /// The operator leaves.
    Logout,
}

impl Command {
    /// All of them with the word used in configuration.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Confirm, "confirm"),
        (Self::Cancel, "cancel"),
        (Self::Close, "close"),
        (Self::Unpack, "unpack"),
        (Self::Logout, "logout"),
    ];
}

impl Default for CodeRules {
    fn default() -> Self {
        let command = |(command, word): (Command, &str)| {
            (format!("TG:{}", word.to_ascii_uppercase()), command)
        };
        let result = |code: &str, disposition: &str| (code.to_owned(), disposition.to_owned());
        Self {
            order: Vec::new(),
            order_uri: "tracegate:order/{order}".to_owned(),
            badge: Vec::new(),
            supervisor: Vec::new(),
            quantity: vec![r"(?:TG:QTY:)?([0-9]{1,6}(?:\.[0-9]{1,3})?)".to_owned()],
            unit: None,
            goods: Vec::new(),
            commands: Command::ALL.into_iter().map(command).collect(),
            results: vec![
                result("TG:PASS", "conformant"),
                result("TG:FAIL", "non_conformant"),
            ],
        }
    }
}

impl TaskConfig {
    /// A task with the usual settings and its event.
    #[must_use]
    pub fn new(kind: TaskKind, step: Step) -> Self {
        Self {
            kind,
            step,
            codes: CodeRules::default(),
            confirm: Confirm::Scan,
            as_planned: false,
            consume: false,
            verify: false,
            join_marks: false,
            order_type: "prodorder".to_owned(),
            overridable: Vec::new(),
            verdicts: Verdicts::All,
            idle: Span::millis(120_000),
            badge_timeout: Span::millis(8 * 3_600_000),
            duplicate: Span::millis(3_000),
        }
    }
}
