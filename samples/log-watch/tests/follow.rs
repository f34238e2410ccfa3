//! The program as a person runs it, with the model in the box.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/skein-demo.skein");

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("log-watch-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn program(files: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_log-watch"));
    command.arg(MODEL).args(files);
    command
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn once_says_one_line_of_each_file() {
    let folder = folder("once");
    let files: Vec<PathBuf> = (0..4).map(|index| folder.join(format!("{index}.log"))).collect();
    for file in &files {
        append(file, "10:00 the gate was opened\n10:01 the king went out\n");
    }
    let output = program(&files).arg("--once").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().map(|line| line.split_once(" +2: ").unwrap().0).collect();
    names.sort_unstable();
    assert_eq!(names, ["0.log", "1.log", "2.log", "3.log"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn files_are_followed_as_they_grow() {
    let folder = folder("follow");
    let files = [folder.join("a.log"), folder.join("b.log")];
    append(&files[0], "10:00 the gate was opened\n");
    let mut child = program(&files).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("a.log +1: "));
    append(&files[1], "10:01 the king went out\n");
    assert!(next().starts_with("b.log +"));
    fs::write(&files[0], "anew\n").unwrap();
    assert!(next().starts_with("a.log +1: "));
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_missing_is_an_error_once() {
    let output = program(&["/nowhere.log".into()]).arg("--once").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "log-watch: /nowhere.log: no such file\n");
}

#[test]
fn a_wrong_model_is_an_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_log-watch"));
    let output = command.args(["/nowhere.skein", "a.log"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("log-watch: NOT_FOUND: /nowhere.skein"));
}
