//! A monitor's last words: the rest of the output and `Exited` (or `Failed`) to every client,
//! each at its own pace. The container is gone by then and nobody waits for a slow client any
//! more.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use crate::clients::{Clients, Received, STARTER};
use crate::output::Stream;
use crate::poller::{Poller, Token};
use crate::protocol::{FRAME_MAX, FromClient, FromMonitor};

/// Who is still to hear what.
pub(crate) struct Farewell {
    poller: Poller,
    clients: Clients,
    rests: [Vec<u8>; 2],
    /// To whom the last word was said.
    told: [bool; Clients::MAX],
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
            told: [false; Clients::MAX],
        })
    }

    /// Sends as much of the output's rest as clients have room for.
    pub(crate) fn send_rests(&mut self) -> Result<(), Errno> {
        for slot in Clients::slots() {
            self.send_rest(slot)?;
        }
        Ok(())
    }

    /// Says `last`, and hears whether the starter takes over the removing of the container;
    /// returns when it has answered or is gone.
    pub(crate) fn ask_starter(&mut self, last: &FromMonitor<'_>) -> Result<bool, Errno> {
        let mut buffer = vec![0; FRAME_MAX];
        let mut removing = false;
        self.say_to_all(last, Some(STARTER))?;
        while self.clients.get(STARTER).is_some() {
            for slot in self.wait()? {
                self.say(slot, last, Some(STARTER))?;
                removing |= slot == STARTER && self.hear_starter(&mut buffer)?;
            }
        }
        Ok(removing)
    }

    /// Says `last` to everybody who has not heard it, and hangs up.
    pub(crate) fn finish(mut self, last: &FromMonitor<'_>) -> Result<(), Errno> {
        self.say_to_all(last, None)?;
        while !self.clients.is_empty() {
            for slot in self.wait()? {
                self.say(slot, last, None)?;
            }
        }
        Ok(())
    }

    fn wait(&self) -> Result<impl Iterator<Item = usize> + use<>, Errno> {
        let batch = self.poller.wait()?;
        Ok(batch.into_iter().filter_map(|token| match token {
            Token::Client(slot) => Some(slot),
            _ => None,
        }))
    }

    fn say_to_all(&mut self, last: &FromMonitor<'_>, keep: Option<usize>) -> Result<(), Errno> {
        for slot in Clients::slots() {
            self.say(slot, last, keep)?;
        }
        Ok(())
    }

    /// Brings one client as far as it has room for, and hangs up on it after `last` unless it is
    /// to be kept.
    fn say(
        &mut self,
        slot: usize,
        last: &FromMonitor<'_>,
        keep: Option<usize>,
    ) -> Result<(), Errno> {
        if !self.told[slot] && self.send_rest(slot)? {
            let client = self.clients.get(slot);
            match client.map(|client| client.send(last)) {
                Some(Ok(told)) => self.told[slot] = told,
                Some(Err(_gone)) => self.clients.remove(slot, &self.poller)?,
                None => {}
            }
        }
        match (self.told[slot], keep == Some(slot)) {
            (false, _) => self.clients.watch(slot, &self.poller, EventFlags::OUT),
            (true, true) => self.clients.watch(slot, &self.poller, EventFlags::IN),
            (true, false) => self.clients.remove(slot, &self.poller),
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

    /// Whether the starter takes over the removing. Once it has answered it is not needed any
    /// more; what it said before, such as input for the container, no longer matters.
    fn hear_starter(&mut self, buffer: &mut [u8]) -> Result<bool, Errno> {
        let Some(starter) = self.clients.get(STARTER) else {
            return Ok(false);
        };
        let answer = match starter.receive(buffer) {
            Received::Frame(FromClient::Removing) => true,
            Received::Gone | Received::Frame(FromClient::Detach) => false,
            Received::Frame(_) | Received::Nothing => return Ok(false),
        };
        self.clients.remove(STARTER, &self.poller)?;
        Ok(answer)
    }
}
