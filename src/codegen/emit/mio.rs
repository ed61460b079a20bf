//! Servers for the event loop of the mio adapter.

use super::Emitter;
use super::tokio::verb;
use crate::codegen::service::{Method, Service};
use crate::grpc::Kind;
use proc_macro2::TokenStream;
use quote::quote;

impl Emitter {
    pub(super) fn mio(&self, service: &Service) -> TokenStream {
        if service.methods.is_empty() || !self.server {
            return TokenStream::new();
        }
        let server = self.mio_server(service);
        quote! {
            /// The service in an event loop.
            pub mod mio {
                #server
            }
        }
    }

    fn mio_server(&self, service: &Service) -> TokenStream {
        let (runtime, codec, bounds) = (&self.runtime, &self.codec, service.bounds(&self.runtime));
        let (adapter, stub) = (quote!(#runtime::adapter::mio), quote!(#runtime::stub::mio));
        let name = &service.name;
        let doc = std::format!(" What serves `{}`, in the thread of its loop: no method may block.", service.full_name);
        let functions = service.methods.iter().map(|method| {
            let Method { doc, function, link, stream, request, response, .. } = method;
            let result = |of: TokenStream| quote!(::core::result::Result<#of, #adapter::Failure>);
            let item = result(response.clone());
            let (bound, text, message) = match method.kind {
                Kind::Unary => (None, "", request),
                Kind::ServerStreaming => {
                    (Some(quote!(::core::iter::Iterator<Item = #item>)), "The responses of", request)
                }
                Kind::ClientStreaming => {
                    (Some(quote!(#stub::Collect<#request, #response>)), "What takes the requests of", &quote!(()))
                }
                Kind::BidiStreaming => {
                    (Some(quote!(#stub::Converse<#request, #response>)), "What answers the requests of", &quote!(()))
                }
            };
            let text = std::format!(" {text} {link}.");
            let answer = match method.kind {
                Kind::Unary => result(quote!(#adapter::Reply<#response>)),
                Kind::ServerStreaming => result(quote!(#adapter::Reply<Self::#stream>)),
                _ => result(quote!(Self::#stream)),
            };
            let stream = bound.map(|bound| {
                quote! {
                    #[doc = #text]
                    type #stream: #bound + 'static;
                }
            });
            quote! {
                #stream
                #doc
                ///
                /// # Errors
                ///
                /// Ends the call.
                fn #function(&mut self, request: #stub::Incoming<#message>) -> #answer;
            }
        });
        let routes = service.methods.iter().map(|method| {
            let Method { function, descriptor, .. } = method;
            let verb = verb(method.kind);
            quote!(.#verb(&super::#descriptor, S::#function))
        });
        quote! {
            #[doc = #doc]
            pub trait #name: 'static {
                #(#functions)*
            }

            /// Adds the methods of a service to the routes of a server.
            pub fn add_to<S: #name>(routes: &mut #adapter::Routes, service: S) {
                add_to_with_codec(routes, service, <#codec as ::core::default::Default>::default());
            }

            /// As [`add_to`], with a codec of its own.
            pub fn add_to_with_codec<S: #name, C: #bounds>(routes: &mut #adapter::Routes, service: S, codec: C) {
                let _ = #stub::Service::new(routes, service, codec) #(#routes)*;
            }
        }
    }
}
