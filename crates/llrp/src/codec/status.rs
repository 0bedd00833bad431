//! A reader's refusal in words, from `LLRPStatus`, `FieldError` and `ParameterError` (LLRP 1.0.1 §14.2).

use crate::codec::Params;
use crate::codec::code::StatusCode;
use crate::codec::param::{FieldError, LLRPStatus, ParameterError, parameter_name};
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
    explain_params(&status.params, &mut text, MAX_DEPTH);
    text
}

fn explain_params(params: &Params, text: &mut String, depth: u8) {
    for error in params.all::<FieldError>() {
        // Fields are counted from 0 in the order of the parameter's definition.
        text.push_str(&format!(
            "; field number {}: {}",
            error.field_num,
            describe(error.error_code)
        ));
    }
    let Some(deeper) = depth.checked_sub(1) else {
        return;
    };
    for error in params.all::<ParameterError>() {
        let name = parameter_name(error.parameter_type).unwrap_or("parameter");
        text.push_str(&format!(
            "; {name} ({}): {}",
            error.parameter_type,
            describe(error.error_code)
        ));
        explain_params(&error.params, text, deeper);
    }
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
             in a field of the parameter (201); field number 1: the value is out of range (301)"
        );
        let vendor = LLRPStatus {
            status_code: StatusCode::Unknown(398),
            ..LLRPStatus::default()
        };
        assert_eq!(explain(&vendor), "status 398, not in the standard");
    }
}
