//! Which machine an image is for, in Go's words, and whether this one can run it.
//!
//! Source: containerd/platforms, `platforms.go` and `compare.go`.

use std::fmt;
use std::str::FromStr;

use spec::image::Platform as Document;

/// An operating system, a CPU and the generation of the CPU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, `arm`.
    pub architecture: String,
    /// `v7`; empty where it does not matter.
    pub variant: String,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform: os/cpu or os/cpu/variant, as linux/arm64/v8")]
pub struct NoPlatform(String);

impl Platform {
    /// This machine.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", ""),
            "x86" => ("386", ""),
            "aarch64" => ("arm64", ""),
            "arm" => ("arm", "v7"),
            "riscv64" => ("riscv64", ""),
            "powerpc64" => ("ppc64le", ""),
            other => (other, ""),
        };
        Self::new("linux", architecture, variant)
    }

    /// A platform in its normal form.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = match (architecture, variant) {
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686", _) => ("386", ""),
            ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            other => other,
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
        }
    }

    /// That of a document.
    pub fn of(document: &Document) -> Self {
        let variant = document.variant.as_deref().unwrap_or_default();
        Self::new(&document.os, &document.architecture, variant)
    }

    /// As a document has it.
    pub fn document(&self) -> Document {
        Document {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            variant: Some(self.variant.clone()).filter(|variant| !variant.is_empty()),
            os_version: None,
        }
    }

    /// How well an image for `other` runs where this platform is wanted; the least is the best.
    /// An ARM runs what is for an older one, and an x86-64 that of an older generation.
    pub fn distance(&self, other: &Self) -> Option<u32> {
        if (&self.os, &self.architecture) != (&other.os, &other.architecture) {
            return None;
        }
        let generation = |platform: &Self| match platform.variant.strip_prefix('v') {
            Some(digits) => digits.split('.').next().and_then(|n| n.parse::<u32>().ok()),
            None if platform.variant.is_empty() => Some(match platform.architecture.as_str() {
                "arm64" => 8,
                _ => 1,
            }),
            None => None,
        };
        match (generation(self), generation(other)) {
            _ if self.variant == other.variant => Some(0),
            (Some(ours), Some(theirs)) => ours.checked_sub(theirs),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_str() {
            "" => Ok(()),
            variant => write!(f, "/{variant}"),
        }
    }
}

/// `linux/arm64`, `arm64`, `linux/arm/v7`, or `linux` for this machine's CPU.
impl FromStr for Platform {
    type Err = NoPlatform;

    fn from_str(text: &str) -> Result<Self, NoPlatform> {
        let parts: Vec<String> = text.split('/').map(str::to_ascii_lowercase).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(is_word);
        if !parts.iter().all(word) {
            return Err(NoPlatform(text.to_owned()));
        }
        let is_os = |part: &str| matches!(part, "linux" | "windows" | "darwin" | "freebsd");
        let host = Self::host();
        match parts.as_slice() {
            [os] if is_os(os) => Ok(Self::new(os, &host.architecture, &host.variant)),
            [cpu] => Some(Self::new("linux", cpu, ""))
                .filter(|platform| CPUS.contains(&platform.architecture.as_str()))
                .ok_or_else(|| NoPlatform(text.to_owned())),
            [os, cpu] if is_os(os) => Ok(Self::new(os, cpu, "")),
            [cpu, variant] => Ok(Self::new("linux", cpu, variant)),
            [os, cpu, variant] => Ok(Self::new(os, cpu, variant)),
            _ => Err(NoPlatform(text.to_owned())),
        }
    }
}

/// Go's names of CPUs; another one is understood with its system before it.
const CPUS: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "sparc64",
];

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_in_all_their_spellings() {
        for (text, normal) in [
            ("linux/amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("aarch64", "linux/arm64"),
            ("arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), normal);
        }
        for text in ["", "a//b", "linux/amd64/v2/x", "a b", "windoze"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_older_generation_is_taken_and_a_newer_one_is_not() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        let v7 = platform("arm/v7");
        assert_eq!(v7.distance(&platform("arm/v7")), Some(0));
        assert_eq!(v7.distance(&platform("arm/v5")), Some(2));
        assert_eq!(platform("arm/v6").distance(&v7), None);
        assert_eq!(v7.distance(&platform("arm64")), None);
        assert_eq!(platform("amd64").distance(&platform("amd64/v3")), None);
        assert_eq!(platform("amd64/v3").distance(&platform("amd64")), Some(2));
    }
}
