//! Clients and servers for the tokio adapter.

use super::{ClientParts, Emitter};
use crate::codegen::service::{Method, Service};
use crate::grpc::Kind;
use proc_macro2::TokenStream;
use quote::quote;

impl Emitter {
    pub(super) fn tokio(&self, service: &Service) -> TokenStream {
        if service.methods.is_empty() {
            return TokenStream::new();
        }
        let client = if self.client { self.tokio_client(service) } else { TokenStream::new() };
        let server = if self.server { self.tokio_server(service) } else { TokenStream::new() };
        quote! {
            /// The service on tokio.
            pub mod tokio {
                #client
                #server
            }
        }
    }

    fn tokio_client(&self, service: &Service) -> TokenStream {
        let runtime = &self.runtime;
        let (adapter, stub) = (quote!(#runtime::adapter::tokio), quote!(#runtime::stub::tokio));
        let functions = service.methods.iter().map(|method| {
            let Method { doc, deprecated, function, duplex, descriptor, request, response, .. } = method;
            let single = quote!(#adapter::Response<#response>);
            let stream = quote!(#stub::Streaming<#response>);
            let (verb, argument, result) = match method.kind {
                Kind::Unary => (quote!(unary), quote!(#stub::IntoRequest<#request>), single),
                Kind::ServerStreaming => (quote!(server_streaming), quote!(#stub::IntoRequest<#request>), stream),
                Kind::ClientStreaming => {
                    (quote!(client_streaming), quote!(#stub::IntoStreamingRequest<Message = #request>), single)
                }
                Kind::BidiStreaming => (
                    quote!(bidi_streaming),
                    quote!(#stub::IntoStreamingRequest<Message = #request, Stream: ::core::marker::Send + 'static>),
                    stream,
                ),
            };
            let one_by_one = (method.kind == Kind::BidiStreaming).then(|| {
                let text = std::format!(" As `{function}`, with requests that are sent one by one.");
                quote! {
                    #[doc = #text]
                    ///
                    /// # Errors
                    ///
                    /// Where the call cannot be made.
                    #deprecated
                    pub async fn #duplex(
                        &self,
                        request: #adapter::Request<()>,
                    ) -> ::core::result::Result<(#stub::Sender<#request>, #stub::Streaming<#response>), #adapter::CallError> {
                        self.inner.duplex(&super::#descriptor, request).await
                    }
                }
            });
            quote! {
                #doc
                ///
                /// # Errors
                ///
                /// Where the call cannot be made, or has ended with a status other than OK.
                #deprecated
                pub async fn #function(
                    &self,
                    request: impl #argument,
                ) -> ::core::result::Result<#result, #adapter::CallError> {
                    self.inner.#verb(&super::#descriptor, request).await
                }
                #one_by_one
            }
        });
        let parts = ClientParts {
            doc: "A client of `{}`. Clones are cheap and share the connection.",
            inner: quote!(#stub::Stub<C>),
            parameters: quote!(channel: #adapter::Channel,),
            make: quote!(#stub::Stub::new(channel, codec)),
            more: quote! {
                /// The connection.
                pub fn channel(&self) -> &#adapter::Channel {
                    self.inner.channel()
                }
            },
            functions: quote!(#(#functions)*),
            derives: quote!(Clone, Debug),
        };
        self.client_struct(service, &parts)
    }

    fn tokio_server(&self, service: &Service) -> TokenStream {
        let (runtime, codec, bounds) = (&self.runtime, &self.codec, service.bounds(&self.runtime));
        let (adapter, stub) = (quote!(#runtime::adapter::tokio), quote!(#runtime::stub::tokio));
        let name = &service.name;
        let doc =
            std::format!(" What serves `{}`. A future that is returned runs in a task of its own.", service.full_name);
        let functions = service.methods.iter().map(|method| {
            let Method { doc, function, link, stream, request, response, .. } = method;
            let request = match method.kind.client_streams() {
                true => quote!(#stub::Requests<#request>),
                false => quote!(#request),
            };
            let text = std::format!(" The responses of {link}.");
            let (stream, response) = match method.kind.server_streams() {
                true => (
                    quote! {
                        #[doc = #text]
                        type #stream: #stub::Stream<Item = ::core::result::Result<#response, #adapter::Refusal>>
                            + ::core::marker::Send
                            + 'static;
                    },
                    quote!(Self::#stream),
                ),
                false => (TokenStream::new(), quote!(#response)),
            };
            quote! {
                #stream
                #doc
                fn #function(
                    &self,
                    request: #adapter::Incoming<#request>,
                ) -> impl ::core::future::Future<
                    Output = ::core::result::Result<#adapter::Response<#response>, #adapter::Refusal>
                > + ::core::marker::Send;
            }
        });
        let routes = service.methods.iter().map(|method| {
            let Method { function, descriptor, .. } = method;
            let verb = verb(method.kind);
            quote! {
                .#verb(&super::#descriptor, |service: ::std::sync::Arc<S>, request| async move {
                    service.#function(request).await
                })
            }
        });
        quote! {
            #[doc = #doc]
            pub trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
                #(#functions)*
            }

            /// The methods of a service, to be served alone or merged into another router.
            pub fn router<S: #name>(service: S) -> #adapter::Router {
                router_with_codec(service, <#codec as ::core::default::Default>::default())
            }

            /// As [`router`], with a codec of its own.
            pub fn router_with_codec<S: #name, C: #bounds>(service: S, codec: C) -> #adapter::Router {
                #stub::Service::new(service, codec)
                    #(#routes)*
                    .into_router()
            }
        }
    }
}

/// What a kind is called in the functions of this crate.
pub(super) fn verb(kind: Kind) -> TokenStream {
    match kind {
        Kind::Unary => quote!(unary),
        Kind::ServerStreaming => quote!(server_streaming),
        Kind::ClientStreaming => quote!(client_streaming),
        Kind::BidiStreaming => quote!(bidi_streaming),
    }
}
