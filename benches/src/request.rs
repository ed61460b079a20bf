//! The request of every figure: ten fields, one of them unique per call.

pub const PATH: &str = "/helloworld.Greeter/SayHello";
pub const OTHER_PATH: &str = "/helloworld.Greeter/SayGoodbye";
pub const AUTHORIZATION: &str = "Bearer 0123456789abcdef0123456789abcdef01234567";

/// A message each way.
pub const MESSAGE: [u8; 32] = [0x5a; 32];

/// How many ids there are before the first comes again.
const IDS: usize = 1 << 16;

/// Sixteen digits that no other call has, in an order that does not look like counting. They are made beforehand, since
/// making them is not what is measured.
pub struct RequestId {
    ids: String,
    next: usize,
}

impl RequestId {
    const DIGITS: usize = 16;

    pub fn new() -> Self {
        let ids = (1..=IDS as u64).map(|count| format!("{:016x}", count.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        Self { ids: ids.collect(), next: 0 }
    }

    pub fn next(&mut self) -> &str {
        let start = self.next;
        self.next = (start + Self::DIGITS) % self.ids.len();
        &self.ids[start..start + Self::DIGITS]
    }
}

/// A message behind its prefix (five octets), for peers that leave that to their caller.
#[cfg(feature = "peers")]
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(5 + message.len());
    octets.push(0);
    octets.extend_from_slice(&(message.len() as u32).to_be_bytes());
    octets.extend_from_slice(message);
    octets
}
