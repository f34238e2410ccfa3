//! What the queues of a scenario deliver, kept by request and by sample until it is printed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use skein::{Event, EventKind, Queue, Reason, Request, RequestId, Token};

use crate::objects::Failure;
use crate::transcript::{double, floats, quoted, tokens};

/// A queue, and what came from it.
pub struct EventQueue {
    queue: Queue,
    records: RefCell<Vec<Record>>,
    /// Whether the closure of the queue was called.
    pub was_woken: Arc<AtomicBool>,
}

/// A submitted request.
struct Record {
    name: String,
    id: RequestId,
    samples: BTreeMap<u32, Sample>,
    end: Option<Event>,
}

struct Sample {
    tokens: Vec<Token>,
    logprobs: Vec<f32>,
    text: Vec<u8>,
    sum: f64,
}

impl EventQueue {
    pub fn new(queue: Queue) -> EventQueue {
        EventQueue { queue, records: RefCell::default(), was_woken: Arc::default() }
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn submit(&self, requests: &[(String, Rc<Request>)]) -> Result<(), Failure> {
        self.queue.submit_all(requests.iter().map(|(_, request)| &**request))?;
        let record = |(name, request): &(String, Rc<Request>)| Record {
            name: name.clone(),
            id: request.id(),
            samples: BTreeMap::new(),
            end: None,
        };
        self.records.borrow_mut().extend(requests.iter().map(record));
        Ok(())
    }

    /// Takes events until the request has `num_tokens` tokens or has ended.
    pub fn read(&self, id: RequestId, num_tokens: usize) -> Result<(), Failure> {
        let mut events = self.queue.events();
        while !self.has(id, num_tokens) {
            let event = events.next().expect("the request has not ended")?;
            self.keep(event);
        }
        Ok(())
    }

    fn has(&self, id: RequestId, num_tokens: usize) -> bool {
        let records = self.records.borrow();
        let record = records.iter().find(|record| record.id == id).expect("it was submitted");
        let num_read: usize = record.samples.values().map(|sample| sample.tokens.len()).sum();
        record.end.is_some() || num_read >= num_tokens
    }

    /// Takes all events, and gives the lines of what came.
    pub fn drain(&self) -> Result<Vec<String>, Failure> {
        for event in self.queue.events() {
            self.keep(event?);
        }
        Ok(self.records.take().iter().flat_map(Record::lines).collect())
    }

    fn keep(&self, event: Event) {
        let mut records = self.records.borrow_mut();
        let record = records.iter_mut().find(|record| record.id == event.request).expect("it was submitted");
        record.keep(event);
    }
}

impl Record {
    fn keep(&mut self, event: Event) {
        let empty = || Sample { tokens: vec![], logprobs: vec![], text: vec![], sum: f64::NAN };
        let has_message = matches!(event.kind, EventKind::Error(_) | EventKind::SampleDone(Err(_)));
        let sample = self.samples.entry(event.sample).or_insert_with(empty);
        if let EventKind::Token(token) = event.kind {
            sample.tokens.push(token);
            sample.logprobs.push(event.logprob);
            sample.sum = event.logprob_sum;
        }
        if !has_message {
            sample.text.extend(&event.text);
        }
        if event.is_terminal() {
            self.end = Some(event);
        }
    }

    fn lines(&self) -> Vec<String> {
        let end = self.end.as_ref().expect("it has ended");
        let (kind, reason) = match &end.kind {
            EventKind::Done(reason) => ("done", reason_name(*reason)),
            EventKind::Error(error) => ("error", error.code().name()),
            _ => ("cancelled", "none"),
        };
        let mut lines = vec![format!(
            "{} {kind} {reason} prompt {} cached {} tokens {} position {} user {}",
            self.name, end.num_prompt_tokens, end.num_cached_tokens, end.num_tokens, end.position, end.user_data
        )];
        if let EventKind::Error(error) = &end.kind {
            lines.push(format!("  message {}", quoted(error.message().as_bytes())));
        }
        for (index, sample) in &self.samples {
            lines.push(format!("  sample {index} tokens {}", tokens(&sample.tokens)));
            lines.push(format!("  text {}", quoted(&sample.text)));
            lines.push(format!("  logprobs {}", floats(&sample.logprobs)));
            lines.push(format!("  sum {}", double(sample.sum)));
        }
        lines
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::StopToken => "stop_token",
        Reason::StopText => "stop_text",
        Reason::Length => "length",
        _ => "none",
    }
}
