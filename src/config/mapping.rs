//! What events say beside step and disposition, per read point and direction: documents, parties, persistent dispositions,
//! master data, fields of the site's own, and the compliance profiles that are held against them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use tracegate_epcis::{has_hash, is_uri};
use tracegate_pipeline::compliance::Profile;
use tracegate_pipeline::config::Step;
use tracegate_pipeline::mapping::{MASTER_DATA_PREFIX, SITE_PREFIX, StepAction, Text};
use tracegate_pipeline::remarks;

use super::model::{Business, Config, ReadPoint};
use super::suggest::{did_you_mean, nearest};
use super::template::Template;
use super::text::{Disposition, text_type, word};
use super::units::{FromText, Refusal, deserialize_from_text, shown};

/// Master data of lots and instances that is plain text (CBV 2.0 §9.2.2, §9.2.3).
const MASTER_DATA: [&str; 17] = [
    "bestBeforeDate",
    "countryOfExport",
    "countryOfOrigin",
    "drainedWeight",
    "firstFreezeDate",
    "grossWeight",
    "growingMethodCode",
    "harvestEndDate",
    "harvestStartDate",
    "itemExpirationDate",
    "lotNumber",
    "netWeight",
    "preservationTechniqueCode",
    "productionDate",
    "productionMethodForFishAndSeafoodCode",
    "sellByDate",
    "storageStateCode",
];
/// Characters of a value or a name of a field, at most.
const MAX_TEXT: usize = 256;
const MAX_NAME: usize = 64;

/// A text, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<'de, T: FromText + Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMoreVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: FromText + Deserialize<'de>> Visitor<'de> for OneOrMoreVisitor<T> {
            type Value = OneOrMore<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or a list of them", T::EXPECTED)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let one = T::from_text(text).map_err(E::custom)?;
                Ok(OneOrMore(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut several = Vec::new();
                while let Some(one) = list.next_element()? {
                    several.push(one);
                }
                Ok(OneOrMore(several))
            }
        }
        deserializer.deserialize_seq(OneOrMoreVisitor(std::marker::PhantomData))
    }
}

text_type! {
    /// A source or destination type: a word of CBV 2.0 §7.4 or a URI.
    PartyKind
}

impl FromText for PartyKind {
    const EXPECTED: &'static str = "a source or destination type";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let words = tracegate_epcis::source_dest_types();
        word(text, words, "source or destination type", "CBV 2.0").map(PartyKind)
    }
}

/// A URI with placeholders: a document, a party or a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate(pub Template);

impl FromText for UriTemplate {
    const EXPECTED: &'static str = "a URI in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let template = Template::mapped(text)?;
        // Whatever fills a placeholder is escaped.
        let filled: String = text.replace(['{', '}'], "");
        if !is_uri(&filled) || text.len() > MAX_TEXT {
            let help = "example: \"urn:epcglobal:cbv:bt:4012345000009:WO-4711\"";
            return Err(Refusal::new("this is no URI", help));
        }
        Ok(UriTemplate(template))
    }
}

/// A value of a field: text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldText(pub Template);

impl FromText for FieldText {
    const EXPECTED: &'static str = "text in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let length = text.chars().count();
        if !(1..=MAX_TEXT).contains(&length) || text.chars().any(char::is_control) {
            let label = format!("expected 1 to {MAX_TEXT} printable characters");
            return Err(Refusal::new(label, ""));
        }
        let template = Template::mapped(text)?;
        if template.constant().is_some_and(|text| !has_hash(text)) {
            let label = "EPCIS cannot take this for a text: it reads as a number without end";
            return Err(Refusal::new(label, "write it otherwise"));
        }
        Ok(FieldText(template))
    }
}

/// What a name of a field may consist of.
fn name(text: &str) -> Result<String, Refusal> {
    const HELP: &str = "letters, digits and _, the first a letter; example: operator";
    let good = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !good || text.len() > MAX_NAME {
        return Err(Refusal::new("this cannot be the name of a field", HELP));
    }
    Ok(text.to_owned())
}

text_type! {
    /// Name of a field of the gateway's or the site's own namespace.
    FieldName
}

impl FromText for FieldName {
    const EXPECTED: &'static str = "the name of a field";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        name(text).map(FieldName)
    }
}

text_type! {
    /// Name of master data: a word of CBV 2.0 §9.2, or one of the site's own.
    MasterDataName
}

impl MasterDataName {
    fn is_standard(&self) -> bool {
        MASTER_DATA.contains(&self.as_str())
    }
}

impl FromText for MasterDataName {
    const EXPECTED: &'static str = "the name of master data";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if !MASTER_DATA.contains(&text)
            && let Some(near) = nearest(text, MASTER_DATA)
        {
            let help = format!("CBV 2.0 has: {}", MASTER_DATA.join(", "));
            return Err(Refusal::new(format!("did you mean {near}?"), help));
        }
        name(text).map(MasterDataName)
    }
}

text_type! {
    /// What the names of the site's own fields stand below: a URI that ends in `/`, `#` or `:`.
    NamespaceUri
}

impl FromText for NamespaceUri {
    const EXPECTED: &'static str = "a URI in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"https://plant3.example/epcis/\"";
        if !is_uri(text) || text.len() > MAX_TEXT {
            return Err(Refusal::new("this is no URI", HELP));
        }
        if !text.ends_with(['/', '#', ':']) {
            let label = "it must end in / or # or :, because names are put behind it";
            return Err(Refusal::new(label, HELP));
        }
        let taken = [
            "https://ref.gs1.org/",
            "https://gs1.org/",
            remarks::NAMESPACE,
        ];
        if taken.iter().any(|other| text.starts_with(other)) {
            return Err(Refusal::new("this namespace belongs to others", HELP));
        }
        Ok(NamespaceUri(text.to_owned()))
    }
}

/// A compliance profile by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileName(pub Profile);

impl FromText for ProfileName {
    const EXPECTED: &'static str = "the name of a compliance profile in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let found = Profile::ALL.into_iter().find(|it| it.as_str() == text);
        found.map(ProfileName).ok_or_else(|| {
            let names = Profile::ALL.map(Profile::as_str);
            let unknown = format!("no compliance profile is named \"{}\"", shown(text));
            let label = did_you_mean(text, names, &unknown);
            Refusal::new(label, format!("profiles: {}", names.join(", ")))
        })
    }
}

deserialize_from_text!(UriTemplate, FieldText, ProfileName);

/// What happened to the things of an event (EPCIS 2.0 §7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They were seen.
    #[default]
    Observe,
    /// They came to be, or joined a parent.
    Add,
    /// They ceased to be, or left a parent.
    Delete,
}

/// Dispositions that hold until they are taken back.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct PersistentDispositions {
    /// Those that hold from now on.
    pub set: Vec<Disposition>,
    /// Those that hold no more.
    pub unset: Vec<Disposition>,
}

impl ReadPoint {
    /// What its events mean, by the name of the setting.
    pub fn steps<'a>(&'a self) -> impl Iterator<Item = (&'static str, &'a Business)> {
        let steps = [
            ("in", &self.r#in),
            ("out", &self.out),
            ("arrive", &self.arrive),
            ("depart", &self.depart),
            ("alarm", &self.alarm),
            ("stay", &self.stay),
            ("scan", &self.scan),
            ("mark", &self.mark),
        ];
        let set = |(key, step): (&'static str, &'a Option<Business>)| Some((key, step.as_ref()?));
        steps.into_iter().filter_map(set)
    }
}

impl Business {
    /// The same for the pipeline, for a read point with this name.
    pub fn step(&self, config: &Config, read_point: &str) -> Step {
        let site = config.gateway.site.as_str();
        let namespace = config.gateway.namespace.as_ref();
        let prefix = namespace.map_or(remarks::PREFIX, |_| SITE_PREFIX);
        let text = |template: &Template| template.text(site, read_point);
        let parties = |list: &BTreeMap<PartyKind, UriTemplate>| {
            let party =
                |(kind, id): (&PartyKind, &UriTemplate)| (kind.as_str().to_owned(), text(&id.0));
            list.iter().map(party).collect()
        };
        let words = |list: &[Disposition]| list.iter().map(|it| it.as_str().to_owned()).collect();
        let several = self.biz_transactions.iter().flat_map(|(kind, ids)| {
            ids.0
                .iter()
                .map(|id| (kind.as_str().to_owned(), text(&id.0)))
        });
        let one = self.biz_transaction.as_ref().map(|id| {
            let kind = self.biz_transaction_type.as_ref();
            let kind = kind.map(|kind| kind.as_str().to_owned());
            (kind.unwrap_or_default(), Text::fixed(id.as_str()))
        });
        let persistent = self.persistent_dispositions.as_ref();
        let own = config.read_point.get(read_point);
        let profiles = own.and_then(|it| it.profile.as_ref());
        let profiles = profiles.unwrap_or(&config.gateway.compliance);
        Step {
            biz_step: self.biz_step.as_str().to_owned(),
            disposition: self.disposition.as_ref().map(|it| it.as_str().to_owned()),
            biz_location: self.biz_location.as_ref().map(|it| it.as_str().to_owned()),
            biz_transactions: one.into_iter().chain(several).collect(),
            sources: parties(&self.sources),
            destinations: parties(&self.destinations),
            action: match self.action {
                Action::Observe => StepAction::Observe,
                Action::Add => StepAction::Add,
                Action::Delete => StepAction::Delete,
            },
            set: persistent.map(|it| words(&it.set)).unwrap_or_default(),
            unset: persistent.map(|it| words(&it.unset)).unwrap_or_default(),
            ilmd: self
                .ilmd
                .iter()
                .map(|(name, value)| {
                    let prefix = match name.is_standard() {
                        true => MASTER_DATA_PREFIX,
                        false => prefix,
                    };
                    (format!("{prefix}:{name}"), text(&value.0))
                })
                .collect(),
            fields: self
                .fields
                .iter()
                .map(|(name, value)| (format!("{prefix}:{name}"), text(&value.0)))
                .collect(),
            namespace: namespace.map(|it| it.as_str().to_owned()),
            profiles: profiles.0.iter().map(|it| it.0).collect(),
        }
    }
}
