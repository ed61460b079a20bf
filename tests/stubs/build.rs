//! Generates the same services three times: for prost, for JSON by serde, and for octets as they are.

use grpc_sansio::codegen::{Config, Error};
use std::path::PathBuf;
use std::{env, fs};

const PROTOS: &str = "../data/codegen/proto";

fn main() -> Result<(), Error> {
    let trails = format!("{PROTOS}/trails/v1/trails.proto");
    let corners = format!("{PROTOS}/corners/v1/corners.proto");
    let bare = format!("{PROTOS}/unpackaged.proto");
    Config::new()
        .tokio()
        .mio()
        .blocking()
        .prost(|prost| _ = prost.bytes(["."]))
        .compile(&[&trails, &corners, &bare], &[PROTOS])?;
    Config::new()
        .tokio()
        .codec("crate::Json")
        .type_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]")
        .out_dir(folder("json"))
        .compile(&[&trails], &[PROTOS])?;
    Config::new()
        .tokio()
        .mio()
        .blocking()
        .codec("::grpc_sansio::stub::Raw")
        .extern_path(".trails.v1.Point", "::bytes::Bytes")
        .extern_path(".trails.v1.Hut", "::bytes::Bytes")
        .extern_path(".trails.v1.Area", "::bytes::Bytes")
        .extern_path(".trails.v1.Summary", "::bytes::Bytes")
        .extern_path(".trails.v1.Note", "::bytes::Bytes")
        .out_dir(folder("raw"))
        .compile(&[&trails], &[PROTOS])
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}
