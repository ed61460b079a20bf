//! Reflection, mounted on [`Routes`].

use super::responder::{Failure, Next, Responder};
use super::routes::Routes;
use crate::call::Payload;
use crate::grpc::{Message, Metadata};
use crate::services::reflection::{METHODS, Reflection, ReflectionStream};

impl Routes {
    /// Serves `grpc.reflection.v1.ServerReflection` and its older twin `v1alpha`.
    #[cfg_attr(docsrs, doc(cfg(feature = "reflection")))]
    pub fn reflection(&mut self, service: &Reflection) -> &mut Self {
        for method in &METHODS {
            let service = service.clone();
            self.streaming(method, move |_| {
                Ok(Reflecting { stream: service.stream(), answer: None, half_closed: false })
            });
        }
        self
    }
}

/// One call of reflection.
struct Reflecting {
    stream: ReflectionStream,
    answer: Option<Message>,
    half_closed: bool,
}

impl Responder for Reflecting {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.answer = Some(Message::new(self.stream.answer(&message)?));
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.half_closed = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match self.answer.take() {
            Some(answer) => Next::Message(answer),
            None if self.half_closed => Next::Finish(Metadata::new()),
            None => Next::Wait,
        })
    }
}
