use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use miso_command_catalogue::{Cooldown, Document, Invocation, Permissions, Place, Runs};
use miso_discord_state::DiscordState;
use miso_log::catalogue::BOT_COMMANDS;
use miso_log::{Append, LogError, OffsetCommit, Owned, ReadError, Record, Schemas, SharedLog, TransactError, Waits};
use miso_model::BotCommand;

use super::GROUP;
use super::action::{Buttons, actions, delete_trigger, turned};
use super::attachments::{Allowance, Files, without};
use super::client::ApiClient;
use super::cooldown::Cooldowns;
use super::custom::say;
use super::display::show;
use super::media::{has_button, tidy, wants_deletion};
use super::pages::Press;
use super::plan::{Scene, Step, Task, plan};
use super::rules::Rules;
use super::silence::{Matter, Way, way};
use super::surroundings::{Here, standing};
use crate::HandlersError;
use crate::clock::now_ms;
use crate::form::File;
use crate::messages::message::People;
use crate::parked::{gap, parked};

/// Commands answered in one transaction, at most.
pub const COMMAND_BATCH: usize = 64;
/// Channels of one partition whose commands run at once; commands of one channel run in order.
pub const CONCURRENT_CHANNELS: usize = 16;
/// How long commands under way may end when the partition must be handed back; then they are left
/// to the next owner.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a command waits for Discord's state to have folded its message; then it goes on with
/// what is known.
const FOLD_PATIENCE: Duration = Duration::from_secs(5);

/// What is asked of other services.
#[derive(Debug, Clone)]
pub(crate) struct Asks {
    pub(crate) client: ApiClient,
    pub(crate) files: Files,
}

/// The owner of one partition of `bot.commands`.
pub(crate) struct Worker {
    partition: i32,
    owned: Owned,
    log: SharedLog,
    schemas: Arc<Schemas>,
    asks: Asks,
    state: Arc<DiscordState>,
    rules: Rules,
    cooldowns: Cooldowns,
    waits: Waits,
}

/// A command with what is to be done about it.
struct Planned {
    command: BotCommand,
    press: Option<Press>,
    people: People,
    step: Step,
    way: Way,
    /// Whether the message that called it is to go.
    deletes: bool,
    /// Whether the bot may attach files where it answers.
    attaches: bool,
    /// Whether the bot may change what others wrote there.
    tidies: bool,
}

/// The partition is ours no more, or must be handed back.
struct Leave;

impl Worker {
    pub(crate) fn new(
        owned: Owned,
        log: SharedLog,
        schemas: Arc<Schemas>,
        asks: Asks,
        state: Arc<DiscordState>,
        rules: Rules,
        global: Cooldown,
    ) -> Self {
        let partition = owned.owner.partition();
        let (cooldowns, waits) = (Cooldowns::new(global), Waits::default());
        Self { partition, owned, log, schemas, asks, state, rules, cooldowns, waits }
    }

    pub(crate) async fn run(mut self) -> Result<(), HandlersError> {
        let start = loop {
            match self.start().await {
                Ok(start) => break start,
                Err(LogError::Unavailable(reason)) => {
                    if self.wait("the log is away", &reason).await.is_err() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        let mut reader = self.log.reader(BOT_COMMANDS, &[(self.partition, start)]);
        let stop = self.owned.stop.clone();
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                batch = reader.next() => batch,
            };
            let left = match batch {
                Ok(batch) => {
                    let records: Vec<Record> = batch.iter().cloned().collect();
                    let mut left = Ok(());
                    for records in records.chunks(COMMAND_BATCH) {
                        left = self.batch(records).await?;
                        if left.is_err() {
                            break;
                        }
                    }
                    left
                }
                Err(ReadError::BehindRetention { wanted, earliest, .. }) => {
                    let record = gap(GROUP, BOT_COMMANDS, self.partition, wanted, earliest);
                    self.commit(vec![record], earliest).await?
                }
                Err(ReadError::Unavailable(reason)) => self.wait("commands cannot be read", &reason).await,
                Err(ReadError::Closed) => return Err(LogError::Closed.into()),
            };
            if left.is_err() {
                return Ok(());
            }
        }
    }

    async fn start(&self) -> Result<i64, LogError> {
        match self.log.committed(GROUP, BOT_COMMANDS, self.partition).await? {
            Some(next) => Ok(next),
            None => Ok(self.log.bounds(BOT_COMMANDS, self.partition).await?.earliest),
        }
    }

    async fn batch(&mut self, records: &[Record]) -> Result<Result<(), Leave>, HandlersError> {
        let Some(last) = records.last() else { return Ok(Ok(())) };
        let mut out = Vec::new();
        // In order within a channel; the first of each channel decides the order of channels.
        let mut channels: BTreeMap<u64, Vec<Planned>> = BTreeMap::new();
        for record in records {
            match self.schemas.decode_waiting::<BotCommand>(record.value.as_deref().unwrap_or_default()).await {
                Ok(command) => {
                    let planned = self.plan(command).await;
                    channels.entry(planned.command.channel_id.0).or_default().push(planned);
                }
                Err(error) => out.push(parked(GROUP, BOT_COMMANDS, record, "malformed_record", &error.to_string())),
            }
        }
        let (asks, state, allowance) = (&self.asks, &self.state, &Allowance::default());
        let answering = stream::iter(channels.into_values())
            .map(|commands| async move {
                let mut answers = Vec::with_capacity(commands.len());
                for planned in commands {
                    answers.extend(answer(asks, state, planned, allowance).await);
                }
                answers
            })
            .buffer_unordered(CONCURRENT_CHANNELS)
            .collect::<Vec<_>>();
        let stop = self.owned.stop.clone();
        let too_late = async {
            stop.cancelled().await;
            tokio::time::sleep(SETTLE).await;
        };
        tokio::select! {
            answers = answering => out.extend(answers.into_iter().flatten()),
            () = too_late => return Ok(Err(Leave)),
        }
        self.commit(out, last.offset + 1).await
    }

    async fn plan(&mut self, command: BotCommand) -> Planned {
        let folded = self.state.wait_folded(command.event_partition, command.event_offset + 1);
        let _ = tokio::time::timeout(FOLD_PATIENCE, folded).await;
        let press = Press::of(&command);
        let people =
            if press.is_some() { People::of_interaction(&command.message) } else { People::read(&command.message) };
        let standing = standing(&self.state, &command, &people.member);
        let rules = self.rules.of(command.guild_id);
        let scene = Scene {
            command: &command,
            press: press.as_ref(),
            people: &people,
            standing: &standing,
            surroundings: &Here::new(&self.state, &command, &people),
            rules: &rules,
        };
        let step = plan(&scene, &mut self.cooldowns);
        let direct = command.guild_id.is_none();
        let tidies = press.is_none() && !direct && standing.bot.cover(Permissions::MANAGE_MESSAGES);
        let mut way = match (&press, step.matter) {
            // A pressed button is answered where it is.
            (Some(_), Matter::Answer | Matter::Unknown | Matter::Private) => Way::Reply { embed: true, refers: false },
            _ => way(step.matter, standing.bot, direct),
        };
        // What will be gone is not replied to.
        if let (Way::Reply { refers, .. }, Task::Ask { invocation, .. }) = (&mut way, &step.task)
            && tidies
            && wants_deletion(invocation)
        {
            *refers = false;
        }
        metrics::counter!("miso_handlers_commands_total", "step" => step.task.name()).increment(1);
        if let Way::Nothing(why) = way {
            metrics::counter!("miso_handlers_silences_total", "reason" => why).increment(1);
            tracing::debug!(event = command.event_id, why, "a command is not answered");
        }
        let private = step.declared.is_some_and(|declared| declared.private);
        let called = step.declared.is_some() || matches!(step.task, Task::Own { .. });
        let deletes = tidies
            && called
            && step.matter != Matter::Unasked
            && !matches!(way, Way::Nothing(_))
            && (private || rules.switch("commands", "delete_trigger"));
        let attaches = direct || standing.bot.cover(Permissions::ATTACH_FILES);
        Planned { command, press, people, step, way, deletes, attaches, tidies }
    }

    /// Answers and position, all or nothing.
    async fn commit(&mut self, records: Vec<Append>, next: i64) -> Result<Result<(), Leave>, HandlersError> {
        let offset = OffsetCommit { group: GROUP.to_owned(), topic: BOT_COMMANDS, partition: self.partition, next };
        loop {
            match self.owned.owner.transact(records.clone(), vec![offset.clone()]).await {
                Ok(_) => {
                    self.waits.reset();
                    return Ok(Ok(()));
                }
                Err(TransactError::Fenced(_)) => return Ok(Err(Leave)),
                Err(TransactError::Retry(reason)) => {
                    if let Err(leave) = self.wait("a transaction was aborted", &reason).await {
                        return Ok(Err(leave));
                    }
                }
                Err(TransactError::Refused(reason)) => return Err(LogError::Refused(reason).into()),
            }
        }
    }

    async fn wait(&mut self, what: &str, error: &impl std::fmt::Display) -> Result<(), Leave> {
        self.waits.wait(what, error, &self.owned.stop).await;
        if self.owned.stop.is_cancelled() || !self.owned.owner.is_current() { Err(Leave) } else { Ok(()) }
    }
}

/// Carries a command out and says what came of it. What cannot be said is not done either.
async fn answer(asks: &Asks, state: &Arc<DiscordState>, planned: Planned, allowance: &Allowance) -> Vec<Append> {
    let Planned { command, press, people, step, way, deletes, attaches, tidies } = planned;
    let mut out = Vec::new();
    let mut tidied = None;
    if !matches!(way, Way::Nothing(_)) {
        // What changes something is not said again to turn a page; nor is what works in servers only, in
        // a direct message.
        let pages = step.declared.is_some_and(|declared| {
            declared.runs != Runs::Changes && (way != Way::Direct || declared.place == Place::Anywhere)
        });
        let said = said(asks, state, &command, &people, step, way).await;
        out.extend(said.own);
        let shown = said.shown.is_some();
        tidied = said.shown.filter(|_| tidies).and_then(|invocation| tidy(&command, &invocation, now_ms()));
        match (said.document, &press) {
            (Some(document), Some(press)) => out.push(turned(&command, &document, press, now_ms())),
            (Some(mut document), None) => {
                let wanted = document.attachments.len();
                let files = attached(asks, &mut document, way, attaches, allowance).await;
                // A message goes for what takes its place, not for a part of it.
                tidied = tidied.filter(|_| files.len() == wanted);
                let buttons = Buttons { pages: pages && !shown, delete: shown };
                out.extend(actions(&command, &document, &files, way, buttons, now_ms()));
            }
            (None, _) => {}
        }
    }
    if deletes {
        out.push(delete_trigger(&command, now_ms()));
    } else {
        out.extend(tidied);
    }
    out
}

/// What there is to say about a command.
#[derive(Default)]
struct Said {
    document: Option<Document>,
    /// The message of a guild's own command.
    own: Option<Append>,
    /// Of posts that are shown: what was asked.
    shown: Option<Box<Invocation>>,
}

async fn said(
    asks: &Asks,
    state: &Arc<DiscordState>,
    command: &BotCommand,
    people: &People,
    step: Step,
    way: Way,
) -> Said {
    let document = match step.task {
        Task::Nothing => return Said::default(),
        _ if way == Way::React => Document::default(),
        Task::Say(document) => document,
        Task::Show { command: declared, args } => show(declared.name, &args, state, command, people).await,
        Task::Ask { command: declared, invocation } => {
            let told = asks.client.ask(declared.name, &command.event_id, &invocation).await;
            if let Some(why) = told.refused.as_deref().filter(|_| step.matter == Matter::Unasked) {
                metrics::counter!("miso_handlers_silences_total", "reason" => "not_shown").increment(1);
                tracing::info!(event = command.event_id, why, "links are not shown");
                return Said::default();
            }
            let shown = told.refused.is_none() && has_button(declared);
            return Said { document: Some(told.document), own: None, shown: shown.then_some(invocation) };
        }
        Task::Own { guild, text } => {
            let replies = matches!(way, Way::Reply { .. });
            let own = replies.then(|| say(command, guild, state, &text, now_ms()));
            return Said { own, ..Said::default() };
        }
    };
    Said { document: Some(document), ..Said::default() }
}

/// The files of an answer, where it is one that can hold them; else it says why not.
async fn attached(asks: &Asks, document: &mut Document, way: Way, attaches: bool, allowance: &Allowance) -> Vec<File> {
    match way {
        Way::Reply { .. } if attaches => asks.files.of(document, allowance).await,
        Way::Reply { .. } => {
            without(document, "I may not attach files here, so the picture is missing.");
            Vec::new()
        }
        Way::React | Way::Direct | Way::Nothing(_) => {
            without(document, "The picture is shown only where I may write.");
            Vec::new()
        }
    }
}
