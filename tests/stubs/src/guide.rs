//! The trail guide, served on tokio, in an event loop, and in threads.

use crate::proto::trails::v1::{Area, Hut, Note, Point, Summary, guide_rpc};
use grpc_sansio::adapter::{mio, tokio};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::stub;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

/// The huts of the map.
pub fn huts() -> Vec<Hut> {
    let hut = |east, north, name: &str, beds| Hut { place: Some(Point { east, north }), name: name.into(), beds };
    vec![hut(1, 5, "West", 4), hut(3, 2, "Middle", 12), hut(9, 9, "East", 7)]
}

/// The hut at a place.
pub fn hut_at(point: Point) -> Result<Hut, Status> {
    let hut = huts().into_iter().find(|hut| hut.place == Some(point));
    hut.ok_or_else(|| Status::new(Code::NotFound, "no hut here"))
}

/// The huts of an area.
pub fn huts_in(area: Area) -> Vec<Hut> {
    let (low, high) = (area.south_west.unwrap_or_default(), area.north_east.unwrap_or_default());
    let inside = |point: Point| (low.east..=high.east).contains(&point.east);
    huts().into_iter().filter(|hut| hut.place.is_some_and(inside)).collect()
}

/// Adds a point to a walk.
pub fn walk(summary: &mut Summary, last: &mut Option<Point>, point: Point) {
    summary.points += 1;
    if let Some(last) = last.replace(point) {
        summary.distance += u64::from(last.east.abs_diff(point.east) + last.north.abs_diff(point.north));
    }
}

/// Metadata of one entry.
pub fn metadata(name: &'static str, value: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append(name, value).unwrap_or_else(|error| panic!("{error}"));
    metadata
}

/// Notes that were left at places.
#[derive(Debug, Default)]
pub struct Notes(Vec<Note>);

impl Notes {
    /// Leaves a note, and reads those that were there before.
    pub fn leave(&mut self, note: Note) -> Vec<Note> {
        let before = self.0.iter().filter(|other| other.place == note.place).cloned().collect();
        self.0.push(note);
        before
    }
}

/// A list as a stream: what `tokio_stream::iter` is.
#[derive(Debug)]
pub struct Listed<T>(pub VecDeque<T>);

impl<T: Unpin> stub::tokio::Stream for Listed<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.get_mut().0.pop_front())
    }
}

/// Who knows the huts.
#[derive(Debug, Default)]
pub struct Guide;

impl guide_rpc::tokio::Guide for Guide {
    async fn find_hut(&self, request: tokio::Incoming<Point>) -> Result<tokio::Response<Hut>, tokio::Refusal> {
        let hut = hut_at(request.message)?;
        let answer = metadata("x-deadline", &request.head.deadline.is_some().to_string());
        Ok(tokio::Response::of(hut).with_metadata(answer).with_trailers(metadata("x-cost", "1")))
    }

    type ListHutsStream = Listed<Result<Hut, tokio::Refusal>>;

    async fn list_huts(
        &self,
        request: tokio::Incoming<Area>,
    ) -> Result<tokio::Response<Self::ListHutsStream>, tokio::Refusal> {
        let huts: VecDeque<_> = huts_in(request.message).into_iter().map(Ok).collect();
        if huts.is_empty() {
            return Err(tokio::Refusal::new(Code::NotFound, "no huts").with_trailers(metadata("x-cost", "0")));
        }
        Ok(tokio::Response::of(Listed(huts))
            .with_metadata(metadata("x-map", "new"))
            .with_trailers(metadata("x-cost", "2")))
    }

    async fn record_walk(
        &self,
        mut request: tokio::Incoming<stub::tokio::Requests<Point>>,
    ) -> Result<tokio::Response<Summary>, tokio::Refusal> {
        let (mut summary, mut last) = (Summary::default(), None);
        while let Some(point) = request.message.message().await? {
            if point.east < 0 {
                return Err(tokio::Refusal::new(Code::OutOfRange, "off the map"));
            }
            walk(&mut summary, &mut last, point);
        }
        Ok(summary.into())
    }

    type TalkStream = stub::tokio::BoxStream<Note>;

    async fn talk(
        &self,
        request: tokio::Incoming<stub::tokio::Requests<Note>>,
    ) -> Result<tokio::Response<Self::TalkStream>, tokio::Refusal> {
        let stream = Talking { requests: request.message, notes: Mutex::default(), answers: VecDeque::new() };
        Ok(tokio::Response::of(Box::pin(stream)))
    }
}

/// Answers while it reads.
struct Talking {
    requests: stub::tokio::Requests<Note>,
    notes: Mutex<Notes>,
    answers: VecDeque<Note>,
}

impl stub::tokio::Stream for Talking {
    type Item = Result<Note, tokio::Refusal>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(answer) = this.answers.pop_front() {
                return Poll::Ready(Some(Ok(answer)));
            }
            match Pin::new(&mut this.requests).poll_next(context) {
                Poll::Ready(Some(Ok(note))) => {
                    let notes = this.notes.get_mut().unwrap_or_else(|error| error.into_inner());
                    this.answers.extend(notes.leave(note));
                }
                Poll::Ready(Some(Err(refusal))) => return Poll::Ready(Some(Err(refusal))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl guide_rpc::mio::Guide for Guide {
    fn find_hut(&mut self, request: stub::mio::Incoming<Point>) -> Result<mio::Reply<Hut>, mio::Failure> {
        let hut = hut_at(request.message)?;
        let answer = metadata("x-deadline", &request.deadline.is_some().to_string());
        Ok(mio::Reply::of(hut).metadata(answer).trailers(metadata("x-cost", "1")))
    }

    type ListHutsStream = stub::mio::BoxIterator<Hut>;

    fn list_huts(
        &mut self,
        request: stub::mio::Incoming<Area>,
    ) -> Result<mio::Reply<Self::ListHutsStream>, mio::Failure> {
        let huts = huts_in(request.message);
        if huts.is_empty() {
            let status = Status::new(Code::NotFound, "no huts");
            return Err(mio::Failure { status, trailers: metadata("x-cost", "0") });
        }
        let huts: Self::ListHutsStream = Box::new(huts.into_iter().map(Ok));
        Ok(mio::Reply::of(huts).metadata(metadata("x-map", "new")).trailers(metadata("x-cost", "2")))
    }

    type RecordWalkStream = Walk;

    fn record_walk(&mut self, _: stub::mio::Incoming<()>) -> Result<Walk, mio::Failure> {
        Ok(Walk::default())
    }

    type TalkStream = Talk;

    fn talk(&mut self, _: stub::mio::Incoming<()>) -> Result<Talk, mio::Failure> {
        Ok(Talk::default())
    }
}

impl guide_rpc::blocking::Guide for Guide {
    fn find_hut(&self, request: stub::blocking::Incoming<Point>) -> Result<mio::Reply<Hut>, mio::Failure> {
        guide_rpc::mio::Guide::find_hut(&mut Self, request)
    }

    type ListHutsStream = stub::blocking::BoxIterator<Hut>;

    fn list_huts(
        &self,
        request: stub::blocking::Incoming<Area>,
    ) -> Result<mio::Reply<Self::ListHutsStream>, mio::Failure> {
        guide_rpc::mio::Guide::list_huts(&mut Self, request)
    }

    fn record_walk(
        &self,
        request: stub::blocking::Incoming<stub::blocking::Requests<Point>>,
    ) -> Result<mio::Reply<Summary>, mio::Failure> {
        let (mut summary, mut last) = (Summary::default(), None);
        for point in request.message {
            let point = point?;
            if point.east < 0 {
                return Err(Status::new(Code::OutOfRange, "off the map").into());
            }
            walk(&mut summary, &mut last, point);
        }
        Ok(mio::Reply::of(summary).metadata(metadata("x-map", "new")))
    }

    type TalkStream = stub::blocking::BoxIterator<Note>;

    fn talk(
        &self,
        request: stub::blocking::Incoming<stub::blocking::Requests<Note>>,
    ) -> Result<mio::Reply<Self::TalkStream>, mio::Failure> {
        let mut notes = Notes::default();
        let answers = request.message.flat_map(move |note| match note {
            Ok(note) => notes.leave(note).into_iter().map(Ok).collect(),
            Err(failure) => vec![Err(failure)],
        });
        Ok(mio::Reply::of(Box::new(answers)))
    }
}

/// One walk.
#[derive(Debug, Default)]
pub struct Walk {
    summary: Summary,
    last: Option<Point>,
}

impl stub::mio::Collect<Point, Summary> for Walk {
    fn message(&mut self, point: Point) -> Result<(), mio::Failure> {
        if point.east < 0 {
            return Err(Status::new(Code::OutOfRange, "off the map").into());
        }
        walk(&mut self.summary, &mut self.last, point);
        Ok(())
    }

    fn finish(&mut self) -> Result<mio::Reply<Summary>, mio::Failure> {
        Ok(mio::Reply::of(self.summary).metadata(metadata("x-map", "new")))
    }
}

/// One talk.
#[derive(Debug, Default)]
pub struct Talk {
    notes: Notes,
    answers: VecDeque<Note>,
    ended: bool,
}

impl stub::mio::Converse<Note, Note> for Talk {
    fn message(&mut self, note: Note) -> Result<(), mio::Failure> {
        self.answers.extend(self.notes.leave(note));
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), mio::Failure> {
        self.ended = true;
        Ok(())
    }

    fn next(&mut self) -> Result<mio::Next<Note>, mio::Failure> {
        Ok(match self.answers.pop_front() {
            Some(note) => mio::Next::Message(note),
            None if self.ended => mio::Next::Finish(Metadata::new()),
            None => mio::Next::Wait,
        })
    }
}
