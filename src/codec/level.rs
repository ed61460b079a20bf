//! How hard to try.

/// How much time compression may take (G-104). What it means is the codec's matter; it never changes what can be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Little time.
    Low,
    /// What the format's own tools take by default.
    #[default]
    Medium,
    /// As few octets as can be had.
    High,
}
