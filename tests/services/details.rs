//! Rich error details, written and read.

use grpc_sansio::grpc::{Code, Metadata, Method, Status, Trailers};
use grpc_sansio::services::details::*;
use grpc_sansio::testing::Pair;
use grpc_sansio::{Event, Item, OpenOptions};
use prost::Message;
use std::time::Duration as Time;

/// All standard details, and one of a type that is not.
fn everything() -> Details {
    let map = |entries: &[(&str, &str)]| entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let localized_message = Some(LocalizedMessage { locale: "fr-CH".into(), message: "vide".into() });
    let (reason, stack_entries) = ("STOCKOUT".into(), vec!["one".into(), "two".into()]);
    let quota = QuotaViolation {
        subject: "clientip:192.0.2.1".into(),
        description: "too often".into(),
        api_service: "api".into(),
        quota_metric: "metric".into(),
        quota_id: "id".into(),
        quota_dimensions: map(&[("region", "eu")]),
        quota_value: 10,
        future_quota_value: Some(0),
    };
    let precondition = PreconditionViolation { r#type: "TOS".into(), subject: "s".into(), description: "d".into() };
    let field = FieldViolation {
        reason: "EMPTY".into(),
        localized_message,
        ..FieldViolation::new("title", "must not be empty")
    };
    Details::new()
        .with(&ErrorInfo { reason, domain: "spanner.example".into(), metadata: map(&[("a", "1"), ("b", "2")]) })
        .with(&RetryInfo::after(Time::from_millis(3_500)))
        .with(&DebugInfo { stack_entries, detail: "more".into() })
        .with(&QuotaFailure { violations: vec![quota] })
        .with(&PreconditionFailure { violations: vec![precondition] })
        .with(&BadRequest { field_violations: vec![field] })
        .with(&RequestInfo { request_id: "17".into(), serving_data: "x".into() })
        .with(&ResourceInfo {
            resource_type: "book".into(),
            resource_name: "b".into(),
            owner: "o".into(),
            description: "d".into(),
        })
        .with(&Help { links: vec![Link { description: "here".into(), url: "https://example.com".into() }] })
        .with(&LocalizedMessage { locale: "de-CH".into(), message: "nein".into() })
        .with_any(Any {
            type_url: "type.googleapis.com/google.protobuf.StringValue".into(),
            value: b"\x0a\x12of an unknown type"[..].into(),
        })
}

/// G-334, G-335: octet for octet what the library of others writes, read and written.
#[test]
fn g_335_the_standard_details_as_others_write_them() {
    let golden = include_bytes!("../data/details/status.bin");
    let status = everything().into_status(Code::FailedPrecondition, "not now");
    assert_eq!(&status.details()[..], golden);

    let read = Details::of(&status).unwrap();
    assert!(read.iter().eq(everything().iter()));
    assert_eq!(read.code(), Some(9));
    let retry: RetryInfo = read.get().unwrap().unwrap();
    assert_eq!(retry.retry_delay.unwrap().to_core(), Time::from_millis(3_500));
    let quota: QuotaFailure = read.get().unwrap().unwrap();
    assert_eq!((quota.violations[0].quota_value, quota.violations[0].future_quota_value), (10, Some(0)));
    assert_eq!(read.get::<Help>().unwrap().unwrap().links[0].url, "https://example.com");
}

/// G-336: what is not known is kept as it came. G-334: only the name behind the last slash counts.
#[test]
fn g_334_g_336_types_that_are_not_known() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Own {
        #[prost(uint32, tag = "1")]
        number: u32,
    }
    impl Detail for Own {
        const NAME: &'static str = "shop.v1.Own";
    }
    let any = |url: &str, number| Any { type_url: url.into(), value: Own { number }.encode_to_vec().into() };
    let details = Details::new()
        .with_any(any("example.com/types/shop.v1.Own", 1))
        .with_any(any("type.googleapis.com/shop.v1.Other", 2))
        .with(&Own { number: 3 })
        .with_any(any("shop.v1.Own", 4))
        .with_any(Any { type_url: "x/shop.v1.Own".into(), value: b"\xff"[..].into() });
    let status = details.clone().into_status(Code::Aborted, "");
    let read = Details::of(&status).unwrap();
    assert!(read.iter().eq(details.iter()));
    let numbers: Vec<_> = read.get_all::<Own>().map(|own| own.map(|own| own.number).ok()).collect();
    assert_eq!(numbers, [Some(1), Some(3), Some(4), None]);
    assert!(read.get::<ErrorInfo>().is_none());
}

/// G-330: the status's own code and message count; what cannot be read is an error of the reader, with the octets kept.
#[test]
fn g_330_details_that_disagree_or_cannot_be_read() {
    let liar = everything().into_status(Code::NotFound, "there");
    let status = Status::new(Code::Internal, "here").with_details(liar.details().clone());
    let details = Details::of(&status).unwrap();
    assert_eq!((status.code(), details.code(), status.message()), (Code::Internal, Some(5), "here"));

    let broken = Status::new(Code::Internal, "").with_details(&b"\x1a\xff"[..]);
    assert!(Details::of(&broken).is_err());
    assert_eq!(&broken.details()[..], b"\x1a\xff");
    assert_eq!(Details::of(&Status::new(Code::Internal, "")).unwrap(), Details::new());
}

/// G-333: details and metadata count to what the client accepts as trailers, to the octet; details go first, metadata next.
#[test]
fn g_333_details_count_to_the_size_of_the_trailers() {
    let status = everything().into_status(Code::FailedPrecondition, "not now");
    let mut metadata = Metadata::new();
    metadata.append("key", "value").unwrap();
    let size = |details: usize| {
        // Names, values and 32 octets for each field; base64 without padding.
        let field = |name: &str, len: usize| if len == 0 { 0 } else { name.len() + len + 32 };
        field("grpc-status", 1)
            + field("grpc-message", 7)
            + field("grpc-status-details-bin", (details * 4).div_ceil(3))
            + field("key", 5)
    };
    for (limit, details, key) in [
        (size(status.details().len()), true, true),
        (size(status.details().len()) - 1, false, true),
        (size(0), false, true),
        (size(0) - 1, false, false),
    ] {
        let mut scratch = Vec::new();
        let trailers = Trailers::within(&status, &metadata, 0, limit, &mut scratch).unwrap();
        let has = |name: &str| trailers.fields().any(|(field, ..)| field == name.as_bytes());
        assert_eq!((has("grpc-status-details-bin"), has("key"), has("grpc-message")), (details, key, true), "{limit}");
        assert!(trailers.list_size() <= limit);
    }
}

/// G-332: OK has no details, not even ones that were put there by hand; G-331: nor has a status that was given none.
#[test]
fn g_331_g_332_when_there_are_none() {
    let (by_hand, none, mut scratch) = (Status::ok().with_details("x"), Metadata::new(), Vec::new());
    assert_eq!(Trailers::new(&by_hand, &none, &mut scratch).fields().count(), 1);
    assert_eq!(Trailers::within(&by_hand, &none, 0, 44, &mut scratch).unwrap().fields().count(), 1);
    assert_eq!(everything().into_status(Code::Ok, ""), Status::ok());
    assert_eq!(Details::new().into_status(Code::Aborted, "x"), Status::new(Code::Aborted, "x"));
}

/// G-329, G-331: through a call, in `grpc-status-details-bin`, which the application's own entry of that name does not
/// change.
#[test]
fn g_329_g_331_details_of_a_call() {
    static METHOD: Method = Method::from_static("/a.B/C", grpc_sansio::grpc::Kind::Unary);
    let mut pair = Pair::new(1);
    pair.on_server(|_, connection, event| {
        let Event::Readable(id) = event else { return };
        let mut trailers = Metadata::new();
        let _ = trailers.append_bin("grpc-status-details-bin", b"mine");
        let status = everything().into_status(Code::FailedPrecondition, "not now");
        if let Some(call) = connection.call(id) {
            call.finish(&status, &trailers);
        }
    });
    let seen = std::rc::Rc::new(std::cell::RefCell::new(None));
    let status = std::rc::Rc::clone(&seen);
    pair.on_client(move |_, connection, event| {
        let Event::Readable(id) = event else { return };
        let Some(mut call) = connection.call(id) else { return };
        while let Some(item) = call.read() {
            if let Item::End(outcome) = item {
                return *status.borrow_mut() = Some(outcome.into_status());
            }
        }
    });
    let id = pair.open(&OpenOptions::new(&METHOD)).unwrap();
    pair.client.call(id).unwrap().send("x").unwrap();
    pair.drive();
    let status = seen.borrow_mut().take().expect("an end");
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not now"));
    assert!(Details::of(&status).unwrap().iter().eq(everything().iter()));
}

#[test]
fn durations() {
    for (there, back) in [
        (Time::ZERO, Time::ZERO),
        (Time::new(1, 999_999_999), Time::new(1, 999_999_999)),
        (Time::MAX, Time::new(i64::MAX as u64, 999_999_999)),
    ] {
        assert_eq!(Duration::from(there).to_core(), back);
    }
    assert_eq!(Duration { seconds: -1, nanos: -1 }.to_core(), Time::ZERO);
    assert_eq!(Duration { seconds: 0, nanos: -1 }.to_core(), Time::ZERO);
    assert_eq!(Duration { seconds: 2, nanos: i32::MAX }.to_core(), Time::from_nanos(2_000_000_000 + i32::MAX as u64));
}
