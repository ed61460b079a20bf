grpc_sansio::include_protos!();

pub mod service;
