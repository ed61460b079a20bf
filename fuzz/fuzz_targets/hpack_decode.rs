#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    grpc_sansio_fuzz::play("hpack_decode", data);
});
