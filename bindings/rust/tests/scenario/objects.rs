//! The objects of a scenario by their names.

use std::collections::HashMap;
use std::rc::Rc;

use skein::{Model, Prefix, Request, Runtime, Stream, Token, Tokenizer};

use crate::events::EventQueue;

/// Why a step failed.
pub struct Failure {
    pub status: String,
    pub message: String,
}

impl From<skein::Error> for Failure {
    fn from(error: skein::Error) -> Failure {
        Failure { status: error.code().name().into(), message: error.message().into() }
    }
}

/// The result lines of a step.
pub type Outcome = Result<Vec<String>, Failure>;

pub enum Object {
    Runtime(Rc<Runtime>),
    Model(Rc<Model>),
    Tokenizer(Rc<Tokenizer>),
    Stream(Rc<Stream>),
    Prefix(Rc<Prefix>),
    Queue(Rc<EventQueue>),
    Request(Rc<Request>),
    Tokens(Rc<Vec<Token>>),
    Bytes(Rc<Vec<u8>>),
}

macro_rules! objects {
    ($($get:ident $put:ident $variant:ident $type:ty,)*) => {
        impl Objects {
            $(
                /// The crate has no object that was released. So the failure is the table's.
                pub fn $get(&self, name: &str) -> Result<Rc<$type>, Failure> {
                    match self.0.get(name) {
                        Some(Object::$variant(object)) => Ok(object.clone()),
                        _ => Err(Failure { status: "INVALID_HANDLE".into(), message: format!("{name} is released") }),
                    }
                }

                pub fn $put(&mut self, name: String, object: $type) {
                    self.0.insert(name, Object::$variant(Rc::new(object)));
                }
            )*
        }
    };
}

#[derive(Default)]
pub struct Objects(HashMap<String, Object>);

objects! {
    runtime put_runtime Runtime Runtime,
    model put_model Model Model,
    tokenizer put_tokenizer Tokenizer Tokenizer,
    stream put_stream Stream Stream,
    prefix put_prefix Prefix Prefix,
    queue put_queue Queue EventQueue,
    request put_request Request Request,
    tokens put_tokens Tokens Vec<Token>,
    bytes put_bytes Bytes Vec<u8>,
}

impl Objects {
    pub fn release(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A list such as 1,2,3, or the name of tokens.
    pub fn token_list(&self, word: &str) -> Result<Rc<Vec<Token>>, Failure> {
        if !word.starts_with(|char: char| char.is_ascii_digit()) {
            return self.tokens(word);
        }
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no token"));
        Ok(Rc::new(word.split(',').map(number).collect()))
    }
}
