//! What the fuzz target reaches beside the public functions. Nothing of wharf calls it, so that it is
//! no part of its binary.

use crate::directory::View;
use crate::message::{self, Read, Said};

/// What is said to a message at once, if anything.
pub fn answer(bytes: &[u8], view: &View, is_datagram: bool) -> Option<Vec<u8>> {
    match message::read(bytes, is_datagram) {
        Read::Query(query) => match query.answer(view, 1) {
            Said::Answer(answer) => Some(answer),
            Said::Nothing(_) => None,
        },
        Read::Refused(answer) => Some(answer),
        Read::Dropped => None,
    }
}

/// What is handed back of a message that another server sent, which was asked with this id.
pub fn hand_back(question: &[u8], bytes: &[u8], id: u16) -> Option<Vec<u8>> {
    match message::read(question, true) {
        Read::Query(query) => query.accept(bytes, id),
        _ => None,
    }
}
