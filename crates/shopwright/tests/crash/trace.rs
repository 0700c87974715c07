//! Reads what strace wrote, and says whether an answer left only after its write was synced.

/// One system call from its beginning to its end, by line of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    name: String,
    /// Arguments and result; descriptors with what they lead to.
    text: String,
    begins: usize,
    ends: usize,
}

const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev"];
const SYNCS: &[&str] = &["fsync", "fdatasync"];

impl Call {
    /// Whether its descriptor leads to a socket.
    fn is_socket(&self) -> bool {
        let first = self.text.split('>').next().unwrap_or_default();
        first.contains("<socket:") || first.contains("<TCP")
    }

    /// Whether its descriptor leads to SQLite's write-ahead log.
    fn is_log(&self) -> bool {
        self.text.split('>').next().unwrap_or_default().ends_with(".db-wal")
    }

    fn succeeded(&self) -> bool {
        self.text.rsplit(" = ").next().is_some_and(|result| !result.starts_with(['-', '?']))
    }
}

/// `123 fdatasync(7</x.db-wal>) = 0`, or in two lines where other threads came between.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: Vec<(&str, Call)> = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let place = unfinished.iter().position(|(of, _)| *of == thread);
            let Some((_, mut call)) = place.map(|place| unfinished.remove(place)) else { continue };
            call.text += resumed.split_once("resumed>").map_or("", |(_, text)| text);
            call.ends = at;
            calls.push(call);
        } else if let Some((name, text)) = rest.split_once('(') {
            let (name, begins) = (name.to_owned(), at);
            match text.strip_suffix("<unfinished ...>") {
                Some(text) => {
                    let call = Call { name, text: text.to_owned(), begins, ends: usize::MAX };
                    unfinished.push((thread, call));
                }
                None => calls.push(Call { name, text: text.to_owned(), begins, ends: at }),
            }
        }
    }
    calls
}

/// Follows one request by a word that stands in its body, in the row it wrote and in its answer:
/// read from the socket, written to the log, the log synced, and only then answered.
pub fn prove(trace: &str, word: &str) -> Result<(), String> {
    let calls = calls(trace);
    let is = |call: &Call, names: &[&str]| names.contains(&call.name.as_str()) && call.succeeded();
    let has = |call: &Call| call.text.contains(word);
    let found = |call: Option<usize>, what: &str| call.ok_or_else(|| format!("{word}: {what}"));
    let asked = calls.iter().filter(|c| is(c, READS) && c.is_socket() && has(c)).map(|c| c.ends);
    let asked = found(asked.min(), "no request was read")?;
    let answered = calls
        .iter()
        .filter(|c| is(c, WRITES) && c.is_socket() && has(c) && c.text.contains("HTTP/1.1 201"));
    let answered = found(answered.map(|c| c.begins).min(), "no answer was written")?;
    let logged = calls
        .iter()
        .filter(|c| is(c, WRITES) && c.is_log() && has(c) && c.begins > asked && c.ends < answered);
    let logged = found(logged.map(|c| c.ends).min(), "answered before it was written to the log")?;
    let synced =
        calls.iter().any(|c| is(c, SYNCS) && c.is_log() && c.begins > logged && c.ends < answered);
    if synced { Ok(()) } else { Err(format!("{word}: answered before the log was synced")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = r#"11 recvfrom(9<socket:[5]>, "POST /v1/promotions … word-1 …", 8192, 0, NULL, NULL) = 300"#;
    const LOG: &str =
        r#"12 pwrite64(7</shop/data/shopwright.db-wal>, "…word-1…", 4096, 56) = 4096"#;
    const SYNC: &str = "12 fdatasync(7</shop/data/shopwright.db-wal>) = 0";
    const ANSWER: &str = r#"11 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 201 Created … word-1 …", iov_len=400}], 1) = 400"#;

    fn check(lines: &[&str], expected: Result<(), &str>) {
        let found = prove(&lines.join("\n"), "word-1");
        match expected {
            Ok(()) => assert_eq!(found, Ok(())),
            Err(part) => assert!(found.clone().is_err_and(|e| e.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn an_answer_after_the_sync_of_its_write_is_proved_and_nothing_else_is() {
        check(&[READ, LOG, SYNC, ANSWER], Ok(()));
        check(&[READ, LOG, ANSWER, SYNC], Err("before the log was synced"));
        check(&[READ, SYNC, LOG, ANSWER], Err("before the log was synced"));
        check(&[SYNC, READ, LOG, ANSWER], Err("before the log was synced"));
        check(&[READ, ANSWER, LOG, SYNC], Err("before it was written"));
        check(&[LOG, READ, SYNC, ANSWER], Err("before it was written"));
        check(&[READ, LOG, SYNC], Err("no answer"));
        check(&[LOG, SYNC, ANSWER], Err("no request"));
        let failed = SYNC.replace("= 0", "= -1 EIO (Input/output error)");
        check(&[READ, LOG, &failed, ANSWER], Err("before the log was synced"));
        let other = SYNC.replace("db-wal", "db");
        check(&[READ, LOG, &other, ANSWER], Err("before the log was synced"));
        let another = LOG.replace("word-1", "word-2");
        check(&[READ, &another, SYNC, ANSWER], Err("before it was written"));
    }

    #[test]
    fn a_call_that_other_threads_interrupt_ends_where_it_is_resumed() {
        let begun = "12 fdatasync(7</shop/data/shopwright.db-wal> <unfinished ...>";
        let resumed = "12 <... fdatasync resumed>) = 0";
        check(&[READ, LOG, begun, "13 fsync(3</x>) = 0", resumed, ANSWER], Ok(()));
        check(&[READ, LOG, begun, ANSWER, resumed], Err("before the log was synced"));
        check(&[READ, begun, LOG, resumed, ANSWER], Err("before the log was synced"));
    }
}
