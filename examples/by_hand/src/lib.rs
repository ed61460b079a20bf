mod drive;

pub use drive::drive;

grpc_sansio::include_protos!();
