//! The verbs of queues and requests.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use skein::{ChatOptions, Queue, QueueOptions, Request, RequestOptions, Stream};

use crate::events::EventQueue;
use crate::models::{messages, options};
use crate::objects::{Failure, Outcome};
use crate::step::Step;
use crate::streams::rows;
use crate::transcript::{line, word};
use crate::Player;

pub fn play(player: &mut Player, step: &Step) -> Option<Outcome> {
    let outcome = match step.verb.as_str() {
        "queue_create" => queue_create(player, step),
        "queue_fd" => queue_fd(player, step),
        "queue_wait" => queue_wait(player, step),
        "queue_set_wakeup" => queue_set_wakeup(player, step),
        "queue_submit" => queue_submit(player, step),
        "queue_read" => queue_read(player, step),
        "queue_drain" => player.objects.queue(&step.name(0)).and_then(|queue| queue.drain()),
        "request_create" => request_create(player, step),
        "request_take_sample" => request_take_sample(player, step),
        "complete" => complete(player, step),
        verb if verb.starts_with("request_") => return on_request(player, step),
        _ => return None,
    };
    Some(outcome)
}

fn queue_create(player: &mut Player, step: &Step) -> Outcome {
    let queue = Queue::new(&*player.objects.runtime(&step.name(1))?, &options!(step, QueueOptions))?;
    player.objects.put_queue(step.name(0), EventQueue::new(queue));
    Ok(vec![])
}

fn queue_fd(player: &mut Player, step: &Step) -> Outcome {
    let fd = player.objects.queue(&step.name(0))?.queue().fd()?;
    Ok(word(fd >= 0, "open", "closed"))
}

fn queue_wait(player: &mut Player, step: &Step) -> Outcome {
    let timeout = step.number::<i64>(1).try_into().ok().map(Duration::from_millis);
    let ready = player.objects.queue(&step.name(0))?.queue().wait(timeout)?;
    Ok(line(&[&u32::from(ready)]))
}

fn queue_set_wakeup(player: &mut Player, step: &Step) -> Outcome {
    let queue = player.objects.queue(&step.name(0))?;
    if step.name(1) == "on" {
        let was_woken = queue.was_woken.clone();
        queue.queue().set_wakeup(move || was_woken.store(true, Ordering::SeqCst))?;
        return Ok(vec![]);
    }
    queue.queue().clear_wakeup()?;
    Ok(word(queue.was_woken.swap(false, Ordering::SeqCst), "woken", "silent"))
}

fn queue_submit(player: &mut Player, step: &Step) -> Outcome {
    let queue = player.objects.queue(&step.name(0))?;
    let names = step.arguments[1..].iter().map(|word| word.as_str().into_owned());
    let requests = names.map(|name| Ok((name.clone(), player.objects.request(&name)?)));
    queue.submit(&requests.collect::<Result<Vec<_>, Failure>>()?)?;
    Ok(vec![])
}

fn queue_read(player: &mut Player, step: &Step) -> Outcome {
    let request = player.objects.request(&step.name(1))?;
    player.objects.queue(&step.name(0))?.read(request.id(), step.number(2))?;
    Ok(vec![])
}

fn new_request(stream: &Stream, step: &Step) -> Result<Request, Failure> {
    let request = Request::new(stream)?;
    if !step.options.is_empty() {
        request.set_options(&options!(step, RequestOptions))?;
    }
    Ok(request)
}

fn request_create(player: &mut Player, step: &Step) -> Outcome {
    let request = new_request(&*player.objects.stream(&step.name(1))?, step)?;
    player.objects.put_request(step.name(0), request);
    Ok(vec![])
}

fn complete(player: &mut Player, step: &Step) -> Outcome {
    let queue = player.objects.queue(&step.name(0))?;
    let request = new_request(&*player.objects.stream(&step.name(1))?, step)?;
    request.set_prompt(step.bytes(2))?;
    queue.submit(&[("complete".into(), Rc::new(request))])?;
    queue.drain()
}

fn request_take_sample(player: &mut Player, step: &Step) -> Outcome {
    let stream = player.objects.request(&step.name(1))?.take_sample(step.number(2))?;
    player.objects.put_stream(step.name(0), stream);
    Ok(vec![])
}

/// The verbs that make nothing.
fn on_request(player: &Player, step: &Step) -> Option<Outcome> {
    let request = match player.objects.request(&step.name(0)) {
        Ok(request) => request,
        Err(failure) => return Some(Err(failure)),
    };
    let result = match step.verb.as_str() {
        "request_set_prompt" => request.set_prompt(step.bytes(1)),
        "request_set_chat" => request.set_chat(&messages(step), &options!(step, ChatOptions)),
        "request_add_stop" => request.add_stop(step.bytes(1)),
        "request_add_stop_token" => request.add_stop_token(step.number(1)),
        "request_set_logit_bias" => request.set_logit_bias(step.number(1), step.number(2)),
        "request_set_user_data" => request.set_user_data(step.number(1)),
        "request_cancel" => request.cancel(),
        "request_acknowledge" => request.acknowledge(step.number(1)),
        "request_logprobs" => return Some(logprobs(&request, step)),
        "request_set_prompt_tokens" => match player.objects.token_list(&step.name(1)) {
            Ok(tokens) => request.set_prompt_tokens(&tokens),
            Err(failure) => return Some(Err(failure)),
        },
        _ => return None,
    };
    Some(result.map(|()| vec![]).map_err(Failure::from))
}

fn logprobs(request: &Request, step: &Step) -> Outcome {
    let (first, num_tokens) = (step.number(2), step.number(3));
    let logprobs = match step.name(1).as_str() {
        "prompt" => request.prompt_logprobs(first, num_tokens)?,
        _ => request.logprobs(step.number(1), first, num_tokens)?,
    };
    Ok(rows(&logprobs).to_vec())
}
