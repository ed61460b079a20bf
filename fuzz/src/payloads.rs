//! Messages whose content is read here, and what travels beside them: the codings, requests of health and reflection, error
//! details, trace context. Each parser gets the whole input, and what it accepts can be written and read again.
//!
//! * Codings: never more than the limit, whatever was announced, and no more memory than `Codecs::decode` says, and a decoder.
//! * Services: answers follow the request and what the server has registered; a watch leaves nothing behind.
//! * Details: heap and their number follow their octets.

use crate::control::Control;
use crate::meter::{heap_of, kept_by, ours};
use grpc_sansio::codec::{Codecs, DecodeError};
use grpc_sansio::grpc::{Code, Message as Sent, Metadata, Side, Status, TraceContext};
use grpc_sansio::services::details::{
    Any, BadRequest, DebugInfo, Detail, Details, ErrorInfo, Help, LocalizedMessage, PreconditionFailure, QuotaFailure,
    RequestInfo, ResourceInfo, RetryInfo,
};
use grpc_sansio::services::health::{Health, ServingStatus};
use grpc_sansio::services::reflection::Reflection;
use std::fmt::Debug;
use std::sync::LazyLock;

/// A decoder of DEFLATE, its window and all; decoders are used again, so one run at most pays for each coding's.
const DECODER: u64 = 128 * 1024;

/// What an output may have beyond its limit.
const BEYOND: u64 = 64 * 1024;

/// All files of the services that are registered here, and some to spare.
const FILES: usize = 64 * 1024;

static CODECS: LazyLock<Codecs> = LazyLock::new(Codecs::all);
static SERVICES: LazyLock<Reflection> = LazyLock::new(|| Reflection::new().with_health().with_details());

/// Octets of any of these, then what steers: the limit of what is decoded.
pub fn run(data: &[u8]) {
    let Some((octets, control)) = Control::split(data) else { return };
    for coding in ["gzip", "deflate", "zstd"] {
        decode(coding, octets, control);
        encode(coding, octets);
    }
    health(octets);
    reflection(octets);
    details(octets);
    if let Ok(text) = std::str::from_utf8(octets) {
        trace_context(text);
    }
}

fn decode(coding: &str, octets: &[u8], control: Control) {
    let limit = [0, 1_000, 1 << 16, 1 << 20][usize::from(control.mode & 3)];
    let (decoded, heap) = heap_of(|| CODECS.decode(Some(coding), octets, Some(limit)));
    // A result that is much shorter than the limit is moved to memory of its length, by allocators that cannot shrink in place.
    let most = u64::from(limit) / 4 * 7 + BEYOND + DECODER;
    assert!(heap <= most, "{coding}: {heap} octets of heap, and {most} are allowed");
    match decoded {
        Ok(decoded) => {
            assert!(decoded.len() <= limit as usize, "{coding}: {} octets, of {limit}", decoded.len());
            // A limit of exactly its length takes it too, and one octet less does not.
            let len = decoded.len() as u32;
            assert_eq!(CODECS.decode(Some(coding), octets, Some(len)), Ok(decoded));
            if let Some(less) = len.checked_sub(1) {
                let refused = CODECS.decode(Some(coding), octets, Some(less)).expect_err("too long");
                assert_eq!(refused, DecodeError::TooLarge { coding: coding.into(), limit: less });
            }
        }
        Err(error) => assert!(!error.status(Side::Server).is_ok() && !error.to_string().is_empty()),
    }
}

fn encode(coding: &str, octets: &[u8]) {
    let sent = CODECS.encode(Some(coding), Sent::new(octets.to_vec()));
    if sent.compressed {
        assert!(sent.data.len() < octets.len(), "what does not shrink is sent as it is");
        let limit = Some(octets.len() as u32);
        assert_eq!(CODECS.decode(Some(coding), &sent.data, limit).expect("what it wrote"), octets);
    } else {
        assert_eq!(sent.data, octets);
    }
}

fn health(octets: &[u8]) {
    let mut health = Health::new();
    let _ = health.set("a.B", ServingStatus::NotServing);
    // No status has more than two octets.
    match health.check(octets) {
        Ok(answer) => assert!(answer.len() <= 2),
        Err(status) => assert!([Code::NotFound, Code::Internal].contains(&status.code())),
    }
    let mut watch = || {
        if let Ok(watch) = health.watch(octets, ()) {
            assert_eq!(health.watchers(), 1);
            assert!(health.next(watch).is_some_and(|answer| answer.len() <= 2) && health.next(watch).is_none());
            health.unwatch(watch);
        }
        assert_eq!(health.watchers(), 0);
    };
    // The first one leaves the root of a tree.
    ours(&mut watch);
    let ((), kept) = kept_by(watch);
    assert!(kept <= 0, "a watch leaves {kept} octets behind");
}

fn reflection(octets: &[u8]) {
    let mut stream = SERVICES.stream();
    for turn in 0..3 {
        match ours(|| stream.answer(octets)) {
            // A name that is not known is said twice, once as text, in which an octet has ten at most.
            Ok(answer) => assert!(answer.len() <= FILES + 12 * octets.len(), "{} octets, turn {turn}", answer.len()),
            Err(status) => assert!([Code::InvalidArgument, Code::Internal].contains(&status.code())),
        }
    }
}

fn details(octets: &[u8]) {
    let status = Status::new(Code::Internal, "").with_details(octets.to_vec());
    let Ok(details) = ours(|| Details::of(&status)) else { return };
    // Each has two octets at least.
    assert!(details.iter().count() <= octets.len() / 2);
    let again = details.iter().cloned().fold(Details::new(), Details::with_any).into_status(Code::Internal, "");
    assert!(Details::of(&again).expect("what it wrote").iter().eq(details.iter()));
    for any in details.iter() {
        known::<BadRequest>(&details, any);
        known::<DebugInfo>(&details, any);
        known::<ErrorInfo>(&details, any);
        known::<Help>(&details, any);
        known::<LocalizedMessage>(&details, any);
        known::<PreconditionFailure>(&details, any);
        known::<QuotaFailure>(&details, any);
        known::<RequestInfo>(&details, any);
        known::<ResourceInfo>(&details, any);
        known::<RetryInfo>(&details, any);
    }
}

/// A detail by its name, and whatever it is named as this type.
fn known<D: Detail + PartialEq + Debug>(details: &Details, any: &Any) {
    if any.name() == D::NAME {
        assert!(details.get::<D>().is_some());
    }
    let (message, heap) = heap_of(|| D::decode(any.value.clone()).ok());
    let most = 4_096 + 400 * any.value.len() as u64;
    assert!(heap <= most, "{}: {heap} octets of heap for {}", D::NAME, any.value.len());
    if let Some(message) = message {
        assert_eq!(D::decode(&message.encode_to_vec()[..]), Ok(message));
    }
}

/// W3C Trace Context: a line for `traceparent`, the rest for `tracestate`.
fn trace_context(text: &str) {
    let (parent, state) = text.split_once('\n').map_or((text, None), |(parent, state)| (parent, Some(state)));
    let parsed = TraceContext::parse(parent, state);
    assert_eq!(parsed.is_some(), is_traceparent(parent), "{parent:?}");
    let Some(context) = parsed else { return };
    assert_eq!(context.traceparent(), parent);
    assert!(context.tracestate().is_empty() || state == Some(context.tracestate()));
    assert!(context.tracestate().len() <= 512);
    let mut metadata = Metadata::new();
    context.add_to(&mut metadata).expect("it can be sent");
    // Blanks at the ends of a value do not travel.
    let again = TraceContext::find(|name| metadata.get(name)).expect("what it wrote");
    assert_eq!((again.trace_id(), again.parent_id()), (context.trace_id(), context.parent_id()));
    let child = context.with_parent([7; 8]).expect("an id");
    assert_eq!((child.trace_id(), child.parent_id()), (context.trace_id(), "0707070707070707"));
    assert_eq!(child.is_sampled(), context.is_sampled());
}

/// As the recommendation says it, plainly: `vv-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff`, in lower case, ids that
/// are not zero, a version that is not ff, and no more than that in version 00.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.splitn(5, '-');
    let fixed = [2, 32, 16, 2].map(|len| {
        parts.next().filter(|part| part.len() == len && part.chars().all(|digit| "0123456789abcdef".contains(digit)))
    });
    let [Some(version), Some(trace), Some(parent), Some(_)] = fixed else { return false };
    let zero = |id: &str| id.chars().all(|digit| digit == '0');
    let ends_well = match parts.next() {
        None => true,
        // Of a later version nobody knows what follows; here it has to be a value that can be handed on.
        Some(_) => {
            version != "00" && text.len() <= 512 && text.chars().all(|character| (' '..='~').contains(&character))
        }
    };
    version != "ff" && !zero(trace) && !zero(parent) && ends_well
}
