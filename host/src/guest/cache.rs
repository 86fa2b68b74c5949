//! The cache of compiled modules: a folder that only its user can write.
//!
//! Compiled code is run as it is, so a file from elsewhere would be arbitrary code: the folder must belong to this user
//! and be closed to others, or there is no cache. Files are named by module and engine.
//!
//! Invariant: a cache that fails costs time, never the run.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::module::Hash;

/// A folder of compiled modules.
pub(super) struct CompileCache {
    folder: PathBuf,
}

impl CompileCache {
    /// The cache of the user who runs this: `$XDG_CACHE_HOME/wasmstream/compiled` or `~/.cache/wasmstream/compiled`.
    pub(super) fn of_user() -> Option<CompileCache> {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let folder = base.join("wasmstream").join("compiled");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
        let meta = fs::symlink_metadata(&folder).ok()?;
        // SAFETY: geteuid reads a number and cannot fail.
        let user = unsafe { libc::geteuid() };
        (meta.is_dir() && meta.uid() == user && meta.mode() & 0o022 == 0).then_some(CompileCache { folder })
    }

    fn path(&self, engine: &Engine, module: Hash) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{module}-{:016x}.cwasm", hasher.finish()))
    }

    pub(super) fn load(&self, engine: &Engine, module: Hash) -> Option<Component> {
        let path = self.path(engine, module);
        let meta = fs::symlink_metadata(&path).ok()?;
        if !meta.is_file() || meta.mode() & 0o022 != 0 {
            return None;
        }
        // SAFETY: only this user can write to the folder (checked when it was opened), and `store` below is the only
        // code that does; wasmtime itself refuses a file of another engine.
        unsafe { Component::deserialize_file(engine, &path) }.ok()
    }

    pub(super) fn store(&self, engine: &Engine, module: Hash, component: &Component) {
        let write = || -> Option<()> {
            let bytes = component.serialize().ok()?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder).ok()?;
            std::io::Write::write_all(&mut file, &bytes).ok()?;
            file.persist(self.path(engine, module)).ok()?;
            Some(())
        };
        // A cache that cannot be written is no cache; the module has been compiled all the same.
        let _ = write();
    }
}
