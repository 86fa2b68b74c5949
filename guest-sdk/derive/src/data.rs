//! `#[derive(Record)]` and `#[derive(State)]`: `Data` and `Put` from one list of fields.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, LitStr, Type, Variant};

/// What an attribute says of a field.
#[derive(Default)]
struct Options {
    rename: Option<LitStr>,
    renamed_from: Vec<LitStr>,
    default: Option<Expr>,
}

impl Options {
    fn read(field: &Field, attribute: &str) -> syn::Result<Options> {
        let mut options = Options::default();
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident(attribute)) {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    options.rename = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("renamed_from") {
                    options.renamed_from.push(meta.value()?.parse()?);
                } else if meta.path.is_ident("default") {
                    options.default = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("expected `default = …`, `renamed_from = \"…\"` or `rename = \"…\"`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

pub(crate) fn derive(input: &DeriveInput, attribute: &str) -> syn::Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "data has no type parameters or lifetimes: use owned types"));
    }
    let name = &input.ident;
    let parts = match &input.data {
        Data::Struct(data) => of_struct(&data.fields, attribute)?,
        Data::Enum(data) if data.variants.is_empty() => {
            return Err(Error::new_spanned(input, "an enum without cases has no values"));
        }
        Data::Enum(data) => of_enum(data.variants.iter(), attribute)?,
        Data::Union(_) => {
            return Err(Error::new_spanned(input, "a union is not data: its bytes do not say what it is"));
        }
    };
    let Parts { schema, encode, decode } = parts;
    Ok(quote! {
        #[automatically_derived]
        impl ::wasmstream::Data for #name {
            type Ref<'a> = #name;
            fn schema() -> ::wasmstream::model::schema::Schema { #schema }
            #[inline]
            fn shrink<'short, 'long: 'short>(value: #name) -> #name { value }
            #[inline]
            fn encode(value: &#name, out: &mut ::std::vec::Vec<u8>) { ::wasmstream::Data::put(value, out) }
            #[inline]
            fn decode<'a>(
                from: &mut ::wasmstream::model::schema::Reader<'a>,
            ) -> ::std::result::Result<#name, ::wasmstream::model::schema::DecodeError> { #decode }
            #[inline]
            fn to_owned(value: #name) -> #name { value }
            #[inline]
            fn put(&self, out: &mut ::std::vec::Vec<u8>) { #encode }
        }
        #[automatically_derived]
        impl ::wasmstream::Put<#name> for #name {
            type Slot = ::std::option::Option<#name>;
            #[inline]
            fn slot(self) -> Self::Slot { ::std::option::Option::Some(self) }
            #[inline]
            fn view(slot: &mut Self::Slot) -> #name { slot.take().expect("a slot is viewed once") }
        }
    })
}

struct Parts {
    schema: TokenStream,
    encode: TokenStream,
    decode: TokenStream,
}

fn schema_of(ty: &Type) -> TokenStream {
    quote!(<#ty as ::wasmstream::Data>::schema())
}

fn read(ty: &Type) -> TokenStream {
    quote!(<#ty as ::wasmstream::Data>::to_owned(<#ty as ::wasmstream::Data>::decode(from)?))
}

/// The schema of named fields, as a list of `Field`s.
fn field_schemas(fields: &Fields, attribute: &str) -> syn::Result<TokenStream> {
    let mut all = Vec::new();
    for field in fields {
        let Options { rename, renamed_from, default } = Options::read(field, attribute)?;
        let ident = field.ident.as_ref().map(|ident| ident.to_string());
        let own = ident.unwrap_or_default();
        let name = rename.map_or(own.trim_start_matches("r#").to_owned(), |lit| lit.value());
        let (ty, schema) = (&field.ty, schema_of(&field.ty));
        let default = match default {
            None => quote!(::std::option::Option::None),
            Some(expr) => quote! {{
                let value: #ty = #expr;
                let mut bytes = ::std::vec::Vec::new();
                ::wasmstream::Data::put(&value, &mut bytes);
                ::std::option::Option::Some(bytes)
            }},
        };
        all.push(quote! {
            ::wasmstream::model::schema::Field {
                name: ::std::string::String::from(#name),
                schema: #schema,
                default: #default,
                renamed_from: ::std::vec![#(::std::string::String::from(#renamed_from)),*],
            }
        });
    }
    Ok(quote!(::std::vec![#(#all),*]))
}

/// The schema of what stands in a struct or a case; none for nothing.
fn fields_schema(fields: &Fields, attribute: &str) -> syn::Result<Option<TokenStream>> {
    let schema = quote!(::wasmstream::model::schema::Schema);
    Ok(match fields {
        Fields::Unit => None,
        Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => Some(schema_of(&unnamed.unnamed[0].ty)),
        Fields::Unnamed(unnamed) => {
            let parts = unnamed.unnamed.iter().map(|field| schema_of(&field.ty));
            Some(quote!(#schema::Tuple(::std::vec![#(#parts),*])))
        }
        Fields::Named(_) => {
            let fields = field_schemas(fields, attribute)?;
            Some(quote!(#schema::Record(#fields)))
        }
    })
}

fn of_struct(fields: &Fields, attribute: &str) -> syn::Result<Parts> {
    let schema = fields_schema(fields, attribute)?;
    let members: Vec<_> = fields.members().collect();
    let reads = fields.iter().map(|field| read(&field.ty));
    Ok(Parts {
        schema: schema.unwrap_or_else(|| quote!(::wasmstream::model::schema::Schema::UNIT)),
        encode: quote!(#(::wasmstream::Data::put(&self.#members, out);)*),
        decode: quote!(::std::result::Result::Ok(Self { #(#members: #reads),* })),
    })
}

fn of_enum<'a>(variants: impl Iterator<Item = &'a Variant>, attribute: &str) -> syn::Result<Parts> {
    let (mut schemas, mut writes, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    for (number, variant) in (0u32..).zip(variants) {
        let (ident, name) = (&variant.ident, variant.ident.to_string());
        let payload = match fields_schema(&variant.fields, attribute)? {
            None => quote!(::std::option::Option::None),
            Some(schema) => quote!(::std::option::Option::Some(#schema)),
        };
        schemas.push(quote! {
            ::wasmstream::model::schema::Case { name: ::std::string::String::from(#name), schema: #payload }
        });
        let members: Vec<_> = variant.fields.members().collect();
        let bound: Vec<_> = (0..members.len()).map(|n| format_ident!("part{n}")).collect();
        writes.push(quote! {
            Self::#ident { #(#members: #bound),* } => {
                ::wasmstream::model::schema::put_unsigned(u64::from(#number), out);
                #(::wasmstream::Data::put(#bound, out);)*
            }
        });
        let parts = variant.fields.iter().map(|field| read(&field.ty));
        reads.push(quote!(#number => Self::#ident { #(#members: #parts),* },));
    }
    Ok(Parts {
        schema: quote!(::wasmstream::model::schema::Schema::Enum(::std::vec![#(#schemas),*])),
        encode: quote!(match self { #(#writes)* }),
        decode: quote! {
            let case = u32::try_from(from.unsigned()?).unwrap_or(u32::MAX);
            ::std::result::Result::Ok(match case {
                #(#reads)*
                _ => return ::std::result::Result::Err(::wasmstream::model::schema::DecodeError::BadTag),
            })
        },
    })
}
