//! Refusals with the status codes a real reader gives (LLRP 1.0.1 §14.2).

use crate::codec::code::StatusCode;
use crate::codec::field::Text;
use crate::codec::param::{FieldError, LLRPStatus, ParameterError};
use crate::codec::{Parameter, Params};
use crate::wire::DecodeError;

/// A refusal; boxed, because it is rare and large.
pub(super) type Refusal = Box<LLRPStatus>;

pub(super) fn status(status_code: StatusCode, text: &str) -> Refusal {
    Box::new(LLRPStatus {
        status_code,
        error_description: Text::from(text),
        params: Params::default(),
    })
}

/// A field of the message itself does not suit.
pub(super) fn message_field(field_num: u16, error_code: StatusCode, text: &str) -> Refusal {
    let mut refusal = status(StatusCode::FieldError, text);
    refusal.params.push(FieldError {
        field_num,
        error_code,
    });
    refusal
}

/// What is wrong with one parameter, on the way out to its message.
#[derive(Debug)]
pub(super) struct Problem {
    error: ParameterError,
    text: String,
}

impl Problem {
    /// The parameter is not wanted as a whole.
    pub(super) fn parameter(
        parameter_type: u16,
        error_code: StatusCode,
        text: impl Into<String>,
    ) -> Self {
        Self {
            error: ParameterError {
                parameter_type,
                error_code,
                params: Params::default(),
            },
            text: text.into(),
        }
    }

    /// Field `field_num` (from 0) of parameter `P` does not suit.
    pub(super) fn field<P: Parameter>(
        field_num: u16,
        error_code: StatusCode,
        text: impl Into<String>,
    ) -> Self {
        let mut problem = Self::parameter(P::TYPE, StatusCode::NestedFieldError, text);
        problem.error.params.push(FieldError {
            field_num,
            error_code,
        });
        problem
    }

    /// The same problem as the parameter around it has it.
    pub(super) fn inside(self, parameter_type: u16) -> Self {
        let error = ParameterError {
            parameter_type,
            error_code: StatusCode::NestedParameterError,
            params: Params::default().with(self.error),
        };
        Self {
            error,
            text: self.text,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let mut refusal = status(StatusCode::ParameterError, &problem.text);
        refusal.params.push(problem.error);
        refusal
    }
}

/// The message does not decode.
pub(super) fn malformed(error: DecodeError) -> Refusal {
    let code = match error {
        DecodeError::Missing { .. } => StatusCode::MissingParameter,
        _ => StatusCode::ParameterError,
    };
    status(code, &error.to_string())
}
