//! What is generated from `.proto` files, and what is said of files that are wrong. That the code compiles and works is
//! the business of `tests/stubs`, a crate with a build script of its own.

use grpc_sansio::codegen::{Config, Error, Generated};
use prost::Message as _;
use std::fs;
use std::path::{Path, PathBuf};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/codegen");

fn proto(name: &str) -> PathBuf {
    Path::new(DATA).join("proto").join(name)
}

fn generate(config: Config, names: &[&str]) -> Generated {
    let protos: Vec<_> = names.iter().map(|name| proto(name)).collect();
    config.generate(&protos, &[proto("")]).unwrap()
}

fn broken(name: &str) -> String {
    let folder = Path::new(DATA).join("broken");
    let error = Config::new().generate(&[folder.join(name)], &[&folder]).unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string(), "a build script's `main` shows the one, people read the other");
    // The path is one that an editor can open.
    let text = error.to_string();
    text.strip_prefix(&format!("{}/", folder.display())).expect("the path begins the text").to_owned()
}

/// Compares with a file of `golden`; with `BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = Path::new(DATA).join("golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        return fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (is, was))) = (1..).zip(text.lines().zip(expected.lines())).find(|(_, (is, was))| is != was) {
        panic!("{name}:{number}: `{is}` was `{was}`; BLESS=1 takes it as right");
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "{name}: BLESS=1 takes it as right");
}

#[test]
fn a_service_of_all_kinds() {
    let generated = generate(Config::new().tokio().mio().blocking(), &["trails/v1/trails.proto"]);
    let names: Vec<_> = generated.files.keys().collect();
    assert_eq!(names, ["protos.rs", "trails.v1.rs"]);
    golden("trails.v1.rs", &generated.files["trails.v1.rs"]);
}

#[test]
fn corners_of_the_language() {
    let generated = generate(Config::new().tokio(), &["corners/v1/corners.proto", "unpackaged.proto"]);
    for name in ["protos.rs", "corners.v1.rs", "corners.v1.parts.rs", "_.rs"] {
        golden(name, &generated.files[name]);
    }
    assert_eq!(generated.files.len(), 4, "well-known types come with prost-types");
    let read = |name: &str| generated.sources.contains(&proto(name));
    assert!(read("corners/v1/corners.proto") && read("corners/v1/parts/parts.proto"), "{:?}", generated.sources);
}

#[test]
fn only_what_was_asked_for() {
    let text = |config| generate(config, &["trails/v1/trails.proto"]).files["trails.v1.rs"].clone();
    let plain = text(Config::new());
    assert!(plain.contains("pub mod pure") && !plain.contains("pub mod tokio") && !plain.contains("pub mod mio"));
    assert!(!plain.contains("pub mod blocking"));
    let client = text(Config::new().tokio().mio().blocking().server(false));
    assert!(client.contains("pub struct GuideClient") && !client.contains("pub trait Guide"), "{client}");
    assert!(!client.contains("GuideCall"));
    let server = text(Config::new().tokio().mio().blocking().client(false));
    assert!(server.contains("pub trait Guide") && !server.contains("GuideClient"), "{server}");
}

#[test]
fn paths_and_codecs_that_were_set() {
    let config = Config::new()
        .tokio()
        .codec("crate::Json")
        .runtime_path("::framework::grpc")
        .extern_path(".trails.v1.Point", "crate::Point")
        .type_attribute("trails.v1.Hut", "#[derive(serde::Serialize)]");
    let text = &generate(config, &["trails/v1/trails.proto"]).files["trails.v1.rs"];
    assert!(text.contains("pub struct GuideClient<C = crate::Json>"));
    assert!(!text.contains("grpc_sansio::"), "{text}");
    assert!(!text.contains("struct Point") && text.contains("::framework::grpc::stub::Codec<crate::Point>"));
    assert!(text.contains("#[derive(serde::Serialize)]"));
}

#[test]
fn the_descriptor_set_has_all_files_and_their_comments() {
    let generated = generate(Config::new(), &["corners/v1/corners.proto"]);
    let set = prost_types::FileDescriptorSet::decode(&generated.descriptors[..]).unwrap();
    let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
    assert!(names.contains(&"google/protobuf/any.proto"), "{names:?}");
    assert_eq!(names.last(), Some(&"corners/v1/corners.proto"), "imports come first");
    let comments = set.file.last().unwrap().source_code_info.as_ref().unwrap();
    let comments: Vec<_> =
        comments.location.iter().filter_map(|location| location.leading_comments.as_deref()).collect();
    assert!(comments.contains(&" Use Type.\n"), "as they were written: {comments:?}");
}

#[test]
fn the_same_files_give_the_same_code() {
    let once = || generate(Config::new().tokio().mio().blocking(), &["corners/v1/corners.proto"]);
    let (one, other) = (once(), once());
    assert_eq!((one.files, one.descriptors), (other.files, other.descriptors));
}

#[test]
fn a_broken_file_is_named_with_line_and_reason() {
    assert_eq!(broken("syntax.proto"), "syntax.proto:4:17: expected an integer, but found ';'");
    assert_eq!(broken("unknown_type.proto"), "unknown_type.proto:4:12: name 'Request' is not defined");
    assert_eq!(broken("import.proto"), "import.proto:3:1: import 'nowhere/there.proto' not found");
    let said = broken("same_number.proto");
    assert!(said.starts_with("same_number.proto:5:"), "{said}");
    assert_eq!(
        broken("same_function.proto"),
        "same_function.proto: the methods `GetIt` and `get_it` of service `Broken` would both be the function `get_it`"
    );
    assert_eq!(
        broken("same_module.proto"),
        "same_module.proto: the services `FooBar` and `Foo_Bar` would both be the module `foo_bar_rpc`"
    );
    let absent = proto("absent.proto");
    let error = Config::new().generate(&[&absent], &[proto("")]).unwrap_err();
    assert!(error.to_string().contains("absent.proto"), "{error}");
}

#[test]
fn an_option_that_is_no_path_is_named() {
    for (config, option) in [
        (Config::new().codec("crate::("), "codec"),
        (Config::new().runtime_path(""), "runtime_path"),
        (Config::new().extern_path(".trails.v1.Point", "::a)"), "extern_path"),
    ] {
        let error = config.generate(&[proto("trails/v1/trails.proto")], &[proto("")]).unwrap_err();
        assert!(matches!(&error, Error::Option { option: named, .. } if *named == option), "{error}");
    }
}

#[test]
fn an_attribute_that_is_no_rust_is_no_panic() {
    for config in [
        Config::new().type_attribute(".", "#[derive("),
        Config::new().extern_path(".trails.v1.Hut", "::std::vec::Vec<u8>").extern_path(".trails.v1.Point", "1 +"),
    ] {
        let error = config.generate(&[proto("trails/v1/trails.proto")], &[proto("")]).unwrap_err();
        assert!(matches!(error, Error::Code { .. }), "{error}");
        assert!(error.to_string().starts_with("trails.v1.rs would not be Rust: "), "{error}");
    }
}

#[test]
fn files_are_written_where_they_are_wanted() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen");
    let _ = fs::remove_dir_all(&folder);
    let config = || Config::new().out_dir(&folder);
    let error = config().compile(&[proto("unpackaged.proto")], &[proto("")]).unwrap_err();
    assert!(
        matches!(&error, Error::Write { .. }) && error.to_string().starts_with(folder.to_str().unwrap()),
        "{error}"
    );

    fs::create_dir_all(&folder).unwrap();
    config().compile(&[proto("unpackaged.proto")], &[proto("")]).unwrap();
    let root = fs::read_to_string(folder.join("protos.rs")).unwrap();
    assert!(root.contains("include!(\"_.rs\");"), "{root}");
    assert!(folder.join("_.rs").exists() && folder.join("descriptors.bin").exists());
}
