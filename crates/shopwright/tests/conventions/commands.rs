//! The commands of the documents, run by a shell as they stand there.

use std::process::{Command, Stdio};

use crate::harness::Server;
use crate::tokens::sign;
use crate::{blocks, document, program, stocked};

#[test]
fn the_commands_of_the_conventions_give_what_is_written_under_them() {
    let (Some(_), Some(_)) = (program("curl", true), program("python3", true)) else { return };
    let stocked = stocked();
    let server = Server::start(&stocked.shop, &["serve"]);
    let key = &stocked.secret;
    crate::harness::wait_until("prices are served", || {
        server.get("/v1/prices/85123A", key).0 == 200
            && server.get("/v1/prices/22423", key).0 == 200
    });
    let blocks = blocks(&document("api-conventions.md"), "sh");
    assert!(blocks.len() >= 8, "{} blocks", blocks.len());
    for block in blocks {
        let output = Command::new("sh")
            .args(["-eu", "-c", &block])
            .env("SHOP", format!("http://{}", server.address()))
            .env("SK", key)
            .env("PK", &stocked.publishable)
            .env("TOKEN", sign(&stocked.signing, "17850"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        let wanted: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("#> ")).collect();
        assert!(!wanted.is_empty(), "nothing is expected of:\n{block}");
        for part in wanted {
            assert!(said.contains(part), "`{part}` is not in:\n{said}\nof:\n{block}");
        }
    }
}
