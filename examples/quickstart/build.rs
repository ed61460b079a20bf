fn main() -> Result<(), grpc_sansio::codegen::Error> {
    grpc_sansio::codegen::Config::new().tokio().compile(&["proto/greeter.proto"], &["proto"])
}
