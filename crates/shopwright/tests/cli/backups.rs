//! `backup` and `restore` as an owner uses them: while the shop is open, on a new machine, and with
//! files that went bad.

use std::path::Path;
use std::process::Stdio;

use crate::harness::{Server, Shop, make_key, wait_until};

fn tables(json: &serde_json::Value) -> &serde_json::Value {
    &json["manifest"]["rows"]
}

#[test]
fn a_shop_moves_to_another_folder_with_its_backup_and_its_key_secret() {
    let shop = Shop::with_orders();
    let server = Server::start(&shop, &["serve"]);
    let key = make_key(&shop);
    wait_until("the key opens", || server.get("/v1/prices/85123A", &key).0 == 200);

    // The server goes on serving while it is backed up.
    let made = shop.run(&["backup", "shop.swbackup", "--json"]).assert_code(0).json();
    assert_eq!((&tables(&made)["orders"], &tables(&made)["api_keys"]), (&3.into(), &1.into()));
    assert_eq!(
        (&made["remembered"], &made["not_in_it"]),
        (&true.into(), &serde_json::json!(["./data/key.secret", "./data/seal.key"]))
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(shop.path("shop.swbackup")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(server.stop(), Some(0));

    let into = ["restore", "shop.swbackup", "--into", "other"];
    let restored = shop.run(&[&into[..], &["--json"]].concat()).assert_code(0).json();
    assert_eq!((&restored["holds"], &restored["key_secret_missing"]), (&true.into(), &true.into()));
    let text = shop.run(&["restore", "shop.swbackup", "--into", "third"]).assert_code(0).out;
    assert!(text.contains("put your copy of key.secret at third/key.secret; 1 API key"), "{text}");
    shop.run(&["serve", "--data-dir", "other", "--listen", "127.0.0.1:0"])
        .assert_says(2, &["key secret other/key.secret is missing"]);
    std::fs::copy(shop.path("data/key.secret"), shop.path("other/key.secret")).unwrap();
    let server = Server::start(&shop, &["serve", "--data-dir", "other"]);
    assert_eq!(server.get("/v1/prices/85123A", &key).0, 200);
    assert_eq!(server.stop(), Some(0));
    shop.run(&["verify", "--data-dir", "other"]).assert_code(0);
    assert_eq!(left_over(&shop.path("other")), ["key.secret", "seal.key", "shopwright.db"]);
}

/// Files in a folder, without the logs of SQLite.
fn left_over(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

#[test]
fn nothing_is_written_over_without_being_asked_to() {
    let shop = Shop::with_orders();
    shop.file("taken", "precious");
    shop.run(&["backup", "taken"]).assert_says(2, &["taken is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(shop.path("taken")).unwrap(), "precious");
    shop.run(&["backup", "taken", "--force"]).assert_code(0);
    shop.run(&["restore", "taken"]).assert_says(2, &["shopwright.db is there", "--into"]);
    shop.run(&["backup", "none/there"]).assert_says(2, &["cannot write", "check its folder"]);
    shop.run(&["backup", "b", "--data-dir", "empty"]).assert_says(2, &["there is no ledger"]);
    assert_eq!(left_over(shop.folder.path()), ["data", "orders.csv", "taken"]);
    assert_eq!(left_over(&shop.path("data")), ["shopwright.db"]);
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn a_bad_backup_is_refused_and_leaves_no_ledger() {
    let shop = Shop::with_orders();
    shop.run(&["backup", "good"]).assert_code(0);
    let good = std::fs::read(shop.path("good")).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x10;
    let check = |content: &[u8], words: &[&str]| {
        shop.file("bad", content);
        shop.run(&["restore", "bad", "--into", "new"]).assert_says(1, words);
        assert_eq!(left_over(&shop.path("new")), [""; 0]);
        let seen = shop.run(&["doctor", "--backup", "bad", "--json"]).assert_code(1).json();
        let found = seen["checks"].as_array().unwrap().iter().find(|c| c["name"] == "backup");
        assert_eq!(found.unwrap()["state"], "problem", "{seen}");
    };
    check(&good[..good.len() / 2], &["cut short", "copy the file again"]);
    check(&good[..good.len() - 4], &["cut short"]);
    check(&flipped, &["damaged"]);
    check(b"InvoiceNo,StockCode\n", &["not a backup of Shopwright"]);
    shop.run(&["restore", "gone", "--into", "new"]).assert_says(2, &["cannot read gone"]);
    shop.run(&["restore", "good", "--into", "new"]).assert_code(0);
}

#[test]
fn broken_books_come_back_only_when_asked_for() {
    let shop = Shop::with_orders();
    shop.tamper(|tx| {
        tx.execute("UPDATE orders SET amount_minor = 1 WHERE external_id = '536365'", &[]).map(drop)
    });
    shop.run(&["backup", "broken"]).assert_code(0);
    let into = ["restore", "broken", "--into", "new"];
    shop.run(&into).assert_says(1, &["order_amounts", "536365", "--accept-broken"]);
    assert_eq!(left_over(&shop.path("new")), [""; 0]);
    let kept = shop.run(&[&into[..], &["--accept-broken", "--json"]].concat()).assert_code(0);
    assert_eq!(kept.json()["holds"], false);
    shop.run(&["verify", "--data-dir", "new"]).assert_code(1);
}

#[cfg(unix)]
#[test]
fn a_backup_and_a_restore_that_are_killed_leave_nothing_half_done() {
    use std::time::Duration;
    let shop = Shop::with_orders();
    shop.run(&["backup", "good"]).assert_code(0);
    for round in 0..12_u64 {
        let (file, folder) = (format!("b{round}"), format!("r{round}"));
        let commands =
            [vec!["backup", file.as_str()], vec!["restore", "good", "--into", folder.as_str()]];
        for arguments in commands {
            let mut child = shop.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(4 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // What is there is whole; what is not there can be made.
        if shop.path(&file).exists() {
            shop.run(&["restore", &file, "--into", &format!("x{round}")]).assert_code(0);
        } else {
            shop.run(&["backup", &file]).assert_code(0);
        }
        if !shop.path(&folder).join("shopwright.db").exists() {
            shop.run(&["restore", "good", "--into", &folder]).assert_code(0);
        }
        shop.run(&["verify", "--data-dir", &folder]).assert_code(0);
    }
}
