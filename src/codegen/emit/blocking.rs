//! Clients and servers that block.

use super::tokio::verb;
use super::{ClientParts, Emitter};
use crate::codegen::service::{Method, Service};
use crate::grpc::Kind;
use proc_macro2::TokenStream;
use quote::quote;

impl Emitter {
    pub(super) fn blocking(&self, service: &Service) -> TokenStream {
        if service.methods.is_empty() {
            return TokenStream::new();
        }
        let client = if self.client { self.blocking_client(service) } else { TokenStream::new() };
        let server = if self.server { self.blocking_server(service) } else { TokenStream::new() };
        quote! {
            /// The service with threads that block: no async.
            pub mod blocking {
                #client
                #server
            }
        }
    }

    fn blocking_client(&self, service: &Service) -> TokenStream {
        let runtime = &self.runtime;
        let stub = quote!(#runtime::stub::blocking);
        let functions = service.methods.iter().map(|method| {
            let Method { doc, deprecated, function, duplex, descriptor, request, response, .. } = method;
            let into_request = quote!(impl ::core::convert::Into<#stub::Request<#request>>);
            let (generic, argument, result) = match method.kind {
                Kind::Unary => (TokenStream::new(), into_request, quote!(#stub::Response<#response>)),
                Kind::ServerStreaming => {
                    (TokenStream::new(), into_request, quote!(#stub::Call<#request, #response, C>))
                }
                Kind::ClientStreaming => (
                    TokenStream::new(),
                    quote!(impl #stub::IntoRequests<Message = #request>),
                    quote!(#stub::Response<#response>),
                ),
                Kind::BidiStreaming => (
                    quote!(<R: #stub::IntoRequests<Message = #request>>),
                    quote!(R),
                    quote!(#stub::Fed<R::Iter, #request, #response, C>),
                ),
            };
            let verb = verb(method.kind);
            let one_by_one = (method.kind == Kind::BidiStreaming).then(|| {
                let text = std::format!(" As `{function}`, with requests that are sent one by one.");
                quote! {
                    #[doc = #text]
                    ///
                    /// # Errors
                    ///
                    /// Where the call cannot be made.
                    #deprecated
                    pub fn #duplex(
                        &self,
                        request: #stub::Request<()>,
                    ) -> ::core::result::Result<#stub::Call<#request, #response, C>, #stub::CallError> {
                        self.inner.duplex(&super::#descriptor, request)
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
                pub fn #function #generic(
                    &self,
                    request: #argument,
                ) -> ::core::result::Result<#result, #stub::CallError> {
                    self.inner.#verb(&super::#descriptor, request)
                }
                #one_by_one
            }
        });
        let parts = ClientParts {
            doc: "A client of `{}`, which blocks. Clones are cheap and share the connection.",
            inner: quote!(#stub::Stub<C>),
            parameters: quote!(channel: #stub::Channel,),
            make: quote!(#stub::Stub::new(channel, codec)),
            more: quote! {
                /// The connection.
                pub fn channel(&self) -> &#stub::Channel {
                    self.inner.channel()
                }
            },
            functions: quote!(#(#functions)*),
            derives: quote!(Clone, Debug),
        };
        self.client_struct(service, &parts)
    }

    fn blocking_server(&self, service: &Service) -> TokenStream {
        let (runtime, codec, bounds) = (&self.runtime, &self.codec, service.bounds(&self.runtime));
        let (adapter, stub) = (quote!(#runtime::adapter::mio), quote!(#runtime::stub::blocking));
        let name = &service.name;
        let doc = std::format!(" What serves `{}`: each call in a thread, so methods may block.", service.full_name);
        let functions = service.methods.iter().map(|method| {
            let Method { doc, function, link, stream, request, response, .. } = method;
            let result = |of: TokenStream| quote!(::core::result::Result<#of, #adapter::Failure>);
            let request = match method.kind.client_streams() {
                true => quote!(#stub::Requests<#request>),
                false => quote!(#request),
            };
            let text = std::format!(" The responses of {link}.");
            let item = result(response.clone());
            let (stream, answer) = match method.kind.server_streams() {
                true => (
                    quote! {
                        #[doc = #text]
                        type #stream: ::core::iter::Iterator<Item = #item>;
                    },
                    result(quote!(#adapter::Reply<Self::#stream>)),
                ),
                false => (TokenStream::new(), result(quote!(#adapter::Reply<#response>))),
            };
            quote! {
                #stream
                #doc
                ///
                /// # Errors
                ///
                /// Ends the call.
                fn #function(&self, request: #stub::Incoming<#request>) -> #answer;
            }
        });
        let routes = service.methods.iter().map(|method| {
            let Method { function, descriptor, .. } = method;
            let verb = verb(method.kind);
            quote!(.#verb(&super::#descriptor, S::#function))
        });
        quote! {
            #[doc = #doc]
            pub trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
                #(#functions)*
            }

            /// Adds the methods of a service to the routes of a server, to be run in threads.
            pub fn add_to<S: #name>(routes: &mut #adapter::Routes, threads: &#stub::Threads, service: S) {
                add_to_with_codec(routes, threads, service, <#codec as ::core::default::Default>::default());
            }

            /// As [`add_to`], with a codec of its own.
            pub fn add_to_with_codec<S: #name, C: #bounds>(
                routes: &mut #adapter::Routes,
                threads: &#stub::Threads,
                service: S,
                codec: C,
            ) {
                let _ = #stub::Service::new(routes, threads, service, codec) #(#routes)*;
            }
        }
    }
}
