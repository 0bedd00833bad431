//! What an event says of a verdict: auditors ask which rule, by which data, and how old that was.

use serde_json::{Map, Value};
use tracegate_epcis::EventData;

use super::{Finding, Judgement, Level};
use crate::remarks::{PREFIX, extend};

/// Writes a verdict into an event: `gw:verdict` (accept, warn or refuse), `gw:rule` (the worst), `gw:findings`, and by which data it was judged:
/// `gw:dataVersion`, `gw:dataAgeSeconds`.
pub fn remark(judgement: &Judgement, event: &mut EventData) {
    extend(event, "verdict", judgement.level().as_str());
    if let Some(worst) = judgement.worst() {
        extend(event, "rule", worst.rule.as_str());
    }
    if !judgement.findings.is_empty() {
        extend(event, "findings", findings(&judgement.findings));
    }
    data(judgement, event);
}

/// Writes into an event of a door what should not have left: `gw:alert` (the rule, if it may not), `gw:findings`, and by which
/// data that was judged.
pub(crate) fn alert(judgement: &Judgement, event: &mut EventData) {
    if let Some(worst) = judgement.worst().filter(|it| it.level == Level::Refuse) {
        extend(event, "alert", worst.rule.as_str());
    }
    extend(event, "findings", findings(&judgement.findings));
    data(judgement, event);
}

/// By which data it was judged.
fn data(judgement: &Judgement, event: &mut EventData) {
    if let Some(version) = judgement.data_version {
        extend(event, "dataVersion", version);
    }
    if let Some(age) = judgement.data_age {
        extend(event, "dataAgeSeconds", age.0 / 1_000_000);
    }
}

/// What was found, one object each.
fn findings(findings: &[Finding]) -> Value {
    findings.iter().map(found).collect()
}

fn found(finding: &Finding) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(format!("{PREFIX}:{name}"), value);
    };
    put("rule", finding.rule.as_str().into());
    put("level", finding.level.as_str().into());
    put("text", finding.text.as_str().into());
    if let Some(lot) = &finding.about {
        put("lot", lot.as_str().into());
    }
    if let Some(lot) = &finding.take {
        put("take", lot.as_str().into());
    }
    if finding.unverified {
        put("unverified", true.into());
    }
    if let Some(version) = finding.version {
        put("dataVersion", version.into());
    }
    Value::Object(fields)
}
