//! Plays a scenario of tests/bindings/scenario with the crate skein and prints its transcript:
//! `scenario MODEL SCENARIO_FILE TEMP_DIR`. The README there has the rules.

mod events;
mod models;
mod objects;
mod queues;
mod step;
mod streams;
mod transcript;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use objects::{Failure, Objects, Outcome};
use step::{Places, Step};
use transcript::quoted;

/// What every step may use.
pub struct Player {
    objects: Objects,
    places: Places,
    /// The folder of the scenario.
    folder: PathBuf,
}

impl Player {
    /// Does a step and gives its result lines.
    fn play(&mut self, step: &Step) -> Outcome {
        match step.verb.as_str() {
            "error" => self.must_fail(step),
            "child" => self.play_child(step),
            "release" => {
                step.arguments.iter().for_each(|word| self.objects.release(&word.as_str()));
                Ok(vec![])
            }
            _ => models::play(self, step)
                .or_else(|| streams::play(self, step))
                .or_else(|| queues::play(self, step))
                .unwrap_or_else(|| panic!("no verb {}", step.verb)),
        }
    }

    fn must_fail(&mut self, step: &Step) -> Outcome {
        let expected = step.name(0);
        let inner = step.behind_first();
        match self.play(&inner) {
            Err(failure) if failure.status == expected => Ok(vec![self.failure_line(&failure)]),
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure { status: "OK".into(), message: format!("{} did not fail", inner.verb) }),
        }
    }

    /// The status and the message, in which the places of this run have their names. The message of an invalid handle
    /// is each binding's own.
    fn failure_line(&self, failure: &Failure) -> String {
        if failure.status == "INVALID_HANDLE" {
            return failure.status.clone();
        }
        format!("{} {}", failure.status, quoted(self.places.hide(&failure.message).as_bytes()))
    }

    /// This program again, in a process of its own.
    fn play_child(&self, step: &Step) -> Outcome {
        let program = std::env::current_exe().expect("the program has a path");
        let scenario = self.folder.join(step.name(0));
        let mut child = Command::new(program);
        child.args([&self.places.model, &*scenario.to_string_lossy(), &self.places.temp]);
        let output = child.output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().map(str::to_string).collect();
        if output.status.success() {
            return Ok(lines);
        }
        let message = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
        Err(Failure { status: output.status.to_string(), message })
    }
}

fn play_file(model: &str, scenario: &Path, temp: &str) -> bool {
    let text = std::fs::read_to_string(scenario).expect("the scenario can be read");
    let folder = scenario.parent().unwrap_or_else(|| Path::new(".")).to_path_buf();
    let places = Places { model: model.into(), temp: temp.into() };
    let mut player = Player { objects: Objects::default(), places, folder };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        println!("> {line}");
        let step = Step::parse(line, &player.places);
        match player.play(&step) {
            Ok(lines) => lines.iter().for_each(|line| println!("  {line}")),
            Err(failure) => {
                println!("! {}", player.failure_line(&failure));
                return false;
            }
        }
    }
    true
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [model, scenario, temp] if play_file(model, Path::new(scenario), temp) => ExitCode::SUCCESS,
        [_, _, _] => ExitCode::FAILURE,
        _ => {
            eprintln!("usage: scenario MODEL SCENARIO_FILE TEMP_DIR");
            ExitCode::from(2)
        }
    }
}
