//! A monitor's last words: the rest of the output and `Exited` (or `Failed`) to every client,
//! each at its own pace. The container is gone by then and nobody waits for a slow client any
//! more.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use crate::clients::Clients;
use crate::output::Stream;
use crate::poller::{Poller, Token};
use crate::protocol::FromMonitor;

/// Who is still to hear what.
pub(crate) struct Farewell {
    poller: Poller,
    clients: Clients,
    rests: [Vec<u8>; 2],
}

impl Farewell {
    /// For these clients and those who connected to `listener` and were not accepted yet; who
    /// comes later is refused and reads `exit.json`.
    pub(crate) fn new(
        mut clients: Clients,
        listener: Option<OwnedFd>,
        rests: [Vec<u8>; 2],
    ) -> Result<Farewell, Errno> {
        if let Some(listener) = listener {
            while let Ok(true) = clients.accept(listener.as_fd()) {}
        }
        clients.forget_watches();
        Ok(Farewell {
            poller: Poller::new()?,
            clients,
            rests,
        })
    }

    /// Sends as much of the output's rest as clients have room for.
    pub(crate) fn send_rests(&mut self) -> Result<(), Errno> {
        for slot in Clients::slots() {
            self.send_rest(slot)?;
        }
        Ok(())
    }

    /// Says `last` to everybody who has room for it now, and hangs up on them.
    pub(crate) fn tell(&mut self, last: &FromMonitor<'_>) -> Result<(), Errno> {
        Clients::slots().try_for_each(|slot| self.say(slot, last))
    }

    /// Says `last` to everybody who has not heard it, and hangs up.
    pub(crate) fn finish(mut self, last: &FromMonitor<'_>) -> Result<(), Errno> {
        self.tell(last)?;
        while !self.clients.is_empty() {
            for slot in self.wait()? {
                self.say(slot, last)?;
            }
        }
        Ok(())
    }

    fn wait(&self) -> Result<impl Iterator<Item = usize> + use<>, Errno> {
        let batch = self.poller.wait(None)?;
        Ok(batch.into_iter().filter_map(|token| match token {
            Token::Client(slot) => Some(slot),
            _ => None,
        }))
    }

    /// Brings one client as far as it has room for, and hangs up on it after `last`.
    fn say(&mut self, slot: usize, last: &FromMonitor<'_>) -> Result<(), Errno> {
        let mut told = false;
        if self.send_rest(slot)? {
            told = match self.clients.get(slot).map(|client| client.send(last)) {
                Some(Ok(told)) => told,
                Some(Err(_gone)) => true,
                None => false,
            };
        }
        match told {
            false => self.clients.watch(slot, &self.poller, EventFlags::OUT),
            true => self.clients.remove(slot, &self.poller),
        }
    }

    /// Whether the client in this slot has all of the output; false also when it is gone.
    fn send_rest(&mut self, slot: usize) -> Result<bool, Errno> {
        let Some(client) = self.clients.get_mut(slot) else {
            return Ok(false);
        };
        let sent = Stream::ALL.iter().try_fold(true, |all, &stream| {
            Ok(all & client.send_rest(stream, &self.rests[stream.index()])?)
        });
        sent.or_else(|_: Errno| self.clients.remove(slot, &self.poller).map(|()| false))
    }
}
