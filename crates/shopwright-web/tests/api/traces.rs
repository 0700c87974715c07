//! Request ids and traces, in and out.

use crate::harness::{STILL, on_sqlite};

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_valid_trace_goes_on_with_a_span_of_our_own_and_another_is_ignored() {
    on_sqlite(STILL, |shop| {
        let ask = |path: &str, sent: &str| shop.get(path).header("traceparent", sent).send();
        for path in ["/v1/prices/85123A", "/v1/prices/nothing", "/nowhere", "/livez"] {
            let answer = ask(path, SENT);
            let parts: Vec<&str> = answer.header("traceparent").split('-').collect();
            assert_eq!(parts[..2], ["00", "4bf92f3577b34da6a3ce929d0e0e4736"], "{path}");
            assert_eq!((parts[2].len(), parts[3]), (16, "01"), "{path}");
            assert_ne!(parts[2], "00f067aa0ba902b7", "{path}");
        }
        for wrong in
            ["", "nonsense", "00-0-0-0", &SENT.to_uppercase(), &SENT.replace("00-4", "ff-4")]
        {
            assert_eq!(ask("/v1/prices/85123A", wrong).header("traceparent"), "", "{wrong}");
        }
        assert_eq!(shop.get("/livez").send().header("traceparent"), "");
    });
}

#[test]
fn early_refusals_name_their_request_too() {
    on_sqlite(STILL, |shop| {
        let long = format!("/v1/products?limit={}", "0".repeat(9_000));
        for (call, status) in [
            (shop.get(&long), 414),
            (shop.get("/livez").header("x-more", &"h".repeat(33_000)), 431),
            (shop.post("/v1/prices/batch").text("{}").header("content-encoding", "br"), 415),
            (shop.get("/v1/prices/85123A").no_key(), 401),
        ] {
            let answer = call.header("x-request-id", "mine-1").send();
            assert_eq!((answer.status, answer.header("x-request-id")), (status, "mine-1"));
            assert_eq!(answer.json()["request_id"], "mine-1");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    });
}
