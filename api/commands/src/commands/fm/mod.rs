//! Last.fm: what people listen to.

mod about;
mod chart;
mod lists;
mod named;
mod playing;
mod server;
mod settings;
mod shown;
mod whoknows;
mod whose;
mod words;

use miso_command_catalogue::Problem;

use super::{Answered, Call};
use crate::lastfm::{Lane, Lastfm, Profile};

/// Answers a command of Last.fm's.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Answered, Problem> {
    if call.command.name != "fm unset" {
        whose::see_in_guild(call).await;
    }
    match call.command.name {
        "fm set" => settings::set(call).await,
        "fm unset" => settings::unset(call).await,
        "fm blacklist" => settings::blacklist(call).await,
        "fm profile" => about::profile(call).await,
        "fm nowplaying" => playing::now(call).await,
        "fm youtube" => playing::youtube(call).await,
        "fm recent" => lists::recent(call).await,
        "fm topartists" => lists::top(call, "artists").await,
        "fm topalbums" => lists::top(call, "albums").await,
        "fm toptracks" => lists::top(call, "tracks").await,
        "fm milestone" => lists::milestone(call).await,
        "fm artist" => about::artist(call).await,
        "fm album" => about::album(call).await,
        "fm cover" => about::cover(call).await,
        "fm chart" => chart::chart(call).await,
        "fm colorchart" => chart::colours(call).await,
        "fm server" => server::server(call).await,
        "crowns" => whoknows::crowns(call).await,
        _ => whoknows::whoknows(call).await,
    }
}

/// The middleware.
fn lastfm<'a>(call: &Call<'a>) -> Result<&'a Lastfm, Problem> {
    call.api.lastfm.as_ref().ok_or_else(|| {
        let detail = "Last.fm is not set up here: whoever runs the bot has to give it a key.";
        Problem::new(422, "not-set-up", "Not set up", detail)
    })
}

/// A user of Last.fm's.
async fn profile_of(call: &Call<'_>, name: &str) -> Result<Profile, Problem> {
    Ok(lastfm(call)?.get(Lane::Interactive, &["users", name], &[]).await?.data)
}
