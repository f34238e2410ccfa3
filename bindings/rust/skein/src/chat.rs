//! Conversations: messages as the text that a model was trained on.

use std::ffi::CString;

use skein_sys as ffi;

use crate::buffer::fill;
use crate::error::{call, Result};
use crate::model::Model;
use crate::options::{ChatOptions, Open};
use crate::request::Request;
use crate::text::c_string;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    role: String,
    text: Vec<u8>,
}

impl Message {
    /// A message of any role. The text is UTF-8; of the assistant it may be any bytes, as a request delivered them.
    pub fn new(role: impl Into<String>, text: impl Into<Vec<u8>>) -> Message {
        Message { role: role.into(), text: text.into() }
    }

    /// What the conversation is about.
    pub fn system(text: impl Into<Vec<u8>>) -> Message {
        Message::new("system", text)
    }

    /// What the user says.
    pub fn user(text: impl Into<Vec<u8>>) -> Message {
        Message::new("user", text)
    }

    /// What the model said.
    pub fn assistant(text: impl Into<Vec<u8>>) -> Message {
        Message::new("assistant", text)
    }
}

/// Messages as the library takes them.
struct RawMessages {
    _roles: Vec<CString>,
    messages: Vec<ffi::skein_chat_message>,
}

impl RawMessages {
    const SIZE: u32 = std::mem::size_of::<ffi::skein_chat_message>() as u32;

    /// They point into `messages`.
    fn new(messages: &[Message]) -> Result<RawMessages> {
        let roles = messages.iter().map(|message| c_string(message.role.as_str())).collect::<Result<Vec<_>>>()?;
        let raw = |(role, message): (&CString, &Message)| ffi::skein_chat_message {
            role: role.as_ptr(),
            text: message.text.as_ptr().cast(),
            text_bytes: message.text.len() as u64,
        };
        let messages = roles.iter().zip(messages).map(raw).collect();
        Ok(RawMessages { _roles: roles, messages })
    }

    fn as_ptr(&self) -> *const std::os::raw::c_void {
        self.messages.as_ptr().cast()
    }

    fn count(&self) -> u32 {
        self.messages.len() as u32
    }
}

impl Model {
    /// The messages as a prompt, by the model's template.
    pub fn chat_prompt(&self, messages: &[Message], options: &ChatOptions) -> Result<String> {
        let raw = RawMessages::new(messages)?;
        let options = options.open()?;
        // SAFETY: the pointers hold for the call, and the messages have this size.
        let text = fill(1024, |buffer: *mut u8, capacity, size, error| unsafe {
            let (messages, count) = (raw.as_ptr(), raw.count());
            let buffer = buffer.cast();
            ffi::skein_model_chat_prompt(
                self.raw(),
                messages,
                RawMessages::SIZE,
                count,
                options.raw(),
                buffer,
                capacity,
                size,
                error,
            )
        })?;
        Ok(crate::buffer::into_text(text))
    }
}

impl Request {
    /// Sets the prompt to the text of [`Model::chat_prompt`], and adds the stops that end the assistant's turn.
    pub fn set_chat(&self, messages: &[Message], options: &ChatOptions) -> Result<()> {
        let raw = RawMessages::new(messages)?;
        let options = options.open()?;
        // SAFETY: the pointers hold for the call, and the messages have this size.
        call(|error| unsafe {
            ffi::skein_request_set_chat(self.raw(), raw.as_ptr(), RawMessages::SIZE, raw.count(), options.raw(), error)
        })
    }
}
