// A real browser against a sandbox's todoku-webd: every page, as readers meet it.
//
//     node browser.js SETTING.json
//
// The setting (made by tests/e2e/browser.py) says where webd listens, which links were
// in the mail, and where the sink is.  Speaks TAP.  Links lead to https://t.example.com,
// as in mail; the browser is told that this host is webd's port.
'use strict';

const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const axe = require('axe-core');

const setting = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const PATIENCE = 30000;

let count = 0;
let failed = 0;

function ok(good, name, ...details) {
  count += 1;
  console.log(`${good ? 'ok' : 'not ok'} ${count} - ${name}`);
  if (!good) {
    failed += 1;
    for (const detail of details) {
      String(detail).split('\n').slice(0, 30).forEach((line) => console.log(`# ${line}`));
    }
  }
  return good;
}

// Until the condition holds; its value.
async function waitFor(what, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE / 1000} s for ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

// The link in the newest mail to the address: the text part is base64.
function linkFor(address) {
  return waitFor(`a mail to ${address}`, () => {
    const numbers = fs.readdirSync(setting.sink).filter((name) => name.endsWith('.json')).map((name) => parseInt(name, 10));
    for (const number of numbers.sort((a, b) => b - a)) {
      const envelope = JSON.parse(fs.readFileSync(path.join(setting.sink, `${number}.json`), 'utf8'));
      if (!envelope.rcpt_to.includes(address)) continue;
      const mail = fs.readFileSync(path.join(setting.sink, `${number}.eml`), 'latin1');
      const text = Buffer.from(mail.slice(mail.indexOf('\r\n\r\n')), 'base64').toString('utf8');
      const found = /https:\/\/t\.example\.com\/j\/[A-Za-z0-9_-]+/.exec(text);
      if (found) return found[0];
    }
    return null;
  });
}

const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
};

// One reader: a browser window of a size, in a colour scheme, with or without script.
class Reader {
  constructor(page, name, script) {
    this.page = page;
    this.name = name;
    this.script = script;
    this.requests = [];
    this.complaints = [];
    page.on('request', (request) => this.requests.push(request.url()));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
  }

  async open(url) {
    this.requests.length = 0;
    this.complaints.length = 0;
    return this.page.goto(url);
  }

  async press(label) {
    const button = this.page.getByRole('button', { name: label, exact: true });
    const [response] = await Promise.all([this.page.waitForNavigation(), button.click()]);
    return response;
  }

  heading() {
    return this.page.locator('h1').innerText();
  }

  // What must hold of every page, whatever it is about.
  async look(title) {
    const { page } = this;
    const where = `${this.name}: ${title}`;
    if (setting.pictures) {
      const file = where.replace(/[^A-Za-z0-9]+/g, '-');
      await page.screenshot({ path: path.join(setting.pictures, `${file}.png`), fullPage: true });
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    ok(!wide, `${where} fits the width`);
    ok(this.requests.every((url) => url.startsWith('https://t.example.com/')), `${where} asks nobody else`, this.requests.join('\n'));
    const styled = await page.evaluate(() => getComputedStyle(document.querySelector('main')).maxWidth !== 'none');
    ok(styled, `${where} has its style`, this.complaints.join('\n'));
    // Without script nothing can look at the page but the eye of the layout.
    if (!this.script) return;
    await page.evaluate(axe.source);
    const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    ok(result.violations.length === 0, `${where} has no accessibility violation`,
      JSON.stringify(result.violations.map((v) => [v.id, v.nodes.map((n) => n.html + n.failureSummary)]), null, 1));
  }
}

module.exports = { Reader, SIZES, axe, chromium, linkFor, ok, setting, waitFor };

async function withReader(browser, size, { script = true, scheme = 'light', locale = 'ja-JP' }, use) {
  const context = await browser.newContext({
    viewport: SIZES[size],
    deviceScaleFactor: size === 'phone' ? 2 : 1,
    isMobile: size === 'phone',
    hasTouch: size === 'phone',
    javaScriptEnabled: script,
    colorScheme: scheme,
    ignoreHTTPSErrors: true,
    locale,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  try {
    await use(new Reader(page, `${size}${script ? '' : ' without script'} ${scheme} ${locale.slice(0, 2)}`, script));
  } finally {
    await context.close();
  }
}

// The text of the pages, as far as readers act on it.
const TEXT = {
  ja: {
    leave: '配信を停止する', keep: 'このまま受け取る', left: '配信を停止しました', kept: '引き続きお送りします',
    ask: '確認メールを送る', sent: 'メールをご確認ください', join: '登録する', joined: '登録が完了しました',
    wrong: 'ページが見つかりません', expired: 'リンクの期限が切れています', missing: 'メールアドレスを入力してください。',
    question: 'メールの配信を停止しますか？', email: /^メールアドレス/, title: '季節のおたより',
  },
  en: {
    leave: 'Unsubscribe', yes: 'Yes, unsubscribe', keep: 'No, keep sending', left: 'You are unsubscribed', kept: 'Nothing has changed',
    ask: 'Send confirmation e-mail', sent: 'Please check your mail', join: 'Register', joined: 'You are registered',
    wrong: 'Page not found', expired: 'This link has expired', missing: 'Please enter your e-mail address.',
    question: 'Do you want to unsubscribe?', email: /^E-mail address/, title: 'Seasonal Letters',
  },
};

async function expectHeading(reader, want, what) {
  const got = await reader.heading();
  ok(got === want, `${reader.name}: ${what}`, `want ${want}`, `got  ${got}`);
}

async function leaveOnce(reader, links, text) {
  await reader.open(links.once);
  await reader.look('unsubscribe once');
  ok(await reader.page.getByRole('button').count() === 1, `${reader.name}: one button`);
  await reader.press(text.leave);
  await expectHeading(reader, text.left, 'once: one press and the reader is out');
  await reader.look('left');
}

async function leaveConfirm(reader, links, text) {
  await reader.open(links.confirm);
  await expectHeading(reader, text.question, 'confirm: a question first');
  await reader.look('unsubscribe confirm');
  await reader.press(text.keep);
  await expectHeading(reader, text.kept, 'confirm: no');
  await reader.look('kept');
  await reader.open(links.confirm);
  await reader.press(text.yes || text.leave);
  await expectHeading(reader, text.left, 'confirm: yes');
}

async function leaveAddress(reader, links, text, address, which = '') {
  const { page } = reader;
  const look = (title) => (which === '' ? reader.look(title) : undefined); // the same pages
  await reader.open(links.address);
  await look('unsubscribe address');
  await reader.press(text.ask);
  ok(await page.getByText(text.missing, { exact: true }).isVisible(), `${reader.name}: address: what is missing is said at the field`);
  const field = page.getByLabel(text.email);
  ok(await field.getAttribute('aria-invalid') === 'true' && await field.getAttribute('aria-describedby') === 'address-error',
    `${reader.name}: address: the field is tied to what is said of it`);
  await look('unsubscribe address missing');
  await field.fill('taro@example');
  await reader.press(text.ask);
  ok(await page.getByLabel(text.email).inputValue() === 'taro@example', `${reader.name}: address: what was entered is kept`);
  await page.getByLabel(text.email).fill(address);
  await reader.press(text.ask);
  await expectHeading(reader, text.sent, 'address: a mail is sent');
  await look('sent leave');
  await reader.open(await linkFor(address));
  await look('confirm leave');
  await reader.press(text.leave);
  await expectHeading(reader, text.left, 'address: confirmed by mail');
}

async function join(reader, links, text, address, language) {
  const { page } = reader;
  await reader.open(links.form);
  await reader.look('form');
  await reader.press(text.ask);
  const summary = page.getByRole('alert');
  ok(await summary.isVisible() && (await summary.getByRole('link').count()) >= 1, `${reader.name}: form: what is wrong stands above, with links`);
  await reader.look('form errors');
  await page.getByLabel(text.email).fill(address);
  if (language === 'ja') {
    await page.getByLabel(/^お名前/).fill('山田 <太郎> & "花子"');
    await page.getByLabel(/^ご興味/).selectOption('魚');
    await page.getByLabel(/^ご意見/).fill('一行目\n二行目');
    await reader.press(text.ask);
    ok(await page.getByText('登録には同意が必要です。').isVisible(), `${reader.name}: form: no consent, no registration`);
    ok(await page.getByLabel(/^お名前/).inputValue() === '山田 <太郎> & "花子"' && await page.getByLabel(/^ご意見/).inputValue() === '一行目\n二行目'
      && await page.getByLabel(/^ご興味/).inputValue() === '魚', `${reader.name}: form: input is kept, markup is text`);
    await page.getByRole('checkbox').check();
  }
  await reader.press(text.ask);
  await expectHeading(reader, text.sent, 'form: a mail is sent');
  await reader.look('sent join');
  await reader.open(await linkFor(address));
  await reader.look('confirm join');
  await reader.press(text.join);
  await expectHeading(reader, text.joined, 'form: confirmed by mail');
  await reader.look('joined');
}

async function wrongLinks(reader, links, text) {
  for (const [name, url] of [['cut', links.once.slice(0, -1)], ['of nothing', 'https://t.example.com/u/'], ['no form', 'https://t.example.com/f/nobody']]) {
    const response = await reader.open(url);
    const got = await reader.heading();
    ok(response.status() === 404 && got === text.wrong, `${reader.name}: wrong link, ${name}`, response.status(), got);
  }
  await reader.look('wrong link');
  const response = await reader.open(links.expired);
  ok(response.status() === 410 && await reader.heading() === text.expired, `${reader.name}: expired link`, response.status());
  await reader.look('expired link');
}

// Another site's page can't act for the reader, not even by a form in it.
async function crossSite(reader, links, text) {
  await reader.page.route('https://evil.example/', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<form method="post" action="${links.victim}"><button name="action" value="leave">go</button></form>`,
  }));
  await reader.page.goto('https://evil.example/');
  reader.requests.length = 0;
  const response = await reader.press('go');
  ok(response.status() === 403, `${reader.name}: a form on another site is refused`, response.status());
  await reader.look('refused');
  await reader.open(links.victim);
  ok((await reader.press(text.yes || text.leave)).status() === 200, `${reader.name}: our own form is not`);
}

async function framed(reader, links) {
  await reader.page.route('https://evil.example/', (route) => route.fulfill({
    contentType: 'text/html', body: `<iframe src="${links.victim}"></iframe>`,
  }));
  await reader.page.goto('https://evil.example/');
  const frame = await waitFor('the frame', () => reader.page.frames()[1]);
  const seen = await frame.evaluate(() => document.querySelector('button') !== null).catch(() => false);
  ok(!seen, `${reader.name}: no other site can frame the page`);
}

async function everything(browser, language) {
  const links = setting.links[language];
  const text = TEXT[language];
  const locale = language === 'ja' ? 'ja-JP' : 'en-GB';
  let number = 0;
  const address = () => `reader${number += 1}.${language}@example.jp`;

  for (const size of Object.keys(SIZES)) {
    for (const script of [true, false]) {
      // Both schemes at both sizes, and each is seen with script, so that axe sees it.
      const scheme = (size === 'phone') === script ? 'dark' : 'light';

      await withReader(browser, size, { script, scheme, locale }, async (reader) => {
        await leaveOnce(reader, links, text);
        await leaveConfirm(reader, links, text);
        await leaveAddress(reader, links, text, address());
        if (script) await leaveAddress(reader, { address: links.shared }, text, address(), 'shared ');
        await join(reader, links, text, address(), language);
        await wrongLinks(reader, links, text);
        await crossSite(reader, links, text);
        await framed(reader, links);
      });
    }
  }
}

async function main() {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--host-resolver-rules=MAP t.example.com:443 ${setting.web}, MAP * ~NOTFOUND`],
  });
  try {
    for (const language of ['ja', 'en']) await everything(browser, language);
  } finally {
    await browser.close();
  }
}

// Whatever hangs must not hang the tests.
setTimeout(() => {
  console.log(`not ok ${count + 1} - the browser went to the end in time`);
  process.exit(1);
}, 400000).unref();

main().catch((error) => {
  ok(false, 'the browser went to the end', error.stack);
}).then(() => {
  console.log(`1..${count}`);
  process.exit(failed > 0 || count === 0 ? 1 : 0);
});
