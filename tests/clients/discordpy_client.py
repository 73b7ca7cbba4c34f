"""An unmodified discord.py against Miso: given a URL and a credential, nothing else.

usage: discordpy_client.py HOST:PORT CREDENTIAL
Writes one JSON object a line: ready, guild_available, guild_join, guild_unavailable, message, resumed,
disconnect, replied. Answers `!ping` by REST. Ends when standard input does.
"""

import asyncio
import json
import sys
import threading

import discord
import yarl

address, credential = sys.argv[1], sys.argv[2]
discord.http.Route.BASE = f"http://{address}/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://{address}/")


def tell(kind, **fields):
    print(json.dumps({"kind": kind, **fields}), flush=True)


class Client(discord.Client):
    async def on_ready(self):
        tell("ready", user=str(self.user.id), guilds=sorted(str(g.id) for g in self.guilds))

    async def on_resumed(self):
        tell("resumed")

    async def on_disconnect(self):
        tell("disconnect")

    async def on_guild_available(self, guild):
        tell("guild_available", guild=str(guild.id))

    async def on_guild_join(self, guild):
        tell("guild_join", guild=str(guild.id))

    async def on_guild_unavailable(self, guild):
        tell("guild_unavailable", guild=str(guild.id))

    async def on_guild_remove(self, guild):
        tell("guild_remove", guild=str(guild.id))

    async def on_message(self, message):
        own = message.author.id == self.user.id
        tell("message", id=str(message.id), channel=str(message.channel.id), content=message.content, own=own)
        if message.content == "!ping" and not message.author.bot:
            sent = await message.channel.send("pong from discord.py")
            tell("replied", id=str(sent.id))


async def main():
    intents = discord.Intents.default()
    intents.message_content = True
    client = Client(intents=intents, status=discord.Status.online)
    loop = asyncio.get_running_loop()

    def until_input_ends():
        sys.stdin.read()
        loop.call_soon_threadsafe(loop.create_task, client.close())

    threading.Thread(target=until_input_ends, daemon=True).start()
    await client.start(credential)


asyncio.run(main())
