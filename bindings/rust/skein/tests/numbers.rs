//! Numbers: logits, states, scores, embeddings, and the past of a stream.

mod common;

use common::{greedy, model, stream, text_of};
use skein::{Code, EmbedItem, EvalItem, Output, Pooling, Prefix, Save, ScoreItem, Stream, StreamOptions};

fn argmax(logits: &[f32]) -> u32 {
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    best.unwrap() as u32
}

#[test]
fn logits_tell_what_is_written() {
    let model = model();
    let written = stream(&model);
    text_of(&written, "And", &greedy(6));
    let stream = stream(&model);
    let mut tokens = model.tokenizer().unwrap().encode("And").unwrap();
    for _ in 0..6 {
        let logits = stream.eval(&tokens, Output::LastLogits).unwrap();
        assert_eq!(logits.len(), model.info().vocab_size as usize);
        tokens = vec![argmax(&logits)];
    }
    assert_eq!(written.tokens(0).unwrap()[..8], stream.tokens(0).unwrap()[..]);
}

#[test]
fn outputs_have_their_sizes() {
    let model = model();
    let (vocab_size, d_model) = (model.info().vocab_size as usize, model.info().d_model as usize);
    let stream = stream(&model);
    assert_eq!(stream.eval(&[65, 66, 67], Output::None).unwrap().len(), 0);
    assert_eq!(stream.eval(&[65, 66, 67], Output::AllLogits).unwrap().len(), 3 * vocab_size);
    assert_eq!(stream.eval(&[65, 66, 67], Output::LastHidden).unwrap().len(), d_model);
    assert_eq!(stream.eval(&[65, 66, 67], Output::AllHidden).unwrap().len(), 3 * d_model);
    assert_eq!(stream.position().unwrap(), 12);
    assert_eq!(stream.state().unwrap().len() as u64, model.info().num_state_floats);
}

#[test]
fn each_item_of_an_eval_ends_on_its_own() {
    let model = model();
    let (good, bad) = (stream(&model), stream(&model));
    let mut logits = vec![0.0; model.info().vocab_size as usize];
    let mut items =
        [EvalItem::new(&good, &[65]).output(Output::LastLogits, &mut logits), EvalItem::new(&bad, &[1 << 20])];
    let error = model.eval(&mut items).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("item 1"), "{error}");
    assert_eq!(items[1].result(), Err(Code::InvalidArgument));
}

#[test]
fn too_little_room_is_an_error_and_nothing_is_written() {
    let model = model();
    let stream = stream(&model);
    let mut logits = [0.0; 3];
    let error = model.eval(&mut [EvalItem::new(&stream, &[65]).output(Output::LastLogits, &mut logits)]).unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
    assert_eq!(logits, [0.0; 3]);
    assert_eq!(stream.position().unwrap(), 0);
}

#[test]
fn a_score_is_the_logarithm_of_a_probability() {
    let model = model();
    let stream = stream(&model);
    stream.eval(&[65], Output::None).unwrap();
    let continued = stream.fork().unwrap();
    let logits = continued.eval(&[110], Output::LastLogits).unwrap();
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
    let expected = f64::from(logits[100]) - sum.ln();
    let score = stream.score(&[110, 100]).unwrap();
    assert!(score.logprobs[0].is_nan());
    assert_eq!(score.num_scored, 1);
    assert!((score.logprob - expected).abs() < 1e-4, "{} {expected}", score.logprob);
    assert_eq!(stream.position().unwrap(), 1);
}

#[test]
fn many_texts_are_scored_and_the_best_words_come_along() {
    let model = model();
    let stream = stream(&model);
    stream.eval(&[65], Output::None).unwrap();
    let mut items = [ScoreItem::new(&stream, &[110, 100]).num_top(3), ScoreItem::new(&stream, &[110]).priority(2)];
    model.score(&mut items).unwrap();
    let first = items[0].result().unwrap();
    assert_eq!(first.top.len(), 6);
    assert!(first.top[3].logprob >= first.top[4].logprob && first.top[4].logprob >= first.top[5].logprob);
    assert!(items[1].result().unwrap().top.is_empty());
    let error = model.score(&mut [ScoreItem::new(&stream, &[110]).num_top(65)]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn embeddings_of_texts_and_tokens_are_the_same() {
    let model = model();
    let tokens = model.tokenizer().unwrap().encode("The house").unwrap();
    let mut items = [
        EmbedItem::text("The house").normalise(true),
        EmbedItem::tokens(&tokens).normalise(true).tenant("ann"),
        EmbedItem::tokens(&tokens).pooling(Pooling::Mean).priority(1),
    ];
    model.embed(&mut items).unwrap();
    let values: Vec<&[f32]> = items.iter().map(|item| &item.result().unwrap().values[..]).collect();
    assert_eq!(values[0], values[1]);
    assert_ne!(values[0], values[2]);
    let length: f32 = values[0].iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-4);
    assert_eq!(items[0].result().unwrap().num_read, 9);
}

#[test]
fn a_snapshot_goes_on_with_the_same_text() {
    let model = model();
    let first = stream(&model);
    text_of(&first, "In the beginning", &greedy(5));
    let snapshot = first.snapshot().unwrap();
    let second = stream(&model);
    second.restore(&snapshot).unwrap();
    assert_eq!(text_of(&second, "", &greedy(9)), text_of(&first, "", &greedy(9)));
    assert_eq!(second.restore(&snapshot[..100]).unwrap_err().code(), Code::DataLoss);
    assert_eq!(second.restore(&[]).unwrap_err().code(), Code::DataLoss);
}

#[test]
fn a_stream_goes_back_and_branches() {
    let model = model();
    let stream = stream(&model);
    text_of(&stream, "In the beginning", &greedy(20));
    let tokens = stream.tokens(0).unwrap();
    assert_eq!(tokens.len(), 36);
    let (branch, _) = stream.fork_at(20).unwrap();
    assert_eq!(branch.tokens(0).unwrap(), tokens[..20]);
    stream.truncate(18).unwrap();
    stream.set_checkpoint("here").unwrap();
    assert_eq!(stream.find_checkpoint("here").unwrap(), 18);
    assert!(stream.checkpoints().unwrap().iter().any(|place| place.name == "here" && place.position == 18));
    assert_eq!(stream.truncate(19).unwrap_err().code(), Code::OutOfRange);
    assert_eq!(stream.tokens(99).unwrap_err().code(), Code::OutOfRange);
}

#[test]
fn streams_start_from_a_prefix_that_was_saved() {
    let folder = std::env::temp_dir().join(format!("skein-rust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("persona");
    let model = model();
    let reader = stream(&model);
    reader.eval(&model.tokenizer().unwrap().encode("He said, ").unwrap(), Output::None).unwrap();
    let prefix = Prefix::new(&reader, "persona", "a test").unwrap();
    prefix.save(&path, Save::default()).unwrap();
    assert_eq!(prefix.save(&path, Save::default()).unwrap_err().code(), Code::AlreadyExists);
    prefix.save(&path, Save { replace: true, past: true }).unwrap();
    let loaded = Prefix::load(&model, &path).unwrap();
    assert_eq!(loaded.info().unwrap().name, "persona");
    assert_eq!(loaded.provenance().unwrap(), "a test");
    let starts: Vec<Stream> = (0..3).map(|_| loaded.start(&StreamOptions::new()).unwrap()).collect();
    drop((loaded, prefix, reader));
    let texts: Vec<String> = starts.iter().map(|stream| text_of(stream, "I", &greedy(6))).collect();
    assert!(texts.iter().all(|text| *text == texts[0]));
    starts[0].reset().unwrap();
    assert_eq!(starts[0].position().unwrap(), 9);
    assert!(skein::describe_snapshot(&path, &skein::DescribeOptions::new()).unwrap().contains("persona"));
    std::fs::remove_dir_all(folder).unwrap();
}
