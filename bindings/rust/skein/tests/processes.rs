//! Threads and processes: many threads on one model, the end of a process, and what is left behind.

mod common;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{greedy, model, stream, text_of, MODEL};
use skein::{Code, Model, ModelOptions, Queue, QueueOptions, Request, Stream};

#[test]
fn threads_share_a_model() {
    let model = model();
    let expected = text_of(&stream(&model), "And", &greedy(10));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(text_of(&stream(&model), "And", &greedy(10)), expected);
                }
            });
        }
    });
}

#[test]
fn threads_share_a_stream_and_one_of_them_writes() {
    let model = model();
    let stream = stream(&model);
    let num_written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    match stream.eval(&[65], skein::Output::None) {
                        Ok(_) => num_written.fetch_add(1, Ordering::SeqCst),
                        Err(error) if error.code() == Code::FailedPrecondition => 0,
                        Err(error) => panic!("{error}"),
                    };
                }
            });
        }
    });
    assert_eq!(stream.position().unwrap(), num_written.load(Ordering::SeqCst) as u64);
}

#[test]
fn the_last_reference_may_go_on_another_thread() {
    let streams: Vec<Stream> = {
        let model = model();
        (0..8).map(|_| stream(&model)).collect()
    };
    for stream in streams {
        std::thread::spawn(move || text_of(&stream, "And", &greedy(3))).join().unwrap();
    }
}

/// Runs one of the tests here in a process of its own, in which `role` is set.
fn run_self(test: &str, role: &str) -> std::process::ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env("SKEIN_TEST_ROLE", role);
    child.status().unwrap()
}

fn is_child() -> bool {
    std::env::var_os("SKEIN_TEST_ROLE").is_some()
}

#[test]
fn a_process_exits_while_streams_run() {
    if !is_child() {
        let status = run_self("a_process_exits_while_streams_run", "exit");
        assert_eq!(status.code(), Some(7), "{status}");
        return;
    }
    let model = model();
    let queue = Queue::new(model.runtime(), &QueueOptions::new()).unwrap();
    let streams: Vec<Stream> = (0..4).map(|_| stream(&model)).collect();
    for stream in &streams {
        let request = Request::new(stream).unwrap();
        request.set_options(&greedy(1_000_000)).unwrap();
        request.set_prompt("And").unwrap();
        queue.submit(&request).unwrap();
    }
    queue.events().next().unwrap().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| std::process::exit(7));
        queue.events().for_each(drop);
        // The reader is waiting still, or the process has ended.
        loop {
            std::thread::park();
        }
    });
}

fn iterations() -> usize {
    std::env::var("SKEIN_ITERATIONS").map_or(300, |text| text.parse().unwrap())
}

/// The memory that the process has for itself.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn num_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn use_everything(model: &Model, index: usize) {
    let stream = stream(model);
    let tokenizer = model.tokenizer().unwrap();
    let tokens = tokenizer.encode("And he said").unwrap();
    let fork = stream.fork().unwrap();
    fork.eval(&tokens, skein::Output::LastLogits).unwrap();
    let prefix = skein::Prefix::new(&fork, "p", "").unwrap();
    let start = prefix.start(&skein::StreamOptions::new()).unwrap();
    let queue = Queue::new(model.runtime(), &QueueOptions::new()).unwrap();
    queue.set_wakeup(|| ()).unwrap();
    let request = Request::new(&start).unwrap();
    request.set_options(&greedy(3)).unwrap();
    queue.submit(&request).unwrap_err();
    request.set_prompt("unto them").unwrap();
    queue.submit(&request).unwrap();
    match index % 3 {
        0 => queue.events().for_each(|event| drop(event.unwrap())),
        1 => drop(queue),
        _ => drop(stream.complete("Go", &greedy(100)).unwrap().next()),
    }
    assert!(Stream::new(model, &skein::StreamOptions::new().state("/nowhere")).is_err());
}

#[test]
fn nothing_is_left_behind() {
    if !is_child() {
        // Alone in a process, whose memory and descriptors are its own.
        assert!(run_self("nothing_is_left_behind", "count").success());
        return;
    }
    let options = ModelOptions::new().device("cpu").calibrate(false).max_streams(64);
    let model = Model::load(&common::runtime(), MODEL, &options).unwrap();
    (0..iterations()).for_each(|index| use_everything(&model, index));
    let descriptors = num_descriptors();
    // What the C library keeps for itself grows once; a leak grows in each of the batches.
    let is_kept = (0..3).any(|_| {
        let before = resident_kib();
        (0..iterations()).for_each(|index| use_everything(&model, index));
        let after = resident_kib();
        eprintln!("{} iterations: {before} KiB, then {after} KiB", iterations());
        after < before + 2048
    });
    assert!(is_kept, "memory grows with each batch");
    // The objects that a cancelled request still holds go with the step that runs.
    assert!(eventually(|| num_descriptors() <= descriptors), "{descriptors} became {}", num_descriptors());
    assert!(eventually(|| model.load_of(None).unwrap().num_streams == 0));
}

/// Whether a condition comes true within ten seconds.
fn eventually(condition: impl Fn() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !condition() && start.elapsed().as_secs() < 10 {
        std::thread::yield_now();
    }
    condition()
}

#[test]
fn models_are_loaded_and_dropped_again_and_again() {
    let runtime = common::runtime();
    for _ in 0..20 {
        let model = Model::load(&runtime, MODEL, &ModelOptions::new().device("reference").calibrate(false)).unwrap();
        let _pieces = stream(&model).complete("And", &greedy(1000)).unwrap();
    }
}
