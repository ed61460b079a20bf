//! Typed calls over the pure connection.

use super::{ClientParts, Emitter};
use crate::codegen::service::Service;
use proc_macro2::TokenStream;
use quote::quote;

impl Emitter {
    pub(super) fn pure(&self, service: &Service) -> TokenStream {
        if service.methods.is_empty() {
            return TokenStream::new();
        }
        let client = if self.client { self.pure_client(service) } else { TokenStream::new() };
        let call = if self.server { self.pure_call(service) } else { TokenStream::new() };
        quote! {
            /// Typed calls over the pure connection, for a runtime of your own.
            pub mod pure {
                #client
                #call
            }
        }
    }

    fn pure_client(&self, service: &Service) -> TokenStream {
        let runtime = &self.runtime;
        let functions = service.methods.iter().map(|method| {
            let super::super::service::Method { doc, deprecated, function, descriptor, request, response, .. } = method;
            quote! {
                #doc #deprecated
                pub fn #function(&self) -> #runtime::stub::Opening<'static, #request, #response, C> {
                    #runtime::stub::Opening::new(&super::#descriptor, ::core::clone::Clone::clone(&self.inner))
                }
            }
        });
        let parts = ClientParts {
            doc: "Begins calls of `{}`: each function names a call, to be opened on a connection.",
            inner: quote!(C),
            parameters: TokenStream::new(),
            make: quote!(codec),
            more: TokenStream::new(),
            functions: quote!(#(#functions)*),
            derives: quote!(Clone, Debug, Default),
        };
        self.client_struct(service, &parts)
    }

    fn pure_call(&self, service: &Service) -> TokenStream {
        let (runtime, grpc, codec, bounds) = (&self.runtime, self.grpc(), &self.codec, service.bounds(&self.runtime));
        let call = &service.call;
        let doc = std::format!(" A call of `{}`, as its server keeps it.", service.full_name);
        let variants = service.methods.iter().map(|method| {
            let super::super::service::Method { doc, variant, request, response, .. } = method;
            quote!(#doc #variant(#runtime::stub::ServerCall<#request, #response, C>))
        });
        let names: &std::vec::Vec<_> = &service.methods.iter().map(|method| &method.variant).collect();
        let paths = service.methods.iter().map(|method| &method.path);
        let descriptors = service.methods.iter().map(|method| &method.descriptor);
        quote! {
            #[doc = #doc]
            #[derive(Debug)]
            pub enum #call<C: #bounds = #codec> {
                #(#variants),*
            }

            impl<C: #bounds> #call<C> {
                /// The call that has this path, with the types of its messages; `None` for a path that is not of this
                /// service. Tell the connection the kind of its `method` by `expect`.
                pub fn for_path(path: &str, id: #runtime::CallId, codec: C) -> ::core::option::Option<Self> {
                    ::core::option::Option::Some(match path {
                        #(#paths => Self::#names(#runtime::stub::CallHandle::new(id, codec)),)*
                        _ => return ::core::option::Option::None,
                    })
                }

                /// Which method it calls.
                pub fn method(&self) -> &'static #grpc::Method {
                    match self {
                        #(Self::#names(_) => &super::#descriptors,)*
                    }
                }

                /// Its name in its connection.
                pub fn id(&self) -> #runtime::CallId {
                    match self {
                        #(Self::#names(call) => call.id(),)*
                    }
                }
            }
        }
    }
}
