//! Loads, trucks and people, and the tags on them.

use std::ops::Range;

use tracegate_gs1::epc::encode_tag_uri;

use crate::scenario::canonical_uri;

use super::dice::Dice;
use super::path::Path;
use super::radio::{Point, TagRadio, unit};

/// Our company prefix: tags with it are goods.
pub(super) const COMPANY: &str = "4012345";
/// Another company's, on the goods of a mixed load.
const OTHER_COMPANY: &str = "7612345";

/// A tag as its index in the day's list.
pub(super) type TagIndex = u32;

/// What a tag is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagKind {
    /// An item or case of ours.
    Item,
    /// The SSCC of a pallet.
    Unit,
    /// A fork lift, a badge, another company's item: not to be booked.
    Stranger,
    /// Noise that passed the CRC: nothing has this number.
    Ghost,
}

/// One tag.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    pub(super) kind: TagKind,
    pub(super) epc: Vec<u8>,
    /// Its Digital Link.
    pub(super) uri: String,
    pub(super) radio: TagRadio,
    /// From the middle of the floor of its body.
    pub(super) offset: Point,
    /// How long its inventoried flag lasts in session 1, seconds (Gen2 6.3.2.2: 0.5 to 5).
    pub(super) flag_s: f64,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Load,
    Truck,
    Person,
}

/// Why a load is where it is, when it makes no movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Stock that stands in the field.
    Parked,
    /// Stock that was moved a little without passing the door.
    Handled,
    /// Came to the door and went back.
    TurnBack,
    /// Went along the wall.
    DriveBy,
    /// Passed another door.
    Neighbour,
    /// A part of a load that was booked apart, or several loads as one.
    Pieces,
    /// Passed the door at that time, but something else was told of it.
    Passing,
    /// Tags that are not there or not ours.
    Strangers,
}

impl Cause {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Handled => "handled",
            Self::TurnBack => "turn_back",
            Self::DriveBy => "drive_by",
            Self::Neighbour => "neighbour",
            Self::Pieces => "pieces",
            Self::Passing => "passing",
            Self::Strangers => "strangers",
        }
    }
}

/// Something that stands or moves as a whole.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) kind: BodyKind,
    pub(super) size: Point,
    /// What a metre of it takes from the wave, one way.
    pub(super) db_per_m: f64,
    pub(super) path: Path,
    pub(super) tags: Range<usize>,
    /// Bodies with one number move as one: twin pallets.
    pub(super) trip: u32,
    /// From, to, why.
    pub(super) episodes: Vec<(f64, f64, Cause)>,
}

/// How many tags a load has, and what is in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub(super) tags: (u32, u32),
    pub(super) sscc_share: f64,
    /// Shares of dry, mixed and liquid or metal goods.
    pub(super) materials: [f64; 3],
    pub(super) size: Point,
}

/// Decibels a metre, one way: paper and textiles; mixed cases; drinks and cans.
const DB_PER_M: [f64; 3] = [2.0, 9.0, 30.0];
/// Of ten tags on a pallet, this many are on the outer faces of their layer.
const OUTWARD: f64 = 0.75;

/// Makes tags with numbers that never repeat.
#[derive(Debug, Default)]
pub(super) struct Warehouse {
    pub(super) tags: Vec<Tag>,
    serial: u64,
}

impl Warehouse {
    fn add(&mut self, dice: &mut Dice, kind: TagKind, tag_uri: &str, offset: Point) {
        // What cannot be encoded would be a mistake in this file; the tests look at every kind.
        let Ok(binary) = encode_tag_uri(tag_uri) else {
            return;
        };
        self.tags.push(Tag {
            kind,
            epc: binary.bytes,
            uri: canonical_uri(&pure_identity(tag_uri)),
            radio: TagRadio {
                threshold_dbm: -18.5 + dice.normal(),
                gain_dbi: -1.0 - 1.5 * dice.between(0.0, 1.0) - 1.5 * dice.normal().abs(),
                axis: unit([dice.normal(), dice.normal(), 0.3 * dice.normal()]),
            },
            offset,
            flag_s: dice.between(0.5, 5.0),
        });
    }

    /// The tags of one load; the number that says which.
    pub(super) fn load(&mut self, dice: &mut Dice, recipe: &Recipe) -> (Range<usize>, f64) {
        let first = self.tags.len();
        let count = dice.whole(recipe.tags.0, recipe.tags.1);
        let [length, width, height] = recipe.size;
        if dice.chance(recipe.sscc_share) {
            self.serial += 1;
            let uri = format!("urn:epc:tag:sscc-96:0.{COMPANY}.3{:09}", self.serial);
            let face = [
                dice.sign() * length / 2.0,
                0.1 * dice.normal(),
                height * 0.6,
            ];
            self.add(dice, TagKind::Unit, &uri, face);
        }
        let item = dice.whole(1, 40);
        for _ in 0..count {
            self.serial += 1;
            let mut offset = [
                dice.between(-0.5, 0.5) * length,
                dice.between(-0.5, 0.5) * width,
                dice.between(0.1, 1.0) * height,
            ];
            if dice.chance(OUTWARD) {
                let axis = usize::from(dice.chance(0.6));
                offset[axis] = dice.sign() * recipe.size[axis] / 2.0;
            }
            let uri = format!(
                "urn:epc:tag:sgtin-96:1.{COMPANY}.0{item:05}.{}",
                self.serial
            );
            self.add(dice, TagKind::Item, &uri, offset);
        }
        if dice.chance(0.1) {
            self.serial += 1;
            let uri = format!(
                "urn:epc:tag:sgtin-96:1.{OTHER_COMPANY}.000001.{}",
                self.serial
            );
            self.add(
                dice,
                TagKind::Stranger,
                &uri,
                [0.0, width / 2.0, 0.5 * height],
            );
        }
        let material = dice.weighted(recipe.materials.iter().copied());
        (first..self.tags.len(), DB_PER_M[material])
    }

    /// The tag of a fork lift or on a badge.
    pub(super) fn carrier(&mut self, dice: &mut Dice, number: u32) -> Range<usize> {
        let first = self.tags.len();
        let uri = format!("urn:epc:tag:giai-96:0.{COMPANY}.{number}");
        self.add(dice, TagKind::Stranger, &uri, [0.0, 0.0, 1.8]);
        first..self.tags.len()
    }

    /// A number that looks like one of ours, or like nothing.
    pub(super) fn ghost(&mut self, dice: &mut Dice) -> Option<TagIndex> {
        let serial = 200_000_000_000 + u64::from(dice.whole(0, u32::MAX));
        let company = if dice.chance(0.5) { COMPANY } else { "0614141" };
        let uri = format!("urn:epc:tag:sgtin-96:1.{company}.099999.{serial}");
        let index = self.tags.len();
        self.add(dice, TagKind::Ghost, &uri, [0.0; 3]);
        (self.tags.len() > index).then(|| u32::try_from(index).ok())?
    }
}

/// `urn:epc:id:…` of a tag URI: without `-96` and the filter.
fn pure_identity(tag_uri: &str) -> String {
    let rest = tag_uri.strip_prefix("urn:epc:tag:").unwrap_or(tag_uri);
    let (scheme, fields) = rest.split_once(':').unwrap_or((rest, ""));
    let scheme = scheme.split('-').next().unwrap_or(scheme);
    let fields = fields.split_once('.').map_or("", |(_, fields)| fields);
    format!("urn:epc:id:{scheme}:{fields}")
}
