//! The shared definition files as one model, later files over earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What stands in a definition, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    Field {
        name: String,
        kind: String,
        codes: Option<String>,
    },
    Reserved(u32),
    /// A parameter or, if there is a choice of that name, one of several.
    Part {
        name: String,
        mandatory: bool,
    },
}

#[derive(Debug, Clone)]
pub struct Def {
    pub number: u16,
    pub members: Vec<Member>,
}

/// All definitions up to some version.
#[derive(Debug, Clone, Default)]
pub struct Defs {
    pub messages: BTreeMap<String, Def>,
    pub params: BTreeMap<String, Def>,
    pub enums: BTreeMap<String, BTreeSet<u16>>,
    pub choices: BTreeMap<String, BTreeSet<String>>,
}

/// Names without the underscores that some files put into them.
fn plain(name: &str) -> String {
    name.replace('_', "")
}

impl Defs {
    /// Adds an XML definition.
    pub fn add_xml(&mut self, text: &str) {
        let document = roxmltree::Document::parse(text).expect("well-formed");
        for node in document
            .root_element()
            .children()
            .filter(|n| n.is_element())
        {
            let name = node.attribute("name").unwrap_or_default();
            let attribute = |node: roxmltree::Node<'_, '_>, name| {
                node.attribute(name).unwrap_or_default().to_owned()
            };
            let number = || attribute(node, "typeNum").parse().expect("typeNum");
            let children = || node.children().filter(|n| n.is_element());
            match node.tag_name().name() {
                "messageDefinition" => {
                    let members = children().filter_map(xml_member).collect();
                    self.messages.insert(
                        name.to_owned(),
                        Def {
                            number: number(),
                            members,
                        },
                    );
                }
                "parameterDefinition" => {
                    let members = children().filter_map(xml_member).collect();
                    self.params.insert(
                        plain(name),
                        Def {
                            number: number(),
                            members,
                        },
                    );
                }
                "enumerationDefinition" => {
                    let codes =
                        children().filter_map(|n| n.attribute("value")?.parse::<u16>().ok());
                    self.enums.entry(name.to_owned()).or_default().extend(codes);
                }
                "choiceDefinition" => {
                    let parts = children().filter_map(|n| n.attribute("type")).map(plain);
                    self.choices
                        .entry(name.to_owned())
                        .or_default()
                        .extend(parts);
                }
                _ => {}
            }
        }
    }

    /// Adds a YAML delta.
    pub fn add_yaml(&mut self, text: &str) {
        let document = super::yaml::parse(text);
        for part in [&document, &document["overrides"]] {
            for (name, def) in definitions(&part["messages"]) {
                self.messages.insert(name, def);
            }
            for (name, def) in definitions(&part["parameters"]) {
                self.params.insert(plain(&name), def);
            }
            for list in items(&part["enumerations"]) {
                let codes = items(&list["entries"])
                    .filter_map(|e| text_of(&e["value"]).parse::<u16>().ok());
                self.enums
                    .entry(text_of(&list["name"]))
                    .or_default()
                    .extend(codes);
            }
            for list in items(&part["choices"]) {
                let parts = items(&list["parameterTypes"]).map(|p| plain(&text_of(p)));
                self.choices
                    .entry(text_of(&list["name"]))
                    .or_default()
                    .extend(parts);
            }
        }
    }
}

/// Vendor parameters of a YAML file by subtype.
pub fn vendor_params(text: &str) -> BTreeMap<u16, Def> {
    let document = super::yaml::parse(text);
    items(&document["customParameters"])
        .map(|item| {
            (
                text_of(&item["subtype"]).parse().expect("subtype"),
                yaml_def(item),
            )
        })
        .collect()
}

fn xml_member(node: roxmltree::Node<'_, '_>) -> Option<Member> {
    let attribute = |name| node.attribute(name).unwrap_or_default().to_owned();
    Some(match node.tag_name().name() {
        "field" => Member::Field {
            name: attribute("name"),
            kind: attribute("type"),
            codes: node.attribute("enumeration").map(str::to_owned),
        },
        "reserved" => Member::Reserved(attribute("bitCount").parse().ok()?),
        "parameter" | "choice" => Member::Part {
            name: attribute("type"),
            mandatory: attribute("repeat").starts_with('1'),
        },
        _ => return None,
    })
}

fn definitions(list: &Value) -> impl Iterator<Item = (String, Def)> {
    items(list).map(|item| (text_of(&item["name"]), yaml_def(item)))
}

fn yaml_def(item: &Value) -> Def {
    Def {
        number: text_of(&item["typeNumber"]).parse().unwrap_or(0),
        members: items(&item["members"]).map(yaml_member).collect(),
    }
}

fn yaml_member(member: &Value) -> Member {
    let field = &member["field"];
    if field.is_object() {
        return Member::Field {
            name: text_of(&field["name"]),
            kind: text_of(&field["type"]),
            codes: field["enumeration"].as_str().map(str::to_owned),
        };
    }
    if let Some(bits) = member["reserved"].as_str() {
        return Member::Reserved(bits.parse().expect("bits"));
    }
    let part = [&member["parameter"], &member["choice"]]
        .into_iter()
        .find(|p| p.is_object());
    let part = part.unwrap_or_else(|| panic!("not understood: {member}"));
    Member::Part {
        name: text_of(&part["type"]),
        mandatory: text_of(&part["cardinality"]).starts_with('1'),
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
