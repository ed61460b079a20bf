//! What is asked of descriptors, and what is answered.

use grpc_sansio::grpc::Code;
use grpc_sansio::services::reflection::*;
use proptest::prelude::*;
use prost::Message;

const SHOP: &[u8] = include_bytes!("../data/reflection/shop.bin");
const WITHOUT_IMPORTS: &[u8] = include_bytes!("../data/reflection/without_imports.bin");

fn shop() -> Reflection {
    Reflection::new().with(SHOP).unwrap()
}

fn ask(stream: &mut ReflectionStream, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: "me".into(), message_request: Some(question) };
    let answer = stream.answer(&request.encode_to_vec()).unwrap();
    let answer = ServerReflectionResponse::decode(answer).unwrap();
    assert_eq!((&*answer.valid_host, answer.original_request), ("me", Some(request)), "G-307");
    answer.message_response.unwrap()
}

/// Only the name of a `google.protobuf.FileDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "1")]
    name: String,
}

/// The names of the files of an answer, or its error's code.
fn files(answer: MessageResponse) -> Result<Vec<String>, i32> {
    match answer {
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }) => {
            Ok(file_descriptor_proto.into_iter().map(|file| File::decode(file).unwrap().name).collect())
        }
        MessageResponse::ErrorResponse(error) => Err(error.error_code),
        other => panic!("{other:?}"),
    }
}

fn symbol(name: &str) -> Result<Vec<String>, i32> {
    files(ask(&mut shop().stream(), MessageRequest::FileContainingSymbol(name.into())))
}

/// G-304, G-311: all services, both versions of reflection and health among them; whatever the argument says.
#[test]
fn g_304_g_311_services_are_listed() {
    let listed = |reflection: &Reflection, argument: &str| match ask(
        &mut reflection.stream(),
        MessageRequest::ListServices(argument.into()),
    ) {
        MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|it| it.name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(listed(&Reflection::new(), ""), SERVICES);
    let all = shop().with_health();
    let expected = [grpc_sansio::services::health::SERVICE, SERVICES[0], SERVICES[1], "shop.v1.Shop", "shop.v1.Till"];
    for argument in ["", "*", "shop"] {
        assert_eq!(listed(&all, argument), expected);
    }
    let fewer = all.without("shop.v1.Till");
    assert_eq!(listed(&fewer, "")[3..], ["shop.v1.Shop"]);
    assert_eq!(METHODS.map(|method| method.path().service().to_string()), SERVICES);
}

/// The committed descriptors of the services themselves are whole.
#[test]
fn g_304_reflection_and_health_describe_themselves() {
    let reflection = Reflection::default().with_health();
    let failing = Reflection::new().with_details();
    let answer =
        ask(&mut failing.stream(), MessageRequest::FileContainingSymbol("google.rpc.RetryInfo.retry_delay".into()));
    assert_eq!(files(answer).unwrap(), ["google/rpc/error_details.proto", "google/protobuf/duration.proto"]);
    for (name, file) in [
        (SERVICES[0], "grpc/reflection/v1/reflection.proto"),
        (SERVICES[1], "grpc/reflection/v1alpha/reflection.proto"),
        ("grpc.reflection.v1.ServerReflectionRequest.file_by_filename", "grpc/reflection/v1/reflection.proto"),
        ("grpc.health.v1.Health.Watch", "grpc/health/v1/health.proto"),
        ("grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"),
    ] {
        let answer = ask(&mut reflection.stream(), MessageRequest::FileContainingSymbol(name.into()));
        assert_eq!(files(answer), Ok(vec![file.to_string()]), "{name}");
    }
}

/// G-308: the file that was asked for, then its imports, theirs included, each once; those that this client has are not
/// sent again, the one that it asks for is.
#[test]
fn g_308_files_come_with_their_imports() {
    let mut stream = shop().stream();
    let mut file = |name: &str| files(ask(&mut stream, MessageRequest::FileByFilename(name.into())));
    assert_eq!(file("middle.proto").unwrap(), ["middle.proto", "base.proto"]);
    assert_eq!(file("shop.proto").unwrap(), ["shop.proto"]);
    assert_eq!(file("shop.proto").unwrap(), ["shop.proto"]);
    assert_eq!(file("base.proto").unwrap(), ["base.proto"]);
    let fresh = files(ask(&mut shop().stream(), MessageRequest::FileByFilename("shop.proto".into())));
    assert_eq!(fresh.unwrap(), ["shop.proto", "base.proto", "middle.proto"]);
}

/// G-309: what is not there is NOT_FOUND in the answer, and the stream goes on; a request for nothing is not.
#[test]
fn g_309_what_is_not_there() {
    let mut stream = shop().stream();
    let extension = |containing_type: &str, extension_number| {
        let containing_type = containing_type.into();
        MessageRequest::FileContainingExtension(ExtensionRequest { containing_type, extension_number })
    };
    for question in [
        MessageRequest::FileByFilename("none.proto".into()),
        MessageRequest::FileByFilename(String::new()),
        MessageRequest::FileContainingSymbol("shop.v1.Shop.None".into()),
        MessageRequest::AllExtensionNumbersOfType("shop.v1.Shop".into()),
        extension("Base", 101),
        extension("shop.v1.Cart", 100),
    ] {
        match ask(&mut stream, question.clone()) {
            MessageResponse::ErrorResponse(ErrorResponse { error_code: 5, error_message }) => {
                assert!(error_message.starts_with("there is no "), "{error_message}");
            }
            other => panic!("{question:?}: {other:?}"),
        }
    }
    assert_eq!(stream.answer(b"").unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(stream.answer(b"\x0a\x02me").unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(stream.answer(b"\x0a\xff").unwrap_err().code(), Code::Internal);
}

/// G-310: everything that has a full name, and nothing else.
#[test]
fn g_310_symbols() {
    for name in [
        "shop.v1.Cart",
        "shop.v1.Cart.items",
        "shop.v1.Cart.payment",
        "shop.v1.Cart.Item",
        "shop.v1.Cart.Item.kind",
        "shop.v1.Cart.Item.Kind",
        "shop.v1.Cart.Item.TOY",
        "shop.v1.Cart.Item.shelf",
        "shop.v1.Shop",
        "shop.v1.Shop.Add",
        "shop.v1.Till.Pay",
    ] {
        assert_eq!(symbol(name).unwrap()[0], "shop.proto", "{name}");
    }
    for name in ["Base", "Base.name", "Size", "SMALL"] {
        assert_eq!(symbol(name).unwrap(), ["base.proto"], "{name}");
    }
    assert_eq!(symbol("shop.price").unwrap()[0], "middle.proto");
    for name in [
        "",
        ".",
        ".shop.v1.Cart",
        "shop.v1",
        "shop",
        "Cart",
        "shop.v1.Cart.Item.Kind.TOY",
        "shop.v1.cart",
        "Size.SMALL",
    ] {
        assert_eq!(symbol(name), Err(5), "{name:?}");
    }
}

/// G-305, G-306: extensions by message and number, and their numbers in order.
#[test]
fn g_305_g_306_extensions() {
    let mut stream = shop().stream();
    for (number, file) in [(100, "middle.proto"), (150, "shop.proto")] {
        let asked = ExtensionRequest { containing_type: "Base".into(), extension_number: number };
        assert_eq!(files(ask(&mut stream, MessageRequest::FileContainingExtension(asked))).unwrap()[0], file);
    }
    for (name, numbers) in [("Base", &[100, 150][..]), ("shop.v1.Cart", &[])] {
        match ask(&mut stream, MessageRequest::AllExtensionNumbersOfType(name.into())) {
            MessageResponse::AllExtensionNumbersResponse(answer) => {
                assert_eq!((&*answer.base_type_name, &answer.extension_number[..]), (name, numbers));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Set {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

fn set(files: &[&[u8]]) -> Vec<u8> {
    Set { file: files.iter().map(|file| file.to_vec()).collect() }.encode_to_vec()
}

/// A set that cannot be served says why, and leaves what was there before.
#[test]
fn sets_that_cannot_be_served() {
    let error = Reflection::new().with(WITHOUT_IMPORTS).unwrap_err();
    let missing = DescriptorError::MissingImport { file: "shop.proto".into(), import: "base.proto".into() };
    assert_eq!(error, missing);
    assert_eq!(error.to_string(), "shop.proto imports base.proto, which is not in the set: write it with all imports");
    assert!(shop().with(WITHOUT_IMPORTS).is_ok(), "the imports are there already, and so is the file");

    assert!(matches!(Reflection::new().with(b"\x0a\xff"), Err(DescriptorError::Malformed(_))));
    assert!(matches!(Reflection::new().with(&set(&[b"\xff"])), Err(DescriptorError::Malformed(_))));
    let (one, same) = (b"\x0a\x01a\x22\x03\x0a\x01M", b"\x0a\x01b\x22\x03\x0a\x01M");
    let conflicting = Reflection::new().with(&set(&[one, same])).unwrap_err();
    assert_eq!(conflicting.to_string(), "M is declared by a and by b");
    let other = b"\x0a\x01a\x22\x03\x0a\x01N";
    let conflicting = Reflection::new().with(&set(&[one])).unwrap().with(&set(&[other])).unwrap_err();
    assert_eq!(conflicting, DescriptorError::ConflictingFile("a".into()));
    assert!(Reflection::new().with(b"").is_ok(), "nothing is no mistake");
    // The same file with something that declares nothing, such as options or source code info: the first stays.
    let annotated = b"\x0a\x01a\x22\x03\x0a\x01M\x4a\x00";
    let twice = Reflection::new().with(&set(&[one])).unwrap().with(&set(&[annotated])).unwrap();
    match ask(&mut twice.stream(), MessageRequest::FileByFilename("a".into())) {
        MessageResponse::FileDescriptorResponse(answer) => assert_eq!(answer.file_descriptor_proto, [&one[..]]),
        other => panic!("{other:?}"),
    }
}

/// Messages within messages, deeper than any stack likes: refused by the reader of messages.
#[test]
fn deep_nesting_is_refused() {
    let mut message: Vec<u8> = vec![];
    for _ in 0..100_000 {
        let mut outer = vec![0x1a];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        // Only the innermost part matters: lengths grow, so what lies within is kept by length alone.
        if message.len() > 60_000 {
            break;
        }
        outer.extend_from_slice(&message);
        message = outer;
    }
    let mut file = vec![0x22];
    prost::encoding::encode_varint(message.len() as u64, &mut file);
    file.extend_from_slice(&message);
    assert!(matches!(Reflection::new().with(&set(&[&file])), Err(DescriptorError::Malformed(_))));
}

proptest! {
    /// Imports may form circles in what a hostile or broken compiler writes: each file is sent once all the same.
    #[test]
    fn any_imports_end(edges in prop::collection::vec((0..6u8, 0..6u8), 0..20), asked in 0..6u8) {
        let files: Vec<Vec<u8>> = (0..6u8)
            .map(|file| {
                let imports = edges.iter().filter(|(from, _)| *from == file);
                let imports = imports.flat_map(|(_, to)| [0x1a, 1, b'a' + to]);
                [0x0a, 1, b'a' + file].into_iter().chain(imports).collect()
            })
            .collect();
        let reflection = Reflection::new().with(&Set { file: files }.encode_to_vec()).unwrap();
        let name = String::from(char::from(b'a' + asked));
        let answer = super::reflection::files(ask(&mut reflection.stream(), MessageRequest::FileByFilename(name.clone()))).unwrap();
        prop_assert_eq!(&answer[0], &name);
        let mut unique = answer.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), answer.len());
        // All that can be reached, and nothing else.
        let mut reached = vec![asked];
        for at in 0..6 {
            let Some(&from) = reached.get(at) else { break };
            for (_, to) in edges.iter().filter(|(start, _)| *start == from) {
                if !reached.contains(to) {
                    reached.push(*to);
                }
            }
        }
        prop_assert_eq!(reached.len(), answer.len());
    }

    #[test]
    fn any_octets_are_answered_or_refused(request in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut stream = shop().stream();
        if let Err(status) = stream.answer(&request) {
            prop_assert!([Code::Internal, Code::InvalidArgument].contains(&status.code()));
        }
    }
}
