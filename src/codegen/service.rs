//! A service with the names and types that its code is made of.

use super::error::Error;
use super::names;
use crate::grpc::Kind;
use proc_macro2::{Ident, Span, TokenStream};
use prost_build::Comments;
use quote::quote;
use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::vec::Vec;

/// What a generated client has beside the service's methods.
const OF_CLIENTS: &[&str] = &["new", "with_codec", "channel", "clone", "fmt"];

pub(super) struct Service {
    pub(super) module: Ident,
    /// The full name, such as `helloworld.Greeter`.
    pub(super) full_name: String,
    pub(super) doc: TokenStream,
    pub(super) deprecated: TokenStream,
    /// The trait of its servers, and the start of other names.
    pub(super) name: Ident,
    pub(super) client: Ident,
    pub(super) call: Ident,
    pub(super) methods: Vec<Method>,
}

pub(super) struct Method {
    pub(super) kind: Kind,
    /// Path and names.
    pub(super) path: String,
    pub(super) descriptor: Ident,
    pub(super) variant: Ident,
    pub(super) function: Ident,
    /// The function, as documentation of its trait links to it.
    pub(super) link: String,
    /// The name under which a client of a bidirectional method sends messages one by one.
    pub(super) duplex: Ident,
    /// What the server's associated type is called.
    pub(super) stream: Ident,
    pub(super) doc: TokenStream,
    pub(super) deprecated: TokenStream,
    /// Types, as they are named two modules below those of the package.
    pub(super) request: TokenStream,
    pub(super) response: TokenStream,
}

impl Service {
    pub(super) fn new(service: &prost_build::Service) -> Result<Self, Error> {
        let full_name = match &*service.package {
            "" => service.proto_name.clone(),
            package => format!("{package}.{}", service.proto_name),
        };
        let name = names::camel(&service.proto_name);
        let mut taken: Vec<String> = OF_CLIENTS.iter().map(|name| (*name).to_owned()).collect();
        taken.extend(service.methods.iter().map(|method| names::function(&method.proto_name, OF_CLIENTS)));
        let methods = service.methods.iter().map(|method| Method::new(&full_name, method, &mut taken));
        Ok(Self {
            module: ident(&names::module(&service.proto_name)),
            doc: doc(&service.comments, &format!("The service `{full_name}`.")),
            deprecated: deprecated(service.options.deprecated()),
            client: ident(&format!("{name}Client")),
            call: ident(&format!("{name}Call")),
            name: ident(&name),
            methods: methods.collect::<Result<_, _>>()?,
            full_name,
        })
    }

    /// What a codec has to know: `Codec<A> + Codec<B>`, each message once.
    pub(super) fn bounds(&self, runtime: &TokenStream) -> TokenStream {
        let mut seen: Vec<String> = Vec::new();
        let types = self.methods.iter().flat_map(|method| [&method.request, &method.response]);
        let types = types.filter(|name| {
            let name = format!("{name}");
            let new = !seen.contains(&name);
            seen.push(name);
            new
        });
        quote!(#(#runtime::stub::Codec<#types>)+*)
    }
}

impl Method {
    fn new(service: &str, method: &prost_build::Method, taken: &mut Vec<String>) -> Result<Self, Error> {
        let function = names::function(&method.proto_name, OF_CLIENTS);
        let mut duplex = format!("{function}_duplex");
        while taken.contains(&duplex) {
            duplex += "_";
        }
        taken.push(duplex.clone());
        let variant = names::camel(&method.proto_name);
        let path = format!("/{service}/{}", method.proto_name);
        Ok(Self {
            kind: match (method.client_streaming, method.server_streaming) {
                (false, false) => Kind::Unary,
                (true, false) => Kind::ClientStreaming,
                (false, true) => Kind::ServerStreaming,
                (true, true) => Kind::BidiStreaming,
            },
            descriptor: ident(&names::descriptor(&method.proto_name)),
            stream: ident(&format!("{variant}Stream")),
            variant: ident(&variant),
            // Raw in the code, but not in a link.
            link: format!("[`{function}`](Self::{function})"),
            function: ident(&function),
            duplex: ident(&duplex),
            doc: doc(&method.comments, &format!("The method `{path}`.")),
            deprecated: deprecated(method.options.deprecated()),
            request: message(&method.input_type)?,
            response: message(&method.output_type)?,
            path,
        })
    }
}

/// A name; a raw one where it is a keyword.
fn ident(name: &str) -> Ident {
    // What may not be raw either was renamed before. `gen` became a keyword later than the parser's others.
    match syn::parse_str::<Ident>(name).is_ok() && name != "gen" {
        true => Ident::new(name, Span::call_site()),
        false => Ident::new_raw(name, Span::call_site()),
    }
}

/// A message's type as `prost` names it in the module of its package, named from two modules below.
fn message(path: &str) -> Result<TokenStream, Error> {
    const ANYWHERE: &[&str] = &["()", "bool", "f32", "f64", "i32", "i64", "u32", "u64"];
    let absolute = matches!(path.split("::").next(), Some("" | "crate")) || ANYWHERE.contains(&path);
    let from_below = if absolute { path.to_owned() } else { "super::".repeat(2) + path };
    tokens("extern_path", &from_below)
}

/// A path that was set as text.
pub(super) fn tokens(option: &'static str, value: &str) -> Result<TokenStream, Error> {
    let wrong = || Error::Option { option, value: value.to_owned() };
    let tokens: TokenStream = value.parse().map_err(|_| wrong())?;
    if tokens.is_empty() { Err(wrong()) } else { Ok(tokens) }
}

/// A comment as documentation, or what can be said without one.
fn doc(comments: &Comments, otherwise: &str) -> TokenStream {
    let mut text = String::new();
    // Those that stand alone before it are about something else.
    Comments { leading_detached: Vec::new(), ..comments.clone() }.append_with_indent(0, &mut text);
    let mut lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("///")).collect();
    let spaced = format!(" {otherwise}");
    if lines.iter().all(|line| line.trim().is_empty()) {
        lines = std::vec![&*spaced];
    }
    quote!(#(#[doc = #lines])*)
}

fn deprecated(yes: bool) -> TokenStream {
    if yes { quote!(#[deprecated]) } else { TokenStream::new() }
}
