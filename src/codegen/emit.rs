//! The code of a service.

mod blocking;
mod mio;
mod pure;
mod tokio;

use super::config::Config;
use super::error::Error;
use super::service::{Service, tokens};
use crate::grpc::Kind;
use proc_macro2::TokenStream;
use quote::quote;
use std::format;

/// What all code has in common.
pub(super) struct Emitter {
    /// This crate.
    runtime: TokenStream,
    /// The codec where none is given.
    codec: TokenStream,
    tokio: bool,
    mio: bool,
    blocking: bool,
    client: bool,
    server: bool,
}

impl Emitter {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let runtime = tokens("runtime_path", &config.runtime)?;
        let codec = match &config.codec {
            Some(codec) => tokens("codec", codec)?,
            None => quote!(#runtime::stub::Prost),
        };
        let Config { tokio, mio, blocking, client, server, .. } = *config;
        Ok(Self { runtime, codec, tokio, mio, blocking, client, server })
    }

    /// This crate, as text.
    pub(super) fn runtime(&self) -> std::string::String {
        format!("{}", self.runtime).replace(' ', "")
    }

    /// The module of a service.
    pub(super) fn service(&self, service: &prost_build::Service) -> Result<TokenStream, Error> {
        let service = &Service::new(service)?;
        let grpc = &self.grpc();
        let Service { module, full_name, doc, deprecated, .. } = service;
        let descriptors = service.methods.iter().map(|method| {
            let (name, path, kind) = (&method.descriptor, &method.path, kind(method.kind));
            let (doc, deprecated) = (&method.doc, &method.deprecated);
            quote! {
                #doc #deprecated
                pub static #name: #grpc::Method = #grpc::Method::from_static(#path, #grpc::Kind::#kind);
            }
        });
        let (names, count) = (service.methods.iter().map(|method| &method.descriptor), service.methods.len());
        let pure = self.pure(service);
        let tokio = if self.tokio { self.tokio(service) } else { TokenStream::new() };
        let mio = if self.mio { self.mio(service) } else { TokenStream::new() };
        let blocking = if self.blocking { self.blocking(service) } else { TokenStream::new() };
        Ok(quote! {
            #doc #deprecated
            // What is deprecated is still served; the layout of comments is not Rust's business.
            #[allow(deprecated, clippy::doc_lazy_continuation, clippy::doc_overindented_list_items)]
            pub mod #module {
                /// The full name of the service.
                pub const NAME: &str = #full_name;
                #(#descriptors)*
                /// All methods of the service, in the order of the file.
                pub static METHODS: [&#grpc::Method; #count] = [#(&#names),*];
                #pure
                #tokio
                #mio
                #blocking
            }
        })
    }

    fn grpc(&self) -> TokenStream {
        let runtime = &self.runtime;
        quote!(#runtime::grpc)
    }
}

fn kind(kind: Kind) -> TokenStream {
    match kind {
        Kind::Unary => quote!(Unary),
        Kind::ClientStreaming => quote!(ClientStreaming),
        Kind::ServerStreaming => quote!(ServerStreaming),
        Kind::BidiStreaming => quote!(BidiStreaming),
    }
}

/// A client: a struct around `inner`, its constructors, and `functions`.
struct ClientParts {
    doc: &'static str,
    /// The type of the field.
    inner: TokenStream,
    /// Parameters of the constructors, before the codec, and how they make the field.
    parameters: TokenStream,
    make: TokenStream,
    /// More functions that need nothing of the codec.
    more: TokenStream,
    functions: TokenStream,
    derives: TokenStream,
}

impl Emitter {
    fn client_struct(&self, service: &Service, parts: &ClientParts) -> TokenStream {
        let (client, codec, bounds) = (&service.client, &self.codec, service.bounds(&self.runtime));
        let ClientParts { doc, inner, parameters, make, more, functions, derives } = parts;
        let doc = format!(" {}", doc.replace("{}", &service.full_name));
        let arguments = if parameters.is_empty() { TokenStream::new() } else { quote!(channel,) };
        quote! {
            #[doc = #doc]
            #[derive(#derives)]
            pub struct #client<C = #codec> {
                inner: #inner,
            }

            impl #client {
                /// A client with the usual codec.
                pub fn new(#parameters) -> Self {
                    Self::with_codec(#arguments ::core::default::Default::default())
                }
            }

            impl<C> #client<C> {
                /// A client with a codec of its own.
                pub fn with_codec(#parameters codec: C) -> Self {
                    Self { inner: #make }
                }
                #more
            }

            impl<C: #bounds> #client<C> {
                #functions
            }
        }
    }
}
