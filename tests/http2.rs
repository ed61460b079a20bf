//! `http2::Connection` from outside, laid out as RFC 9113: one function a requirement, named by its number.
//!
//! Frames are built octet by octet or with `grpc_sansio::frame`; what comes back is compared as text, see `harness`.

mod http2 {
    mod guards;
    mod harness;
    mod memory;
    mod properties;
    mod section_10;
    mod section_3;
    mod section_4;
    mod section_5;
    mod section_5_states;
    mod section_6_control;
    mod section_6_data;
    mod section_8;
}
