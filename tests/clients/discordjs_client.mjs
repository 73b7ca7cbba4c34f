// An unmodified discord.js against Miso: given a URL and a credential, nothing else.
//
// usage: discordjs_client.mjs HOST:PORT CREDENTIAL
// Writes one JSON object a line: ready, guild_available, guild_join, guild_unavailable, message, resumed,
// disconnect, replied. Answers `!ping` by REST. Ends when standard input does.

import { Client, Events, GatewayIntentBits } from "discord.js";

const [address, credential] = process.argv.slice(2);
const tell = (kind, fields = {}) => console.log(JSON.stringify({ kind, ...fields }));

const { Guilds, GuildMessages, MessageContent } = GatewayIntentBits;
const client = new Client({
  intents: [Guilds, GuildMessages, MessageContent],
  rest: { api: `http://${address}/api`, version: "10" },
});

client.on(Events.ClientReady, () =>
  tell("ready", { user: client.user.id, guilds: [...client.guilds.cache.keys()].sort() }),
);
client.on(Events.GuildAvailable, (guild) => tell("guild_available", { guild: guild.id }));
client.on(Events.GuildCreate, (guild) => tell("guild_join", { guild: guild.id }));
client.on(Events.GuildUnavailable, (guild) => tell("guild_unavailable", { guild: guild.id }));
client.on(Events.GuildDelete, (guild) => tell("guild_remove", { guild: guild.id }));
client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.ShardDisconnect, () => tell("disconnect"));
client.on(Events.Error, (error) => tell("error", { text: String(error) }));
client.on(Events.MessageCreate, async (message) => {
  const own = message.author.id === client.user.id;
  tell("message", { id: message.id, channel: message.channelId, content: message.content, own });
  if (message.content === "!ping" && !message.author.bot) {
    const sent = await message.channel.send("pong from discord.js");
    tell("replied", { id: sent.id });
  }
});

process.stdin.resume();
process.stdin.on("end", async () => {
  await client.destroy();
  process.exit(0);
});
await client.login(credential);
