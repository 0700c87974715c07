//! Settings: where they come from, what is refused, and that secrets are never printed.

use crate::harness::Shop;

#[test]
fn a_typo_in_the_file_or_a_variable_is_an_error_with_the_nearest_name() {
    let shop = Shop::new();
    shop.file("shopwright.toml", "listne = \"127.0.0.1:9000\"\n");
    shop.run(&["config"]).assert_says(2, &["listne", "did you mean listen?", "--explain"]);
    let shop = Shop::new();
    shop.run_with(&["config"], &[("SHOPWRIGHT_DATABSE_URL", "postgres://x")])
        .assert_says(2, &["did you mean SHOPWRIGHT_DATABASE_URL?"]);
}

#[test]
fn a_broken_file_is_refused_with_the_line() {
    let shop = Shop::new();
    shop.file("shopwright.toml", "log = \"info\"\ncurrency = EUR\n");
    shop.run(&["config"]).assert_says(2, &["shopwright.toml line 2"]);
    shop.run(&["config", "--config", "other.toml"]).assert_says(2, &["cannot read", "other.toml"]);
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_what_would_be_valid() {
    let shop = Shop::new();
    let check = |variable: &str, value: &str, parts: &[&str]| {
        shop.run_with(&["config"], &[(variable, value)]).assert_says(2, parts);
    };
    check("SHOPWRIGHT_LISTEN", "9000", &["listen", "127.0.0.1:8080"]);
    check("SHOPWRIGHT_PRICE_REFRESH_SECONDS", "0", &["from 1 to 86400"]);
    check("SHOPWRIGHT_CURRENCY", "EURO", &["a currency code like EUR"]);
    check("SHOPWRIGHT_ZONE", "Europe/Lodnon", &["did you mean Europe/London?"]);
    check("SHOPWRIGHT_LOG", "inof", &["did you mean info?"]);
    check("SHOPWRIGHT_OUTBOUND_ALLOW", "10.0.0.0/8,10.0.0.0/99", &["`10.0.0.0/99`", "a network"]);
    check("SHOPWRIGHT_MAIL_FROM", "nobody", &["a mail address like"]);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let shop = Shop::new();
    shop.file(
        "shopwright.toml",
        "log = \"error\"\nstore_name = \"Candle Corner\"\nlisten = \"127.0.0.1:1\"\n",
    );
    let variables = [("SHOPWRIGHT_LOG", "debug"), ("SHOPWRIGHT_LISTEN", "127.0.0.1:2")];
    let run = shop.run_with(&["config", "--json", "--log", "warn"], &variables).assert_code(0);
    let json = run.json();
    let check = |key: &str, value: &str, from: &str| {
        assert_eq!((&json[key]["value"], &json[key]["from"]), (&value.into(), &from.into()));
    };
    check("log", "warn", "--log");
    check("listen", "127.0.0.1:2", "SHOPWRIGHT_LISTEN");
    check("store_name", "Candle Corner", "shopwright.toml");
    check("currency", "EUR", "default");
    check("key_secret_file", "./data/key.secret", "default");
}

#[test]
fn a_database_url_comes_from_a_file_and_is_never_printed() {
    let shop = Shop::new();
    shop.file("url", "postgres://shop:hunter2@127.0.0.1:1/shop\n");
    let variables = [("SHOPWRIGHT_DATABASE_URL_FILE", "url")];
    for arguments in [["config", "--log=info"], ["config", "--json"]] {
        let run = shop.run_with(&arguments, &variables).assert_code(0);
        assert!(run.out.contains("not shown") && !run.out.contains("hunter2"), "{run:?}");
    }
    let run = shop.run_with(&["verify"], &variables);
    let run = run.assert_says(2, &["the database is unavailable", "check database_url"]);
    assert!(!run.err.contains("hunter2"), "{run:?}");
}

#[test]
fn a_mail_servers_password_is_never_printed() {
    let shop = Shop::new();
    let variables = |url| [("SHOPWRIGHT_SMTP_URL", url)];
    let run = shop.run_with(&["config"], &variables("smtp://shop:hunter2@mail.example.com"));
    assert!(!run.assert_code(0).out.contains("hunter2"));
    let run = shop.run_with(&["config"], &variables("http://shop:hunter2@mail.example.com"));
    assert!(!run.assert_says(2, &["smtp_url", "smtps://host"]).err.contains("hunter2"));
}

#[test]
fn streams_need_their_broker_and_its_password_is_never_printed() {
    let shop = Shop::new();
    let check = |variables: &[(&str, &str)], parts: &[&str]| {
        shop.run_with(&["config"], variables).assert_says(2, parts);
    };
    check(&[("SHOPWRIGHT_REDIS_STREAMS", "views")], &["redis_streams", "redis_url is not"]);
    check(&[("SHOPWRIGHT_KAFKA_TOPICS", "views")], &["kafka_topics", "kafka_brokers is not"]);
    check(&[("SHOPWRIGHT_KAFKA_SASL", "gssapi")], &["kafka_sasl", "plain, scram-sha-256"]);
    let url = "redis://shop:hunter2@127.0.0.1:1/0";
    let run = shop.run_with(&["config"], &[("SHOPWRIGHT_REDIS_URL", url)]).assert_code(0);
    assert!(run.out.contains("not shown") && !run.out.contains("hunter2"), "{run:?}");
}

#[test]
fn every_key_is_explained() {
    let shop = Shop::new();
    let text = shop.run(&["config", "--explain"]).assert_code(0).out;
    let json = shop.run(&["config", "--explain", "--json"]).assert_code(0).json();
    let effective = shop.run(&["config", "--json"]).json();
    let keys = json.as_array().unwrap();
    assert_eq!(keys.len(), effective.as_object().unwrap().len());
    for key in keys {
        assert!(text.contains(key["name"].as_str().unwrap()), "{key}");
        assert!(text.contains(key["variable"].as_str().unwrap()), "{key}");
    }
}

#[test]
fn wrong_usage_is_bad_input_and_errors_are_json_on_request() {
    let shop = Shop::new();
    shop.run(&["prise"]).assert_says(2, &["prise", "price"]);
    shop.run(&[]).assert_code(2);
    shop.run(&["--help"]).assert_code(0);
    let run = shop.run(&["verify", "--json"]).assert_code(2);
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(error["error"]["code"], "no_ledger");
    assert!(run.out.is_empty());
    let run = shop.run(&["prise", "--json"]).assert_code(2);
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(error["error"]["code"], "usage");
}

#[test]
fn completions_know_the_commands_and_output_is_never_coloured_off_a_terminal() {
    let shop = Shop::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = shop.run(&["completions", shell]).assert_code(0);
        assert!(run.out.contains("online-retail"), "{shell}");
    }
    assert!(!shop.run(&["config"]).out.contains('\x1b'));
}
