//! How long `whoknows` takes in a guild of 1,000 listeners who know 5,000 artists each.
//!
//! `cargo run --release -p miso-bot-store --example whoknows_rate [file:PATH|postgres://…] [members] [artists]`

use std::time::Instant;

use miso_bot_store::{BotStore, Statement, Store, Wanted};
use miso_log::SharedLog;
use miso_log::embedded::{EmbeddedConfig, EmbeddedLog};
use miso_model::GuildId;

/// Questions that are asked.
const QUESTIONS: u64 = 500;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir()?;
    let own = format!("file:{}", folder.path().join("store.db").display());
    let url = arguments.next().unwrap_or(own);
    let members: i64 = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let artists: i64 = arguments.next().map_or(Ok(5_000), |text| text.parse())?;
    let log: SharedLog =
        std::sync::Arc::new(EmbeddedLog::open(EmbeddedConfig::new(folder.path().join("log.db"))).await?);
    let store = miso_bot_store::open(&url).await?;
    let bot = BotStore::prepare(store.clone(), &log, rand::random).await?;
    let began = Instant::now();
    fill(&*store, members, artists).await?;
    println!("{members} members x {artists} artists in {:.1} s", began.elapsed().as_secs_f64());
    let mut times = Vec::new();
    for question in 0..QUESTIONS {
        let artist = question.wrapping_mul(2_654_435_761) % artists.unsigned_abs();
        let wanted = Wanted::Artist(format!("Artist Number {artist}"));
        let began = Instant::now();
        let known = bot.whoknows(GuildId(1), &wanted, &[]).await?;
        times.push(began.elapsed());
        assert_eq!(
            (known.members, known.top.len()),
            (members, usize::try_from(members.min(100))?),
            "everybody knows it"
        );
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1_000.0;
    println!("whoknows: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, {QUESTIONS} questions", at(50), at(95), at(99));
    Ok(())
}

/// Rows straight into the tables: what 5,000,000 listens and more would leave.
async fn fill(store: &dyn Store, members: i64, artists: i64) -> Result<(), Box<dyn std::error::Error>> {
    for member in 0..members {
        let user = (1_000_000 + member).to_string();
        let named = [
            (
                "insert into listeners (user_id, lastfm_user, hidden, indexed) values ($1, $1, 0, 1)",
                vec![user.as_str().into()],
            ),
            (
                "insert into guild_listeners (guild_id, user_id, since_ms) values ('1', $1, $2)",
                vec![user.as_str().into(), member.into()],
            ),
            (
                "insert into artist_plays (user_id, artist_key, artist, plays) \
                 with recursive n(i) as (select cast(0 as bigint) union all select i + 1 from n where i + 1 < $2) \
                 select $1, 'artist number ' || i, 'Artist Number ' || i, (i * 7919 + $3) % 997 + 1 from n",
                vec![user.as_str().into(), artists.into(), member.into()],
            ),
        ];
        store.transact(named.map(|(sql, params)| Statement::new(sql, params)).into()).await?;
    }
    Ok(())
}
