//! The registry, and those who watch it.

use grpc_sansio::grpc::Code;
use grpc_sansio::services::health::ServingStatus::*;
use grpc_sansio::services::health::*;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;

fn asking(service: &str) -> Vec<u8> {
    HealthCheckRequest { service: service.into() }.encode_to_vec()
}

fn status(message: &[u8]) -> ServingStatus {
    HealthCheckResponse::decode(message).unwrap().status()
}

/// G-293, G-294: the status of a service by its exact name; the empty one is the server; what is not known is NOT_FOUND.
/// G-083: octets that are no message are INTERNAL.
#[test]
fn g_293_g_294_check() {
    let mut health: Health<()> = Health::new();
    assert_eq!(status(&health.check(b"").unwrap()), Serving);
    for said in [Serving, NotServing, Unknown] {
        let _ = health.set("a.B", said);
        assert_eq!(status(&health.check(&asking("a.B")).unwrap()), said);
    }
    for unknown in ["a.b", "a.", "a.B ", "/a.B", "a.B/C"] {
        assert_eq!(health.check(&asking(unknown)).unwrap_err().code(), Code::NotFound, "{unknown:?}");
    }
    let _ = health.remove("a.B");
    assert_eq!(health.check(&asking("a.B")).unwrap_err().code(), Code::NotFound);
    for malformed in [&b"\x0a\xff"[..], b"\x08\x01\x07", b"\x0a\x01\xff"] {
        assert_eq!(health.check(malformed).unwrap_err().code(), Code::Internal);
        assert_eq!(health.watch(malformed, ()).unwrap_err().code(), Code::Internal);
    }
    assert_eq!(health.watchers(), 0);
}

/// G-295: the status at once, then each change and no repetition; a service that is not there yet is waited for.
#[test]
fn g_295_watch() {
    let mut health = Health::new();
    let (whole, later) = (health.watch(b"", "whole").unwrap(), health.watch(&asking("later"), "later").unwrap());
    assert_eq!(health.next(whole).map(|message| status(&message)), Some(Serving));
    assert_eq!(health.next(later).map(|message| status(&message)), Some(ServiceUnknown));
    assert_eq!((health.next(whole), health.next(later)), (None, None));

    assert_eq!(health.set("later", Serving), ["later"]);
    assert_eq!(health.next(later).map(|message| status(&message)), Some(Serving));
    assert!(health.set("later", Serving).is_empty(), "the same again");
    assert_eq!(health.next(later), None);
    assert_eq!(health.remove("later"), ["later"]);
    assert_eq!(health.next(later).map(|message| status(&message)), Some(ServiceUnknown));
    assert_eq!(health.next(whole), None);
    health.unwatch(later);
    health.unwatch(later);
    assert_eq!((health.next(later), health.watchers()), (None, 1));
    assert!(health.set("later", NotServing).is_empty());
}

/// G-298: who is slow gets the latest status only, and none where that is what was told before.
#[test]
fn g_298_a_slow_watcher_gets_the_latest() {
    let mut health = Health::new();
    let watch = health.watch(b"", 1).unwrap();
    assert_eq!(health.next(watch).map(|message| status(&message)), Some(Serving));
    assert_eq!(health.next(watch), None);
    assert_eq!(health.set("", NotServing), [1]);
    assert!(health.set("", Unknown).is_empty(), "it is awake already");
    assert_eq!(health.next(watch).map(|message| status(&message)), Some(Unknown));
    let _ = (health.set("", Serving), health.set("", Unknown));
    assert_eq!(health.next(watch), None, "back to what was told");
    assert_eq!(health.set("", Serving), [1], "and asleep again");
}

/// G-296: 100 services are listed, 101 are too many.
#[test]
fn g_296_list() {
    let mut health: Health<()> = Health::new();
    for number in 1..MOST_LISTED {
        let _ = health.set(&format!("service{number}"), if number % 2 == 0 { Serving } else { NotServing });
    }
    let _ = health.watch(&asking("only watched"), ()).unwrap();
    let list = HealthListResponse::decode(&health.list().unwrap()[..]).unwrap().statuses;
    assert_eq!((list.len(), list["service7"].status(), list["service8"].status()), (100, NotServing, Serving));
    assert_eq!(list[""].status(), Serving);
    let _ = health.set("one more", Serving);
    assert_eq!(health.list().unwrap_err().code(), Code::ResourceExhausted);
}

/// G-297: at shutdown everything is not serving, whatever is said, until it is taken back.
#[test]
fn g_297_shutdown() {
    let mut health = Health::new();
    let _ = health.set("a", Serving);
    let (a, b) = (health.watch(&asking("a"), 'a').unwrap(), health.watch(&asking("b"), 'b').unwrap());
    while health.next(a).or(health.next(b)).is_some() {}
    assert_eq!(health.shut_down(), ['a']);
    assert_eq!(health.next(a).map(|message| status(&message)), Some(NotServing));
    assert_eq!(health.status(""), Some(NotServing));
    assert_eq!(health.next(a), None);
    assert!(health.set("a", Serving).is_empty());
    assert_eq!((health.status("a"), health.status("b")), (Some(NotServing), None));
    assert_eq!(health.set("b", Serving), ['b']);
    assert_eq!(health.next(b).map(|message| status(&message)), Some(NotServing));
    assert_eq!(health.next(b), None);
    assert_eq!(health.resume(), ['a', 'b']);
    assert_eq!(health.next(a).map(|message| status(&message)), Some(Serving));
}

/// A client may name any service, and as many as it has calls: nothing of them is kept after those.
#[test]
fn names_that_clients_made_up_are_forgotten() {
    let mut health = Health::new();
    let cost = allocation_counter::measure(|| {
        for number in 0..10_000 {
            let watch = health.watch(&asking(&format!("made up {number}")), ()).unwrap();
            assert!(health.next(watch).is_some());
            health.unwatch(watch);
        }
    });
    assert!(cost.bytes_max < 10_000, "{cost:?}");
}

proptest! {
    /// Whatever is set, by whomever it is watched: a watcher that was woken, or was never told, takes the status of its
    /// service; one that sleeps was told it.
    #[test]
    fn who_sleeps_was_told_the_latest(steps in prop::collection::vec((0..6usize, 0..3usize, 0..3i32), 1..60)) {
        let names = ["", "a", "b"];
        let mut health: Health<usize> = Health::new();
        let mut told: BTreeMap<usize, (WatchId, usize, Option<ServingStatus>, bool)> = BTreeMap::new();
        for (step, (verb, place, value)) in steps.into_iter().enumerate() {
            let woken = match verb {
                0 | 1 => health.set(names[place], ServingStatus::try_from(value).unwrap()),
                2 => health.remove(names[place]),
                3 if value == 0 => health.shut_down(),
                3 => health.resume(),
                4 => {
                    let id = health.watch(&asking(names[place]), step).unwrap();
                    told.insert(step, (id, place, None, true));
                    vec![]
                }
                _ => {
                    if let Some((who, (id, ..))) = told.iter().nth(place).map(|(who, it)| (*who, *it)) {
                        health.unwatch(id);
                        told.remove(&who);
                    }
                    vec![]
                }
            };
            for who in woken {
                let awake = &mut told.get_mut(&who).expect("a watcher that is there").3;
                prop_assert!(!std::mem::replace(awake, true), "woken once");
            }
            for (id, place, last, awake) in told.values_mut() {
                let now = health.status(names[*place]).unwrap_or(ServiceUnknown);
                prop_assert!(*awake || *last == Some(now));
                // Every other step it gets round to it.
                if *awake && step % 2 == 0 {
                    if let Some(message) = health.next(*id) {
                        prop_assert_ne!(*last, Some(status(&message)));
                        *last = Some(status(&message));
                        prop_assert_eq!(health.next(*id), None);
                    }
                    prop_assert_eq!(*last, Some(now));
                    *awake = false;
                }
            }
        }
    }
}
