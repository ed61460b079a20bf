//! Reflection, mounted on a [`Router`].

use super::error::Refusal;
use super::router::Router;
use crate::grpc::Metadata;
use crate::services::reflection::{METHODS, Reflection};

impl Router {
    /// Serves `grpc.reflection.v1.ServerReflection` and its older twin `v1alpha`.
    #[cfg_attr(docsrs, doc(cfg(feature = "reflection")))]
    pub fn reflection(self, service: &Reflection) -> Self {
        METHODS.iter().fold(self, |router, method| {
            let service = service.clone();
            router.bidi_streaming(method, move |mut request, mut responses| {
                let mut stream = service.stream();
                async move {
                    while let Some(message) = request.message().await? {
                        responses.send(stream.answer(&message.data)?).await?;
                    }
                    Ok::<_, Refusal>(Metadata::new())
                }
            })
        })
    }
}
