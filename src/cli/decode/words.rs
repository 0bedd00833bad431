//! Answers in words.

use tracegate_gs1::iso15434::{FormatContent, Message};
use tracegate_gs1::{
    Element, Scan, ScanContent, ScanOptions, Thing, Udi, associations, parse_digital_link,
    parse_scan,
};

use crate::error_chain;

/// A heading and lines of name and value beneath it.
pub(super) struct Words {
    title: String,
    lines: Vec<(String, String)>,
}

impl Words {
    pub(super) fn titled(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            lines: Vec::new(),
        }
    }

    pub(super) fn line(mut self, name: &str, value: &str) -> Self {
        self.optional(name, Some(value.to_owned()));
        self
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<String>) {
        self.lines
            .extend(value.map(|value| (name.to_owned(), value)));
    }

    pub(super) fn elements(&mut self, elements: &[Element]) {
        for element in elements {
            let title = element.ai().title().unwrap_or_default();
            let name = format!("({}) {title}", element.ai());
            self.optional(&name, Some(element.value().to_owned()));
        }
    }

    /// Its names and its level.
    pub(super) fn thing(&mut self, thing: Option<&Thing>) {
        let Some(thing) = thing else { return };
        let level = thing.level().as_str().replace('_', " ");
        self.optional("level", Some(level));
        self.optional("instance", thing.instance_uri());
        self.optional("class", thing.class_uri());
    }

    pub(super) fn done(self) -> String {
        let width = self.lines.iter().map(|(name, _)| name.chars().count());
        let width = width.max().unwrap_or_default();
        let mut text = format!("{}\n", self.title);
        for (name, value) in self.lines {
            let pad = width - name.chars().count();
            text += &format!("  {name}{:pad$}  {}\n", "", printable(&value));
        }
        text
    }
}

/// Control characters by their picture, so that nothing reaches the terminal as a command.
fn printable(text: &str) -> String {
    let picture = |character: char| match u32::from(character) {
        code @ 0..=0x1F => char::from_u32(0x2400 + code).unwrap_or(character),
        0x7F => '\u{2421}',
        0x80..=0x9F => char::REPLACEMENT_CHARACTER,
        _ => character,
    };
    text.chars().map(picture).collect()
}

/// A scan in words.
pub(super) fn scan(raw: &[u8], options: &ScanOptions) -> String {
    let scan = match parse_scan(raw, options) {
        Ok(scan) => scan,
        Err(error) => {
            return Words::titled("Scan refused")
                .line("reason", &error_chain(&error))
                .done();
        }
    };
    let mut words = Words::titled(&title(&scan));
    match &scan.content {
        ScanContent::Gs1(elements) => {
            words.elements(elements);
            words.optional("Digital Link", tracegate_gs1::link_of(elements));
        }
        ScanContent::Message(message) => formats(message, &mut words),
        ScanContent::Hibc(hibc) => {
            if let Some(primary) = &hibc.primary {
                words.optional("labeler", Some(primary.labeler.clone()));
                words.optional("product", Some(primary.product.clone()));
                words.optional("unit of measure", Some(primary.unit_of_measure.to_string()));
            }
            words.optional("link", hibc.link.map(String::from));
            words.optional(
                "quantity",
                hibc.quantity.map(|quantity| quantity.to_string()),
            );
            words.optional("lot", hibc.lot.clone());
            words.optional("serial", hibc.serial.clone());
            words.optional("expiry", hibc.expiry.map(|date| date.to_string()));
            words.optional(
                "manufactured",
                hibc.manufactured.map(|date| date.to_string()),
            );
        }
        ScanContent::Code(code) => {
            for (name, value) in &code.fields {
                words.optional(name, Some(value.clone()));
            }
        }
        _ => words.optional("data", Some(scan.data.clone())),
    }
    words.thing(scan.thing().as_ref());
    words.optional("device (UDI)", scan.udi().map(|udi| device(&udi)));
    for warning in &scan.warnings {
        words.optional("warning", Some(warning.to_string()));
    }
    words.done()
}

fn title(scan: &Scan) -> String {
    let what = match &scan.content {
        ScanContent::Gs1(_) => "GS1 data",
        ScanContent::Message(_) => "ISO/IEC 15434 message",
        ScanContent::Hibc(_) => "HIBC data",
        ScanContent::Code(_) => "Plain code",
        _ => "Plain data",
    };
    match scan.aim {
        Some(aim) => format!(
            "{what} from {} ({aim})",
            aim.symbology().unwrap_or("an unknown symbology")
        ),
        None => format!("{what} without a symbology identifier"),
    }
}

fn formats(message: &Message, words: &mut Words) {
    for format in &message.formats {
        match &format.content {
            FormatContent::Gs1(elements) => words.elements(elements),
            FormatContent::Di(elements) => {
                for element in elements {
                    let meaning = element.di.meaning().unwrap_or_default();
                    let name = format!("{} {meaning}", element.di);
                    words.optional(name.trim_end(), Some(element.value.clone()));
                }
            }
            FormatContent::Text(elements) => {
                for (identifier, value) in elements {
                    words.optional(identifier, Some(value.clone()));
                }
            }
            FormatContent::Other(data) => {
                let name = format!("format {}", format.indicator);
                words.optional(&name, Some(data.clone()));
            }
            _ => {}
        }
    }
}

/// `HIBCC A123BJC5D6E71, lot L`
fn device(udi: &Udi) -> String {
    let mut text = udi.device.clone();
    for (name, value) in [
        ("lot", &udi.lot),
        ("serial", &udi.serial),
        ("manufactured", &udi.manufactured),
        ("expiry", &udi.expiry),
        ("version", &udi.version),
    ] {
        if let Some(value) = value {
            text += &format!(", {name} {value}");
        }
    }
    text
}

/// A Digital Link in words.
pub(super) fn link(uri: &str, options: &ScanOptions) -> String {
    let link = match parse_digital_link(uri, &options.link) {
        Ok(link) => link,
        Err(error) => {
            return Words::titled("Digital Link refused")
                .line("reason", &error_chain(&error))
                .done();
        }
    };
    let mut words = Words::titled("GS1 Digital Link");
    words.elements(link.elements());
    words.optional("canonical", Some(link.canonical()));
    words.thing(link.identity().ok().map(Thing::Gs1).as_ref());
    for warning in associations(link.elements()) {
        words.optional("warning", Some(warning.to_string()));
    }
    words.done()
}
