//! Texts of a receiver's section that have a form of their own: topics, patterns, EPCs.

use tracegate_feed::active::tag_uri;
use tracegate_gs1::epc::encode_tag_uri;

use crate::config::text::text_type;
use crate::config::units::{FromText, Refusal, deserialize_from_text};

text_type! {
    /// Topics to subscribe to, perhaps with the wildcards `+` and `#` (MQTT 5 §4.7.1).
    TopicFilter
}

impl FromText for TopicFilter {
    const EXPECTED: &'static str = "a topic in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"readers/dock_1/tags\", \"gateways/+/beacons\"";
        let mut levels = text.split('/').peekable();
        if text.is_empty() || text.len() > 1_024 || text.chars().any(char::is_control) {
            return Err(Refusal::new("this is no topic", HELP));
        }
        while let Some(level) = levels.next() {
            let many = level == "#" && levels.peek().is_none();
            if level.contains(['+', '#']) && level != "+" && !many {
                return Err(Refusal::new(
                    "+ and # stand for whole levels, # only for the last",
                    HELP,
                ));
            }
        }
        Ok(TopicFilter(text.to_owned()))
    }
}

text_type! {
    /// A pattern with named groups.
    LinePattern
}

impl FromText for LinePattern {
    const EXPECTED: &'static str = "a pattern in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match tracegate_feed::rules::regex(text) {
            Ok(_) => Ok(LinePattern(text.to_owned())),
            Err(bad) => Err(Refusal::new(
                bad.to_string(),
                "example: '^(?<tag_id>\\w+),(?<rssi_dbm>-\\d+)$' (in single quotes a backslash stands for itself)",
            )),
        }
    }
}

text_type! {
    /// An EPC as pure identity URI (TDS 2.1 §6.3).
    EpcUri
}

impl FromText for EpcUri {
    const EXPECTED: &'static str = "an EPC in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let known = tag_uri(text).is_some_and(|uri| encode_tag_uri(&uri).is_ok());
        known.then(|| EpcUri(text.to_owned())).ok_or_else(|| {
            Refusal::new(
                "this is no EPC of a thing",
                "example: \"urn:epc:id:giai:4012345.wrench-17\"; giai, grai, sgtin, cpi and gid are possible",
            )
        })
    }
}

text_type! {
    /// An [`EpcUri`] with `{tag_id}` in it.
    EpcTemplate
}

impl FromText for EpcTemplate {
    const EXPECTED: &'static str = "an EPC with {tag_id} in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"urn:epc:id:giai:4012345.{tag_id}\"";
        if text.matches("{tag_id}").count() != 1 {
            return Err(Refusal::new("{tag_id} must be in it once", HELP));
        }
        let tried = tag_uri(&text.replace("{tag_id}", "1"));
        match tried.map(|uri| encode_tag_uri(&uri)) {
            Some(Ok(_)) => Ok(EpcTemplate(text.to_owned())),
            _ => Err(Refusal::new("this is no EPC of a thing", HELP)),
        }
    }
}
