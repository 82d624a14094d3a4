//! Decisions that are written, and those that are refused.

use std::fs;

use super::*;

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// A configuration with a team, and a policy file.
    fn new(config: &str, policy: &str) -> Self {
        let site = Site { folder: tempfile::tempdir().unwrap() };
        let head = "[[team]]\nname = \"lab\"\nsubnets = [\"10.1.0.0/16\"]\n";
        fs::write(site.config(), format!("{head}{config}")).unwrap();
        fs::write(site.policy(), policy).unwrap();
        site
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("c.toml")
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("p.toml")
    }

    fn args(&self, service: &str, status: Status) -> Args {
        Args {
            service: service.into(),
            status,
            team: None,
            reason: None,
            owner: None,
            expires: None,
            alternative: None,
            dry_run: false,
            config: Some(self.config()),
        }
    }

    /// What is told of a change that is not written.
    fn told(&self, args: &Args) -> String {
        let config = Config::load(Some(&self.config())).unwrap().value;
        let change = Change::new(&config, &self.config(), args, clock::now()).unwrap_or_else(|e| panic!("{e}"));
        change.told(true).replace(&format!("{}/", self.folder.path().display()), "")
    }
}

const NAMED: &str = "[policy]\nfile = \"p.toml\"\n";

#[test]
fn a_decision_is_written_and_told() {
    let site = Site::new(NAMED, "# ours\n[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\nreason = \"contract\"\n");
    let args = Args { reason: Some("leak".into()), team: Some("lab".into()), ..site.args("openai.api", Status::Unapproved) };
    let told = site.told(&args);
    assert_eq!(
        told,
        "p.toml:1: added the rule about openai.api for team lab (not written)\n  status: unapproved\n  service: openai.api\n  team: lab\n  reason: \
         leak\n"
    );
    run(args).unwrap();
    let written = fs::read_to_string(site.policy()).unwrap();
    assert!(written.contains("# ours\n") && written.contains("team = \"lab\"\nreason = \"leak\""), "{written}");
    let config = Config::load(Some(&site.config())).unwrap().value;
    assert_eq!(config.policy.rules.len(), 2);
    // The same again changes nothing; another status takes the reason away.
    let again = Args { team: Some("lab".into()), ..site.args("openai.api", Status::Unapproved) };
    assert!(site.told(&again).contains("is decided so already"));
    let other = Args { team: Some("lab".into()), ..site.args("openai.api", Status::Tolerated) };
    assert!(site.told(&other).contains("  status: unapproved -> tolerated\n  reason: leak -> none\n"), "{}", site.told(&other));
}

#[test]
fn without_a_policy_file_the_configuration_takes_it() {
    let site = Site::new("", "");
    run(site.args("anthropic.*", Status::InReview)).unwrap();
    let written = fs::read_to_string(site.config()).unwrap();
    assert!(written.ends_with("\n[[policy.rule]]\nstatus = \"in_review\"\nservice = \"anthropic.*\"\n"), "{written}");
    assert_eq!(fs::read_to_string(site.policy()).unwrap(), "");
}

#[test]
fn what_lint_has_something_against_is_not_written() {
    let rule = "[[rule]]\nstatus = \"approved\"\nservice = \"openai.api\"\n";
    let inline = format!("{NAMED}[[policy.rule]]\nstatus = \"unapproved\"\nservice = \"github.copilot\"\n");
    let site = Site::new(&inline, rule);
    let refused = |args: Args, said: &str| {
        let failure = run(args).unwrap_err();
        assert!(failure.code() == 78 && failure.to_string().contains(said), "{failure}");
        assert_eq!(fs::read_to_string(site.policy()).unwrap(), rule);
    };
    refused(site.args("openai.apii", Status::Approved), "did you mean \"openai.api\"?");
    refused(Args { team: Some("labb".into()), ..site.args("openai.api", Status::Approved) }, "did you mean \"lab\"?");
    refused(Args { alternative: Some("openai.chatgpt".into()), ..site.args("openai.api", Status::Unapproved) }, "is unreviewed itself");
    // The configuration's own rules come first.
    refused(site.args("github.copilot", Status::Approved), "rule can never win");
    refused(Args { expires: Some(Date::constant(2020, 1, 1)), ..site.args("openai.api", Status::Approved) }, "that day is over");
}

#[test]
fn what_was_wrong_before_refuses_nothing_and_is_told() {
    let wrong =
        "[[rule]]\nstatus = \"approved\"\nservice = \"github.copilot\"\n[[rule]]\nstatus = \"unapproved\"\nservice = \"github.copilot\"\n";
    let site = Site::new(NAMED, wrong);
    assert!(site.told(&site.args("openai.api", Status::Approved)).contains("rule can never win"));
}

#[test]
fn rules_that_stay_more_specific_are_named() {
    let site = Site::new(
        NAMED,
        "[[rule]]\nstatus = \"tolerated\"\nhost = \"=api.openai.com\"\n[[rule]]\nstatus = \"tolerated\"\nvendor = \"OpenAI\"\n",
    );
    let told = site.told(&site.args("openai.api", Status::Unapproved));
    assert!(told.contains("decide about a part of it all the same: p.toml:1\n"), "{told}");
}
