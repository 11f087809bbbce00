import { describe, expect, it } from 'vitest';
import {
    allowed, byRule, changes, evidenceText, fieldOf, fromAddress, intoAddress, paragraphs, pictureOf, qualityAfter, readField, readForm, speaking, startOf, stepOf, stepped, valuesText, verdictText,
    type Described, type DiffRow, type Parameters,
} from '../src/pure/rules';
import { Shade } from '../src/pure/quality';
import { readColumns } from '../src/pure/series';
import { MINUTE, utcText } from '../src/pure/time';

const K: Described = { kind: 'number', default: 30, min: 3, max: 1000, help: 'how many' };
const DESCRIBED: Parameters = {
    k: K, open: { kind: 'number', default: 0.5, min: null, max: null },
    nights: { kind: 'flag', default: true }, then: { kind: 'choice', default: 'flag', choices: ['flag', 'cap'] },
    note: { kind: 'text', default: '', longest: 4 },
};

describe('fields', () => {
    it('say what they take', () => {
        expect(Object.values(DESCRIBED).map(allowed)).toEqual(['from 3 to 1000', '', '', '', 'at most 4 characters']);
        expect(allowed({ kind: 'number', default: 1, min: 0, max: 1e6 })).toBe('from 0 to 1\u202f000\u202f000');
        expect(allowed({ kind: 'number', default: 1, min: 0 })).toBe('0 or more');
        expect(allowed({ kind: 'number', default: 1, max: 9, min: null })).toBe('9 or less');
    });
    it('read numbers as people write them', () => {
        expect(['40', ' 40 ', '4e1', '40,0', '+40', '40.'].map(text => readField(K, text).value)).toEqual([40, 40, 40, 40, 40, 40]);
        expect(readField(DESCRIBED.open, '\u22120,25').value).toBe(-0.25);
        expect(['', ' ', 'x', '1.2.3', '1 000', 'Infinity', 'NaN', '0x10', '1e', '.'].map(text => readField(K, text).wrong)).toEqual(Array(10).fill('This is no number'));
        expect(['2.9', '1000.1', '1e999'].map(text => readField(K, text).wrong)).toEqual(Array(3).fill('Allowed: from 3 to 1000'));
    });
    it('read flags, choices and texts', () => {
        expect(['true', 'false'].map(text => readField(DESCRIBED.nights, text).value)).toEqual([true, false]);
        expect(readField(DESCRIBED.then, 'cap').value).toBe('cap');
        expect(readField(DESCRIBED.then, 'Cap').wrong).toBe('Allowed: flag, cap');
        expect(readField(DESCRIBED.note, '🌞🌞🌞🌞').value).toBe('🌞🌞🌞🌞'); // characters, as the plant counts them
        expect(readField(DESCRIBED.note, '12345').wrong).toBe('Allowed: at most 4 characters');
    });
    it('go by steps that fit what is usual', () => {
        const step = (def: number, min: number, max: number) => stepOf({ kind: 'number', default: def, min, max });
        expect([step(30, 3, 1000), step(0.8, 0, 1), step(1, 0, 1e6), step(8, 1, 100), step(52, -90, 90), step(0, 0, 1e6)]).toEqual([5, 0.01, 0.1, 0.5, 1, 10_000]);
        expect(stepOf({ kind: 'number', default: 0 })).toBe(0.1);
    });
    it('step on a grid, within the range', () => {
        expect([1, -1, 10].map(steps => stepped(K, '30', steps))).toEqual(['35', '25', '80']);
        expect([1, -1].map(steps => stepped(K, '31', steps))).toEqual(['35', '30']);
        expect([stepped(K, '4', -1), stepped(K, '999', 1), stepped(K, 'x', 1)]).toEqual(['3', '1000', '35']);
        const share: Described = { kind: 'number', default: 0.8, min: 0, max: 1 };
        expect(stepped(share, stepped(share, '0.28', 1), 1)).toBe('0.3'); // and no 0.30000000000000004
    });
});

describe('a form', () => {
    it('begins with what speaks, else with what the author says', () => {
        expect(startOf(DESCRIBED, { k: 40, nights: false })).toEqual({ k: '40', open: '0.5', nights: 'false', then: 'flag', note: '' });
    });
    it('sends what differs, and what the version that speaks tells', () => {
        const texts = startOf(DESCRIBED, {});
        expect(readForm(DESCRIBED, texts, {})).toEqual({ values: {}, wrong: {} });
        expect(readForm(DESCRIBED, { ...texts, k: '40', nights: 'false' }, {}).values).toEqual({ k: 40, nights: false });
        expect(readForm(DESCRIBED, texts, { k: 30 }).values).toEqual({ k: 30 });
    });
    it('says what is wrong, field by field', () => {
        expect(readForm(DESCRIBED, { ...startOf(DESCRIBED, {}), k: '1', note: 'too long' }, {}).wrong)
            .toEqual({ k: 'Allowed: from 3 to 1000', note: 'Allowed: at most 4 characters' });
    });
    it('stands in an address, empty texts too', () => {
        for (const text of ['', '40', '"', '""', '"a', 'a"b', ' ']) {
            expect(fromAddress(intoAddress(text))).toBe(text);
            expect(intoAddress(text)).not.toBe('');
        }
        expect(fromAddress('"broken')).toBe('"broken');
    });
    it('knows what it changes', () => {
        expect(changes(DESCRIBED, { k: 40 }, { nights: false })).toEqual([{ name: 'k', old: 40, new: 30 }, { name: 'nights', old: true, new: false }]);
        expect(changes(DESCRIBED, {}, { k: 30 })).toEqual([]);
        expect(changes(null, { k: 40 }, {})).toEqual([{ name: 'k', old: 40, new: undefined }]);
        expect(valuesText({ k: 40, note: '', nights: false })).toBe('k 40, note “”, nights false');
    });
    it('finds the field of a refusal', () => {
        const names = ['k', 'from', 'usage_point'];
        expect(fieldOf({ detail: 'parameter k does not fit: allowed is a number from 3 to 1000' }, names)).toBe('k');
        expect(fieldOf({ detail: 'the rule has no parameter k: it takes none' }, names)).toBe('k');
        expect(fieldOf({ detail: 'from: no time' }, names)).toBe('from');
        expect(fieldOf({ detail: 'usage point X is unknown' }, names)).toBe('usage_point');
        expect(fieldOf({ detail: 'kind of odd' }, names)).toBe('');
        expect(fieldOf({ detail: 'usage point X is unknown', field: 'usage_point' }, names)).toBe('usage_point');
        expect(fieldOf({ field: 'parameters.k', detail: 'it is too small' }, names)).toBe('k');
        expect(fieldOf({ detail: 'the log is being written' }, names)).toBe('');
        expect(fieldOf({}, names)).toBe('');
    });
});

describe('versions', () => {
    const version = (rule: string, share: number) => ({ rule, share, state: share < 1 ? 'canary' : 'deployed' });
    it('belong to rules, in their order', () => {
        const rows = [version('b', 0.05), version('b', 1), version('a', 1)];
        expect(byRule(rows).map(({ rule, versions }) => [rule, versions.length])).toEqual([['b', 2], ['a', 1]]);
    });
    it('speak until one speaks for all', () => {
        const versions = [version('b', 0.05), version('b', 1), version('b', 1)];
        expect(speaking(versions)).toEqual(versions.slice(0, 2));
        expect(speaking([versions[0]])).toEqual([versions[0]]);
    });
});

describe('words', () => {
    it('of an author are paragraphs', () => {
        expect(paragraphs('Peaks that\n    are far.\n\n\nThey are flagged.\n')).toEqual(['Peaks that are far.', 'They are flagged.']);
        expect(paragraphs('')).toEqual([]);
    });
    it('tell what is said', () => {
        expect([verdictText('flag', 'far_from_median'), verdictText('nothing', ''), verdictText('correct', '')]).toEqual(['flagged: far from median', 'nothing', 'corrected']);
        expect(verdictText('exception', '3 values of a_b')).toBe('asks a person: 3 values of a_b');
        expect([verdictText('failure', 'File "a.py"'), verdictText('make', 'net')]).toEqual(['failed', 'made: net']);
        expect([evidenceText({ deviation: 89.142857, limit_kw: null }), evidenceText('yes'), evidenceText(null)]).toEqual(['deviation 89.14, limit kw –', 'yes', '']);
    });
});

describe('qualities', () => {
    it('become what the rule says', () => {
        expect(qualityAfter('measured', 'flag', 5)).toBe('measured|suspect|check:rule');
        expect(qualityAfter('measured|suspect|check:spike', 'flag', 5)).toBe('measured|suspect|check:spike|check:rule');
        expect(qualityAfter('missing|check:gap', 'estimate', 0.2)).toBe('estimated|method:rule|check:gap');
        expect(qualityAfter('measured', 'correct', 2)).toBe('substituted|method:rule');
    });
    it('lose what a version said before', () => {
        expect(qualityAfter('measured|suspect|check:rule', 'nothing', 5)).toBe('measured');
        expect(qualityAfter('measured|suspect|check:spike|check:rule', 'nothing', 5)).toBe('measured|suspect|check:spike');
        expect(qualityAfter('substituted|method:rule', 'nothing', 9)).toBe('measured');
        expect(qualityAfter('estimated|method:rule|check:gap', 'nothing', null)).toBe('missing|check:gap');
        expect(qualityAfter('estimated|method:linear|check:gap', 'nothing', 1)).toBe('estimated|method:linear|check:gap');
    });
});

describe('before and after', () => {
    const START = Date.parse('2026-03-28T23:00:00Z');
    const start = [0, 1, 2, 3, 4].map(i => START + i * 15 * MINUTE);
    const before = readColumns({
        channel: '1-1:1.29.0', unit: 'kWh', kind: 'interval', zone: 'Europe/Amsterdam', start, end: start.map(ms => ms + 15 * MINUTE),
        value: [1, 9, 9, null, 1], quality: [0, 0, 0, 1, 0], qualities: ['measured', 'missing|check:gap'],
    });
    const row = (i: number, more: Partial<DiffRow>): DiffRow => ({
        usage_point: 'A', channel: '1-1:1.29.0', end: utcText(START + (i + 1) * 15 * MINUTE), old_verdict: 'nothing', verdict: 'flag', old_reason: '', reason: 'high',
        before: 9, after: 9, unit: 'kWh', ...more,
    });
    const picture = pictureOf(before, [row(1, { verdict: 'correct', after: 2 }), row(2, {}), row(3, { verdict: 'estimate', before: null, after: 1.5 }), row(40, {})]);
    it('differ where rows say so, and nowhere else', () => {
        expect([...picture.after.value]).toEqual([1, 2, 9, 1.5, 1]);
        expect([...picture.after.shade]).toEqual([Shade.Measured, Shade.Edited, Shade.Suspect, Shade.Estimated, Shade.Measured]);
        expect([...before.value]).toEqual([1, 9, 9, NaN, 1]);
        expect(before.quality[1]).toBe('measured');
    });
    it('are drawn apart, when a channel is made', () => {
        const made = pictureOf(before, [row(1, { verdict: 'make', reason: 'net', after: 0.5 }), row(1, { verdict: 'make', reason: 'loss', after: 7 }), row(2, { verdict: 'make', reason: 'net', after: -1 })]);
        expect([made.made, [...made.after.value]]).toEqual(['net', [NaN, 0.5, -1, NaN, NaN]]);
        expect(picture.made).toBeNull();
    });
    it('are marked, neighbours as one, and what is not here is counted', () => {
        expect(picture.marks).toEqual([{ from: start[1], to: start[4] }]);
        expect(picture.lost).toBe(1);
    });
});
