//! What a peer's caller does about gRPC's framing of a stream: prefixes, and messages in one piece.

pub fn prefix(len: usize) -> [u8; 5] {
    let [a, b, c, d] = (len as u32).to_be_bytes();
    [0, a, b, c, d]
}

/// The message that is arriving.
pub struct Sink {
    pub expected: usize,
    prefix: [u8; 5],
    prefix_len: usize,
    message: Vec<u8>,
    pub received: u64,
}

impl Sink {
    pub fn new(expected: usize) -> Self {
        Self { expected, prefix: [0; 5], prefix_len: 0, message: Vec::new(), received: 0 }
    }

    pub fn take(&mut self, mut octets: &[u8]) {
        loop {
            let count = octets.len().min(5 - self.prefix_len);
            self.prefix[self.prefix_len..][..count].copy_from_slice(&octets[..count]);
            self.prefix_len += count;
            octets = &octets[count..];
            if self.prefix_len < 5 {
                return;
            }
            let [_, a, b, c, d] = self.prefix;
            let len = u32::from_be_bytes([a, b, c, d]) as usize;
            self.message.reserve(len - self.message.len());
            let count = octets.len().min(len - self.message.len());
            self.message.extend_from_slice(&octets[..count]);
            octets = &octets[count..];
            if self.message.len() < len {
                return;
            }
            assert_eq!(std::hint::black_box(&self.message).len(), self.expected);
            self.message.clear();
            self.prefix_len = 0;
            self.received += 1;
        }
    }
}
