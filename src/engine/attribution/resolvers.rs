//! Clients that answer DNS for others: their look-ups are not their own use.

use std::collections::VecDeque;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::engine::event::{Conversation, Source};
use crate::engine::frame::Time;
use crate::engine::host::HostName;

/// Addresses that were asked, at most; oldest out first.
const MAX_ASKED: usize = 16_384;
/// Look-ups that wait, at most.
const MAX_WAITING: usize = 16_384;

/// A look-up of a name.
#[derive(Clone, Debug)]
pub(super) struct LookUp {
    pub(super) client: IpAddr,
    pub(super) name: HostName,
    pub(super) source: Source,
    pub(super) time: Time,
    pub(super) conversation: Conversation,
}

/// Who was asked, and who answered.
#[derive(Debug)]
pub(super) struct Resolvers {
    /// Address that was asked by another: whether it answered.
    asked: HashMap<IpAddr, bool, FixedState>,
    order: VecDeque<IpAddr>,
    waiting: VecDeque<(Time, LookUp)>,
}

impl Default for Resolvers {
    fn default() -> Self {
        Resolvers { asked: HashMap::with_hasher(FixedState::with_seed(0)), order: VecDeque::new(), waiting: VecDeque::new() }
    }
}

impl Resolvers {
    /// Notes that `client` asked `server`, and whether it answered.
    pub(super) fn note(&mut self, client: IpAddr, server: IpAddr, has_answered: bool) {
        if client == server {
            return;
        }
        if let Some(answered) = self.asked.get_mut(&server) {
            *answered |= has_answered;
            return;
        }
        if self.order.len() >= MAX_ASKED
            && let Some(oldest) = self.order.pop_front()
        {
            self.asked.remove(&oldest);
        }
        self.asked.insert(server, has_answered);
        self.order.push_back(server);
    }

    /// Whether it was asked by another: its look-ups wait until it is known whether it answers.
    pub(super) fn may_answer_others(&self, client: IpAddr) -> bool {
        self.asked.contains_key(&client)
    }

    /// Whether it answered another.
    pub(super) fn answers_others(&self, client: IpAddr) -> bool {
        self.asked.get(&client) == Some(&true)
    }

    /// Lets a look-up wait until a moment; one too many makes the oldest leave, unread.
    pub(super) fn wait(&mut self, look_up: LookUp, until: Time) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((until, look_up));
    }

    /// The next look-up that has waited long enough.
    pub(super) fn waited(&mut self, now: Time) -> Option<LookUp> {
        let (until, _) = self.waiting.front()?;
        if *until > now { None } else { self.waiting.pop_front().map(|(_, l)| l) }
    }
}
