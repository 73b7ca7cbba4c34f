//! The pages, one file per group.

mod audit;
mod command_test;
mod embeds;
mod forms;
mod guild;
mod guild_commands;
mod guilds;
mod leaderboards;
mod me;
mod modules;
mod ops;
mod overview;
mod pick;
mod play;
mod play_files;
mod public;
mod reminders;
mod samples;
mod theme;
mod transfer;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::failure::Failure;
use crate::{assets, guard, login};

pub(crate) use me::oneself;
pub(crate) use ops::OPS_PAGES;

pub(crate) fn router(app: Arc<App>) -> Router {
    let pages = Router::new()
        .route("/", get(public::landing))
        .route("/commands", get(public::commands))
        .route("/commands/{group}", get(public::command_group))
        .route("/status", get(public::status))
        .route("/privacy", get(public::privacy))
        .route("/terms", get(public::terms))
        .route("/lb/{guild}/{kind}", get(leaderboards::public))
        .route("/login", get(login::begin))
        .route("/callback", get(login::finish))
        .route("/logout", post(login::end))
        .route("/logout/everywhere", post(login::end_all))
        .route("/theme", get(theme::change))
        .route("/me", get(me::overview))
        .route("/me/time", get(me::time).post(me::save_time))
        .route("/me/notifications", get(me::notifications).post(me::save_notifications))
        .route("/me/lastfm", get(me::listening).post(me::save_lastfm))
        .route("/me/reminders", get(reminders::list).post(reminders::change))
        .route("/me/privacy", get(me::privacy).post(me::save_privacy))
        .route("/me/privacy/export", get(me::export))
        .route("/me/privacy/delete", post(me::delete))
        .route("/g", get(guilds::mine))
        .route("/g/switch", get(guilds::switch))
        .route("/g/{guild}", get(overview::overview))
        .route("/g/{guild}/commands", get(guild_commands::show).post(guild_commands::save))
        .route("/g/{guild}/leaderboards", get(leaderboards::own))
        .route("/g/{guild}/audit", get(audit::list))
        .route("/g/{guild}/audit/{version}/revert", post(audit::revert))
        .route("/g/{guild}/test", post(samples::send))
        .route("/g/{guild}/undo", post(audit::undo))
        .route("/g/{guild}/transfer", get(transfer::show).post(transfer::import))
        .route("/g/{guild}/transfer/file", get(transfer::export))
        .route("/g/{guild}/transfer/reset", post(transfer::reset))
        .route("/g/{guild}/preview/{module}", post(pick::preview_of))
        .route("/g/{guild}/pick/members", get(pick::members))
        .route("/g/{guild}/{module}", get(modules::show).post(modules::save))
        .route("/g/{guild}/{module}/{part}", get(modules::part))
        .merge(ops::router())
        .route("/play", get(play::show))
        .route("/play/trace", get(play::trace))
        .route("/play/kill", post(play::kill))
        .route("/play/file/{channel}/{id}/{name}", get(play_files::file))
        .route("/play/chat", get(play::messages))
        .route("/play/events", get(play::events))
        .route("/play/say", post(play::say))
        .route("/play/act", post(play::act))
        .route("/play/join", post(play::join))
        .route("/play/drop", post(play::drop_gateway))
        .fallback(|| async { Failure::NotFound })
        .method_not_allowed_fallback(|| async {
            Failure::new(405, "method-not-allowed", "Not that way", "This address takes other methods.")
        })
        .layer(from_fn_with_state(Arc::clone(&app), guard::around))
        .layer(axum::middleware::from_fn(compress));
    let health = get(|| async { "ok\n" });
    pages.route("/assets/{hash}/{*file}", get(assets::serve)).route("/healthz", health).with_state(app)
}

/// Bytes of a page from which compressing is worth it.
const COMPRESS_FROM: usize = 1_024;

/// Compresses pages for browsers that take it. Streams pass.
async fn compress(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    use axum::body::{Body, HttpBody as _};
    use axum::http::{HeaderValue, header};

    let takes = assets::takes_gzip(request.headers());
    let response = next.run(request).await;
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let worth = size.is_some_and(|size| size >= COMPRESS_FROM);
    let encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    let size = match size {
        Some(size) if takes && worth && !encoded => size,
        _ => return response,
    };
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, size).await else {
        return axum::response::Response::from_parts(parts, Body::empty());
    };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    parts.headers.remove(header::CONTENT_LENGTH);
    axum::response::Response::from_parts(parts, Body::from(assets::gzip(&bytes, flate2::Compression::fast())))
}
