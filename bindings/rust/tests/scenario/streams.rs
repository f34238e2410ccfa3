//! The verbs of streams, prefixes, evals, scores and embeddings.

use std::rc::Rc;

use skein::{
    DescribeOptions, EmbedItem, EvalItem, Logprob, Output, Pooling, Prefix, Save, ScoreItem, Stream, StreamOptions,
    Token,
};

use crate::models::options;
use crate::objects::{Failure, Outcome};
use crate::step::Step;
use crate::transcript::{double, floats, line, quoted, tokens, word};
use crate::Player;

pub fn play(player: &mut Player, step: &Step) -> Option<Outcome> {
    let outcome = match step.verb.as_str() {
        "stream_create" => stream_create(player, step),
        "stream_fork" => stream_fork(player, step),
        "stream_fork_at" => stream_fork_at(player, step),
        "stream_snapshot" => stream_snapshot(player, step),
        "stream_snapshot_with" => stream_snapshot_with(player, step),
        "stream_restore" => stream_restore(player, step),
        "eval" => eval(player, step),
        "score" => score(player, step),
        "embed" => embed(player, step),
        "prefix_create" => prefix_create(player, step),
        "prefix_start" => prefix_start(player, step),
        "prefix_load" => prefix_load(player, step),
        "prefix_get_info" => prefix_get_info(player, step),
        "prefix_provenance" => prefix_provenance(player, step),
        "prefix_save" => prefix_save(player, step),
        "snapshot_describe" => snapshot_describe(step),
        "bytes" => {
            player.objects.put_bytes(step.name(0), step.bytes(1).to_vec());
            Ok(vec![])
        }
        verb if verb.starts_with("stream_") => return on_stream(player, step),
        _ => return None,
    };
    Some(outcome)
}

/// The verbs that make nothing.
fn on_stream(player: &Player, step: &Step) -> Option<Outcome> {
    let stream = match player.objects.stream(&step.name(0)) {
        Ok(stream) => stream,
        Err(failure) => return Some(Err(failure)),
    };
    let outcome = match step.verb.as_str() {
        "stream_reset" => stream.reset().map(|()| vec![]),
        "stream_position" => stream.position().map(|position| line(&[&position])),
        "stream_tokens" => stream.tokens(step.number(1)).map(|list| vec![tokens(&list)]),
        "stream_truncate" => stream.truncate(step.number(1)).map(|replayed| line(&[&replayed])),
        "stream_set_checkpoint" => stream.set_checkpoint(&step.name(1)).map(|()| vec![]),
        "stream_find_checkpoint" => stream.find_checkpoint(&step.name(1)).map(|position| line(&[&position])),
        "stream_checkpoints" => checkpoints(&stream),
        "stream_save" => stream.save(step.name(1), save_of(step)).map(|()| vec![]),
        "stream_load" => stream.load(step.name(1)).map(|()| vec![]),
        "stream_state" => stream.state().map(|state| vec![floats(&state)]),
        _ => return None,
    };
    Some(outcome.map_err(Failure::from))
}

fn save_of(step: &Step) -> Save {
    Save { replace: step.has(2, "replace"), past: step.has(2, "past") }
}

fn checkpoints(stream: &Stream) -> skein::Result<Vec<String>> {
    let checkpoints = stream.checkpoints()?;
    let row = |place: &skein::Checkpoint| line(&[&place.position, &place.state_bytes, &quoted(place.name.as_bytes())]);
    Ok(checkpoints.iter().flat_map(row).collect())
}

fn stream_create(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(1))?;
    let stream = Stream::new(&model, &options!(step, StreamOptions))?;
    player.objects.put_stream(step.name(0), stream);
    Ok(vec![])
}

fn stream_fork(player: &mut Player, step: &Step) -> Outcome {
    let copy = player.objects.stream(&step.name(1))?.fork()?;
    player.objects.put_stream(step.name(0), copy);
    Ok(vec![])
}

fn stream_fork_at(player: &mut Player, step: &Step) -> Outcome {
    let (copy, replayed) = player.objects.stream(&step.name(1))?.fork_at(step.number(2))?;
    player.objects.put_stream(step.name(0), copy);
    Ok(line(&[&replayed]))
}

fn stream_snapshot(player: &mut Player, step: &Step) -> Outcome {
    let snapshot = player.objects.stream(&step.name(1))?.snapshot()?;
    player.objects.put_bytes(step.name(0), snapshot);
    Ok(vec![])
}

fn stream_snapshot_with(player: &mut Player, step: &Step) -> Outcome {
    let stream = player.objects.stream(&step.name(1))?;
    let snapshot = if save_of(step).past { stream.snapshot_with_past()? } else { stream.snapshot()? };
    player.objects.put_bytes(step.name(0), snapshot);
    Ok(vec![])
}

fn stream_restore(player: &mut Player, step: &Step) -> Outcome {
    let snapshot = player.objects.bytes(&step.name(1))?;
    player.objects.stream(&step.name(0))?.restore(&snapshot)?;
    Ok(vec![])
}

/// A stream, and tokens for it.
type Part = (Rc<Stream>, Rc<Vec<Token>>);

/// The parts in the arguments from `begin` on.
fn parts(player: &Player, step: &Step, begin: usize) -> Result<Vec<Part>, Failure> {
    let pairs = step.arguments[begin..].chunks_exact(2);
    let part = |pair: &[crate::step::Word]| {
        Ok((player.objects.stream(&pair[0].as_str())?, player.objects.token_list(&pair[1].as_str())?))
    };
    pairs.map(part).collect()
}

fn eval(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let kind = match step.name(1).as_str() {
        "none" => Output::None,
        "last_logits" => Output::LastLogits,
        "all_logits" => Output::AllLogits,
        "last_hidden" => Output::LastHidden,
        "all_hidden" => Output::AllHidden,
        other => panic!("no output {other}"),
    };
    let parts = parts(player, step, 2)?;
    let num_floats = |tokens: &[Token]| kind.num_floats(&model, tokens.len());
    let mut outputs: Vec<Vec<f32>> = parts.iter().map(|(_, tokens)| vec![0.0; num_floats(tokens)]).collect();
    let mut items = vec![];
    for ((stream, tokens), output) in parts.iter().zip(&mut outputs) {
        items.push(EvalItem::new(stream, tokens).output(kind, output));
    }
    model.eval(&mut items)?;
    drop(items);
    Ok(outputs.iter().map(|output| floats(output)).collect())
}

fn score(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let num_top = step.number(1);
    let parts = parts(player, step, 2)?;
    let mut items: Vec<ScoreItem> =
        parts.iter().map(|(stream, tokens)| ScoreItem::new(stream, tokens).num_top(num_top)).collect();
    model.score(&mut items)?;
    let mut lines = vec![];
    for item in &items {
        let score = item.result().expect("the call gave no error");
        let [top, top_logprobs] = rows(&score.top);
        let (logprob, logprobs) = (double(score.logprob), floats(&score.logprobs));
        lines.extend(line(&[&score.num_scored, &logprob, &logprobs, &top, &top_logprobs]));
    }
    Ok(lines)
}

/// The tokens, and their log-probabilities.
pub fn rows(rows: &[Logprob]) -> [String; 2] {
    let ids: Vec<Token> = rows.iter().map(|row| row.token).collect();
    let logprobs: Vec<f32> = rows.iter().map(|row| row.logprob).collect();
    [tokens(&ids), floats(&logprobs)]
}

fn embed(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(0))?;
    let pooling = if step.name(1) == "mean" { Pooling::Mean } else { Pooling::Last };
    let normalise = step.name(2) == "1";
    let pairs: Vec<_> = step.arguments[3..].chunks_exact(2).collect();
    let mut streams = vec![];
    let mut lists = vec![];
    for pair in &pairs {
        streams.push(if pair[0].bytes == b"-" { None } else { Some(player.objects.stream(&pair[0].as_str())?) });
        lists.push(if pair[1].is_quoted { Rc::default() } else { player.objects.token_list(&pair[1].as_str())? });
    }
    let mut items = vec![];
    for (pair, (stream, list)) in pairs.iter().zip(streams.iter().zip(&lists)) {
        let item = if pair[1].is_quoted { EmbedItem::text(&pair[1].bytes) } else { EmbedItem::tokens(list) };
        let item = item.pooling(pooling).normalise(normalise);
        items.push(match stream {
            Some(stream) => item.behind(stream),
            None => item,
        });
    }
    model.embed(&mut items)?;
    let row = |item: &EmbedItem| {
        let embedding = item.result().expect("the call gave no error");
        line(&[&embedding.num_read, &floats(&embedding.values)])
    };
    Ok(items.iter().flat_map(row).collect())
}

fn prefix_create(player: &mut Player, step: &Step) -> Outcome {
    let stream = player.objects.stream(&step.name(1))?;
    let prefix = Prefix::new(&stream, &step.name(2), &step.name(3))?;
    player.objects.put_prefix(step.name(0), prefix);
    Ok(vec![])
}

fn prefix_start(player: &mut Player, step: &Step) -> Outcome {
    let stream = player.objects.prefix(&step.name(1))?.start(&options!(step, StreamOptions))?;
    player.objects.put_stream(step.name(0), stream);
    Ok(vec![])
}

fn prefix_load(player: &mut Player, step: &Step) -> Outcome {
    let model = player.objects.model(&step.name(1))?;
    let prefix = Prefix::load(&model, step.name(2))?;
    player.objects.put_prefix(step.name(0), prefix);
    Ok(vec![])
}

fn prefix_get_info(player: &mut Player, step: &Step) -> Outcome {
    let info = player.objects.prefix(&step.name(0))?.info()?;
    let (fingerprint, name) = (quoted(info.fingerprint.as_bytes()), quoted(info.name.as_bytes()));
    Ok(line(&[&info.position, &info.state_bytes, &fingerprint, &name]))
}

fn prefix_provenance(player: &mut Player, step: &Step) -> Outcome {
    let provenance = player.objects.prefix(&step.name(0))?.provenance()?;
    Ok(vec![quoted(provenance.as_bytes())])
}

fn prefix_save(player: &mut Player, step: &Step) -> Outcome {
    player.objects.prefix(&step.name(0))?.save(step.name(1), save_of(step))?;
    Ok(vec![])
}

fn snapshot_describe(step: &Step) -> Outcome {
    let text = skein::describe_snapshot(step.name(0), &options!(step, DescribeOptions))?;
    Ok(word(text.contains(&step.name(1)), "present", "absent"))
}
