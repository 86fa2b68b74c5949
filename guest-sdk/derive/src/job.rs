//! `#[wasmstream::job]`: the function stays as it is; for wasm, exports are added that build and run it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{Error, ItemFn, LitStr};

pub(crate) fn expand(args: TokenStream, function: &ItemFn) -> syn::Result<TokenStream> {
    let (mut name, mut version) = (None, None);
    let parser = syn::meta::parser(|meta| {
        let slot = match () {
            () if meta.path.is_ident("name") => &mut name,
            () if meta.path.is_ident("version") => &mut version,
            () => return Err(meta.error("expected `name = \"…\"` or `version = \"…\"`")),
        };
        *slot = Some(meta.value()?.parse::<LitStr>()?);
        Ok(())
    });
    parser.parse2(args)?;
    if let Some(name) = &name {
        let text = name.value();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 63 || text.starts_with('-') || !text.chars().all(plain) {
            return Err(Error::new_spanned(name, "a job's name is lower-case letters, digits and `-`, at most 63"));
        }
    }
    if function.sig.inputs.len() != 1 {
        return Err(Error::new_spanned(&function.sig, "a job is a function `fn job(j: &mut Job)`"));
    }
    let name = name.map_or(quote!(env!("CARGO_PKG_NAME")), |name| quote!(#name));
    let version = version.map_or(quote!(env!("CARGO_PKG_VERSION")), |version| quote!(#version));
    let ident = &function.sig.ident;
    Ok(quote! {
        #function

        #[cfg(target_family = "wasm")]
        const _: () = {
            // Named so that no function of the author's is shadowed.
            struct Author;
            impl ::wasmstream::export::Build for Author {
                const NAME: &'static str = #name;
                const VERSION: &'static str = #version;
                fn build(__graph: &mut ::wasmstream::Job) {
                    #ident(__graph)
                }
            }
            type Exported = ::wasmstream::export::Exports<Author>;
            ::wasmstream::bindings::export_job!(Exported with_types_in ::wasmstream::bindings);
        };
    })
}
