//! `trails.v1.TrailGuide`: a little service with one method of each kind, shared by the examples.
//!
//! Hikers ask for mountain huts, record walks and leave notes for each other. The messages are written by hand, so that
//! no protobuf compiler is needed. As a `.proto` they would read:
//!
//! ```text
//! service TrailGuide {
//!   rpc FindHut (Point) returns (Hut);                   // NOT_FOUND if there is none at that point
//!   rpc ListHuts (Area) returns (stream Hut);            // those in the area, from west to east
//!   rpc RecordWalk (stream Point) returns (Summary);     // what the whole walk came to
//!   rpc Talk (stream Note) returns (stream Note);        // each note is answered by all earlier ones at its point
//! }
//! ```

// Included by several examples, none of which needs all of it.
#![allow(dead_code)]

use grpc_sansio::grpc::{Kind, Method};

/// [`Point`] to [`Hut`].
pub(crate) const FIND_HUT: Method = Method::from_static("/trails.v1.TrailGuide/FindHut", Kind::Unary);
/// [`Area`] to a stream of [`Hut`].
pub(crate) const LIST_HUTS: Method = Method::from_static("/trails.v1.TrailGuide/ListHuts", Kind::ServerStreaming);
/// A stream of [`Point`] to [`Summary`].
pub(crate) const RECORD_WALK: Method = Method::from_static("/trails.v1.TrailGuide/RecordWalk", Kind::ClientStreaming);
/// A stream of [`Note`] to a stream of [`Note`].
pub(crate) const TALK: Method = Method::from_static("/trails.v1.TrailGuide/Talk", Kind::BidiStreaming);

/// A place on the map, in metres east and north of its corner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Point {
    #[prost(sint32, tag = "1")]
    pub(crate) east: i32,
    #[prost(sint32, tag = "2")]
    pub(crate) north: i32,
}

/// A rectangle, its edges included.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Area {
    #[prost(message, optional, tag = "1")]
    pub(crate) south_west: Option<Point>,
    #[prost(message, optional, tag = "2")]
    pub(crate) north_east: Option<Point>,
}

/// A mountain hut.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Hut {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) place: Option<Point>,
    #[prost(uint32, tag = "3")]
    pub(crate) beds: u32,
}

/// What a walk came to.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Summary {
    #[prost(uint32, tag = "1")]
    pub(crate) points: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) huts_passed: u32,
    /// In metres, each leg rounded down.
    #[prost(uint64, tag = "3")]
    pub(crate) distance: u64,
}

/// A note left at a place.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Note {
    #[prost(message, optional, tag = "1")]
    pub(crate) place: Option<Point>,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

const HUTS: [(&str, Point, u32); 5] = [
    ("Larch Bothy", Point { east: 1_200, north: 800 }, 8),
    ("Two Lakes Hut", Point { east: 2_500, north: 3_100 }, 40),
    ("Raven Refuge", Point { east: 3_900, north: 2_700 }, 12),
    ("Col House", Point { east: 5_600, north: 4_400 }, 64),
    ("Glacier Box", Point { east: 7_300, north: 6_050 }, 4),
];

fn huts() -> impl Iterator<Item = Hut> {
    HUTS.into_iter().map(|(name, place, beds)| Hut { name: name.into(), place: Some(place), beds })
}

/// The answer to `FindHut`; `None` stands for NOT_FOUND.
pub(crate) fn hut_at(place: Point) -> Option<Hut> {
    huts().find(|hut| hut.place == Some(place))
}

/// The answers to `ListHuts`.
pub(crate) fn huts_in(area: Area) -> impl Iterator<Item = Hut> {
    let (low, high) = (area.south_west.unwrap_or_default(), area.north_east.unwrap_or_default());
    huts().filter(move |hut| {
        let place = hut.place.unwrap_or_default();
        (low.east..=high.east).contains(&place.east) && (low.north..=high.north).contains(&place.north)
    })
}

/// Adds the points of a walk up to the answer of `RecordWalk`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    last: Option<Point>,
    summary: Summary,
}

impl Walk {
    /// The walk goes on to `point`.
    pub(crate) fn add(&mut self, point: Point) {
        if let Some(last) = self.last.replace(point) {
            let leg = |from: i32, to: i32| i64::from(to).abs_diff(i64::from(from));
            let (east, north) = (leg(last.east, point.east), leg(last.north, point.north));
            self.summary.distance += (u128::from(east).pow(2) + u128::from(north).pow(2)).isqrt() as u64;
        }
        self.summary.points += 1;
        self.summary.huts_passed += u32::from(hut_at(point).is_some());
    }

    /// What it came to so far.
    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }
}

/// The notes of one `Talk`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

impl Notes {
    /// Keeps `note`; returns the earlier ones at its place, which are the answers to it.
    pub(crate) fn add(&mut self, note: Note) -> Vec<Note> {
        let earlier = self.0.iter().filter(|other| other.place == note.place).cloned().collect();
        self.0.push(note);
        earlier
    }
}
