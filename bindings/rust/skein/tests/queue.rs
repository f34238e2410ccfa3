//! Queues: many streams at once, wake-ups, and iterations that end early.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::time::Duration;

use common::{greedy, model, stream, text_of};
use skein::{Code, EventKind, Model, Queue, QueueOptions, Request, RequestId, Stream};

const PROMPTS: [&str; 8] = ["In", "And", "The", "But", "Now", "So", "Go", "We"];

fn queue(model: &Model) -> Queue {
    Queue::new(model.runtime(), &QueueOptions::new()).unwrap()
}

fn request(stream: &Stream, prompt: &str, max_tokens: u32) -> Request {
    let request = Request::new(stream).unwrap();
    request.set_options(&greedy(max_tokens)).unwrap();
    request.set_prompt(prompt).unwrap();
    request
}

#[test]
fn eight_streams_write_what_each_writes_alone() {
    let model = model();
    let expected: Vec<String> = PROMPTS.iter().map(|prompt| text_of(&stream(&model), prompt, &greedy(12))).collect();
    let queue = queue(&model);
    let streams: Vec<Stream> = PROMPTS.iter().map(|_| stream(&model)).collect();
    let pairs = streams.iter().zip(PROMPTS);
    let requests: Vec<Request> = pairs.map(|(stream, prompt)| request(stream, prompt, 12)).collect();
    queue.submit_all(&requests).unwrap();
    let mut texts: HashMap<RequestId, String> = HashMap::new();
    for event in queue.events() {
        let event = event.unwrap();
        *texts.entry(event.request).or_default() += &event.text();
    }
    let found: Vec<String> = requests.iter().map(|request| texts.remove(&request.id()).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_iteration_goes_on_where_another_one_ended() {
    let model = model();
    let queue = queue(&model);
    let stream = stream(&model);
    let request = request(&stream, "And", 30);
    queue.submit(&request).unwrap();
    let mut num_tokens = 0;
    loop {
        // Each iteration is left behind its first event.
        let event = queue.events().next().unwrap().unwrap();
        if let EventKind::Done(_) = event.kind {
            break;
        }
        num_tokens += 1;
        assert_eq!(event.num_tokens, num_tokens);
    }
    assert_eq!(num_tokens, 30);
    assert!(queue.events().next().is_none());
}

#[test]
fn polling_does_not_wait() {
    let model = model();
    let queue = queue(&model);
    assert!(queue.poll().unwrap().is_empty());
    assert!(!queue.wait(Some(Duration::from_millis(1))).unwrap());
    assert!(queue.fd().unwrap() >= 0);
    let stream = stream(&model);
    queue.submit(&request(&stream, "And", 3)).unwrap();
    let mut events = vec![];
    while events.last().map_or(true, |event: &skein::Event| !event.is_terminal()) {
        assert!(queue.wait(None).unwrap());
        events.extend(queue.poll().unwrap());
    }
    assert_eq!(events.len(), 4);
}

#[test]
fn a_refused_submit_leaves_nothing_to_wait_for() {
    let model = model();
    let queue = queue(&model);
    let stream = stream(&model);
    let requests = [request(&stream, "And", 3), request(&stream, "The", 3)];
    assert_eq!(queue.submit_all(&requests).unwrap_err().code(), Code::FailedPrecondition);
    assert!(queue.events().next().is_none());
}

#[test]
fn a_closed_queue_wakes_its_reader() {
    let model = model();
    let queue = queue(&model);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| queue.wait(None).unwrap_err());
        queue.close().unwrap();
        assert_eq!(reader.join().unwrap().code(), Code::InvalidHandle);
    });
    assert_eq!(queue.poll().unwrap_err().code(), Code::InvalidHandle);
    assert_eq!(queue.close().unwrap_err().code(), Code::InvalidHandle);
}

#[test]
fn events_of_a_closed_queue_end_with_one_error() {
    let model = model();
    let queue = queue(&model);
    let stream = stream(&model);
    queue.submit(&request(&stream, "And", 100_000)).unwrap();
    let mut events = queue.events();
    events.next().unwrap().unwrap();
    queue.close().unwrap();
    let error = events.find_map(|event| event.err()).unwrap();
    assert_eq!(error.code(), Code::InvalidHandle);
    assert!(events.next().is_none());
}

#[test]
fn a_wakeup_tells_of_events() {
    let model = model();
    let queue = queue(&model);
    let (sender, receiver) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    queue.set_wakeup(move || sender.lock().unwrap().send(()).unwrap_or_default()).unwrap();
    let stream = stream(&model);
    queue.submit(&request(&stream, "And", 3)).unwrap();
    let mut num_ended = 0;
    while num_ended == 0 {
        receiver.recv().unwrap();
        num_ended = queue.poll().unwrap().iter().filter(|event| event.is_terminal()).count();
    }
    queue.clear_wakeup().unwrap();
    assert!(receiver.recv().is_err(), "the closure was dropped, and its sender with it");
}

#[test]
fn a_wakeup_may_panic_and_may_replace_itself() {
    let model = model();
    let queue = Arc::new(queue(&model));
    let num_calls = Arc::new(AtomicUsize::new(0));
    let (weak, counter) = (Arc::downgrade(&queue), num_calls.clone());
    queue
        .set_wakeup(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            if let Some(queue) = weak.upgrade() {
                queue.clear_wakeup().unwrap();
            }
            // The closure was replaced, and still owns what it uses.
            counter.fetch_add(1, Ordering::SeqCst);
            panic!("no panic goes through the library");
        })
        .unwrap();
    let stream = stream(&model);
    queue.submit(&request(&stream, "And", 30)).unwrap();
    assert_eq!(queue.events().filter(|event| event.is_ok()).count(), 31);
    assert_eq!(num_calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_dropped_queue_cancels_its_requests() {
    let model = model();
    let stream = stream(&model);
    let queue = queue(&model);
    queue.submit(&request(&stream, "And", 100_000)).unwrap();
    drop(queue);
    let is_busy = |error: skein::Error| assert_eq!(error.code(), Code::FailedPrecondition);
    while let Err(error) = stream.reset() {
        is_busy(error);
        std::thread::yield_now();
    }
}

#[test]
fn samples_of_one_prompt_have_streams_of_their_own() {
    let model = model();
    let stream = stream(&model);
    let request = Request::new(&stream).unwrap();
    request.set_options(&skein::RequestOptions::new().n(3).max_tokens(6).seed(11).logprobs(2)).unwrap();
    request.set_prompt("Let there be").unwrap();
    let queue = queue(&model);
    queue.submit(&request).unwrap();
    let events: Vec<_> = queue.events().map(|event| event.unwrap()).collect();
    let num_ended = events.iter().filter(|event| matches!(event.kind, EventKind::SampleDone(Ok(_)))).count();
    assert_eq!(num_ended, 3);
    let second = request.take_sample(1).unwrap();
    let tokens: Vec<_> = second.tokens(12).unwrap();
    let rows = request.logprobs(1, 0, tokens.len() as u64).unwrap();
    assert_eq!(rows.len(), 3 * tokens.len());
    assert!(rows.chunks(3).zip(&tokens).all(|(row, &token)| row[0].token == token && row[1].logprob >= row[2].logprob));
    assert_eq!(request.take_sample(1).err().unwrap().code(), Code::FailedPrecondition);
}
