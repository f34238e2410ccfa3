//! What the tests share: the model in the box, on a device whose results are always the same.

#![allow(dead_code)] // Each test uses a part of it.

use skein::{Model, ModelOptions, RequestOptions, Runtime, RuntimeOptions, Stream, StreamOptions};

pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../samples/models/skein-demo.skein");

pub fn runtime() -> Runtime {
    Runtime::new(&RuntimeOptions::new().threads(1)).unwrap()
}

pub fn model_with(options: ModelOptions) -> Model {
    Model::load(&runtime(), MODEL, &options.device("reference").calibrate(false)).unwrap()
}

pub fn model() -> Model {
    model_with(ModelOptions::new())
}

pub fn stream(model: &Model) -> Stream {
    Stream::new(model, &StreamOptions::new()).unwrap()
}

/// The most probable tokens, so many of them.
pub fn greedy(max_tokens: u32) -> RequestOptions {
    RequestOptions::new().temperature(0).max_tokens(max_tokens).stop_at_end(false)
}

pub fn text_of(stream: &Stream, prompt: &str, options: &RequestOptions) -> String {
    stream.complete(prompt, options).unwrap().map(|piece| piece.unwrap()).collect()
}
