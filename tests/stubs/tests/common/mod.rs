//! What the tests share.

#![allow(dead_code, reason = "not every test needs all of it")]

use stubs::proto::trails::v1::{Area, Note, Point};

/// A place.
pub fn point(east: i32, north: i32) -> Point {
    Point { east, north }
}

/// All places between two.
pub fn area(from: i32, to: i32) -> Area {
    Area { south_west: Some(point(from, 0)), north_east: Some(point(to, 0)) }
}

/// A note at a place.
pub fn note(east: i32, text: &str) -> Note {
    Note { place: Some(point(east, 0)), text: text.into() }
}
