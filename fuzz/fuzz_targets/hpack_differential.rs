#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| grpc_sansio_fuzz::hpack_differential::run(data));
