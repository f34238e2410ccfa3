//! The runtime: plugins, devices, worker threads, log and metrics.

use std::path::Path;
use std::sync::Arc;

use skein_sys as ffi;

use crate::buffer::{fill, fill_text, into_text};
use crate::error::{call, Code, Result};
use crate::handle::Handle;
use crate::info::fill_struct;
use crate::options::{Open, RuntimeOptions};
use crate::text::{c_path, field};

/// Plugins, devices and threads, which all models of a process may share. A clone is the same runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Handle<ffi::skein_runtime_t>>);

impl Runtime {
    /// Makes a runtime, and loads the plugins that it finds: in the folders of the option `plugin_path`, in those of
    /// the variable `SKEIN_PLUGIN_PATH`, and in `skein/plugins-1` beside the library.
    pub fn new(options: &RuntimeOptions) -> Result<Runtime> {
        let options = options.open()?;
        // SAFETY: the pointers hold for the call.
        let handle =
            Handle::create(|runtime, error| unsafe { ffi::skein_runtime_create(options.raw(), runtime, error) })?;
        Ok(Runtime(Arc::new(handle)))
    }

    /// Loads one plugin from a file of any name.
    pub fn load_plugin(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the path holds for the call.
        call(|error| unsafe { ffi::skein_runtime_load_plugin(self.raw(), path.as_ptr(), error) })
    }

    /// The files that were looked at, loaded or refused.
    pub fn plugins(&self) -> Result<Vec<PluginInfo>> {
        let mut count = 0;
        // SAFETY: the place for the count holds for the call.
        call(|error| unsafe { ffi::skein_runtime_plugin_count(self.raw(), &mut count, error) })?;
        (0..count).map(|index| self.plugin(index)).collect()
    }

    fn plugin(&self, index: u32) -> Result<PluginInfo> {
        // SAFETY: the call fills the struct.
        let info = fill_struct(|info: *mut ffi::skein_plugin_info, error| unsafe {
            ffi::skein_runtime_plugin_info(self.raw(), index, info, error)
        })?;
        Ok(PluginInfo {
            kind: PluginKind::from_number(info.kind),
            is_loaded: info.loaded != 0,
            abi: info.abi,
            id: field(&info.id),
            version: field(&info.version),
            path: field(&info.path),
            reason: field(&info.reason),
        })
    }

    /// The devices of the plugins. The best comes first; it is the default.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>> {
        let mut count = 0;
        // SAFETY: the place for the count holds for the call.
        call(|error| unsafe { ffi::skein_runtime_device_count(self.raw(), &mut count, error) })?;
        (0..count).map(|index| self.device(index)).collect()
    }

    fn device(&self, index: u32) -> Result<DeviceInfo> {
        // SAFETY: the call fills the struct.
        let info = fill_struct(|info: *mut ffi::skein_device_info, error| unsafe {
            ffi::skein_runtime_device_info(self.raw(), index, info, error)
        })?;
        Ok(DeviceInfo {
            threads: info.threads,
            name: field(&info.name),
            plugin_id: field(&info.plugin_id),
            description: field(&info.description),
            memory_bytes: info.memory_bytes,
            weight_types: info.weight_types,
            generations: info.generations,
        })
    }

    /// Takes the oldest line of the log, if one is waiting. The library never prints; it keeps the last 1024 lines.
    pub fn poll_log(&self) -> Result<Option<LogLine>> {
        let mut severity = 0;
        // SAFETY: the pointers hold for the call. A line has at most 4096 bytes.
        let line = fill(4096, |buffer: *mut u8, capacity, size, error| unsafe {
            ffi::skein_runtime_poll_log(self.raw(), buffer.cast(), capacity, size, &mut severity, error)
        });
        match line {
            Ok(line) => Ok(Some(LogLine { severity: Severity::from_number(severity), text: into_text(line) })),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Counters, gauges and histograms in the exposition format of Prometheus.
    pub fn metrics(&self) -> Result<String> {
        // SAFETY: the pointers hold for the call.
        fill_text(|buffer, capacity, size, error| unsafe {
            ffi::skein_runtime_metrics(self.raw(), buffer.cast(), capacity, size, error)
        })
    }

    /// The progress of the runtime's long work (load, convert, verify), which another thread does.
    pub fn progress(&self) -> Result<Progress> {
        // SAFETY: the call fills the struct.
        let progress = fill_struct(|progress: *mut ffi::skein_progress, error| unsafe {
            ffi::skein_runtime_progress(self.raw(), progress, error)
        })?;
        Ok(Progress {
            is_active: progress.active != 0,
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
            what: field(&progress.what),
        })
    }

    pub(crate) fn raw(&self) -> ffi::skein_runtime {
        self.0.raw()
    }
}

/// What a plugin offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PluginKind {
    /// Devices.
    Backend,
    /// A format of checkpoints.
    Format,
    /// A kind of vocabulary.
    Tokenizer,
    /// It was refused before it named its kind.
    Unknown,
}

impl PluginKind {
    fn from_number(number: u32) -> PluginKind {
        match number {
            ffi::SKEIN_PLUGIN_KIND_BACKEND => PluginKind::Backend,
            ffi::SKEIN_PLUGIN_KIND_FORMAT => PluginKind::Format,
            ffi::SKEIN_PLUGIN_KIND_TOKENIZER => PluginKind::Tokenizer,
            _ => PluginKind::Unknown,
        }
    }
}

/// One file that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginInfo {
    /// What it offers.
    pub kind: PluginKind,
    /// Whether it was loaded; else it was refused.
    pub is_loaded: bool,
    /// The plugin ABI agreed on; 0 if it was refused.
    pub abi: u32,
    /// Such as "onednn"; "" if it was refused before it named its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Its file.
    pub path: String,
    /// Why it was refused, or which of its devices are left out.
    pub reason: String,
}

/// One device of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// The threads that it computes with.
    pub threads: u32,
    /// What the option `device` takes.
    pub name: String,
    /// The plugin that it comes from.
    pub plugin_id: String,
    /// Such as the processor's name and instruction tier.
    pub description: String,
    /// All that the device has, taken or free; 0 where unknown.
    pub memory_bytes: u64,
    /// Bit `1 << SKEIN_DTYPE_*` for each type of matrix that it computes with.
    pub weight_types: u32,
    /// Bit `1 << 7` for RWKV-7, and so on.
    pub generations: u32,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For those who look for a fault.
    Debug,
    /// What happens.
    Info,
    /// What may be a fault.
    Warning,
    /// A fault.
    Error,
}

impl Severity {
    fn from_number(number: u32) -> Severity {
        match number {
            ffi::SKEIN_LOG_DEBUG => Severity::Debug,
            ffi::SKEIN_LOG_INFO => Severity::Info,
            ffi::SKEIN_LOG_WARNING => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// How much it matters.
    pub severity: Severity,
    /// The line, without its end.
    pub text: String,
}

/// How far long work is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Whether such work runs.
    pub is_active: bool,
    /// Done, of the work that runs, or that ran last.
    pub done_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
    /// Such as "loading".
    pub what: String,
}
