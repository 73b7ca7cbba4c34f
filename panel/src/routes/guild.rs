//! A guild's page: who may see it, what it is made from, its navigation.

use maud::{Markup, html};
use miso_command_catalogue::Permissions;
use miso_model::GuildId;
use miso_settings::module;

use crate::access::{Level, level};
use crate::app::App;
use crate::clients::{As, GuildSettings, Owner};
use crate::failure::Failure;
use crate::health::{Finding, findings, is_on};
use crate::hierarchy::out_of_reach;
use crate::session::Session;
use crate::view::{Choices, Names, Place, banner, dot, icon, picture};
use crate::visitor::{SignedIn, Visitor};

/// The module that says who may use the panel.
pub(crate) const ACCESS: &str = "access";
/// An answer of the data API that is older is said to be old.
const OLD_MS: i64 = 60_000;
/// Members that a picker offers before anybody searches.
const FIRST_MEMBERS: usize = 50;

/// A guild as its pages need it. Made anew for every request: a permission that was taken away is
/// gone with the next click.
pub(crate) struct GuildPage {
    pub(crate) id: GuildId,
    pub(crate) level: Level,
    /// What the visitor may do at Discord.
    permissions: Permissions,
    may_manage: bool,
    pub(crate) settings: GuildSettings,
    /// The settings are those of the last read: the commands API is away.
    pub(crate) behind: bool,
    pub(crate) choices: Choices,
    pub(crate) findings: Vec<Finding>,
    /// What a page has under its form.
    pub(crate) below: Option<Markup>,
}

impl GuildPage {
    /// Reads everything, if the visitor may see it.
    pub(crate) async fn open(app: &App, signed_in: &SignedIn, id: &str) -> Result<Self, Failure> {
        let id: GuildId = id.parse().map_err(|_| Failure::NotFound)?;
        let (session, token) = (&signed_in.session, signed_in.session.access.as_str());
        let (guild, me) = tokio::try_join!(app.data.guild(token, id), app.data.guild_me(token, id))?;
        let by = vouched(session, id, me.permissions);
        let (settings, channels, roles) = tokio::join!(
            app.commands.settings(&by, Owner::Guild(id)),
            app.data.channels(token, id),
            app.data.roles(token, id),
        );
        let (settings, behind) = match settings {
            Ok(settings) => {
                app.keep_settings(id, &settings);
                (settings, false)
            }
            Err(error) => match app.kept_settings(id).filter(|_| error.status().is_none()) {
                Some(kept) => (kept, true),
                None => return Err(error.into()),
            },
        };
        let Some(level) = level(&me, &settings) else {
            let owner = guild.owner_id.clone().into_iter().collect();
            let owner = user_names(app, session, Some(id), owner).await.pop().map(|(_, name)| format!(", {name},"));
            return Err(Failure::Forbidden {
                needs: "You need the permission Manage Server, or a role that is listed under Access.".to_owned(),
                who: format!("The owner of {}{} can give you one.", guild.name, owner.unwrap_or_default()),
            });
        };
        let (channels, roles) = (channels?, roles?);
        let mut names = Names::of(&channels, &roles);
        names.add_user(&session.user.to_string(), &session.name);
        let out_of_reach = out_of_reach(&guild, &session.user.to_string(), &me, &roles);
        let choices = Choices {
            guild,
            out_of_reach,
            names,
            channels,
            roles,
            member_search: Some(format!("/g/{id}/pick/members")),
            ..Choices::default()
        };
        let findings = findings(&settings, &choices);
        let (permissions, may_manage) = (me.permissions, me.may_manage);
        Ok(Self { id, level, permissions, may_manage, settings, behind, choices, findings, below: None })
    }

    /// For whom the panel reads.
    pub(crate) fn reading(&self, session: &Session) -> As {
        vouched(session, self.id, self.permissions)
    }

    /// For whom the panel writes, if they may.
    pub(crate) fn writing(&self, session: &Session) -> Result<As, Failure> {
        if self.level < Level::Write {
            return Err(Failure::Forbidden {
                needs: "You may look at these settings, but not change them: that needs Manage Server, or a role listed under Access.".to_owned(),
                who: format!("Everybody who manages {} can give you one.", self.choices.guild.name),
            });
        }
        Ok(vouched(session, self.id, self.permissions))
    }

    /// For whom the panel writes a module, if they may. Who else may use the panel is for those alone who
    /// manage the guild at Discord.
    pub(crate) fn writing_module(&self, module: &str, session: &Session) -> Result<As, Failure> {
        if module == ACCESS && !self.may_manage {
            return Err(Failure::Forbidden {
                needs: "Who may use this panel is decided by those with the permission Manage Server alone.".to_owned(),
                who: format!("Everybody who manages {} can change it.", self.choices.guild.name),
            });
        }
        self.writing(session)
    }

    /// Why nothing can be changed, if so.
    pub(crate) fn read_only(&self) -> Option<&'static str> {
        if self.behind {
            Some("The commands API does not answer. You see what it said last; nothing can be saved until it is back.")
        } else if self.level < Level::Write {
            Some("You may look, but not change anything: that needs Manage Server, or a role listed under Access.")
        } else {
            None
        }
    }

    /// Looks names up that the guild's lists do not have; an unknown one stays an id.
    pub(crate) async fn learn_users(&mut self, app: &App, session: &Session, ids: &[String]) {
        let unknown = ids.iter().filter(|id| self.choices.names.user(id).is_none());
        let names = user_names(app, session, Some(self.id), unknown.cloned().collect()).await;
        for (id, name) in names {
            self.choices.names.add_user(&id, &name);
        }
    }

    /// Fetches the first members and the emojis, for forms that pick some.
    pub(crate) async fn learn_choices(&mut self, app: &App, session: &Session, members: bool, emojis: bool) {
        let token = &session.access;
        if members && let Ok(found) = app.data.members(token, self.id, "", FIRST_MEMBERS).await {
            for member in &found {
                self.choices.names.add_user(&member.id, member.shown());
            }
            self.choices.members = found;
        }
        if emojis && let Ok(found) = app.data.emojis(token, self.id).await {
            self.choices.emojis = found;
        }
    }

    /// The rail.
    pub(crate) fn place(&self, app: &App, visitor: &Visitor) -> Place {
        Place::Guild(self.navigation(app, visitor))
    }

    /// Above every page: what is old or away.
    pub(crate) fn warnings(&self) -> Markup {
        let age = self.choices.guild.meta.age_ms.filter(|age| *age > OLD_MS && !self.choices.guild.unavailable);
        html! {
            @if self.choices.guild.unavailable {
                (banner("warn", &html! { p { "Discord says that this server is unavailable at the moment." } }))
            }
            @if let Some(age) = age.filter(|age| *age > 15 * OLD_MS) {
                (banner("info", &html! { p { "Miso last heard of this part of Discord " (crate::view::duration(age / 1_000)) " ago." } }))
            }
        }
    }

    fn navigation(&self, app: &App, visitor: &Visitor) -> Markup {
        let guild = &self.choices.guild;
        let id = self.id.to_string();
        html! {
            details.switcher {
                summary {
                    (picture("icons", &id, guild.icon.as_deref(), &guild.name, app.pictures()))
                    span.switcher-name { (guild.name) }
                    (icon("chevrons-up-down"))
                }
                div.switcher-list hx-get="/g/switch" hx-trigger="toggle from:closest details once" { a href="/g" { "All my servers" } }
            }
            @for (group, entries) in NAVIGATION {
                p.rail-title { (group) }
                ul { @for (path, icon_name, name) in *entries { (self.entry(visitor, path, icon_name, name)) } }
            }
            details.later {
                summary { "Not built yet" }
                ul { @for (path, name) in LATER.iter().filter(|(path, _)| NAVIGATION.iter().all(|(_, entries)| entries.iter().all(|(known, ..)| known != path))) { (self.entry(visitor, path, "chevron-right", name)) } }
            }
        }
    }

    fn entry(&self, visitor: &Visitor, path: &str, icon_name: &str, name: &str) -> Markup {
        let href = if path.is_empty() { format!("/g/{}", self.id) } else { format!("/g/{}/{path}", self.id) };
        let here = visitor.path.split('?').next().unwrap_or_default() == href;
        html! {
            li {
                a href=(href) aria-current=[here.then_some("page")] {
                    (icon(icon_name)) span { (name) }
                    @if let Some((state, says)) = self.state(path) { (dot(state, says)) }
                }
            }
        }
    }

    /// How a module is: broken, waiting, working, or nothing to say.
    fn state(&self, path: &str) -> Option<(&'static str, &'static str)> {
        let of = |key: &str| {
            if self.findings.iter().any(|finding| finding.module == key && finding.state == "danger") {
                Some(("danger", "does not work"))
            } else if self.findings.iter().any(|finding| finding.module == key) {
                Some(("warn", "not ready"))
            } else {
                None
            }
        };
        if path == "greeting"
            && let Some(state) = of("goodbye")
        {
            return Some(state);
        }
        let declared = module(path)?;
        let on = || (declared.field("enabled").is_some() && is_on(declared, &self.settings)).then_some(("ok", "works"));
        of(path).or_else(on)
    }
}

/// The panel's word for a member: asked only after [`GuildPage::open`] has found the guild in their
/// hands or is about to, and always for this guild alone.
/// Changing settings is theirs by the panel's word; what they may do at Discord besides is Discord's.
fn vouched(session: &Session, guild: GuildId, at_discord: Permissions) -> As {
    let permissions = at_discord.and(Permissions::MANAGE_GUILD);
    As { user: session.user, name: session.name.clone(), guild: Some(guild), permissions }
}

/// Users that are looked up for one page, at most; further ones stay ids.
const LOOKED_UP: usize = 50;

/// What users are called: members by their nick, others by their name.
pub(crate) async fn user_names(
    app: &App,
    session: &Session,
    guild: Option<GuildId>,
    mut ids: Vec<String>,
) -> Vec<(String, String)> {
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(LOOKED_UP);
    let one = |id: String| async move {
        let user = id.parse().ok()?;
        if let Some(guild) = guild
            && let Ok(member) = app.data.member(&session.access, guild, user).await
        {
            return Some((id, member.shown().to_owned()));
        }
        let user = app.data.user(&session.access, user).await.ok()?;
        Some((id, user.shown().to_owned()))
    };
    futures_util::future::join_all(ids.into_iter().map(one)).await.into_iter().flatten().collect()
}

type Entry = (&'static str, &'static str, &'static str);

/// Groups of entries: path, icon, name.
const NAVIGATION: &[(&str, &[Entry])] = &[
    (
        "Server",
        &[
            ("", "layout-dashboard", "Overview"),
            ("general", "settings-2", "General"),
            ("access", "key-round", "Access"),
            ("commands", "terminal", "Commands"),
            ("custom-commands", "message-square-text", "Custom commands"),
        ],
    ),
    (
        "Members",
        &[
            ("greeting", "door-open", "Greeting"),
            ("roles", "badge-check", "Roles"),
            ("activity", "activity", "Activity"),
            ("leaderboards", "trophy", "Leaderboards"),
            ("lastfm", "music", "Last.fm"),
        ],
    ),
    ("Messages", &[("logs", "scroll-text", "Logs"), ("starboard", "star", "Starboard"), ("embeds", "link", "Embeds")]),
    ("Record", &[("audit", "history", "Audit"), ("transfer", "arrow-left-right", "Transfer")]),
];

/// Pages that are planned: path and name. One that stands in the navigation too is planned only where its
/// module is not declared.
pub(crate) const LATER: &[(&str, &str)] = &[
    ("messages", "Messages"),
    ("role-menus", "Role menus"),
    ("colorizer", "Colorizer"),
    ("embeds", "Embeds"),
    ("responses", "Responses"),
    ("lastfm", "Last.fm"),
    ("moderation", "Moderation"),
    ("cases", "Cases"),
];
