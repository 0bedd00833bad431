//! The rules, and how bad what they find is.

use serde::{Deserialize, Serialize};

use super::config::Strictness;

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    #[default]
    Accept,
    /// It may be used, if somebody looks.
    Warn,
    /// It may not be used.
    Refuse,
}

impl Level {
    /// The word used in events, logs and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// What a guard looks at. The words are stable: consumers of events rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The lot is on hold, blocked, rejected or in quarantine.
    LotHold,
    /// The lot, or what the code itself says of it, has expired: its last day, in the site's zone, is over.
    LotExpired,
    /// This serial number was issued before.
    AlreadyIssued,
    /// No line of the order asks for this item.
    WrongMaterial,
    /// A line asks for the item, and not for this lot.
    NotOnOrder,
    /// The order is closed, completed or cancelled.
    OrderClosed,
    /// Nothing is known of the order.
    OrderUnknown,
    /// More than the line of the order has open, and what is tolerated.
    OverQuantity,
    /// Nothing is known of the lot, or nothing that says whether it may be used.
    LotUnknown,
    /// It expires sooner than `min_remaining` from now.
    MinRemaining,
    /// Another lot of the item expires sooner: it goes first.
    Fefo,
    /// Another lot of the item was received earlier: it goes first. Only where the lots do not expire.
    Fifo,
}

impl Rule {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::LotHold,
        Self::LotExpired,
        Self::AlreadyIssued,
        Self::WrongMaterial,
        Self::NotOnOrder,
        Self::OrderClosed,
        Self::OrderUnknown,
        Self::OverQuantity,
        Self::LotUnknown,
        Self::MinRemaining,
        Self::Fefo,
        Self::Fifo,
    ];

    /// The word used in configuration, events, logs and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LotHold => "lot_hold",
            Self::LotExpired => "lot_expired",
            Self::AlreadyIssued => "already_issued",
            Self::WrongMaterial => "wrong_material",
            Self::NotOnOrder => "not_on_order",
            Self::OrderClosed => "order_closed",
            Self::OrderUnknown => "order_unknown",
            Self::OverQuantity => "over_quantity",
            Self::LotUnknown => "lot_unknown",
            Self::MinRemaining => "min_remaining",
            Self::Fefo => "fefo",
            Self::Fifo => "fifo",
        }
    }

    /// How strict it is where nothing is configured: for data that is current and data that is not.
    #[must_use]
    pub const fn default_strictness(self) -> Strictness {
        match self {
            Self::LotHold | Self::LotExpired | Self::AlreadyIssued => {
                Strictness::always(Level::Refuse)
            }
            // The order may have been changed since.
            Self::WrongMaterial | Self::NotOnOrder | Self::OrderClosed => Strictness {
                current: Level::Refuse,
                stale: Level::Warn,
            },
            Self::OrderUnknown
            | Self::OverQuantity
            | Self::LotUnknown
            | Self::MinRemaining
            | Self::Fefo
            | Self::Fifo => Strictness::always(Level::Warn),
        }
    }

    /// How strict it is when `level` is configured for it: what only an order says is no more than warned of once the data
    /// is old.
    #[must_use]
    pub const fn strictness(self, level: Level) -> Strictness {
        match (self, level) {
            (Self::WrongMaterial | Self::NotOnOrder | Self::OrderClosed, Level::Refuse) => {
                self.default_strictness()
            }
            _ => Strictness::always(level),
        }
    }

    /// Whether it can be judged where no order is, by what is read alone: the rules of doors.
    #[must_use]
    pub const fn is_about_the_thing(self) -> bool {
        matches!(self, Self::LotHold | Self::LotExpired | Self::MinRemaining)
    }
}
