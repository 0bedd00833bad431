//! Which thing a tag is on: a template, or a table.

use std::collections::BTreeMap;

/// Where the tag's number stands in a template.
const PLACE: &str = "{tag_id}";

/// From a tag's number to the EPC of its thing, as a pure identity URI such as `urn:epc:id:giai:4012345.{tag_id}`
/// (TDS 2.1 §6.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// For tags that are not in the table.
    pub template: Option<String>,
    /// By the tag's number.
    pub table: BTreeMap<String, String>,
}

impl Names {
    /// The EPC of the tag's thing; `None` if nobody said.
    #[must_use]
    pub fn uri(&self, tag_id: &str) -> Option<String> {
        let known = self.table.get(tag_id).cloned();
        known.or_else(|| Some(self.template.as_ref()?.replace(PLACE, &escaped(tag_id))))
    }
}

/// The tag URI of an identity that a number of any form can be part of, in the longest encoding of its scheme
/// (TDS 2.1 §14.6): `None` for other schemes.
#[must_use]
pub fn tag_uri(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.strip_prefix("urn:epc:id:")?.split_once(':')?;
    let long = match scheme {
        "giai" => "giai-202:0",
        "grai" => "grai-170:0",
        "sgtin" => "sgtin-198:0",
        "cpi" => "cpi-var:0",
        "gid" => return Some(format!("urn:epc:tag:gid-96:{rest}")),
        _ => return None,
    };
    Some(format!("urn:epc:tag:{long}.{rest}"))
}

/// Characters that a serial number may have only as escapes (TDS 2.1 §6.3, Annex A).
fn escaped(tag_id: &str) -> String {
    let mut text = String::with_capacity(tag_id.len());
    for c in tag_id.chars() {
        match c {
            '"' | '%' | '&' | '/' | '<' | '>' | '?' => {
                text.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_comes_first_then_the_template() {
        let names = Names {
            template: Some("urn:epc:id:giai:4012345.{tag_id}".to_owned()),
            table: [("17".to_owned(), "urn:epc:id:giai:4012345.wrench".to_owned())].into(),
        };
        assert_eq!(
            names.uri("17").as_deref(),
            Some("urn:epc:id:giai:4012345.wrench")
        );
        assert_eq!(
            names.uri("AC:01/2").as_deref(),
            Some("urn:epc:id:giai:4012345.AC:01%2F2")
        );
        assert_eq!(Names::default().uri("17"), None);
    }

    #[test]
    fn identities_have_a_long_encoding() {
        assert_eq!(
            tag_uri("urn:epc:id:giai:4012345.T1").as_deref(),
            Some("urn:epc:tag:giai-202:0.4012345.T1")
        );
        assert_eq!(tag_uri("urn:epc:id:sscc:4012345.0000000001"), None);
        assert_eq!(tag_uri("https://id.gs1.org/8004/4012345T1"), None);
    }
}
