//! Models: load, describe, convert.

use std::path::Path;
use std::sync::Arc;

use skein_sys as ffi;

use crate::buffer::fill_text;
use crate::error::{call, Result};
use crate::handle::Handle;
use crate::info::fill_struct;
use crate::options::{ConvertOptions, DescribeOptions, ModelOptions, Open};
use crate::runtime::Runtime;
use crate::text::{c_path, field};
use crate::Token;

/// A loaded model, which all its streams share. A clone is the same model.
#[derive(Clone)]
pub struct Model(Arc<Loaded>);

struct Loaded {
    handle: Handle<ffi::skein_model_t>,
    runtime: Runtime,
    info: ModelInfo,
}

impl Model {
    /// Loads a package, a checkpoint that a plugin reads, or "synthetic:SHAPE" with made-up weights.
    pub fn load(runtime: &Runtime, path: impl AsRef<Path>, options: &ModelOptions) -> Result<Model> {
        let path = c_path(path.as_ref())?;
        let options = options.open()?;
        // SAFETY: the pointers hold for the call.
        let handle = Handle::create(|model, error| unsafe {
            ffi::skein_model_load(runtime.raw(), path.as_ptr(), options.raw(), model, error)
        })?;
        let info = model_info(&handle)?;
        Ok(Model(Arc::new(Loaded { handle, runtime: runtime.clone(), info })))
    }

    /// The dimensions of the model.
    pub fn info(&self) -> &ModelInfo {
        &self.0.info
    }

    /// The runtime that it was loaded by.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    pub(crate) fn raw(&self) -> ffi::skein_model {
        self.0.handle.raw()
    }
}

/// What a model is. Letters as in the RWKV papers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// 7 for RWKV-7.
    pub generation: u32,
    /// Within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2.
    pub variant: u32,
    /// L
    pub num_layers: u32,
    /// C
    pub d_model: u32,
    /// A, the width of the time-mix.
    pub d_att: u32,
    /// F
    pub d_ffn: u32,
    /// V, the rows of logits.
    pub vocab_size: u32,
    /// H
    pub num_heads: u32,
    /// N
    pub head_size: u32,
    /// All numbers of the model.
    pub num_parameters: u64,
    /// In the types that the devices were given.
    pub weights_bytes: u64,
    /// The part of `weights_bytes` that is the embedding; a step reads the rows of its tokens only.
    pub embedding_bytes: u64,
    /// Of one stream in canonical layout.
    pub num_state_floats: u64,
    /// Whether [`Model::tokenizer`] gives one.
    pub has_tokenizer: bool,
    /// The token that ends a text.
    pub end_token: Token,
    /// Where the layers run, in the form of the option `device`.
    pub device: String,
    /// The type of the matrices as computed.
    pub weight_type: String,
    /// The name in the file, or that of the file.
    pub name: String,
    /// The name of the template of its conversations; "" if none is known.
    pub chat_template: String,
    /// Tokens of the longest text that the model was trained with; 0: unknown.
    pub trained_length: u64,
}

fn model_info(model: &Handle<ffi::skein_model_t>) -> Result<ModelInfo> {
    // SAFETY: the call fills the struct.
    let info = fill_struct(|info: *mut ffi::skein_model_info, error| unsafe {
        ffi::skein_model_get_info(model.raw(), info, error)
    })?;
    Ok(ModelInfo {
        generation: info.generation,
        variant: info.variant,
        num_layers: info.num_layers,
        d_model: info.d_model,
        d_att: info.d_att,
        d_ffn: info.d_ffn,
        vocab_size: info.vocab_size,
        num_heads: info.num_heads,
        head_size: info.head_size,
        num_parameters: info.num_parameters,
        weights_bytes: info.weights_bytes,
        embedding_bytes: info.embedding_bytes,
        num_state_floats: info.num_state_floats,
        has_tokenizer: info.has_tokenizer != 0,
        end_token: info.end_token,
        device: field(&info.device),
        weight_type: field(&info.type_),
        name: field(&info.name),
        chat_template: field(&info.chat_template),
        trained_length: info.trained_length,
    })
}

/// Converts any readable model file to a package, or, where `out_path` ends in ".safetensors", to a checkpoint. The
/// file appears whole or not at all.
pub fn convert(
    runtime: &Runtime,
    in_path: impl AsRef<Path>,
    out_path: impl AsRef<Path>,
    options: &ConvertOptions,
) -> Result<()> {
    let (in_path, out_path) = (c_path(in_path.as_ref())?, c_path(out_path.as_ref())?);
    let options = options.open()?;
    // SAFETY: the pointers hold for the call.
    call(|error| unsafe {
        ffi::skein_model_convert(runtime.raw(), in_path.as_ptr(), out_path.as_ptr(), options.raw(), error)
    })
}

/// Describes a model file without loading it on a device.
pub fn describe_model(runtime: &Runtime, path: impl AsRef<Path>, options: &DescribeOptions) -> Result<String> {
    let path = c_path(path.as_ref())?;
    let options = options.open()?;
    // SAFETY: the pointers hold for the call.
    fill_text(|buffer, capacity, size, error| unsafe {
        ffi::skein_model_describe(runtime.raw(), path.as_ptr(), options.raw(), buffer.cast(), capacity, size, error)
    })
}
