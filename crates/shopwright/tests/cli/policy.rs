//! `price policy` through the real binary: the messages of its protocol, and refusals by line.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const START: &str = r#"{"type":"start","episode":0,"horizon":9,"period_hours":24,"objective":"profit","visits_seen":true,"salvage":0.0,"restock_every":0,"new_field":1,"items":[{"id":"i0","category":"c0","price_min":6.0,"price_max":18.0,"ref_price":10.0}]}"#;

fn policy(flags: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shopwright"))
        .args(["price", "policy"])
        .args(flags)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn step(t: u32, last: &str) -> String {
    format!(
        r#"{{"type":"step","t":{t},"hour":0,"dow":{t},"items":[{{"id":"i0","cost":4.0,"inventory":null{last}}}]}}"#
    )
}

#[test]
fn price_policy_answers_every_line_with_one_line_and_repeats_itself() {
    let last = r#","last":{"price":10.0,"sales":3,"stockout":false,"visits":40}"#;
    let steps = [step(0, ""), step(1, last), step(2, last)].join("\n");
    let episode = format!("{START}\n{steps}\n{{\"type\":\"end\",\"episode\":0,\"last\":[]}}\n");
    let input = format!("{{\"type\":\"hello\"}}\n{episode}{episode}");
    let output = policy(&["--seed", "7", "--strategy", "optimise"], &input);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0], r#"{"name":"shopwright","protocol":1}"#);
    assert_eq!((lines[1], lines[2]), (r#"{"ok":true}"#, r#"{"prices":[10.0]}"#));
    // Everything is forgotten at a start: the second episode is the first again.
    assert_eq!(lines[1..6], lines[6..11]);
}

#[test]
fn price_policy_names_the_line_that_it_cannot_read() {
    let cases = [
        ("{\"type\":\"hello\"}\nnonsense\n", "line 2: "),
        ("{\"type\":\"step\",\"t\":0,\"items\":[]}\n", "line 1: a step before any start"),
        ("{\"type\":\"bye\"}\n", "send hello, start, step or end"),
    ];
    for (input, wanted) in cases {
        let output = policy(&[], input);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(wanted), "{told}");
    }
    let output = policy(&["--max-step", "0"], "");
    assert_eq!(output.status.code(), Some(2));
}
