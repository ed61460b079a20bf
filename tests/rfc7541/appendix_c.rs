//! RFC 7541 Appendix C: the examples, both ways (P-040).

use grpc_sansio::hpack::{Classifier, Decoder, Encoder, Field};

use crate::support::{block, decode, decoder, encode, hex};

/// One block of an example: the octets, the fields, and the size of the table afterwards.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], usize);

/// Decodes the example as it stands; encodes its lists as our policy has it and decodes that again.
fn check(table_size: u32, steps: &[Step<'_>]) {
    let mut peer = Decoder::new(table_size, Classifier::NONE);
    let mut ours = Decoder::new(4096, Classifier::NONE);
    let mut encoder = Encoder::new(table_size, 1);
    for (wire, expected, size) in steps {
        let fields: Vec<_> =
            expected.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(decode(&mut peer, &hex(wire)).unwrap(), block(&fields));
        assert_eq!(peer.table_size(), *size);
        let out = encode(&mut encoder, &fields);
        assert_eq!(decode(&mut ours, &out).unwrap(), block(&fields));
        assert_eq!(ours.table_size(), encoder.table_size());
    }
}

#[test]
fn p_040_c_2_field_representations() {
    check(
        4096,
        &[("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", &[("custom-key", "custom-header")], 55)],
    );
    check(4096, &[("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")], 0)]);
    check(4096, &[("82", &[(":method", "GET")], 0)]);
    let mut decoder = decoder();
    let secret = decode(&mut decoder, &hex("1008 7061 7373 776f 7264 0673 6563 7265 74")).unwrap();
    assert_eq!(secret, block(&[Field::sensitive(b"password", b"secret")]));
    assert_eq!(decoder.table_size(), 0);
}

const GET: (&str, &str) = (":method", "GET");
const AUTHORITY: (&str, &str) = (":authority", "www.example.com");
const REQUESTS: [&[(&str, &str)]; 3] = [
    &[GET, (":scheme", "http"), (":path", "/"), AUTHORITY],
    &[GET, (":scheme", "http"), (":path", "/"), AUTHORITY, ("cache-control", "no-cache")],
    &[GET, (":scheme", "https"), (":path", "/index.html"), AUTHORITY, ("custom-key", "custom-value")],
];

#[test]
fn p_040_c_3_requests_without_huffman() {
    check(
        4096,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0], 57),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1], 110),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2], 164),
        ],
    );
}

#[test]
fn p_040_c_4_requests_with_huffman() {
    check(
        4096,
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0], 57),
            ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1], 110),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", REQUESTS[2], 164),
        ],
    );
}

const PRIVATE: (&str, &str) = ("cache-control", "private");
const DATE: (&str, &str) = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
const LATER: (&str, &str) = ("date", "Mon, 21 Oct 2013 20:13:22 GMT");
const LOCATION: (&str, &str) = ("location", "https://www.example.com");
const COOKIE: (&str, &str) = ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
const RESPONSES: [&[(&str, &str)]; 3] = [
    &[(":status", "302"), PRIVATE, DATE, LOCATION],
    &[(":status", "307"), PRIVATE, DATE, LOCATION],
    &[(":status", "200"), PRIVATE, LATER, LOCATION, ("content-encoding", "gzip"), COOKIE],
];

#[test]
fn p_040_c_5_responses_without_huffman() {
    check(
        256,
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
                 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                RESPONSES[0],
                222,
            ),
            ("4803 3330 37c1 c0bf", RESPONSES[1], 222),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
                 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
                 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
                RESPONSES[2],
                215,
            ),
        ],
    );
}

#[test]
fn p_040_c_6_responses_with_huffman() {
    check(
        256,
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
                 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                RESPONSES[0],
                222,
            ),
            ("4883 640e ffc1 c0bf", RESPONSES[1], 222),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
                 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                RESPONSES[2],
                215,
            ),
        ],
    );
}

/// The Huffman strings of the examples, octet for octet from our encoder.
#[test]
fn p_040_strings_are_encoded_as_in_the_examples() {
    for (value, code) in [
        ("www.example.com", "8c f1e3 c2e5 f23a 6ba0 ab90 f4ff"),
        ("no-cache", "86 a8eb 1064 9cbf"),
        ("custom-value", "89 25a8 49e9 5bb8 e8b4 bf"),
        ("private", "85 aec3 771a 4b"),
        (DATE.1, "96 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff"),
        (LOCATION.1, "91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3"),
        ("gzip", "83 9bd9 ab"),
        (
            COOKIE.1,
            "ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5
             b106 3d50 07",
        ),
    ] {
        let out = encode(&mut Encoder::new(4096, 1), &[Field::new(b":path", value.as_bytes())]);
        assert_eq!(out, [&[0x44][..], &hex(code)].concat(), "{value}");
    }
}
