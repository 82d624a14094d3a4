//! The closed vocabularies of a signature.

/// A closed enum whose variants have one word each, in the order written.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every one, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// Every word, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word used in files, output and tables.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The one a word names.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.word() == word)
            }
        }
    };
}

words! {
    /// What a host is for. It tells use from mere presence.
    Role {
        /// Pages people work with.
        Web = "web",
        /// Requests of programs.
        Api = "api",
        /// Files people hand over.
        Upload = "upload",
        /// Speech, both ways.
        Voice = "voice",
        /// Static files; other sites may embed them.
        Cdn = "cdn",
        /// Counters and crash reports.
        Telemetry = "telemetry",
        /// Sign-in.
        Auth = "auth",
        /// Programs and model weights.
        Download = "download",
    }
}

impl Role {
    /// Whether it shows presence only, never use.
    pub const fn is_presence(self) -> bool {
        matches!(self, Role::Cdn | Role::Telemetry | Role::Auth)
    }
}

words! {
    /// Whether a host is the tool.
    Use {
        /// The host is that tool.
        Exclusive = "exclusive",
        /// AI inside another product.
        Embedded = "embedded",
        /// It serves other things too.
        Shared = "shared",
    }
}

words! {
    /// Kind of account, where a name tells.
    Tenant {
        /// A private person's.
        Consumer = "consumer",
        /// A company's.
        Business = "business",
        /// A company's, under its own contract and control.
        Enterprise = "enterprise",
    }
}

words! {
    /// What kind of tool.
    Category {
        /// Chat assistants.
        Chat = "chat",
        /// Coding assistants and agents.
        Code = "code",
        /// Model APIs and gateways.
        Api = "api",
        /// Pictures.
        Image = "image",
        /// Video.
        Video = "video",
        /// Voice and music.
        Audio = "audio",
        /// Search that answers.
        Search = "search",
        /// Agents that act.
        Agent = "agent",
        /// Note-takers in meetings.
        Meeting = "meeting",
        /// Writing and translation.
        Writing = "writing",
        /// AI in office work.
        Productivity = "productivity",
        /// Companions.
        Companion = "companion",
        /// Hosts that several products of a vendor share.
        Platform = "platform",
        /// Models to download.
        ModelHub = "model-hub",
        /// Programs that run models on the own machine.
        Local = "local",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_variants_go_both_ways() {
        assert!(Role::ALL.iter().all(|v| Role::from_word(v.word()) == Some(*v)));
        assert!(Use::ALL.iter().all(|v| Use::from_word(v.word()) == Some(*v)));
        assert!(Tenant::ALL.iter().all(|v| Tenant::from_word(v.word()) == Some(*v)));
        assert!(Category::ALL.iter().all(|v| Category::from_word(v.word()) == Some(*v)));
        assert_eq!(Category::WORDS.len(), 15);
        assert_eq!(Role::from_word("Web"), None);
    }
}
