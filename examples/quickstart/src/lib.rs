grpc_sansio::include_protos!();
