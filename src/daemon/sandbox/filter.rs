//! Lists of calls as the kernel's filters. Three hold at once, and the strictest answer counts: the list itself, beside which everything is
//! refused (`EPERM`); what is deadly; and `clone3`, whose flags no filter can read, so that the C library falls back on `clone`.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::calls::{Call, DEADLY, Kind, NETWORK};

/// The filters of one kind of thread, ready to be put on.
#[derive(Clone, Debug)]
pub struct Filters(Vec<BpfProgram>);

impl Filters {
    /// Compiles those of a kind.
    ///
    /// # Errors
    /// An architecture the compiler does not know.
    pub fn of(kind: Kind) -> Result<Self, String> {
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let calls = || kind.purposes().flat_map(|purpose| purpose.calls);
        let mut programs = vec![compile(calls(), refused, SeccompAction::Allow)?];
        if kind == Kind::Process {
            programs.push(compile(DEADLY, SeccompAction::Allow, SeccompAction::KillProcess)?);
            let fall_back = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
            let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
            programs.push(program(clone3, SeccompAction::Allow, fall_back)?);
        }
        Ok(Filters(programs))
    }

    /// Those of a command that reads files of strangers: no network, and nothing deadly.
    ///
    /// # Errors
    /// An architecture the compiler does not know.
    pub fn offline() -> Result<Self, String> {
        let network = compile(NETWORK, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))?;
        Ok(Filters(vec![network, compile(DEADLY, SeccompAction::Allow, SeccompAction::KillProcess)?]))
    }

    /// Puts them on: from now on they hold for this thread and those it starts, and cannot be taken off.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn put_on(&self) -> Result<(), String> {
        self.0.iter().try_for_each(|program| apply_filter(program)).map_err(|error| crate::daemon::failure::cause(&error))
    }
}

fn compile<'a>(calls: impl IntoIterator<Item = &'a Call>, otherwise: SeccompAction, on_list: SeccompAction) -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in calls {
        let forms = call.forms.iter().map(|form| rule(form)).collect::<Result<Vec<_>, _>>()?;
        rules.entry(call.number).or_default().extend(forms);
    }
    program(rules, otherwise, on_list)
}

fn rule(form: &[super::calls::Test]) -> Result<SeccompRule, String> {
    let test = |(place, mask, wanted): &(u8, u64, u64)| {
        SeccompCondition::new(*place, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(*mask), *wanted)
    };
    let conditions = form.iter().map(test).collect::<Result<Vec<_>, _>>();
    conditions.and_then(SeccompRule::new).map_err(|e| e.to_string())
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, otherwise: SeccompAction, on_list: SeccompAction) -> Result<BpfProgram, String> {
    let machine = std::env::consts::ARCH;
    let machine = TargetArch::try_from(machine).map_err(|_| format!("no filters can be made for {machine}"))?;
    let filter = SeccompFilter::new(rules, otherwise, on_list, machine).map_err(|e| e.to_string())?;
    BpfProgram::try_from(filter).map_err(|e| e.to_string())
}
