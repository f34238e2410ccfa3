//! Who runs when: tenants, and the load of a model.

use std::ffi::CString;

use skein_sys as ffi;

use crate::error::{call, Result};
use crate::info::fill_struct;
use crate::model::Model;
use crate::options::{Open, TenantOptions};
use crate::text::c_string;

/// The load of a model or of one of its tenants, and the limits that hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Load {
    /// Of the model: those with streams or a policy.
    pub num_tenants: u32,
    /// Tokens that wait to be read.
    pub queued_tokens: u64,
    /// The bound of `queued_tokens` at present; `u64::MAX`: none, because no step was measured yet.
    pub max_queued_tokens: u64,
    /// Requests and evals that had no step yet.
    pub num_waiting: u32,
    /// Those that had one and have not ended.
    pub num_running: u32,
    /// The bound of `num_running`; 0: none.
    pub max_running: u32,
    /// Of the model.
    pub num_streams: u32,
    /// Of the model.
    pub max_streams: u32,
    /// Of a step.
    pub max_batch_tokens: u32,
    /// Of the tenant; 0 for the model.
    pub weight: f64,
    /// Tokens of prompts that the model reads in a second at present, of all tenants; 0: not measured yet.
    pub prompt_tokens_per_s: f64,
}

impl Model {
    /// Sets the policy of a tenant, which holds at once; `None`: it has the defaults again. The name "" is the common
    /// tenant.
    pub fn set_tenant(&self, name: &str, options: Option<&TenantOptions>) -> Result<()> {
        let name = c_string(name)?;
        let options = options.map(TenantOptions::open_always).transpose()?;
        let options = options.as_ref().map_or(std::ptr::null_mut(), |options| options.raw());
        // SAFETY: the pointers hold for the call.
        call(|error| unsafe { ffi::skein_model_set_tenant(self.raw(), name.as_ptr(), options, error) })
    }

    /// The load of the tenant called `name`, or of the whole model.
    pub fn load_of(&self, name: Option<&str>) -> Result<Load> {
        let name: Option<CString> = name.map(c_string).transpose()?;
        let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        // SAFETY: the name holds for the call, which fills the struct.
        let load = fill_struct(|load: *mut ffi::skein_load, error| unsafe {
            ffi::skein_model_get_load(self.raw(), name, load, error)
        })?;
        Ok(Load {
            num_tenants: load.num_tenants,
            queued_tokens: load.queued_tokens,
            max_queued_tokens: load.max_queued_tokens,
            num_waiting: load.num_waiting,
            num_running: load.num_running,
            max_running: load.max_running,
            num_streams: load.num_streams,
            max_streams: load.max_streams,
            max_batch_tokens: load.max_batch_tokens,
            weight: load.weight,
            prompt_tokens_per_s: load.prompt_tokens_per_s,
        })
    }
}
