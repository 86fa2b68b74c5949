//! The engine, and compiled modules.
//!
//! Invariant: every feature that components do not need is off, and everything that a guest can use up has a bound.

use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::bindings::{Job, JobPre};
use super::cache::CompileCache;
use super::call::{CallData, Guest};
use super::errors::ModuleError;
use super::module::{Module, graph_of};

/// How often the clock of running calls ticks.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// The most bytes that stay resident in a slot between calls, so that the next call takes no page faults.
const KEEP_RESIDENT: usize = 16 << 20;

/// What a guest may use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Linear memory of a call, in bytes.
    pub memory: usize,
    /// Stack of a call, in bytes.
    pub stack: usize,
    /// Time of a call for each 64 Ki records or part thereof.
    pub time: Duration,
    /// The most calls that run at the same time.
    pub calls: u32,
}

impl Default for GuestLimits {
    fn default() -> Self {
        GuestLimits { memory: 128 << 20, stack: 1 << 20, time: Duration::from_secs(1), calls: 64 }
    }
}

/// A compiler and runner of modules.
pub struct Runtime {
    engine: Engine,
    limits: GuestLimits,
    cache: Option<CompileCache>,
}

impl Runtime {
    /// An engine with these limits. Compiled code is kept in the user's cache folder where there is one.
    pub fn new(limits: GuestLimits) -> Result<Runtime, ModuleError> {
        let engine = Engine::new(&engine_config(&limits)).map_err(|e| ModuleError::Compile(format!("{e:#}")))?;
        let weak = engine.weak();
        let ticker = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        });
        ticker.map_err(|error| ModuleError::Compile(format!("cannot start a thread: {error}")))?;
        Ok(Runtime { engine, limits, cache: CompileCache::of_user() })
    }

    /// Compiles a module, or takes it from the cache, and asks it what it computes. An embedded job spec that is not
    /// what the module answers is refused.
    pub fn prepare(&self, module: &Module) -> Result<Guest, ModuleError> {
        let component = self.compile(module)?;
        let mut linker: Linker<CallData> = Linker::new(&self.engine);
        let contract = |error: wasmtime::Error| ModuleError::Contract(format!("{error:#}"));
        Job::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |data| data).map_err(contract)?;
        let pre = linker.instantiate_pre(&component).map_err(|error| self.cannot_instantiate(&error))?;
        let pre = JobPre::new(pre).map_err(contract)?;
        let mut guest = Guest::new(self.engine.clone(), pre, self.limits.clone());
        let json = guest.describe().map_err(ModuleError::Describe)?;
        let graph = graph_of(json.as_bytes())?;
        if module.graph().is_some_and(|embedded| embedded.spec() != graph.spec()) {
            return Err(ModuleError::SpecMismatch);
        }
        guest.set_graph(graph);
        Ok(guest)
    }

    /// A component that does not fit the pool of instances is one that wants more than the limits allow.
    fn cannot_instantiate(&self, error: &wasmtime::Error) -> ModuleError {
        let message = format!("{error:#}");
        if message.contains("memory") && message.contains("limit") {
            return ModuleError::Memory { limit: self.limits.memory };
        }
        ModuleError::Contract(message)
    }

    fn compile(&self, module: &Module) -> Result<Component, ModuleError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, module.hash())) {
            return Ok(component);
        }
        let compiled = Component::new(&self.engine, module.bytes());
        let component = compiled.map_err(|error| match self.cannot_instantiate(&error) {
            memory @ ModuleError::Memory { .. } => memory,
            _ => ModuleError::Invalid(format!("{error:#}")),
        })?;
        if let Some(cache) = &self.cache {
            cache.store(&self.engine, module.hash(), &component);
        }
        Ok(component)
    }
}

fn engine_config(limits: &GuestLimits) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

fn pool(limits: &GuestLimits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.calls)
        .total_core_instances(limits.calls * 8)
        .total_memories(limits.calls)
        .total_tables(limits.calls * 8)
        .max_core_instances_per_component(8)
        .max_memories_per_component(1)
        .max_tables_per_component(8)
        .max_memory_size(limits.memory)
        .max_unused_warm_slots(limits.calls)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}
