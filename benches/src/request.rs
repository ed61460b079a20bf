//! The request of every figure: ten fields, one of them unique per call.

pub const PATH: &str = "/helloworld.Greeter/SayHello";
pub const OTHER_PATH: &str = "/helloworld.Greeter/SayGoodbye";
pub const AUTHORIZATION: &str = "Bearer 0123456789abcdef0123456789abcdef01234567";

/// A message each way.
pub const MESSAGE: [u8; 32] = [0x5a; 32];

/// Sixteen digits that no other call has, in an order that does not look like counting.
pub struct RequestId {
    count: u64,
    text: [u8; 16],
}

impl RequestId {
    pub const fn new() -> Self {
        Self { count: 0, text: [b'0'; 16] }
    }

    pub fn next(&mut self) -> &str {
        self.count += 1;
        let mut bits = self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for digit in &mut self.text {
            *digit = b"0123456789abcdef"[(bits >> 60) as usize];
            bits <<= 4;
        }
        core::str::from_utf8(&self.text).expect("ASCII digits")
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
