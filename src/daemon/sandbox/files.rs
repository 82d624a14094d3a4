//! Landlock: the kernel lets this process, and all it starts, reach some folders and no others, whoever owns the files.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};

use super::places::Places;
use super::report::Outcome;

/// What is asked for: the rights of this version of Landlock (Linux 6.12), whatever a newer kernel could take besides.
const ASKED: ABI = ABI::V6;
/// Below this one (Linux 6.2) a file can be emptied by who may not write it.
const ENOUGH: i32 = 3;

/// Confines this thread, and those it will start, to some places. Binding of TCP ports goes too: what listens does so by now.
pub fn confine(places: &Places) -> Outcome {
    match restrict(places) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, landlock, .. }) => refused(landlock),
        Ok(RestrictionStatus { landlock: LandlockStatus::Available { kernel_abi, effective_abi, .. }, .. }) => {
            let abi = kernel_abi.unwrap_or(effective_abi as i32);
            match abi {
                abi if abi < ENOUGH => Outcome::Partly {
                    why: format!("Landlock of version {abi} cannot keep files from being emptied"),
                    remedy: "Linux 6.2 or newer".into(),
                },
                abi => Outcome::Granted(format!("version {abi}, {} places", places.read.len() + places.write.len())),
            }
        }
        Ok(RestrictionStatus { landlock, .. }) => refused(landlock),
        Err(error) => Outcome::Refused { why: crate::daemon::failure::cause(&error), remedy: "report this".into() },
    }
}

fn refused(status: LandlockStatus) -> Outcome {
    let (why, remedy) = match status {
        LandlockStatus::NotEnabled => ("this kernel has Landlock switched off", "boot it with landlock among the names in lsm="),
        LandlockStatus::NotImplemented => {
            ("this kernel has no Landlock", "Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, in a container a profile that allows it")
        }
        _ => ("Landlock was not enforced", "Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK"),
    };
    Outcome::Refused { why: why.into(), remedy: remedy.into() }
}

fn restrict(places: &Places) -> Result<RestrictionStatus, RulesetError> {
    let read: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer});
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::BindTcp)?
        .scope(scopes())?
        .create()?
        .add_rules(path_beneath_rules(&places.read, read))?
        .add_rules(path_beneath_rules(&places.write, write))?
        .add_rules(path_beneath_rules(["/dev/null"], make_bitflags!(AccessFs::{ReadFile | WriteFile})))?
        .restrict_self()
}

/// No signal to another program, and no socket of the abstract kind, unless the service manager's is one.
fn scopes() -> BitFlags<Scope> {
    let is_abstract = std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| path.as_encoded_bytes().starts_with(b"@"));
    if is_abstract { Scope::Signal.into() } else { Scope::Signal | Scope::AbstractUnixSocket }
}
