// What members do in the playground: link Last.fm, ask what they listen to, paste links.

// A post of the simulated world on each site that the page of embeds names.
const LINKS = {
  x: "https://x.com/ann/status/1900000000000000001",
  bluesky: "https://bsky.app/profile/ann.bsky.social/post/3kmiso1",
  mastodon: "https://mastodon.social/@ann/115000000000000001",
  reddit: "https://www.reddit.com/r/soup/comments/miso1/a_bowl/",
  youtube: "https://www.youtube.com/watch?v=misovideo01",
  tiktok: "https://www.tiktok.com/@ann/video/7300000000000000001",
  instagram: "https://www.instagram.com/p/Cmiso01/",
  threads: "https://www.threads.com/@ann/post/Cmiso01",
};

// Says it, and waits for an answer of the bot in which `seen` holds; the answer's text.
async function ask(driver, words, seen) {
  const { page, eventually } = driver;
  const answers = () => page.$$eval(".message:has(.tag)", (messages) => messages.map((message) => [message.id, message.textContent]));
  const before = new Set((await answers()).map(([id]) => id));
  await page.type("input[name=content], textarea[name=content]", words);
  await page.keyboard.press("Enter");
  await eventually(`${words} is answered`, async () => (await answers()).some(([id, text]) => !before.has(id) && seen(text)));
}

export async function listening(driver) {
  const { page, open, eventually, picture } = driver;
  await open("/play");
  await ask(driver, ">fm set ann", (answer) => /ann/i.test(answer));
  await ask(driver, ">fm np", (answer) => /—|plays/.test(answer));
  await picture("fm-nowplaying");
  await ask(driver, ">fm chart 5x5", () => true);
  await eventually("the chart is a picture", () => page.$$eval(".message img", (images) => images.some((image) => /chart/.test(image.src) && image.naturalWidth > 500)));
  await picture("fm-chart");
  await ask(driver, ">wk", (answer) => /plays|knows|1\./i.test(answer));
  await picture("fm-whoknows");
  console.log("Last.fm was linked, a track, a chart and who knows its artist were seen");
}

export async function links(driver, guild) {
  const { page, open, eventually, picture, saved } = driver;
  await open(`${guild}/embeds`);
  for (const site of Object.keys(LINKS)) {
    if (!(await page.$eval(`#f-${site}`, (field) => field.checked))) await page.click(`#f-${site}`);
  }
  await Promise.all([
    page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().endsWith("/embeds")),
    page.click(".save-bar button[type=submit]"),
  ]);
  await saved();
  await open("/play");
  // Two members paste: one alone would be slowed down after the fifth.
  const users = await page.$$eval("#as option", (options) => options.map((option) => option.value));
  for (const [number, url] of Object.values(LINKS).entries()) {
    await page.select("#as", users[number % 2]);
    await ask(driver, `look: ${url}`, (answer) => /Ann|ann|soup/.test(answer));
  }
  await eventually("a post's picture is shown", () => page.$$eval(".message:has(.tag) img", (images) => images.some((image) => image.naturalWidth > 0)));
  await picture("links");
  console.log(`a pasted link of ${Object.keys(LINKS).length} sites was answered`);
}
