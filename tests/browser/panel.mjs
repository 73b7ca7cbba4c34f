// The panel in a real browser, against a running demo:
//   node panel.mjs PANEL_URL [FOLDER_FOR_SCREENSHOTS]
// 1. What a new admin does: log in, set a greeting with the channel picker, let a member join in the
//    playground, see the greeting arrive.
// 2. The same with the keyboard alone, for the goodbye.
// 3. Last.fm and links in the playground: see listening.mjs.
// 4. axe finds nothing on any page, dark and light, on a phone and on a desktop; nothing is wider than the screen.
// Prints what it does; the first failure ends it with exit code 1.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";
import { links, listening } from "./listening.mjs";

const [base, pictures] = process.argv.slice(2);
const PATIENCE = 20_000;
const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
// A page's own policy forbids what axe is injected by; what the policy itself does is tested elsewhere.
await page.setBypassCSP(true);
await page.setViewport(DESKTOP);
const broken = [];
// What axe and the ruler found, of all pages.
const wrong = [];
page.on("pageerror", (error) => broken.push(`script: ${error.message}`));
page.on("response", (response) => {
  if (response.status() >= 400 && response.url().startsWith(base)) broken.push(`${response.status()} ${response.url()}`);
});

function check(holds, what) {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

async function open(path) {
  const answer = await page.goto(base + path, { waitUntil: "load" });
  return answer.status();
}

async function theme(to) {
  await page.setCookie({ name: "theme", value: to, url: base });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: to }]);
}

async function picture(name) {
  if (!pictures) return;
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

async function text(selector) {
  return page.$eval(selector, (element) => element.textContent);
}

async function eventually(what, condition) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`after ${PATIENCE / 1000} s still not: ${what}`);
}

async function logIn() {
  await open("/login");
  check(page.url().includes("/oauth2/authorize"), "the login asks Discord");
  await Promise.all([page.waitForNavigation(), page.click("li a")]);
  check(new URL(page.url()).pathname === "/g", "after the login one sees one's guilds");
}

async function saved() {
  await eventually("the change is saved", async () => /Saved|Everything is saved/.test(await text(".save-bar")));
}

async function greetingByMouse(guild) {
  await open(`${guild}/greeting`);
  await page.click("#f-enabled");
  await page.click("#f-channel");
  await page.type("#f-channel", "gen");
  await page.waitForSelector("#f-channel-list [role=option]", { visible: true });
  await page.click("#f-channel-list [role=option]");
  await page.$eval("#f-message", (field) => { field.value = ""; });
  await page.type("#f-message", "Hello {mention}, welcome aboard {server}!");
  await eventually("the preview shows it", async () => (await text("#f-message-preview")).includes("welcome aboard Miso Kitchen"));
  await picture("greeting");
  await Promise.all([
    page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().endsWith("/greeting")),
    page.click(".save-bar button[type=submit]"),
  ]);
  await saved();
  await open(`${guild}/greeting`);
  check(await page.$eval("#f-enabled", (field) => field.checked), "the greeting is on after a reload");
  console.log("a greeting was set with the picker");
}

async function aMemberJoins() {
  await open("/play");
  await Promise.all([page.waitForNavigation(), page.click("form[action*='/play/join'] button")]);
  await eventually("the greeting arrives", async () => (await text("main")).includes("welcome aboard Miso Kitchen"));
  await picture("greeted");
  await page.type("input[name=content], textarea[name=content]", ">help");
  await page.keyboard.press("Enter");
  await eventually("the bot answers", async () => (await text("main")).includes("Information"));
  await picture("play");
  console.log("a member joined in the playground and was greeted");
}

// A greeting is sent as a test, a message's way through the pipeline is seen, a file is compared.
async function aTestIsSent(guild) {
  await open(`${guild}/greeting`);
  await Promise.all([page.waitForNavigation(), page.click("form[action$='/test'] button[value=channel]")]);
  check((await text("main")).includes("A test is on its way to #general"), "the test is said to be on its way");
  await open("/play");
  await eventually("the test arrives", async () => (await text("main")).includes("A test, asked for in the panel"));
  await page.click(".message:last-of-type .trace-link");
  await eventually("the pipeline is shown", async () => (await text("#trace")).includes("received by shard"));
  await picture("pipeline");
  console.log("a test was sent, and its way through the pipeline seen");
}

async function starsAreWeighed(guild) {
  await open(`${guild}/starboard`);
  await page.waitForSelector("miso-amount input[type=range]");
  await page.focus("miso-amount input[type=range]");
  await page.keyboard.press("ArrowRight");
  check(await page.$eval("#f-amount", (field) => field.value === "5"), "the slider moves the amount");
  await page.click("[data-reset]");
}

async function everyLoginEnds() {
  await open("/me");
  await Promise.all([page.waitForNavigation(), page.click("form[action='/logout/everywhere'] button")]);
  await open("/me");
  check(page.url().includes("/oauth2/authorize"), "after logging out everywhere one logs in again");
  console.log("logging out everywhere ends the login");
}

// Only the keyboard: Tab, Space, arrows, Enter, Ctrl+S.
async function goodbyeByKeyboard(guild) {
  await open(`${guild}/greeting?tab=goodbye`);
  await tabTo("#f-enabled");
  await page.keyboard.press("Space");
  await tabTo("#f-channel");
  await page.keyboard.type("bots");
  await page.waitForSelector("#f-channel-list [role=option]", { visible: true });
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await Promise.all([
    page.waitForResponse((answer) => answer.request().method() === "POST"),
    (async () => {
      await page.keyboard.down("Control");
      await page.keyboard.press("s");
      await page.keyboard.up("Control");
    })(),
  ]);
  await saved();
  await open(`${guild}/greeting?tab=goodbye`);
  check(await page.$eval("#f-enabled", (field) => field.checked), "the goodbye is on after a reload");
  console.log("a goodbye was set with the keyboard alone");
}

async function tabTo(selector) {
  for (let presses = 0; presses < 80; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${selector}`);
}

async function accessible(path, name) {
  for (const scheme of ["light", "dark"]) {
    for (const [device, view] of [["desktop", DESKTOP], ["phone", PHONE]]) {
      await page.setViewport(view);
      await theme(scheme);
      await open(path);
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await window.axe.run(document)).violations.map(
        (rule) => `${rule.id} (${rule.help}): ${rule.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`,
      ));
      for (const what of found) wrong.push(`${path}, ${scheme}, ${device}: ${what}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) wrong.push(`${path}, ${scheme}, ${device}: ${wide} px too wide`);
      if (name) await picture(`${name}-${scheme}-${device}`);
    }
  }
  await page.setViewport(DESKTOP);
  await theme("light");
}

try {
  await logIn();
  const guild = await page.$eval("main a[href^='/g/']", (link) => link.getAttribute("href"));
  await greetingByMouse(guild);
  await aMemberJoins();
  await aTestIsSent(guild);
  await starsAreWeighed(guild);
  const driver = { page, open, eventually, picture, saved };
  await listening(driver);
  await links(driver, guild);
  await goodbyeByKeyboard(guild);
  const of_guild = ["general", "access", "commands", "custom-commands", "greeting", "greeting?tab=goodbye", "logs", "starboard",
    "roles", "activity", "leaderboards", "lastfm", "embeds", "audit", "transfer"].map((name) => [`${guild}/${name}`]);
  const pages = [["/", "home"], ["/commands"], ["/status"], ["/privacy"], ["/terms"], ["/g", "guilds"], [guild, "overview"],
    ...of_guild, ["/me"], ["/me/time"], ["/me/notifications"], ["/me/reminders"], ["/me/privacy"], ["/me/lastfm"], ["/play", "playground"]];
  // Who operates the demo sees these too.
  await open("/me");
  const operates = await page.$("a[href='/ops']");
  if (operates) {
    const ops = ["topics", "topics/gateway.events", "groups", "handlers/new", "shards", "actions", "parked", "tail", "trace", "replays", "health"];
    pages.push(["/ops", "operations"], ...ops.map((name) => [`/ops/${name}`]));
  }
  for (const [path, name] of pages) await accessible(path, name);
  check(wrong.length === 0, `axe finds nothing and everything fits:\n  ${wrong.join("\n  ")}\n`);
  console.log(`axe finds nothing on ${pages.length} pages, light and dark, on a phone and a desktop`);
  await everyLoginEnds();
  check(broken.length === 0, `no request and no script fails: ${broken.join(", ")}`);
  await browser.close();
} catch (error) {
  console.error(`at ${page.url()}: ${error.message}`);
  await page.screenshot({ path: `${process.env.TMPDIR ?? "/tmp"}/miso-browser-failure.png` }).catch(() => {});
  await browser.close();
  process.exit(1);
}
