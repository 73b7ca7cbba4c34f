//! What is to be done about a recognised command. Pure.

use miso_command_catalogue::{
    Args, Asker, CATALOGUE, Colour, Command, Context, Document, Edit, Family, Found, How, Invocation, Permissions,
    Place, Reason, Runs, Value, Verdict, may_run, may_run_own, own_rule_cooldown, parse_in, rule_cooldown,
};
use miso_model::{BotCommand, GuildId};
use miso_settings::{Field, Kind, Settings};

use super::cooldown::{Cooldowns, Use};
use super::custom::own_command;
use super::pages::Press;
use super::silence::Matter;
use super::surroundings::{Standing, Surroundings};
use crate::messages::message::People;

/// What is to be done, and what kind of an answer that is.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) matter: Matter,
    pub(crate) task: Task,
    /// The command that was found.
    pub(crate) declared: Option<&'static Command>,
}

/// Where an answer comes from.
#[derive(Debug)]
pub(crate) enum Task {
    /// From nowhere: nothing is said.
    Nothing,
    /// This is the answer.
    Say(Document),
    /// It is made from Discord's state.
    Show { command: &'static Command, args: Args },
    /// The commands API knows it.
    Ask { command: &'static Command, invocation: Box<Invocation> },
    /// A command of the guild's own: its text, placeholders and all.
    Own { guild: GuildId, text: String },
}

impl Scene<'_> {
    /// Whether nobody typed it: the message handler found links in a message.
    fn is_unasked(&self) -> bool {
        self.press.is_none() && self.command.prefix.is_empty()
    }
}

impl Task {
    /// For metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "silent",
            Self::Say(_) => "say",
            Self::Show { .. } => "show",
            Self::Ask { .. } => "ask",
            Self::Own { .. } => "own",
        }
    }
}

/// All that a plan looks at.
pub(crate) struct Scene<'a> {
    pub(crate) command: &'a BotCommand,
    /// A button that was pressed, where nothing was said.
    pub(crate) press: Option<&'a Press>,
    pub(crate) people: &'a People,
    pub(crate) standing: &'a Standing,
    pub(crate) surroundings: &'a dyn Surroundings,
    /// The guild's settings of commands.
    pub(crate) rules: &'a Settings,
}

/// Decides.
pub(crate) fn plan(scene: &Scene<'_>, cooldowns: &mut Cooldowns) -> Step {
    if let Some(press) = scene.press
        && press.owner != scene.command.user_id
    {
        return warn(Matter::Answer, None, format!("Only <@{}> turns these pages.", press.owner));
    }
    let step = match CATALOGUE.find(&scene.command.line) {
        Found::Command { command, rest } => known(scene, cooldowns, command, rest),
        Found::Unknown { word, near } => {
            match (scene.command.guild_id, own_command(scene.rules, &scene.command.line)) {
                (Some(guild), Some((name, text))) => own(scene, cooldowns, guild, &name, text),
                _ => unknown(scene, cooldowns, word, near),
            }
        }
    };
    if scene.is_unasked() { unasked(step) } else { step }
}

/// Nobody asked, so nobody is told why not.
fn unasked(step: Step) -> Step {
    match step.task {
        Task::Ask { .. } => Step { matter: Matter::Unasked, ..step },
        _ => Step { matter: Matter::Unasked, task: Task::Nothing, declared: step.declared },
    }
}

/// A refusal and a hint cost as much as an answer: who asks on and on is not answered on and on.
fn charged(scene: &Scene<'_>, cooldowns: &mut Cooldowns, step: Step) -> Step {
    match cooldowns.try_any(scene.command) {
        Use::Allowed => step,
        wait => cooling(&wait, "You can use commands", step.declared),
    }
}

/// What is said to who has to wait.
fn cooling(wait: &Use, what: &str, declared: Option<&'static Command>) -> Step {
    let &Use::Wait(wait_ms) = wait else {
        return Step { matter: Matter::Repeated, task: Task::Nothing, declared };
    };
    let seconds = (wait_ms + 999) / 1_000;
    let document = Document::text(Colour::Cooldown, format!("{what} again in {seconds} s."));
    Step { matter: Matter::Cooldown, task: Task::Say(document), declared }
}

/// A command of the guild's own follows the rules and is charged like any other.
fn own(scene: &Scene<'_>, cooldowns: &mut Cooldowns, guild: GuildId, name: &str, text: String) -> Step {
    let verdict = may_run_own(name, scene.rules, &asker(scene));
    if let Some(step) = refused(name, None, &verdict) {
        return if step.matter == Matter::Ignored { step } else { charged(scene, cooldowns, step) };
    }
    let rule = own_rule_cooldown(name, scene.rules).map(|(cooldown, _)| cooldown);
    match cooldowns.try_own(name, rule, scene.command) {
        Use::Allowed => Step { matter: Matter::Answer, task: Task::Own { guild, text }, declared: None },
        wait => cooling(&wait, &format!("`{name}`"), None),
    }
}

fn known(scene: &Scene<'_>, cooldowns: &mut Cooldowns, declared: &'static Command, rest: &str) -> Step {
    let command = scene.command;
    let prefix = shown_prefix(command);
    if declared.place == Place::Guild && command.guild_id.is_none() {
        let step = warn(Matter::Answer, Some(declared), format!("`{}` works in servers only.", declared.name));
        return charged(scene, cooldowns, step);
    }
    let verdict = may_run(declared, scene.rules, &asker(scene));
    if let Some(step) = refused(declared.name, Some(declared), &verdict) {
        return if step.matter == Matter::Ignored { step } else { charged(scene, cooldowns, step) };
    }
    // A page is turned without a cooldown: what it repeats only reads.
    if scene.press.is_none() {
        let rule = rule_cooldown(declared, scene.rules).filter(|_| command.guild_id.is_some());
        match cooldowns.try_use(declared, rule.map(|(cooldown, _)| cooldown), command) {
            Use::Allowed => {}
            wait => return cooling(&wait, &format!("`{}`", declared.name), Some(declared)),
        }
    } else if declared.runs == Runs::Changes {
        return Step { matter: Matter::Ignored, task: Task::Nothing, declared: Some(declared) };
    }
    let args = match parse_in(declared, rest, scene.surroundings) {
        Ok(args) => args,
        Err(error) => {
            let examples: Vec<String> =
                declared.examples.iter().map(|example| format!("`{prefix}{example}`")).collect();
            let usage = format!("{error}\n\nUsage: `{prefix}{}`\nSuch as {}", declared.usage(), examples.join(", "));
            return warn(Matter::Answer, Some(declared), usage);
        }
    };
    if let Some(why) = declared.edit.and_then(|edit| unfit(edit, &args, scene.surroundings)) {
        return warn(Matter::Answer, Some(declared), why);
    }
    let task = match declared.runs {
        Runs::Client => Task::Show { command: declared, args },
        Runs::Reads | Runs::Changes => ask(scene, declared, &args),
    };
    Step { matter: if declared.private { Matter::Private } else { Matter::Answer }, task, declared: Some(declared) }
}

fn ask(scene: &Scene<'_>, declared: &'static Command, args: &Args) -> Task {
    let invocation = Invocation { args: args.to_json(), context: context(scene) };
    Task::Ask { command: declared, invocation: Box::new(invocation) }
}

fn asker<'a>(scene: &Scene<'a>) -> Asker<'a> {
    Asker {
        user: scene.command.user_id,
        roles: &scene.standing.roles,
        channel: Some(scene.command.channel_id),
        parent: scene.standing.parent,
        permissions: scene.standing.caller,
        bot_permissions: scene.standing.bot,
    }
}

fn refused(name: &str, declared: Option<&'static Command>, verdict: &Verdict) -> Option<Step> {
    let text = match verdict.reason {
        Reason::Nothing => return None,
        Reason::IgnoredMember | Reason::IgnoredChannel => {
            return Some(Step { matter: Matter::Ignored, task: Task::Nothing, declared });
        }
        Reason::CallerLacks(lacks) => {
            return Some(warn(
                Matter::Answer,
                declared,
                format!("You need the permission {} for that.", lacks.names().join(", ")),
            ));
        }
        Reason::BotLacks(lacks) => {
            let names = lacks.names().join(", ");
            let text = format!("I need the permission {names} for that. Give it to me, and say it again.");
            return Some(warn(Matter::Answer, declared, text));
        }
        Reason::TurnedOff => format!("`{name}` is {}.", verdict.because),
        Reason::NotHere | Reason::NotForYou => format!("`{name}`: {}.", verdict.because),
    };
    let document = Document::text(Colour::Warning, text).footer(format!("Set in {}", verdict.source));
    Some(Step { matter: Matter::Answer, task: Task::Say(document), declared })
}

/// Why a setting would not work: the bot may not do in the channel what it would have to, or cannot
/// give the role, or the caller could not give it themselves.
fn unfit(edit: Edit, args: &Args, surroundings: &dyn Surroundings) -> Option<String> {
    let (How::Set(field) | How::Add(field)) = edit.how else { return None };
    let field: &Field = miso_settings::module(edit.module)?.field(field)?;
    match (args.get("value")?, field.kind) {
        (Value::Channel(channel), Kind::Channel { types }) => {
            if surroundings.channel_kind(*channel).is_some_and(|kind| !types.contains(&kind)) {
                return Some(format!("<#{channel}> is no channel for messages."));
            }
            let lacks = surroundings.bot_in(*channel).missing(field.bot_needs);
            (lacks != Permissions::NONE).then(|| {
                let names = lacks.names().join(", ");
                format!("I need {names} in <#{channel}> for that. Give it to me there, and say it again.")
            })
        }
        (Value::Role(role), Kind::Roles { .. }) => {
            if let Err(why) = surroundings.assignable(role.0) {
                return Some(format!("I cannot give <@&{role}>: it is {why}."));
            }
            let theirs = !field.actor_needs.cover(Permissions::MANAGE_ROLES) || surroundings.outranked(role.0);
            (!theirs).then(|| format!("<@&{role}> is not below your own highest role, so you cannot have it given."))
        }
        _ => None,
    }
}

/// An unknown word is answered where the bot was meant (mentioned, in a direct message, by a family's
/// word, or with a known name near), else passed over: other bots share prefixes.
fn unknown(scene: &Scene<'_>, cooldowns: &mut Cooldowns, word: &str, near: Option<&'static Command>) -> Step {
    let command = scene.command;
    let meant = command.guild_id.is_none() || command.prefix.starts_with("<@");
    let prefix = shown_prefix(command);
    let mut words = word.split_whitespace();
    let step = if let Some(family) = words.next().and_then(|first| CATALOGUE.family(first)) {
        match (near, words.next()) {
            (None, None) => return known_help(scene, cooldowns, family),
            (None, Some(_)) => {
                let names: Vec<&str> = members(family).map(|command| command.words().1).collect();
                let text = format!("`{prefix}{}` goes on with one of: {}.", family.name, names.join(", "));
                warn(Matter::Unknown, None, text)
            }
            (Some(near), _) => did_you_mean(&prefix, near),
        }
    } else {
        match near {
            Some(near) => did_you_mean(&prefix, near),
            None if meant => {
                warn(Matter::Unknown, None, format!("There is no such command. `{prefix}help` lists them all."))
            }
            None => return Step { matter: Matter::Foreign, task: Task::Nothing, declared: None },
        }
    };
    charged(scene, cooldowns, step)
}

fn members(family: &Family) -> impl Iterator<Item = &'static Command> {
    CATALOGUE.commands.iter().filter(move |command| command.words().0 == Some(family.name))
}

/// A family's word alone asks for its help.
fn known_help(scene: &Scene<'_>, cooldowns: &mut Cooldowns, family: &Family) -> Step {
    match CATALOGUE.by_name("help") {
        Some(help) => known(scene, cooldowns, help, family.name),
        None => Step { matter: Matter::Foreign, task: Task::Nothing, declared: None },
    }
}

fn did_you_mean(prefix: &str, near: &Command) -> Step {
    warn(Matter::Unknown, None, format!("There is no such command. Did you mean `{prefix}{}`?", near.name))
}

fn warn(matter: Matter, declared: Option<&'static Command>, text: String) -> Step {
    Step { matter, task: Task::Say(Document::text(Colour::Warning, text)), declared }
}

/// What examples begin with: the prefix that was used; a mention is not repeated.
fn shown_prefix(command: &BotCommand) -> String {
    if command.prefix.starts_with("<@") { "@me ".to_owned() } else { command.prefix.clone() }
}

fn context(scene: &Scene<'_>) -> Context {
    let (command, people) = (scene.command, scene.people);
    let locale = people.author.get("locale").and_then(|locale| locale.as_str()).unwrap_or("en");
    // A pressed button does not know what the prefix was.
    let prefix = Some(shown_prefix(command)).filter(|prefix| !prefix.is_empty());
    Context {
        platform: "discord".to_owned(),
        user: command.user_id,
        guild: command.guild_id,
        channel: Some(command.channel_id),
        locale: locale.to_owned(),
        timezone: "UTC".to_owned(),
        permissions: scene.standing.caller,
        mentions: people.mentioned(),
        prefix,
        said_ms: Some(miso_model::Snowflake(command.message_id.0).created_ms()).filter(|_| scene.press.is_none()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
