//! One model that summarises all files: a stream for each, and all of them start from the state behind one example,
//! which is read once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use skein::{
    Event, EventKind, Model, ModelOptions, Output, Prefix, Queue, QueueOptions, Request, RequestOptions, Runtime,
    RuntimeOptions, Stream, StreamOptions,
};

use crate::tail::Tail;

/// What the model is to do, shown by an example. A model of any kind can go on from it.
const EXAMPLE: &str = "Lines of a log, and one sentence that says what happened.\n\n\
    Lines:\n10:02:11 disk sda1: 91% used\n10:07:40 disk sda1: 97% used\n10:07:41 backup: write failed, no space\n\
    Summary: The disk filled up, and so a backup failed.\n\n";

/// How often the files are looked at, and how long one has to be quiet before it is summarised.
const INTERVAL: Duration = Duration::from_millis(200);

/// The most lines of a summary; with more, the last count.
const MAX_LINES: usize = 20;

/// The most characters of a line.
const MAX_CHARS: usize = 160;

/// A file, and its summary while it is being written.
struct Watched {
    name: String,
    tail: Tail,
    stream: Stream,
    last_growth: Instant,
    num_lines: usize,
    lines: Vec<String>,
    summary: Option<Summary>,
}

struct Summary {
    num_lines: usize,
    text: String,
}

/// Follows the files for ever, or, with `once`, until all that they hold is summarised.
pub fn run(model: &str, files: &[PathBuf], once: bool) -> Result<(), Box<dyn Error>> {
    if let Some(missing) = files.iter().find(|path| once && !path.exists()) {
        return Err(format!("{}: no such file", missing.display()).into());
    }
    let runtime = Runtime::new(&RuntimeOptions::new())?;
    let model = Model::load(&runtime, model, &ModelOptions::new())?;
    let queue = Queue::new(&runtime, &QueueOptions::new())?;
    let example = read_example(&model)?;
    let watched: skein::Result<Vec<Watched>> = files.iter().map(|path| Watched::new(path, &example)).collect();
    let mut watched = watched?;
    loop {
        for (index, file) in watched.iter_mut().enumerate() {
            file.take_lines()?;
            if file.is_ready(once) {
                queue.submit(&file.request(index as u64)?)?;
            }
        }
        if once && watched.iter().all(|file| file.summary.is_none() && file.lines.is_empty()) {
            return Ok(());
        }
        queue.wait(Some(INTERVAL))?;
        for event in queue.poll()? {
            watched[event.user_data as usize].add(&event);
        }
    }
}

/// The state behind the example, from which every stream starts.
fn read_example(model: &Model) -> skein::Result<Prefix> {
    let stream = Stream::new(model, &StreamOptions::new())?;
    stream.eval(&model.tokenizer()?.encode(EXAMPLE)?, Output::None)?;
    Prefix::new(&stream, "log-watch", "an example of a summary")
}

impl Watched {
    fn new(path: &Path, example: &Prefix) -> skein::Result<Watched> {
        Ok(Watched {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            tail: Tail::new(path),
            stream: example.start(&StreamOptions::new())?,
            last_growth: Instant::now(),
            num_lines: 0,
            lines: vec![],
            summary: None,
        })
    }

    /// Reads what was added to the file.
    fn take_lines(&mut self) -> std::io::Result<()> {
        let lines = self.tail.new_lines()?;
        if !lines.is_empty() {
            self.last_growth = Instant::now();
        }
        self.num_lines += lines.len();
        self.lines.extend(lines.iter().map(|line| line.chars().take(MAX_CHARS).collect()));
        self.lines.drain(..self.lines.len().saturating_sub(MAX_LINES));
        Ok(())
    }

    /// Lines that belong together come together. So a summary waits until no more come, or until there are enough.
    fn is_ready(&self, at_once: bool) -> bool {
        let is_whole = at_once || self.num_lines >= MAX_LINES || self.last_growth.elapsed() >= INTERVAL;
        self.summary.is_none() && !self.lines.is_empty() && is_whole
    }

    /// Asks for a summary of the lines. It starts from the example alone, so that a bad one does not spoil the next.
    fn request(&mut self, index: u64) -> skein::Result<Request> {
        self.stream.reset()?;
        let request = Request::new(&self.stream)?;
        let lines = std::mem::take(&mut self.lines).join("\n");
        request.set_prompt(format!("Lines:\n{lines}\nSummary:"))?;
        request.set_options(&RequestOptions::new().max_tokens(60).temperature(0.5).presence_penalty(0.3))?;
        request.add_stop("\n")?;
        request.set_user_data(index)?;
        self.summary = Some(Summary { num_lines: std::mem::take(&mut self.num_lines), text: String::new() });
        Ok(request)
    }

    /// Adds what the model wrote, and prints the summary when it is whole.
    fn add(&mut self, event: &Event) {
        if let EventKind::Error(error) = &event.kind {
            eprintln!("log-watch: {}: {error}", self.name);
        } else if let Some(summary) = &mut self.summary {
            summary.text += &event.text();
        }
        if !event.is_terminal() {
            return;
        }
        if let Some(Summary { num_lines, text }) = self.summary.take() {
            println!("{} +{num_lines}: {}", self.name, text.trim());
        }
    }
}
