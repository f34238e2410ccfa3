//! Text from one stream: pieces, and what happens when a program leaves early.

mod common;

use common::{greedy, model, stream, text_of};
use skein::{ChatOptions, Code, EventKind, Message, Reason, Request, RequestOptions};

#[test]
fn pieces_are_the_text_of_the_tokens() {
    let model = model();
    let stream = stream(&model);
    let mut pieces = stream.complete("In the beginning", &greedy(12)).unwrap();
    assert!(pieces.end().is_none());
    let text: String = pieces.by_ref().map(|piece| piece.unwrap()).collect();
    let end = pieces.end().unwrap();
    assert_eq!(end.kind, EventKind::Done(Reason::Length));
    assert_eq!(end.num_tokens, 12);
    assert!(pieces.next().is_none());
    let tokens = stream.tokens(16).unwrap();
    assert_eq!(model.tokenizer().unwrap().decode(&tokens).unwrap(), text.as_bytes());
}

#[test]
fn a_window_is_acknowledged_by_reading() {
    let model = model();
    let expected = text_of(&stream(&model), "And", &greedy(40));
    assert_eq!(text_of(&stream(&model), "And", &greedy(40).window(2).deadline_ms(20_000)), expected);
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let model = model();
    let options = RequestOptions::new().max_tokens(40).temperature(1).top_p(1).seed(5);
    let first = text_of(&stream(&model), "And", &options);
    assert_eq!(text_of(&stream(&model), "And", &options), first);
    assert_ne!(text_of(&stream(&model), "And", &options.seed(6)), first);
}

#[test]
fn a_stream_is_free_when_its_pieces_are_dropped() {
    let model = model();
    let stream = stream(&model);
    for _ in 0..20 {
        let mut pieces = stream.complete("And", &greedy(100_000)).unwrap();
        pieces.next().unwrap().unwrap();
        drop(pieces);
        stream.reset().unwrap();
    }
}

#[test]
fn a_panic_in_the_middle_of_a_text_leaves_the_stream_usable() {
    let model = model();
    let stream = stream(&model);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for (index, piece) in stream.complete("And", &greedy(100_000)).unwrap().enumerate() {
            assert!(index < 3, "got {}", piece.unwrap());
        }
    }));
    assert!(result.is_err());
    assert_eq!(text_of(&stream, "and", &greedy(4)).len(), 4);
}

#[test]
fn a_cancelled_text_ends_with_an_error_once() {
    let model = model();
    let stream = stream(&model);
    let mut pieces = stream.complete("And", &greedy(100_000)).unwrap();
    pieces.next().unwrap().unwrap();
    std::thread::scope(|scope| scope.spawn(|| pieces.request().cancel().unwrap()).join().unwrap());
    let error = pieces.find_map(|piece| piece.err()).unwrap();
    assert_eq!(error.code(), Code::Cancelled);
    assert!(pieces.next().is_none());
}

#[test]
fn a_stream_has_one_writer() {
    let model = model();
    let stream = stream(&model);
    let _pieces = stream.complete("And", &greedy(100_000)).unwrap();
    let error = stream.complete("And", &greedy(1)).err().unwrap();
    assert_eq!(error.code(), Code::FailedPrecondition);
}

#[test]
fn an_answer_ends_with_its_turn() {
    let model = model();
    let stream = stream(&model);
    let request = Request::new(&stream).unwrap();
    let messages = [Message::system("Be brief."), Message::user("Who made the stars?")];
    let options = ChatOptions::new().template("world");
    request.set_chat(&messages, &options).unwrap();
    request.set_options(&greedy(8)).unwrap();
    request.pieces().unwrap().for_each(|piece| drop(piece.unwrap()));
    let prompt = model.chat_prompt(&messages, &options).unwrap();
    assert!(prompt.ends_with("Assistant:"), "{prompt}");
    let read = model.tokenizer().unwrap().decode(&stream.tokens(0).unwrap()).unwrap();
    assert!(String::from_utf8_lossy(&read).starts_with(&prompt));
}

#[test]
fn a_stop_is_no_part_of_the_text() {
    let model = model();
    let stream = stream(&model);
    let whole = text_of(&stream, "And the ", &greedy(40));
    let word = whole.split(' ').find(|word| word.len() > 2).unwrap();
    stream.reset().unwrap();
    let request = Request::new(&stream).unwrap();
    request.set_options(&greedy(40)).unwrap();
    request.set_prompt("And the ").unwrap();
    request.add_stop(word).unwrap();
    let mut pieces = request.pieces().unwrap();
    let text: String = pieces.by_ref().map(|piece| piece.unwrap()).collect();
    assert_eq!(text, whole[..whole.find(word).unwrap()]);
    assert_eq!(pieces.end().unwrap().kind, EventKind::Done(Reason::StopText));
}
