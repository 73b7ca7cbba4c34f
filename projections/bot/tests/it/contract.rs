use std::time::Duration;

use miso_bot_store::{Row, Statement, Store, StoreError, Value};

use crate::engines::engines;

fn sql(text: &'static str, params: Vec<Value>) -> Statement {
    Statement::new(text, params)
}

async fn counters(store: &dyn Store) {
    let create = "create table counters (name text not null, value bigint not null, note text, primary key (name))";
    store.execute(sql(create, vec![])).await.expect("creates");
}

const PUT: &str = "insert into counters (name, value, note) values ($1, $2, $3) \
                   on conflict (name) do update set value = counters.value + excluded.value, note = excluded.note";

async fn all(store: &dyn Store) -> Vec<Row> {
    store.query("select name, value, note from counters order by name", vec![]).await.expect("reads")
}

#[tokio::test]
async fn values_come_back_as_they_were_bound() {
    for engine in engines().await {
        let store = &*engine.store;
        counters(store).await;
        let odd = "'; drop table counters; -- \u{1F980} $1";
        let rows = [
            vec![odd.into(), i64::MAX.into(), Value::Null],
            vec!["b".into(), i64::MIN.into(), "{\"a\":[1,null]}".into()],
        ];
        for params in rows.clone() {
            assert_eq!(store.execute(sql(PUT, params)).await, Ok(1), "{}", engine.name);
        }
        assert_eq!(all(store).await, rows.map(Row), "{}", engine.name);
        // PostgreSQL takes no NUL; a fact that holds one must be projected all the same, and alike.
        store.execute(sql(PUT, vec!["a\0z".into(), 7.into(), Value::Null])).await.expect("takes it");
        let found = store.query("select value from counters where name = 'az'", vec![]).await.expect("reads");
        assert_eq!(found[0].integer(0), Ok(Some(7)), "{}", engine.name);
        let found = store.query("select value from counters where name = $1", vec![odd.into()]).await.expect("reads");
        assert_eq!(found[0].integer(0), Ok(Some(i64::MAX)));
        assert!(matches!(found[0].text(0), Err(StoreError::Refused(_))) && found[0].integer(1).is_err());
    }
}

#[tokio::test]
async fn parameters_are_bound_by_number_also_when_they_come_out_of_order_or_twice() {
    for engine in engines().await {
        let rows = engine
            .store
            .query("select $2 as b, $1 as a, $2 as c where $1 <> ''", vec!["one".into(), "two".into()])
            .await;
        assert_eq!(rows, Ok(vec![Row(vec!["two".into(), "one".into(), "two".into()])]), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    for engine in engines().await {
        let store = &*engine.store;
        counters(store).await;
        let put = |name: &str| sql(PUT, vec![name.into(), 1.into(), Value::Null]);
        assert_eq!(store.transact(vec![put("a"), put("b")]).await, Ok(vec![1, 1]));
        let fenced = sql("update counters set value = 9 where name = $1 and value = $2", vec!["a".into(), 7.into()]);
        let result = store.transact(vec![put("c"), fenced.expecting(1), put("d")]).await;
        assert_eq!(result, Err(StoreError::Unexpected { statement: 1, rows: 0 }), "{}", engine.name);
        let wrong = store.transact(vec![put("c"), sql("insert into nowhere values (1)", vec![])]).await;
        assert!(matches!(wrong, Err(StoreError::Refused(_))), "{}: {wrong:?}", engine.name);
        let null = store.transact(vec![put("c"), sql(PUT, vec!["e".into(), Value::Null, Value::Null])]).await;
        assert!(matches!(null, Err(StoreError::Refused(_))), "{}: {null:?}", engine.name);
        assert_eq!(all(store).await.len(), 2, "{}", engine.name);
        assert_eq!(store.transact(vec![]).await, Ok(vec![]));
    }
}

#[tokio::test]
async fn concurrent_transactions_lose_no_update() {
    for engine in engines().await {
        counters(&*engine.store).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let store = engine.store.clone();
            tasks.spawn(async move { store.execute(sql(PUT, vec!["n".into(), 1.into(), Value::Null])).await });
        }
        while let Some(result) = tasks.join_next().await {
            assert_eq!(result.expect("task"), Ok(1), "{}", engine.name);
        }
        assert_eq!(all(&*engine.store).await[0].integer(1), Ok(Some(40)), "{}", engine.name);
    }
}

#[tokio::test]
async fn a_dropped_caller_leaves_a_whole_transaction_or_none() {
    for engine in engines().await {
        counters(&*engine.store).await;
        for turn in 0..60_u32 {
            let put = |name: &str| sql(PUT, vec![name.into(), 1.into(), Value::Null]);
            let transaction = engine.store.transact(vec![put("a"), put("b"), put("c")]);
            let micros = u64::from(turn % 20) * 100;
            let _ = tokio::time::timeout(Duration::from_micros(micros), transaction).await;
        }
        // Whatever was under way ends before this one is answered (embedded), or is rolled back.
        engine.store.execute(sql(PUT, vec!["z".into(), 1.into(), Value::Null])).await.expect("goes on");
        let rows = all(&*engine.store).await;
        let values: Vec<_> = rows.iter().filter(|row| row.text(0) != Ok(Some("z"))).map(|row| row.integer(1)).collect();
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{}: {values:?}", engine.name);
    }
}

#[tokio::test]
async fn every_engine_speaks_the_sql_that_read_models_use() {
    for engine in engines().await {
        let store = &*engine.store;
        counters(store).await;
        for (name, value) in [("a", 3), ("b", 1), ("c", 2)] {
            store.execute(sql(PUT, vec![name.into(), value.into(), Value::Null])).await.expect("writes");
        }
        let ranked = "with best as (select name, value, row_number() over (order by value desc) as rank from counters) \
                      select name, rank from best where rank <= $1 order by rank";
        let rows = store.query(ranked, vec![2.into()]).await.expect("reads");
        assert_eq!(rows, [Row(vec!["a".into(), 1.into()]), Row(vec!["c".into(), 2.into()])], "{}", engine.name);
        let returned = store.query("select count(*) from counters", vec![]).await.expect("counts");
        assert_eq!(returned[0].integer(0), Ok(Some(3)));
    }
}

#[tokio::test]
async fn waiting_readers_are_told_of_commits_of_other_handles_too() {
    for engine in engines().await {
        counters(&*engine.store).await;
        // The embedded engine has one process, one handle; PostgreSQL tells every process.
        let other = if engine.name == "postgres" {
            miso_bot_store::open(&engine.url).await.expect("opens")
        } else {
            engine.store.clone()
        };
        let mut commits = other.commits();
        let seen = async {
            loop {
                commits.borrow_and_update();
                engine.store.execute(sql(PUT, vec!["a".into(), 1.into(), Value::Null])).await.expect("writes");
                let told = tokio::time::timeout(Duration::from_millis(500), commits.changed()).await;
                if told.is_ok() {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.expect("told");
    }
}

#[tokio::test]
async fn addresses_that_name_no_store_are_refused_without_repeating_a_password() {
    for address in ["mysql://joe:secret@host/db", "secret", "postgres://joe:secret@host:port/db"] {
        let error = miso_bot_store::open(address).await.expect_err(address);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("file"), "").expect("file");
    let inside_a_file = format!("file:{}", folder.path().join("file/store.db").display());
    let error = miso_bot_store::open(&inside_a_file).await.expect_err("no folder");
    assert!(error.to_string().contains("file/store.db"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_down_is_unavailable_not_a_panic() {
    let store = miso_bot_store::open("postgres://miso@127.0.0.1:1/miso").await.expect("not contacted yet");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
}
