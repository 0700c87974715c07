//! TLS to a real server: what each `sslmode` lets through, and that traffic is encrypted then.

use shopwright_store::{PostgresOptions, Store, StoreError, StoreOptions, params};

use crate::harness::{Answer, SchemaGuard, postgres_options, raw_postgres};

/// Signed by `AUTHORITY` for `localhost` alone.
const CERTIFICATE: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/tls/authority.pem");

/// Has the server take TLS with our certificate. Connections that are open stay as they are.
fn offer_tls(options: &PostgresOptions) {
    let mut server = raw_postgres(options);
    let folder: String = server.query_one("SHOW data_directory", &[]).unwrap().get(0);
    for (name, text) in [("tls_test.pem", CERTIFICATE), ("tls_test.key", KEY)] {
        let lines = text.trim().replace('\n', "\\n");
        // The server itself writes the file, so that it is its own and nobody else reads it.
        server
            .batch_execute(&format!(
                "COPY (SELECT unnest(string_to_array(E'{lines}', E'\\n')))
                 TO PROGRAM 'umask 077; cat > {folder}/{name}'"
            ))
            .unwrap();
    }
    for (key, value) in
        [("ssl_cert_file", "tls_test.pem"), ("ssl_key_file", "tls_test.key"), ("ssl", "on")]
    {
        server.batch_execute(&format!("ALTER SYSTEM SET {key} = '{value}'")).unwrap();
    }
    server.batch_execute("SELECT pg_reload_conf()").unwrap();
    for _ in 0..100 {
        let on: String = raw_postgres(options).query_one("SHOW ssl", &[]).unwrap().get(0);
        if on == "on" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the server does not turn TLS on");
}

/// Connects with these parameters; gives whether the connection is encrypted.
fn connect(options: &PostgresOptions, host: &str, parameters: &str) -> Result<bool, StoreError> {
    let url = options.url.replace("127.0.0.1", host).replace("localhost", host);
    let joint = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{joint}{parameters}");
    let store = Store::open(&StoreOptions::Postgres(PostgresOptions { url, ..options.clone() }))?;
    let sql = "SELECT CAST(CASE WHEN ssl THEN 1 ELSE 0 END AS BIGINT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let encrypted: Answer<i64, StoreError> = Answer::new(async move {
        store.read(move |tx| tx.one(sql, params![], |row| row.get::<i64>(0))).await
    });
    Ok(encrypted.wait()? == 1)
}

#[test]
fn a_connection_is_encrypted_and_proves_what_its_mode_asks() {
    let Some(options) = postgres_options(2) else { return };
    let _guard = SchemaGuard::new(&options);
    offer_tls(&options);
    let root = format!("sslrootcert={AUTHORITY}");
    let connects = |host, parameters: &str| {
        connect(&options, host, parameters).unwrap_or_else(|e| panic!("{host} {parameters}: {e}"))
    };
    assert!(!connects("127.0.0.1", "sslmode=disable"));
    assert!(connects("127.0.0.1", "sslmode=require"));
    assert!(connects("127.0.0.1", &format!("sslmode=verify-ca&{root}")));
    assert!(connects("localhost", &format!("sslmode=verify-full&{root}")));
    let refused = |host, parameters: &str| match connect(&options, host, parameters) {
        Err(StoreError::Unavailable(said)) => said,
        other => panic!("{host} {parameters}: {other:?}"),
    };
    let other_name = refused("127.0.0.1", &format!("sslmode=verify-full&{root}"));
    assert!(other_name.contains("certificate"), "{other_name}");
    // Without our authority the public ones are asked, and none of them knows this server.
    for parameters in ["sslmode=verify-ca", "sslmode=verify-full&sslrootcert=system"] {
        let unknown = refused("localhost", parameters);
        assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    }
}
