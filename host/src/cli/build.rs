//! `wasmstream build`: cargo, then a component, then its job spec embedded.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::output::Output;
use crate::explain::Code;
use crate::guest::{GuestLimits, Module, ModuleError, Runtime, embed_spec, encode_component};

const TARGET: &str = "wasm32-unknown-unknown";
/// What a job is built with, whatever its manifest says. By `--config`, because `RUSTFLAGS` would replace a user's own.
const CONFIG: [&str; 6] = [
    r#"target.wasm32-unknown-unknown.rustflags=["-Ctarget-feature=+simd128"]"#,
    "profile.release.opt-level=3",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    r#"profile.release.panic="abort""#,
    "profile.release.strip=true",
];

/// Build a job into a module
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// The folder of the job's crate
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The module to write [default: DIR/NAME.wasm]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not touch the network, as cargo's flag of this name
    #[arg(long)]
    offline: bool,
    /// Use Cargo.lock as it is, as cargo's flag of this name
    #[arg(long)]
    locked: bool,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl BuildArgs {
    /// To build the crate in `dir`, and nothing else said.
    pub(super) fn of(dir: &Path) -> BuildArgs {
        BuildArgs { dir: dir.to_owned(), out: None, offline: false, locked: false, output: Output::Text }
    }
}

/// A module that was built.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) module: Module,
}

pub(super) fn run(args: &BuildArgs) -> Result<(), Failure> {
    let Built { path, module } = build(args)?;
    let graph = module.graph().expect("embedded just now");
    let (name, version) = (&graph.spec().name, &graph.spec().version);
    let bytes = module.bytes().len();
    match args.output {
        Output::Json => println!(
            "{}",
            json!({"path": path, "sha256": module.hash().to_string(), "bytes": bytes, "name": name, "version": version})
        ),
        Output::Text => {
            println!("Built {}: {name} {version}, {} KiB", path.display(), bytes.div_ceil(1024));
            println!("sha256 {}", module.hash());
        }
    }
    Ok(())
}

/// Builds the crate in a folder and writes its module.
pub(super) fn build(args: &BuildArgs) -> Result<Built, Failure> {
    let package = package_of(&args.dir)?;
    let core = cargo_build(args, &package)?;
    let core =
        std::fs::read(&core).map_err(|error| cargo_failed(format!("cannot read {}: {error}", core.display())))?;
    let no_job =
        |error: String| Failure::new(Code("BUILD_NOT_A_JOB"), error).help("mark a function with `#[wasmstream::job]`");
    let component = encode_component(&core).map_err(|error| no_job(error.to_string()))?;
    let plain = Module::new(component).map_err(|error| match error {
        ModuleError::WrongWorld { .. } => no_job(format!("package `{}` has no job", package.name)),
        other => other.into(),
    })?;
    let guest = Runtime::new(GuestLimits { calls: 1, ..GuestLimits::default() })?.prepare(&plain)?;
    let spec = serde_json::to_string(guest.graph().spec()).expect("a spec is plain data");
    let module = Module::new(embed_spec(plain.bytes(), &spec))?;
    let path = args.out.clone().unwrap_or_else(|| args.dir.join(format!("{}.wasm", package.name)));
    write_whole(&path, module.bytes())
        .map_err(|error| Failure::new(Code("BUILD_WRITE"), format!("cannot write {}: {error}", path.display())))?;
    Ok(Built { path, module })
}

/// Writes a file so that it appears only whole.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

struct Package {
    id: String,
    name: String,
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn cargo_failed(message: String) -> Failure {
    Failure::new(Code("BUILD_CARGO"), message)
}

/// The package whose manifest is in `dir`.
fn package_of(dir: &Path) -> Result<Package, Failure> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(cargo_failed(format!("there is no {}", manifest.display()))
            .help("go to the folder of a job, or make one with `wasmstream new NAME`"));
    }
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let output = command.output().map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(cargo_failed(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    let wrong = || cargo_failed(format!("{} is not the manifest of a package", manifest.display()));
    let metadata: Json = serde_json::from_slice(&output.stdout).map_err(|_| wrong())?;
    let wanted = manifest.canonicalize().map_err(|_| wrong())?;
    let packages = metadata["packages"].as_array().ok_or_else(wrong)?;
    let package = packages.iter().find(|package| {
        package["manifest_path"]
            .as_str()
            .is_some_and(|path| Path::new(path).canonicalize().ok().as_ref() == Some(&wanted))
    });
    let text = |key: &str| Some(package?[key].as_str()?.to_owned());
    Ok(Package { id: text("id").ok_or_else(wrong)?, name: text("name").ok_or_else(wrong)? })
}

fn no_cargo(error: &std::io::Error) -> Failure {
    cargo_failed(format!("cannot run cargo: {error}")).help("install Rust from https://rustup.rs")
}

/// Runs cargo and gives the core module that it made.
fn cargo_build(args: &BuildArgs, package: &Package) -> Result<PathBuf, Failure> {
    let mut command = cargo();
    command.args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(args.dir.join("Cargo.toml"));
    CONFIG.iter().for_each(|config| {
        command.args(["--config", config]);
    });
    command.args(args.offline.then_some("--offline")).args(args.locked.then_some("--locked"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| no_cargo(&error))?;
    let stdout = child.stdout.take().expect("piped above");
    let stderr = child.stderr.take().expect("piped above");
    // What cargo says goes on to the person as it comes, and is kept to see what went wrong.
    let forward = std::thread::spawn(move || {
        let mut said = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
            said.push_str(&line);
            said.push('\n');
        }
        said
    });
    let mut module = None;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Json>(&line) else { continue };
        if message["reason"] == "compiler-artifact" && message["package_id"] == package.id.as_str() {
            let files = message["filenames"].as_array().into_iter().flatten().filter_map(Json::as_str);
            module = files.map(PathBuf::from).find(|file| file.extension().is_some_and(|e| e == "wasm")).or(module);
        }
    }
    let status = child.wait().map_err(|error| no_cargo(&error))?;
    let said = forward.join().unwrap_or_default();
    if !status.success() {
        if said.contains(TARGET) && (said.contains("can't find crate for") || said.contains("may not be installed")) {
            return Err(Failure::new(
                Code("BUILD_TARGET_MISSING"),
                format!("rustc has no standard library for {TARGET}"),
            )
            .help(format!("run `rustup target add {TARGET}`")));
        }
        return Err(cargo_failed("cargo could not build the job; what it said is above".into()));
    }
    module.ok_or_else(|| {
        Failure::new(Code("BUILD_NOT_A_JOB"), format!("package `{}` gives no WebAssembly module", package.name))
            .help("its Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`")
    })
}
