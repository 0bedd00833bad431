//! AccessSpecs: operations on tags as they are seen (LLRP 1.0.1 §11).

use super::check::OPS_PER_ACCESS_SPEC;
use super::refusal::{Problem, Refusal, message_field};
use super::{Reader, Sighting};
use crate::codec::code::{AccessReportTriggerType, AccessSpecStopTriggerType, StatusCode};
use crate::codec::param::{
    AccessCommand, AccessReportSpec, AccessSpec, AccessSpecStopTrigger, C1G2TagSpec, C1G2TargetTag,
};
use crate::codec::{Param, Parameter};

/// An AccessSpec and how often it has been carried out.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) spec: AccessSpec,
    done: u16,
}

/// What came of operations on one tag.
#[derive(Debug, Default, Clone)]
pub(super) struct Results {
    pub(super) access_spec_id: u32,
    pub(super) params: Vec<Param>,
    /// They are to be reported without waiting for the ROSpec's report.
    pub(super) at_once: bool,
}

impl Reader {
    pub(super) fn add_access(&mut self, spec: AccessSpec) -> Result<(), Refusal> {
        let wrong = |field_num, text: &str| {
            Err(Problem::field::<AccessSpec>(field_num, StatusCode::Invalid, text).into())
        };
        let id = spec.access_spec_id;
        if id == 0 {
            return wrong(0, "AccessSpecID 0 is not allowed");
        }
        if self
            .access
            .iter()
            .any(|known| known.spec.access_spec_id == id)
        {
            return wrong(0, "the AccessSpecID is in use");
        }
        if spec.active {
            return wrong(3, "a new AccessSpec must be disabled");
        }
        let overflow = |text: String| {
            let code = StatusCode::NestedOverflowParameter;
            Err(Problem::parameter(AccessSpec::TYPE, code, text).into())
        };
        if self.access.len() as u64 >= u64::from(self.config.max_access_specs) {
            let most = self.config.max_access_specs;
            return overflow(format!("this reader holds at most {most} AccessSpecs"));
        }
        let ops = spec
            .params
            .first::<AccessCommand>()
            .map_or(0, |command| command.params.0.len().saturating_sub(1));
        if ops as u64 > u64::from(OPS_PER_ACCESS_SPEC) {
            return overflow(format!(
                "at most {OPS_PER_ACCESS_SPEC} operations are supported"
            ));
        }
        self.access.push(Access { spec, done: 0 });
        Ok(())
    }

    pub(super) fn delete_access(&mut self, id: u32) -> Result<(), Refusal> {
        self.known_access(id)?;
        self.access
            .retain(|access| id != 0 && access.spec.access_spec_id != id);
        Ok(())
    }

    pub(super) fn enable_access(&mut self, id: u32, active: bool) -> Result<(), Refusal> {
        self.known_access(id)?;
        for access in &mut self.access {
            if id == 0 || access.spec.access_spec_id == id {
                access.spec.active = active;
            }
        }
        Ok(())
    }

    /// Id 0 names all of them, none too.
    fn known_access(&self, id: u32) -> Result<(), Refusal> {
        let known = self
            .access
            .iter()
            .any(|access| access.spec.access_spec_id == id);
        if id == 0 || known {
            return Ok(());
        }
        let text = format!("there is no AccessSpec {id}");
        Err(message_field(0, StatusCode::Invalid, &text))
    }

    /// Carries out the first AccessSpec that is for this tag.
    pub(super) fn access(&mut self, rospec_id: u32, sighting: &Sighting) -> Option<Results> {
        let index = self.access.iter().position(|access| {
            let spec = &access.spec;
            let fits = |wanted: u32, is: u32| wanted == 0 || wanted == is;
            spec.active
                && fits(spec.antenna_id.into(), sighting.antenna.into())
                && fits(spec.rospec_id, rospec_id)
                && self.is_for(spec, sighting)
        })?;
        let spec = self.access.get(index)?.spec.clone();
        let ops = &spec.params.first::<AccessCommand>()?.params.0;
        let params = ops
            .iter()
            .filter_map(|op| self.operate(sighting, op))
            .collect();
        let own = spec.params.first::<AccessReportSpec>();
        let report = own.or(self.settings.access_report.as_ref());
        let at_once = report.is_some_and(|r| r.trigger == AccessReportTriggerType::EndOfAccessSpec);
        self.count_access(index);
        Some(Results {
            access_spec_id: spec.access_spec_id,
            params,
            at_once,
        })
    }

    fn is_for(&self, spec: &AccessSpec, sighting: &Sighting) -> bool {
        let command = spec.params.first::<AccessCommand>();
        let tags = command.and_then(|command| command.params.first::<C1G2TagSpec>());
        tags.is_some_and(|tags| {
            let mut targets = tags.params.all::<C1G2TargetTag>();
            targets.all(|target| self.targeted(sighting, target))
        })
    }

    /// An AccessSpec with a number of operations is deleted after the last.
    fn count_access(&mut self, index: usize) {
        let Some(access) = self.access.get_mut(index) else {
            return;
        };
        access.done = access.done.saturating_add(1);
        let over = access
            .spec
            .params
            .first::<AccessSpecStopTrigger>()
            .is_some_and(|stop| {
                stop.trigger_type == AccessSpecStopTriggerType::OperationCount
                    && access.done >= stop.operation_count_value
            });
        if over {
            self.access.remove(index);
            self.state_changed();
        }
    }
}
