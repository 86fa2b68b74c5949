//! Settings: values that whoever runs a job may change, declared with a type and a default.

use wasmstream_model::schema::Schema;

use crate::call::context;

/// A type that a setting can have.
pub trait SettingType: Clone + 'static {
    /// Its schema.
    fn schema() -> Schema;
    /// Reads it as people write it.
    fn parse(text: &str) -> Option<Self>;
    /// Writes it as people read it.
    fn to_text(&self) -> String;
}

macro_rules! setting_type {
    ($($type:ty as $schema:ident),*) => { $(
        impl SettingType for $type {
            fn schema() -> Schema { Schema::$schema }
            fn parse(text: &str) -> Option<Self> { text.parse().ok() }
            fn to_text(&self) -> String { self.to_string() }
        }
    )* };
}
setting_type!(bool as Bool, u64 as U64, i64 as S64, f64 as F64, String as String);

/// A declared setting. Read it inside of operators with [`Setting::get`].
#[derive(Clone, Debug)]
pub struct Setting<T> {
    name: String,
    default: T,
}

impl<T: SettingType> Setting<T> {
    pub(crate) fn new(name: &str, default: T) -> Self {
        Setting { name: name.to_owned(), default }
    }

    /// The value in force for the running call; the default outside of one. The host checks types before a job starts.
    pub fn get(&self) -> T {
        let given = context().and_then(|ctx| {
            let found = ctx.settings.iter().find(|(name, _)| *name == self.name);
            found.and_then(|(_, text)| T::parse(text))
        });
        given.unwrap_or_else(|| self.default.clone())
    }
}
