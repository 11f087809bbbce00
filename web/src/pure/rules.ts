// Rules: what their parameters take, what a form makes of them, and what a series becomes when rules speak.
import { number, rounded } from './format';
import { firstAfter, type Series } from './series';
import { parseQuality, shadeOf } from './quality';

// ---- parameters -----------------------------------------------------------------------------------------------

export type Value = number | boolean | string;

/** A parameter as its author states it. */
export interface Described {
    kind: 'number' | 'flag' | 'text' | 'choice' | string;
    default: Value; help?: string;
    min?: number | null; max?: number | null; // of a number; null: no bound
    longest?: number;                            // characters of a text
    choices?: string[];
}

export type Parameters = Record<string, Described>;
export type Values = Record<string, Value>;
export type Texts = Record<string, string>;      // as they stand in fields and addresses

export const textOf = (value: Value) => String(value);

/** "from 3 to 1000", "at most 80 characters": what a field says of what it takes; empty: nothing. */
export function allowed(about: Described): string {
    if (about.kind === 'number') {
        const least = about.min ?? null, most = about.max ?? null;
        if (least !== null && most !== null) return `from ${number(least)} to ${number(most)}`;
        return least !== null ? `${number(least)} or more` : most !== null ? `${number(most)} or less` : '';
    }
    return about.kind === 'text' && about.longest ? `at most ${about.longest} characters` : '';
}

export type Read = { value: Value; wrong?: undefined } | { value?: undefined; wrong: string };

function readNumber(about: Described, text: string): Read {
    const plain = text.trim().replace(',', '.').replace('\u2212', '-');
    if (!/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(plain)) return { wrong: 'This is no number' };
    const value = Number(plain);
    const fits = value >= (about.min ?? -Infinity) && value <= (about.max ?? Infinity);
    return fits ? { value } : { wrong: `Allowed: ${allowed(about)}` };
}

/** What a field's text means; the plant decides all the same. */
export function readField(about: Described, text: string): Read {
    if (about.kind === 'number') return readNumber(about, text);
    if (about.kind === 'flag') return { value: text === 'true' };
    if (about.kind === 'choice') return about.choices?.includes(text) ? { value: text } : { wrong: `Allowed: ${about.choices?.join(', ')}` };
    return [...text].length <= (about.longest ?? 200) ? { value: text } : { wrong: `Allowed: ${allowed(about)}` };
}

/** How far an arrow key goes: of a range about its hundredth, else about the tenth of the default; 1, 2 or 5 of a power of ten. */
export function stepOf(about: Described): number {
    const range = (about.max ?? NaN) - (about.min ?? NaN), size = Math.abs(Number(about.default));
    // A range far wider than the default says where nonsense begins, and nothing of what is usual.
    const wanted = range > 0 && !(size > 0 && range > 100 * size) ? range / 100 : (size || 1) / 10;
    const power = 10 ** Math.floor(Math.log10(wanted) + 1e-9);
    const step = [5, 2, 1].map(factor => factor * power).find(step => step <= wanted * (1 + 1e-9)) ?? power;
    return Number(step.toPrecision(1));
}

/** A field's text so many steps on, on the grid of steps and within the range. */
export function stepped(about: Described, text: string, steps: number): string {
    const read = readNumber({ kind: 'number', default: 0 }, text);
    const step = stepOf(about), from = typeof read.value === 'number' ? read.value : Number(about.default);
    const on = steps > 0 ? Math.floor(from / step + 1e-9) : Math.ceil(from / step - 1e-9);
    const value = Math.min(about.max ?? Infinity, Math.max(about.min ?? -Infinity, (on + steps) * step));
    return String(Number(value.toPrecision(12)));
}

/** A text in an address, where an empty one would be none. */
export const intoAddress = (text: string) => text === '' || text.startsWith('"') ? JSON.stringify(text) : text;

export function fromAddress(text: string): string {
    try {
        return text.startsWith('"') ? String(JSON.parse(text)) : text;
    } catch {
        return text;
    }
}

export interface Form { values: Values; wrong: Record<string, string> }

/** The texts of a form: what is not in `texts` is as the version has it that speaks, else as the author says. */
export function startOf(described: Parameters, spoken: Values): Texts {
    return Object.fromEntries(Object.entries(described).map(([name, about]) => [name, textOf(spoken[name] ?? about.default)]));
}

/** What is sent. What is as the author says is left out, unless the version that speaks tells it: so the same values
 *  have the same version. */
export function readForm(described: Parameters, texts: Texts, spoken: Values): Form {
    const form: Form = { values: {}, wrong: {} };
    for (const [name, about] of Object.entries(described)) {
        const read = readField(about, texts[name]);
        if (read.wrong !== undefined) form.wrong[name] = read.wrong;
        else if (read.value !== about.default || name in spoken) form.values[name] = read.value;
    }
    return form;
}

export interface Change { name: string; old: Value | undefined; new: Value | undefined }

/** What differs between two versions' values; `described` has what a version does not tell (null: nobody knows). */
export function changes(described: Parameters | null, old: Values, fresh: Values): Change[] {
    const names = [...new Set([...Object.keys(described ?? {}), ...Object.keys(old), ...Object.keys(fresh)])];
    const of = (values: Values, name: string) => values[name] ?? described?.[name]?.default;
    return names.map(name => ({ name, old: of(old, name), new: of(fresh, name) })).filter(change => change.old !== change.new);
}

export const valueText = (value: Value) => value === '' ? '“”' : String(value);

/** "k 40, then cap": what a version tells of its parameters. */
export const valuesText = (values: Values) => Object.entries(values).map(([name, value]) => `${name} ${valueText(value)}`).join(', ');

/** Which of the fields a refusal is about; empty: none of them. "parameter k does not fit", "from: ...", "usage point A is unknown". */
export function fieldOf(problem: { field?: string; detail?: string }, names: string[]): string {
    const told = problem.field?.replace(/^parameters\./, '');
    const detail = (problem.detail ?? '').replace(/^(the rule has no )?parameter /, '');
    return names.find(name => told === undefined ? [name, name.replace(/_/g, ' ')].some(start => detail.startsWith(`${start}:`) || detail.startsWith(`${start} `)) : name === told) ?? '';
}

// ---- versions -------------------------------------------------------------------------------------------------

export interface Versioned { rule: string; state: string; share: number }

/** Rows of versions by their rules, in the order in which rules run. */
export function byRule<T extends Versioned>(rows: T[]): { rule: string; versions: T[] }[] {
    const rules = new Map<string, T[]>();
    for (const row of rows) {
        const versions = rules.get(row.rule);
        if (versions) versions.push(row);
        else rules.set(row.rule, [row]);
    }
    return [...rules].map(([rule, versions]) => ({ rule, versions }));
}

/** The versions that speak of what comes in now: canaries, and the one behind them. */
export function speaking<T extends Versioned>(versions: T[]): T[] {
    const whole = versions.findIndex(version => version.share >= 1);
    return whole < 0 ? versions : versions.slice(0, whole + 1);
}

// ---- before and after -----------------------------------------------------------------------------------------

export type Verdict = 'nothing' | 'flag' | 'estimate' | 'correct' | 'make'; // the last: a value of another channel, which `reason` names

export interface DiffRow {
    usage_point: string; channel: string; end: string;
    old_verdict: Verdict; verdict: Verdict; old_reason: string; reason: string;
    before: number | null; after: number | null; unit: string;
}

/** A quality as it becomes when a rule says this of the value, instead of what rules said before. */
export function qualityAfter(text: string, verdict: Verdict, value: number | null): string {
    const quality = parseQuality(text);
    const told = quality.method === 'rule'; // an earlier version put the value there
    const checks = quality.checks.filter(check => check !== 'rule');
    const marks = quality.marks.filter(mark => mark !== 'suspect' || checks.length > 0);
    const state = value === null ? 'missing' : told || quality.state === 'missing' ? 'measured' : quality.state;
    const said: Record<Verdict, string[]> = {
        nothing: [state, ...marks, ...!told && quality.method ? [`method:${quality.method}`] : []],
        flag: [state, ...marks.filter(mark => mark !== 'suspect'), 'suspect'],
        estimate: ['estimated', 'method:rule'],
        correct: ['substituted', 'method:rule'],
        make: ['substituted', 'method:rule'],
    };
    return [...said[verdict], ...checks.map(check => `check:${check}`), ...verdict === 'flag' ? ['check:rule'] : []].join('|');
}

/** `lost` rows are of no value that is here; `made` names the channel whose values are drawn beside those that are judged. */
export interface Picture { after: Series; marks: { from: number; to: number }[]; lost: number; made: string | null }

const isMade = (row: DiffRow) => row.verdict === 'make' || row.old_verdict === 'make';

/** The series as it becomes by rows of its channel, and where it differs; of a rule that makes channels the first one. */
export function pictureOf(before: Series, rows: DiffRow[]): Picture {
    const first = rows.find(isMade);
    const made = first ? first.reason || first.old_reason : null;
    const after: Series = {
        ...before, value: made === null ? before.value.slice() : new Float64Array(before.value.length).fill(NaN), shade: before.shade.slice(), quality: before.quality.slice(),
    };
    const picture: Picture = { after, marks: [], lost: 0, made };
    for (const row of rows) {
        if (made !== null && (row.reason || row.old_reason) !== made) continue;
        const end = Date.parse(row.end), at = firstAfter(before.end, end - 1);
        if (before.end[at] !== end) { picture.lost++; continue; }
        after.value[at] = made !== null && row.verdict !== 'make' ? NaN : row.after ?? NaN;
        after.quality[at] = qualityAfter(before.quality[at], row.verdict, row.after);
        after.shade[at] = shadeOf(after.quality[at]);
        const last = picture.marks[picture.marks.length - 1];
        if (last && last.to === before.start[at]) last.to = end;
        else picture.marks.push({ from: before.start[at], to: end });
    }
    return picture;
}

/** "A rule in\nits lines.\n\nAnother paragraph." → its paragraphs. */
export const paragraphs = (text: string) => text.split(/\n\s*\n/).map(part => part.replace(/\s+/g, ' ').trim()).filter(Boolean);

const SAID: Record<string, string> = {
    flag: 'flagged', estimate: 'estimated', no_value: 'says that there is none', correct: 'corrected', exception: 'asks a person', tag: 'tags the usage point', failure: 'failed',
    make: 'made',
};

/** "flagged: far from median", "nothing": what a verdict does; of what a later plant knows its name. */
export function verdictText(said: string, reason: string): string {
    const what = SAID[said] ?? said;
    return said !== 'nothing' && said !== 'failure' && reason ? `${what}: ${/\s/.test(reason) ? reason : reason.replace(/_/g, ' ')}` : what;
}

/** "deviation 89.14, kw 2.5", or a tag's value. */
export function evidenceText(evidence: Record<string, number | null> | string | null): string {
    if (evidence === null || typeof evidence === 'string') return evidence ?? '';
    return Object.entries(evidence).map(([name, value]) => `${name.replace(/_/g, ' ')} ${rounded(value)}`).join(', ');
}
