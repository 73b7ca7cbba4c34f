use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_command_catalogue::Permissions;
use miso_model::GuildId;
use serde::Deserialize;

use super::guild::{GuildPage, user_names};
use crate::app::App;
use crate::clients::{As, Leaderboard};
use crate::failure::Failure;
use crate::view::{Frame, Names, Place, empty, page};
use crate::visitor::SignedIn;

/// Members of a page.
const PAGE: usize = 25;
/// Pages, at most.
const PAGES: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    page: Option<usize>,
}

impl View {
    fn number(&self) -> usize {
        self.page.unwrap_or(1).clamp(1, PAGES)
    }
}

/// `GET /g/{guild}/leaderboards`.
pub(crate) async fn own(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let by = guild.reading(&signed_in.session);
    let board = app.commands.leaderboard(&by, guild.id, (view.number() - 1) * PAGE, PAGE).await?;
    let ids: Vec<String> = board.rows.iter().map(|row| row.user.clone()).collect();
    guild.learn_users(&app, &signed_in.session, &ids).await;
    let on = html! { a.button href=(format!("/g/{}/activity", guild.id)) { "Activity" } };
    let content = html! {
        (guild.warnings())
        header.page-head {
            h1 { "Leaderboard" }
            p.lead { "Experience of who writes here." }
            p.changed { "Members see it at " a href=(format!("/lb/{}/xp", guild.id)) { (app.config.public_url) "/lb/" (guild.id) "/xp" } }
        }
        (table(&board, &guild.choices.names, &format!("/g/{}/leaderboards", guild.id), view.number(), &on))
    };
    let frame =
        Frame::new(format!("Leaderboard · {}", guild.choices.guild.name), guild.place(&app, &signed_in.visitor)).wide();
    Ok(page(&app, &signed_in.visitor, &frame, &content))
}

/// `GET /lb/{guild}/xp`: for members, without the settings around it.
pub(crate) async fn public(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path((guild, kind)): Path<(String, String)>,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let id: GuildId = guild.parse().map_err(|_| Failure::NotFound)?;
    if kind != "xp" {
        return Err(Failure::NotFound);
    }
    let session = &signed_in.session;
    // 404 for who is no member.
    let guild = app.data.guild(&session.access, id).await?;
    let by = As { user: session.user, name: session.name.clone(), guild: Some(id), permissions: Permissions::NONE };
    let board = app.commands.leaderboard(&by, id, (view.number() - 1) * PAGE, PAGE).await?;
    let mut names = Names::default();
    let ids = board.rows.iter().map(|row| row.user.clone()).collect();
    for (id, name) in user_names(&app, session, Some(id), ids).await {
        names.add_user(&id, &name);
    }
    let content = html! {
        header.page-head { h1 { (guild.name) } p.lead { "Experience of who writes here." } }
        (table(&board, &names, &format!("/lb/{id}/xp"), view.number(), &html! {}))
    };
    Ok(page(&app, &signed_in.visitor, &Frame::new(format!("Leaderboard · {}", guild.name), Place::Public), &content))
}

fn table(board: &Leaderboard, names: &Names, here: &str, number: usize, action: &Markup) -> Markup {
    let most = board.rows.iter().map(|row| row.xp).max().unwrap_or(1).max(1);
    let more = i64::try_from(number * PAGE).is_ok_and(|shown| shown < board.total);
    html! {
        @if board.rows.is_empty() {
            (empty("Nobody has experience yet. It is counted once Activity is on.", action))
        } @else {
            table.board.cards {
                caption.hidden { "Leaderboard, page " (number) }
                thead { tr { th scope="col" { "Rank" } th scope="col" { "Member" } th scope="col" { "Level" } th scope="col" { "Experience" } th scope="col" { "Messages" } } }
                tbody {
                    @for row in &board.rows {
                        tr {
                            td.num data-label="Rank" { (row.rank) }
                            th scope="row" { (names.user_shown(&row.user)) }
                            td.num data-label="Level" { (row.level) }
                            td.num data-label="Experience" {
                                (row.xp)
                                svg.meter viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" { rect width=(row.xp.saturating_mul(100) / most) height="4" rx="2" {} }
                            }
                            td.num data-label="Messages" { (row.messages) }
                        }
                    }
                }
            }
            nav.pages aria-label="Pages" {
                @if number > 1 { a.button rel="prev" href=(format!("{here}?page={}", number - 1)) { "Higher" } }
                span.muted { (board.total) " members" }
                @if more { a.button rel="next" href=(format!("{here}?page={}", number + 1)) { "Lower" } }
            }
        }
    }
}
