fn main() -> Result<(), grpc_sansio::codegen::Error> {
    grpc_sansio::codegen::Config::new().compile(&["proto/greeter.proto"], &["proto"])
}
