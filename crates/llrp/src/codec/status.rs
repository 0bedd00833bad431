//! A reader's refusal in words, from `LLRPStatus`, `FieldError` and `ParameterError` (LLRP 1.0.1 §14.2).

use crate::codec::Params;
use crate::codec::code::StatusCode;
use crate::codec::param::{FieldError, LLRPStatus, ParameterError, parameter_name};
use crate::codec::schema::parameters;
use crate::wire::MAX_DEPTH;

/// The status in one sentence for a technician: the reader's own text, then what the codes say, outermost first.
#[must_use]
pub fn explain(status: &LLRPStatus) -> String {
    let mut text = describe(status.status_code);
    let own = status.error_description.to_string();
    let own = own.trim();
    if !own.is_empty() {
        text.push_str(&format!(", the reader says \"{}\"", own.escape_debug()));
    }
    explain_params(None, &status.params, &mut text, MAX_DEPTH);
    text
}

fn explain_params(of: Option<u16>, params: &Params, text: &mut String, depth: u8) {
    for error in params.all::<FieldError>() {
        let number = error.field_num;
        let name = of.and_then(|of| field_name(of, number));
        let name = name.map_or_else(String::new, |name| format!(" ({})", name.replace('_', " ")));
        let code = describe(error.error_code);
        text.push_str(&format!("; field number {number}{name}: {code}"));
    }
    let Some(deeper) = depth.checked_sub(1) else {
        return;
    };
    for error in params.all::<ParameterError>() {
        let of = error.parameter_type;
        let name = parameter_name(of).unwrap_or("parameter");
        let code = describe(error.error_code);
        text.push_str(&format!("; {name} ({of}): {code}"));
        explain_params(Some(of), &error.params, text, deeper);
    }
}

/// Fields are counted from 0 in the order of the parameter's definition (LLRP 1.0.1 §14.2.2).
fn field_name(parameter: u16, number: u16) -> Option<&'static str> {
    let mut rows = parameters().iter();
    let row = rows.find(|row| !row.tv && row.number == parameter)?;
    row.body
        .fields
        .get(usize::from(number))
        .map(|field| field.name)
}

fn describe(code: StatusCode) -> String {
    match code {
        StatusCode::Unknown(number) => format!("status {number}, not in the standard"),
        known => format!("{} ({})", known.text(), known.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::param::ROSpec;
    use crate::codec::{Parameter, field::Text};

    #[test]
    fn refusals_read_as_sentences() {
        let field = FieldError {
            field_num: 1,
            error_code: StatusCode::OutOfRange,
        };
        let nested = ParameterError {
            parameter_type: ROSpec::TYPE,
            error_code: StatusCode::NestedFieldError,
            params: Params::default().with(field),
        };
        let status = LLRPStatus {
            status_code: StatusCode::ParameterError,
            error_description: Text::from("bad spec"),
            params: Params::default().with(nested),
        };
        assert_eq!(
            explain(&status),
            "an error in a parameter of the message (100), the reader says \"bad spec\"; ROSpec (177): an error \
             in a field of the parameter (201); field number 1 (priority): the value is out of range (301)"
        );
        let vendor = LLRPStatus {
            status_code: StatusCode::Unknown(398),
            ..LLRPStatus::default()
        };
        assert_eq!(explain(&vendor), "status 398, not in the standard");
    }
}
