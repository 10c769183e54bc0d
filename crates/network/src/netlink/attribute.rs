//! Attributes of messages that the library has no types for: put together, and found in answers.

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED, NlasIterator};

/// An attribute.
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let attribute = DefaultNla::new(kind, value.to_vec());
    let mut bytes = vec![0; attribute.buffer_len()];
    attribute.emit(&mut bytes);
    bytes
}

/// An attribute of attributes.
pub(crate) fn nested(kind: u16, attributes: &[u8]) -> Vec<u8> {
    attribute(kind | NLA_F_NESTED, attributes)
}

/// Attributes, each with its kind.
pub(crate) fn all(attributes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let whole = NlasIterator::new(attributes).map_while(Result::ok);
    whole.map(|attribute| {
        let (kind, length) = (attribute.kind(), attribute.value_length());
        let value = attribute.into_inner().get(4..4 + length);
        (kind, value.unwrap_or_default())
    })
}

/// The value of the attribute of a kind.
pub(crate) fn find(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    all(attributes).find_map(|(found, value)| (found == kind).then_some(value))
}
