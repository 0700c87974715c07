//! Every house rule is seen to fail: a tidy repository in a temporary folder, one thing planted in
//! it, and exactly the expected finding. The last test proves that no rule was forgotten.

use std::path::Path;

use xtask::tidy::{Rule, Tree};

const DOMAIN: &str = "crates/shopwright-domain/src";
const WEB: &str = "crates/shopwright-web";

/// A small repository that breaks no rule.
fn tidy_files() -> Vec<(String, String)> {
    let manifest = |name: &str, rest: &str| {
        (format!("crates/{name}/Cargo.toml"), format!("[package]\nname = \"{name}\"\n{rest}"))
    };
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    vec![
        file("Cargo.toml", "[workspace.dependencies]\nrecords = { package = \"rusqlite\" }\n"),
        file("Cargo.lock", concat!("source = \"registry+https://crates", ".io/index\"\n")),
        file("README.md", "# Shopwright\n"),
        file("CHANGELOG.md", "# Changes\n"),
        file("ARCHITECTURE.md", "# The house\n"),
        file(".gitignore", "/target\n"),
        file("target/debug/x.rs", "not read, because git does not see it"),
        file(".ci/run", "#!/bin/sh\nset -eu\ncd \"$(dirname \"$0\")/..\"\nexec cargo xtask test\n"),
        manifest("shopwright-domain", "[dependencies]\nserde = \"1\"\n"),
        manifest("shopwright-store", "[dependencies]\nrusqlite = \"0\"\nshopwright-domain = {}\n"),
        manifest("shopwright-web", "[dependencies]\nshopwright-store = {}\naxum = \"0\"\n"),
        file("crates/shopwright-store/migrations/sqlite/0001_start.sql", "select 1;\n"),
        file("crates/shopwright-store/migrations/postgres/0001_start.sql", "select 1;\n"),
        file("crates/shopwright-domain/src/lib.rs", "//! Rules.\npub use crate::tax::Rate;\n"),
    ]
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    let folder = file.parent().expect("a planted file has a folder");
    std::fs::create_dir_all(folder).expect("the temporary folder is writable");
    std::fs::write(file, text).expect("the temporary folder is writable");
}

/// The findings of a tidy repository with `planted` files written over it.
fn findings(planted: &[(&str, &str)]) -> Vec<(Rule, String, usize)> {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    for (path, text) in tidy_files() {
        write(root.path(), &path, &text);
    }
    for (path, text) in planted {
        write(root.path(), path, text);
    }
    let tree = Tree::read(root.path()).expect("what was planted can be read");
    let findings = xtask::tidy::check(&tree);
    findings.into_iter().map(|finding| (finding.rule, finding.path, finding.line)).collect()
}

/// One file planted, and the lines at which `rule` is broken in it; nothing else may be found.
#[derive(Debug)]
struct Case {
    rule: Rule,
    path: String,
    text: String,
    lines: Vec<usize>,
}

fn case(rule: Rule, path: impl Into<String>, text: impl Into<String>, lines: &[usize]) -> Case {
    Case { rule, path: path.into(), text: text.into(), lines: lines.to_vec() }
}

fn check(case: &Case) {
    let found = findings(&[(&case.path, &case.text)]);
    let expected: Vec<_> =
        case.lines.iter().map(|line| (case.rule, case.path.clone(), *line)).collect();
    assert_eq!(found, expected, "{case:?}");
}

fn manifest_cases() -> Vec<Case> {
    let manifest = |rule, name: &str, dependencies: &str, lines: &[usize]| {
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}\n");
        case(rule, format!("crates/{name}/Cargo.toml"), text, lines)
    };
    let deps = "[dependencies]\n";
    vec![
        manifest(Rule::Floors, "shopwright-app", &format!("{deps}shopwright-web = {{}}"), &[4]),
        manifest(Rule::Floors, "shopwright-store", &format!("{deps}shopwright-app = {{}}"), &[4]),
        manifest(Rule::Floors, "shopwright-gateways", "[dependencies.shopwright-store]", &[3]),
        manifest(Rule::Floors, "shopwright-models", "[dev-dependencies.shopwright-domain]", &[3]),
        manifest(Rule::Floors, "shopwright-web", "[build-dependencies.xtask]", &[3]),
        manifest(Rule::Floors, "shopwright-attic", "", &[0]),
        manifest(Rule::Floors, "shopwright", &format!("{deps}shopwright-web = {{}}"), &[]),
        manifest(Rule::Databases, "shopwright-web", &format!("{deps}postgres = \"0\""), &[4]),
        manifest(Rule::Databases, "shopwright-app", "[dev-dependencies]\nsqlx = \"0\"", &[4]),
        manifest(Rule::Databases, "shopwright-web", &format!("{deps}records = {{}}"), &[4]),
        manifest(Rule::PureFloor, "shopwright-domain", &format!("{deps}tokio = \"1\""), &[4]),
        manifest(
            Rule::PureFloor,
            "shopwright-models",
            "[target.'cfg(unix)'.dependencies]\nx = { package = \"reqwest\" }",
            &[4],
        ),
        manifest(Rule::Unreadable, "shopwright-web", "not toml", &[0]),
        case(
            Rule::Databases,
            format!("{WEB}/src/lib.rs"),
            "//! x\nuse shopwright_store::rusqlite::Row;\n// rusqlite::Row in a comment is fine\n",
            &[2],
        ),
        case(
            Rule::Databases,
            "crates/shopwright-store/src/lib.rs",
            "//! x\nuse rusqlite::Row;\n",
            &[],
        ),
    ]
}

fn sideways_cases() -> Vec<Case> {
    let rule = |inside: &str, code: &str, lines: &[usize]| {
        let path = format!("{DOMAIN}/{inside}");
        case(Rule::Sideways, path, format!("//! x\n{code}\n"), lines)
    };
    vec![
        rule("orders/quote.rs", "use crate::pricing::Price;", &[2]),
        rule("orders.rs", "fn f() -> crate::tiers::Tier { crate::tiers::none() }", &[2, 2]),
        rule("orders/mod.rs", "use crate::{\n  money::Money,\n  tax::{self, Rate},\n};", &[4]),
        rule("orders/quote.rs", "use super::super::bundles;", &[2]),
        rule("orders/mod.rs", "use super::bundles;", &[2]),
        rule("orders/mod.rs", "mod tests { use super::super::bundles; }", &[2]),
        rule("orders/mod.rs", "use crate::*;", &[2]),
        rule("money.rs", "use crate::pricing::Price;", &[2]),
        rule("tiers/mod.rs", "use crate::checkout::Quote;", &[2]),
        rule("orders/mod.rs", "mod tests { use super::tax; }", &[]),
        rule("orders/quote.rs", "use super::lines; use crate::orders::line;", &[]),
        rule("orders.rs", "use crate::{catalog::Sku, ids, money, time}; pub(crate) fn f() {}", &[]),
        rule("orders.rs", "// crate::pricing\nconst X: &str = \"crate::pricing::x\";", &[]),
        rule("platforms/mod.rs", "use crate::{customers, orders};", &[]),
        rule("platforms/mod.rs", "use crate::pricing;", &[2]),
        rule("checkout/mod.rs", "use crate::{pricing, tax}; use super::bundles;", &[]),
        case(Rule::Sideways, format!("{WEB}/src/orders.rs"), "//! x\nuse crate::pricing;\n", &[]),
    ]
}

fn word_cases() -> Vec<Case> {
    let web = |rule, code: &str, lines: &[usize]| {
        case(rule, format!("{WEB}/src/pages.rs"), format!("//! x\n{code}\n"), lines)
    };
    let domain = |inside: &str, code: &str, lines: &[usize]| {
        let path = format!("{DOMAIN}/{inside}");
        case(Rule::Floats, path, format!("//! x\n{code}\n"), lines)
    };
    vec![
        case(Rule::Header, format!("{WEB}/src/a.rs"), "use x;\n", &[1]),
        case(Rule::Header, format!("{WEB}/tests/a.rs"), "\n//! late\n", &[1]),
        case(Rule::Names, format!("{WEB}/src/utils.rs"), "//! x\n", &[0]),
        case(Rule::Names, format!("{WEB}/src/common/mod.rs"), "//! x\n", &[0]),
        web(Rule::Names, "mod helpers {}", &[2]),
        web(Rule::Unfinished, "fn f() { todo!() }\nfn g() { unimplemented!(\"g\") }", &[2, 3]),
        web(Rule::Unfinished, "// FIXME soon\n/// a TODO\n/* ok\n XXX */", &[2, 3, 5]),
        web(Rule::Unfinished, "fn f() {} // enough for now", &[2]),
        web(Rule::Unfinished, "//! A placeholder.", &[2]),
        web(
            Rule::Unfinished,
            "const X: &str = \"placeholder, for now\"; // `$1` placeholders",
            &[],
        ),
        web(Rule::Unfinished, "#[cfg(test)]\nmod tests { fn f() { todo!() } // TODO\n}", &[]),
        case(Rule::Unfinished, format!("{WEB}/tests/a.rs"), "//! x\nfn f() { todo!() }\n", &[]),
        web(Rule::Ignore, "#[cfg(test)]\nmod tests {\n#[test]\n#[ignore]\nfn f() {} }", &[5]),
        web(Rule::Ignore, "#[ignore = \"takes an hour\"]\nfn f() {}", &[]),
        web(Rule::Unsafe, "fn f() { unsafe { g() } }", &[2]),
        web(Rule::Unsafe, "#![forbid(unsafe_code)] // unsafe", &[]),
        domain("money.rs", "fn f(x: f64) -> u8 { 1f32 }", &[2, 2]),
        domain("pricing/rule.rs", "type X = f32;", &[2]),
        domain("orders/mod.rs", "const X: u32 = 0x1f32; // no f64", &[]),
        domain("recommend.rs", "type X = f32;", &[]),
        web(Rule::Unreadable, "fn f( {", &[]).unreadable(),
    ]
}

impl Case {
    /// A file that cannot be lexed is one finding about the whole file.
    fn unreadable(self) -> Self {
        Self { lines: vec![0], ..self }
    }
}

fn trace_cases() -> Vec<Case> {
    let doc = |rule, text: &str, lines: &[usize]| case(rule, "docs/a.md", text, lines);
    let path = Rule::MachinePath;
    vec![
        doc(path, concat!("see `/wo", "rk/x`\n"), &[1]),
        doc(path, concat!("\ncd /t", "mp\n"), &[2]),
        doc(path, concat!("DIR=/ro", "ot/x and file:///t", "mp/x\n"), &[1]),
        doc(path, concat!("/ho", "me/ann/shop\n"), &[1]),
        doc(path, concat!("https://shop.example/wo", "rk/1 and a/t", "mp/b and /homepage\n"), &[]),
        doc(Rule::RegistryHost, concat!("get it at https://crates", ".io/x\n"), &[1]),
        doc(Rule::RegistryHost, concat!("index: py", "pi.org\n"), &[1]),
        case(Rule::RegistryHost, "deny.toml", concat!("# registry.npm", "js.org\n"), &[1]),
    ]
}

fn layout_cases() -> Vec<Case> {
    let long = format!("//! x\n{}", "\n".repeat(600));
    let just_right = format!("//! x\n{}", "\n".repeat(599));
    let excepted = "[[oversize]]\nfile = \"README.md\"\nreason = \"long\"\n";
    let gone = "[[oversize]]\nfile = \"gone.rs\"\nreason = \"long\"\n";
    let exceptions = "xtask/tidy-exceptions.toml";
    let twin_gap = "crates/shopwright-store/migrations/sqlite/0003_late.sql";
    vec![
        case(Rule::Size, format!("{WEB}/src/long.rs"), &long, &[0]),
        case(Rule::Size, format!("{WEB}/src/long.css"), &long, &[0]),
        case(Rule::Size, format!("{WEB}/src/long.md"), &long, &[]),
        case(Rule::Size, format!("{WEB}/src/long.rs"), just_right, &[]),
        case(Rule::Exceptions, exceptions, excepted, &[2]),
        case(Rule::Exceptions, exceptions, gone, &[2]),
        case(Rule::Exceptions, exceptions, "oversize = 3\n", &[0]),
        // Out of order, and without a twin.
        case(Rule::Migrations, twin_gap, "select 1;\n", &[0, 0]),
        case(Rule::Documents, "README.md", "", &[0]),
        case(Rule::Documents, "CHANGELOG.md", " \n", &[0]),
        case(Rule::Documents, "ARCHITECTURE.md", "", &[0]),
        case(Rule::Ci, ".ci/run", "set -eu\ncargo xtask test\ncargo test\n", &[0]),
        case(Rule::Ci, ".ci/run", "exec cargo xtask test --only fmt\n", &[0]),
        case(Rule::Ci, ".ci/run", "", &[0]),
        case(Rule::Ci, ".ci/run", "# all of it\ncargo xtask test\n", &[]),
    ]
}

fn all_cases() -> Vec<Case> {
    let tables = [manifest_cases(), sideways_cases(), word_cases(), trace_cases(), layout_cases()];
    tables.into_iter().flatten().collect()
}

#[test]
fn a_tidy_repository_has_no_findings() {
    assert_eq!(findings(&[]), []);
}

#[test]
fn crates_use_only_what_is_below_them() {
    manifest_cases().iter().for_each(check);
}

#[test]
fn engines_do_not_import_each_other() {
    sideways_cases().iter().for_each(check);
}

#[test]
fn words_that_mean_nothing_or_unfinished_work_are_found() {
    word_cases().iter().for_each(check);
}

#[test]
fn traces_of_a_machine_are_found() {
    trace_cases().iter().for_each(check);
}

#[test]
fn sizes_migrations_documents_and_the_check_itself_are_watched() {
    layout_cases().iter().for_each(check);
}

#[test]
fn an_exception_with_a_reason_allows_a_long_file_and_one_without_does_not() {
    let long = format!("//! x\n{}", "\n".repeat(600));
    let path = "crates/shopwright-web/src/long.rs";
    let list = |reason: &str| format!("[[oversize]]\nfile = \"{path}\"\nreason = \"{reason}\"\n");
    let exceptions = "xtask/tidy-exceptions.toml";
    assert_eq!(findings(&[(path, &long), (exceptions, &list("a table"))]), []);
    let found = findings(&[(path, &long), (exceptions, &list(" "))]);
    assert_eq!(found, [(Rule::Exceptions, exceptions.to_owned(), 2)]);
}

#[test]
fn every_rule_is_seen_to_fail() {
    let cases = all_cases();
    for rule in Rule::ALL {
        let seen = cases.iter().any(|case| case.rule == rule && !case.lines.is_empty());
        assert!(seen, "{rule:?} has no failing case");
    }
}
