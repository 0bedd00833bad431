//! The host name of a '++' EPC (TDS 2.3 section 14.5.16): one bit (0 URN Code 40, 1 seven bits),
//! six bits of length, then the characters.
//!
//! With seven bits, some groups stand for a frequent start or end of a host name, and four groups
//! say that the next is a place in a list of top-level domains. The length counts groups.

use super::super::{
    EpcError, Scheme,
    bits::{BitReader, BitWriter, EndOfBits},
};
use super::alphabet;

/// The longest host name (RFC 1035 section 2.3.4).
const MAX: usize = 253;
/// Groups that the length can count.
const GROUPS_MAX: usize = 63;

/// Groups that stand for a text of their own (TDS 2.3 table A).
const SINGLE: &[(u8, &str)] = &[
    (0x1E, "qr."),
    (0x1F, "www."),
    (0x20, "id."),
    (0x5B, ".com"),
    (0x5C, ".org"),
    (0x5D, ".net"),
    (0x5E, ".int"),
    (0x60, ".edu"),
    (0x7B, ".gov"),
    (0x7C, ".mil"),
    (0x7D, ".biz"),
    (0x7E, ".eco"),
    (0x7F, ".med"),
];

/// The lists that the groups 0, 1, 2 and 3 choose (TDS 2.3 tables B1 to B4), without the dot in
/// front. Ends of the third after `com.zm` are in drafts only.
const LISTS: [&str; 4] = [
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br \
     bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec \
     ee eg eh er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy \
     hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz \
     la lb lc li",
    "lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc \
     ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw \
     sa sb sc sd se sg sh si sk sl sm sn sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to \
     tr tt tv tw tz ua ug us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw",
    "com.au net.au org.au co.at com.bd co.bd com.br net.br co.nz com.ng com.pk co.in com.in co.il \
     co.jp co.za co.kr com.es com.lk co.th co.tt com.tt com.tr biz.tr com.ua co.uk co.zm com.zm \
     com.cn org.cn net.cn gov.cn",
    "tech",
];

/// Reads the host name and gives each piece of it to `push`, which keeps it or not.
pub(super) fn read(
    reader: &mut BitReader<'_>,
    scheme: Scheme,
    push: &mut dyn FnMut(&str),
) -> Result<(), EpcError> {
    let has = reader.position() + reader.remaining();
    let mut uint = |width| {
        let end = |EndOfBits { needs }| EpcError::TooShort { scheme, needs, has };
        reader.uint(width).map_err(end)
    };
    let mut check = HostCheck::default();
    let mut emit = |piece: &str| -> Result<(), EpcError> {
        check.take(piece)?;
        push(piece);
        Ok(())
    };
    let seven_bits = uint(1)? == 1;
    let mut left = uint(6)?;
    if seven_bits {
        while left > 0 {
            let group = uint(7)?;
            left -= 1;
            match list(group) {
                Some(list) => {
                    let place = uint(7)?;
                    left = left.checked_sub(1).ok_or(EpcError::HostName)?;
                    let place = usize::try_from(place).map_err(|_| EpcError::HostName)?;
                    let ending = list.split(' ').nth(place).ok_or(EpcError::HostName)?;
                    emit(".")?;
                    emit(ending)?;
                }
                None => emit_group(group, &mut emit)?,
            }
        }
    } else {
        while left > 0 {
            for character in alphabet::code_40(uint(16)?).ok_or(EpcError::HostName)? {
                match (left, character) {
                    (0, b' ') => {}
                    (0, _) | (_, b' ') => return Err(EpcError::HostName),
                    _ => {
                        emit_character(character, &mut emit)?;
                        left -= 1;
                    }
                }
            }
        }
    }
    check.end()
}

fn list(group: u64) -> Option<&'static str> {
    LISTS.get(usize::try_from(group).ok()?).copied()
}

fn emit_group(
    group: u64,
    emit: &mut dyn FnMut(&str) -> Result<(), EpcError>,
) -> Result<(), EpcError> {
    let group = u8::try_from(group).map_err(|_| EpcError::HostName)?;
    match SINGLE.iter().find(|(code, _)| *code == group) {
        Some((_, piece)) => emit(piece),
        None => emit_character(group, emit),
    }
}

fn emit_character(
    character: u8,
    emit: &mut dyn FnMut(&str) -> Result<(), EpcError>,
) -> Result<(), EpcError> {
    // Host names know no case; one spelling makes one link.
    let character = [character.to_ascii_lowercase()];
    emit(str::from_utf8(&character).map_err(|_| EpcError::HostName)?)
}

/// Checks a host name as it comes (RFC 1123 section 2.1): labels of letters, digits and inner
/// hyphens.
#[derive(Default)]
struct HostCheck {
    total: usize,
    label: usize,
    last: u8,
}

impl HostCheck {
    fn take(&mut self, piece: &str) -> Result<(), EpcError> {
        for byte in piece.bytes() {
            match byte {
                b'.' => self.end()?,
                b'-' if self.label == 0 => return Err(EpcError::HostName),
                b'a'..=b'z' | b'0'..=b'9' | b'-' => {}
                _ => return Err(EpcError::HostName),
            }
            self.label = if byte == b'.' { 0 } else { self.label + 1 };
            self.last = byte;
            self.total += 1;
        }
        if self.label > 63 || self.total > MAX {
            return Err(EpcError::HostName);
        }
        Ok(())
    }

    /// A label may end here.
    fn end(&self) -> Result<(), EpcError> {
        if self.label == 0 || self.last == b'-' {
            return Err(EpcError::HostName);
        }
        Ok(())
    }
}

/// Whether `host` is a host name that [`write`] can encode.
pub(super) fn check(host: &str) -> Result<(), EpcError> {
    let mut check = HostCheck::default();
    check.take(host)?;
    check.end()?;
    if groups(host).len() > GROUPS_MAX {
        return Err(EpcError::HostName);
    }
    Ok(())
}

/// Appends the host name, in seven bits.
pub(super) fn write(bits: &mut BitWriter, host: &str) {
    let groups = groups(host);
    bits.push(1, 1);
    bits.push(u64::try_from(groups.len()).unwrap_or(0), 6);
    groups.iter().for_each(|&group| bits.push(group.into(), 7));
}

/// The groups of a host name: in the usual way, or if that takes too many, in as few as possible.
fn groups(host: &str) -> Vec<u8> {
    let usual = usual_groups(host);
    if usual.len() > GROUPS_MAX {
        return fewest_groups(host);
    }
    usual
}

/// Pieces of the tables wherever they stand, as few groups as possible: whatever [`read`] has taken fits again.
fn fewest_groups(host: &str) -> Vec<u8> {
    // From each place to the end: how many groups, and the first of them with what it stands for.
    let mut best: Vec<(usize, [Option<u8>; 2], usize)> = vec![(0, [None; 2], 0); host.len() + 1];
    for (at, first) in host.bytes().enumerate().rev() {
        let rest = host.get(at..).unwrap_or_default();
        let singles = SINGLE
            .iter()
            .filter(|(_, piece)| rest.starts_with(piece))
            .map(|(code, piece)| ([Some(*code), None], piece.len()));
        let endings = rest.strip_prefix('.').into_iter().flat_map(|rest| {
            let lists = LISTS.iter().zip(0_u8..);
            lists.flat_map(move |(list, number)| {
                let places = list.split(' ').zip(0_u8..);
                let places = places.filter(|(ending, _)| rest.starts_with(ending));
                places.map(move |(ending, place)| ([Some(number), Some(place)], ending.len() + 1))
            })
        });
        let choice = std::iter::once(([Some(first), None], 1))
            .chain(singles)
            .chain(endings)
            .filter_map(|(groups, length)| {
                let (after, _, _) = best.get(at + length)?;
                Some((after + groups.iter().flatten().count(), groups, length))
            })
            .min_by_key(|(count, _, _)| *count);
        if let (Some(slot), Some(choice)) = (best.get_mut(at), choice) {
            *slot = choice;
        }
    }
    let (mut groups, mut at) = (Vec::new(), 0);
    while let Some((_, next, length)) = best.get(at).filter(|(count, _, _)| *count > 0) {
        groups.extend(next.iter().flatten());
        at += length;
    }
    groups
}

/// The groups of a host name: the longest piece that a table has, else a character.
fn usual_groups(host: &str) -> Vec<u8> {
    let mut groups = Vec::with_capacity(host.len());
    let mut rest = host;
    while let Some(first) = rest.as_bytes().first() {
        // An ending of the lists stands only at the end.
        if let Some((list, place)) = rest.strip_prefix('.').and_then(place_in_lists) {
            groups.extend([list, place]);
            return groups;
        }
        let start = rest.len() == host.len();
        let single = SINGLE.iter().find(|(_, piece)| {
            rest.starts_with(piece)
                && (start || piece.starts_with('.') && rest.len() == piece.len())
        });
        let taken = match single {
            Some((code, piece)) => {
                groups.push(*code);
                piece.len()
            }
            None => {
                groups.push(*first);
                1
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    groups
}

fn place_in_lists(ending: &str) -> Option<(u8, u8)> {
    LISTS.iter().zip(0..).find_map(|(list, number)| {
        let place = list.split(' ').position(|other| other == ending)?;
        Some((number, u8::try_from(place).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::bits::Bits;
    use super::*;

    fn read_back(host: &str) -> (Result<(), EpcError>, String) {
        let mut bits = BitWriter::default();
        write(&mut bits, host);
        let (bytes, len) = bits.into_words();
        let mut reader = BitReader::new(Bits::new(&bytes, len).unwrap());
        let mut text = String::new();
        let result = read(&mut reader, Scheme::SgtinPlusPlus, &mut |piece| {
            text.push_str(piece);
        });
        (result, text)
    }

    #[test]
    fn host_names_come_back() {
        for host in [
            "id.example.com",
            "qr.example.co.uk",
            "www.a-b.de",
            "localhost",
            "x.tech",
            "com.comx.org",
            "example.zw",
        ] {
            assert_eq!(check(host), Ok(()), "{host}");
            assert_eq!(read_back(host), (Ok(()), host.to_owned()));
        }
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        for host in [
            "", ".com", "a..b", "a.", "-a.de", "a-.de", "a_b.de", "a b", "A.de",
        ] {
            assert_eq!(check(host), Err(EpcError::HostName), "{host}");
        }
        assert_eq!(read_back("").0, Err(EpcError::HostName));
        // URN Code 40: length 2, one code for "AB " and one that no characters have.
        for (code, fits) in [
            (1600 + 80 + 1, true),
            (1600 + 80 + 2, false),
            (64_001, false),
        ] {
            let mut bits = BitWriter::default();
            bits.push(0, 1);
            bits.push(2, 6);
            bits.push(code, 16);
            let (bytes, len) = bits.into_words();
            let mut reader = BitReader::new(Bits::new(&bytes, len).unwrap());
            let mut text = String::new();
            let result = read(&mut reader, Scheme::SgtinPlusPlus, &mut |piece| {
                text.push_str(piece);
            });
            assert_eq!(result.is_ok(), fits);
            assert!(!fits || text == "ab");
        }
    }
}
