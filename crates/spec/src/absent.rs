//! What "absent" means in a document: zero and empty values that writers of the field leave out.
//!
//! Only helpers for serde attributes live here.

use serde::{Deserialize, Deserializer};

/// For `skip_serializing_if`: a number that means "not set".
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `deserialize_with`: the empty string is the same as no string, as for Go's `omitempty`.
pub(crate) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + AsRef<std::ffi::OsStr>,
{
    let value = Option::<T>::deserialize(deserializer)?;
    Ok(value.filter(|text| !text.as_ref().is_empty()))
}

/// For `deserialize_with`: `null` is the same as a missing value, as Docker's images have it.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
