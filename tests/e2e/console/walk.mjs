// A person walks through the console in a real browser. Every step is one line of JSON on stdout:
//   {"step": "search", "ok": true, "ms": 812}    {"step": "edit", "ok": false, "error": "..."}
//
//   CONSOLE_URL     a plant of this machine to walk through; it is changed: a value edited, exceptions decided, a worker
//                   killed
//   CONSOLE_KEYED   another one that wants a key (optional), with CONSOLE_READER and CONSOLE_ADMIN
//   CONSOLE_SHOTS   a folder for screenshots
//   CONSOLE_PAINT_MS  how long a year may take to paint (optional: for a machine that does nothing else)
//   CHROMIUM        the browser (default: chromium of the PATH)
//
// What the steps look at is found through the API, so that any plant with some faults will do. Run alone:
//   CONSOLE_URL=http://127.0.0.1:8080/ CONSOLE_SHOTS=shots node tests/e2e/console/walk.mjs [step ...]
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const URL_ = process.env.CONSOLE_URL.replace(/\/?$/, '/');
const SHOTS = process.env.CONSOLE_SHOTS ?? '.';
const PAINT_MS = Number(process.env.CONSOLE_PAINT_MS ?? Infinity);
const PHONE = { width: 390, height: 844 }, DESK = { width: 1440, height: 900 };
const PAGES = ['#/', '#/meters', '#/quality', '#/exceptions', '#/rules', '#/files', '#/dead-letters', '#/system'];
mkdirSync(SHOTS, { recursive: true });

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const said = []; // by the browser's console, where it should have been silent

async function open(options = {}, base = URL_) {
    const context = await browser.newContext({ viewport: DESK, colorScheme: 'light', timezoneId: 'Europe/Amsterdam', locale: 'en-GB', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.expected = []; // texts of errors that a step provokes
    const note = text => { if (!page.expected.some(part => text.includes(part))) said.push(text); };
    page.on('console', message => { if (['error', 'warning'].includes(message.type())) note(`${message.text()} ${message.location().url}`); });
    page.on('pageerror', error => note(error.stack));
    page.on('request', request => { if (!request.url().startsWith(base) && !request.url().startsWith('blob:') && !request.url().startsWith('about:')) note(`asked elsewhere: ${request.url()}`); });
    page.go = async hash => {
        await page.goto('about:blank');
        await page.goto(base + hash);
        await settled(page);
    };
    return page;
}

async function settled(page) {
    await page.waitForLoadState('networkidle');
    await page.waitForFunction(() => !document.querySelector('.waiting, [aria-busy="true"]'));
    await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
}

const shot = (page, name, fullPage = false) => page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage });

async function ask(path) {
    const answer = await fetch(URL_ + path);
    assert.equal(answer.status, 200, path);
    return answer.json();
}

async function exceptionsOf(check) {
    const { items } = await ask(`v1/exceptions?check=${check}&limit=100`);
    assert.ok(items.length > 0, `the plant has no open exception of check ${check}`);
    return items;
}

/** A meter whose quarter hours of the last weeks are partly estimated. */
async function gappy() {
    const { items } = await ask('v1/findings?check=gap&limit=1000');
    const day = 86_400_000;
    const found = items.filter(item => item.quality.startsWith('estimated') || Date.parse(item.to) - Date.parse(item.from) < 2 * day)
        .filter(item => item.channel.includes('.29.') && Date.parse(item.to) - Date.parse(item.from) > 3_600_000)
        .sort((a, b) => b.from.localeCompare(a.from))[0];
    assert.ok(found, 'the plant has no estimated gap');
    const date = (text, days) => new Date(Date.parse(text) + days * day).toISOString().slice(0, 10);
    return { ...found, hash: `#/meters/${found.usage_point}?channel=${found.channel}&from=${date(found.from, -2)}&to=${date(found.to, 3)}` };
}

/** A rule with other parameters, back-tested. */
async function backtested(page) {
    await page.go('#/rules/far_peaks?p.k=20&p.then=line&from=2026-03-20');
    await page.getByRole('button', { name: 'Back-test', exact: true }).click();
    await page.getByRole('heading', { name: 'Before and after' }).waitFor();
    await settled(page);
}

const overOf = page => page.locator('.profile .u-over').first();

// ---- steps ----------------------------------------------------------------------------------------------------

const steps = {
    async overview(page) {
        await page.go('#/');
        const data = await ask('v1/overview');
        await page.getByText('Open exceptions', { exact: true }).waitFor();
        assert.equal(await page.locator('.figures dd a').first().innerText(), String(data.exceptions_open));
        await page.getByRole('heading', { name: /^Completeness/ }).waitFor();
        await shot(page, 'overview');
        await page.getByRole('link', { name: 'Which meters, which days' }).click();
        await page.getByRole('heading', { name: 'Data quality' }).waitFor();
    },

    async search(page) {
        const { items } = await ask('v1/usage-points?limit=30');
        const master = await ask(`v1/usage-points/${items[items.length - 1].usage_point}`);
        const device = master.installations[0].device;
        await page.go('#/');
        await page.keyboard.press('/');
        await page.getByLabel('Search meters').and(page.locator(':focus')).waitFor();
        await page.keyboard.type(device.toLowerCase());
        await page.waitForFunction(() => document.querySelectorAll('table.rows tbody tr').length === 1);
        assert.ok(page.url().includes('search='), 'what is searched stands in the address');
        await shot(page, 'search');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { level: 1, name: master.name }).waitFor();
        await page.getByRole('rowheader', { name: device }).waitFor();
        await page.goBack();
        await page.getByLabel('Search meters').fill('nothing has this name');
        await page.getByText('Nothing has “nothing has this name” in it').waitFor();
    },

    async 'raw and validated'(page) {
        const gap = await gappy();
        await page.go(gap.hash);
        const figure = page.locator('figure').filter({ has: page.getByRole('heading', { name: 'Values', exact: true }) });
        assert.match(await figure.locator('figcaption').innerText(), /\d+ estimated/);
        await figure.getByRole('img').first().waitFor();
        await shot(page, 'meter');
        await shot(page, 'meter-whole', true);
        await figure.getByRole('button', { name: 'Table' }).click();
        await figure.getByRole('columnheader', { name: /^Raw/ }).waitFor();
        const rows = await figure.locator('tbody tr').allInnerTexts();
        const estimated = rows.find(row => row.includes('estimated|method:')).split('\t');
        assert.notEqual(estimated[2], '', 'an estimate has a value');
        assert.equal(estimated[3], '', 'where nothing was told, the raw column is empty');
        const measured = rows.find(row => row.includes('\tmeasured\t')).split('\t');
        assert.equal(measured[2], measured[3], 'a measured value counts as it was sent');
        await figure.getByLabel('Raw, as sent').uncheck();
        await settled(page);
        assert.ok(page.url().includes('raw=0'));
        assert.equal(await figure.getByRole('columnheader', { name: /^Raw/ }).count(), 0);
    },

    async 'a year paints at once'(page) {
        const { items } = await ask('v1/channels?limit=1000');
        const channel = items.find(item => item.kind === 'interval' && item.interval === '15m');
        await page.go(`#/meters/${channel.usage_point}?channel=${channel.channel}`);
        const took = await page.evaluate(async () => {
            const button = [...document.querySelectorAll('button')].find(item => item.textContent === 'Year');
            const start = performance.now();
            button.click();
            for (;;) {
                await new Promise(done => requestAnimationFrame(done));
                const text = document.querySelector('figcaption')?.textContent ?? '';
                if (/3[45]\u202f\d{3} values/.test(text)) break;
                if (performance.now() - start > 10_000) throw new Error(`no year: ${text}`);
            }
            await new Promise(done => requestAnimationFrame(done));
            return performance.now() - start;
        });
        await shot(page, 'year', true);
        assert.ok(took < PAINT_MS, `a year took ${took.toFixed(0)} ms`);
        return { paint_ms: Math.round(took) };
    },

    async 'days of 23 and 25 hours'(page) {
        const { items } = await ask('v1/channels?limit=1000');
        const channel = items.find(item => item.kind === 'interval' && item.interval === '15m' && item.zone === 'Europe/Amsterdam');
        for (const [date, next, hours, values] of [['2026-03-29', '2026-03-30', 23, 92], ['2025-10-26', '2025-10-27', 25, 100]]) {
            await page.go(`#/meters/${channel.usage_point}?channel=${channel.channel}&from=${date}&to=${next}`);
            await page.getByText(`this day has ${hours} hours`).waitFor();
            const captions = (await page.locator('figcaption').allInnerTexts()).join('\n');
            assert.match(captions, new RegExp(`${values} values`));
            assert.match(captions, new RegExp(`has ${hours} (hours|of them)`));
            await shot(page, `day-of-${hours}-hours`, true);
        }
    },

    async zoom(page) {
        const gap = await gappy();
        await page.go(gap.hash);
        const before = page.url();
        const box = await overOf(page).boundingBox();
        await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * 0.5, box.y + 80, { steps: 5 });
        await page.mouse.up();
        await page.waitForFunction(before => location.href !== before, before);
        await settled(page);
        const captions = await page.locator('figcaption').first().innerText();
        await shot(page, 'zoomed');
        const zoomed = page.url();
        await page.goBack();
        assert.equal(page.url(), before, 'Back is one step out');
        await page.goForward();
        assert.equal(page.url(), zoomed);
        await page.getByRole('button', { name: 'Zoom out' }).click();
        await page.waitForFunction(zoomed => location.href !== zoomed, zoomed);
        await settled(page);
        assert.notEqual(await page.locator('figcaption').first().innerText(), captions);
    },

    async keyboard(page) {
        const gap = await gappy();
        await page.go(gap.hash);
        await page.getByRole('group', { name: /Arrow keys move from value to value/ }).focus();
        await page.keyboard.press('ArrowRight');
        const first = await page.locator('.profile .readout').first().innerText();
        await page.keyboard.press('ArrowRight');
        const second = await page.locator('.profile .readout').first().innerText();
        assert.match(first, /kWh/);
        assert.notEqual(first, second);
        const before = page.url();
        await page.keyboard.press('+');
        await page.waitForFunction(before => location.href !== before, before);
        await page.keyboard.press('Enter');
        await page.getByRole('complementary', { name: 'The story of a value' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('complementary').waitFor({ state: 'detached' });
        await page.getByRole('group', { name: /Heat map of days/ }).focus();
        for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await page.keyboard.press(key);
        assert.match(await page.locator('.cells .readout').first().innerText(), /^\w+ \d+ \w+ \d+ \d\d:\d\d/);
    },

    async 'story of an estimate'(page) {
        const gap = await gappy();
        await page.go(gap.hash);
        const at = (Date.parse(gap.from) + Date.parse(gap.to)) / 2;
        const share = await page.evaluate(([at]) => {
            const query = new URLSearchParams(location.hash.split('?')[1]);
            const from = new Date(query.get('from') + 'T00:00:00').getTime(), to = new Date(query.get('to') + 'T00:00:00').getTime();
            return (at - from) / (to - from);
        }, [at]);
        const box = await overOf(page).boundingBox();
        await page.mouse.click(box.x + box.width * share, box.y + box.height / 2);
        const story = page.getByRole('complementary', { name: 'The story of a value' });
        await story.getByRole('heading', { name: 'How it was estimated' }).waitFor();
        await story.getByText('Nothing was told for this time.').waitFor();
        await settled(page);
        await shot(page, 'story');
    },

    async edit(page) {
        const [spike] = await exceptionsOf('spike');
        const day = 86_400_000, date = days => new Date(Date.parse(spike.to) + days * day).toISOString().slice(0, 10);
        await page.go(`#/meters/${spike.usage_point}?channel=${spike.channel}&from=${date(-1)}&to=${date(2)}&at=${spike.to}`);
        const story = page.getByRole('complementary', { name: 'The story of a value' });
        await story.getByRole('heading', { name: '1 version' }).waitFor();
        const save = story.getByRole('button', { name: 'Save as a new version' });
        assert.ok(await save.isDisabled(), 'nothing to save yet');
        await story.getByLabel(/^Value as the meter/).fill('0,25');
        assert.ok(await save.isDisabled(), 'a reason is wanted');
        await story.getByLabel(/^Reason/).fill('read off the display');
        await shot(page, 'edit');
        await save.click();
        await story.getByText('Saved.').waitFor();
        await story.getByRole('heading', { name: '2 versions' }).waitFor();
        await story.getByText('“read off the display”').waitFor();
        assert.match(await story.locator('.versions .stands').innerText(), /0\.25/);
        assert.match(await story.locator('.big').innerText(), /0\.25/);
        await settled(page);
        await shot(page, 'edited');
        assert.match(await page.locator('figcaption').first().innerText(), /1 edited/);

        const told = await ask(`v1/explain?usage_point=${spike.usage_point}&channel=${spike.channel}&at=${spike.to}`);
        assert.equal(told.value, 0.25);
        assert.equal(told.versions.length, 2);

        await story.getByLabel(/^Reason/).fill('it was the display of another meter');
        await story.getByRole('button', { name: 'Withdraw what people told' }).click();
        await story.locator('.big', { hasText: String(told.versions[0].value) }).waitFor();
    },

    async exceptions(page) {
        const [spike] = await exceptionsOf('spike');
        await page.go('#/exceptions?check=spike');
        await page.locator('tr', { hasText: String(spike.id) }).getByRole('button', { name: 'spike' }).click();
        const evidence = page.getByRole('complementary', { name: `Evidence of exception ${spike.id}` });
        await evidence.getByText(/^the value .* kWh/).waitFor();
        await evidence.getByRole('img').first().waitFor();
        await settled(page);
        await shot(page, 'exceptions');
        await evidence.getByLabel('Reason').fill('a fault of the meter, tested that day');
        await evidence.getByRole('button', { name: 'Estimate' }).click();
        await page.getByText(/1 exception left to estimators; \d+ values? told/).waitFor();

        const high = await exceptionsOf('high');
        await page.go('#/exceptions?check=high');
        for (const item of high.slice(0, 2)) await page.getByLabel(`Choose exception ${item.id}`, { exact: true }).check();
        const bulk = page.getByRole('group', { name: 'Decide 2 exceptions' });
        await shot(page, 'bulk');
        assert.ok(await bulk.getByRole('button', { name: 'Accept' }).isDisabled());
        await bulk.getByLabel('Reason').fill('a machine was tested');
        await bulk.getByRole('button', { name: 'Accept' }).click();
        await page.getByText(/2 exceptions accepted/).waitFor();
        assert.equal((await exceptionsOf('high')).some(item => high.slice(0, 2).some(two => two.id === item.id)), false);

        await page.getByRole('button', { name: 'All', exact: true }).click();
        await settled(page);
        await page.locator('td', { hasText: 'a machine was tested' }).first().waitFor();
    },

    async quality(page) {
        await page.go('#/quality');
        await page.getByRole('heading', { name: 'Greatest gaps' }).waitFor();
        await shot(page, 'quality', true);
        const map = page.getByRole('group', { name: /^Completeness of meters by day/ });
        await map.focus();
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowRight');
        assert.match(await page.locator('.cells .readout').first().innerText(), /\d+ of \d+ measured|nothing was expected/);
        await page.getByRole('group', { name: 'Completeness: view' }).getByRole('button', { name: 'Table' }).click();
        const { usage_points } = await ask('v1/overview');
        assert.equal(await page.locator('figure tbody tr').count(), Math.min(usage_points, 500));
        await page.getByRole('group', { name: 'Completeness: view' }).getByRole('button', { name: 'Chart' }).click();
        await map.focus();
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => location.hash.startsWith('#/meters/'));
        await settled(page);
    },

    async registers(page) {
        const { items } = await ask('v1/channels?limit=1000');
        const channel = items.find(item => item.kind === 'register' && item.interval === '1d') ?? items.find(item => item.kind === 'register');
        await page.go(`#/meters/${channel.usage_point}?channel=${channel.channel}`);
        await page.getByRole('heading', { name: 'Register', exact: true }).waitFor();
        await page.getByRole('heading', { name: 'Advance by day' }).waitFor();
        await shot(page, 'register', true);
        await page.getByRole('button', { name: 'Months', exact: true }).click();
        await settled(page);
        assert.match(await page.locator('figcaption').first().innerText(), /values?, .* in all/);
    },

    async 'as of a past moment'(page) {
        const [item] = (await ask('v1/exceptions?state=all&limit=1')).items;
        await page.go(`#/meters/${item.usage_point}?channel=${item.channel}&at=${item.to}&as_of=${new Date().toISOString()}`);
        await page.getByText('as it was known then').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Save as a new version' }).count(), 0, 'the past cannot be edited');
    },

    async rules(page) {
        const { items } = await ask('v1/rules');
        await page.go('#/rules');
        const list = page.getByRole('region', { name: 'Deployed rules' });
        const row = list.getByRole('row').filter({ has: page.getByRole('link', { name: 'far_peaks', exact: true }) });
        assert.match(await row.innerText(), new RegExp(`${items[0].version}.*ann: peaks that the checks let through`, 's'));
        const links = await list.getByRole('link').allInnerTexts();
        assert.deepEqual(links, [...new Set(items.map(item => item.rule))], 'in the order in which they run');
        const canary = list.getByRole('row').filter({ has: page.getByRole('link', { name: 'careful', exact: true }) });
        await canary.getByText('canary, 25 % of the meters').waitFor();
        await canary.getByRole('button', { name: 'Show 1 version' }).click();
        await list.getByRole('cell', { name: 'k 100', exact: true }).waitFor();
        await page.getByRole('region', { name: 'What was done' }).getByRole('row', { name: /careful deployed to 25 % .* bob: a second look/ }).waitFor();
        await row.getByRole('link', { name: 'far_peaks' }).click();
        await page.getByRole('heading', { level: 1, name: 'far_peaks' }).waitFor();
        await page.getByText('Single values that stand far out of the last seven days of their meter.', { exact: true }).waitFor();
        await page.getByText('Source', { exact: true }).click();
        assert.match(await page.getByRole('region', { name: 'Source of far_peaks.py' }).innerText(), /def far_peaks\(w, k, least, then, nights, note\):/);
    },

    async 'parameters of a rule'(page) {
        await page.go('#/rules/far_peaks');
        const k = page.getByRole('spinbutton', { name: 'k', exact: true });
        const test = page.getByRole('button', { name: 'Back-test', exact: true });
        assert.equal(await k.inputValue(), '30');
        await k.focus();
        await page.keyboard.press('ArrowDown');
        assert.equal(await k.inputValue(), '25');
        await page.getByRole('button', { name: 'Less by 5' }).click();
        assert.equal(await k.inputValue(), '20');
        assert.ok(page.url().includes('p.k=20'), 'what stands in the form stands in the address');
        await k.fill('2');
        await page.getByText('Allowed: from 3 to 1000').waitFor();
        assert.equal(await k.getAttribute('aria-invalid'), 'true');
        assert.ok(await test.isDisabled());
        await k.fill('2e1');
        assert.ok(await test.isEnabled());
        await page.getByLabel('then', { exact: true }).selectOption('line');
        await page.getByLabel('nights', { exact: true }).uncheck();
        await page.getByLabel('note', { exact: true }).fill('');
        await page.reload();
        await settled(page);
        assert.deepEqual(await Promise.all(['k', 'then', 'note'].map(name => page.getByLabel(name, { exact: true }).inputValue())), ['2e1', 'line', '']);
        assert.ok(!await page.getByLabel('nights', { exact: true }).isChecked());
        await page.getByRole('button', { name: 'Set then to its default, flag' }).click();
        assert.equal(await page.getByLabel('then', { exact: true }).inputValue(), 'flag');
        await page.getByRole('button', { name: 'As they are deployed' }).click();
        assert.equal(await k.inputValue(), '30');

        const place = page.getByLabel('Usage point', { exact: true });
        const { items } = await ask('v1/usage-points?limit=1');
        await place.fill(items[0].usage_point.slice(-6));
        await page.waitForFunction(name => document.querySelector('datalist option').value === name, items[0].usage_point); // it is offered
        page.expected.push('404');
        await place.fill('there-is-none');
        await test.click();
        const told = page.locator('.field', { has: place }).getByRole('alert');
        await told.getByText(/there-is-none is unknown/).waitFor();
        await place.fill(items[0].usage_point);
        await told.waitFor({ state: 'detached' }); // it was about another one
    },

    async 'what a rule said of a value'(page) {
        const { items } = await ask('v1/findings?check=rule&limit=100');
        const found = items.find(item => item.quality.includes('check:rule')) ?? items[0];
        await page.go(`#/meters/${found.usage_point}?channel=${found.channel}&from=${found.from.slice(0, 10)}&at=${found.to}`);
        const story = page.getByRole('complementary', { name: 'The story of a value' });
        await story.getByRole('heading', { name: 'What rules said' }).waitFor();
        await story.getByText(/flagged: far peak/).waitFor();
        await story.getByText(/deviation [\d.]+, version [0-9a-f]{16}/).waitFor();
        await shot(page, 'story-rule');
        await story.getByRole('link', { name: 'far_peaks' }).click();
        await page.getByRole('heading', { level: 1, name: 'far_peaks' }).waitFor();
    },

    async 'a rule that fails'(page) {
        await page.go('#/rules/far_peaks?p.note=fail&from=2026-04-01');
        await page.getByRole('button', { name: 'Back-test', exact: true }).click();
        const failures = page.getByRole('alert').filter({ hasText: /The rule fails on \d+ windows?/ });
        await failures.getByText(/ValueError: \d+ values of \d+ are far/).first().waitFor();
        await shot(page, 'rule-fails', true);
    },

    async 'a back-test that is stopped, and one that waits'(page) {
        let asked = 0;
        await page.route('**/v1/rules/backtest', async route => {
            asked++;
            await new Promise(done => setTimeout(done, 4000));
            await route.abort().catch(() => {});
        });
        await page.go('#/rules/far_peaks?from=2026-04-10');
        const test = page.getByRole('button', { name: 'Back-test', exact: true });
        await test.click();
        await page.getByText(/^The back-test runs/).waitFor();
        await page.getByRole('spinbutton', { name: 'k', exact: true }).fill('40'); // the page stays usable
        await page.getByRole('button', { name: 'Stop' }).click();
        await test.waitFor();
        await settled(page);
        assert.deepEqual([asked, await page.getByRole('region', { name: 'Back-test', exact: true }).count()], [1, 0], 'nothing begins by itself');
        await page.unroute('**/v1/rules/backtest');

        page.expected.push('429');
        await page.route('**/v1/rules/backtest', route => route.fulfill({ status: 429, contentType: 'application/problem+json', body: '{"status":429,"code":"BB-5016"}' }), { times: 2 });
        await test.click();
        await page.getByText(/^Another back-test is under way/).waitFor();
        await page.getByRole('region', { name: 'Back-test', exact: true }).getByText('k 40').waitFor();
    },

    async 'back-test, deploy, roll back'(page) {
        const [before] = (await ask('v1/rules')).items.filter(item => item.rule === 'far_peaks');
        await page.go('#/rules/far_peaks');
        await page.getByRole('spinbutton', { name: 'k', exact: true }).fill('20');
        await page.getByLabel('then', { exact: true }).selectOption('line');
        await page.getByLabel('From day', { exact: true }).fill('2026-03-20');
        await page.getByRole('button', { name: 'Back-test', exact: true }).click();
        const figure = page.locator('figure').filter({ has: page.getByRole('heading', { name: 'Before and after' }) });
        await figure.getByRole('img').first().waitFor();
        await settled(page);
        const sums = page.getByRole('region', { name: 'Back-test', exact: true });
        const changed = Number((await sums.locator('dd').first().innerText()).replace(/\D/g, ''));
        assert.ok(changed > 0);
        assert.match(await figure.locator('figcaption').innerText(), /\d+ values? becomes? others?/);
        await shot(page, 'backtest-whole', true);
        await page.setViewportSize({ ...DESK, height: 1350 });
        await settled(page);
        await shot(page, 'backtest');
        await page.setViewportSize(DESK);
        await figure.getByRole('button', { name: 'The next difference' }).click();
        await settled(page);
        assert.match(await figure.locator('figcaption').innerText(), /In view/);
        await figure.getByRole('group', { name: /Arrow keys move from value to value/ }).focus();
        await page.keyboard.press('ArrowRight');
        assert.match(await figure.locator('.readout').innerText(), /kWh.*before .*kWh/);
        const choice = figure.getByRole('combobox', { name: 'Usage point' });
        const names = await choice.locator('option').evaluateAll(options => options.map(option => option.value));
        await choice.selectOption(names[1]);
        await settled(page);
        assert.ok((await figure.locator('figcaption').innerText()).startsWith(names[1]));
        await figure.getByRole('button', { name: 'Table' }).click();
        const row = (await figure.locator('tbody tr').first().innerText()).split('\t');
        assert.deepEqual(row.slice(3), ['nothing', 'estimated: far peak']);
        assert.notEqual(row[1], row[2]);
        await page.getByLabel('nights', { exact: true }).uncheck();
        await page.getByText('the form says something else by now').waitFor();
        await page.getByLabel('nights', { exact: true }).check();

        await page.getByRole('button', { name: 'Deploy…' }).click();
        const dialog = page.getByRole('dialog', { name: 'Deploy far_peaks' });
        assert.match(await dialog.innerText(), new RegExp(`k 30 → 20.*then flag → line.*all usage points.*${changed} values? change`, 's'));
        const deploy = dialog.getByRole('button', { name: 'Deploy', exact: true });
        await dialog.getByLabel(/^since a day/).check();
        assert.equal(await dialog.getByLabel(/^Since/).inputValue(), '2026-03-20');
        assert.ok(await deploy.isDisabled(), 'a reason is wanted');
        await dialog.getByLabel(/^Reason/).fill('peaks are estimated');
        assert.ok(await deploy.isEnabled());
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        assert.equal((await ask('v1/rules')).items.filter(item => item.rule === 'far_peaks').length, 1, 'nothing was done');
        await page.getByRole('button', { name: 'Deploy…' }).click();
        await dialog.getByLabel(/^since a day/).check();
        await dialog.getByLabel(/^Reason/).fill('peaks are estimated');
        await page.keyboard.press('Enter');
        await page.getByText(/^Version [0-9a-f]{16} is deployed\./).waitFor();
        await page.getByRole('heading', { name: '2 versions' }).waitFor();
        const [fresh] = (await ask('v1/rules')).items.filter(item => item.rule === 'far_peaks');
        assert.notEqual(fresh.version, before.version);
        assert.deepEqual([JSON.parse(fresh.parameters), fresh.reason], [{ k: 20, then: 'line' }, 'peaks are estimated']);
        const versions = page.getByRole('region', { name: 'Versions', exact: true }).locator('tbody tr');
        assert.match(await versions.first().innerText(), new RegExp(`${fresh.version}.*speaks.*k 20, then line.*peaks are estimated`, 's'));
        assert.equal(await page.getByRole('spinbutton', { name: 'k', exact: true }).inputValue(), '20');
        await shot(page, 'rule-deployed', true);
        await page.getByRole('link', { name: 'Rules', exact: true }).first().click();
        await page.getByRole('cell', { name: /peaks are estimated/ }).first().waitFor();
        await page.goBack();

        await page.getByRole('button', { name: 'Roll back…' }).click();
        const back = page.getByRole('dialog', { name: 'Roll back far_peaks' });
        assert.match(await back.innerText(), new RegExp(`${fresh.version}.*is taken away.*${before.version} speaks again`, 's'));
        await back.getByLabel(/^Reason/).fill('flags were enough');
        await back.getByRole('button', { name: 'Roll back', exact: true }).click();
        await page.getByText(new RegExp(`^Version ${fresh.version} is taken away; ${before.version} speaks`)).waitFor();
        await page.getByRole('heading', { name: '1 version' }).waitFor();
        assert.deepEqual((await ask('v1/rules')).items.filter(item => item.rule === 'far_peaks'), [before]);
        assert.equal(await page.getByRole('spinbutton', { name: 'k', exact: true }).inputValue(), '30');
        await page.getByRole('button', { name: 'Deploy…' }).click(); // as it stands
        await dialog.getByText('as they are').waitFor();
        await dialog.getByText('none was run with these values').waitFor();
        await dialog.getByLabel(/^Reason/).fill('to be sure');
        await dialog.getByRole('button', { name: 'Deploy', exact: true }).click();
        await page.getByText(`Version ${before.version} speaks already, of all that was asked: nothing was to be done.`).waitFor();
        await page.go('#/rules');
        await page.getByRole('button', { name: 'Show 1 version' }).last().click();
        assert.match(await page.getByRole('region', { name: 'Deployed rules' }).innerText(), /windows\/s/, 'what it cost');
        await page.getByRole('row', { name: new RegExp(`far_peaks rolled back ${fresh.version}; then ${before.version} .*: flags were enough`) }).waitFor();
        await shot(page, 'rules');
    },

    async files(page) {
        await page.go('#/files');
        const refused = page.locator('tr', { hasText: 'refused' }).first();
        await refused.getByRole('button', { name: /Show 1 error/ }).click();
        await page.getByRole('cell', { name: 'BB-1006', exact: true }).waitFor();
        await shot(page, 'files');
    },

    async 'dead letters'(page) {
        page.expected.push('400');
        await page.go('#/dead-letters');
        const letter = page.locator('tr', { hasText: 'route-9-local.csv' }).first();
        await letter.getByRole('button', { name: /Show 1 error/ }).click();
        await page.getByRole('cell', { name: 'BB-1007', exact: true }).waitFor();
        await page.getByRole('button', { name: 'Read once more' }).click();
        await page.getByRole('alert').waitFor(); // nothing has become better by itself
        await page.getByLabel(/Zone of times without offset/).fill('Europe/Amsterdam');
        await shot(page, 'dead-letters');
        await page.getByRole('button', { name: 'Read once more' }).click();
        await page.getByText('All of it counts now').waitFor();
        await page.getByRole('button', { name: 'Refresh the list' }).click();
        await letter.waitFor({ state: 'detached' });
        const { items } = await ask('v1/dead-letters?state=all&limit=100');
        const told = items.filter(item => item.source.endsWith('route-9-local.csv'));
        assert.ok(told.some(item => item.replayed), 'it is still told that it was refused, and replayed since');
    },

    async system(page) {
        await page.go('#/system');
        await page.getByText('Ready', { exact: true }).waitFor();
        assert.equal(await page.locator('.tag.good', { hasText: 'yes' }).count(), 2);
        const metrics = page.getByRole('region', { name: 'Metrics' });
        await metrics.getByText('busbar_log_readings_total').waitFor();
        await shot(page, 'system');
        await page.getByLabel('Part of a name').fill('request_duration');
        const asked = metrics.getByRole('row').filter({ hasText: 'route="/v1/overview"' });
        assert.match(await asked.first().innerText(), /\d+: half [≤>] .* 99 % [≤>] /);
        assert.equal(await metrics.getByText('busbar_log_readings_total').count(), 0, 'the filter filters');
    },

    async log(page) {
        const [worker] = (await ask('v1/overview')).workers;
        await page.go('#/system');
        const decisions = page.getByRole('region', { name: 'Recent decisions' });
        const lines = page.getByRole('region', { name: 'Log' });
        await lines.getByRole('row').filter({ hasText: 'busbar serves' }).first().waitFor();
        await lines.focus();
        await page.getByText('Stands still while you read').waitFor();
        process.kill(worker.pid, 'SIGKILL');
        const ended = decisions.getByRole('row').filter({ hasText: `pid ${worker.pid}` });
        await ended.filter({ hasText: 'worker-restart' }).waitFor(); // it follows by itself
        await decisions.getByRole('row').filter({ hasText: 'worker-start' }).first().waitFor();
        assert.match(await ended.first().innerText(), /a worker ended.*signal 9/s);
        assert.equal(await lines.getByRole('row').filter({ hasText: `pid ${worker.pid}` }).count(), 0, 'what is read stands still');
        await page.keyboard.press('Shift+Tab'); // to the choice of levels
        await lines.getByRole('row').filter({ hasText: `pid ${worker.pid}` }).waitFor();
        await shot(page, 'system-log', true);
        await page.getByRole('combobox', { name: /^Level/ }).selectOption('warning');
        await settled(page);
        assert.ok(page.url().includes('level=warning'));
        await lines.getByRole('row').filter({ hasText: 'busbar serves' }).waitFor({ state: 'detached' });
        assert.ok(await lines.getByRole('row').filter({ hasText: 'a worker ended' }).count() > 0);
    },

    async 'unknown places'(page) {
        page.expected.push('404');
        await page.go('#/meters/there-is-none');
        await page.getByText('usage point there-is-none is unknown').waitFor();
        await page.go('#/nowhere');
        await page.getByText('There is no such page').waitFor();
    },

    async themes(page) {
        await page.go('#/');
        const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const light = await ground();
        const button = page.getByRole('button', { name: /Theme/ });
        await button.click();
        await button.click();
        const dark = await ground();
        assert.notEqual(light, dark);
        await page.reload();
        assert.equal(await ground(), dark, 'the choice is remembered');
        const gap = await gappy();
        await page.go(gap.hash + `&at=${gap.to}`);
        await shot(page, 'meter-dark');
        await page.go('#/quality');
        await shot(page, 'quality-dark', true);
        const system = await open({ colorScheme: 'dark' });
        await system.go('#/');
        assert.equal(await system.evaluate(() => getComputedStyle(document.body).backgroundColor), dark, 'the system is followed');
        await shot(system, 'overview-dark');
        await system.context().close();
    },

    async phone() {
        const page = await open({ viewport: PHONE, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
        const gap = await gappy();
        for (const hash of [...PAGES, gap.hash, `${gap.hash}&at=${gap.to}`, '#/rules/far_peaks?p.k=20']) {
            await page.go(hash);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(wide <= 0, `${hash} is ${wide} pixels wider than a phone`);
            await shot(page, `phone-${hash.includes('at=') ? 'story' : hash.replace(/^#\//, '').split(/[/?]/)[0] || 'overview'}${hash.includes('?') && !hash.includes('at=') ? '-one' : ''}`, !hash.includes('at='));
        }
        await backtested(page);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'a back-test is wider than a phone');
        await shot(page, 'phone-backtest', true);
        await page.context().close();
    },

    async wall() {
        const page = await open({ viewport: { width: 3840, height: 2160 } });
        await page.go('#/');
        await shot(page, 'wall');
        await page.context().close();
    },

    async axe() {
        const gap = await gappy();
        const [spike] = await exceptionsOf('high');
        const findings = [];
        const look = async (page, what) => {
            await page.evaluate(AXE);
            const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
            for (const found of violations)
                if (['serious', 'critical'].includes(found.impact))
                    findings.push(`${what}: ${found.id}: ${found.nodes.slice(0, 3).map(node => `${node.target} ${node.failureSummary}`).join(' | ')}`);
        };
        for (const colorScheme of ['light', 'dark']) {
            const page = await open({ colorScheme, bypassCSP: true });
            for (const hash of [...PAGES, gap.hash, `${gap.hash}&at=${gap.to}`, `#/exceptions?check=high&id=${spike.id}`, '#/rules/far_peaks?p.k=2']) {
                await page.go(hash);
                await look(page, `${colorScheme} ${hash}`);
            }
            await backtested(page);
            await look(page, `${colorScheme} back-test`);
            await page.getByRole('button', { name: 'Deploy…' }).click();
            await look(page, `${colorScheme} to deploy`);
            await shot(page, `deploy-${colorScheme}`);
            await page.context().close();
        }
        assert.deepEqual(findings, []);
    },

    async key() {
        if (!process.env.CONSOLE_KEYED) return { note: 'no plant that wants a key was given' };
        const base = process.env.CONSOLE_KEYED.replace(/\/?$/, '/');
        const page = await open({}, base);
        page.expected.push('401');
        await page.goto(`${base}#/meters`);
        const dialog = page.getByRole('dialog', { name: 'A key is needed' });
        await dialog.waitFor();
        await shot(page, 'key');
        await page.locator('#key-text').fill('bb_ro_nonsense');
        await page.keyboard.press('Enter');
        const refused = page.getByRole('dialog', { name: 'This key is not accepted' });
        await refused.waitFor();
        await refused.getByRole('button', { name: 'Not now' }).click();
        await page.getByText('Try again').first().waitFor();
        await page.getByRole('button', { name: 'Key', exact: true }).click();
        const enter = async key => {
            await page.locator('#key-text').fill(key);
            await page.getByRole('button', { name: 'Use this key' }).click();
            await page.locator('table.rows tbody tr').first().waitFor();
        };
        await enter(process.env.CONSOLE_READER);
        await page.locator('.tenant').waitFor();
        assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0, 'the key is nowhere but in this tab');
        await page.locator('table.rows tbody a').first().click();
        await settled(page);
        await page.getByRole('group', { name: /Arrow keys move from value to value/ }).first().focus();
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('Enter');
        await page.getByText('This key may read.').waitFor();
        await page.getByRole('link', { name: 'System', exact: true }).click();
        await page.getByText('they are for whoever runs it').first().waitFor();
        assert.equal(await page.getByRole('region', { name: 'Log' }).count(), 0);
        await page.goBack();
        await page.getByText('This key may read.').waitFor();
        await page.getByRole('link', { name: 'Rules', exact: true }).click();
        await page.getByRole('link', { name: 'far_peaks', exact: true }).first().click();
        await page.getByText('To try or deploy rules, use one with the role admin.').waitFor();
        assert.deepEqual(await page.getByRole('button', { name: /Back-test|Deploy|Roll back/ }).count(), 0, 'nothing that would be refused');
        await page.getByRole('row', { name: /k 30 30 how many median deviations/ }).waitFor();
        await page.goBack();
        await page.goBack();
        await page.getByText('This key may read.').waitFor();
        await page.getByRole('button', { name: 'Key', exact: true }).click();
        await page.locator('#key-text').fill(process.env.CONSOLE_ADMIN);
        await page.getByRole('button', { name: 'Use this key' }).click();
        await page.getByRole('button', { name: 'Save as a new version' }).waitFor();
        await page.getByRole('link', { name: 'Rules', exact: true }).click(); // whose only rule goes
        await page.getByRole('link', { name: 'far_peaks', exact: true }).first().click();
        await page.getByRole('button', { name: 'Roll back…' }).click();
        const back = page.getByRole('dialog', { name: 'Roll back far_peaks' });
        await back.getByText('It is the only one: the rule goes.').waitFor();
        await back.getByLabel(/^Reason/).fill('it was for show');
        await back.getByRole('button', { name: 'Roll back', exact: true }).click();
        await page.getByText('No rule is deployed').waitFor();
        await page.getByText('had no other version: it is gone').waitFor();
        await page.getByRole('row', { name: /rolled back .*; the rule was gone .* it was for show/ }).waitFor();
        await shot(page, 'rules-none');
        await page.context().close();
    },

    async 'silent console'() {
        assert.deepEqual(said, []);
    },
};

// ---- the walk -------------------------------------------------------------------------------------------------

const chosen = process.argv.slice(2);
let failed = 0;
for (const [step, walk] of Object.entries(steps)) {
    if (chosen.length && !chosen.includes(step)) continue;
    const start = Date.now();
    const page = walk.length ? await open() : null;
    const result = { step, ok: true };
    try {
        Object.assign(result, await walk(page));
    } catch (error) {
        failed++;
        Object.assign(result, { ok: false, error: error.stack });
        await page?.screenshot({ path: `${SHOTS}/failed-${step.replace(/\W+/g, '-')}.png` }).catch(() => {});
    }
    console.log(JSON.stringify({ ...result, ms: Date.now() - start }));
    await page?.context().close();
}
await browser.close();
process.exitCode = failed ? 1 : 0;
